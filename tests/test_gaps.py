"""Rows with gaps: what is not observed is summed out, or drawn from the exact conditional distribution."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm.gaps import as_gapped, completions, fill, local_inputs
from ebm.learning.gaps import gradient_with_gaps
from ebm.learning.rules import Carried
from ebm.stream import Stream
from ebm.testing import exactly

_MIXED = ebm.Mixed(((ebm.Bernoulli(), 2), (ebm.Potts(3), 2)))
MACHINES = {
    "bernoulli rbm": lambda dtype: laws.restricted(ebm.Bernoulli(), ebm.Bernoulli(), 5, 3, dtype=dtype),
    "ising rbm": lambda dtype: laws.restricted(ebm.Ising(), ebm.Gaussian(), 5, 2, dtype=dtype, scale=0.4),
    "potts rbm": lambda dtype: laws.restricted(ebm.Potts(3), ebm.Bernoulli(), 3, 3, dtype=dtype),
    "mixed rbm": lambda dtype: laws.restricted(_MIXED, ebm.Ising(), 4, 2, dtype=dtype),
    "bernoulli": lambda dtype: laws.boltzmann(ebm.Bernoulli(), 6, dtype=dtype),
    "ising sparse": lambda dtype: laws.boltzmann(ebm.Ising(), 6, sparse=True, dtype=dtype),
    "potts": lambda dtype: laws.boltzmann(ebm.Potts(3), 4, dtype=dtype),
    "mixed": lambda dtype: laws.boltzmann(_MIXED, 4, dtype=dtype),
    "hidden": lambda dtype: laws.boltzmann(ebm.Ising(), 6, n_visible=4, dtype=dtype),
    "deep": laws.deep,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MACHINES)
def test_filled_states_stay_at_p(name, dtype):
    """Gaps anywhere, drawn anew, leave states that are exactly p where they are: no drift."""
    machine = MACHINES[name](dtype)
    states = exactly.states_of(machine)
    x = exactly.draws(machine, states, 20_000, 1)
    gaps = np.random.default_rng(2).random(x.shape) < 0.5
    y = fill(machine, x, gaps, Stream(3), 2)
    assert np.array_equal(y[~gaps], x[~gaps])
    assert (y[gaps] != x[gaps]).mean() > 0.1
    exactly.is_sample(machine, y, "fill", states)


@pytest.mark.parametrize("name", MACHINES)
def test_filled_states_forget(name):
    """From anywhere, gaps of one kind end in their conditional distribution."""
    machine = MACHINES[name](np.float64)
    states = exactly.states_of(machine)
    x = np.repeat(exactly.draws(machine, states, 1, 4), 20_000, axis=0)
    gaps = np.zeros(x.shape, bool)
    gaps[:, [0, x.shape[1] - 1]] = True
    y = fill(machine, x, gaps, Stream(5), 30)
    log_p = states.log_p(machine)
    log_p = np.where((states.x[:, ~gaps[0]] == x[0, ~gaps[0]]).all(1), log_p, -np.inf)
    p = np.exp(log_p - logsumexp(log_p))
    assert exactly.total_variation(machine, y, p) < exactly.tv_limit(p, len(y))


@pytest.mark.parametrize("name", ["bernoulli rbm", "bernoulli", "ising sparse", "potts", "deep"])
@pytest.mark.parametrize(
    "wrong", [np.ones((2, 50), bool), np.ones((2, 1), bool), np.ones((9, 6), bool), "ints"]
)
def test_masks_that_do_not_fit_reach_no_kernel(name, wrong):
    machine = MACHINES[name](np.float64)
    x = machine.sample0(2, Stream(0))
    with pytest.raises(ebm.EbmError, match="gaps: expected a bool mask of shape"):
        machine.fill(x, np.ones(x.shape, int) if isinstance(wrong, str) else wrong, Stream(1))


def test_machines_without_the_ability_are_filled_too():
    class Plain:
        """A machine that offers what `Machine` asks for and no more."""

        def __init__(self, machine):
            self._machine = machine

        def __getattr__(self, name):
            if name in ("fill", "local_inputs"):
                raise AttributeError(name)
            return getattr(self._machine, name)

    machine = MACHINES["bernoulli"](np.float64)
    states = exactly.states_of(machine)
    x = exactly.draws(machine, states, 3000, 1)
    gaps = np.random.default_rng(2).random(x.shape) < 0.5
    y = fill(Plain(machine), x, gaps, Stream(3), 2)
    assert np.array_equal(y[~gaps], x[~gaps])
    exactly.is_sample(machine, y, "fill", states)
    assert local_inputs(Plain(machine), x, Stream(0)) is None


def _rows(machine, n=40, share=0.4, seed=6):
    """Draws of a machine's visible units with gaps."""
    states = exactly.states_of(machine)
    x = exactly.draws(machine, states, n, seed)[:, : machine.n_visible].astype(np.float64)
    x[np.random.default_rng(seed).random(x.shape) < share] = np.nan
    return x[~np.isnan(x).all(1)]


