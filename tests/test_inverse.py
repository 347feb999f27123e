"""Inverse problems: exact distributions give their couplings back; errors are what estimates scatter by."""

import itertools

import numpy as np
import pytest
import scipy.stats

import ebm
from ebm import L2, Bernoulli, BoltzmannMachine, EbmError, Ising
from ebm.inverse import METHODS, infer
from ebm.inverse.likelihood import fisher

EXACT = ("pseudo_likelihood", "rise", "logrise", "probability_flow", "maximum_likelihood")


def machine(n, strength, seed=0, units=None, tree=False):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * strength / np.sqrt(n), 1)
    if tree:
        J = np.zeros((n, n))
        for i in range(1, n):
            J[rng.integers(i), i] = rng.normal() * strength
    return BoltzmannMachine(units or Ising(), J + J.T, 0.3 * rng.normal(size=n))


def everything(made):
    """All states and their probabilities: rows without end."""
    values = (0.0, 1.0) if isinstance(made.units, Bernoulli) else (-1.0, 1.0)
    x = np.array(list(itertools.product(values, repeat=made.n_units)))
    p = np.exp(-made.energy(x))
    return x, p / p.sum()


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("units", [Ising(), Bernoulli()], ids=str)
def test_the_whole_distribution_gives_its_couplings_back(method, units):
    made = machine(6, 1.0, units=units)
    x, p = everything(made)
    found = infer(x, method=method, weights=p)
    np.testing.assert_allclose(found.J, made.J, atol=1e-8)
    np.testing.assert_allclose(found.b, made.b, atol=1e-8)
    assert found.machine.units == units


@pytest.mark.parametrize("units", [Ising(), Bernoulli()], ids=str)
def test_bethe_is_exact_on_trees_and_pairs_on_a_pair(units):
    for method, made in (
        ("bethe", machine(7, 0.8, 3, units, tree=True)),
        ("pairs", machine(2, 1.0, 1, Ising())),
    ):
        x, p = everything(made)
        found = infer(x, method=method, weights=p)
        np.testing.assert_allclose(found.J, made.J, atol=1e-7)
        if method == "bethe":
            np.testing.assert_allclose(found.b, made.b, atol=1e-7)


@pytest.mark.parametrize(
    ("method", "order"),
    [("pairs", 2), ("naive_mean_field", 2), ("tap", 3), ("bethe", 3), ("sessak_monasson", 3)],
)
def test_closed_forms_are_right_to_their_order(method, order):
    """Of couplings and fields of size g the error of J falls as g to the order, at least."""
    errors = []
    for g in (0.1, 0.05):
        made = machine(6, g, 2)
        made.params["b"][:] *= g / 0.3
        made.project()
        x, p = everything(made)
        errors.append(np.abs(infer(x, method=method, weights=p).J - made.J).max())
    assert np.log2(errors[0] / errors[1]) > order - 0.25


@pytest.mark.some(2)
@pytest.mark.parametrize("method", EXACT)
def test_standard_errors_are_what_estimates_scatter_by(method):
    """Over data sets: rms z of J and b near 1, 95 % intervals cover."""
    made = machine(5, 0.6, 4)
    x, p = everything(made)
    rng, z, covered = np.random.default_rng(1), [], []
    i, j = np.triu_indices(5, 1)
    for _ in range(100 if method != "maximum_likelihood" else 40):
        counts = rng.multinomial(3000, p).astype(float)
        found = infer(x, method=method, weights=counts, n_effective=counts.sum())
        assert infer(x, method=method, weights=counts).n_effective == pytest.approx(
            3000**2 / (counts @ counts)
        )
        z.append(
            np.append((found.J - made.J)[i, j] / found.stderr_J[i, j], (found.b - made.b) / found.stderr_b)
        )
        rows = np.repeat(x, rng.multinomial(800, p), axis=0)
        low, high = infer(rows, Ising(), method=method).intervals()
        covered.append((low <= made.J)[i, j] & (high >= made.J)[i, j])
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1, abs=0.08)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def _slopes(made):
    """How moments of (b, pairs) answer to the parameters: by central differences."""
    n = made.n_units
    i, j = np.triu_indices(n, 1)

    def moments(k, step):
        moved = made.copy()
        if k < n:
            moved.params["b"][k] += step
        else:
            moved.params["J"][i[k - n], j[k - n]] += step
            moved.params["J"][j[k - n], i[k - n]] += step
        moved.project()
        x, p = everything(moved)
        return p @ np.hstack([x, x[:, i] * x[:, j]])

    return np.stack([(moments(k, 1e-5) - moments(k, -1e-5)) / 2e-5 for k in range(n + len(i))])


