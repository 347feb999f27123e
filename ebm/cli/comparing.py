"""ebm compare | report: commands about runs and what they came to."""

from __future__ import annotations

import click

from ebm.cli.shell import check_output, in_one_line, main

__all__ = ["compare", "report"]


@main.command()
@click.argument("runs", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option("--sort", metavar="KEY", help="A setting or a score, best first [default: the score].")
@click.option(
    "--by",
    multiple=True,
    metavar="SETTING",
    help="Group runs by this setting; repeatable [default: by all but seeds and folds].",
)
@click.option("--score", metavar="KEY", help="What to rank by [default: log-likelihood of test rows].")
@click.option("--against", metavar="NAME", help="Run or settings to take differences to [default: best].")
@click.option("--csv", "csv_file", type=click.Path(), help="A .csv file, a row per run.")
@click.option("--json", "json_file", type=click.Path(), help="A .json file: runs, groups, differences.")
@click.option("--plot", "figure", type=click.Path(), help="A .png or .svg file: the curves of all.")
@in_one_line
def compare(
    runs: tuple[str, ...],
    sort: str | None,
    by: tuple[str, ...],
    score: str | None,
    against: str | None,
    csv_file: str | None,
    json_file: str | None,
    figure: str | None,
) -> None:
    """Compare runs and sweeps: settings that differ, scores with errors, differences.

    Runs that differ in seeds and folds only are one line: means ± standard errors over them. Differences are
    taken pair by pair, between runs with the same seeds on the same rows. A KEY may be short (n_hidden,
    seconds), as long as it means one column.

    \b
    Examples:
      ebm compare runs/small runs/large
      ebm compare sweeps/digits --sort seconds --csv digits.csv --plot curves.png
      ebm compare sweeps/digits --by rule.type --against rule=PCD
    """
    from ebm import experiment
    from ebm.experiment.report import Report
    from ebm.experiment.tabling import show

    for file, suffixes in ((csv_file, (".csv",)), (json_file, (".json",)), (figure, (".png", ".svg"))):
        check_output(file, suffixes)
    found = experiment.compare(runs, by=by, score=score, against=against, sort=sort)
    show(found, Report().console)
    if csv_file is not None:
        found.to_csv(csv_file)
    if json_file is not None:
        found.to_json(json_file)
    if figure is not None:
        from ebm.plots.run import save_figure

        save_figure(found.plot()[0].figure, figure)


@main.command()
@click.argument("runs", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--output", default="report.html", show_default=True, type=click.Path(), help="An .html file."
)
@in_one_line
def report(runs: tuple[str, ...], output: str) -> None:
    """Write one HTML page about a run, a sweep, or several: settings, scores, figures, verdicts.

    The page holds all that it shows and asks nothing of the network: send it, keep it, print it.

    \b
    Examples:
      ebm report runs/digits
      ebm report sweeps/digits -o sweep.html
      ebm report runs/small runs/large -o both.html
    """
    from ebm.experiment.reporting import write_report

    check_output(output, (".html", ".htm"))
    click.echo(str(write_report(runs, output)))
