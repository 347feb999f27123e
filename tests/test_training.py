"""Training: optimisers and schedules by definition, batches, penalties, and when to give up."""

import laws
import numpy as np
import pytest
from test_optimisers import quadratic

import ebm
from ebm import (
    CD,
    L1,
    L2,
    PCD,
    RBM,
    SGD,
    Adam,
    AdamW,
    Averaged,
    Bernoulli,
    BoltzmannMachine,
    Clipped,
    Diverged,
    EbmError,
    Exact,
    Gaussian,
    InverseTime,
    Ising,
    Linear,
    PerEpoch,
    RMSprop,
    begin,
    fit,
    train,
)
from ebm.learning import Carried

OPTIMISERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    SGD(Linear(0.2, 0.01, epochs=3)),
    Adam(0.01),
    Adam(InverseTime(0.05, 2.0)),
    AdamW(0.01, decay=0.1),
    RMSprop(0.01),
    Clipped(SGD(0.1, momentum=0.5), norm=0.2),
    Averaged(SGD(0.1), start=1.0, every=2),
]
MACHINES = {
    "rbm32": lambda: laws.MACHINES["bernoulli-bernoulli"](dtype=np.float32),
    "rbm64": lambda: laws.MACHINES["potts-bernoulli"](),
    "rbm-precise": lambda: laws.MACHINES["precise-bernoulli"](dtype=np.float32),
    "mixed32": lambda: laws.MACHINES["mixed-bernoulli"](dtype=np.float32),
    "bm32": lambda: laws.MACHINES["ising-sparse-hidden"](dtype=np.float32),
    "bm64": lambda: laws.MACHINES["bernoulli-hidden"](),
}


def rows_of(machine, n=20, seed=0):
    rng = np.random.default_rng(seed)
    return laws.states_of(machine.units, n, machine.n_visible, rng)


def run_to(state, step, *args, **kwargs):
    return next(s for s in train(state, *args, **kwargs) if s.step == step)


def test_seeds_matter_and_repeat():
    def learned(**k):
        machine = MACHINES["rbm64"]()
        fit(machine, rows_of(machine), epochs=2, batch_size=6, **k)
        return machine.W

    assert np.array_equal(learned(seed=1), learned(seed=1))
    assert not np.array_equal(learned(seed=1), learned(seed=2))


# Minibatches.


class Recorder:
    """A rule that notes the rows and weights it is shown and teaches nothing."""

    def __init__(self):
        self.seen = []

    def init(self, machine, rng):
        return Carried()

    def gradient(self, machine, batch, chains, rng):
        self.seen.append(batch)
        return {k: np.zeros_like(v) for k, v in machine.params.items()}, chains


