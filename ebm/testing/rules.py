"""The laws of rules of learning."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.special import logsumexp

from ebm.checkpoint import load, save
from ebm.errors import expect
from ebm.learning import Rule
from ebm.machine import Array, Machine, Params
from ebm.optimisers import SGD
from ebm.rbm import RBM
from ebm.testing.exactly import States, draws, states_of
from ebm.testing.verdict import holds, near, run
from ebm.training import begin, train
from ebm.units import Bernoulli

__all__ = ["check_rule"]

_ROWS = 400
_RUNS = 24  # independent estimates of the gradient at the truth
_BURN = 40  # batches before each, for chains that go on
_SIGMAS = 5.0
_UPDATES = 300
_WEAK, _LEADING = 0.125, 1.1  # share of the couplings where one power leads, and what the others may add

Objective: TypeAlias = Callable[[Machine], float]


class _Case(NamedTuple):
    """What a rule is tried on; as in `check_rule`."""

    machine: Machine
    states: States
    objective: Objective | None
    order: int | None
    rate: float
    away: float


def check_rule(
    rule: Rule,
    machine: Machine | None = None,
    *,
    objective: Objective | None = None,
    order: int | None = None,
    rate: float = 0.1,
    away: float = 0.7,
) -> None:
    """Put a rule to its laws.

    The gradient goes by the parameters' names and shapes, changes neither machine nor batch, and is a
    function of what is carried and of the stream; weights count relative to each other, and rows without any
    teach nothing. Learning that was saved and loaded goes on to the same bits. At the truth, with data drawn
    from the machine itself, the gradient averages to zero. From elsewhere, learning finds back: the objective
    rises.

    Parameters
    ----------
    rule : Rule
    machine : Machine, optional
        The truth: small, in float64; an RBM of 4 × 3 Bernoulli units when left out.
    objective : callable, optional
        Of a machine: what learning must raise; the mean log-likelihood of data drawn from the truth, exactly,
        when left out.
    order : int, optional
        Of rules that approximate: their gradient at the truth, with exact data, goes to zero as this power of
        the couplings, instead of being zero. 1 for naive mean field, in which two units are uncorrelated. Of
        a machine without hidden units in its state.
    rate : float
        Of the ascent from elsewhere.
    away : float
        Standard deviation of what is added to couplings and biases there.

    Raises
    ------
    AssertionError
        A law does not hold.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_rule(ebm.CD(k=2))
    """
    expect(rule, Rule, "check_rule", "a rule such as CD()")
    machine = _truth() if machine is None else machine
    run(rule, _LAWS, _Case(machine, states_of(machine), objective, order, rate, away))


def _truth() -> RBM:
    return RBM.random(Bernoulli(), Bernoulli(), 4, 3, scale=1.0, seed=1, dtype=np.float64)


def _data(machine: Machine, states: States, n: int, seed: int) -> Array:
    return draws(machine, states, n, seed)[:, : machine.n_visible]


def _gradient(rule: Rule, machine: Machine, v: Array, w: Array, seed: int = 0, burn: int = 0) -> Params:
    state = begin(machine, rule, SGD(0.1), seed)
    chains: Any = state.chains
    for _ in range(burn):
        _, chains = rule.gradient(machine, (v, w), chains, state.rng)
    return rule.gradient(machine, (v, w), chains, state.rng)[0]


def _dense(gradient: Params) -> Params:
    """A gradient as arrays: it may be a product that was not computed yet."""
    return {key: np.asarray(value, np.float64) for key, value in gradient.items()}


def gradient_is_a_function(rule: Rule, case: _Case) -> None:
    """Names and shapes of the parameters; nothing else changes; the same again."""
    v, w = _data(case.machine, case.states, 20, 0), np.random.default_rng(0).random(20)
    before, rows, weights = copy.deepcopy(case.machine.params), v.copy(), w.copy()
    found = _dense(_gradient(rule, case.machine, v, w))
    holds(set(found) == set(before), f"the gradient has {sorted(found)}, params {sorted(before)}")
    for key, value in before.items():
        holds(found[key].shape == value.shape, f"gradient[{key!r}] has shape {found[key].shape}")
        holds(np.isfinite(found[key]).all(), f"gradient[{key!r}] is not finite")
        near(f"the gradient moved params[{key!r}]", case.machine.params[key], value)
    near("the gradient changed the rows", v, rows)
    near("the gradient changed the weights", w, weights)
    again, doubled = _gradient(rule, case.machine, v, w), _gradient(rule, case.machine, v, 2 * w)
    nothing = _gradient(rule, case.machine, v, 0 * w)
    for key in found:
        near(f"gradient[{key!r}] from the same seed", _dense(again)[key], found[key])
        near(f"gradient[{key!r}] with doubled weights", _dense(doubled)[key], found[key], 1e-9, 1e-9)
        near(f"gradient[{key!r}] of rows without weight", _dense(nothing)[key], 0 * found[key])


def resumes(rule: Rule, case: _Case) -> None:
    """What it carries is all that it remembers, and a file holds it."""
    v, optimiser = _data(case.machine, case.states, 20, 0), SGD(0.1, momentum=0.5)
    state = begin(case.machine.copy(), rule, optimiser, 3)
    steps = train(state, v, rule, optimiser, 7, 0)
    _advance(steps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        save(path, state)
        other = load(path)
    _advance(steps)
    _advance(train(other, v, rule, optimiser, 7, 0))
    for key, value in state.machine.params.items():
        near(f"{key} learnt after saving and loading", other.machine.params[key], value)


def _advance(steps: Iterator[object], n: int = 4) -> None:
    for _ in range(n):
        next(steps)


def vanishes_at_the_truth(rule: Rule, case: _Case) -> None:
    """Averaged over data drawn from the machine, and over the rule's own draws; or as couplings do."""
    if case.order is not None:
        _vanishes_with_the_couplings(rule, case.machine, case.order)
        return
    w = np.ones(_ROWS)
    rows = (_data(case.machine, case.states, _ROWS, k) for k in range(_RUNS))
    found = [_dense(_gradient(rule, case.machine, v, w, k, _BURN)) for k, v in enumerate(rows)]
    for key in found[0]:
        each = np.array([gradient[key] for gradient in found])
        off, sigma = np.abs(each.mean(0)), each.std(0, ddof=1) / np.sqrt(_RUNS)
        worst = float((off - _SIGMAS * sigma).max())
        holds(
            worst <= 1e-9,
            f"gradient[{key!r}] at the truth averages to {off.max():.3g}, {worst:.3g} more than"
            f" {_SIGMAS:g} standard errors",
        )