def _observed_log_likelihood(machine, rows, weights):
    """Σ weights log p(observed), by the sum over all states."""
    states = exactly.states_of(machine)
    log_p = states.log_p(machine)
    log_p -= logsumexp(log_p)
    v = states.x[:, : machine.n_visible]
    fits = [((v == row) | np.isnan(row)).all(1) for row in rows]
    return float(sum(w * logsumexp(log_p[fit]) for w, fit in zip(weights, fits, strict=True)))


@pytest.mark.some(3)
@pytest.mark.parametrize("name", MACHINES)
def test_exact_gradient_is_the_slope_of_the_observed_likelihood(name):
    machine = MACHINES[name](np.float64)
    rows = _rows(machine, 8)
    weights = np.random.default_rng(0).random(len(rows))
    state = ebm.begin(machine, ebm.Exact(), ebm.SGD(1.0))
    before = {key: value.copy() for key, value in machine.params.items()}
    ebm.partial_fit(state, rows, ebm.Exact(), ebm.SGD(1.0), weights=weights)
    share = weights / weights.sum()
    found = {key: machine.params[key] - before[key] for key in before}
    for key in before:
        machine.params[key][:] = before[key]
    machine.project()

    for key in before:
        for places in laws.moves(machine, key)[:5]:
            slope = laws.derivative(machine, key, places, lambda m: _observed_log_likelihood(m, rows, share))
            assert found[key][places[0]] == pytest.approx(slope, abs=2e-6)


def _completed_mean(machine, rows, n=1420):
    """The mean positive statistics of a rule that sees drawn rows, the machine standing still."""
    seen = []

    class Sees:
        """A rule whose gradient is the statistics of the rows."""

        def init(self, machine, rng):
            return Carried()

        def gradient(self, machine, batch, carried, rng):
            seen.append(machine.posterior_stats(batch[0], batch[1] / batch[1].sum()))
            return seen[-1], carried

    rule, rng, carried = Sees(), Stream(1), Carried()
    gapped = as_gapped(machine, rows)
    for _ in range(n):
        _, carried = gradient_with_gaps(rule, machine, (gapped, np.ones(len(rows))), carried, rng)
    return {key: np.array([stats[key] for stats in seen[20:]]) for key in seen[0]}


@pytest.mark.parametrize("name", ["bernoulli rbm", "mixed", "hidden", "deep"])
def test_drawn_rows_have_the_mean_of_the_exact_sum(name):
    machine = MACHINES[name](np.float64)
    rows = _rows(machine, 10)
    exact = machine.posterior_stats(
        *completions(machine, as_gapped(machine, rows), np.full(len(rows), 1 / len(rows)))
    )
    for key, values in _completed_mean(machine, rows).items():
        blocks = values.reshape(20, -1, *values.shape[1:]).mean(1)
        error = blocks.std(0, ddof=1) / np.sqrt(20)
        assert (np.abs(blocks.mean(0) - exact[key]) <= 5.5 * error + 1e-9).all()


