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
@click.option("--thermo", is_flag=True, help="Draw the thermodynamics of MODEL instead.")
@click.option("--out", type=click.Path(), help="A .png file [default: MODEL-thermo.png].")
@click.option(
    "--temperatures", nargs=2, type=float, metavar="LOW HIGH", help="Of --thermo [default: 0.5 5]."
)
@click.option("--budget", type=float, help="Of --thermo: seconds [default: 60].")
@click.option("--seed", type=click.IntRange(min=0), help="Of --thermo [default: 0].")
@_said
def plot(
    run: str,
    thermo: bool,
    out: str | None,
    temperatures: tuple[float, float] | None,
    budget: float | None,
    seed: int | None,
) -> None:
    """Draw the figures of directory RUN again, from its files.

    With --thermo, run parallel tempering on MODEL, a file such as runs/digits/model.npz, and draw its free
    energy, energy, heat capacity and entropy against temperature, with error bands, and its overlaps. Their
    arrays go to a .npz file of the same name.

    \b
    Examples:
      ebm plot runs/digits
      ebm plot --thermo runs/digits/model.npz --temperatures 0.8 4 --budget 120
    """
    from ebm.plots import plot_run

    if thermo:
        written = _plot_thermo(run, out, temperatures, 60.0 if budget is None else budget, seed or 0)
    elif (out, temperatures, budget, seed) != (None,) * 4:
        raise EbmError("plot: --out, --temperatures, --budget and --seed go with --thermo MODEL")
    else:
        written = plot_run(run)
    for path in written:
        click.echo(str(path))


def _plot_thermo(
    model: str, out: str | None, temperatures: tuple[float, float] | None, budget: float, seed: int
) -> list[str]:
    """Draw the thermodynamics of a model and write its arrays; return both files."""
    import warnings
    from pathlib import Path

    import numpy as np
    from rich.console import Console

    from ebm import thermodynamics
    from ebm.checkpoint import load_machine, write_arrays, write_atomic
    from ebm.experiment.report import Report
    from ebm.plots import thermo

    machine = load_machine(model)
    figure = str(Path(model).with_name(f"{Path(model).stem}-thermo.png")) if out is None else out
    arrays = str(Path(figure).with_suffix(".npz"))
    _check_output(figure, (".png",))
    if Path(arrays).resolve() == Path(model).resolve():
        raise EbmError(f"{figure}: its arrays would overwrite {model}; expected another name")
    grid = None if temperatures is None else np.linspace(*temperatures, 60)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        with Report(Console(stderr=True)).progress("thermodynamics", 1.0) as update:
            found = thermodynamics(machine, grid, budget=budget, seed=seed, progress=update)
    axes = thermo(found, None if machine.sums_out else machine.n_units)
    write_arrays(arrays, found.arrays())
    write_atomic(figure, lambda file: axes[0].figure.savefig(file, format="png", dpi=120))
    return [figure, arrays]


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
@click.option("--beta", default=1.0, show_default=True, type=float, help="Inverse temperature.")
@click.option("--burn-in", type=click.IntRange(min=0), help="Sweeps [default: measured].")
@click.option(
    "--thin", type=click.IntRange(min=1), help="Sweeps between samples of a chain [default: measured]."
)
@_said
def sample(
    model: str, n: int, output: str | None, seed: int, beta: float, burn_in: int | None, thin: int | None
) -> None:
    """Draw samples of MODEL, a file such as runs/digits/model.npz, by Gibbs sampling.

    \b
    Examples:
      ebm sample runs/digits/model.npz -n 1000 -o samples.npy
      ebm sample runs/tiny/model.npz -n 5
    """
    import warnings

    _check_output(output, (".npy", ".npz", ".csv"))
    from ebm import Gibbs
    from ebm import sample as draw
    from ebm.checkpoint import load_machine

    machine = load_machine(model)
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        drawn = draw(machine, n, sampler=Gibbs(beta=beta), seed=seed, burn_in=burn_in, thin=thin)
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


@main.command()
@_MODEL
@click.option("--method", default="auto", show_default=True, type=click.Choice(["auto", "exact", "ais"]))
@click.option("--temperatures", default=1000, show_default=True, type=click.IntRange(min=1), help="Of AIS.")
@click.option("--chains", default=100, show_default=True, type=click.IntRange(min=2), help="Of AIS.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_said
def logz(model: str, method: Any, temperatures: int, chains: int, seed: int, as_json: bool) -> None:
    """Print log Z of MODEL in nats, with its standard error.

    \b
    Examples:
      ebm logz runs/digits/model.npz
      ebm logz runs/digits/model.npz --method ais --temperatures 10000 --json
    """
    import json

    from ebm.checkpoint import load_machine

    estimate = _log_z(load_machine(model), method, temperatures, chains, seed)
    if as_json:
        numbers = {key: getattr(estimate, key) for key in ("value", "stderr", "lower", "upper")}
        facts: dict[str, Any] = {k: v if abs(v) < float("inf") else None for k, v in numbers.items()}
        click.echo(
            json.dumps(facts | {"unit": "nats", "method": estimate.method, "estimates": estimate.estimates})
        )
    else:
        click.echo(f"log Z = {estimate}")


def _log_z(machine: Any, method: Any, temperatures: int, chains: int, seed: int) -> Any:
    import warnings

    from ebm import log_z
    from ebm.experiment.report import Report

    with warnings.catch_warnings():
        warnings.showwarning = _warn
        from rich.console import Console

        with Report(Console(stderr=True)).progress("log Z", 1.0) as update:
            return log_z(
                machine, method, n_temperatures=temperatures, n_chains=chains, seed=seed, progress=update
            )


@main.command()
@_MODEL
@click.argument("data", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), help="Write the score of each row to this .npy or .csv file."
)
@click.option("--threshold", type=float, help="Make bits of the data: value >= threshold.")
@click.option("--key", help="The array to read from an .npz file.")
@click.option("--method", default="auto", show_default=True, type=click.Choice(["auto", "exact", "ais"]))
@click.option("--temperatures", default=1000, show_default=True, type=click.IntRange(min=1), help="Of AIS.")
@click.option("--chains", default=100, show_default=True, type=click.IntRange(min=2), help="Of AIS.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@_said
def score(
    model: str,
    data: str,
    output: str | None,
    threshold: float | None,
    key: str | None,
    method: Any,
    temperatures: int,
    chains: int,
    seed: int,
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
    estimate = _log_z(machine, method, temperatures, chains, seed)
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