@pytest.mark.slow
def test_maximum_likelihood_scatters_by_the_bound():
    """√M·rms(ΔJ) over data sets is that of the inverse Fisher matrix, within 3 %."""
    made = machine(5, 0.6, 4)
    x, p = everything(made)
    rng = np.random.default_rng(3)
    i, j = np.triu_indices(5, 1)
    bound = np.sqrt(np.linalg.inv(fisher(made)).diagonal()[5:])
    off = []
    for _ in range(300):
        found = infer(x, method="maximum_likelihood", weights=rng.multinomial(5000, p).astype(float))
        off.append((found.J - made.J)[i, j])
    rms = np.sqrt(5000 * np.mean(np.square(off)))
    assert rms == pytest.approx(np.sqrt(np.mean(bound**2)), rel=0.045)  # 3000 numbers: 1.3 % each


def test_bits_and_spins_have_the_same_likelihoods_and_errors():
    made = machine(5, 1.0, 6)
    rows = ebm.sample(made, 2000, seed=1).x
    spins, bits = infer(rows), infer((rows + 1) / 2)
    np.testing.assert_allclose(bits.J, 4 * spins.J, atol=1e-9)
    np.testing.assert_allclose(bits.stderr_J, 4 * spins.stderr_J, rtol=1e-9)
    likely = [infer(x, method="maximum_likelihood") for x in (rows, (rows + 1) / 2)]
    np.testing.assert_allclose(likely[1].J, 4 * likely[0].J, atol=1e-7)
    # The Fisher matrix by differences, in the coding of bits: b's errors, too.
    fisher = _slopes(likely[1].machine)
    expected = np.sqrt(np.linalg.inv(fisher).diagonal() / 2000)
    np.testing.assert_allclose(likely[1].stderr_b, expected[:5], rtol=1e-4)
    np.testing.assert_allclose(likely[1].stderr_J[np.triu_indices(5, 1)], expected[5:], rtol=1e-4)
    one, other = (
        np.diff(m.energy(x)) for m, x in ((spins.machine, rows[:9]), (bits.machine, (rows[:9] + 1) / 2))
    )
    np.testing.assert_allclose(one, other, atol=1e-9)


SITEWISE = ("pseudo_likelihood", "rise", "logrise", "probability_flow")


@pytest.mark.parametrize("method", [*SITEWISE, "maximum_likelihood"])
@pytest.mark.parametrize("how", ["mean", "joint"])
def test_units_that_are_the_same_get_finite_couplings_and_a_line(method, how):
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(200, 4))
    x[:, 3] = x[:, 2]
    if method == "maximum_likelihood" and how == "joint":
        pytest.skip("it has one estimate")
    with pytest.warns(RuntimeWarning, match="normal prior"):
        found = infer(x, method=method, symmetrise=how)
    assert 0.5 < found.J[2, 3] < 10
    assert np.isfinite(found.stderr_J[~np.eye(4, dtype=bool)]).all()
    assert 0.2 < found.stderr_J[2, 3] < 1.1  # nothing but the prior says where it ends
    assert found.stderr_J[0, 1] < 0.2
    method = "rise" if method == "logrise" else method  # the logarithm is a line at infinity
    asked = infer(x, method=method, symmetrise=how, penalty=L2(0.005))  # 1/rows
    np.testing.assert_allclose(found.J, asked.J, atol=1e-8)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"pairs"}))
def test_a_unit_that_never_changes_gets_no_couplings_and_a_line(method):
    x = ebm.sample(machine(5, 1.0, 2), 500, seed=3).x
    x[:, 2] = 1
    with pytest.warns(RuntimeWarning, match="unit 2 never changes"):
        found = infer(x, method=method)
    rest = [0, 1, 3, 4]
    without = infer(x[:, rest], method=method)
    np.testing.assert_allclose(found.J[np.ix_(rest, rest)], without.J, atol=1e-10)
    np.testing.assert_allclose(found.b[rest], without.b, atol=1e-10)
    assert not found.J[2].any()
    assert np.tanh(found.b[2]) == pytest.approx(1 - 2 * 0.5 / 501)
    if found.stderr_J is not None:
        assert np.isnan(found.stderr_J[2]).all()
    with pytest.raises(EbmError, match="fewer than two units change"):
        infer(np.ones((5, 3)), Ising(), method=method)


