"""Estimators with scikit-learn's interface around machines and networks.

They work in pipelines and searches, take sparse rows and sample weights, and keep the dtype of the data.
Learning does not depend on the order of the rows, and a weight that is a whole number is a row that stands so
often. Importing this package imports scikit-learn; importing `ebm` does not.
"""

from ebm.estimators.rbm import RBMTransformer

__all__ = ["RBMTransformer"]
