"""A sweep: a config becomes many runs, each in its directory, worked on by any executor.

The directory is the state. A task is to run or resume one run directory, named by its settings; a finished
one is left alone. So a worker that is killed, a sweep begun a second time and two at once are all resumes,
and the bits of a model depend on none of it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ebm.arguments import as_count
from ebm.errors import EbmError, expect
from ebm.experiment.axes import Between, Settings, combinations, name_of, overrides_of, read_axes
from ebm.experiment.config import read_config, resolved
from ebm.experiment.directory import RunDirectory, finite
from ebm.experiment.halving import Halving
from ebm.experiment.locking import is_lock
from ebm.experiment.report import Report
from ebm.experiment.tasks import Outcome, Task, check_same, work_on
from ebm.experiment.workers import WorkerDied, Workers
from ebm.files import write_atomic
from ebm.progress import Update

__all__ = ["Sweep", "sweep"]

_FILE = "sweep.json"
_STRIKES = 5  # deaths of its worker, without a checkpoint in between, that a task may have
_POLL = 1.0  # seconds between looks at a run that somebody else works on


@dataclass(frozen=True)
class Sweep:
    """What became of a sweep.

    Attributes
    ----------
    path : Path
        Its directory.
    outcomes : dict of str to Outcome
        By task: "finished", "failed" with the line, "paused" where halving left it, "interrupted".
    """

    path: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def runs(self) -> dict[str, RunDirectory]:
        """The runs that are finished."""
        names = (name for name, outcome in self.outcomes.items() if outcome.fate == "finished")
        return {name: RunDirectory(self.path / name) for name in names}

    @property
    def failed(self) -> dict[str, str]:
        """The lines of those that failed."""
        return {name: outcome.line for name, outcome in self.outcomes.items() if outcome.fate == "failed"}

    def __repr__(self) -> str:
        fates = Counter(outcome.fate for outcome in self.outcomes.values())
        return f"Sweep({self.path}: {', '.join(f'{n} {fate}' for fate, n in fates.items())})"


def sweep(
    config: str | os.PathLike[str],
    grid: Mapping[str, Any] | Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    random: int | None = None,
    halving: Halving | None = None,
    out: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    threads: int = 1,
    seed: int = 0,
    report: Report | None = None,
) -> Sweep:
    """Run a config with every combination of some settings.

    Parameters
    ----------
    config : path-like
        A TOML file.
    grid : mapping or sequence of str
        Values by setting, such as ``{"machine.n_hidden": [16, 64]}``, or items as the command line has them,
        such as ``"train.seed=0:5"``; see `ebm.experiment.axes.read_axes`.
    overrides : sequence of str
        ``table.key=value`` items for all runs.
    random : int, optional
        Draw so many combinations instead of taking all; an axis may then be a `Between`.
    halving : Halving, optional
        Short runs first, of which the best go on.
    out : path-like, optional
        The sweep's directory; ``sweeps/<stem of the config>`` when left out. One that is there already is
        gone on with, by the same or a larger grid.
    executor : concurrent.futures.Executor, optional
        Who works: of processes, of a Dask client (``client.get_executor()``), or any other. It is left open.
    workers : int
        Where there is no executor: spawned processes; of 1, this process works. (A script that spawns keeps
        its own work under ``if __name__ == "__main__":``.)
    threads : int
        Of each run.
    seed : int
        Of `random`.
    report : Report, optional
        Where progress goes.

    Returns
    -------
    Sweep

    Raises
    ------
    EbmError
        A grid that makes no sense, a config that no run can be made of, a directory with another sweep.
    KeyboardInterrupt
        After runs at work have saved.

    Examples
    --------
    >>> import ebm.experiment
    >>> ebm.experiment.sweep("tiny.toml", {"train.seed": range(5)}, workers=2)  # doctest: +SKIP
    Sweep(sweeps/tiny: 5 finished)
    """
    axes = read_axes(grid)
    for value, name in ((random, "random"), (workers, "workers"), (threads, "threads")):
        if value is not None:
            as_count(value, name)
    if halving is not None:
        expect(halving, Halving, "halving", "Halving(), or None")
    if executor is not None:
        expect(executor, Executor, "executor", "a concurrent.futures.Executor, or None")
    report, chosen = report or Report(), combinations(axes, random, as_count(seed, "seed", 0))
    path = Path(out if out is not None else Path("sweeps") / Path(config).stem)
    tasks, outcomes = _tasks(config, overrides, chosen, path, threads)
    if halving is not None:
        halving.check(tasks.values())
    _note(path, config, overrides, axes, [name_of(settings) for settings in chosen], random, seed)
    for name, outcome in outcomes.items():  # configs that were refused
        RunDirectory(path / name).fail(outcome.line)
    crew = _Crew(executor, workers, report, len(chosen))
    with report.progress("sweep") as update, crew.at_work(update):
        groups = {name_of(settings): settings for settings in chosen}
        rungs = [] if halving is None else halving.rungs(tasks.values())
        left = dict(tasks)
        for epochs in rungs:
            ended = crew.work(replace(task, pause=epochs) for task in left.values())
            outcomes |= ended
            kept = halving.best({n: groups[n] for n in left}, path, epochs, ended) if halving else set()
            left = {name: task for name, task in left.items() if name in kept}
        outcomes |= crew.work(left.values())
    found = Sweep(path, {name_of(settings): outcomes[name_of(settings)] for settings in chosen})
    for name, line in found.failed.items():
        report.line(f"{name}: failed: {line}")
    report.line(repr(found).removeprefix("Sweep(").removesuffix(")"))
    return found


def _tasks(
    config: str | os.PathLike[str],
    overrides: Sequence[str],
    chosen: Sequence[Settings],
    path: Path,
    threads: int,
) -> tuple[dict[str, Task], dict[str, Outcome]]:
    """The tasks, and what is wrong with those whose config is refused; an error where that is all of them."""
    tasks: dict[str, Task] = {}
    refused: dict[str, Outcome] = {}
    first: EbmError | None = None
    for settings in chosen:
        name = name_of(settings)
        try:
            tables = resolved(read_config(config, [*overrides, *overrides_of(settings)]))
        except EbmError as error:
            first = first or error
            refused[name] = Outcome("failed", str(error))
            continue
        tasks[name] = Task(name, path / name, tables, threads)
        check_same(tasks[name])
    if first is not None and not tasks:
        raise first
    return tasks, refused


def _note(
    path: Path,
    config: str | os.PathLike[str],
    overrides: Sequence[str],
    axes: Mapping[str, list[Any] | Between],
    names: Sequence[str],
    random: int | None,
    seed: int,
) -> None:
    """Write what the sweep is; where it is there already, with what has come to it."""
    values = {k: vars(v) if isinstance(v, Between) else list(v) for k, v in axes.items()}
    told = {"format": 1, "config": str(config), "overrides": list(overrides), "axes": values}
    if random is not None:
        told |= {"random": random, "seed": seed}
    file = path / _FILE
    try:
        there = json.loads(file.read_text())
        before = list(there["tasks"])
    except FileNotFoundError:
        before = []
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise EbmError(f"{path}: not empty and not a sweep of ebm; expected another --out") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise EbmError(f"{file}: not what ebm sweep writes; remove it, or take another --out") from None
    else:
        for key, old in there["axes"].items() if isinstance(there.get("axes"), dict) else ():
            if isinstance(old, list) and isinstance(values.get(key, []), list):
                values[key] = [*old, *(v for v in values.get(key, []) if v not in old)]
    path.mkdir(parents=True, exist_ok=True)
    told["tasks"] = list(dict.fromkeys([*before, *names]))
    text = json.dumps(finite(told), indent=2) + "\n"
    write_atomic(file, lambda stream: stream.write(text.encode()))


class _Crew:
    """Those who work on tasks, and what is told of it."""

    def __init__(self, executor: Executor | None, workers: int, report: Report, n: int) -> None:
        self._given, self._n_workers, self._report, self._n = executor, min(workers, n), report, n
        self._executor: Executor | None = None
        self._update: Update = lambda done, line: None
        self._done: set[str] = set()

    @contextmanager
    def at_work(self, update: Update) -> Iterator[None]:
        """Workers are there within it; an interruption lets them save."""
        self._update = update
        own = Workers(self._n_workers) if self._given is None and self._n_workers > 1 else None
        self._executor = self._given or own
        try:
            yield
        except BaseException:
            if own is not None:
                own.stop()
            raise
        if own is not None:
            own.shutdown()

    def work(self, tasks: Collection[Task] | Iterator[Task]) -> dict[str, Outcome]:
        """How each task ended."""
        waiting = deque(tasks)
        outcomes: dict[str, Outcome] = {}
        if self._executor is None:
            self._here(waiting, outcomes)
        else:
            _Race(self._executor, waiting, lambda task, outcome: self._end(task, outcome, outcomes)).run()
        return outcomes

    def _here(self, waiting: deque[Task], outcomes: dict[str, Outcome]) -> None:
        """Work in this process, one task after the other."""
        while waiting:
            outcome = work_on(task := waiting.popleft())
            if outcome.fate == "interrupted":
                raise KeyboardInterrupt
            if outcome.fate == "busy":
                if all(_is_busy(other) for other in waiting):
                    time.sleep(_POLL)
                waiting.append(task)
            else:
                self._end(task, outcome, outcomes)

    def _end(self, task: Task, outcome: Outcome, outcomes: dict[str, Outcome]) -> None:
        outcomes[task.name] = outcome
        if outcome.fate == "paused":
            self._update(len(self._done) / self._n, f"{task.name}: at epoch {task.pause}")
            return
        self._done.add(task.name)
        said = f"{len(self._done)} of {self._n}, {task.name}: {outcome.fate}"
        self._update(len(self._done) / self._n, f"{said}: {outcome.line}" if outcome.line else said)


def _is_busy(task: Task) -> bool:
    return not RunDirectory(task.path).finished and any(map(is_lock, task.path.glob(".ebm.*")))


class _Race:
    """Tasks handed to an executor, again where they have to be."""

    def __init__(self, executor: Executor, tasks: deque[Task], end: Callable[[Task, Outcome], None]) -> None:
        self._executor, self._waiting, self._end = executor, tasks, end
        self._strikes: Counter[str] = Counter()
        self._reached: dict[str, list[Path]] = {}
        self._running: dict[Future[Outcome], Task] = {}
        self._later: list[tuple[float, Task]] = []

    def run(self) -> None:
        """Until all have ended."""
        while self._waiting or self._running or self._later:
            now = time.monotonic()
            self._waiting.extend(task for due, task in self._later if due <= now)
            self._later = [(due, task) for due, task in self._later if due > now]
            while self._waiting:
                self._submit(self._waiting.popleft())
            done, _ = wait(self._running, timeout=_POLL, return_when=FIRST_COMPLETED)
            if not self._running:
                time.sleep(_POLL / 4)
            for future in done:
                self._hear(self._running.pop(future), future)

    def _submit(self, task: Task) -> None:
        try:
            self._running[self._executor.submit(work_on, task)] = task
        except RuntimeError as error:  # broken, or shut down
            raise EbmError(f"the executor takes no more work ({error}); begin the sweep again") from None

    def _hear(self, task: Task, future: Future[Outcome]) -> None:
        try:
            outcome = future.result()
        except Exception as error:  # of the executor: a run's own are in its outcome
            self._strike(task, error)
            return
        if outcome.fate == "busy":
            self._later.append((time.monotonic() + _POLL, task))
        elif outcome.fate == "interrupted":
            raise KeyboardInterrupt
        else:
            self._end(task, outcome)

    def _strike(self, task: Task, error: Exception) -> None:
        """Try a task again whose worker is gone, unless it comes no further."""
        directory = RunDirectory(task.path)
        reached = directory.checkpoints()
        if reached != self._reached.get(task.name):
            self._strikes[task.name] = 0
        self._reached[task.name] = reached
        self._strikes[task.name] += 1
        if self._strikes[task.name] < _STRIKES:
            self._waiting.append(task)
            return
        why = str(error) if isinstance(error, WorkerDied) else f"{type(error).__name__}: {error}"
        line = f"{_STRIKES} workers died of it and it came no further: {why} (memory?)"
        directory.fail(line)
        self._end(task, Outcome("failed", line))
