"""Couplings of real units beside those of finitely many states."""

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import L2, Bernoulli, EbmError, Gaussian, GroupLasso, Ising, Mixed, NotSupported, Potts
from ebm.cli import main
from ebm.inverse import METHODS, MixedMachine, bootstrap, infer
from ebm.inverse.losses import REAL

REALS = Gaussian(learn_precision=True)
TABLE = Mixed(((Bernoulli(), 1), (REALS, 2), (Potts(3), 1), (Ising(), 1)))


def planted(units=TABLE, precision=(2.0, 3.0), seed=0, strength=0.5):
    """A machine with a Potts unit, if there is one, in the zero-sum gauge."""
    rng, n = np.random.default_rng(seed), units.n_units
    owners = units.owners(n)
    J = np.triu(rng.normal(size=(len(owners),) * 2), 1) * strength
    J = np.where(owners[:, None] == owners, 0, J + J.T)
    b = 0.3 * rng.normal(size=len(owners))
    potts = np.flatnonzero(np.bincount(owners)[owners] > 1)
    if len(potts):
        J[potts] -= J[potts].mean(0)
        J[:, potts] -= J[:, potts].mean(1, keepdims=True)
        b[potts] -= b[potts].mean()
    J[owners[:, None] == owners] = 0
    return MixedMachine(units, (J + J.T) / 2, b, precision)


def numbers(found, made):
    """z of every coupling, bias and learnt precision."""
    up = np.triu(np.isfinite(found.stderr_J), 1)
    return np.concatenate(
        [
            ((found.J - made.J) / found.stderr_J)[up],
            (found.b - made.b) / found.stderr_b,
            (found.machine.precision - made.precision) / found.stderr_precision,
        ]
    )


def test_intervals_of_a_planted_table_hold():
    made, z = planted(), []
    for seed in range(25):
        z.append(numbers(infer(made.sample(800, seed=seed), TABLE), made))
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1, abs=0.08)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.025)  # 675 numbers, some correlated


def test_a_given_precision_stays_and_makes_couplings_surer():
    units = Mixed(((Bernoulli(), 2), (Gaussian(), 1)))
    made = planted(units, (1.0,), 3, 1.0)
    rows = made.sample(4000, seed=1)
    given = infer(rows, units)
    learnt = infer(rows, Mixed(((Bernoulli(), 2), (REALS, 1))))
    assert given.machine.precision.tolist() == [1.0]
    assert given.stderr_precision.tolist() == [0.0]
    assert learnt.machine.precision[0] == pytest.approx(1, abs=4 * learnt.stderr_precision[0])
    assert (np.abs(given.z[0, 2] - made.J[0, 2] / given.stderr_J[0, 2])) < 4
    assert given.stderr_J[0, 2] < learnt.stderr_J[0, 2]


def test_of_real_units_alone_it_is_the_inverse_covariance():
    made = planted(Mixed(((REALS, 3),)), (2.0, 3.0, 2.5))
    rows = made.sample(500, seed=0)
    found = infer(rows, REALS)
    np.testing.assert_allclose(found.machine.inner, np.linalg.inv(np.cov(rows.T, bias=True)), rtol=1e-8)
    assert found.strengths[0, 1] == pytest.approx(
        abs(found.J[0, 1]) / np.sqrt(found.machine.precision[0] * found.machine.precision[1])
    )


def test_columns_in_other_units_are_the_same_couplings():
    made = planted()
    rows = made.sample(800, seed=2)
    other = rows.copy()
    other[:, 1] = 1000 + 50 * rows[:, 1]
    for penalty in (None, L2(0.05), GroupLasso(0.05)):
        one, two = infer(rows, TABLE, penalty=penalty), infer(other, TABLE, penalty=penalty)
        np.testing.assert_allclose(one.strengths, two.strengths, atol=1e-8)
        density = one.machine.log_likelihood(rows) - two.machine.log_likelihood(other)
        np.testing.assert_allclose(density, np.log(50), atol=1e-8)
        assert one.machine.precision[0] == pytest.approx(2500 * two.machine.precision[0])
    assert (infer(rows, TABLE, penalty=GroupLasso(1.0)).J == 0).all()


def test_slopes_of_a_real_unit_are_those_of_its_value():
    rng = np.random.default_rng(0)
    eta, x, f = (
        np.stack([rng.normal(size=5), rng.uniform(0.5, 3, 5)], 1),
        rng.normal(size=5),
        np.empty((0, 1)),
    )
    for k, step in enumerate(1e-6 * np.eye(2)):
        slope = (REAL.value(eta + step, x, f) - REAL.value(eta - step, x, f)) / 2e-6
        np.testing.assert_allclose(REAL.slope(eta, x, f)[:, k], slope, atol=1e-7)
        bend = (REAL.slope(eta + step, x, f) - REAL.slope(eta - step, x, f)) / 2e-6
        np.testing.assert_allclose(REAL.bend(eta, x, f)[:, k], bend, atol=1e-7)


