"""The report: several estimators of log Z, grown side by side, and a verdict on whether they agree.

Two kinds of path are walked, because each fails where the other does not. A product measure with the
machine's own marginals is close to it and makes short paths; but marginals measured in one phase lead every
path into that phase. The uniform measure knows no phase, but the path from it may freeze. An estimate that
its own diagnostics speak against does not count. Those that are left must agree within their errors, from
two independent estimators at least, and nothing from the uniform measure may be higher: a phase that is
missed makes Z too small. When they do not agree, all may be wrong, and the verdict says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ebm.machine import Array, Base, Machine
from ebm.partition.estimate import MOST_STDERR, Estimate, LogZ
from ebm.partition.methods import Annealed, Growing, Populated, Reversed, Tempered
from ebm.stream import Stream

__all__ = ["Progress", "grow", "report"]

Progress = Callable[..., object] | None

_SIGMAS = 3.0  # by which two estimates may differ
_SYSTEMATIC = 0.02  # nats that are put down to nothing in particular
_INDEPENDENT = ("mbar", "population", "ais", "reverse_ais", "mbar_uniform", "population_uniform")
_SAME_RUN = {"reverse_ais": "mbar"}  # it starts from the samples that mbar reads, and lacks what they lack
_SLOWER = 2.2  # a round costs this much more than the one before
_SHARES = {"tempering": 3.0, "ais": 2.0, "population": 2.0}  # of the time; 0.5 for what is uniform


def grow(
    members: dict[str, Growing],
    accuracy: float,
    budget: float,
    rounds: int | None = None,
    progress: Progress = None,
) -> dict[str, Estimate]:
    """Let estimators grow until all are accurate, or no further round of any would fit the budget.

    Time is shared out by weight: next is the one that has had the least of its share.

    Parameters
    ----------
    accuracy : float
        Standard error, nats, at which an estimator has done enough.
    budget : float
        Seconds. What a round of an estimator computes is fixed; the clock decides only how many there are.
    rounds : int, optional
        At most so many of each.
    """
    begun = time.monotonic()
    found: dict[str, Estimate] = {}
    work = {name: _Work() for name in members}
    while True:
        spent = time.monotonic() - begun
        wanting = [
            name
            for name, own in work.items()
            if own.rounds == 0
            or (not own.enough and own.rounds != rounds and spent + _SLOWER * own.last <= budget)
        ]
        if not wanting:
            break
        name = min(wanting, key=lambda name: work[name].total / _SHARES.get(name, 0.5))
        start = time.monotonic()
        new = _named(name, members[name].grow())
        work[name].add(time.monotonic() - start, _enough(new, accuracy))
        found |= new
        if progress is not None:
            done = sum(own.rounds for own in work.values()) / (len(work) * (rounds or math.inf))
            progress(min(0.99, max(done, (time.monotonic() - begun) / budget)), _line(name, new))
    if progress is not None:
        progress(1.0)
    return found


@dataclass
class _Work:
    """What an estimator has done, in seconds."""

    total: float = 0.0
    last: float = 0.0
    rounds: int = 0
    enough: bool = False

    def add(self, seconds: float, enough: bool) -> None:
        """One more round."""
        self.total, self.last = self.total + seconds, seconds
        self.rounds, self.enough = self.rounds + 1, enough


def _named(name: str, found: dict[str, Estimate]) -> dict[str, Estimate]:
    """Estimates under their names, those from the uniform measure marked as such."""
    return {f"{key}_uniform" if name.endswith("_uniform") else key: e for key, e in found.items()}


def _line(name: str, found: dict[str, Estimate]) -> str:
    first = next(iter(found.values()))
    return (
        f"{name} {first.value:.3f} ± {first.stderr:.3f}{' (' + first.trouble + ')' if first.trouble else ''}"
    )


def _enough(found: dict[str, Estimate], accuracy: float) -> bool:
    """Whether the first of the estimates, which matters most, will do."""
    first = next(iter(found.values()))
    return first.stderr <= accuracy and not first.trouble


def report(
    machine: Machine,
    base: Base,
    rng: Stream,
    accuracy: float,
    budget: float,
    rounds: int | None = None,
    progress: Progress = None,
) -> LogZ:
    """AIS, reverse AIS, MBAR over a tempering ladder and population annealing, with a verdict.

    Parameters
    ----------
    base : (n_units·width,)
        A product measure near the machine; the uniform one is tried beside it.
    """
    tempered = Tempered(machine, base, rng.split(1), ("mbar", "bennett", "thermodynamic"))
    members: dict[str, Growing] = {
        "tempering": Reversed(tempered, rng.split(3)),
        "ais": Annealed(machine, base, rng.split(2)),
        "population": Populated(machine, base, rng.split(4)),
        "tempering_uniform": Tempered(machine, None, rng.split(5), ("mbar",)),
        "population_uniform": Populated(machine, None, rng.split(6)),
    }
    return judge(grow(members, accuracy, budget, rounds, progress), accuracy)


def judge(found: dict[str, Estimate], accuracy: float = math.inf) -> LogZ:
    """The most accurate estimate that nothing speaks against, and whether the others agree with it."""
    sound = {key: found[key] for key in _INDEPENDENT if key in found and not found[key].trouble}
    pool = sound or {key: e for key, e in found.items() if math.isfinite(e.value)} or found
    best = min(pool, key=lambda key: (not pool[key].stderr <= math.inf, pool[key].stderr))
    verdict, reason = "agree", _agreement(sound)
    against = _quarrel(sound) or _missing(found, found[best])
    if against and sound:  # what misses a phase falls short: the highest is the likeliest
        best = max(sound, key=lambda key: sound[key].value)
    if len({_SAME_RUN.get(key, key) for key in sound}) < 2:
        verdict, reason = "do not trust", _too_few(found, sound)
    elif against:
        verdict, reason = "do not trust", against
    elif found[best].stderr > accuracy:
        reason += f"; the accuracy of {accuracy:g} was not reached"
    lower = found["ais"].value if "ais" in found else -math.inf
    weights: dict[str, Array] = {k: e.log_weights for k, e in found.items() if e.log_weights is not None}
    entries = {key: e.entry for key, e in found.items()}
    e = found[best]
    return LogZ(e.value, e.stderr, lower, math.inf, best, entries, verdict, reason, weights)


def _agreement(sound: dict[str, Estimate]) -> str:
    return f"{len(sound)} independent estimates agree: {', '.join(sound)}"


def _too_few(found: dict[str, Estimate], sound: dict[str, Estimate]) -> str:
    said = next((e.trouble for e in found.values() if e.trouble), "no estimate")
    return f"nothing independent of {' and '.join(sound)} is sound; {said}" if sound else said


def _missing(found: dict[str, Estimate], best: Estimate) -> str:
    """A doubtful estimate from the uniform measure that is higher: it may have seen what others missed.

    One that is lower says nothing: paths that freeze fall short.
    """
    for key in ("mbar_uniform", "population_uniform"):
        if key in found and found[key].trouble:
            more, sigma = found[key].value - best.value, math.hypot(found[key].stderr, best.stderr)
            if more > _SIGMAS * sigma + _SYSTEMATIC:
                return f"{key}, itself in doubt, is higher by {more:.2f} nats: a phase may be missing"
    return ""


def _quarrel(sound: dict[str, Estimate]) -> str:
    """The pair that differs most beyond its errors, in one line; empty if none does."""
    worst, said = 1.0, ""
    names = list(sound)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = sound[one], sound[other]
            sigma = math.hypot(a.stderr, b.stderr)
            excess = abs(a.value - b.value) / (_SIGMAS * sigma + _SYSTEMATIC)
            if excess > worst:
                worst = excess
                said = f"{one} and {other} differ by {abs(a.value - b.value):.2f} ± {sigma:.2f} nats"
    return said


def single(name: str, found: dict[str, Estimate]) -> LogZ:
    """The estimate of one method by itself."""
    e = found[name]
    verdict = "do not trust" if e.trouble or not e.stderr <= MOST_STDERR else "unchecked"
    weights = {} if e.log_weights is None else {name: e.log_weights}
    lower = e.value if name == "ais" else -math.inf
    entries = {key: other.entry for key, other in found.items()}
    whole = LogZ(e.value, e.stderr, lower, math.inf, name, entries, verdict, e.trouble, weights)
    return replace(whole, reason=e.trouble or "one estimator, by its own error")
