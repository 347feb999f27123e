"""Valid calls of what is public for inverse problems and alignments, as in `calls`."""

import tempfile
from pathlib import Path

import numpy as np

import ebm
from ebm.datasets import Alignment

FOLDER = Path(tempfile.mkdtemp(prefix="ebm-calls-"))
SPINS = np.random.default_rng(0).choice([-1.0, 1.0], (40, 3))
FAMILY = np.random.default_rng(0).integers(0, 5, (12, 6))
LETTERS = Alignment(FAMILY, alphabet="rna")
SCORES = np.add.outer(np.arange(6.0), np.arange(6.0))
(FOLDER / "family.fasta").write_text(">one\nACGU-A\n>two\nAAGUCA\n")
(FOLDER / "chain.pdb").write_text(
    "ATOM      1  CA  MET A   1       0.000   0.000   0.000\n"
    "ATOM      2  CA  LYS A   2       4.000   0.000   0.000\n"
)
(FOLDER / "contacts.txt").write_text("1 2 3.5\n")


POTTS = ebm.BoltzmannMachine.random(ebm.Potts(5), 6, dtype="float64")  # never changed by what is called here


def call(**arguments):
    """The arguments of a call."""
    return arguments


INVERSE = {
    "inverse.BoltzmannLearning": call(
        n_chains=10,
        n_sweeps=1,
        tolerance=0.1,
        pearson=0.9,
        max_sweeps=10,
        seconds=1.0,
        errors=False,
        sampler=ebm.Tempering(n_replicas=4),
    ),
    "inverse.Firth": call(),
    "inverse.MixedMachine": call(
        units=ebm.Mixed(((ebm.Ising(), 1), (ebm.Gaussian(), 1))),
        J=np.array([[0.0, 0.5], [0.5, 0.0]]),
        b=np.zeros(2),
        precision=np.ones(1),
    ),
    "inverse.infer": call(
        data=SPINS,
        units=ebm.Ising(),
        method="pseudo_likelihood",
        penalty=ebm.L2(0.1),
        weights=np.ones(40),
        n_effective=40.0,
        mask=np.ones((3, 3)),
        factors=np.ones((3, 3)),
        symmetrise="mean",
        seed=0,
    ),
    "inverse.activation": call(
        data=SPINS,
        units=ebm.Ising(),
        gamma=0.25,
        fraction=0.5,
        patience=1,
        weights=np.ones(40),
        n_effective=40.0,
    ),
    "inverse.bootstrap": call(
        data=SPINS,
        units=ebm.Ising(),
        fit="naive_mean_field",
        n=2,
        weights=np.ones(40),
        n_effective=40.0,
        seed=0,
    ),
    "inverse.cross_validated": call(
        data=SPINS,
        units=ebm.Ising(),
        folds=2,
        one_stderr=True,
        n_penalties=3,
        ratio=0.5,
        rule="and",
        weights=np.ones(40),
        seed=0,
    ),
    "inverse.decimation": call(
        data=SPINS, units=ebm.Ising(), fraction=0.5, weights=np.ones(40), n_effective=40.0
    ),
    "inverse.stability_selection": call(
        data=SPINS,
        units=ebm.Ising(),
        threshold=0.75,
        false_edges=1.0,
        n_pairs=2,
        n_penalties=3,
        ratio=0.5,
        rule="and",
        weights=np.ones(40),
        seed=0,
    ),
    "inverse.ising_network": call(
        data=SPINS,
        units=ebm.Ising(),
        gamma=0.25,
        n_penalties=3,
        ratio=0.5,
        rule="and",
        whole=False,
        weights=np.ones(40),
        n_effective=40.0,
    ),
    "datasets.Alignment": call(
        states=FAMILY, names=list("abcdefghijkl"), alphabet="rna", weights=np.ones(12), columns=np.arange(6)
    ),
    "datasets.RNAFamily": call(
        structure="((..))", rows=20, mismatches=0.1, gaps=0.05, test=0.2, seed=0, fold=None
    ),
    "datasets.encoded": call(sequence="AC-", alphabet="dna"),
    "datasets.read_fasta": call(
        path=FOLDER / "family.fasta", alphabet="rna", insertions="drop", unknown="gap"
    ),
    "datasets.write_fasta": call(
        path=FOLDER / "written.fasta", alignment=LETTERS, energies=np.ones(12), width=60
    ),
    "inverse.align_sequences": call(one="ACD", other="AD"),
    "inverse.contact_pairs": call(scores=SCORES, n=3, separation=2),
    "inverse.contact_scores": call(machine=POTTS, apc=True, gap=0),
    "inverse.homology_clusters": call(rows=FAMILY, identity=0.8),
    "inverse.homology_split": call(rows=FAMILY, validation=0.3, identity=0.8, seed=0),
    "inverse.letter_frequencies": call(rows=FAMILY, units=ebm.Potts(5), weights=np.ones(12), pseudocount=0.1),
    "inverse.mutation_scan": call(machine=POTTS, sequence=FAMILY[0], alphabet="rna", double=False),
    "inverse.potts_mean_field": call(rows=FAMILY, units=ebm.Potts(5), weights=np.ones(12), pseudocount=0.5),
    "inverse.ppv": call(scores=SCORES, contacts=SCORES, cutoff=8.0, separation=2),
    "inverse.read_contacts": call(path=FOLDER / "contacts.txt", n_sites=3, first=1),
    "inverse.read_pdb": call(path=FOLDER / "chain.pdb", chain="A"),
    "inverse.sequence_weights": call(rows=FAMILY, identity=0.8),
}
