"""What an estimate that comes from below has still to rise by, judged from runs of less work.

The mean of annealed weights misses states that no chain has reached, and the spread of the weights that
were seen does not say so. But what is missed is found as the path becomes slower, so estimates that still
rise with their work tell how far they have to go. docs/math.md (11.16).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ebm.partition.estimate import Estimate

__all__ = ["SHORTER", "Rounds", "covering"]

SHORTER = (64, 8)  # runs of a 64th and an 8th of the work tell where a run by itself stands
_POWERS = (0.5, 1.0, 2.0)  # of the work, by which the bias may fall
_LEAST = 1e-9  # nats
_NO_SPREAD = 1e-20


@dataclass
class Rounds:
    """Estimates of one quantity, made with ever more work.

    Attributes
    ----------
    sign : int
        1 for what comes from below, −1 from above.
    work, values, stderrs : list of float
    """

    sign: int = 1
    work: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    stderrs: list[float] = field(default_factory=list)
    _noise: float = 0.0  # the largest error of a whole round times the root of its work

    def add(self, work: float, estimate: Estimate, *, trial: bool = False) -> Estimate:
        """The estimate with an error that counts what it may still miss; the fact ``to_come``, nats.

        Of weights with a long tail those runs state the least error that have not met it. So an error falls
        no faster than the root of the work from one round to the next; runs that are only a `trial` are
        too short to tell.
        """
        stderr = estimate.stderr
        if not trial and math.isfinite(stderr):
            self._noise = max(self._noise, stderr * math.sqrt(work))
            stderr = self._noise / math.sqrt(work)
        self.work.append(work)
        self.values.append(estimate.value)
        self.stderrs.append(stderr)
        more = self.to_come()
        facts = estimate.facts | {"to_come": more}
        return replace(estimate, stderr=math.hypot(stderr, more), facts=facts)

    def to_come(self) -> float:
        """How much the last value may still move, nats: by the slowest law that the rounds do not rule out.

        The law is value = limit − a / work^p; a is taken less half of its own error, for the noise of rounds
        that have arrived is in their errors already.
        """
        finite = np.isfinite(self.values) & np.isfinite(self.stderrs)
        if finite.sum() < 2:
            return 0.0
        work, values = np.array(self.work)[finite], self.sign * np.array(self.values)[finite]
        weight = 1 / np.maximum(np.array(self.stderrs)[finite], _LEAST) ** 2
        fits = [_fit((work / work[-1]) ** -p, values, weight) for p in _POWERS]
        least = min(misfit for _, misfit in fits)
        return next(more for more, misfit in fits if misfit <= least + 1)


def _fit(x: np.ndarray, values: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """a of values = limit − a x by least squares, a ≥ 0, less half its error; and the sum of squares left."""
    mean_x, mean_v = (np.average(y, weights=weight) for y in (x, values))
    spread = float(weight @ (x - mean_x) ** 2)
    if not spread > _NO_SPREAD * float(weight.sum()):  # all of the same work, or one of no error
        return 0.0, 0.0
    a = max(0.0, -float(weight @ ((x - mean_x) * (values - mean_v))) / spread)
    left = values - mean_v + a * (x - mean_x)
    return max(0.0, a - 0.5 / math.sqrt(spread)), float(weight @ left**2)


def covering(down: Estimate, up: Estimate) -> Estimate:
    """An estimate from above with an error that covers how far one from below stays short of it.

    Both are bounds in probability, so log Z lies between them; what is within half of the noise of the two
    is not counted. Where rare samples would carry the weight, those from above look sound without them:
    nothing but the way up tells. docs/math.md (11.18).
    """
    apart = down.value - up.value - 0.5 * math.hypot(down.stderr, up.stderr)
    more = max(0.0, apart) if math.isfinite(apart) else 0.0
    facts = down.facts | {"to_come": more}
    return replace(down, stderr=math.hypot(down.stderr, more), facts=facts)
