"""Couplings from rows with gaps: what was not observed is summed out."""

import itertools

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import L2, Bernoulli, BoltzmannMachine, EbmError, Ising, Mixed, NotSupported, Potts
from ebm.cli import main
from ebm.inverse import METHODS, infer
from ebm.inverse.basis import Basis
from ebm.inverse.observed import Observed
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import rows_of

TABLE = Mixed(((Bernoulli(), 1), (Potts(3), 1), (Ising(), 2)))


def machine(units=TABLE, n=4, seed=0, strength=0.5):
    """With couplings in the zero-sum gauge, all its states and their probabilities."""
    rng, basis = np.random.default_rng(seed), Basis(units, n)
    K = np.triu(rng.normal(size=(basis.size,) * 2) * strength, 1)
    K = np.where(basis.owners[:, None] == basis.owners, 0, K + K.T)
    made = BoltzmannMachine(units, *basis.in_units(K, 0.3 * rng.normal(size=basis.size)))
    x = np.array(list(itertools.product(*(made.units.one(i).states for i in range(n)))))
    p = np.exp(-made.energy(x))
    return made, x, p / p.sum()


def gapped(x, share, seed):
    return np.where(np.random.default_rng(seed).random(x.shape) < share, np.nan, x)


def observed(made, rows, x):
    """The mean log-likelihood of rows with gaps, by the definition."""
    p = np.exp(-made.energy(x))
    p /= p.sum()
    agree = (np.isnan(rows)[:, None] | (rows[:, None] == x[None])).all(2)
    return float(np.log(agree @ p).mean())


def test_value_slope_and_information_are_those_of_enumeration():
    made, x, p = machine()
    rng = np.random.default_rng(1)
    rows = gapped(x[rng.choice(len(x), 60, p=p)], 0.3, 2)
    basis = Basis(TABLE, 4)
    likelihood = Observed.of(rows_of(rows, TABLE, gaps=True), Shrinkage())
    theta = likelihood.places.vector(*basis.of_units(made.J, made.b))

    def value(theta):
        twin = BoltzmannMachine(TABLE, *basis.in_units(*likelihood.places.matrix(theta)))
        return observed(twin, rows, x)

    assert likelihood.value(theta) == pytest.approx(value(theta), abs=1e-12)
    gradient, information, _ = likelihood.slopes(theta)
    for k, step in enumerate(1e-5 * np.eye(len(theta))):
        assert gradient[k] == pytest.approx((value(theta + step) - value(theta - step)) / 2e-5, abs=1e-8)
        bend = (likelihood.slopes(theta - step)[0] - likelihood.slopes(theta + step)[0]) / 2e-5
        np.testing.assert_allclose(information[k], bend, atol=1e-8)


def test_the_whole_distribution_with_gaps_gives_its_couplings_back():
    made, x, p = machine()
    masks = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool)
    rows = np.concatenate([np.where(mask, np.nan, x) for mask in masks])
    weights = np.concatenate([share * p for share in (0.4, 0.3, 0.2, 0.1)])
    found = infer(rows, TABLE, "maximum_likelihood", weights=weights, n_effective=1000)
    np.testing.assert_allclose(found.J, made.J, atol=1e-7)
    np.testing.assert_allclose(found.b, made.b, atol=1e-7)
    whole = infer(x, TABLE, "maximum_likelihood", weights=p, n_effective=1000)
    assert np.nanmin(found.stderr_J / whole.stderr_J) > 1.05  # what is not seen is not known


def test_rows_of_gaps_alone_say_nothing():
    _, x, p = machine()
    counts = np.append(np.round(1000 * p), 500)
    rows = np.vstack([x, np.full(4, np.nan)])
    found = infer(rows, TABLE, "maximum_likelihood", weights=counts, n_effective=counts.sum())
    whole = infer(x, TABLE, "maximum_likelihood", weights=counts[:-1], n_effective=counts[:-1].sum())
    np.testing.assert_allclose(found.J, whole.J, atol=1e-7)
    np.testing.assert_allclose(found.stderr_J, whole.stderr_J, rtol=1e-5)


def test_errors_are_what_estimates_scatter_by():
    made, x, p = machine()
    z, rng = [], np.random.default_rng(3)
    up = np.triu(made.units.owners(4)[:, None] != made.units.owners(4), 1)
    for seed in range(40):
        rows = gapped(x[rng.choice(len(x), 1500, p=p)], 0.25, seed)
        found = infer(rows, TABLE, "maximum_likelihood")
        z.append(np.append(((found.J - made.J) / found.stderr_J)[up], (found.b - made.b) / found.stderr_b))
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1, abs=0.1)  # 40 × 18 numbers
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)


def test_what_cannot_be_told_is_finite_and_said():
    _, x, p = machine(Ising(), 4)
    rows = gapped(x[np.random.default_rng(0).choice(len(x), 200, p=p)], 0.2, 1)
    rows[:, 3] = np.where(np.isnan(rows[:, 3]), np.nan, 1.0)
    with pytest.warns(RuntimeWarning, match="unit 3 never changes"):
        found = infer(rows, Ising(), "maximum_likelihood")
    assert np.isfinite(found.J).all()
    apart = gapped(x[np.random.default_rng(0).choice(len(x), 200, p=p)], 0.2, 1)
    apart[::2, 0], apart[1::2, 1] = np.nan, np.nan  # never seen together
    with pytest.warns(RuntimeWarning, match="normal prior"):
        found = infer(apart, Ising(), "maximum_likelihood")
    assert np.isfinite(found.J).all()
    assert np.isfinite(infer(apart, Ising(), "maximum_likelihood", penalty=L2(0.1)).stderr_J[0, 1])


def test_other_methods_say_which_take_gaps():
    rows = gapped(machine(Ising(), 3)[1], 0.3, 0)
    for method in set(METHODS) - {"maximum_likelihood"}:
        with pytest.raises(NotSupported, match="maximum_likelihood"):
            infer(rows, Ising(), method)
    rows[:, 1] = np.nan
    with pytest.raises(EbmError, match="column 1 is missing in all rows"):
        infer(rows, Ising(), "maximum_likelihood")
    with pytest.raises(ebm.TooLarge):
        infer(np.vstack([np.eye(30), np.full((1, 30), np.nan)]), Bernoulli(), "maximum_likelihood")


def test_a_csv_with_empty_cells(tmp_path):
    _, x, p = machine(Ising(), 3)
    rows = gapped(x[np.random.default_rng(0).choice(len(x), 200, p=p)], 0.2, 1)
    text = "\n".join(",".join("" if np.isnan(v) else str(int(v)) for v in row) for row in rows)
    (tmp_path / "a.csv").write_text("anna,bert,carl\n" + text)
    done = CliRunner().invoke(main, ["infer", str(tmp_path / "a.csv"), "--method", "maximum_likelihood"])
    assert done.exit_code == 0, done.output
    J = infer(rows, Ising(), "maximum_likelihood").J
    assert f"{J[np.triu_indices(3, 1)][np.abs(J[np.triu_indices(3, 1)]).argmax()]:.4g}" in done.output
