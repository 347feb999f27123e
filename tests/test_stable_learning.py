"""Learning at defaults stays in its senses whatever the units and the scale; what does not is stopped."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ebm
from ebm.errors import Diverged
from ebm.estimators import BoltzmannMachineDensity, RBMClassifier, RBMTransformer
from ebm.training.health import check_sensible, count_idle, extents
from ebm.training.pace import steady

REAL = ebm.Gaussian(learn_precision=True)


def table(n=150, scale=1.0, seed=0):
    """Correlated columns of different scales, two classes, a constant column and an outlier."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 5)) + 2 * y[:, None]
    x *= np.array([1e-3, 1.0, 1.0, 10.0, 1e3])
    x[:, 2] = 7.0
    x[3, 1] = 1e3
    return scale * x, y


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_features_do_not_depend_on_the_unit_of_measurement(scale):
    x, y = table(scale=scale)
    model = RBMTransformer(64, random_state=0).fit(x)
    found = model.transform(x)
    same = RBMTransformer(64, random_state=0).fit(table()[0]).transform(table()[0])
    assert np.abs(found - same).max() < 0.05  # batches are others
    assert np.abs(model.components_).max() < 10
    assert cross_val_score(LogisticRegression(max_iter=500), found, y, cv=3).mean() > 0.85


@pytest.mark.some(4)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(
    "hidden", [ebm.Bernoulli(), ebm.Ising(), ebm.Potts(3), ebm.Gaussian(), ebm.ReLU()], ids=repr
)
def test_fit_without_an_optimiser_is_stable(hidden, scale):
    """Precisions stay near one over the variances, where they start."""
    x = table(scale=scale)[0]
    machine = ebm.RBM.from_data(x, 32, visible=REAL, hidden=hidden, spread=1.0)
    first = machine.params["v.precision"].copy()
    history = ebm.fit(machine, x, epochs=20, batch_size=10)
    ratio = machine.params["v.precision"] / first
    assert 0.01 < ratio.min() <= ratio.max() < 100
    assert np.isfinite(history["free_energy_train"]).all()
    deviations = np.maximum(x.std(0), first**-0.5)
    assert np.abs(machine.W * deviations[:, None]).max() < 100


@pytest.mark.parametrize("mode", ["discriminative", "hybrid", "generative"])
def test_classifiers_are_stable(mode):
    x, y = load_iris(return_X_y=True)
    model = RBMClassifier(200, mode=mode, n_iter=30, random_state=0).fit(x, y)
    assert np.abs(model.machine_.W).max() < 10


def test_iris():
    """Features of real units cost no accuracy, and a density of many units is as good as one of few."""
    x, y = load_iris(return_X_y=True)
    features = RBMTransformer(random_state=0)
    accuracy = cross_val_score(
        make_pipeline(StandardScaler(), features, LogisticRegression(max_iter=500)), x, y, cv=3
    )
    assert accuracy.mean() > 0.93
    density = BoltzmannMachineDensity(n_components=256, n_iter=20, random_state=0, log_z="ais").fit(x)
    assert density.score(x) > -6.5


def test_a_start_that_tells_rows_apart():
    """Hidden inputs have mean 0 and deviation about 1, or so much that layers do not order by themselves."""
    x = np.random.default_rng(1).normal(size=(4000, 50)) * np.geomspace(1e-3, 1e3, 50) + 5.0
    machine = ebm.RBM.from_data(x, 10, visible=REAL, spread=1.0, dtype=np.float64)
    inputs = machine.inputs_h(x)
    assert np.abs(inputs.mean(0)).max() < 1e-6
    assert 0.5 < inputs.std() < 1.1
    wide = ebm.RBM.from_data(x, 1000, visible=REAL, spread=1.0, dtype=np.float64)
    loop = np.linalg.norm(wide.params["v.precision"][:, None] ** -0.5 * wide.W / 2, 2)
    np.testing.assert_allclose(loop, 1.0, atol=1e-6)
    means = machine.visible.mean(machine.b + machine.W @ np.full(10, 0.5))
    np.testing.assert_allclose(means, x.mean(0), rtol=1e-9)


def test_curvature_bounds_the_fisher_matrix():
    """Of exact Fisher matrices of small machines, the largest eigenvalues of the blocks of W."""
    states = np.array(np.meshgrid(*[[0.0, 1.0]] * 5)).reshape(5, -1).T
    for seed in range(5):
        machine = ebm.RBM.random(
            ebm.Bernoulli(), ebm.Bernoulli(), 5, 4, scale=0.5, seed=seed, dtype="float64"
        )
        p = np.exp(-machine.free_energy(states) - machine.exact()[0])
        slopes = np.einsum("ni,nj->nij", states, machine.mean_h(states)).reshape(len(states), -1)
        away = slopes - p @ slopes
        drawn = states[np.random.default_rng(seed).choice(len(states), 2000, p=p)]
        largest = np.linalg.eigvalsh((p[:, None] * away).T @ away).max()
        assert largest < 1.1 * machine.curvature(drawn)["W"] < 30 * largest