def _vanishes_with_the_couplings(rule: Rule, truth: Machine, order: int) -> None:
    """Weak ones, whose leading power is all that counts: half of them leave 2^-order of the gradient."""
    left = []
    for scale in (_WEAK, _WEAK / 2):
        machine = truth.copy()
        for key in machine.couplings:
            machine.params[key] *= scale
        machine.project()
        states = states_of(machine)
        v, w = states.x[:, : machine.n_visible], states.p(machine)
        found = [_dense(_gradient(rule, machine, v, w, k, _BURN)) for k in range(_RUNS)]
        mean = [np.mean([gradient[key] for gradient in found], axis=0).ravel() for key in found[0]]
        left.append(float(np.linalg.norm(np.concatenate(mean))))
    allowed = _LEADING * 0.5**order * left[0] + 1e-9
    holds(
        left[1] <= allowed,
        f"the gradient at the truth has norm {left[0]:.3g}, and {left[1]:.3g} with half the couplings:"
        f" allowed {allowed:.3g}, for order {order}",
    )


def learning_finds_back(rule: Rule, case: _Case) -> None:
    """From perturbed parameters the objective makes up a third of what it lost."""
    v, student = _data(case.machine, case.states, 2000, 7), case.machine.copy()
    rng = np.random.default_rng(1)
    for key in (*case.machine.couplings, *case.machine.biases):
        student.params[key] += case.away * rng.normal(size=student.params[key].shape)
    with warnings.catch_warnings():  # where a coupling stands twice, the mean of both is meant
        warnings.simplefilter("ignore", RuntimeWarning)
        student.project()

    def mean_log_likelihood(m: Machine) -> float:
        return -float(m.visible_free_energy(v).mean() + logsumexp(case.states.log_p(m)))

    score = mean_log_likelihood if case.objective is None else case.objective
    best, start = score(case.machine), score(student)
    for state in train(begin(student, rule, SGD(case.rate), 0), v, rule, SGD(case.rate), 200, 0):
        if state.step == _UPDATES:
            break
    end = score(student)
    holds(
        end > start + (best - start) / 3,
        f"learning took the objective from {start:.4g} to {end:.4g}, where the truth has {best:.4g}",
    )


_LAWS = (gradient_is_a_function, resumes, vanishes_at_the_truth, learning_finds_back)
