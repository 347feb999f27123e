"""Running and resuming: config -> run directory.

The parameters after a run do not depend on whether it was interrupted: a checkpoint holds all that changes,
minibatches are a function of (seed, step), and every later stage is a function of the trained machine and
its own seed.
"""

from __future__ import annotations

import math
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ebm.checkpoint import save, write_arrays
from ebm.deep import DBN
from ebm.errors import Diverged, EbmError, NotSupported
from ebm.experiment.config import read_config, resolved
from ebm.experiment.directory import RunDirectory
from ebm.experiment.logs import logged
from ebm.experiment.machines import make_machine
from ebm.experiment.origin import changes, check_learning, fingerprint, origin
from ebm.experiment.report import Report, summary_rows
from ebm.experiment.stacks import learn_stack
from ebm.experiment.stages import check_stages, learn_stages, run_stages
from ebm.experiment.tables import in_users_units, kept, told, whole_rows
from ebm.experiment.work import Config, Model, Train, Work, rows_for
from ebm.machine import Array, Machine, check_finite
from ebm.partition import annealed_log_weights, base_rate, log_likelihood, tracked_log_z
from ebm.partition.estimate import log_mean_exp
from ebm.plots import plot_run
from ebm.progress import Update
from ebm.scores import kl_divergence, pseudo_likelihood, reconstruction_error
from ebm.selection import EarlyStopping, scored
from ebm.stream import AIS, EVALUATE
from ebm.training import Course, State, begin, train
from ebm.training.history import Row
from ebm.training.judges import Judge, by_energies
from ebm.training.steps import steps_per_epoch

__all__ = ["blas_threads", "course_of", "prepared", "resume", "run"]

_SMALL_PRODUCT = 2**24  # multiplications, about 0.3 ms
_PSEUDO_ROWS = 200  # rows whose pseudo-likelihood an evaluation computes


def run(
    config: str | os.PathLike[str] | Config,
    overrides: Sequence[str] = (),
    *,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    report: Report | None = None,
    pause: int | None = None,
) -> RunDirectory:
    """Run a config from the start.

    Parameters
    ----------
    config : path-like or Config
        A TOML file, the name of a config that ships with the package, or what was read from one.
    overrides : sequence of str
        ``table.key=value`` items, for a file.
    out : path-like, optional
        The run directory; ``runs/<stem of the config>`` when left out.
    overwrite : bool
        Replace an earlier run there.
    report : Report, optional
        Where progress and the table go.
    pause : int, optional
        Stop after so many epochs, with a checkpoint from which `resume` goes on; the directory is not
        finished then.

    Raises
    ------
    EbmError
        Whatever is wrong with the config, the data or the directory, before anything is written.
    Diverged
        Parameters became non-finite; the last good checkpoint stays.
    KeyboardInterrupt
        After a checkpoint was saved.
    """
    config = config if isinstance(config, Config) else read_config(config, overrides)
    directory = RunDirectory(out if out is not None else Path("runs") / Path(config.source).stem)
    work = prepared(config, directory, report or Report(), None)
    try:
        seed, data = config.train.seed if config.train else 0, fingerprint(work.data)
        directory.create(resolved(config), seed, data=data, overwrite=overwrite)
        return _go(work, None, pause)
    finally:
        directory.unlock()


def resume(
    path: str | os.PathLike[str], *, report: Report | None = None, pause: int | None = None
) -> RunDirectory:
    """Go on with an interrupted run; a finished one says so. `pause` is as in `run`.

    A run that was killed before its first checkpoint starts over.

    Raises
    ------
    EbmError
        The directory is not a run; the data, or the settings that learning depends on, are others.
    """
    report = report or Report()
    directory = RunDirectory(path)
    if not directory.is_run():
        raise EbmError(f"{path}: not a run directory (no config.toml); expected one made by `ebm run`")
    if directory.finished:
        report.line(f"{path}: finished; nothing to resume")
        return directory
    try:
        directory.lock()
        config = read_config(directory.path / "config.toml")
        tables, began = resolved(config), directory.began
        if began is None:
            what = "environment.json is not there or not as ebm writes it"
            raise EbmError(f"{path}: {what}: what the run began with is not known; start a new run")
        check_learning(directory.path / "config.toml", began, tables)
        state = directory.load_state()
        work = prepared(config, directory, report, state)
        now = origin(tables, config.train.seed if config.train else 0, fingerprint(work.data))
        for line in changes(directory.path / "config.toml", began, now):
            report.line(f"{path}: {line}")
        if isinstance(work.machine, DBN):
            report.line(f"{path}: resuming with the layers that are learnt")
        elif state is None:
            report.line(f"{path}: no checkpoint yet; starting over")
        else:
            report.line(f"{path}: resuming at step {state.step}")
        return _go(work, state, pause)
    finally:
        directory.unlock()


