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
from collections.abc import Iterator
from typing import Any

from ebm.errors import settings
from ebm.machine import Machine
from ebm.partition.annealed import near
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ
from ebm.partition.growing import Clock, Effort, Growing, grow
from ebm.partition.importance import annealed
from ebm.partition.limits import MOST_APART, MOST_STDERR
from ebm.partition.population import populated
from ebm.partition.tempered import tempered
from ebm.stream import Stream

__all__ = ["Report", "judge"]

_SIGMAS = 3.0  # by which two estimates may differ
_LARGE = 512  # units: where sweeps are dear, fewer ladders that are longer meet sooner
_SYSTEMATIC = 0.02  # nats that are put down to nothing in particular
_LADDERS = ("mbar", "mbar_uniform")  # these lead: what they miss shows between their two ends
_INDEPENDENT = ("mbar", "population", "ais", "reverse_ais", "mbar_uniform", "population_uniform")
_HIGHER = {"mbar_uniform": 0.0, "population_uniform": 0.0, "ais": 3.0, "population": 3.0}  # by nats: heard
_SAME_RUN = {"reverse_ais": "mbar"}  # it starts from the samples that mbar reads, and lacks what they lack
_SHARES = {  # of the time
    "tempering": 10.0,
    "ais": 1.5,
    "population": 1.5,
    "tempering_uniform": 0.5,
    "population_uniform": 0.5,
}


@settings
class Report(Effort):
    """Several estimators until they are accurate, and whether they agree.

    AIS, reverse AIS, MBAR over a tempering ladder and population annealing, from a product measure near the
    machine; the last two also from the uniform one.
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The estimate that leads, with the verdict on all."""
        clock = Clock(self.budget)
        base, methods = near(machine, rng, context), ("mbar", "bennett", "thermodynamic")
        dear = machine.n_units > _LARGE
        n_chains = 200 if dear else 500
        ladders: dict[str, Any] = {
            "n_ladders": 16 if dear else 32, "checked": True, "split": dear, "tick": clock
        }  # fmt: skip
        members: dict[str, Growing] = {
            "ais": annealed(machine, base, rng.split(2), tick=clock),  # the shortest first round
            "tempering": tempered(
                machine, base, rng.split(1), methods, reverse=(rng.split(3), 250), **ladders
            ),
            "population": populated(machine, base, rng.split(4), n_chains, tick=clock),
            "tempering_uniform": _marked(tempered(machine, None, rng.split(5), ("mbar",), **ladders)),
            "population_uniform": _marked(populated(machine, None, rng.split(6), n_chains, tick=clock)),
        }

        def settled(estimates: dict[str, Estimate]) -> bool:
            so_far = judge(estimates, self.accuracy)
            return so_far.verdict == "agree" and so_far.stderr <= self.accuracy and _seen_wide(estimates)

        return judge(grow(members, self, context.progress, _SHARES, settled, clock), self.accuracy)


def _seen_wide(estimates: dict[str, Estimate]) -> bool:
    """Whether a path from the uniform measure has led anywhere."""
    keys = ("mbar_uniform", "population_uniform")
    return any(key in estimates and not estimates[key].trouble for key in keys)


def _marked(rounds: Growing) -> Iterator[dict[str, Estimate]]:
    """The same under names that say that they are from the uniform measure."""
    return ({f"{key}_uniform": e for key, e in estimates.items()} for estimates in rounds)


