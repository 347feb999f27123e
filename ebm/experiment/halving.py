"""Successive halving: all learn a little, and the best go on.

Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016). A run
that goes on does so from its checkpoint, so its bits in the end are those it would have had alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ebm.errors import EbmError, nearest, settings
from ebm.experiment.axes import Settings, is_repetition, name_of
from ebm.experiment.directory import RunDirectory
from ebm.plots.reading import row_of

if TYPE_CHECKING:
    from ebm.experiment.tasks import Outcome, Task

__all__ = ["Halving"]

# What runs are compared by, the first that they have.
_SCORES = ("error_heldout", "log_likelihood_heldout", "pseudo_likelihood_heldout")
_LESS = ("error", "loss", "kl", "reconstruction", "free_energy_gap")  # of which less is better


@settings
class Halving:
    """Short runs first, of which the best go on.

    Parameters
    ----------
    factor : float
        One in so many settings goes on, each time with as many times the epochs.
    score : str, optional
        A number of ``metrics.jsonl``; of errors, losses and divergences less is better. When left out, the
        held-out error, log-likelihood or pseudo-likelihood, whichever there is.

    Examples
    --------
    >>> Halving(factor=3).epochs(n=9, last=90, every=10)
    [10, 30]
    """

    factor: Annotated[float, Field(gt=1, le=100)] = 3.0
    score: str | None = None

    def epochs(self, n: int, last: int, every: int) -> list[int]:
        """Where n settings that learn for `last` epochs pause, at multiples of `every`."""
        times = int(math.log(max(n, 1)) / math.log(self.factor) + 1e-9)
        pauses = (last / self.factor**k for k in range(times, 0, -1))
        return sorted({e for p in pauses if 0 < (e := round(p / every) * every) < last})

    def check(self, tasks: Iterable[Task]) -> None:
        """Refuse runs that cannot be compared on the way.

        Raises
        ------
        EbmError
        """
        for task in tasks:
            if "train" not in task.tables or task.tables["machine"]["type"] == "DBN":
                raise EbmError("halving: needs a machine that learns in a [train] table, in one piece")
        if len({self._schedule(task) for task in tasks}) > 1:
            raise EbmError("halving: train.epochs and train.evaluate_every must be the same in all runs")

    def rungs(self, tasks: Iterable[Task]) -> list[int]:
        """The epochs at which runs are compared."""
        tasks = list(tasks)
        last, every = self._schedule(tasks[0])
        return self.epochs(len(tasks), last, every)

    @staticmethod
    def _schedule(task: Task) -> tuple[int, int]:
        return task.tables["train"]["epochs"], task.tables["train"]["evaluate_every"]

    def best(
        self, tasks: Mapping[str, Settings], path: Path, epochs: int, ended: Mapping[str, Outcome]
    ) -> set[str]:
        """Names of those that go on: of the settings with the best mean over what repeats them.

        Raises
        ------
        EbmError
            There is no such score.
        """
        groups: dict[Settings, list[str]] = defaultdict(list)
        for name, chosen in tasks.items():
            if ended[name].fate in ("paused", "finished"):
                groups[tuple(s for s in chosen if not is_repetition(s[0]))].append(name)
        rows = {name: _row(path / name, epochs) for names in groups.values() for name in names}
        key = self._key(rows)
        sign = -1 if key.startswith(_LESS) else 1
        scores = {
            group: sign * float(np.mean([rows[name].get(key, -sign * math.inf) for name in names]))
            for group, names in groups.items()
        }
        ranked = sorted(groups, key=lambda group: (-scores[group], name_of(group)))
        kept = ranked[: max(1, math.ceil(len(ranked) / self.factor))]
        return {name for group in kept for name in groups[group]}

    def _key(self, rows: Mapping[str, Mapping[str, float]]) -> str:
        known = dict.fromkeys(key for row in rows.values() for key in row)
        if self.score is not None and self.score not in known:
            raise EbmError(
                f"halving: score: no {self.score!r} in metrics.jsonl; {nearest(self.score, known)}"
            )
        found = self.score or next((key for key in _SCORES if key in known), None)
        if found is None:
            expected = "expected rows held out, or score= one of metrics.jsonl"
            raise EbmError(f"halving: nothing to compare runs by; {expected}")
        return found


def _row(path: Path, epochs: int) -> dict[str, float]:
    """What was measured at an epoch, as numbers."""
    directory = RunDirectory(path)
    lines = directory.metrics.read_bytes().splitlines() if directory.metrics.exists() else []
    rows = [row for line in lines if (row := row_of(line)) is not None and row.get("epoch", 0) <= epochs]
    return {k: v for k, v in rows[-1].items() if isinstance(v, (int, float))} if rows else {}
