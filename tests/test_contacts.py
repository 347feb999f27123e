"""Couplings of alignments against definitions written out: gauges, scores, structures, mutations."""

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array

import ebm
from ebm import BoltzmannMachine, EbmError, Ising, Mixed, Potts
from ebm.inverse import (
    Structure,
    align_sequences,
    contact_pairs,
    contact_scores,
    letter_frequencies,
    mutation_scan,
    potts_mean_field,
    ppv,
    read_contacts,
    read_pdb,
)

MIXED = Mixed([(Potts(3), 2), (Potts(4), 1), (Ising(), 1)])
UNITS = {"Potts": (Potts(3), 4), "Mixed": (MIXED, 4)}


def machine(units, n, seed=0, scale=1.0):
    made = BoltzmannMachine.random(units, n, scale=scale, seed=seed, dtype="float64")
    made.params["b"][:] = np.random.default_rng(seed).normal(size=len(made.b))
    made.project()
    return made


def all_states(made):
    choices = [made.units.one(i).states for i in range(made.n_units)]
    return np.array(list(itertools.product(*choices)))


# The zero-sum gauge.


@pytest.mark.parametrize("name", UNITS)
def test_the_zero_sum_gauge_moves_no_difference_and_leaves_no_sum(name):
    """Rows and columns of each block sum to 0, and biases do; energies move by one constant."""
    units, n = UNITS[name]
    made = machine(units, n)
    before, x = made.energy(all_states(made)), all_states(made)
    ebm.zero_sum(made)
    moved = made.energy(x) - before
    np.testing.assert_allclose(moved, moved[0], atol=1e-12)
    for i, j in itertools.product(range(n), repeat=2):
        block = made.J[units.own(i), units.own(j)]
        if units.one(i).width > 1:
            np.testing.assert_allclose(block.sum(0), 0, atol=1e-13)
            np.testing.assert_allclose(made.b[units.own(i)].sum(), 0, atol=1e-13)
        if units.one(j).width > 1:
            np.testing.assert_allclose(block.sum(1), 0, atol=1e-13)
    np.testing.assert_array_equal(made.J, made.J.T)
    again = made.copy()
    ebm.zero_sum(again)
    np.testing.assert_allclose(again.J, made.J, atol=1e-14)
    np.testing.assert_allclose(again.b, made.b, atol=1e-14)


# Scores.


def norm(block, gap=None):
    """The Frobenius norm of a block without the gap's row and column, in the zero-sum gauge of the rest."""
    for _ in range(2):
        if len(block) > 1:  # a single row is that of a number, not of states
            block = np.delete(block, [] if gap is None else gap, 0)
            block = block - block.mean(0)
        block = block.T
    return np.sqrt((block**2).sum())


@pytest.mark.parametrize("gap", [None, 0, 2])
@pytest.mark.parametrize("name", UNITS)
def test_scores_are_frobenius_norms_in_that_gauge(name, gap):
    units, n = UNITS[name]
    made = machine(units, n)
    kept, expected = made.J.copy(), np.zeros((n, n))
    for i, j in itertools.permutations(range(n), 2):
        expected[i, j] = norm(made.J[units.own(i), units.own(j)], gap)
    np.testing.assert_allclose(contact_scores(made, apc=False, gap=gap), expected, atol=1e-13)
    np.testing.assert_array_equal(made.J, kept)
    means = expected.sum(0) / (n - 1)
    corrected = expected - np.outer(means, means) / (expected.sum() / (n * (n - 1)))
    np.fill_diagonal(corrected, 0)
    np.testing.assert_allclose(contact_scores(made, gap=gap), corrected, atol=1e-13)


def test_scores_know_no_gauge():
    for units, n in UNITS.values():
        made = machine(units, n)
        moved = made.copy()
        ebm.zero_sum(moved)
        np.testing.assert_allclose(contact_scores(moved), contact_scores(made), atol=1e-12)
        np.testing.assert_allclose(contact_scores(moved, gap=1), contact_scores(made, gap=1), atol=1e-12)
    ising = machine(Ising(), 4)
    np.testing.assert_allclose(contact_scores(ising, apc=False), np.abs(ising.J), atol=1e-15)


