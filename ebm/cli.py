"""The command line: ebm run | resume | plot | sample | logz | score.

Exit codes: 0 when what was asked was done; 1 with one line on standard error when it could not be; 2 for a
wrong command line; 130 after Ctrl-C.
"""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from ebm import __version__
from ebm.errors import EbmError

__all__ = ["main"]

_MODEL = click.argument("model", type=click.Path())


def _said(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn refusals and interruptions into one line and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):  # a terminal without Unicode loses letters, not the run
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        try:
            return command(*args, **kwargs)
        except EbmError as error:
            message = str(error)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            message = f"{name}{error.strerror or error}"
        except MemoryError as error:
            message = f"out of memory{f': {error}' if str(error) else ''}"
        except (ValueError, OverflowError, RecursionError) as error:  # a refusal we did not foresee
            message = f"{type(error).__name__}: {error}"
        click.echo(f"ebm: {' '.join(message.split())}", err=True)
        sys.exit(1)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ebm")
def main() -> None:
    """Boltzmann machines: train, sample, score and plot from the command line.

    \b
    Examples:
      ebm run configs/digits.toml
      ebm run configs/digits.toml --set machine.n_hidden=16 --out runs/small
      ebm resume runs/digits
      ebm sample runs/digits/model.npz -n 1000 -o samples.npy
      ebm score runs/digits/model.npz mine.csv
    """


@main.command()
@click.argument("config", type=click.Path())
@click.option(
    "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE", help="Override a setting; repeatable."
)
@click.option("--out", type=click.Path(), help="Run directory [default: runs/<config's stem>].")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in that directory.")
@_said
def run(config: str, overrides: tuple[str, ...], out: str | None, overwrite: bool) -> None:
    """Run CONFIG, a TOML file: learn, then log Z, readouts, samples, figures as its tables say.

    The run directory gets config.toml (every default written out), environment.json, metrics.jsonl,
    checkpoints/, model.npz, samples.npz, figures/ and summary.json. Ctrl-C saves; `ebm resume` goes on.

    \b
    Examples:
      ebm run configs/tiny.toml
      ebm run configs/digits.toml --set train.epochs=50 --set rule.k=5 --out runs/k5
    """
    from pathlib import Path

    from ebm import experiment

    where = out or str(Path("runs") / Path(config).stem)
    _interruptible(where, lambda: experiment.run(config, overrides, out=where, overwrite=overwrite))


@main.command()
@click.argument("run", type=click.Path())
@_said
def resume(run: str) -> None:
    """Go on with the interrupted run in directory RUN; it ends with the same numbers, bit for bit.

    \b
    Example:
      ebm resume runs/digits
    """
    from ebm import experiment

    _interruptible(run, lambda: experiment.resume(run))


def _interruptible(where: str, work: Callable[[], Any]) -> None:
    try:
        work()
    except KeyboardInterrupt:
        from pathlib import Path

        if Path(where, "config.toml").exists():
            click.echo(f"ebm: interrupted; go on with: ebm resume {where}", err=True)
        else:
            click.echo("ebm: interrupted before the run began", err=True)
        sys.exit(130)


@main.command()
@click.argument("run", metavar="RUN|MODEL", type=click.Path())
@click.option("--thermo", is_flag=True, help="Draw the thermodynamics of MODEL.")
@click.option("--out", type=click.Path(), help="A .png file [default: MODEL-thermo.png].")
@click.option("--temperatures", nargs=2, type=float, metavar="LOW HIGH", help="[default: 0.5 5]")
@click.option("--budget", help="Time for it, such as 90s, 5m, 1h [default: 60s].")
@click.option("--seed", type=click.IntRange(min=0), help="[default: 0]")
@_said
def plot(run: str, thermo: bool, budget: str | None, **settings: Any) -> None:
    """Draw the figures of directory RUN again, from its files.

    With --thermo, temper MODEL, a file such as runs/digits/model.npz, and draw its free energy, energy, heat
    capacity and entropy against temperature, with error bands, and overlaps of replicas. The arrays go to a
    .npz file of the same name. The other options are for it.

    \b
    Examples:
      ebm plot runs/digits
      ebm plot --thermo runs/digits/model.npz --temperatures 0.8 4 --budget 2m
    """
    given = {key: value for key, value in settings.items() if value is not None}
    if budget is not None:
        given["budget"] = _seconds(budget)
    if thermo:
        from ebm.experiment.thermo import plot_thermo

        _check_output(given.get("out"), (".png",))
        written = plot_thermo(run, warn=_warn, **given)
    elif given:
        raise EbmError(f"plot: --{min(given)} goes with --thermo")
    else:
        from ebm.plots import plot_run

        written = plot_run(run)
    for path in written:
        click.echo(str(path))


