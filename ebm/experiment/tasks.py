"""One run of a sweep: begun, or gone on with; all it leaves is its directory, wherever it is worked on."""

from __future__ import annotations

import threading
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from rich.console import Console

from ebm.errors import EbmError, InUse, one_line, short
from ebm.experiment.config import build_config
from ebm.experiment.directory import RunDirectory
from ebm.experiment.report import Report
from ebm.experiment.runner import resume, run
from ebm.kernels.threads import limited_threads

__all__ = ["Fate", "Outcome", "Task", "check_same", "work_on"]

Fate: TypeAlias = Literal["finished", "paused", "failed", "busy", "interrupted"]
_ONE = threading.Lock()  # a run sets what is the whole process's: threads of BLAS, warnings, signals


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    Parameters
    ----------
    name : str
    path : Path
        The run directory.
    tables : dict
        The config, every default written out.
    threads : int
        For kernels and BLAS. The last bits of large products depend on their number, so it belongs to the
        task and not to the worker.
    pause : int, optional
        The epoch to stop at.
    """

    name: str
    path: Path
    tables: dict[str, Any]
    threads: int = 1
    pause: int | None = None


class Outcome(NamedTuple):
    """How a task ended, and the line that says why where it failed."""

    fate: Fate
    line: str = ""


def work_on(task: Task) -> Outcome:
    """Run, or go on with, the run of a task; whatever goes wrong is left in its directory and returned."""
    directory = RunDirectory(task.path)
    try:
        with _ONE, limited_threads(task.threads):
            report = Report(Console(quiet=True))
            if directory.is_run():
                check_same(task)
                resume(task.path, report=report, pause=task.pause)
            else:
                config = build_config(task.tables, task.name)
                run(config, out=task.path, report=report, pause=task.pause)
    except InUse as error:  # or somebody else was faster to begin it
        return Outcome("busy", str(error))
    except KeyboardInterrupt:
        return Outcome("interrupted")
    except Exception as error:
        known = isinstance(error, (EbmError, OSError))
        line = one_line(" ".join(str(error).split()) if known else f"{type(error).__name__}: {error}")
        with suppress(OSError):  # the disk may be what is wrong
            directory.fail(line)
        return Outcome("failed", line)
    return Outcome("finished" if directory.finished else "paused")


def check_same(task: Task) -> None:
    """Refuse a directory with a run of other settings than the task's.

    Raises
    ------
    EbmError
        One line with the first setting that differs.
    """
    path = task.path / "config.toml"
    try:
        there = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EbmError(f"{path}: not valid TOML: {error}") from None
    for table in there | task.tables:
        old, new = there.get(table, {}), task.tables.get(table, {})
        for key in old | new:
            if old.get(key) != new.get(key):
                was = f"[{table}] {key} is {short(old.get(key))} there, {short(new.get(key))} in the sweep"
                raise EbmError(f"{path}: {was}; expected another --out")