def test_ppv_by_hand():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(12, 12))
    scores = scores + scores.T
    distances = np.abs(np.subtract.outer(np.arange(12), np.arange(12))) % 7 + 4.0
    distances[3] = distances[:, 3] = np.nan
    ranked = sorted(
        ((scores[i, j], i, j) for i in range(12) for j in range(i + 4, 12) if 3 not in (i, j)), reverse=True
    )
    hits = [distances[i, j] < 8 for _, i, j in ranked]
    expected = [sum(hits[:k]) / k for k in range(1, len(hits) + 1)]
    np.testing.assert_allclose(ppv(scores, distances, separation=4), expected)
    best = [(i, j) for _, i, j in ranked[:5]]
    hidden = np.where(np.isnan(distances), np.nan, scores)
    assert [tuple(pair) for pair in contact_pairs(hidden, 5, separation=4)] == best
    true = distances < 8
    np.testing.assert_array_equal(
        ppv(scores, true, separation=1), ppv(scores, np.where(true, 1.0, 9.0), separation=1)
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ppv(np.eye(3), np.eye(4)), "contacts: expected shape (3, 3)"),
        (lambda: ppv(np.eye(3), np.eye(3)), "separation: no pair of 3 sites is 5 apart"),
        (lambda: ppv([[0, 1], [2, 0]], np.eye(2)), "scores: expected a symmetric matrix"),
        (lambda: ppv(np.zeros((2, 3)), np.eye(2)), "expected a square matrix"),
        (
            lambda: contact_scores(ebm.RBM.random(Ising(), Ising(), 2, 2, dtype="float64")),
            "expected a BoltzmannMachine",
        ),
        (lambda: contact_scores(machine(Potts(3), 2), gap=3), "gap: expected a state from 0 to 2, got 3"),
        (lambda: potts_mean_field([[0, 1], [1, 0]], Ising()), "expected Potts units"),
        (lambda: potts_mean_field([[0, 1], [1, 0]], Potts(3), pseudocount=0), "site 0 is never in state 2"),
        (lambda: potts_mean_field([[0, 1], [1, 0]], Potts(2), pseudocount=0), "correlations have no inverse"),
        (lambda: potts_mean_field([[0, 1], [1, 2]], Potts(2)), "rows"),
        (lambda: mutation_scan(machine(Potts(3), 2), [0, 3]), "sequence"),
        (
            lambda: mutation_scan(machine(Potts(3), 2), [0, 0, 0]),
            "sequence: expected shape (n, 2), got (1, 3)",
        ),
        (lambda: mutation_scan(machine(Potts(3), 2), "AZ", alphabet="-AC"), "'Z' at 1"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(EbmError) as error:
        call()
    assert said in str(error.value)


# Frequencies and the closed form.


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_pairs_of_letters_are_counted(share):
    units = Mixed([(Potts(3), 2), (Potts(2), 1)])
    rng = np.random.default_rng(0)
    x = np.stack([rng.integers(0, 3, 40), rng.integers(0, 3, 40), rng.integers(0, 2, 40)], 1)
    w = rng.random(40)
    single, pairs = letter_frequencies(x, units, weights=w, pseudocount=share)
    q, starts = [3, 3, 2], [0, 3, 6]
    for i, j in itertools.product(range(3), repeat=2):
        for a, b in itertools.product(range(q[i]), range(q[j])):
            counted = w[(x[:, i] == a) & (x[:, j] == b)].sum() / w.sum()
            flat = (a == b) / q[i] if i == j else 1 / (q[i] * q[j])
            expected = (1 - share) * counted + share * flat
            assert abs(pairs[starts[i] + a, starts[j] + b] - expected) < 1e-14
    for i in range(3):
        own = slice(starts[i], starts[i] + q[i])
        np.testing.assert_allclose(single[own].sum(), 1)
        np.testing.assert_allclose(pairs[own].reshape(q[i], -1).sum(0)[own], single[own], atol=1e-14)


@pytest.mark.parametrize("units", [Potts(3), Mixed([(Potts(2), 2), (Potts(4), 2)])], ids=str)
def test_mean_field_is_right_to_first_order(units):
    """Of a machine of couplings g, all states known, the error falls as g²."""
    errors = []
    for g in (0.1, 0.05):
        made = machine(units, 4, scale=g)
        made.params["b"][:] *= g
        made.project()
        ebm.zero_sum(made)
        x = all_states(made)
        p = np.exp(-made.energy(x))
        found = potts_mean_field(x, units, weights=p, pseudocount=0.0)
        errors.append(max(np.abs(found.J - made.J).max(), np.abs(found.b - made.b).max()))
        np.testing.assert_allclose(found.b[units.own(0)].sum(), 0, atol=1e-12)
    assert np.log2(errors[0] / errors[1]) > 1.7


# Mutations.


@pytest.mark.parametrize("name", UNITS)
def test_scans_are_differences_of_energies(name):
    units, n = UNITS[name]
    made = machine(units, n)
    wild = all_states(made)[17]
    single = mutation_scan(made, wild)
    double = mutation_scan(made, wild, double=True)
    states = [units.one(i).states for i in range(n)]
    before = made.energy(wild[None])[0]

    def cost(*changes):
        mutant = wild.copy()
        for i, state in changes:
            mutant[i] = state
        return made.energy(mutant[None])[0] - before

    assert single.shape == (n, 4 if name == "Mixed" else 3)
    for i in range(n):
        for a, state in enumerate(states[i]):
            assert abs(single[i, a] - cost((i, state))) < 1e-12
            assert abs(double[i, a, i, a] - single[i, a]) < 1e-12
        assert np.isnan(single[i, len(states[i]) :]).all()
    for i, j in itertools.permutations(range(n), 2):
        for (a, one), (b, other) in itertools.product(enumerate(states[i]), enumerate(states[j])):
            assert abs(double[i, a, j, b] - cost((i, one), (j, other))) < 1e-12
    assert np.isnan(double[0, 0, 0, 1])
    sparse = BoltzmannMachine(units, csr_array(made.J), made.b)
    np.testing.assert_allclose(mutation_scan(sparse, wild), single, atol=1e-12)
    np.testing.assert_allclose(contact_scores(sparse), contact_scores(made), atol=1e-12)


def test_letters_are_states():
    made = machine(Potts(5), 3)
    np.testing.assert_array_equal(mutation_scan(made, "A-U", alphabet="rna"), mutation_scan(made, [1, 0, 4]))


# Structures.

ATOM = "ATOM  {:5d} {:^4s}{:1s}{:3s} {:1s}{:4d}{:1s}   {:8.3f}{:8.3f}{:8.3f}  1.00  0.00          {:>2s}"


def atom(number, name, residue, place, i, chain="A", code="", alt="", element="C"):
    return ATOM.format(number, name, alt, residue, chain, i, code, *place, element)


def chain_of(letters="MKT", chain="A", first=1):
    """Residues 4 Å apart, with N, CA and CB in a row across the chain."""
    long = {"M": "MET", "K": "LYS", "T": "THR", "G": "GLY", "A": "ALA"}
    lines = []
    for k, letter in enumerate(letters):
        names = [("N", 0.0), ("CA", 1.0)] + ([("CB", 2.0)] if letter != "G" else [])
        for name, y in names:
            lines.append(atom(len(lines), name, long[letter], (4.0 * k, y, 0.0), k + first, chain))
    return lines


@pytest.fixture
def pdb(tmp_path):
    def write(lines, name="a.pdb"):
        path = tmp_path / name
        path.write_text("HEADER    A TEST\n" + "\n".join(lines) + "\nEND\n")
        return path

    return write


def test_chains_residues_and_distances(pdb):
    found = read_pdb(pdb([*chain_of("MK", "B"), *chain_of("MKGT")]))
    assert (found.chain, found.sequence, found.numbers) == ("A", "MKGT", ("1", "2", "3", "4"))
    assert read_pdb(pdb(chain_of("MK", "B")), "B").sequence == "MK"
    heavy, beta = found.distances(), found.distances(between="cb")
    np.testing.assert_allclose(heavy[0], [0, 4, 8, 12])
    np.testing.assert_allclose(beta[0], [0, 4, np.hypot(8, 1), 12])  # of glycine the Cα
    every = np.linalg.norm(found.atoms[:, None] - found.atoms[None], axis=2)
    closest = [[every[found.owners == i][:, found.owners == j].min() for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(heavy, closest, atol=1e-12)
    assert repr(found) == "Structure(chain A, 4 residues, 11 heavy atoms)"
    sites = read_pdb(pdb(chain_of("MKGTAKM"))).distances("M-KTAKM")
    np.testing.assert_allclose(sites[0], [0, np.nan, 4, 12, 16, 20, 24])
    assert np.isnan(sites[1]).all()


def test_models_places_hydrogens_and_codes(pdb):
    lines = [
        atom(1, "CA", "MET", (0, 0, 0), 1),
        atom(2, "CB", "MET", (1, 0, 0), 1, alt="A"),
        atom(3, "CB", "MET", (9, 0, 0), 1, alt="B"),
        atom(4, "HA", "MET", (5, 5, 5), 1, element="H"),
        atom(5, "CA", "PRO", (4, 0, 0), 1, code="A"),
        atom(6, "CA", "XYZ", (8, 0, 0), 2),
        atom(7, "SE", "MSE", (12, 0, 0), 3).replace("ATOM  ", "HETATM"),
        atom(8, "O", "HOH", (0, 1, 0), 90).replace("ATOM  ", "HETATM"),
        "ENDMDL",
        atom(9, "CA", "ALA", (0, 0, 0), 4),
    ]
    found = read_pdb(pdb(lines))
    assert found.sequence == "MPXM"
    assert found.numbers == ("1", "1A", "2", "3")
    np.testing.assert_allclose(found.distances()[0], [0, 3, 7, 11])


@pytest.mark.parametrize(
    ("lines", "chain", "said"),
    [
        ([], None, "holds no ATOM records"),
        (chain_of(), "Z", "has no chain 'Z'; expected one of: A"),
        (chain_of(), 1, "chain: got the number 1"),
        (["ATOM      1  CA  MET A   1      here are no numbers"], None, "line 2: no coordinates"),
    ],
)
def test_what_is_no_structure(pdb, lines, chain, said):
    with pytest.raises(EbmError) as error:
        read_pdb(pdb(lines), chain)
    assert said in str(error.value)
    with pytest.raises(EbmError, match="no such file"):
        read_pdb("nowhere.pdb")


def test_a_sequence_of_something_else(pdb):
    found = read_pdb(pdb(chain_of("MKTMKTMKT")))
    assert isinstance(found, Structure)
    with pytest.raises(EbmError, match="agrees with chain A at 0 of 9 sites"):
        found.distances("WWWWWWWWW")


def best_score(a, b):
    """The definition, by trying all alignments: affine gaps inside, the ends free."""
    best = -np.inf
    for k in range(min(len(a), len(b)) + 1):
        for left in itertools.combinations(range(len(a)), k):
            for right in itertools.combinations(range(len(b)), k):
                best = max(best, score_of(a, b, list(zip(left, right, strict=True))))
    return best


def score_of(a, b, pairs):
    def cost(gap):
        return -3.0 - 0.2 * (gap - 1) if gap else 0.0

    total = sum(2.0 if a[i] == b[j] else -1.0 for i, j in pairs)
    for (i, j), (k, l) in itertools.pairwise(pairs):
        total += cost(k - i - 1) + cost(l - j - 1)
    if not pairs:
        return total
    (i, j), (k, l) = pairs[0], pairs[-1]  # in front and behind one of the two is free
    return total + max(cost(i), cost(j)) + max(cost(len(a) - k - 1), cost(len(b) - l - 1))


def test_alignments_are_the_best():
    rng = np.random.default_rng(0)
    for _ in range(60):
        a, b = ("".join(rng.choice(list("ACG"), rng.integers(1, 7))) for _ in range(2))
        pairs = [(i, int(k)) for i, k in enumerate(align_sequences(a, b)) if k >= 0]
        assert pairs == sorted(pairs)
        assert len({j for _, j in pairs}) == len(pairs)
        assert abs(score_of(a, b, pairs) - best_score(a, b)) < 1e-9, (a, b)


def test_alignments_are_as_good_the_other_way_round():
    """Gaps in both cost the same: sequences with letters lost and put in."""
    rng = np.random.default_rng(1)
    for _ in range(40):
        a = rng.choice(list("ACGU"), 40).tolist()
        b = [c for c in a if rng.random() < 0.75]
        for _ in range(3):
            at = rng.integers(len(b))
            b[at:at] = rng.choice(list("ACGU"), rng.integers(1, 7)).tolist()
        found = [
            score_of(one, other, [(i, int(k)) for i, k in enumerate(align_sequences(one, other)) if k >= 0])
            for one, other in (("".join(a), "".join(b)), ("".join(b), "".join(a)))
        ]
        assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_loop_that_was_not_seen():
    chain = "MKTAYIAKQRQISFVKSHFSRQ"
    place = align_sequences("GG" + chain, chain[:9] + chain[14:])
    assert place.tolist() == [-1, -1, *range(9), *[-1] * 5, *range(9, 17)]
    assert align_sequences("---", "AC").tolist() == [-1, -1, -1]


def test_lists_of_contacts(tmp_path):
    path = tmp_path / "contacts.txt"
    path.write_text("# i j d\n1,3\n2 4 7.5\n4 2 9.0\n\n")
    found = read_contacts(path, 4)
    assert found[0, 2] == found[2, 0] == 0
    assert found[1, 3] == 7.5
    assert np.isinf(found[0, 1])
    assert np.isnan(found.diagonal()).all()
    for text, said in (
        ("1", "line 1: '1'; expected i j"),
        ("a b", "expected i j"),
        ("1 5", "sites 1 and 5; expected two from 1 to 4"),
        ("2 2", "sites 2 and 2"),
        ("1 2 -1", "expected a finite number from 0"),
        ("1 2 nan", "expected a finite number from 0"),
    ):
        path.write_text(text)
        with pytest.raises(EbmError) as error:
            read_contacts(path, 4)
        assert said in str(error.value)