def test_the_default_rate_of_units_with_ends_stays():
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 6, 4, dtype="float64")
    assert steady(machine, np.eye(6), 0.05) == ebm.SGD(0.05)


@pytest.mark.parametrize(("visible", "rate"), [(ebm.Gaussian(), 1.0), (REAL, 50.0)], ids=repr)
def test_the_watch_stops_what_explodes_with_one_line(visible, rate):
    x = np.random.default_rng(0).normal(size=(200, 5))
    machine = ebm.RBM.from_data(x, 64, visible=visible, dtype=np.float64)
    with pytest.raises(Diverged, match=r"by step \d+ \(epoch \d+\).*lower the rate") as error:
        ebm.fit(machine, x, optimiser=ebm.SGD(rate), epochs=50, batch_size=100)
    assert "\n" not in str(error.value)
    assert np.isfinite(machine.W).all()  # it is stopped while numbers are finite


def test_the_watch_of_states_and_of_single_batches():
    x = (np.random.default_rng(0).random((100, 5)) < 0.5).astype(float)
    machine = ebm.RBM.from_data(x, 8)
    with pytest.raises(Diverged, match="free energies"):
        ebm.fit(machine, x, optimiser=ebm.SGD(1e6), epochs=50, batch_size=10)
    rule, optimiser, z = ebm.PCD(), ebm.SGD(1.0), 2 * x - 1
    state = ebm.begin(ebm.RBM.from_data(z, 64, visible=ebm.Gaussian(), dtype=np.float64), rule, optimiser)

    def go_on():
        for _ in range(200):
            ebm.partial_fit(state, z, rule, optimiser)

    with pytest.raises(Diverged, match="sensible"):
        go_on()


@pytest.mark.parametrize("precision", [1e-9, 1e9])
def test_a_lost_precision_is_seen(precision):
    x = 1e3 * np.random.default_rng(0).normal(size=(30, 3))
    machine = ebm.RBM.from_data(x, 4, visible=REAL, dtype=np.float64)
    start = extents(machine, x)
    check_sensible(machine, x, start, 1)
    machine.params["v.precision"][1] *= precision
    start["energy"] = np.array(1e9)  # of which alone nothing would be seen
    machine.project()
    with pytest.raises(Diverged, match="step 1: precision times variance of unit 1"):
        check_sensible(machine, x, start, 1)


@pytest.mark.parametrize(
    "hidden", [ebm.Bernoulli(), ebm.Ising(), ebm.Potts(3), ebm.ReLU(), ebm.Gaussian()], ids=repr
)
def test_idle_units_are_counted(hidden):
    """Against what the means say, one unit at a time."""
    machine = ebm.RBM.random(ebm.Bernoulli(), hidden, 6, 8, scale=1.0, seed=3, dtype="float64")
    width = hidden.width
    machine.params["c"][: 2 * width : width] = -60 if width == 1 else 60  # the first state of a Potts unit
    machine.params["c"][3 * width - 1] = 60
    machine.project()
    x = (np.random.default_rng(0).random((50, 6)) < 0.5).astype(float)
    mean = machine.mean_h(x).reshape(50, 8, width)
    dead = saturated = 0
    for unit in mean.transpose(1, 0, 2):
        if isinstance(hidden, ebm.Potts):
            dead += (unit[:, 0] > 0.99).all()
            saturated += (unit[:, 1] > 0.99).all() or (unit[:, 2] > 0.99).all()
        elif isinstance(hidden, ebm.ReLU):
            dead += (unit < 0.01 * mean.max()).all()
        elif not isinstance(hidden, ebm.Gaussian):
            share = unit if isinstance(hidden, ebm.Bernoulli) else (unit + 1) / 2
            dead += (share < 0.01).all()
            saturated += (share > 0.99).all()
    assert count_idle(machine, x) == {"dead": dead, "saturated": saturated}
    assert isinstance(hidden, ebm.Gaussian) or dead >= 2


def test_idle_units_are_in_the_history_and_warned_of_once():
    x = (np.random.default_rng(0).random((60, 6)) < 0.5).astype(float)
    machine = ebm.RBM.from_data(x, 8)
    machine.params["c"][:3] = -40.0
    machine.params["c"][3:5] = 40.0
    with pytest.warns(RuntimeWarning, match="3 of 8 hidden units are dead, 2 saturated") as caught:
        history = ebm.fit(machine, x, epochs=3)
    assert len([w for w in caught if "hidden units" in str(w.message)]) == 1
    assert (history["dead"].tolist(), history["saturated"].tolist()) == ([3, 3, 3], [2, 2, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ebm.fit(ebm.RBM.from_data(x, 8), x, epochs=3)
