"""Fine-tuning: what it follows, when it stops, what it keeps; the same optima as other solvers."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from ebm import (
    L1,
    L2,
    LBFGS,
    RBM,
    SGD,
    Adam,
    AdamW,
    Averaged,
    Bernoulli,
    EarlyStopping,
    EbmError,
    Gaussian,
    Ising,
    Layer,
    Linear,
    MaxNorm,
    Network,
    Poisson,
    Potts,
    RMSprop,
    begin,
    fine_tune,
    readout,
    train,
)
from ebm.network import BackPropagation


def noisy(n=120, seed=0, flipped=0.25):
    """Two classes on six columns, a quarter of the labels wrong: what is learnt late is noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int) ^ (rng.random(n) < flipped)


def two_layers(hidden=20):
    return Network([Layer.random(Ising(), 6, hidden, seed=1), Layer.random(Potts(2), hidden, 1, seed=2)])


def same(one, other):
    return all(np.array_equal(one.params[key], other.params[key]) for key in one.params)


def test_history_is_of_the_network_after_every_epoch():
    (x, y), held, net, twin = noisy(), noisy(seed=1), two_layers(), two_layers()
    options = {"optimiser": SGD(Linear(0.5, 0.1, 4), momentum=0.5), "batch_size": 50, "seed": 3}
    history = fine_tune(net, x, y, epochs=4, validation=held, **options)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["step"].tolist() == [3, 6, 9, 12]
    last = [0.5 - 0.1 * (step - 1) / 3 for step in history["step"]]  # the rate of the last update
    np.testing.assert_allclose(history["rate"], last)
    fine_tune(twin, x, y, epochs=2, **options)
    for k, network in ((1, twin), (3, net)):
        for name, rows in (("train", (x, y)), ("validation", held)):
            assert history[f"loss_{name}"][k] == network.loss(*rows)
            assert history[f"error_{name}"][k] == network.error(*rows)
    assert len(fine_tune(net, x, y, epochs=0)) == 0


def test_early_stopping_puts_the_best_epoch_back():
    for score in ("loss", "error", None):
        (x, y), held, net = noisy(), noisy(n=300, seed=1), two_layers(hidden=60)
        stopping = EarlyStopping(patience=5, score=score)
        history = fine_tune(
            net, x, y, optimiser=Adam(0.03), epochs=200, batch_size=20, validation=held, stopping=stopping
        )
        column = history[f"{score or 'loss'}_validation"]
        best = int(column.argmin())
        assert len(history) == best + 1 + 5 < 200
        found = net.error(*held) if score == "error" else net.loss(*held)
        assert found == column[best] < column[-1]


@pytest.mark.parametrize("rate", [2.0, 0.002])
def test_the_average_is_kept_where_it_is_better(rate):
    """At a large rate iterates scatter about the optimum and their mean is better; at a small one it lags."""
    (x, y), held = noisy(), noisy(n=300, seed=1)
    last, averaged = (readout(None, x, y, epochs=0) for _ in range(2))
    options = {"epochs": 30, "batch_size": 5}
    fine_tune(last, x, y, optimiser=SGD(rate), **options)
    fine_tune(averaged, x, y, optimiser=Averaged(SGD(rate)), validation=held, **options)
    assert same(last, averaged) == (rate < 1)
    assert averaged.loss(*held) <= last.loss(*held)
    blind = readout(None, x, y, epochs=0)
    fine_tune(blind, x, y, optimiser=Averaged(SGD(rate)), **options)
    assert not same(blind, last)


@pytest.mark.parametrize(
    "optimiser",
    [
        SGD(0.3),
        SGD(0.3, momentum=0.9),
        SGD(0.3, momentum=0.9, nesterov=True),
        Adam(0.01),
        AdamW(0.01, decay=0.1),
        RMSprop(0.01),
        Averaged(Adam(0.01), start=1e9),
    ],
    ids=lambda o: type(o).__name__,
)
def test_rates_scale_the_steps_of_their_layers(optimiser):
    """0 leaves a layer as it is; a factor scales its step; 1 changes nothing."""
    x, y = noisy()
    full, part, plain = two_layers(), two_layers(), two_layers()
    before = two_layers().params
    for net, rates in ((full, [1, 1]), (part, [0, 0.25]), (plain, None)):
        fine_tune(net, x, y, optimiser=optimiser, epochs=1, batch_size=len(x), rates=rates)
    assert same(full, plain)
    for key in before:
        step = full.params[key] - before[key]
        assert np.abs(step).max() > 0
        factor = 0.25 if key.endswith("1") else 0
        np.testing.assert_allclose(part.params[key] - before[key], factor * step, atol=1e-14)


