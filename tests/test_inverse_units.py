"""Inverse problems of units of any states: Potts, ternary, Mixed; penalties, masks, and what is solved by
L-BFGS."""

import dataclasses
import itertools

import numpy as np
import pytest

import ebm
from ebm import L1, L2, Bernoulli, BoltzmannMachine, EbmError, GroupLasso, Ising, NotSupported, Potts
from ebm.inverse import infer, ising_network
from ebm.inverse.basis import Basis
from ebm.inverse.gathered import gathered
from ebm.inverse.likelihood import fisher
from ebm.inverse.losses import PSEUDO_LIKELIHOOD
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import rows_of
from ebm.inverse.sitewise import assembled, solve
from ebm.units import Mixed


@dataclasses.dataclass(frozen=True)
class Ternary(ebm.Units):
    states = (-1.0, 0.0, 1.0)


TABLE = Mixed(((Bernoulli(), 1), (Potts(3), 1), (Ising(), 1), (Potts(4), 1), (Ternary(), 1)))
UNITS = [(Potts(3), 4), (TABLE, 5), (Ternary(), 4), (Potts(2), 4)]
EXACT = ("pseudo_likelihood", "rise", "logrise", "probability_flow", "maximum_likelihood")


def machine(units, n, strength=0.6, seed=0):
    """With couplings in the zero-sum gauge."""
    rng, basis = np.random.default_rng(seed), Basis(units, n)
    K = rng.normal(size=(basis.size,) * 2) * strength
    K = np.triu(K, 1) + np.triu(K, 1).T
    K[basis.owners[:, None] == basis.owners] = 0
    return BoltzmannMachine(units, *basis.in_units(K, 0.3 * rng.normal(size=basis.size)))


def everything(made):
    """All states and their probabilities."""
    values = [made.units.one(i).states for i in range(made.n_units)]
    x = np.array(list(itertools.product(*values)))
    p = np.exp(-made.energy(x))
    return x, p / p.sum()


@pytest.mark.parametrize(("units", "n"), UNITS, ids=str)
def test_a_basis_and_the_units_say_the_same(units, n):
    made, basis = machine(units, n), Basis(units, n)
    J, b = basis.in_units(*basis.of_units(made.J, made.b))
    np.testing.assert_allclose(J, made.J, atol=1e-12)
    np.testing.assert_allclose(b, made.b, atol=1e-12)
    for f in basis.contrasts:
        np.testing.assert_allclose(f.sum(0), 0, atol=1e-12)
    moved = made.copy()  # another gauge
    moved.params["b"][:] += 0.7
    if units == Potts(3):
        K = basis.of_units(moved.J, moved.b)
        np.testing.assert_allclose(basis.in_units(*K)[1], made.b, atol=1e-12)


@pytest.mark.parametrize("how", ["mean", "joint"])
@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize(("units", "n"), UNITS, ids=str)
def test_the_whole_distribution_gives_its_couplings_back(units, n, method, how):
    if method == "maximum_likelihood" and how == "joint":
        pytest.skip("it has one estimate")
    made = machine(units, n)
    x, p = everything(made)
    found = infer(x, units, method, weights=p, symmetrise=how)
    np.testing.assert_allclose(found.J, made.J, atol=1e-6 if method == "maximum_likelihood" else 1e-8)
    np.testing.assert_allclose(found.b, made.b, atol=1e-6 if method == "maximum_likelihood" else 1e-8)


@pytest.mark.some(3)
@pytest.mark.parametrize("how", ["mean", "joint"])
@pytest.mark.parametrize("method", EXACT)
def test_standard_errors_are_what_estimates_scatter_by(method, how):
    if method == "maximum_likelihood" and how == "joint":
        pytest.skip("it has one estimate")
    made = machine(TABLE, 5, 0.4, 4)
    x, p = everything(made)
    rng, z = np.random.default_rng(1), []
    there = ~(made.units.owners(5)[:, None] == made.units.owners(5))
    for _ in range(25):
        counts = rng.multinomial(20_000, p).astype(float)
        found = infer(x, TABLE, method, weights=counts, n_effective=counts.sum(), symmetrise=how)
        z += [((found.J - made.J)[there] / found.stderr_J[there]), (found.b - made.b) / found.stderr_b]
    rms = np.sqrt(np.mean(np.square(np.concatenate(z))))
    assert rms == pytest.approx(1, abs=0.08)  # 25 × 39 numbers


@pytest.mark.parametrize("units", [Ising(), Bernoulli()], ids=str)
def test_the_fisher_matrix_of_contrasts_is_that_of_moments(units):
    made = machine(units, 4)
    x, p = everything(made)
    i, j = np.triu_indices(4, 1)
    f = x if units == Ising() else x - 0.5
    moments = np.hstack([f, f[:, i] * f[:, j]])
    centred = moments - p @ moments
    np.testing.assert_allclose(fisher(made), (centred * p[:, None]).T @ centred, atol=1e-12)


