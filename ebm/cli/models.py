"""ebm sample | logz | score: commands about models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import click

from ebm.cli.shell import Setting, check_output, in_one_line, main, seconds_of, warn, write_rows
from ebm.cli.tables import sample_table, score_table, write_table
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

    from ebm.machine import Machine
    from ebm.partition import LogZ

__all__ = ["logz", "sample", "score"]

_MODEL = click.argument("model", type=click.Path())


def _samplers() -> str:
    from ebm.experiment.config import samplers

    return f"One of: {', '.join(samplers())}."


@main.command()
@_MODEL
@click.option(
    "-n", "n", default=100, show_default=True, type=click.IntRange(1, 2**31), help="Number of samples."
)
@click.option(
    "-o", "--output", type=click.Path(),
    help="A .npy, .npz, .csv or .parquet file [default: csv on the screen].",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--sampler", default="gibbs", show_default=True, cls=Setting, read=_samplers)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of it; repeatable.")
@click.option("--beta", type=float, help="Inverse temperature; short for --set beta=...")
@click.option("--burn-in", type=click.IntRange(min=0), help="Steps [default: measured].")
@click.option(
    "--thin", type=click.IntRange(min=1), help="Steps between samples of a chain [default: measured]."
)
@click.option(
    "--chains", is_flag=True, help="In csv too: a line of names, and chain, draw and free energy of each row."
)
@in_one_line
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
    chains: bool,
) -> None:
    """Draw samples of MODEL, a file such as runs/digits/model.npz: a machine, a stack, an estimator.

    Files of other programs are read as they are; `ebm info` says what is in them.
    file of another program.

    A model of a table draws rows of its columns, with their names. Of a machine .npz and .parquet files have
    the chain, the draw in it and the free energy of each row beside its states; .npy and .csv have states.

    \b
    Examples:
      ebm sample runs/digits/model.npz -n 1000 -o samples.npy
      ebm sample runs/digits/model.npz --sampler tempering --set n_sweeps=5 -o samples.npz
      ebm sample runs/digits/model.npz -n 1000 -o samples.parquet
      ebm sample runs/tiny/model.npz -n 5 --chains
    """
    import warnings

    check_output(output, (".npy", ".npz", ".csv", ".parquet"))
    from ebm import DBN, TableModel
    from ebm import sample as draw
    from ebm.experiment.config import build_sampler
    from ebm.interchange import read
    from ebm.interchange.machines import machine_in

    chosen = build_sampler(sampler, settings if beta is None else (*settings, f"beta={beta}"))
    plain = sampler == "gibbs" and not settings and beta is burn_in is thin is None
    how: dict[str, Any] = {"sampler": chosen, "seed": seed, "burn_in": burn_in, "thin": thin}
    loaded = read(model)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        if isinstance(loaded, DBN):
            _write_samples(loaded.sample(n, **how), {}, output)
            return
        if isinstance(loaded, TableModel) and plain:  # in the user's columns
            sample_table(loaded, n, seed, output)
            return
        if isinstance(loaded, Density) and plain:  # in the units of the rows that it was fitted to
            _write_samples(loaded.sample(n, random_state=seed), {}, output)
            return
        drawn = draw(machine_in(loaded, model), n, **how)
    _write_samples(drawn.x, drawn.columns(), output, chains)
    _say_memory(drawn.diagnostics, output)


@runtime_checkable
class Density(Protocol):
    """An estimator of the density of rows."""

    def score_samples(self, X: Any) -> Any:
        """log p of each row, nats."""

    def sample(self, n_samples: int, random_state: Any) -> Any:
        """New rows."""


def _write_samples(
    x: np.ndarray, known: dict[str, np.ndarray], output: str | None, named: bool = False
) -> None:
    """Write states, and what is known of each row where the file has room for it.

    Parameters
    ----------
    named : bool
        Of text: whether there is a line of names, and room.
    """
    from ebm.checkpoint import write_arrays
    from ebm.samplers.samples import unit_names, write_parquet

    columns = known | dict(zip(unit_names(x.shape[1]), x.T, strict=True))
    if output is not None and output.endswith(".npz"):
        write_arrays(output, {"x": x} | known)
    elif output is not None and output.endswith(".parquet"):
        write_parquet(columns, output)
    elif named and (output is None or output.endswith(".csv")):
        write_table(columns, output)
    else:
        write_rows(x, output)
    if output is not None:
        click.echo(f"{len(x)} samples in {output}")


def _say_memory(measured: dict[str, Any], output: str | None) -> None:
    """How long chains remember, where that was measured and the screen is not the file."""
    if output is not None and "slowest" in measured:
        click.echo(
            f"autocorrelation time {measured['tau']:.1f} steps ({measured['slowest']});"
            f" burn-in {measured['burn_in']}, thinning {measured['thin']}, {measured['n_chains']} chains"
        )


def _methods() -> str:
    from ebm.partition.logz import METHODS

    return f"One of: {', '.join(METHODS)}."


def _of_log_z(name: str, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that is a setting of some methods of `ebm.log_z`, with its default."""

    def read() -> str:
        from ebm.partition.logz import METHODS, settings_of

        methods = [method for method in METHODS if name in settings_of(method)]
        default = inspect.signature(METHODS[methods[0]]).parameters[name].default
        return f"Of {', '.join(methods)} [default: {default:g}]."

    return click.option(f"--{name.replace('_', '-')}", cls=Setting, read=read, **kwargs)