def test_dropout_is_reproducible_and_trains():
    x, y = noisy(n=400, flipped=0.0)
    nets = [two_layers() for _ in range(3)]
    for net, seed in zip(nets, (5, 5, 6), strict=True):
        fine_tune(net, x, y, optimiser=Adam(0.01), epochs=20, dropout=(0.1, 0.5), seed=seed)
    assert same(nets[0], nets[1])
    assert not same(nets[0], nets[2])
    assert nets[0].error(x, y) < 0.1
    one, every = two_layers(), two_layers()
    fine_tune(one, x, y, epochs=1, dropout=0.5)
    fine_tune(every, x, y, epochs=1, dropout=(0.0, 0.5))
    assert same(one, every)


def test_penalties_and_constraints_hold():
    x, y = noisy()
    net = readout(None, x, y, optimiser=SGD(0.5), epochs=500, batch_size=len(x), penalties=[L2(0.1)])
    slopes = net.gradient(x, y)
    np.testing.assert_allclose(slopes["W0"] + 0.1 * net.params["W0"], 0, atol=1e-8)
    fine_tune(net, x, y, optimiser=SGD(5.0), epochs=5, constraints=[MaxNorm(0.5)])
    assert np.linalg.norm(net.params["W0"], axis=0).max() <= 0.5 + 1e-12


def test_rows_in_files_and_sparse_matrices_are_the_same_rows(tmp_path):
    x, y = noisy()
    x *= np.random.default_rng(2).random(x.shape) < 0.4
    np.save(tmp_path / "x.npy", x)
    nets = [two_layers() for _ in range(3)]
    kinds = (x, scipy.sparse.csr_matrix(x), np.load(tmp_path / "x.npy", mmap_mode="r"))
    for net, rows in zip(nets, kinds, strict=True):
        history = fine_tune(net, rows, y, epochs=2, validation=(rows, y))
        assert history["loss_validation"][-1] == net.loss(rows, y)
    assert same(nets[0], nets[1])
    assert same(nets[0], nets[2])


def test_progress_is_told():
    (x, y), seen = noisy(), []
    fine_tune(two_layers(), x, y, epochs=3, validation=(x, y), progress=lambda *said: seen.append(said))
    assert [round(done, 3) for done, _ in seen] == [0.333, 0.667, 1.0]
    assert all("nats" in line and "validation" in line for _, line in seen)


# L-BFGS.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_is_the_optimum_of_logistic_regression(dtype):
    """Softmax regression with an L2 penalty, weighted rows: scikit-learn's optimum to 1e-4."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(150, 4)), rng.integers(3, size=150)
    x[:, 0] += y
    w = rng.random(150) + 0.5
    net = Network([Layer(Potts(3), np.zeros((4, 3), dtype), np.zeros(3, dtype))])
    options = {"optimiser": LBFGS(tolerance=1e-8), "epochs": 500, "weights": w}
    history = fine_tune(net, x, y, penalties=[L2(0.02)], **options)
    other = LogisticRegression(C=1 / (0.02 * w.sum()), tol=1e-10, max_iter=5000).fit(x, y, w)
    np.testing.assert_allclose(net.predict_mean(x), other.predict_proba(x), atol=1e-4)
    W = net.params["W0"]
    np.testing.assert_allclose(W, other.coef_.T, atol=1e-4)
    assert 3 < len(history) < 200
    assert net.dtype == dtype
    assert not any("rate" in row for row in history)


def test_lbfgs_is_the_optimum_of_other_regressions():
    """Several bits, counts, numbers: the coefficients of scikit-learn's solvers."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 3))
    bits = (x @ rng.normal(size=(3, 2)) + rng.normal(size=(200, 2)) > 0).astype(int)
    counts = rng.poisson(np.exp(x @ [0.3, -0.5, 0.2] + 0.7))
    numbers = x @ [1.0, 2.0, -1.0] + rng.normal(size=200)
    fit = {"optimiser": LBFGS(tolerance=1e-9), "epochs": 500, "penalties": [L2(0.05)]}
    net = readout(None, x, bits, units=Bernoulli(), **fit)
    for k in range(2):
        other = LogisticRegression(C=1 / (0.05 * 200), tol=1e-10).fit(x, bits[:, k])
        np.testing.assert_allclose(net.params["W0"][:, k], other.coef_[0], atol=1e-4)
    net = readout(None, x, counts, units=Poisson(), **fit)
    other = PoissonRegressor(alpha=0.05, tol=1e-10, max_iter=5000).fit(x, counts)
    np.testing.assert_allclose(net.params["W0"][:, 0], other.coef_, atol=1e-4)
    np.testing.assert_allclose(net.predict(x)[:, 0], other.predict(x), rtol=1e-3)
    net = readout(None, x, numbers, units=Gaussian(), **fit)
    other = Ridge(alpha=0.05 * 200).fit(x, numbers)
    np.testing.assert_allclose(net.params["W0"][:, 0], other.coef_, atol=1e-6)


