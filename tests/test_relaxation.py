"""Relaxation times: what is measured is what the exact transition matrix says, and k follows it."""

import math
import warnings
from dataclasses import replace

import laws
import numpy as np
import pytest

import ebm
from ebm import (
    CD,
    PCD,
    RBM,
    SGD,
    Bernoulli,
    EbmError,
    FastPCD,
    Gibbs,
    Ising,
    Potts,
    RandomStart,
    SparseHidden,
    Stream,
    begin,
    experiment,
    fit,
    train,
)
from ebm.datasets import BarsAndStripes
from ebm.diagnostics import relaxation_time
from ebm.experiment.report import Report
from ebm.learning import tuning
from ebm.samplers.relaxation import relaxation
from ebm.training import equilibrium
from ebm.training.equilibrium import Equilibrium


def exact_time(machine):
    """−1/log of the second eigenvalue of a sweep, by the definition: p(v'|v) = Σ_h p(v'|h) p(h|v)."""
    v = laws.all_states(machine.visible, machine.n_visible)
    h = laws.all_states(machine.hidden, machine.n_hidden)
    f, g = laws.phi(machine.visible, v), laws.phi(machine.hidden, h)
    p = np.exp(f @ machine.b[:, None] + g @ machine.c + f @ machine.W @ g.T)
    step = (p / p.sum(1, keepdims=True)) @ (p / p.sum(0)).T
    np.testing.assert_allclose(step.sum(1), 1)
    second = np.sort(np.linalg.eigvals(step).real)[-2]
    return -1 / math.log(second)


def pair(J):
    """Two spins, λ = tanh² J."""
    return RBM(Ising(), Ising(), [[J]], [0.0], [0.0])


def ferromagnet(J):
    """Eight spins and four that hold them together."""
    return RBM(Ising(), Ising(), np.full((8, 4), J), np.zeros(8), np.zeros(4))


def twins(J, n=10):
    """All n units on, or all off, with one weight."""
    return RBM(Bernoulli(), Bernoulli(), np.full((n, 1), J), np.full(n, -J / 2), [-n * J / 2])


def condensed(J):
    """Four units that take one of three states together."""
    return RBM(Potts(3), Potts(3), np.tile(J * np.eye(3), (4, 2)), np.zeros(12), np.zeros(6))


COUPLED = [
    *((pair, J) for J in (0.2, 0.5, 1.0, 1.5, 2.0, 2.5)),
    *((ferromagnet, J) for J in (0.05, 0.15, 0.25, 0.3)),
    *((twins, J) for J in (1.0, 2.0, 3.0)),
    *((condensed, J) for J in (0.5, 1.0, 1.5)),
]
coupled = pytest.mark.parametrize(("make", "J"), COUPLED, ids=[f"{f.__name__}-{J}" for f, J in COUPLED])


def draws(machine, n=100, seed=0):
    return laws.exact_draws(machine, n, np.random.default_rng(seed))


def test_the_time_of_a_known_process():
    """Gaussian chains with ρ(t) = exp(−t/τ), of 64 steps: within 4.5 σ of −t/log ρ, from that of ρ."""
    rng = np.random.default_rng(0)
    for tau in (0.3, 2.0, 8.0, 50.0, 400.0):
        a = math.exp(-1 / tau)
        x = [rng.normal(size=1000)]
        for _ in range(63):
            x.append(a * x[-1] + math.sqrt(1 - a * a) * rng.normal(size=1000))
        lag = next(t for t in (1, 2, 4, 8, 16, 32) if t >= tau or t == 32)
        rho = math.exp(-lag / tau)
        sigma = tau**2 / lag / rho * math.sqrt((1 - rho**2) / 1000)  # as if the steps of a chain were one
        found = relaxation_time(np.transpose(x), warn=False)
        assert abs(found - tau) < 4.5 * sigma
        assert relaxation_time(7 - 3 * np.transpose(x), warn=False) == pytest.approx(found)


def test_the_slowest_of_several_series_counts():
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.normal(size=(50, 10)), 10, axis=1)
    both = np.stack([rng.normal(size=(50, 100)), slow], axis=2)
    assert relaxation_time(both) == relaxation_time(slow) > 5
    assert relaxation_time(both[:, :, 0]) < 1


def test_chains_that_never_move_and_series_that_are_constant():
    assert relaxation_time(np.repeat([[0.0], [1.0]], 20, axis=1), warn=False) == math.inf
    assert relaxation_time(np.full((5, 20), 1 / 3)) == 0
    with pytest.warns(RuntimeWarning, match="extrapolated"):
        relaxation_time(np.repeat([[0.0], [1.0]], 20, axis=1))
    with pytest.raises(EbmError, match="series"):
        relaxation_time([[1.0, np.nan, 0.0, 1.0]])


@pytest.mark.some(3)
@coupled
def test_measured_on_samples_it_is_the_exact_time(make, J):
    """Within a factor of 1.6 (a mean over modes lies below the slowest), and half a sweep; 1000 chains."""
    machine = make(J)
    exact = exact_time(machine)
    rng = Stream(1)
    found = relaxation(machine, machine.start(draws(machine, 1000)), rng, 512)
    assert exact / 1.6 - 0.5 < found < 1.6 * exact + 0.5
    assert max(16, 4 * found) <= rng.counter <= max(16, 8 * found)  # it runs for as long as it needs


