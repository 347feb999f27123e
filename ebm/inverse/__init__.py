"""Inverse problems: which couplings made these rows, and how sure that is.

`infer` takes rows of units of finitely many states, and real columns beside them, and gives `Couplings`: a
`BoltzmannMachine`, or a `MixedMachine`, with standard errors. Its `METHODS` are convex problems of one site
each, exact maximum likelihood, Boltzmann learning by chains, and closed forms of the first two moments.

Few edges are found by `ising_network` (lasso paths and EBIC), `cross_validated` (what predicts held-out
rows), `stability_selection` (what random halves agree on, with a bound on wrong edges), `decimation` (weak
couplings taken out) and `activation` (strong ones let in). `bootstrap` draws rows again, for `infer` and
`ising_network`.

Of an alignment (`ebm.datasets.read_fasta`): `sequence_weights`, `homology_split`, `letter_frequencies`; of
the couplings, `contact_scores`, held against a `Structure` by `ppv`, and `mutation_scan`.
"""

from ebm.inverse.activation import Selected, activation, decimation
from ebm.inverse.boltzmann_learning import BoltzmannLearning, Learnt
from ebm.inverse.bootstrap import Bootstrap, bootstrap
from ebm.inverse.contacts import contact_pairs, contact_scores, ppv
from ebm.inverse.couplings import Couplings
from ebm.inverse.edges import Sparse
from ebm.inverse.frequencies import letter_frequencies, potts_mean_field
from ebm.inverse.homology import homology_clusters, homology_split, sequence_weights
from ebm.inverse.infer import infer
from ebm.inverse.methods import METHODS
from ebm.inverse.mixed import MixedMachine
from ebm.inverse.mutations import mutation_scan
from ebm.inverse.network import Network, ising_network
from ebm.inverse.penalised import Firth
from ebm.inverse.selection import CrossValidated, Stable, cross_validated, stability_selection
from ebm.inverse.structure import Structure, align_sequences, read_contacts, read_pdb

__all__ = [
    "METHODS",
    "BoltzmannLearning",
    "Bootstrap",
    "Couplings",
    "CrossValidated",
    "Firth",
    "Learnt",
    "MixedMachine",
    "Network",
    "Selected",
    "Sparse",
    "Stable",
    "Structure",
    "activation",
    "align_sequences",
    "bootstrap",
    "contact_pairs",
    "contact_scores",
    "cross_validated",
    "decimation",
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
    "stability_selection",
]
