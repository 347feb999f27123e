"""Variable elimination: exact log Z, marginals and samples of graphs of small treewidth.

Summing a product of factors over one unit leaves one factor over its neighbours; doing so unit by unit costs
2^treewidth where enumeration costs 2^units (Bertelè & Brioschi 1972; Dechter 1999). On a chain it is the
transfer matrix, on a tree belief propagation, on an RBM the sum over its smaller layer.
"""

from ebm.elimination.junction import Junction, Marginals, eliminate, log_z_by_elimination
from ebm.elimination.order import find_order

__all__ = ["Junction", "Marginals", "eliminate", "find_order", "log_z_by_elimination"]
