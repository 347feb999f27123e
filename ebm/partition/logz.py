"""log Z: exact, or estimated. All values are natural logarithms (nats)."""

from __future__ import annotations

import dataclasses
import inspect
import math
import warnings
from concurrent.futures import Executor
from typing import Annotated, Any, TypeAlias

from numpy.typing import ArrayLike

from ebm.errors import EbmError, expect, nearest, one_of
from ebm.machine import Base, Machine, as_data, as_machine
from ebm.partition.estimate import Context, EstimatorOfLogZ, LogZ
from ebm.partition.exact import Auto, ExactSum
from ebm.partition.importance import AIS, ReverseAIS
from ebm.partition.mean_fields import MeanFieldBound, PlefkaExpansion
from ebm.partition.population import AnnealedPopulation
from ebm.partition.raised import RAISE
from ebm.partition.report import Report
from ebm.partition.tempered import MBAR, BennettRatio, ThermodynamicIntegration
from ebm.progress import Progress, showing
from ebm.stream import AIS as _PURPOSE
from ebm.stream import Seed, Stream

__all__ = ["METHODS", "log_z", "settings_of", "summaries"]

# The estimators by name: arguments, configs, the command line and help read it. One more is its file and a
# line here; its settings are the fields of its class, its summary the first line of its docstring.
METHODS: dict[str, type[EstimatorOfLogZ]] = {
    "auto": Auto,
    "exact": ExactSum,
    "report": Report,
    "ais": AIS,
    "reverse_ais": ReverseAIS,
    "raise": RAISE,
    "mbar": MBAR,
    "bennett": BennettRatio,
    "thermodynamic": ThermodynamicIntegration,
    "population": AnnealedPopulation,
    "mean_field": MeanFieldBound,
    "tap": PlefkaExpansion,
}
Method: TypeAlias = Annotated[str, one_of(METHODS)]


def summaries() -> dict[str, str]:
    """What each method is, in one line."""
    return {name: (inspect.getdoc(cls) or "").partition("\n")[0] for name, cls in METHODS.items()}


def settings_of(method: str) -> tuple[str, ...]:
    """The names of a method's settings.

    Examples
    --------
    >>> settings_of("ais")
    ('n_temperatures', 'n_chains')
    """
    cls: Any = _named(method)
    return tuple(field.name for field in dataclasses.fields(cls))


def log_z(
    machine: Machine,
    method: Method | EstimatorOfLogZ = "auto",
    *,
    seed: Seed = 0,
    base: Base = None,
    data: ArrayLike | None = None,
    progress: Progress = None,
    executor: Executor | None = None,
    **settings: Any,
) -> LogZ:
    """The logarithm of the partition function, nats.

    Parameters
    ----------
    machine : Machine
    method : str or EstimatorOfLogZ
        One of `ebm.partition.METHODS`, or an estimator of your own:

        {methods}
    seed : int, SeedSequence or Generator
    base : (n_units·width,), optional
        The product measure at β = 0, such as ``base_rate(machine, data)``; when left out, the marginals of
        `data`, or else of short chains of the machine.
    data : (n, n_visible), optional
        Rows that the machine was learnt from or is judged by.
    progress : bool or callable, optional
        As everywhere, `ebm.progress`: a function of the fraction done and a line of text.
    executor : concurrent.futures.Executor, optional
        Who works on the estimators of a report, side by side with one thread each: ``Workers(2)`` of
        `ebm.experiment`, or any other. Each has the whole budget then; how many work changes no bits.
    **settings
        Of the method: the fields of its class, such as ``n_temperatures`` and ``n_chains`` of ais, or
        ``accuracy``, ``budget`` and ``rounds`` of what grows until it is accurate.

    Returns
    -------
    LogZ

    Raises
    ------
    TooLarge
        Method "exact" beyond its limit.
    EbmError
        An unknown method or setting, counts below 1, "raise" without data.

    Warns
    -----
    RuntimeWarning
        The verdict is *do not trust*; it says why. A machine that is not normalisable: inf.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, seed=1)
    >>> exact, ais = ebm.log_z(machine), ebm.log_z(machine, "ais", n_chains=50)
    >>> exact.method, bool(abs(exact.value - ais.value) < 0.01), exact.verdict
    ('exact', True, 'exact')
    """
    machine = as_machine(machine, "log_z: machine")
    estimator = _estimator(method, settings)
    rows = None if data is None else as_data(machine, data, strict=True)
    if executor is not None:
        expect(executor, Executor, "executor", "a concurrent.futures.Executor, or None")
        expect(estimator, (Auto, Report), "log_z: executor: method", "'report', or 'auto'")
    if not machine.normalisable():
        warnings.warn(f"log_z: {machine} is not normalisable", RuntimeWarning, stacklevel=2)
        return LogZ(
            value=math.inf, stderr=0.0, lower=math.inf, method="exact", verdict="exact",
            reason="not normalisable",
        )  # fmt: skip
    with showing(progress, "log Z") as update:
        estimate = estimator.estimate(
            machine, Stream(seed).split(_PURPOSE), Context(base, rows, update, executor)
        )
        update(1.0, "")
    if estimate.verdict == "do not trust":
        warnings.warn(
            f"log_z: {estimate.method}: {estimate.reason}: do not trust", RuntimeWarning, stacklevel=2
        )
    return estimate


def _estimator(method: str | EstimatorOfLogZ, settings: dict[str, Any]) -> EstimatorOfLogZ:
    if not isinstance(method, str):
        expect(method, EstimatorOfLogZ, "method", f"an estimator, or one of: {', '.join(METHODS)}")
        if settings:
            raise EbmError(f"log_z: {next(iter(settings))}: expected as a setting of {method!r} itself")
        return method
    return _named(method)(**settings)


def _named(method: str) -> type[EstimatorOfLogZ]:
    if method not in METHODS:
        raise EbmError(f"log_z: method: unknown {method!r}; {nearest(method, METHODS)}")
    return METHODS[method]


def _table(indent: str) -> str:
    """The methods as they stand in the docstring."""
    lines = summaries()
    rule = f"{indent}{'=' * 14}  {'=' * max(map(len, lines.values()))}"
    return "\n".join([rule, *(f"{indent}{name:14}  {line}" for name, line in lines.items()), rule])


if log_z.__doc__ is not None:  # python -OO leaves none
    log_z.__doc__ = log_z.__doc__.replace("        {methods}", _table(" " * 8))
