"""ebm run | check | warmup | resume | plot: commands about run directories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from ebm.cli.shell import (
    CONFIG,
    OPTIONAL_CONFIG,
    OVERRIDES,
    check_output,
    in_one_line,
    main,
    seconds_of,
    warn,
)
from ebm.errors import EbmError

__all__ = ["check", "plot", "resume", "run", "warmup"]


@main.command()
@CONFIG
@OVERRIDES
@click.option("--out", type=click.Path(), help="Run directory [default: runs/<config's stem>].")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in that directory.")
@in_one_line
def run(config: str, overrides: tuple[str, ...], out: str | None, overwrite: bool) -> None:
    """Run CONFIG, a TOML file or the name of one that ships with ebm, as its tables say.

    A machine learns; then come log Z, readouts, samples and figures.

    The run directory gets config.toml (every default written out), environment.json, metrics.jsonl,
    checkpoints/, model.npz, samples.npz, figures/ and summary.json. Ctrl-C saves; `ebm resume` goes on.

    \b
    Examples:
      ebm run tiny
      ebm run mine.toml
      ebm run digits --set train.epochs=50 --set rule.k=5 --out runs/k5
    """
    from pathlib import Path

    from ebm import experiment

    where = out or str(Path("runs") / Path(config).stem)
    _interruptible(where, lambda: experiment.run(config, overrides, out=where, overwrite=overwrite))


@main.command()
@OPTIONAL_CONFIG
@OVERRIDES
@in_one_line
def warmup(config: str | None, overrides: tuple[str, ...]) -> None:
    """Compile the kernels that a run of CONFIG calls (tiny, if none), so that the first need not wait for it.

    Once for a machine and a version; for a lecture, or in an image of a container. Nothing else is written.

    \b
    Examples:
      ebm warmup
      ebm warmup digits
    """
    from ebm import experiment

    seconds = experiment.warm_up(config or "tiny", overrides)
    click.echo(f"the kernels that {config or 'tiny'} calls are ready: {seconds:.0f} s")


@main.command()
@CONFIG
@OVERRIDES
@click.option("--out", type=click.Path(), help="Run directory [default: runs/<config's stem>].")
@in_one_line
def check(config: str, overrides: tuple[str, ...], out: str | None) -> None:
    """Say what `ebm run CONFIG` would do: sizes, memory, time, steps; or what is wrong with it.

    Time and memory of learning are measured in a few of its steps. Nothing is written.

    \b
    Examples:
      ebm check digits
      ebm check mine.toml --set machine.n_hidden=1000
    """
    from ebm import experiment

    lines = experiment.check(config, overrides, out=out)
    width = max(len(what) for what, _ in lines)
    for what, text in lines:
        click.echo(f"{what:{width}}  {text}")


@main.command()
@click.argument("run", type=click.Path())
@in_one_line
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
@click.argument("runs", metavar="RUN...|MODEL", nargs=-1, required=True, type=click.Path())
@click.option("--thermo", is_flag=True, help="Draw the thermodynamics of MODEL.")
@click.option(
    "--out",
    type=click.Path(),
    help="A .png file [default: MODEL-thermo.png; of several runs curves.png].",
)
@click.option("--temperatures", nargs=2, type=float, metavar="LOW HIGH", help="[default: 0.5 5]")
@click.option("--budget", help="Time for it, such as 90s, 5m, 1h [default: 60s].")
@click.option("--seed", type=click.IntRange(min=0), help="[default: 0]")
@in_one_line
def plot(runs: tuple[str, ...], thermo: bool, budget: str | None, **settings: Any) -> None:
    """Draw the figures of directory RUN again, from its files.

    Of several runs, or a sweep, the learning curves in one figure: a colour for each setting, a thin line for
    each seed.

    With --thermo, temper MODEL, a file such as runs/digits/model.npz, and draw its free energy, energy, heat
    capacity and entropy against temperature, with error bands, and overlaps of replicas. The arrays go to a
    .npz file of the same name. The other options are for it, --out for several runs, too.

    \b
    Examples:
      ebm plot runs/digits
      ebm plot runs/small runs/large --out curves.png
      ebm plot --thermo runs/digits/model.npz --temperatures 0.8 4 --budget 2m
    """
    from ebm.experiment.results import is_sweep

    given = {key: value for key, value in settings.items() if value is not None}
    if budget is not None:
        given["budget"] = seconds_of(budget)
    if thermo:
        from ebm.experiment.thermo import plot_thermo

        if len(runs) > 1:
            raise EbmError(f"plot: --thermo takes one MODEL, got {len(runs)}")
        check_output(given.get("out"), (".png",))
        written = plot_thermo(runs[0], warn=warn, **given)
    elif given.keys() - {"out"}:
        raise EbmError(f"plot: --{min(given.keys() - {'out'})} goes with --thermo")
    elif len(runs) > 1 or is_sweep(runs[0]):
        from ebm.experiment import compare
        from ebm.plots.run import save_figure

        out = given.get("out", "curves.png")
        check_output(out, (".png", ".svg"))
        written = [save_figure(compare(runs).plot()[0].figure, out)]
    elif given:
        raise EbmError("plot: --out goes with --thermo or several runs; of one, figures go to its figures/")
    else:
        from ebm.plots import plot_run

        written = plot_run(runs[0])
    for path in written:
        click.echo(str(path))