@pytest.mark.parametrize(
    ("units", "n"), [(Potts(3), 5), (Mixed(((Potts(3), 2), (Ising(), 2), (Bernoulli(), 1))), 5)]
)
def test_many_states_are_solved_as_few_are(units, n):
    """L-BFGS over tables and Newton in contrasts meet, with L2 on the same couplings."""
    made = machine(units, n)
    x = ebm.sample(made, 800, seed=1).x
    rng = np.random.default_rng(3)
    w, factors = rng.random(800), rng.random((n, n))
    factors = factors + factors.T
    mask = np.ones((n, n))
    mask[0, 3] = mask[3, 0] = 0
    few = infer(x, units, penalty=L2(0.02), weights=w, mask=mask, factors=factors)
    rows = rows_of(x, units, w)
    K, h = gathered(rows, Shrinkage(l2=0.02, factors=factors, allowed=mask.astype(bool)))
    J, b = rows.basis.in_units((K + K.T) / 2, h)
    np.testing.assert_allclose(J, few.J, atol=3e-4)
    np.testing.assert_allclose(b, few.b, atol=3e-4)
    with pytest.raises(EbmError, match="L2"):
        gathered(rows, Shrinkage())
    with pytest.raises(NotSupported, match="L2 alone"):
        gathered(rows, Shrinkage(group=0.1))


def _slope(made, x, w, i):
    """Of the mean loss of unit i by the couplings of contrasts, by differences."""
    basis = Basis(made.units, made.n_units)
    K, h = basis.of_units(made.J, made.b)

    def loss(K):
        twin = BoltzmannMachine(made.units, *basis.in_units(K, h))
        energies = twin.site_energies(x, i)
        states = np.asarray(made.units.one(i).states)
        own = energies[np.arange(len(x)), np.searchsorted(states, x[:, i])]
        return w @ (own + np.log(np.exp(-energies).sum(1)))

    found = np.zeros((len(K[basis.own[i]]), basis.size))
    for a, k in enumerate(range(basis.own[i].start, basis.own[i].stop)):
        for m in np.flatnonzero(basis.owners != i):
            moved = [K.copy(), K.copy()]
            for twin, step in zip(moved, (1e-5, -1e-5), strict=True):
                twin[k, m] += step
                twin[m, k] += step
            found[a, m] = (loss(moved[0]) - loss(moved[1])) / 2e-5
    return found, basis


@pytest.mark.parametrize("method", ["pseudo_likelihood", "rise"])
def test_group_lasso_leaves_whole_pairs_out(method):
    made = machine(TABLE, 5, 0.3, 5)
    x = ebm.sample(made, 600, seed=2).x
    owners = TABLE.owners(5)
    all_pairs = infer(x, TABLE, method, penalty=GroupLasso(1e-5))
    none = infer(x, TABLE, method, penalty=GroupLasso(10.0))
    some = infer(x, TABLE, method, penalty=GroupLasso(0.03), symmetrise="and")
    n_edges = [sum(e["J"] > 0 for e in found.edges()) for found in (all_pairs, some, none)]
    assert n_edges[0] == 10 > n_edges[1] > n_edges[2] == 0
    for e in some.edges():
        block = some.J[np.ix_(owners == e["i"], owners == e["j"])]
        assert (block != 0).all() or not block.any()
    with pytest.raises(NotSupported, match="no standard errors"):
        some.z  # noqa: B018
    with pytest.raises(NotSupported, match="GroupLasso"):
        infer(x, TABLE, method, penalty=L1(0.1))
    with pytest.raises(NotSupported, match="joint"):
        infer(x, TABLE, method, penalty=GroupLasso(0.1), symmetrise="joint")


def test_a_group_lasso_stands_where_its_slopes_say():
    """Karush–Kuhn–Tucker: slope = −strength·K/|K| of a pair that is coupled, |slope| ≤ strength of one that
    is not.

    Of two units: both sites say the same of a pair only there, so the one coupling is looked at from each.
    """
    units = Mixed(((Potts(3), 1), (Potts(4), 1)))
    made = machine(units, 2, 0.5, 6)
    x = ebm.sample(made, 500, seed=4).x
    w = np.full(len(x), 1 / len(x))
    rows = rows_of(x, units)
    for strength in (0.02, 0.2):
        sites = solve(rows, PSEUDO_LIKELIHOOD, Shrinkage(group=strength), errors=False)
        K, h = assembled(rows, sites)
        for i in range(2):
            own, other = rows.basis.own[i], rows.basis.own[1 - i]
            one = np.zeros_like(K)
            one[own, other] = K[own, other]
            one[other, own] = K[own, other].T
            slope, basis = _slope(BoltzmannMachine(units, *rows.basis.in_units(one, h)), x, w, i)
            block, slope = K[own, other], slope[:, basis.owners != i]
            norm = np.linalg.norm(block)
            if norm:
                np.testing.assert_allclose(slope, -strength * block / norm, atol=1e-7)
            else:
                assert np.linalg.norm(slope) <= strength + 1e-7