@pytest.mark.parametrize(("n", "size"), [(20, 6), (20, 20), (20, 100), (501, 500), (5, 1)])
def test_an_epoch_shows_every_row_once_with_its_weight(n, size):
    machine, rule = RBM.random(Gaussian(), Bernoulli(), 1, 1, dtype="float64"), Recorder()
    rows, weights = np.arange(n, dtype=float)[:, None], np.arange(n) + 0.5
    per_epoch = -(-n // size)
    run_to(begin(machine, rule, SGD()), 2 * per_epoch, rows, rule, SGD(), size, weights=weights)
    epochs = [np.concatenate([b[0] for b in rule.seen[k : k + per_epoch]])[:, 0] for k in (0, per_epoch)]
    for epoch in epochs:
        assert np.array_equal(np.sort(epoch), rows[:, 0])
    for v, w in rule.seen:
        np.testing.assert_allclose(w, (v[:, 0] + 0.5) / weights.mean(), rtol=1e-12)
    assert n <= 5 or not np.array_equal(*epochs)


@pytest.mark.parametrize("rule", [CD(), PCD()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_501_row_law(rule, dtype):
    """A last batch of one row must not be weighed against the full chains: fair bits stay near log 2 each.

    scikit-learn's RBM falls to -42.7 nats here; 8 fair bits have -5.55.
    """
    rows = np.random.default_rng(0).integers(2, size=(501, 8)).astype(float)
    machine = RBM.random(Bernoulli(), Bernoulli(), 8, 8, dtype=dtype)
    fit(machine, rows, rule=rule, optimiser=SGD(0.1), epochs=200, batch_size=500)
    assert ebm.log_likelihood(machine, rows).mean() > -5.7


@pytest.mark.parametrize("rule", [CD(), PCD(), Exact()], ids=repr)
def test_an_epoch_of_a_network_or_machine_without_weight_is_harmless(rule):
    """Some batches have no weight at all: no NaN, and the machine still learns from the others."""
    machine = MACHINES["rbm64"]()
    rows = rows_of(machine)
    weights = np.zeros(20)
    weights[3] = 1.0
    before = machine.W.copy()
    fit(machine, rows, rule=rule, weights=weights, epochs=3, batch_size=2)
    assert np.isfinite(machine.W).all()
    assert np.any(before != machine.W)


def test_weights_are_repeated_rows_in_fit():
    machine, other = MACHINES["rbm64"](), MACHINES["rbm64"]()
    rows, weights = rows_of(machine, 5), np.array([1, 3, 0, 2, 1])
    fit(machine, rows, rule=Exact(), weights=weights, epochs=30, batch_size=5)
    fit(other, np.repeat(rows, weights, 0), rule=Exact(), epochs=30, batch_size=7)
    for key in machine.params:
        np.testing.assert_allclose(machine.params[key], other.params[key], atol=1e-10)


# Optimisers, schedules, penalties.


def test_the_time_of_a_schedule_is_the_epoch():
    """Over 4 batches an epoch the rate of PerEpoch changes at steps 4 and 8; the gradient here is one."""

    class One(Recorder):
        def gradient(self, machine, batch, chains, rng):
            return {k: np.ones_like(v) for k, v in machine.params.items()}, chains

    machine = RBM(Bernoulli(), Bernoulli(), np.zeros((2, 1)), np.zeros(2), np.zeros(1))
    optimiser, seen = SGD(PerEpoch([1.0, 0.25, 0.0625])), []
    for state in train(begin(machine, One(), optimiser), rows_of(machine), One(), optimiser, 6):
        seen.append(machine.b[0])
        if state.step == 12:
            break
    assert np.array_equal(np.diff([0, *seen]), [1.0] * 4 + [0.25] * 4 + [0.0625] * 4)


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimisers_ascend_in_place_and_keep_the_dtype(optimiser, dtype):
    params = {"p": np.array([0.0, 1.0], dtype), "q": np.zeros((2, 2), dtype)}
    arrays, memory = list(params.values()), optimiser.init(params)
    optimiser.update(params, {"p": np.array([1.0, -1.0], dtype), "q": np.ones((2, 2), dtype)}, memory)
    assert all(a is b for a, b in zip(arrays, params.values(), strict=True))
    assert params["p"].dtype == params["q"].dtype == dtype
    assert params["p"][0] > 0
    assert params["p"][1] < 1
    assert np.all(params["q"] > 0)
    assert np.abs(quadratic(optimiser, 2000)[-1] - 3).max() < 0.5


@pytest.mark.parametrize("penalty", [L1(0.3), L2(0.3)], ids=repr)
@pytest.mark.parametrize("kind", MACHINES)
def test_penalties_pull_couplings_to_zero_and_leave_biases(kind, penalty):
    """One step with a rule that teaches nothing moves w by -rate times the derivative of the penalty."""
    machine = MACHINES[kind]()
    key = machine.couplings[0]
    before = {k: v.copy() for k, v in machine.params.items()}
    run_to(
        begin(machine, Recorder(), SGD(0.1)),
        1,
        rows_of(machine),
        Recorder(),
        SGD(0.1),
        20,
        penalties=[penalty],
    )
    w = before[key]
    slope = 0.3 * w if isinstance(penalty, L2) else 0.3 * np.sign(w)
    np.testing.assert_allclose(machine.params[key], w - 0.1 * slope, atol=1e-6)
    for k in machine.params:
        assert k == key or np.array_equal(machine.params[k], before[k])


def test_a_penalised_optimum_is_stationary():
    """At the optimum of Exact() with L2, the gradient of the likelihood equals strength times w."""
    teacher = laws.FULLY["ising"]()
    x, p = laws.distribution(teacher)
    student = teacher.copy()
    fit(
        student,
        x,
        rule=Exact(),
        optimiser=SGD(0.1, momentum=0.8),
        weights=p,
        penalties=[L2(0.5)],
        epochs=600,
        batch_size=64,
    )
    found, _ = Exact().gradient(student, (x, p), Carried(), None)
    np.testing.assert_allclose(found["J"], 0.5 * student.J, atol=1e-8)
    np.testing.assert_allclose(found["b"], 0, atol=1e-8)


# When to give up.


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("rule", [CD(), PCD()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_absurd_rate_is_called_divergence(rule, dtype):
    machine = RBM.random(Gaussian(), Bernoulli(), 4, 3, scale=1.0, dtype=dtype)
    with pytest.raises(Diverged, match="rate") as error:
        fit(machine, 10 * rows_of(machine), rule=rule, optimiser=SGD(1e6), epochs=400, batch_size=5)
    assert "\n" not in str(error.value)


RBM_ROWS = np.zeros((4, 5))


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (np.zeros((4, 6)), {}),
        (np.zeros(5), {}),
        (np.zeros((0, 5)), {}),
        (np.full((4, 5), 2.0), {}),
        (np.full((4, 5), np.nan), {}),
        (RBM_ROWS, {"weights": np.zeros(4)}),
        (RBM_ROWS, {"weights": [1, 1, 1, -1]}),
        (RBM_ROWS, {"weights": [1, 1, 1]}),
        (RBM_ROWS, {"weights": [1, 1, 1, np.nan]}),
        (RBM_ROWS, {"batch_size": 0}),
        (RBM_ROWS, {"batch_size": -3}),
        (RBM_ROWS, {"batch_size": 2.0}),
        (RBM_ROWS, {"epochs": -1}),
        (RBM_ROWS, {"epochs": 1.5}),
        (RBM_ROWS, {"epochs": np.nan}),
        (RBM_ROWS, {"epochs": np.inf}),
        (RBM_ROWS, {"rule": CD}),
        (RBM_ROWS, {"rule": "CD"}),
        (RBM_ROWS, {"optimiser": 0.1}),
        (RBM_ROWS, {"optimiser": SGD}),
        (RBM_ROWS, {"validation": np.zeros((3, 4))}),
        (RBM_ROWS, {"validation": np.full((3, 5), 7.0)}),
        (RBM_ROWS, {"seed": -1}),
    ],
    ids=str,
)
def test_wrong_data_or_settings_are_one_line(data, settings):
    machine = MACHINES["rbm32"]()
    with pytest.raises(EbmError) as error:
        fit(machine, data, **settings)
    assert "\n" not in str(error.value)


def test_history_holds_the_energies_that_evaluate_defines():
    machine = MACHINES["rbm64"]()
    rows, other = rows_of(machine), rows_of(machine, 9, seed=1)
    history = fit(
        machine, rows, epochs=3, batch_size=6, validation=other, optimiser=SGD(PerEpoch([0.3, 0.2, 0.1]))
    )
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["step"].tolist() == [4, 8, 12]
    assert history["rate"].tolist() == [0.3, 0.2, 0.1]
    free = machine.free_energy
    np.testing.assert_allclose(history["free_energy_train"][-1], free(rows).mean())
    np.testing.assert_allclose(history["free_energy_train_std"][-1], free(rows).std())
    np.testing.assert_allclose(history["free_energy_gap"][-1], free(other).mean() - free(rows).mean())
    assert [row["epoch"] for row in history] == [1, 2, 3]
    with pytest.raises(EbmError, match="did you mean 'free_energy_train'") as error:
        history["free_energy_trian"]
    assert isinstance(error.value, KeyError)
    assert "\n" not in str(error.value)
    assert len(fit(machine, rows, epochs=0)) == 0


def test_progress_is_told(capsys):
    machine, told = MACHINES["rbm64"](), []
    how = {"epochs": 3, "batch_size": 6, "optimiser": SGD(PerEpoch([0.3, 0.2, 0.1]))}
    fit(machine, rows_of(machine), progress=lambda *now: told.append(now), **how)
    assert [done for done, _ in told] == [1 / 3, 2 / 3, 1]
    assert told[-1][1].startswith("epoch 3/3, rate 0.1")
    fit(machine, rows_of(machine), **how)
    assert capsys.readouterr() == ("", "")


def test_what_another_rule_or_optimiser_made_is_refused():
    """In one line that names both, before anything is learnt."""
    machine, rule, optimiser = MACHINES["rbm64"](), PCD(), SGD(0.1, momentum=0.5)
    before = {key: value.copy() for key, value in machine.params.items()}
    for begun, words in (
        (begin(machine, CD(), optimiser), "PCD.*Persistent"),
        (begin(machine, rule, Adam()), "SGD.*Velocity"),
    ):
        with pytest.raises(EbmError, match=words) as error:
            next(train(begun, rows_of(machine), rule, optimiser, 6))
        assert "\n" not in str(error.value)
    assert all(np.array_equal(value, before[key]) for key, value in machine.params.items())


def test_sparse_machines_keep_their_pattern_and_symmetry():
    machine = BoltzmannMachine(Ising(), laws.FULLY["ising-sparse-hidden"]().J, n_visible=3)
    pattern = machine.J.indices.copy()
    fit(machine, rows_of(machine), rule=PCD(n_chains=9), epochs=3, batch_size=6, penalties=[L1(0.01)])
    assert np.array_equal(machine.J.indices, pattern)
    full = machine.J.toarray()
    assert np.array_equal(full, full.T)


def test_a_callback_has_every_row_and_changes_nothing():
    def learnt(callback=None):
        machine = RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")
        return fit(machine, np.eye(4), epochs=3, batch_size=2, callback=callback), machine

    told = []
    history, machine = learnt(lambda row: told.append(dict(row)) or row.clear())
    plain, other = learnt()
    assert told == history.rows == plain.rows
    assert np.array_equal(machine.W, other.W)
    with pytest.raises(EbmError, match="callback: got 'print'"):
        learnt("print")


def test_a_callback_may_end_learning():
    machine = RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")

    def enough(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(machine, np.eye(4), epochs=9, batch_size=2, callback=enough)
    short = RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")
    fit(short, np.eye(4), epochs=2, batch_size=2)
    assert np.array_equal(machine.W, short.W)
