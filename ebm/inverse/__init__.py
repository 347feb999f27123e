"""Inverse problems: which couplings made these rows, and how sure that is.

`infer` takes rows of units of finitely many states and gives `Couplings`: a `BoltzmannMachine` with standard
errors. Its `METHODS` are convex problems of one site each, exact maximum likelihood, Boltzmann learning by
chains, and closed forms of the first two moments. `ising_network` finds few edges, by lasso paths and EBIC.

Of an alignment (`ebm.datasets.read_fasta`): `sequence_weights`, `homology_split`, `letter_frequencies`; of
the couplings, `contact_scores`, held against a `Structure` by `ppv`, and `mutation_scan`.
"""

from ebm.inverse.boltzmann_learning import BoltzmannLearning, Learnt
from ebm.inverse.contacts import contact_pairs, contact_scores, ppv
from ebm.inverse.couplings import Couplings
from ebm.inverse.frequencies import letter_frequencies, potts_mean_field
from ebm.inverse.homology import homology_clusters, homology_split, sequence_weights
from ebm.inverse.infer import infer
from ebm.inverse.methods import METHODS
from ebm.inverse.mutations import mutation_scan
from ebm.inverse.network import Network, ising_network
from ebm.inverse.structure import Structure, align_sequences, read_contacts, read_pdb

__all__ = [
    "METHODS",
    "BoltzmannLearning",
    "Couplings",
    "Learnt",
    "Network",
    "Structure",
    "align_sequences",
    "contact_pairs",
    "contact_scores",
    "homology_clusters",
    "homology_split",
    "infer",
    "ising_network",
    "letter_frequencies",
    "mutation_scan",
    "potts_mean_field",
    "ppv",
    "read_contacts",
    "read_pdb",
    "sequence_weights",
]