@pytest.mark.parametrize(("make", "J"), [(pair, 3.0), (ferromagnet, 0.35), (twins, 4.0)])
def test_sixteen_sweeps_tell_times_that_are_longer(make, J):
    """Ten sweeps to a hundred and more times as many: the order of magnitude is seen without waiting."""
    machine = make(J)
    exact, rng = exact_time(machine), Stream(1)
    assert exact > 90
    found = relaxation(machine, machine.start(draws(machine)), rng, 16)
    assert rng.counter == 16
    assert exact / 5 < found < 2 * exact


def test_stuck_chains_have_a_finite_time():
    machine = twins(30.0)
    x = np.repeat([[0.0], [1.0]], 10, axis=1)
    assert relaxation(machine, machine.start(x), Stream(0), 16) == 2 * 16


@coupled
def test_the_k_of_auto_is_the_exact_time(make, J, monkeypatch):
    """At the third measurement, of a machine that stands still: k within a factor of two, and one sweep."""
    monkeypatch.setattr(tuning, "_EVERY", 8)
    machine, rule = make(J), PCD(k="auto")
    rng, batch = Stream(3), (draws(machine, 10), np.ones(10))
    chains = replace(rule.init(machine, rng), x=draws(machine, seed=1))
    exact = exact_time(machine)
    for _ in range(2 * tuning._EVERY + 1):
        _, chains = rule.gradient(machine, batch, chains, rng)
    assert min(100, exact) / 2 - 1 < rule.sweeps(chains) < 2 * exact + 1
    if exact < 0.7:
        assert rule.sweeps(chains) == 1


def test_k_stays_at_most():
    machine = ferromagnet(0.5)
    rule, rng = PCD(k="auto", most=7), Stream(0)
    chains = replace(rule.init(machine, rng), x=draws(machine))
    _, chains = rule.gradient(machine, (draws(machine, 10), np.ones(10)), chains, rng)
    assert rule.sweeps(chains) == 7


@pytest.mark.parametrize("bad", [{"k": "aut"}, {"k": 0}, {"n_chains": 1}, {"sampler": Gibbs()}], ids=repr)
def test_auto_is_checked_in_one_line(bad):
    with pytest.raises(EbmError, match=r"k: .*auto") as error:
        PCD(**{"k": "auto"} | bad)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("n_chains", [2, 30, 300])
def test_measuring_moves_no_chain(n_chains):
    """Copies do: the chains themselves stand, and with them the hidden states that they go on with."""
    machine, rng = twins(2.0), Stream(0)
    chains = machine.start(draws(machine, n_chains))
    machine.sweep(chains, rng)
    machine.free_energy(chains)  # φ(v)·W stands, so that h is drawn ahead
    x, ahead = (np.asarray(value).copy() for value in machine.carry(chains, rng))
    running, counter = machine.restart(x, ahead), rng.counter
    tuning.tuned(machine, running, tuning.Tuning(), rng, 100)
    assert rng.counter > counter
    assert np.array_equal(running.x, x)
    assert np.array_equal(np.asarray(running.h), ahead)


def test_k_is_measured_now_and_then_in_few_sweeps():
    """A sixteenth of all sweeps at most, also where chains are stuck: the stream counts them."""
    machine, rule, rng = ferromagnet(0.5), PCD(k="auto", most=10), Stream(0)
    chains, batch, ran = rule.init(machine, rng), (draws(machine, 4), np.ones(4)), 0
    for update in range(3 * tuning._EVERY):
        before = chains.tuned
        _, chains = rule.gradient(machine, batch, chains, rng)
        assert update % tuning._EVERY == 0 or chains.tuned == before
        ran += chains.tuned
    drawn_ahead = 3 * tuning._EVERY  # h, for the next sweep
    assert 0 < rng.counter - ran - drawn_ahead - 1 <= ran / 16 + 16


def test_k_grows_where_learning_orders():
    """From 1, with the exact time of the machine, which learning takes from below one sweep to ten."""
    rule = PCD(k="auto")
    machine = RBM.random(Bernoulli(), Bernoulli(), 9, 6, scale=0.1, seed=2, dtype=np.float64)
    rows, seen = BarsAndStripes(n=3).load().train, []
    optimiser = SGD(0.3)
    for state in train(begin(machine, rule, optimiser), rows, rule, optimiser, 14):
        if state.step % tuning._EVERY == 1:
            seen.append((rule.sweeps(state.chains), exact_time(machine)))
        if len(seen) == 5:
            break
    k, exact = np.transpose(seen)
    assert k[0] == 1
    assert k[-1] >= 4
    assert np.all(k < 2 * exact + 1)
    assert np.all(k > exact / 3 - 1)


# Has learning left equilibrium?


FAR = np.repeat([[0.0], [1.0]], 16, axis=1)
PLAIN = np.random.default_rng(0).integers(2, size=(200, 8)).astype(float)
LEARNT = [CD(), PCD(), RandomStart(k=1), SparseHidden(PCD(n_chains=30)), CD(centred=True)]