def prepared(config: Config, directory: RunDirectory, report: Report, state: State[Machine] | None) -> Work:
    """The data and the machine, checked for what the config asks of them."""
    data = config.data.load() if config.data is not None else None
    machine = make_machine(config.machine, data) if state is None else state.machine
    data = rows_for(machine, data)
    check_stages(config, machine, data)
    return Work(config, machine, data, directory, report)


def _go(work: Work, state: State[Machine] | None, pause: int | None) -> RunDirectory:
    began, config, directory, report = time.perf_counter(), work.config, work.run, work.report
    with (
        logged(directory.path / "run.log"),
        _warnings_as_lines(report),
        blas_threads(work.machine, config),
    ):
        told(work)
        if isinstance(work.machine, DBN):
            learn_stack(work)
        elif config.train is not None and not _learn(work, state, pause):
            report.line(f"{directory.path}: paused at epoch {pause}")
            return directory
        learn_stages(work)
        save(directory.model, kept(work.machine, work.data))
        run_stages(work)
        if work.arrays:
            write_arrays(directory.path / "samples.npz", work.arrays)
        work.summary["seconds"] = round(time.perf_counter() - began, 1)
        work.summary["table"] = summary_rows(report.rows)
        if config.plots is None or config.plots.enabled:
            figures = plot_run(directory.path, work.summary.get("baselines", {}))
            work.summary["figures"] = [path.name for path in figures]
        directory.write_json("summary.json", work.summary)
        report.table(f"{directory.path} ({work.summary['seconds']:.0f} s)")
        report.line(f"model, samples, metrics and figures are in {directory.path}")
    return directory


def blas_threads(machine: Model, config: Config) -> AbstractContextManager[Any]:
    """Keep small matrix products on one thread: a function of the config alone, so resuming is exact.

    They gain nothing from a second one, and when another process wants the cores the threads of a product
    wait for each other: 25 s became 132 s.
    """
    from threadpoolctl import threadpool_limits

    rows = config.train.batch_size if config.train is not None else 1
    terms = rows * max(p.size for p in machine.params.values())
    return threadpool_limits(1 if terms < _SMALL_PRODUCT else None, user_api="blas")


@contextmanager
def _warnings_as_lines(report: Report) -> Iterator[None]:
    """Show a warning as one line, without the source line that Python adds; no deprecations."""
    with warnings.catch_warnings():
        warnings.simplefilter("once")
        for category in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = lambda message, *_, **__: report.warn(str(message))
        yield