def _log_z_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of log Z."""
    options = (
        click.option("--method", default="auto", show_default=True, cls=Setting, read=_methods),
        _of_log_z("n_temperatures", type=click.IntRange(min=1)),
        _of_log_z("n_chains", type=click.IntRange(min=2)),
        _of_log_z("accuracy", type=float, help="Nats, to work towards."),
        _of_log_z("budget", help="Time for it: seconds, or such as 90s, 5m, 1h."),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Another setting."),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0)),
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@_MODEL
@_log_z_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_one_line
def logz(model: str, as_json: bool, **settings: Any) -> None:
    """Print log Z of MODEL in nats, with its standard error; of a stack, that of its top.

    Exact where that fits; else several estimators run until they are accurate or the budget is spent, and the
    verdict says whether they agree.

    \b
    Examples:
      ebm logz runs/digits/model.npz
      ebm logz runs/digits/model.npz --budget 5m --accuracy 0.02
      ebm logz runs/digits/model.npz --method ais --n-temperatures 10000 --json
    """
    import json

    from ebm.experiment.directory import finite
    from ebm.experiment.report import summary_of
    from ebm.interchange import read
    from ebm.interchange.machines import machine_in

    estimate = _log_z(machine_in(read(model), model), **settings)
    if as_json:
        click.echo(json.dumps(finite({"unit": "nats"} | summary_of(estimate))))
        return
    if len(estimate.estimates) > 1:
        _table(estimate.estimates)
    click.echo(f"log Z = {estimate}")
    if estimate.verdict != "exact":
        click.echo("verdict: " + ": ".join(filter(None, (estimate.verdict, estimate.reason))))


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


def _log_z(machine: Machine, budget: str | None, overrides: tuple[str, ...], **settings: Any) -> LogZ:
    import warnings

    from rich.console import Console

    from ebm import log_z
    from ebm.experiment.config import settings_given
    from ebm.experiment.report import Report

    given = {key: value for key, value in settings.items() if value is not None} | settings_given(overrides)
    if budget is not None:
        given["budget"] = seconds_of(budget)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        with Report(Console(stderr=True)).progress("log Z") as update:
            return log_z(machine, **given, progress=update)


@main.command()
@_MODEL
@click.argument("data", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), help="Write the score of each row to this .npy or .csv file."
)
@click.option("--threshold", type=float, help="Make bits of the data: value >= threshold.")
@click.option("--key", help="The array to read from an .npz file.")
@_log_z_options
@in_one_line
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

    A model of a table scores rows of its columns, found by their names, in the units that they come in.
    Where cells are missing (NaN, NA, ? or nothing) it is that of the observed part of the row.

    \b
    Examples:
      ebm score runs/digits/model.npz mine.csv
      ebm score runs/digits/model.npz pixels.npy --threshold 8 -o scores.csv
    """
    import numpy as np

    from ebm.datasets.reading import read_table
    from ebm.deep import DBN
    from ebm.experiment.work import data_units
    from ebm.interchange import read
    from ebm.interchange.machines import machine_in
    from ebm.table import TableModel

    check_output(output, (".npy", ".csv"))
    loaded = read(model)
    if isinstance(loaded, TableModel):
        click.echo(score_table(loaded, data, output))
        return
    rows = read_table(data, key, None, gaps=True)[0].values
    machine = loaded if isinstance(loaded, DBN) else machine_in(loaded, model)
    units = data_units(machine)
    if threshold is not None:
        states = units.states
        if states is None or len(states) != 2 or not np.isfinite(threshold):
            raise EbmError(f"--threshold {threshold}: expected a finite number, for units of two states")
        rows = np.where(np.isnan(rows), np.nan, np.where(rows >= threshold, states[1], states[0]))
    if rows.shape[1] != machine.n_visible:
        raise EbmError(
            f"{data}: {rows.shape[1]} columns, but the machine has {machine.n_visible} visible units"
        )
    each, said = _scores(model, loaded, rows, data, seed, settings)
    if output is not None:
        write_rows(each, output, header="log_likelihood_nats")
    click.echo(said)


def _scores(
    model: str, loaded: Any, rows: np.ndarray, data: str, seed: int, settings: dict[str, Any]
) -> tuple[np.ndarray, str]:
    """The score of each row, and a line on them."""
    from ebm import log_likelihood
    from ebm.deep import DBN
    from ebm.interchange.machines import machine_in
    from ebm.partition.likelihood import as_observed

    kind = "log-likelihood"
    if isinstance(loaded, Density):  # of the rows as they are given, whose columns it may scale
        each = loaded.score_samples(rows)
        said = f"{each.mean():.4f} nats per row (mean of {len(each)} rows; log Z as it was fitted)"
        return each, f"{kind} {said}"
    top = machine_in(loaded, model)
    if isinstance(loaded, DBN):
        rows = loaded.layer_units[0].check(rows, data, strict=True)
        estimate, kind = _log_z(top, seed=seed, **settings), "lower bound of the log-likelihood"
        each = loaded.log_likelihood_bound(rows, estimate, seed=seed)
    else:
        as_observed(top, rows, data)
        estimate = _log_z(top, seed=seed, **settings)
        each = log_likelihood(top, rows, estimate, seed=seed)
    spread = f", standard deviation over rows {each.std():.3f}" if len(each) > 1 else ""
    number = f"{each.mean():.4f} ± {estimate.stderr:.4f} nats per row"
    return each, f"{kind} {number} (mean of {len(each)} rows{spread}; log Z = {estimate})"
