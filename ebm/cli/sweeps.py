"""ebm sweep: a config becomes many runs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import CONFIG, OVERRIDES, in_one_line, main
from ebm.errors import EbmError

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["sweep"]

_MOST_JOBS = 1000  # in a queue of Slurm at a time


@main.command()
@CONFIG
@click.option(
    "--grid", multiple=True, metavar="SETTING=VALUES",
    help="An axis: machine.n_hidden=16,64; train.seed=0:5 (0 to 4); data.fold=0:5 (the five folds of five);"
    " rule={type='CD',k=1},{type='PCD'}; with --random also 1e-4..1e-1 and 'log 1e-4..1e-1'. Repeatable.",
)  # fmt: skip
@OVERRIDES
@click.option(
    "--random", type=click.IntRange(min=1), metavar="N",
    help="Draw N combinations; each is repeated for all seeds and folds.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of --random. [default: 0]")
@click.option("--halving", is_flag=True, help="Short runs first; a third of the settings goes on, and so on.")
@click.option("--factor", type=float, help="Of --halving: one in so many goes on. [default: 3]")
@click.option("--score", metavar="KEY", help="Of --halving: a number of metrics.jsonl to compare runs by.")
@click.option("--out", type=click.Path(), help="The sweep's directory [default: sweeps/<config's stem>].")
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: cores over --threads].")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="Of each run. [default: 1]")
@click.option("--dask", metavar="ADDRESS", help="Work on a Dask cluster, such as tcp://host:8786.")
@click.option(
    "--slurm", metavar="KEY=VALUE,...", help="Work in a Slurm queue: timeout_min=60,slurm_partition='short'."
)
@in_one_line
def sweep(config: str, grid: tuple[str, ...], **given: Any) -> None:
    """Run CONFIG with all combinations of some settings.

    Each run has a directory in that of the sweep, which is all there is to it: a run that is finished
    is left alone, one that was interrupted goes on. So the same command, given again, finishes what Ctrl-C,
    a killed process or a full disk have left, two of them at once help each other, and a longer --grid adds
    runs. What fails leaves error.txt in its directory, stops nothing else, and is tried again the next time.

    \b
    Examples:
      ebm sweep digits --grid machine.n_hidden=16,64 --grid train.seed=0:5
      ebm sweep digits --grid 'optimiser.rate=log 1e-3..1e-1' --random 20 --halving
    """
    from ebm import experiment

    out = Path(given["out"] or Path("sweeps") / Path(config).stem)
    try:
        with _engine(given, out) as executor:
            found = experiment.sweep(
                config, grid, overrides=given["overrides"], random=given["random"],
                halving=_halving(given), out=out, executor=executor,
                workers=given["workers"] or _cores(given["threads"]),
                threads=given["threads"], seed=given["seed"],
            )  # fmt: skip
    except KeyboardInterrupt:
        click.echo("ebm: interrupted; the same command goes on", err=True)
        sys.exit(130)
    if found.runs:
        from ebm.experiment.tabling import show

        show(experiment.compare([out / name for name in found.runs]), experiment.Report().console)
    sys.exit(1 if found.failed else 0)


def _halving(given: dict[str, Any]) -> Any:
    from ebm.experiment import Halving

    told = {key: given[key] for key in ("factor", "score") if given[key] is not None}
    if told and not given["halving"]:
        raise EbmError(f"--{min(told)} goes with --halving")
    return Halving(**told) if given["halving"] else None


def _engine(given: dict[str, Any], out: Path) -> AbstractContextManager[Executor | None]:
    """Who works."""
    from ebm.experiment import engines
    from ebm.experiment.config import settings_given

    named = [name for name in ("dask", "slurm", "workers") if given[name] is not None]
    if len(named) > 1:
        raise EbmError(f"--{named[0]} and --{named[1]}: expected one of them")
    if given["dask"] is not None:
        return engines.dask(given["dask"])
    if given["slurm"] is not None:
        settings = settings_given([part for part in given["slurm"].split(",") if part.strip()])
        return engines.slurm(settings, out.with_name(f"{out.name}.slurm"), _MOST_JOBS)
    return nullcontext(None)


def _cores(threads: int) -> int:
    from ebm.kernels.threads import get_num_threads

    return max(1, get_num_threads() // threads)