def test_the_density_is_that_of_a_grid_and_samples_have_it():
    made, state = planted(), np.array([[1.0, 2.0, -1.0]])
    grid = np.linspace(-8, 8, 161)
    x, y = (side.ravel() for side in np.meshgrid(grid, grid))
    whole = np.column_stack([np.ones_like(x), x, y, np.full_like(x, 2), -np.ones_like(x)])
    total = np.exp(-made.energy(whole)).sum() * (grid[1] - grid[0]) ** 2
    share = np.exp(-made.finite.energy(state)[0] - made.finite.exact(stats=False)[0])
    assert total == pytest.approx(share * np.exp(made.log_z()), rel=1e-5)
    x = made.sample(20_000, seed=3)
    same = (x[:, [0, 3, 4]] == state).all(1).mean()
    assert same == pytest.approx(share, abs=4 * np.sqrt(share / 20_000))


def test_what_rows_cannot_tell_is_finite_and_said():
    rows = planted().sample(300, seed=0)
    twice = np.column_stack([rows[:, 1], rows[:, 2], 2 * rows[:, 1] + 1])
    with pytest.warns(RuntimeWarning, match="no finite, or no single, estimate"):
        found = infer(twice, REALS)
    assert np.isfinite(found.J).all()
    assert np.isnan(found.stderr_J.diagonal()).all()
    assert (found.stderr_precision > 0).all()
    rows[:, 0] = rows[:, 1] > 0
    with pytest.warns(RuntimeWarning, match="unit 0"):
        assert np.isfinite(infer(rows, TABLE).J).all()
    rows[:, 0] = 1.0
    with pytest.warns(RuntimeWarning, match="unit 0 never changes"):
        found = infer(rows, TABLE)
    assert (found.J[0] == 0).all()
    assert np.isfinite(found.machine.log_likelihood(rows)).all()
    rows[:, 2] = 3.0
    with pytest.raises(EbmError, match="real unit 2 never changes"):
        infer(rows, TABLE)


def test_other_methods_name_the_one_that_takes_them():
    rows = planted().sample(50, seed=0)
    for method in set(METHODS) - {"pseudo_likelihood"}:
        with pytest.raises(NotSupported, match="pseudo_likelihood"):
            infer(rows, TABLE, method)
    with pytest.raises(NotSupported, match="joint takes no real units"):
        infer(rows, TABLE, symmetrise="joint")
    with pytest.raises(NotSupported, match="Poisson"):
        infer(np.ones((3, 2)), ebm.Poisson())


def test_the_bootstrap_agrees():
    rows = planted().sample(300, seed=1)
    found = bootstrap(rows, TABLE, n=60)
    ratio = found.stderr_J / infer(rows, TABLE).stderr_J
    assert np.nanmedian(ratio) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"units": Bernoulli()}, "no real units"),
        ({"precision": [-1.0]}, "above 0"),
        ({"J": [[0, 1], [2, 0]]}, "symmetric"),
        ({"b": [0.0]}, "columns|column"),
    ],
)
def test_wrong_machines_are_refused(wrong, said):
    right = {"units": Mixed(((Bernoulli(), 1), (REALS, 1))), "J": np.zeros((2, 2)), "b": np.zeros(2)}
    with pytest.raises(EbmError, match=said):
        MixedMachine(**({"precision": [1.0]} | right | wrong))
    flat = MixedMachine(Mixed(((REALS, 2),)), [[0, 2], [2, 0]], np.zeros(2), [1.0, 1.0])
    assert not flat.normalisable()
    with pytest.raises(EbmError, match="no density"):
        flat.sample(3)


def test_a_csv_with_real_columns(tmp_path):
    rows = planted().sample(400, seed=0)
    np.savetxt(tmp_path / "a.csv", rows, "%.6f", ",", header="smokes,weight,height,town,side", comments="")
    done = CliRunner().invoke(main, ["infer", str(tmp_path / "a.csv")])
    assert done.exit_code == 0, done.output
    assert "smokes" in done.output
    assert "Potts(q=3)" in done.output
    refused = CliRunner().invoke(main, ["infer", str(tmp_path / "a.csv"), "-o", str(tmp_path / "m.npz")])
    assert refused.exit_code == 1
    assert "--csv" in refused.output