def test_lbfgs_of_a_network_finds_a_stationary_point_beside_what_is_frozen():
    x, y = noisy()
    net, before = two_layers(hidden=4), two_layers(hidden=4)
    fine_tune(net, x, y, optimiser=LBFGS(), epochs=1000, penalties=[L2(0.1)])
    for key, slope in net.gradient(x, y).items():
        slope += 0.1 * net.params[key] if key in net.couplings else 0
        assert np.abs(slope).max() < 2e-6
    frozen = two_layers(hidden=4)
    fine_tune(frozen, x, y, optimiser=LBFGS(), epochs=30, rates=[0, 1])
    assert np.array_equal(frozen.params["W0"], before.params["W0"])
    assert np.any(frozen.params["W1"] != before.params["W1"])


def test_lbfgs_stops_early_too():
    (x, y), held, net = noisy(), noisy(n=300, seed=1), two_layers(hidden=60)
    history = fine_tune(
        net, x, y, optimiser=LBFGS(), epochs=300, validation=held, stopping=EarlyStopping(patience=4)
    )
    best = int(history["loss_validation"].argmin())
    assert len(history) == best + 5
    assert net.loss(*held) == history["loss_validation"][best]


def test_a_readout_of_a_network_stands_on_its_outputs():
    x, y = noisy()
    machine = RBM.random(Gaussian(), Bernoulli(), 6, 5, scale=1.0, dtype="float64")
    below = Network([Layer(machine.hidden, machine.W, machine.c)], machine.visible)
    one, other = (readout(m, x, y, epochs=3) for m in (machine, below))
    for key, value in one.params.items():
        np.testing.assert_allclose(value, other.params[key], atol=1e-10)
    assert one.layer_units == other.layer_units


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stopping": EarlyStopping()}, "validation rows"),
        ({"stopping": EarlyStopping(score="pseudo_likelihood"), "validation": noisy()}, "loss or error"),
        ({"rates": [1.0]}, "rates: expected 2"),
        ({"rates": [1.0, -1.0]}, "rates"),
        ({"dropout": (0.1, 0.1, 0.1)}, "dropout: 3 numbers"),
        ({"dropout": 1.0}, "dropout"),
        ({"weights": np.zeros(120)}, "weights"),
        ({"weights": np.ones(3)}, "weights"),
        ({"epochs": -1}, "epochs"),
        ({"optimiser": LBFGS(), "dropout": 0.5}, "LBFGS"),
        ({"optimiser": LBFGS(), "rates": [0.5, 1]}, "LBFGS"),
        ({"optimiser": LBFGS(), "penalties": [L1(0.1)]}, "LBFGS"),
        ({"optimiser": LBFGS(), "constraints": [MaxNorm(1.0)]}, "LBFGS"),
        ({"validation": (np.zeros((3, 5)), [0, 1, 0])}, "x: expected shape"),
    ],
)
def test_refusals_are_one_line(options, message):
    with pytest.raises(EbmError, match=message) as error:
        fine_tune(two_layers(), *noisy(), **options)
    assert "\n" not in str(error.value)


def test_fit_of_a_machine_knows_no_loss():
    machine = RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")
    with pytest.raises(EbmError, match="network"):
        EarlyStopping(score="loss").require(machine, np.eye(4), np.eye(4))


def test_steps_with_dropout_resume(tmp_path):
    """A state that is saved in the middle of an epoch goes on with the same masks."""
    import ebm

    x, y = noisy()
    rule, optimiser = BackPropagation(dropout=0.5), Adam(0.01)

    def to(state, last):
        for now in train(state, (x, y[:, None]), rule, optimiser, 50, 7):
            if now.step == last:
                return now
        raise AssertionError

    whole = to(begin(two_layers(), rule, optimiser, 7), 8).machine
    ebm.save(tmp_path / "s.npz", to(begin(two_layers(), rule, optimiser, 7), 4))
    assert same(to(ebm.load(tmp_path / "s.npz"), 8).machine, whole)
