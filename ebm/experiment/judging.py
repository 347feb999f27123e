"""What is to be trusted of a run, and what is to be looked at: read from its summary, metrics and log."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ebm.experiment.results import Result, plain_number
from ebm.experiment.tabling import number_text
from ebm.machine import Array

__all__ = ["Judgement", "Level", "judge"]

Level: TypeAlias = Literal["good", "look", "bad"]
_ORDER: tuple[Level, ...] = ("bad", "look", "good")


class Judgement(NamedTuple):
    """How something stands, what it is, and why."""

    level: Level
    what: str
    why: str


def judge(run: Result) -> list[Judgement]:
    """All that the files of a run allow to judge, the worst first.

    Examples
    --------
    >>> from pathlib import Path
    >>> judge(Result("r", Path("r"), "failed", "out of memory"))
    [Judgement(level='bad', what='run', why='failed: out of memory')]
    """
    found = [one for look in _LOOKS for one in look(run)]
    return sorted(found, key=lambda one: _ORDER.index(one.level))


def _last(run: Result, key: str) -> float | None:
    """The last finite value of a metric."""
    values = _finite(run, key)
    return float(values[-1]) if values is not None else None


def _finite(run: Result, key: str) -> Array | None:
    values = run.metrics.get(key)
    if values is None or not (keep := np.isfinite(values)).any():
        return None
    return values[keep]


def _number(value: Any) -> float | None:
    number = plain_number(value)
    return number if number is not None and math.isfinite(number) else None


def _state(run: Result) -> Iterator[Judgement]:
    if run.state != "finished":
        level: Level = "look" if run.state in ("unfinished", "not begun") else "bad"
        yield Judgement(level, "run", f"{run.state}: {run.line}" if run.line else run.state)
    for note in run.notes:
        if note != run.line:
            yield Judgement("look", "files", note)


def _log_z(run: Result) -> Iterator[Judgement]:
    verdict, reason = str(run.log_z.get("verdict", "")), str(run.log_z.get("reason", ""))
    why = f"{verdict}: {reason}" if reason else verdict
    if verdict in ("exact", "agree"):
        yield Judgement("good", "log Z", why)
    elif verdict == "do not trust":
        yield Judgement("bad", "log Z", f"{why}; nor are log-likelihoods that stand on it")
    elif verdict:
        yield Judgement("look", "log Z", why)


def _mixing(run: Result) -> Iterator[Judgement]:
    """Whether chains kept up while it learnt, and whether samples are independent."""
    left = [text for text in run.warnings if "equilibrium" in text]
    tau = _last(run, "relaxation_time")
    for text in left:
        yield Judgement("bad", "equilibrium", text)
    if tau is not None and not left:
        yield Judgement("good", "equilibrium", f"chains forget in about {tau:.3g} sweeps, and have kept up")
    drawn = run.summary.get("sampling")
    if not isinstance(drawn, dict) or "tau" not in drawn:
        return
    steps, apart = _number(drawn.get("tau")), _number(drawn.get("thin"))
    if steps is None:
        yield Judgement("look", "samples", "their autocorrelation time is not known")
    elif apart is not None and apart >= steps:
        why = f"one in {apart:g} steps is kept, of chains with an autocorrelation time of {steps:.3g}"
        yield Judgement("good", "samples", why)
    elif apart is not None:
        why = f"one in {apart:g} steps is kept, and chains take {steps:.3g} to forget: they are dependent"
        yield Judgement("look", "samples", why)


def _energies(run: Result) -> Iterator[Judgement]:
    """Whether the chains are where the data are."""
    chains, rows, spread = (_last(run, f"free_energy_{name}") for name in ("chains", "train", "train_std"))
    if chains is None or rows is None or not spread:
        return
    off = (chains - rows) / spread
    size = f"{abs(off):.2g} standard deviations of the rows"
    if abs(off) <= 1:
        yield Judgement("good", "chains", f"their free energy is that of the data, within {size}")
    elif off < 0:
        yield Judgement("look", "chains", f"{size} below the data: they may sit in a mode of their own")
    else:
        yield Judgement("look", "chains", f"{size} above the data: they may not reach what was learnt")


def _idle(run: Result) -> Iterator[Judgement]:
    """Hidden units that do nothing."""
    counts = {name: _last(run, name) for name in ("dead", "saturated")}
    known = {name: int(n) for name, n in counts.items() if n is not None}
    if not known:
        return
    machine = run.tables.get("machine")
    units = _number(machine.get("n_hidden")) if isinstance(machine, dict) else None
    of = f" of {units:g}" if units else ""
    if not sum(known.values()):
        yield Judgement("good", "hidden units", f"none{of} is dead or saturated")
        return
    why = " and ".join(f"{n} {name}" for name, n in known.items() if n) + of
    many = units is not None and sum(known.values()) > units / 4
    yield Judgement("bad" if many else "look", "hidden units", f"{why} in all training rows")


def _overfitting(run: Result) -> Iterator[Judgement]:
    """Whether held-out rows were better explained earlier, of a run that keeps its last machine."""
    kept = run.summary.get("kept")
    if not isinstance(kept, dict) or kept.get("machine") != "last":
        return
    for key in ("log_likelihood_heldout", "pseudo_likelihood_heldout"):
        values = _finite(run, key)
        if values is None or len(values) < 3:
            continue
        steps = run.metrics["step"][np.isfinite(run.metrics[key])]
        errors = _finite(run, "log_z_stderr") if key.startswith("log") else None
        noise = 0.0 if errors is None else 3 * float(errors.max())
        lost, best = float(values.max() - values[-1]), int(np.argmax(values))
        if lost > max(noise, 0.01 * abs(float(values.max()))):
            name = key.replace("_heldout", "").replace("_", "-")
            why = f"the held-out {name} was {number_text(lost)} nats better at step {steps[best]:g}"
            yield Judgement("look", "overfitting", f"{why}: stop earlier")
        return


def _baselines(run: Result) -> Iterator[Judgement]:
    """Whether it explains more than simple models do."""
    score, known = _number(run.summary.get("log_likelihood_test")), run.summary.get("baselines")
    numbers = (
        {str(k): v for k, v in known.items() if _number(v) is not None} if isinstance(known, dict) else {}
    )
    if score is None or not numbers:
        return
    name, best = max(numbers.items(), key=lambda item: item[1])
    by = f"{number_text(abs(score - best))} nats per test row"
    if score > best:
        yield Judgement("good", "baselines", f"{by} better than the best of them, {name}")
    else:
        yield Judgement("look", "baselines", f"{by} worse than {name}")


def _warnings(run: Result) -> Iterator[Judgement]:
    for text in run.warnings:
        if "equilibrium" not in text:
            yield Judgement("look", "warning", text)


_LOOKS: tuple[Callable[[Result], Iterator[Judgement]], ...] = (
    _state, _log_z, _mixing, _energies, _idle, _overfitting, _baselines, _warnings,
)  # fmt: skip
