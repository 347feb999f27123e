"""Stacks of restricted Boltzmann machines: deep belief networks and deep Boltzmann machines.

A `DBN` is learnt layer by layer: a directed model below an RBM. A `DBM` is learnt jointly: an undirected
model, which is an RBM whose visible side are the even layers and whose hidden side are the odd ones,
docs/math.md (4.16). Both unfold into a `Network`, whose activations are the units' means, to be fine-tuned.
"""

from ebm.deep.dbm import DBM
from ebm.deep.dbn import DBN
from ebm.deep.up_down import UpDown, up_down

__all__ = ["DBM", "DBN", "UpDown", "up_down"]