def _check_output(output: str | None, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that cannot be written before any work is done for it."""
    from pathlib import Path

    if output is None:
        return
    path = Path(output)
    if path.suffix not in suffixes:
        raise EbmError(f"{output}: unknown file type; expected {', '.join(suffixes)}")
    if path.is_dir():
        raise EbmError(f"{output}: a directory; expected a file")
    if not path.parent.is_dir():
        raise EbmError(f"{output}: no such folder {path.parent}")


@main.command()
@_MODEL
@click.option(
    "-n", "n", default=100, show_default=True, type=click.IntRange(1, 2**31), help="Number of samples."
)
@click.option(
    "-o", "--output", type=click.Path(), help="A .npy, .npz or .csv file [default: csv on the screen]."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--sampler",
    default="gibbs",
    show_default=True,
    help="gibbs, metropolis, tempering, temperedtransitions, annealing, populationannealing, swendsenwang,"
    " wolff or direct.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of it; repeatable.")
@click.option("--beta", type=float, help="Inverse temperature; short for --set beta=...")
@click.option("--burn-in", type=click.IntRange(min=0), help="Steps [default: measured].")
@click.option(
    "--thin", type=click.IntRange(min=1), help="Steps between samples of a chain [default: measured]."
)
@_said
def sample(
    model: str,
    n: int,
    output: str | None,
    seed: int,
    sampler: str,
    settings: tuple[str, ...],
    beta: float | None,
    burn_in: int | None,
    thin: int | None,
) -> None:
    """Draw samples of MODEL, a file such as runs/digits/model.npz.

    \b
    Examples:
      ebm sample runs/digits/model.npz -n 1000 -o samples.npy
      ebm sample runs/digits/model.npz --sampler tempering --set n_sweeps=5 -o samples.npz
      ebm sample runs/tiny/model.npz -n 5
    """
    import warnings

    _check_output(output, (".npy", ".npz", ".csv"))
    from ebm import sample as draw
    from ebm.checkpoint import load_machine
    from ebm.experiment.config import build_sampler

    chosen = build_sampler(sampler, settings if beta is None else (*settings, f"beta={beta}"))
    machine = load_machine(model)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        drawn = draw(machine, n, sampler=chosen, seed=seed, burn_in=burn_in, thin=thin)
    _write_samples(drawn, output)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"ebm: warning: {message}", err=True)


def _write_samples(drawn: Any, output: str | None) -> None:
    import numpy as np

    from ebm.checkpoint import write_arrays, write_atomic

    text = io.StringIO()
    np.savetxt(text, drawn.x, fmt="%.8g", delimiter=",")
    if output is None:
        click.echo(text.getvalue(), nl=False)
        return
    if output.endswith(".npz"):
        write_arrays(output, {"x": drawn.x, "free_energy": drawn.free_energy})
    elif output.endswith(".npy"):
        write_atomic(output, lambda file: np.save(file, drawn.x))
    else:
        write_atomic(output, lambda file: file.write(text.getvalue().encode()))
    click.echo(f"{len(drawn)} samples in {output}")


def _estimator(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of log Z."""
    options = (
        click.option(
            "--method",
            default="auto",
            show_default=True,
            help="auto, exact, report, ais, reverse_ais, mbar, bennett, thermodynamic, population, mean_field"
            " or tap.",
        ),
        click.option(
            "--temperatures", default=1000, show_default=True, type=click.IntRange(min=1), help="Of AIS."
        ),
        click.option("--chains", default=100, show_default=True, type=click.IntRange(min=2), help="Of AIS."),
        click.option(
            "--accuracy", default=0.05, show_default=True, type=float, help="Nats, to work towards."
        ),
        click.option("--budget", default="60s", show_default=True, help="Time for it, such as 90s, 5m, 1h."),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0)),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _seconds(text: str) -> float:
    """90, 90s, 5m or 1h as seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise EbmError(f"--budget {text}: expected a time such as 90s, 5m or 1h")
    return seconds


@main.command()
@_MODEL
@_estimator
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_said
def logz(model: str, as_json: bool, **settings: Any) -> None:
    """Print log Z of MODEL in nats, with its standard error.

    Exact where that fits; else several estimators run until they are accurate or the budget is spent, and the
    verdict says whether they agree.

    \b
    Examples:
      ebm logz runs/digits/model.npz
      ebm logz runs/digits/model.npz --budget 5m --accuracy 0.02
      ebm logz runs/digits/model.npz --method ais --temperatures 10000 --json
    """
    import json

    from ebm.checkpoint import load_machine

    estimate = _log_z(load_machine(model), **settings)
    if as_json:
        numbers = {key: getattr(estimate, key) for key in ("value", "stderr", "lower", "upper")}
        said = {key: getattr(estimate, key) for key in ("method", "verdict", "reason", "estimates")}
        click.echo(json.dumps(_finite({"unit": "nats"} | numbers | said)))
        return
    if len(estimate.estimates) > 1:
        _table(estimate.estimates)
    click.echo(f"log Z = {estimate}")
    if estimate.verdict != "exact":
        click.echo(f"verdict: {estimate.verdict}: {estimate.reason}")


def _finite(value: Any) -> Any:
    """value with null for what JSON cannot say: inf and NaN."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return value if not isinstance(value, float) or abs(value) < float("inf") else None