def learn(rows, rule, epochs=600, rate=0.1, **settings):
    machine = RBM.random(Bernoulli(), Bernoulli(), rows.shape[1], 4, scale=0.1, dtype=np.float64)
    return machine, fit(machine, rows, rule=rule, optimiser=SGD(rate), epochs=epochs, **settings)


@pytest.mark.some(3)
@pytest.mark.parametrize("rule", LEARNT, ids=repr)
def test_learning_two_far_patterns_says_so_once(rule):
    with pytest.warns(RuntimeWarning, match=r"left equilibrium at step \d+: .*\(k=1\).*auto") as caught:
        machine, history = learn(FAR, rule, 800, 0.2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    tau = history["relaxation_time"]
    assert np.isfinite(tau).sum() > 1
    assert np.nanmax(tau) > 10
    assert exact_time_of_visible(machine) > 10


def exact_time_of_visible(machine):
    """Of an RBM with few hidden units: the chain of hidden states has the same eigenvalues, except zeros."""
    return exact_time(RBM(machine.hidden, machine.visible, machine.W.T, machine.c, machine.b))


@pytest.mark.parametrize("rule", [*LEARNT, PCD(k="auto")], ids=repr)
def test_learning_that_mixes_is_silent(rule):
    """Fair bits: nothing to remember."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        machine, history = learn(PLAIN, rule, batch_size=200)
    assert exact_time_of_visible(machine) < 1.4
    tau = history["relaxation_time"]
    assert np.isfinite(tau).sum() >= 1
    assert np.nanmax(tau) < 1.4


def test_chains_long_enough_are_silent_on_what_one_sweep_warns_of():
    """The same rows, to the same order: k = 1 says so, "auto" does not."""
    rows = FAR[:, :6]
    with pytest.warns(RuntimeWarning, match="left equilibrium"):
        learn(rows, CD(), 1000, 0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = learn(rows, PCD(k="auto"), 1000, 0.05)
    assert history["sweeps"][0] == 1
    assert history["sweeps"][-1] > 3


@pytest.mark.parametrize(
    "rule", [ebm.Exact(), FastPCD(), PCD(sampler=Gibbs()), SparseHidden(ebm.Exact())], ids=repr
)
def test_rules_whose_chains_are_no_gibbs_chains_are_left_alone(rule):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = learn(FAR[:, :6], rule, 600, 0.5)
    assert not any("relaxation_time" in row for row in history.rows)


def test_short_learning_is_left_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = learn(FAR, CD(), 511, 2.0)
        assert not any("relaxation_time" in row for row in history.rows)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("rule", [CD(), PCD(n_chains=9), PCD(k="auto")], ids=repr)
@pytest.mark.parametrize(
    "name", ["bernoulli-bernoulli", "potts-potts", "gaussian-bernoulli", "ising-sparse-hidden"]
)
def test_looking_changes_nothing(rule, name, monkeypatch):
    monkeypatch.setattr(equilibrium, "LEAST", 0)
    states = [begin(laws.MACHINES[name](), rule, SGD(0.1), 1) for _ in range(2)]
    machine = states[0].machine
    rows = machine.sample0(12, Stream(5))[:, : machine.n_visible]
    watch, found = Equilibrium(rule, 1), []
    for step in range(1, 5):
        for state in states:
            next(train(state, rows, rule, SGD(0.1), 6))
        found.append(watch.look(states[0], rows))
        assert states[0].step == step
    one, other = states
    assert one.rng.counter == other.rng.counter
    for left, right in ((one.machine.params, other.machine.params), (one.chains.pack(), other.chains.pack())):
        assert left.keys() == right.keys()
        assert all(np.array_equal(np.asarray(left[key]), np.asarray(right[key])) for key in left)
    assert all(row["relaxation_time"] >= 0 for row in found)


def test_evaluations_are_looked_at_in_steps_of_a_half_or_a_third():
    due = [n for n in range(-1, 100) if equilibrium._due(n)]
    assert due == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]


def test_a_run_says_so_in_one_line_and_keeps_the_number(tmp_path):
    lines = []

    class Said(Report):
        def warn(self, text):
            lines.append(text)

    config = tmp_path / "two.toml"
    np.save(tmp_path / "far.npy", np.repeat(FAR, 10, axis=0))
    config.write_text(
        f"""
        [data]
        type = "File"
        path = "{tmp_path}/far.npy"
        [machine]
        type = "RBM"
        n_hidden = 4
        scale = 0.1
        [rule]
        type = "PCD"
        [optimiser]
        type = "SGD"
        rate = 0.3
        [train]
        epochs = 800
        batch_size = 20
        evaluate_every = 50
        [plots]
        enabled = false
        """
    )
    run = experiment.run(config, out=tmp_path / "run", report=Said())
    assert sum("left equilibrium" in line for line in lines) == 1
    table = ebm.plots.read_metrics(run.path)
    assert np.array_equal(np.flatnonzero(np.isfinite(table["relaxation_time"])), [12, 16])
