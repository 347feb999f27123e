"""What a run would do, without doing it: sizes, memory, time, the steps in order. Nothing is written."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from ebm.datasets import Data
from ebm.experiment.config import read_config
from ebm.experiment.directory import RunDirectory
from ebm.experiment.report import Report
from ebm.experiment.runner import blas_threads, course_of, prepared
from ebm.experiment.stages import STAGES
from ebm.experiment.work import Config, Train, Work
from ebm.machine import Machine
from ebm.training import begin, train

__all__ = ["check"]

Line = tuple[str, str]  # what, and what is to be said of it
_SECONDS, _STEPS = 1.0, 100  # that are measured, at most


def check(
    config: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    out: str | os.PathLike[str] | None = None,
) -> list[Line]:
    """What `run` would do with a config, in lines; whatever `run` refuses is refused.

    Parameters
    ----------
    config, overrides, out
        As of `run`.

    Raises
    ------
    EbmError
        Whatever is wrong with the config, the data or the directory.
    """
    read = read_config(config, overrides)
    directory = RunDirectory(out if out is not None else Path("runs") / Path(read.source).stem)
    report = Report(Console(file=io.StringIO()))
    work = prepared(read, directory, report, None)
    with blas_threads(work.machine, read):
        lines = [("config", read.source), *_sizes(work)]
        if read.train is not None and isinstance(work.machine, Machine):
            lines += _costs(work, work.machine, read.train)
        elif read.train is not None:
            lines.append(("time", "not measured: layers are learnt one on the other"))
    steps = _steps(read, work)
    lines += [("steps" if k == 0 else "", f"{k + 1}. {step}") for k, step in enumerate(steps)]
    there = ", where a run is already: --overwrite, or another --out" if directory.is_run() else ""
    return [*lines, ("output", f"{directory.path}{there}")]


def _sizes(work: Work) -> list[Line]:
    lines = [] if work.data is None else [("data", str(work.data))]
    n = sum(array.size for array in work.machine.params.values())
    return [*lines, ("machine", f"{work.machine}, {n} parameters")]


def _costs(work: Work, machine: Machine, settings: Train) -> list[Line]:
    """Memory and time of learning, of a few of its steps and a look, which the machine does not survive."""
    course, rows = course_of(work, settings, lambda *_: None)
    config = work.config
    state = begin(machine, config.rule, config.optimiser, settings.seed)
    steps = train(
        state, rows, config.rule, config.optimiser, settings.batch_size, settings.seed,
        penalties=settings.penalties, constraints=settings.constraints,
    )  # fmt: skip
    with np.errstate(all="ignore"):
        tracemalloc.start()  # while code is compiled and read, too
        course.look(state)
        next(steps)
        tracemalloc.reset_peak()
        next(steps)
        course.look(state)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        start, done = time.perf_counter(), 0
        while done < _STEPS and time.perf_counter() - start < _SECONDS:
            next(steps)
            done += 1
        step = (time.perf_counter() - start) / done
        start = time.perf_counter()
        course.look(state)
        look = time.perf_counter() - start
    n, looks = course.per_epoch * course.epochs, 1 + -(-course.epochs // course.every)
    seconds = n * step + looks * look
    how = f"{n} steps of {_duration(step)}, {looks} looks of {_duration(look)}"
    less = ", or less where it stops early" if settings.stopping is not None else ""
    return [
        (
            "memory",
            f"{_bytes(_of_rows(work.data))} of rows, {_bytes(peak)} while learning, and the libraries",
        ),
        ("time", f"about {_duration(seconds)} of learning on this machine{less}: {how}"),
    ]


def _of_rows(data: Data | None) -> int:
    return 0 if data is None else data.train.nbytes + data.test.nbytes


def _steps(config: Config, work: Work) -> list[str]:
    """What comes after what."""
    steps = []
    if (settings := config.train) is not None:
        n = "" if work.data is None else f" {len(work.rows.train) * settings.repeat} rows,"
        how = f"{type(config.rule).__name__} and {type(config.optimiser).__name__}"
        steps.append(f"learn by {how}:{n} batches of {settings.batch_size}, {settings.epochs} epochs")
    for name in STAGES:
        if name in config.stages:
            call = config.stages[name].arguments
            told = [f"{key} = {call[key]}" for key in ("method", "n", "epochs") if key in call]
            steps.append(f"{name}{': ' if told else ''}{', '.join(told)}")
    if config.plots is None or config.plots.enabled:
        steps.append("figures")
    return steps


def _duration(seconds: float) -> str:
    """A time with its unit.

    Examples
    --------
    >>> _duration(0.0021), _duration(75), _duration(7000)
    ('2.1 ms', '75 s', '1.9 h')
    """
    for size, unit, most in ((1e-6, "µs", 1e-3), (1e-3, "ms", 1.0), (1.0, "s", 100.0), (60.0, "min", 6000.0)):
        if seconds < most:
            return f"{_rounded(seconds / size)} {unit}"
    return f"{_rounded(seconds / 3600)} h"


def _rounded(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _bytes(n: int) -> str:
    return f"{n / 2**20:.1f} MiB"