def _table(estimates: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("estimator", "log Z, nats", "± stderr", "against it"):
        table.add_column(column, justify="right" if "±" in column or "nats" in column else "left")
    for name, entry in estimates.items():
        table.add_row(name, f"{entry['value']:.4f}", f"{entry['stderr']:.4f}", entry.get("trouble", ""))
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=160)).print(table)


def _log_z(
    machine: Any, method: str, temperatures: int, chains: int, accuracy: float, budget: str, seed: int
) -> Any:
    import warnings

    from ebm import log_z
    from ebm.experiment.report import Report

    seconds = _seconds(budget)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        from rich.console import Console

        with Report(Console(stderr=True)).progress("log Z", 1.0) as update:
            return log_z(
                machine, method, n_temperatures=temperatures, n_chains=chains, accuracy=accuracy,
                budget=seconds, seed=seed, progress=update,
            )  # fmt: skip


@main.command()
@_MODEL
@click.argument("data", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), help="Write the score of each row to this .npy or .csv file."
)
@click.option("--threshold", type=float, help="Make bits of the data: value >= threshold.")
@click.option("--key", help="The array to read from an .npz file.")
@_estimator
@_said
def score(
    model: str,
    data: str,
    output: str | None,
    threshold: float | None,
    key: str | None,
    seed: int,
    **settings: Any,
) -> None:
    """Score the rows of DATA (.npy, .npz or .csv) under MODEL: log-likelihood in nats per row.

    \b
    Examples:
      ebm score runs/digits/model.npz mine.csv
      ebm score runs/digits/model.npz pixels.npy --threshold 8 -o scores.csv
    """
    import numpy as np

    from ebm import log_likelihood
    from ebm.checkpoint import load_machine, write_atomic
    from ebm.datasets import read_array

    _check_output(output, (".npy", ".csv"))
    machine, rows = load_machine(model), read_array(data, key)
    if threshold is not None:
        states = machine.units.states
        if states is None or len(states) != 2 or not np.isfinite(threshold):
            raise EbmError(f"--threshold {threshold}: expected a finite number, for units of two states")
        rows = np.where(rows >= threshold, states[1], states[0])
    if rows.shape[1] != machine.n_visible:
        raise EbmError(
            f"{data}: {rows.shape[1]} columns, but the machine has {machine.n_visible} visible units"
        )
    machine.units.check(rows, data, strict=True)
    estimate = _log_z(machine, seed=seed, **settings)
    each = log_likelihood(machine, rows, estimate, seed=seed)
    if output is not None and output.endswith(".npy"):
        write_atomic(output, lambda file: np.save(file, each))
    elif output is not None:
        lines = "".join(f"{value:.8g}\n" for value in each)
        write_atomic(output, lambda file: file.write(b"log_likelihood_nats\n" + lines.encode()))
    spread = f", standard deviation over rows {each.std():.3f}" if len(each) > 1 else ""
    click.echo(
        f"log-likelihood {each.mean():.4f} ± {estimate.stderr:.4f} nats per row"
        f" (mean of {len(each)} rows{spread}; log Z = {estimate})"
    )