def judge(estimates: dict[str, Estimate], accuracy: float = math.inf) -> LogZ:
    """The estimate that leads, and whether the others agree with it.

    Among those that nothing speaks against the ladders lead, which are in equilibrium as far as can be seen;
    else the most accurate. Its error is made to cover the scatter of the others.
    """
    sound = {
        key: estimates[key]
        for key in _INDEPENDENT
        if key in estimates and not estimates[key].trouble and estimates[key].stderr <= MOST_STDERR
    }
    pool = sound or {key: e for key, e in estimates.items() if math.isfinite(e.value)} or estimates
    lead = [key for key in _LADDERS if key in sound] or list(pool)
    best = min(
        lead,
        key=lambda key: (
            not sound and not _met(pool[key]),
            not pool[key].stderr <= math.inf,
            pool[key].stderr,
        ),
    )
    verdict, reason = "agree", _agreement(sound)
    against = _quarrel(sound) or _missing(estimates, estimates[best])
    if against and sound:  # what misses a phase falls short: the highest is the likeliest
        best = max(sound, key=lambda key: sound[key].value)
    if _looks(sound) < 2:
        verdict, reason = "do not trust", _too_few(estimates, sound, best)
    elif against:
        verdict, reason = "do not trust", against
    stderr = estimates[best].stderr * _birge(sound, best)
    if verdict == "agree" and stderr > accuracy:
        reason += f"; the accuracy of {accuracy:g} was not reached"
    return LogZ(
        value=estimates[best].value,
        stderr=stderr,
        method=best,
        lower=estimates["ais"].value if "ais" in estimates else -math.inf,
        estimates={key: e.entry for key, e in estimates.items()},
        verdict=verdict,
        reason=reason,
        log_weights={key: e.log_weights for key, e in estimates.items() if e.log_weights is not None},
    )


def _met(estimate: Estimate) -> bool:
    """Whether it is of ladders from two ends that agree: of estimates that are all in doubt these lead."""
    return estimate.facts.get("apart", math.inf) <= MOST_APART


def _looks(sound: dict[str, Estimate]) -> int:
    """Independent looks at log Z. Ladders whose two ends have met are two: each half is an estimate."""
    runs = {_SAME_RUN.get(key, key) for key in sound}
    return sum(1 + ("apart" in sound[key].facts) if key in sound else 1 for key in runs)


def _birge(sound: dict[str, Estimate], best: str) -> float:
    """What the error of the best is multiplied by, 1 or more, so that it covers how the others scatter.

    Birge, "The calculation of errors by the method of least squares" (1932).
    """
    run = _SAME_RUN.get(best, best)
    others = [e for key, e in sound.items() if _SAME_RUN.get(key, key) != run]
    if best not in sound or not others:
        return 1.0
    mine = sound[best]
    squares = [(e.value - mine.value) ** 2 / max(e.stderr**2 + mine.stderr**2, 1e-300) for e in others]
    return math.sqrt(max(1.0, sum(squares) / len(squares)))


def _agreement(sound: dict[str, Estimate]) -> str:
    if len(sound) == 1:
        return f"{next(iter(sound))}: ladders started from both ends agree"
    return f"{len(sound)} independent estimates agree: {', '.join(sound)}"


def _too_few(estimates: dict[str, Estimate], sound: dict[str, Estimate], best: str) -> str:
    why = estimates[best].trouble or next((e.trouble for e in estimates.values() if e.trouble), "no estimate")
    return f"nothing independent of {' and '.join(sound)} is sound; {why}" if sound else why


def _missing(estimates: dict[str, Estimate], best: Estimate) -> str:
    """A doubtful estimate that is higher: it may have seen what others missed.

    One that is lower says nothing: paths that freeze fall short. Of annealed weights P(log Ẑ > log Z + b) is
    e^−b at most, whatever is doubtful about them; ladders near the machine are not asked.
    """
    for key, least in _HIGHER.items():
        if key in estimates and estimates[key].trouble:
            more, sigma = estimates[key].value - best.value, math.hypot(estimates[key].stderr, best.stderr)
            if more > max(least, _SIGMAS * sigma + _SYSTEMATIC):
                return f"{key}, itself in doubt, is higher by {more:.2f} nats: a phase may be missing"
    return ""


def _quarrel(sound: dict[str, Estimate]) -> str:
    """The pair that differs most beyond its errors, in one line; empty if none does."""
    worst, line = 1.0, ""
    names = list(sound)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            a, b = sound[one], sound[other]
            sigma = math.hypot(a.stderr, b.stderr)
            excess = abs(a.value - b.value) / (_SIGMAS * sigma + _SYSTEMATIC)
            if excess > worst:
                worst = excess
                line = f"{one} and {other} differ by {abs(a.value - b.value):.2f} ± {sigma:.2f} nats"
    return line