@pytest.mark.parametrize(
    "rule", [ebm.PCD(n_chains=5), ebm.CD(), ebm.PseudoLikelihood(), ebm.Exact()], ids=repr
)
def test_resume_is_bitwise(rule, tmp_path):
    machine = MACHINES["bernoulli rbm"](np.float32)
    rows = _rows(machine, 30).astype(np.float32)
    rows[3] = np.nan
    optimiser, states = ebm.SGD(0.05), []
    begun = ebm.begin(machine, rule, optimiser)
    for state in ebm.train(begun, rows, rule, optimiser, batch_size=8):
        if state.step == 7:
            ebm.save(tmp_path / "state.npz", state)
        if state.step == 15:
            states.append(state.machine.W.copy())
            break
    begun = ebm.load(tmp_path / "state.npz")
    for state in ebm.train(begun, rows, rule, optimiser, batch_size=8):
        if state.step == 15:
            states.append(state.machine.W.copy())
            break
    assert np.array_equal(*states)
    assert np.isfinite(states[0]).all()


def test_rows_that_say_nothing_change_nothing():
    machine = MACHINES["bernoulli"](np.float64)
    rows = _rows(machine, 6)
    more = np.concatenate([rows, np.full((3, 6), np.nan)])
    found = []
    for data in (rows, more):
        other = machine.copy()
        ebm.fit(other, data, rule=ebm.Exact(), optimiser=ebm.SGD(0.1), epochs=3, batch_size=100)
        found.append(other.J)
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_other_rows_than_before_are_refused():
    machine = MACHINES["bernoulli rbm"](np.float64)
    rows, rule, optimiser = _rows(machine, 10), ebm.CD(), ebm.SGD(0.1)
    state = next(ebm.train(ebm.begin(machine, rule, optimiser), rows, rule, optimiser, 5))
    with pytest.raises(
        ebm.EbmError, match=r"data: expected the \(10, 5\) rows that this state has learnt from"
    ):
        next(ebm.train(state, rows[:9], rule, optimiser, 5))


def test_columns_that_nobody_has_are_refused():
    rows = np.array([[0, np.nan], [1, np.nan]])
    with pytest.raises(ebm.EbmError, match="data: column 1 is missing in all rows"):
        ebm.RBM.from_data(rows, 2)
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2, dtype="float64")
    with pytest.raises(ebm.EbmError, match="data: column 1 is missing in all rows"):
        ebm.fit(machine, rows)


@pytest.mark.parametrize("make", [ebm.RBM.from_data, ebm.BoltzmannMachine.from_data])
def test_fit_with_gaps_and_validation(make):
    """Everything that learning looks at takes gaps: energies, early stopping, idle units."""
    states = laws.boltzmann(ebm.Bernoulli(), 6)
    x = exactly.draws(states, exactly.states_of(states), 300, 1).astype(np.float64)
    x[np.random.default_rng(0).random(x.shape) < 0.3] = np.nan
    machine = make(x[:200], 3)
    history = ebm.fit(machine, x[:200], validation=x[200:], stopping=ebm.EarlyStopping(), epochs=4)
    assert len(history["epoch"]) >= 1
    assert np.isfinite(history["free_energy_heldout"]).all()


def test_labels_and_gaps_together():
    """A rule that predicts a unit learns from rows without it, and without others."""
    units = ebm.Mixed(((ebm.Bernoulli(), 4), (ebm.Potts(2), 1)))
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (200, 5)).astype(float)
    x[:, 4] = x[:, 0]
    x[rng.random(x.shape) < 0.2] = np.nan
    machine = ebm.RBM.from_data(x, 4, visible=units, spread=1.0)
    ebm.fit(machine, x, rule=ebm.Hybrid(), optimiser=ebm.SGD(0.3), epochs=60)
    p = ebm.conditional_probabilities(machine, np.array([[0, 1, 0, 1], [1, 1, 0, 1]]))
    assert p[0, 0] > 0.7
    assert p[1, 1] > 0.7
