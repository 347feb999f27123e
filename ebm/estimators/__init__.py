"""Estimators with scikit-learn's interface around machines and networks.

`RBMTransformer` takes the place of `sklearn.neural_network.BernoulliRBM`; `BoltzmannMachineDensity` scores
rows in nats and draws new ones; `BoltzmannImputer` fills gaps; `SoftmaxClassifier` is one Potts unit;
`RBMClassifier` learns p(y | x), p(x, y) or both; `IsingNetwork` and `PottsModel` say which columns are
coupled; `DBNClassifier` and `DBNRegressor` are stacks, pre-trained and fine-tuned; `BoltzmannRatings` says
what users would give to items.

They work in pipelines and searches, take sparse rows and sample weights, and keep the dtype of the data.
Learning does not depend on the order of the rows, and a weight that is a whole number is a row that stands so
often. Importing this package imports scikit-learn; importing `ebm` does not.
"""

from ebm.estimators.density import BoltzmannMachineDensity
from ebm.estimators.imputer import BoltzmannImputer
from ebm.estimators.labelled import RBMClassifier, SoftmaxClassifier
from ebm.estimators.pairwise import IsingNetwork, PottsModel
from ebm.estimators.ratings import BoltzmannRatings
from ebm.estimators.rbm import RBMTransformer
from ebm.estimators.stacked import DBNClassifier, DBNRegressor

__all__ = [
    "BoltzmannImputer",
    "BoltzmannMachineDensity",
    "BoltzmannRatings",
    "DBNClassifier",
    "DBNRegressor",
    "IsingNetwork",
    "PottsModel",
    "RBMClassifier",
    "RBMTransformer",
    "SoftmaxClassifier",
]
