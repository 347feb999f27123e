"""The report: several estimators of log Z, grown side by side, and a verdict on whether they agree.

An estimate that its own diagnostics speak against does not count. Those that are left must agree within
their errors, from two independent looks at least, and nothing from the uniform measure may be higher: a phase
that is missed makes Z too small. When they do not agree, all may be wrong, and the verdict says so. Who takes
part, and what it counts for, is in `ebm.partition.members`.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor, as_completed

from ebm.errors import settings
from ebm.machine import Base, Machine
from ebm.partition.annealed import near
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ
from ebm.partition.growing import Clock, Effort, grow
from ebm.partition.limits import MOST_APART, MOST_STDERR
from ebm.partition.members import MEMBERS, ROLES, Ground
from ebm.partition.rising import covering
from ebm.stream import Stream

__all__ = ["Report", "judge"]

_SIGMAS = 3.0  # by which two estimates may differ
_SYSTEMATIC = 0.02  # nats that are put down to nothing in particular


@settings
class Report(Effort):
    """Several estimators until they are accurate, and whether they agree.

    Time is spent where the doubt is: on all while they do not agree, then on the one that leads until it is
    accurate, then on paths from the uniform measure until one has led somewhere.

    AIS, reverse AIS, MBAR over a tempering ladder and population annealing, from a product measure near the
    machine; the last two also from the uniform one.
    """

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The estimate that leads, with the verdict on all."""
        if context.executor is not None:
            return self._beside(context.executor, machine, rng, context)
        clock = Clock(self.budget)
        ground = Ground(machine, near(machine, rng, context), rng, clock)
        members = {name: member.grow(ground) for name, member in MEMBERS.items()}
        shares = {name: member.share for name, member in MEMBERS.items()}

        def focus(estimates: dict[str, Estimate]) -> list[str] | None:
            so_far = judge(estimates, self.accuracy)
            if so_far.verdict != "agree":
                return None
            if so_far.stderr <= self.accuracy:
                return [] if _seen_wide(estimates) else _WIDE
            return [name for name, member in MEMBERS.items() if so_far.method in member.roles]

        cut = [name for name, member in MEMBERS.items() if member.cut]
        return judge(grow(members, self, context.progress, shares, focus, clock, cut), self.accuracy)

    def _beside(self, executor: Executor, machine: Machine, rng: Stream, context: Context) -> LogZ:
        """The same of estimators that grow each by itself: what none knows of the others is left out."""
        base, tell = near(machine, rng, context), context.progress or (lambda done, line: None)
        futures = {executor.submit(_grown, name, self, machine, base, rng): name for name in MEMBERS}
        estimates: dict[str, Estimate] = {}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                estimates |= future.result()
                tell(number / len(futures), f"{futures[future]} is done")
        finally:
            for future in futures:
                future.cancel()
        order = [key for member in MEMBERS.values() for key in member.roles]
        ordered = sorted(estimates, key=lambda key: order.index(key) if key in order else len(order))
        return judge({key: estimates[key] for key in ordered}, self.accuracy)


def _grown(name: str, effort: Report, machine: Machine, base: Base, rng: Stream) -> dict[str, Estimate]:
    """What one member comes to by itself, in whichever process this is."""
    from ebm.kernels.threads import limited_threads

    clock, member = Clock(effort.budget), MEMBERS[name]
    growing = {name: member.grow(Ground(machine, base, rng, clock))}
    with limited_threads(1):
        return grow(growing, effort, clock=clock, cut=[name] if member.cut else [])


_WIDE = [name for name, member in MEMBERS.items() if any(role.heard == 0 for role in member.roles.values())]


def _seen_wide(estimates: dict[str, Estimate]) -> bool:
    """Whether a path from the uniform measure has led anywhere."""
    return any(
        key in estimates and not estimates[key].trouble for name in _WIDE for key in MEMBERS[name].roles
    )


def judge(estimates: dict[str, Estimate], accuracy: float = math.inf) -> LogZ:
    """The estimate that leads, and whether the others agree with it.

    Among those that nothing speaks against the ladders lead, which are in equilibrium as far as can be seen;
    else the most accurate. Its error is made to cover the scatter of the others.
    """
    if {"ais", "reverse_ais"} <= estimates.keys():
        down = covering(estimates["reverse_ais"], estimates["ais"])
        estimates = estimates | {"reverse_ais": down}
    sound = {
        key: estimates[key]
        for key in ROLES
        if key in estimates and not estimates[key].trouble and estimates[key].stderr <= MOST_STDERR
    }
    pool = sound or {key: e for key, e in estimates.items() if math.isfinite(e.value)} or estimates
    lead = [key for key in sound if ROLES[key].leads] or list(pool)
    best = min(
        lead,
        key=lambda key: (
            not sound and not _met(pool[key]),
            not pool[key].stderr <= math.inf,
            pool[key].stderr,
        ),
    )
    agreeing = {key: e for key, e in sound.items() if not _short(key, e, best, estimates[best])}
    verdict, reason = "agree", _agreement(agreeing)
    against = _quarrel(agreeing) or _missing(estimates, estimates[best])
    if against and sound:  # what misses a phase falls short: the highest is the likeliest
        best = max(sound, key=lambda key: sound[key].value)
    if _looks(sound) < 2:
        verdict, reason = "do not trust", _too_few(estimates, sound, best)
    elif against:
        verdict, reason = "do not trust", against
    stderr = estimates[best].stderr * _birge(agreeing, best)
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


def _short(key: str, estimate: Estimate, best: str, ladders: Estimate) -> bool:
    """Whether it is an annealed estimate that is lower than ladders whose ends have met.

    Paths that freeze fall short, and their weights scatter no more for it: this says nothing against ladders
    that two opposed starts left alike.
    """
    if not (ROLES[key].falls_short and ROLES[best].leads and _met(ladders)):
        return False
    return estimate.value < ladders.value - math.hypot(estimate.stderr, ladders.stderr)


def _looks(sound: dict[str, Estimate]) -> int:
    """Independent looks at log Z. Ladders whose two ends have met are two: each half is an estimate."""
    of_run: dict[str, int] = {}
    for key, e in sound.items():
        run = ROLES[key].run
        of_run[run] = max(of_run.get(run, 1), 1 + (ROLES[key].leads and "apart" in e.facts))
    return sum(of_run.values())


def _birge(sound: dict[str, Estimate], best: str) -> float:
    """What the error of the best is multiplied by, 1 or more, so that it covers how the others scatter.

    Birge, "The calculation of errors by the method of least squares" (1932).
    """
    if best not in sound:
        return 1.0
    others = [e for key, e in sound.items() if ROLES[key].run != ROLES[best].run]
    if not others:
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
    for key, role in ROLES.items():
        if role.heard is not None and key in estimates and estimates[key].trouble:
            more, sigma = estimates[key].value - best.value, math.hypot(estimates[key].stderr, best.stderr)
            if more > max(role.heard, _SIGMAS * sigma + _SYSTEMATIC):
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
