"""Arguments of everything public: valid calls, of which some arguments are replaced or changed."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

import ebm
from ebm import estimators
from experiments.campaigns.fuzz.arrays import Rng, array, one_of
from experiments.campaigns.fuzz.values import MACHINES, anything, changed, machine
from experiments.campaigns.verdicts import judged

__all__ = ["arguments", "fitted", "methods"]

# A large value of these is a long wait, which is no fault.
_EFFORT = {"budget": 0.02, "accuracy": 0.5, "limit": 10.0}
_CALLED = ("progress", "callback", "each")
_LEFT_OUT = ("datasets.MNIST",)  # asks the network


@functools.cache
def _calls() -> list[tuple[str, dict[str, Any]]]:
    from tests import calls

    return [(name, how) for name, how in calls.NAMED.items() if how and name not in _LEFT_OUT]


def arguments(rng: Rng) -> tuple[str, str]:
    """One to three arguments of a valid call are others."""
    from tests import calls

    name, how = one_of(rng, _calls())
    given = {}
    chosen = set(rng.choice(list(how), min(len(how), int(rng.integers(1, 4))), replace=False))
    for key, value in how.items():
        if callable(value) and value in calls.MADE:
            value = value()
        given[key] = _other(rng, key, value) if key in chosen else value
    outcome, words = judged(lambda: _run(calls.bound(name), given))
    return outcome, f"{name}({', '.join(sorted(chosen))}) {words}"


def _run(function: Any, given: dict[str, Any]) -> None:
    result = function(**given)
    if inspect.isgenerator(result):
        next(result)


def _other(rng: Rng, key: str, value: Any) -> Any:
    if key == "machine" and rng.random() < 0.6:
        return machine(rng)
    other = changed(rng, value)
    if key in _EFFORT and isinstance(other, (int, float, np.number)) and not 0 <= other <= 1:
        return _EFFORT[key] if other > _EFFORT[key] else other
    if key in _CALLED and callable(other):
        return None
    return other


# Every kind of machine, each of its methods and of the functions that take one, with rows of any kind.
def methods(rng: Rng) -> tuple[str, str]:
    """A function or method of any machine, with rows that may be of any kind."""
    name = one_of(rng, list(MACHINES))
    made = MACHINES[name]()
    uses = [use for use in _uses(rng) if not isinstance(use[0], str) or callable(getattr(made, use[0], None))]
    function, text, keywords = one_of(rng, uses)
    outcome, words = judged(lambda: _used(rng, made, function, keywords))
    return outcome, f"{name} {text} {words}"


def _used(rng: Rng, made: Any, function: Any, keywords: dict[str, Any]) -> None:
    x = _rows(rng, made)
    if isinstance(function, str):
        _run_on(getattr(made, function), x, keywords)
    else:
        function(made, x, **keywords)


def _run_on(function: Any, x: Any, keywords: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters
    given = {key: value for key, value in keywords.items() if key in parameters}
    function(x, **given)


def _rows(rng: Rng, made: Any) -> Any:
    """Rows of the machine, rows nearly its own, or anything."""
    how = rng.random()
    n = int(rng.integers(1, 6))
    width = 6 if how < 0.15 else 4
    if how < 0.55:
        table = one_of(
            rng,
            (
                np.eye(4),
                np.ones((n, width)),
                rng.integers(0, 2, (n, width)),
                rng.choice([-1.0, 1.0], (n, width)),
                rng.normal(size=(n, width)),
            ),
        )
        return changed(rng, table) if rng.random() < 0.5 else table
    return array(rng) if how < 0.85 else anything(rng)


def _uses(rng: Rng) -> list[tuple[Any, str, dict[str, Any]]]:
    beta = one_of(rng, (1.0, 0.0, 0.3, 2.0, [0.1, 1.0], np.nan, "a", None, -1.0))
    learn: dict[str, Any] = {
        "epochs": 1,
        "batch_size": int(rng.integers(1, 4)),
        "optimiser": one_of(rng, _OPTIMISERS)(),
    }
    weights = one_of(rng, (None, np.ones(4), array(rng)))
    stream = {"rng": ebm.Stream(1), "n": int(rng.integers(0, 3)), "beta": beta, "weights": weights}
    of_machine = (
        "free_energy",
        "sweep",
        "stats",
        "start",
        "clamp",
        "mean_h",
        "mean_v",
        "sample_h",
        "inputs_h",
        "inputs",
        "reconstruct",
        "visible_free_energy",
        "posterior_stats",
        "store",
        "curvature",
        "mean_field",
        "transform",
        "log_likelihood_bound",
        "predict",
        "predict_mean",
        "condition",
        "probability_on",
        "log_probabilities",
    )
    uses: list[tuple[Any, str, dict[str, Any]]] = [(name, f".{name}", stream) for name in of_machine]
    score = (
        "log_likelihood",
        "pseudo_likelihood",
        "reconstruction_error",
        "kl_divergence",
        "conditional_probabilities",
        "conditional_moments",
        "marginal_free_energy",
        "conditional_log_likelihood",
        "base_rate",
    )
    uses += [(getattr(ebm, name), name, {}) for name in score]
    uses += [
        (ebm.fit, f"fit by {rule.__name__}", {"rule": rule(), **learn, "weights": weights}) for rule in _RULES
    ]
    uses += [
        (
            lambda m, x, s=s: ebm.sample(m, 2, sampler=s(), given=one_of(rng, (None, x)), burn_in=1, thin=1),
            f"sample by {s.__name__}",
            {},
        )
        for s in _SAMPLERS
    ]
    uses += [
        (lambda m, x: ebm.maximise(m, x, max_iterations=2), "maximise", {}),
        (lambda m, x: ebm.readout(m, x, _two_classes(x), epochs=1), "readout", {}),
        (lambda m, x: ebm.fine_tune(m, x, _two_classes(x), epochs=1), "fine_tune", {}),
        (
            lambda m, x: ebm.fit(m, x, validation=x, epochs=1, stopping=ebm.EarlyStopping()),
            "fit, stopping",
            {},
        ),
        (lambda m, x: ebm.log_z(m, "ais", data=x, n_temperatures=3, n_chains=3), "log_z", {}),
        (lambda m, x: ebm.rescaled(m, 0.0, 2.0), "rescaled", {}),
        (lambda m, x: ebm.zero_sum(m), "zero_sum", {}),
        (lambda m, x: ebm.tap(m, n_starts=1, n_iterations=3), "tap", {}),
        (lambda m, x: ebm.mean_field(m, n_starts=1, n_iterations=3), "mean_field", {}),
        (lambda m, x: ebm.diagnostics.estimate_beta(m, x), "estimate_beta", {}),
        (lambda m, x: ebm.elimination.log_z_by_elimination(m), "elimination", {}),
        (lambda m, x: _given_parameters(rng, m, x), "parameters", {}),
    ]
    return uses


_RULES = (
    ebm.CD, ebm.PCD, ebm.Exact, ebm.PseudoLikelihood, ebm.FastPCD, ebm.RandomStart, ebm.TAP, ebm.MeanField,
    ebm.Discriminative, ebm.RatioMatching, ebm.MinimumProbabilityFlow,
)  # fmt: skip
_SAMPLERS = (ebm.Gibbs, ebm.Metropolis, ebm.SwendsenWang, ebm.Wolff, ebm.Direct)
_OPTIMISERS = (ebm.SGD, ebm.Adam, ebm.AdamW, ebm.RMSprop)


def _two_classes(x: Any) -> Any:
    return np.arange(np.shape(x)[0] if isinstance(x, np.ndarray) and x.ndim else 3) % 2


def _given_parameters(rng: Rng, made: Any, x: Any) -> None:
    """Whatever is put in place of a parameter, or written into it, the machine then is asked."""
    key = one_of(rng, list(made.params))
    if rng.random() < 0.5:
        made.params[key] = changed(rng, made.params[key])
    else:
        made.params[key][...] = float(one_of(rng, (np.nan, np.inf, 1e300, -1e9, 0.0)))
    if rng.random() < 0.7:
        made.project()
    if isinstance(made, ebm.Machine):
        made.sweep(made.sample0(3, ebm.Stream(0)), ebm.Stream(1))
        made.free_energy(x)
    else:
        made.transform(x)


@functools.cache
def _estimators() -> list[Any]:
    return [getattr(estimators, name) for name in estimators.__all__]


def fitted(rng: Rng) -> tuple[str, str]:
    """An estimator with odd settings, fitted to odd rows, and asked of others."""
    cls = one_of(rng, _estimators())
    names = [name for name in inspect.signature(cls).parameters if name not in ("budget",)]
    given: dict[str, Any] = {"epochs": 1} if "epochs" in names else {}
    for name in rng.choice(names, min(len(names), int(rng.integers(0, 3))), replace=False) if names else ():
        default = inspect.signature(cls).parameters[str(name)].default
        other = changed(rng, default)
        given[str(name)] = 2 if callable(other) else other
    X, y = _data(rng, (6, 4)), _labels(rng)
    outcome, words = judged(lambda: _fitted(rng, cls, given, X, y))
    return outcome, f"{cls.__name__}({', '.join(given)}) {words}"


def _data(rng: Rng, shape: tuple[int, int]) -> Any:
    table = one_of(
        rng,
        (rng.integers(0, 2, shape), rng.normal(size=shape), rng.random(shape), rng.choice([-1, 1], shape)),
    )
    return changed(rng, table) if rng.random() < 0.5 else table


def _labels(rng: Rng) -> Any:
    y = one_of(
        rng, (np.array([0, 1, 0, 1, 0, 1]), np.array(["a", "b"] * 3), rng.normal(size=6), np.zeros(6, int))
    )
    return changed(rng, y) if rng.random() < 0.4 else y


def _fitted(rng: Rng, cls: Any, given: dict[str, Any], X: Any, y: Any) -> None:
    model = cls(**given)
    model.fit(X, y)
    asked = (
        "transform",
        "predict",
        "predict_proba",
        "score_samples",
        "score",
        "sample",
        "partial_fit",
        "reconstruct",
    )
    name = one_of(rng, [name for name in asked if name in dir(model)])
    if name == "sample":
        model.sample(one_of(rng, (1, 3, 0, -1, "a", 1.5)))
    elif name in ("score", "partial_fit"):
        getattr(model, name)(_data(rng, (6, 4)), y)
    else:
        getattr(model, name)(_data(rng, (6, 4)))