@contextmanager
def _stop_between_steps() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a flag, so that no update is cut in half."""
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        old = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us stops us
        yield lambda: False
        return
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _learn(work: Work, state: State[Machine] | None, pause: int | None) -> bool:
    """Learn to the end: True; or to the epoch at which to pause."""
    config, run = work.config, work.run
    settings, machine = config.train, work.machine
    assert settings is not None
    assert isinstance(machine, Machine)
    with work.report.progress("learning") as update:
        course, rows = course_of(work, settings, update)
        last = math.inf if pause is None else pause * course.per_epoch
        with _stop_between_steps() as stopped, np.errstate(all="ignore"), _last_good(run):
            if state is None:
                state = begin(machine, config.rule, config.optimiser, settings.seed)
                run.cut_metrics(-1)
                run.append_metrics(course.look(state))
            else:
                run.cut_metrics(state.step)
                run.drop_old()
            steps = train(
                state, rows, config.rule, config.optimiser, settings.batch_size, settings.seed,
                penalties=settings.penalties, constraints=settings.constraints,
            )  # fmt: skip
            if state.step < last:
                for row in course.run(state, steps, lambda: stopped() or state.step >= last):
                    run.append_metrics(row)
                    run.save_state(state)
            if stopped():
                check_finite(state.machine, state.step)
                run.save_state(state)
                raise KeyboardInterrupt
            if not course.over(state):
                run.save_state(state)
                return False
    _settle(work, state, course)
    return True


def course_of(work: Work, settings: Train, update: Update) -> tuple[Course[Machine], Array]:
    """The course that learning takes, and the rows of an epoch."""
    rows = np.repeat(work.rows.train, settings.repeat, axis=0)
    per_epoch = steps_per_epoch(len(rows), settings.batch_size)
    course = Course(
        settings.epochs, per_epoch, _judge(work, per_epoch * settings.evaluate_every),
        None if work.heldout is None else settings.stopping,
        settings.evaluate_every, work.config.optimiser, update, rows,
    )  # fmt: skip
    return course, rows


@contextmanager
def _last_good(run: RunDirectory) -> Iterator[None]:
    """Where learning diverges, say which checkpoint is good."""
    try:
        yield
    except Diverged as error:
        kept = run.checkpoints()
        where = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
        raise Diverged(f"{error}; {where}") from None


def _settle(work: Work, state: State[Machine], course: Course[Machine]) -> None:
    """Put the machine in place that held-out rows prefer, and say which it is."""
    epoch = state.step / course.per_epoch
    early = course.stopping is not None and course.stopping.enough(state.watch)
    name, best = course.settle(state), state.watch.best
    kept: dict[str, Any] = {"machine": name, "learned_epochs": epoch, "stopped_early": early}
    when = f"after {epoch:g} of {course.epochs} epochs"
    if best is not None:
        kept["epoch"] = best.step / course.per_epoch
        when = f"of epoch {kept['epoch']:g}, {when}"
    work.summary["kept"] = kept
    work.report.row("machine kept", name, when)


def _judge(work: Work, every: int) -> Judge[Machine]:
    """Judges by energies, and by the scores that the config asks for."""
    rule, train, heldout = work.config.rule, work.rows.train, work.heldout
    energies = by_energies(rule, train, heldout, every)

    def row(state: State[Machine]) -> Row:
        return energies.row(state) | _more(work, state)

    def score(state: State[Machine], row: Row, stopping: EarlyStopping) -> float:
        assert heldout is not None
        rng = state.rng.split(EVALUATE).split(state.step)
        return scored(stopping, state, train, heldout, rng, row.get("log_z"), rule)

    return replace(energies, row=row, score=score)


def _more(work: Work, state: State[Machine]) -> Row:
    """The scores of an evaluation beyond energies: those the config asks for, and cheap ones that apply."""
    settings, machine = work.config.train, state.machine
    assert settings is not None
    row: Row = {}
    sets: dict[str, Array] = {"train": work.rows.train}
    if work.heldout is not None:
        sets["heldout"] = work.heldout
    for name, rows in sets.items():
        some = rows[:: max(1, len(rows) // _PSEUDO_ROWS)]
        try:
            row[f"pseudo_likelihood_{name}"] = float(pseudo_likelihood(machine, some).mean())
        except EbmError:  # continuous units, means as data, or hidden units in the state
            break
    whole = whole_rows(work.rows.train)
    with suppress(NotSupported):
        if len(whole):
            row["reconstruction_error"] = reconstruction_error(machine, whole)
    log_z, stderr = _tracked_log_z(work, state)
    if log_z is None and settings.kl:
        log_z = machine.exact(stats=False)[0]
    if log_z is not None:
        for name, rows in sets.items():
            each = in_users_units(work.data, rows, log_likelihood(machine, rows, log_z))
            row[f"log_likelihood_{name}"] = float(each.mean())
        row |= {"log_z": log_z, "log_z_stderr": stderr}
    if settings.kl:
        row["kl"] = kl_divergence(machine, work.rows.train, log_z=log_z)
    return row


def _tracked_log_z(work: Work, state: State[Machine]) -> tuple[float | None, float]:
    settings, machine = work.config.train, state.machine
    assert settings is not None
    if settings.log_likelihood == "none":
        return None, 0.0
    if settings.log_likelihood == "exact":
        return machine.exact(stats=False)[0], 0.0
    base = base_rate(machine, work.rows.train) if machine.n_units == machine.n_visible else None
    rng = state.rng.split(AIS).split(state.step)
    if settings.log_likelihood == "tempering":
        estimate, state.watch.ladder = tracked_log_z(machine, state.watch.ladder, rng, base=base)
        return estimate.value, estimate.stderr
    value, stderr, _ = log_mean_exp(
        annealed_log_weights(machine, settings.n_temperatures, 100, base=base, seed=rng)
    )
    return value, stderr