@pytest.mark.parametrize(
    ("data", "how", "match"),
    [
        (np.zeros((5, 1)), {}, "shape"),
        (np.full((5, 3), 2.0), {}, "data"),
        (np.eye(4), {"method": "pseudo"}, "pseudo_likelihood"),
        (np.eye(4), {"penalty": 0.1}, "penalty"),
        (np.eye(4), {"penalty": [L2(0.1), L2(0.2)]}, "twice"),
        (np.eye(4), {"mask": np.triu(np.ones((4, 4)))}, "symmetric"),
        (np.eye(4), {"factors": -np.ones((4, 4))}, "factors"),
        (np.eye(4), {"symmetrise": "xor"}, "symmetrise"),
        (np.eye(4), {"method": "tap", "symmetrise": "and"}, "one estimate"),
        (np.eye(4), {"penalt": 1}, "unknown setting 'penalt'"),
        (np.eye(4), {"weights": [1, 2]}, "weights"),
        (np.eye(4), {"units": ebm.Potts(3), "method": "tap"}, "two, or the method"),
        (np.eye(4), {"units": ebm.Poisson()}, "finitely many"),
        (np.eye(4), {"method": "tap", "penalty": L2(0.1)}, "takes no penalty"),
        ("text", {}, "data"),
        (np.full((5, 3), np.nan), {}, "data"),
    ],
)
def test_what_makes_no_sense_is_refused(data, how, match):
    with pytest.raises(EbmError, match=match):
        infer(data, **how)


def test_edges_intervals_and_reprs():
    rows = ebm.sample(machine(5, 1.0, 8), 3000, seed=2).x
    found = infer(rows)
    edges = found.edges(least_z=3)
    assert edges == sorted(edges, key=lambda e: -abs(e["J"]))
    assert all(abs(e["z"]) >= 3 for e in edges)
    assert len(found.edges()) == 10
    assert np.allclose(found.p[0, 1], 2 * scipy.stats.norm.sf(abs(found.J[0, 1]) / found.stderr_J[0, 1]))
    assert "pseudo_likelihood" in repr(found)
    assert "<table" in found._repr_html_()
    plain = infer(rows, method="tap")
    with pytest.raises(EbmError, match="no standard errors"):
        plain.edges(least_z=1)
    with pytest.raises(EbmError, match="level"):
        found.intervals(2)


def test_a_unit_that_many_others_copy_has_joint_couplings():
    """They pull at it until 1 − tanh of its input is 0 in floating point: no Hessian of its bias is left."""
    x = np.repeat([[1.0], [-1.0]], [1100, 900], axis=0) * np.ones(10)
    star = np.zeros((10, 10), bool)
    star[0, 1:] = star[1:, 0] = True
    found = infer(x, Ising(), penalty=L2(1 / 2000), mask=star, symmetrise="joint")
    np.testing.assert_allclose(found.J[0, 1:], found.J[0, 1], rtol=1e-6)
    assert 2 < found.J[0, 1] < 6
    assert np.isfinite(found.stderr_J[star]).all()


def test_a_pair_that_is_all_but_forbidden_leaves_the_others_as_they_are():
    x, _ = everything(machine(4, 0.5))
    x = x[np.random.default_rng(0).integers(len(x), size=500)]
    factors, mask = np.ones((4, 4)), np.ones((4, 4), bool)
    factors[0, 1] = factors[1, 0] = 1e15
    mask[0, 1] = mask[1, 0] = False
    found = infer(x, Ising(), penalty=L2(0.01), factors=factors)
    without = infer(x, Ising(), penalty=L2(0.01), mask=mask)
    np.testing.assert_allclose(found.J, without.J, atol=1e-9)
    np.testing.assert_allclose(found.stderr_J[0, 2], without.stderr_J[0, 2], rtol=1e-6)