def test_l1_of_spins_is_the_lasso_of_networks():
    rows = ebm.sample(machine(Ising(), 6, 0.4, 1), 1000, seed=1).x
    path = ising_network(rows, n_penalties=5)
    found = infer(
        rows, penalty=L1(2 * path.penalties[2]), symmetrise="and"
    )  # of J: half a regression's slope
    there = path.path[2].toarray() / 2
    keep = (there != 0) & (there.T != 0)
    np.testing.assert_allclose(
        found.J, np.where(keep & ~np.eye(6, dtype=bool), (there + there.T) / 2, 0), atol=1e-7
    )
    mask = np.ones((6, 6))
    mask[0, 1] = mask[1, 0] = 0
    assert infer(rows, mask=mask).J[0, 1] == 0
    adaptive = infer(rows, penalty=L1(0.01), factors=1 - mask + 1e-12)
    free = infer(rows)
    np.testing.assert_allclose(
        np.delete(adaptive.J, [0, 1], 0)[:, 2:], np.delete(free.J, [0, 1], 0)[:, 2:], atol=0.02
    )


def test_a_potts_result_is_in_the_zero_sum_gauge_with_edges():
    made = machine(Potts(3), 4, 0.8, 2)
    found = infer(ebm.sample(made, 3000, seed=3).x, Potts(3))
    blocks = found.J.reshape(4, 3, 4, 3)
    np.testing.assert_allclose(blocks.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose(found.b.reshape(4, 3).sum(1), 0, atol=1e-12)
    np.testing.assert_allclose(found.strengths, np.sqrt((blocks**2).sum((1, 3))))
    edges = found.edges(least_z=2)
    assert edges[0]["J"] == pytest.approx(found.strengths.max())
    assert set(edges[0]) == {"i", "j", "J", "z"}
    assert np.nanmin(found.stderr_J) > 0


@pytest.mark.parametrize("q", [3, 16, 21, 40])
def test_slopes_of_a_table_are_those_of_one_hot_products(q):
    from ebm.kernels.learning.gathered import site_slopes

    rng, n, m, i = np.random.default_rng(q), 5, 30, 2
    sizes = np.array([q, 2, q, 4, 3])
    starts = np.cumsum(sizes) - sizes
    codes = np.stack([rng.integers(0, k, m) for k in sizes], 1).astype(np.uint8)
    w, width = rng.random(m), -(-q // 16) * 16
    T, bias = np.zeros((sizes.sum(), width), np.float32), np.zeros(width, np.float32)
    T[:, :q], bias[:q] = rng.normal(size=(sizes.sum(), q)), rng.normal(size=q)
    own = slice(starts[i], starts[i] + q)
    T[own] = 0
    G, g = np.zeros_like(T), np.zeros_like(bias)
    mean = site_slopes(codes, w, np.int64(i), np.int64(q), starts, T, bias, G, g)
    hot = np.zeros((m, sizes.sum()))
    for j in range(n):
        hot[np.arange(m), starts[j] + codes[:, j]] = 1
    u = hot @ T[:, :q].astype(float) + bias[:q]
    log_p = u - np.logaddexp.reduce(u, axis=1, keepdims=True)
    left = w[:, None] * (np.exp(log_p) - hot[:, own])
    assert mean == pytest.approx(-w @ log_p[np.arange(m), codes[:, i]], rel=1e-5)
    np.testing.assert_allclose(g[:q], left.sum(0), atol=1e-4)
    G[own] = 0
    expected = hot.T @ left
    expected[own] = 0
    np.testing.assert_allclose(G[:, :q], expected, atol=1e-4)
    assert not G[:, q:].any()


@pytest.mark.parametrize("method", EXACT)
def test_states_that_were_never_seen_get_no_couplings_and_a_line(method):
    """Answers from 1 to 4 as states of Potts(5): of 1 to 4 all is as Potts(4) says, errors too."""
    made = machine(Mixed(((Potts(4), 2), (Ising(), 1))), 3, 0.4, 1)
    x = ebm.sample(made, 2000, seed=2).x
    x[:, 1] = np.minimum(x[:, 1], 2)
    moved = x + np.array([1, 0, 0])
    units = Mixed(((Potts(5), 1), (Potts(4), 1), (Ising(), 1)))
    with pytest.warns(RuntimeWarning, match=r"never seen: 0 of unit 0; 3 of unit 1: they get no"):
        found = infer(moved, units, method)
    seen = infer(x, Mixed(((Potts(4), 1), (Potts(3), 1), (Ising(), 1))), method)
    there = np.array([1, 2, 3, 4, 5, 6, 7, 9])
    np.testing.assert_allclose(found.J[np.ix_(there, there)], seen.J, atol=1e-9)
    np.testing.assert_allclose(found.stderr_J[np.ix_(there, there)], seen.stderr_J, atol=1e-9)
    assert not found.J[[0, 8]].any()
    assert np.isnan(found.stderr_J[[0, 8]]).all()
    np.testing.assert_allclose(found.b[:5].sum(), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(found.b[1:5]), np.diff(seen.b[:4]), atol=1e-9)
    p = found.machine.units.mean(found.machine.inputs(moved))
    np.testing.assert_allclose(p[:, [0, 8]].mean(0), 0.5 / 2000, rtol=0.2)  # half a row
