"""ebm sample | logz | score: commands about models."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import click

from ebm.cli.shell import check_output, main, said, seconds_of, warn
from ebm.errors import EbmError

__all__ = ["logz", "sample", "score"]

_MODEL = click.argument("model", type=click.Path())


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
@said
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

    check_output(output, (".npy", ".npz", ".csv"))
    from ebm import DBN
    from ebm import sample as draw
    from ebm.checkpoint import load, load_machine
    from ebm.experiment.config import build_sampler

    chosen = build_sampler(sampler, settings if beta is None else (*settings, f"beta={beta}"))
    how: dict[str, Any] = {"sampler": chosen, "seed": seed, "burn_in": burn_in, "thin": thin}
    loaded = load(model)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        if isinstance(loaded, DBN):
            _write_samples({"x": loaded.sample(n, **how)}, {}, output)
            return
        drawn = draw(load_machine(model), n, **how)
    _write_samples({"x": drawn.x, "free_energy": drawn.free_energy}, drawn.diagnostics, output)


def _write_samples(arrays: dict[str, Any], found: dict[str, Any], output: str | None) -> None:
    import numpy as np

    from ebm.checkpoint import write_arrays, write_atomic

    text, x = io.StringIO(), arrays["x"]
    np.savetxt(text, x, fmt="%.8g", delimiter=",")
    if output is None:
        click.echo(text.getvalue(), nl=False)
        return
    if output.endswith(".npz"):
        write_arrays(output, arrays)
    elif output.endswith(".npy"):
        write_atomic(output, lambda file: np.save(file, x))
    else:
        write_atomic(output, lambda file: file.write(text.getvalue().encode()))
    click.echo(f"{len(x)} samples in {output}")
    if "slowest" in found:  # else nothing was measured
        click.echo(
            f"autocorrelation time {found['tau']:.1f} steps ({found['slowest']}); burn-in {found['burn_in']},"
            f" thinning {found['thin']}, {found['n_chains']} chains"
        )


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


@main.command()
@_MODEL
@_estimator
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@said
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

    seconds = seconds_of(budget)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        from rich.console import Console

        with Report(Console(stderr=True)).progress("log Z") as update:
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
@said
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

    check_output(output, (".npy", ".csv"))
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
