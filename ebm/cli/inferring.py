"""ebm infer: couplings from rows."""

from __future__ import annotations

from typing import Any, cast

import click

from ebm.arguments import as_number
from ebm.cli.shell import Setting, check_output, in_one_line, main, warn
from ebm.errors import EbmError, nearest

__all__ = ["infer"]

_UNITS = ("bernoulli", "ising", "potts", "gaussian", "mixed")
_SHOWN, _DRAWN = 20, 30  # edges on the screen, and in a figure
_L2_OF_ALIGNMENTS = 0.01
_MOST_STATES = 64  # of rows that are taken for categories
_MOST_BESIDE = 16  # of a column beside real ones
_ALIKE = 0.8  # identity from which on sequences are relatives


def _methods() -> str:
    from ebm.inverse import METHODS

    return f"One of: {', '.join(METHODS)}. [default: pseudo_likelihood]"


@main.command()
@click.argument("data", type=click.Path())
@click.option("--method", cls=Setting, read=_methods)
@click.option(
    "--units",
    type=click.Choice(_UNITS),
    help="What the rows are states of, of Potts units 0, 1, …; mixed: each column by itself,"
    " with a fraction real. [default: by the rows].",
)
@click.option("--l1", type=float, help="Strength of l1 times the sum of absolute couplings.")
@click.option("--l2", type=float, help="Strength of l2/2 times the sum of squared couplings.")
@click.option("--group", type=float, help="Strength of group times the sum of pairs' norms: Potts units.")
@click.option(
    "--firth", is_flag=True, help="Firth's penalty, of pseudo_likelihood: finite where units tell others."
)
@click.option(
    "--symmetrise",
    type=click.Choice(["mean", "and", "or", "joint"]),
    default="mean",
    help="How both units' estimates of a coupling become one. [default: mean]",
)
@click.option(
    "--identity",
    type=float,
    help="Rows that agree at this share of the units or more share one row's weight. [default: of FASTA 0.8]",
)
@click.option("--seed", type=int, default=0, help="Of methods that draw samples. [default: 0]")
@click.option("--key", help="The array to read from an .npz file.")
@click.option(
    "-o", "--output", type=click.Path(), help="A .npz file for the machine: ebm sample, score read it."
)
@click.option("--csv", "csv_file", type=click.Path(), help="A .csv file of all edges.")
@click.option("--plot", type=click.Path(), help="A .png file of the strongest couplings and their errors.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the method, such as gamma=0.5 of ebic; repeatable.",
)
@in_one_line
def infer(
    data: str,
    method: str | None,
    units: str | None,
    l1: float | None,
    l2: float | None,
    group: float | None,
    firth: bool,
    symmetrise: str,
    identity: float | None,
    seed: int,
    key: str | None,
    output: str | None,
    csv_file: str | None,
    plot: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Infer couplings from the rows of DATA (.npy, .npz, .csv or FASTA): which interactions made them?

    Sequences of an alignment are weighted by how many others are like them; where no penalty is asked for it
    is --l2 0.01. Prints the strongest couplings, with standard errors, z and p where the method has any.
    Units are numbers from 0, or the names in the first line of a .csv.

    \b
    Examples:
      ebm infer votes.csv
      ebm infer spins.npy --method rise -o glass.npz --csv edges.csv --plot edges.png
      ebm infer answers.csv --units potts --group 0.02 --symmetrise and
      ebm infer family.fasta -o family.npz
    """
    import warnings

    from rich.console import Console

    from ebm import L1, L2, GroupLasso, save
    from ebm.datasets.reading import read_table
    from ebm.experiment.config import settings_given
    from ebm.experiment.inferring import write_edges
    from ebm.experiment.report import Report
    from ebm.inverse import METHODS, Firth, sequence_weights
    from ebm.inverse import infer as inferred

    check_output(output, (".npz",))
    check_output(csv_file, (".csv",))
    check_output(plot, (".png",))
    method = method or "pseudo_likelihood"
    if method not in METHODS:
        raise EbmError(f"--method {method}: unknown; {nearest(method, METHODS)}")
    table, _ = read_table(data, key, None, gaps=METHODS[method].gaps)
    kind = _kind(table, units)
    if output is not None and kind is not None and not kind.finite:
        raise EbmError("-o: a machine with real units has no file; expected --csv FILE, which has its edges")
    if table.alphabet is not None:
        l2 = _L2_OF_ALIGNMENTS if l1 is l2 is group is None and not firth else l2
        identity = _ALIKE if identity is None else identity
    strengths = ((L1, l1, "l1"), (L2, l2, "l2"), (GroupLasso, group, "group"))
    penalty: list[Any] = [made(as_number(v, name, 0)) for made, v, name in strengths if v is not None]
    if firth:
        penalty.append(Firth())
    weights = None if identity is None else sequence_weights(table.values, identity)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        with Report(Console(stderr=True)).progress("infer") as update:
            found = inferred(
                table.values, kind, method, penalty=penalty or None, weights=weights, symmetrise=symmetrise,
                seed=seed, progress=update, **settings_given(overrides),
            )  # fmt: skip
    names = [table.names[j] if table.names else str(j) for j in table.columns]
    edges = [edge | {"i": names[edge["i"]], "j": names[edge["j"]]} for edge in found.edges()]
    click.echo(repr(found))
    if kind is not None and not kind.finite:
        click.echo(f"taken for {kind}; real columns count in standard deviations given all others")
    click.echo(_aligned(edges[:_SHOWN]))
    if len(edges) > _SHOWN:
        click.echo(f"{len(edges) - _SHOWN} more: --csv FILE has them")
    if csv_file is not None:
        write_edges(csv_file, edges)
    if plot is not None:
        from ebm.plots import save_figure

        save_figure(found.plot(names, n=_DRAWN).figure, plot)
    if output is not None:
        save(output, cast(Any, found.machine))


def _kind(table: Any, units: str | None) -> Any:
    """The units of the rows; None where `infer` is to tell."""
    import numpy as np

    from ebm.units import Bernoulli, Gaussian, Ising, Potts

    rows = table.values
    if units == "mixed" or (units is None and table.alphabet is None and _fractions(rows)):
        return _mixed(rows)
    rows = rows[~np.isnan(rows)]
    if table.alphabet is not None and units is None:
        return Potts(len(table.alphabet))
    if units == "potts" or (units is None and _categories(rows)):
        return Potts(max(2, int(min(rows.max(initial=1), 2**24 - 1)) + 1))
    real = Gaussian(learn_precision=True)
    return {"bernoulli": Bernoulli(), "ising": Ising(), "gaussian": real, None: None}[units]


def _fractions(rows: Any) -> bool:
    """Whether some numbers are not whole."""
    import numpy as np

    return bool((np.isfinite(rows) & (rows != np.rint(rows))).any())


def _mixed(rows: Any) -> Any:
    """Units column by column: of two states, of few that are all seen, or real."""
    from itertools import groupby

    import numpy as np

    from ebm.units import Bernoulli, Gaussian, Ising, Mixed, Potts

    def one(column: Any) -> Any:
        seen = np.unique(column[~np.isnan(column)])
        if len(seen) and np.isin(seen, (0, 1)).all():
            return Bernoulli()
        if np.array_equal(seen, (-1, 1)):
            return Ising()
        whole = len(seen) <= _MOST_BESIDE and np.array_equal(seen, np.arange(len(seen)))
        return Potts(len(seen)) if whole else Gaussian(learn_precision=True)

    return Mixed(tuple((kind, len(list(run))) for kind, run in groupby(map(one, rows.T))))


def _categories(rows: Any) -> bool:
    """Whether rows are whole numbers from 0, some above 1: states of Potts units."""
    import numpy as np

    return bool(
        rows.size and 1 < rows.max() < _MOST_STATES and (rows >= 0).all() and (rows == np.rint(rows)).all()
    )


def _aligned(edges: list[dict[str, Any]]) -> str:
    """Rows of a table, numbers to four digits."""
    rows = [list(edges[0])]
    rows += [[v if isinstance(v, str) else f"{v:.4g}" for v in edge.values()] for edge in edges]
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, wide, strict=True)) for row in rows)
