"""One page about a run, a sweep, or several runs: HTML that holds all it shows and asks nothing of a network.

Whatever comes from files is text, which the template escapes, or the bytes of a PNG; the page's policy
forbids everything else, so that a config with markup in it does no harm.
"""

from __future__ import annotations

import base64
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ebm.errors import expect
from ebm.experiment.captions import CAPTIONS, Caption
from ebm.experiment.comparing import Comparison, compare
from ebm.experiment.differing import changed, setting_text
from ebm.experiment.drawing import HEIGHT, WIDTH, drawn
from ebm.experiment.judging import Judgement, judge
from ebm.experiment.results import Result, is_sweep, read_sweep
from ebm.experiment.tabling import TURNED, Grid, grids, number_text, remarks, turned
from ebm.experiment.telling import duration, run_again, sentence, sweep_again
from ebm.files import write_atomic

__all__ = ["page", "write_report"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LISTED = 5  # settings that are named where runs differ in more
_WIDE = 8  # columns beyond which few runs stand side by side
_NAMED = 3  # runs that are named where several have the same to be looked at


class Figure(NamedTuple):
    """A picture of a run and what to see in it."""

    name: str
    caption: Caption
    source: str
    width: int
    height: int


class Key(NamedTuple):
    """A number at the head of the page."""

    text: str
    error: str
    label: str
    note: str


def write_report(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str] = "report.html",
) -> Path:
    """Write one HTML page about a run, a sweep, or several of them.

    Parameters
    ----------
    paths : path-like, or iterable of path-like
        Run directories and sweeps.
    out : path-like
        The file. The same files make the same page.

    Returns
    -------
    Path

    Raises
    ------
    EbmError
        A path that is neither a run nor a sweep.

    Examples
    --------
    >>> import ebm.experiment
    >>> ebm.experiment.write_report("runs/digits", "digits.html")  # doctest: +SKIP
    """
    text = page(paths)
    write_atomic(out, lambda file: file.write(text.encode()))
    return Path(out)


def page(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> str:
    """The page as text; see `write_report`."""
    several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    given = list(expect(several, Iterable, "runs", "the paths of run and sweep directories"))
    comparison = compare(given)
    alone = len(comparison.runs) == 1 and not is_sweep(given[0])
    context = _of_run(comparison) if alone else _of_several(comparison, [Path(path) for path in given])
    environment = Environment(
        loader=PackageLoader("ebm.experiment", "page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("run.html" if alone else "several.html").render(context)


def _of_run(comparison: Comparison) -> dict[str, Any]:
    run = comparison.runs[0]
    figures, missing = _figures(run)
    return {
        "title": run.path.absolute().name,
        "lead": sentence(run.tables) if run.tables else "A run without a config that can be read.",
        "state": run.state,
        "line": run.line,
        "keys": _keys(comparison, run),
        "judgements": judge(run) + [Judgement("look", "figures", text) for text in missing],
        "scores": _table_of(run),
        "figures": figures,
        "settings": _changed(run.tables),
        "config": _config(run),
        "environment": _environment(run),
        "command": run_again(run),
    }


def _of_several(comparison: Comparison, paths: list[Path]) -> dict[str, Any]:
    runs = comparison.runs
    swept = paths[0] if len(paths) == 1 and is_sweep(paths[0]) else None
    told = read_sweep(swept) if swept is not None else None
    panels, few = comparison.panels()
    labels = [group.label for group in comparison.groups]
    names = list(dict.fromkeys(series.label for panel in panels for series in panel.series))
    repeats = {series.label: len(series.curves) for panel in panels for series in panel.series}
    known = [run for run in runs if run.tables]
    common = _common(comparison, known[0]) if known else []
    series_of = {label: number for number, label in enumerate(names)}
    return {
        "title": swept.absolute().name if swept is not None else f"{len(runs)} runs",
        "lead": _lead(comparison),
        "states": Counter(run.state for run in runs),
        "grids": [
            (_shaped(grid, comparison), _links(grid, comparison, labels, series_of))
            for grid in grids(comparison)
        ],
        "remarks": [text for text in remarks(comparison) if text.startswith(("Δ", "(?)"))],
        "failures": comparison.failures,
        "judgements": _summed(runs),
        "panels": drawn(panels, names),
        "size": (WIDTH, HEIGHT),
        "few": few,
        "legend": [(number, name, repeats[name]) for number, name in enumerate(names)],
        "common": common,
        "config": _config(known[0]) if known else "",
        "environment": _environment(known[0], "seed") if known else [],
        "environments": len({setting_text(_environment(run, "seed", "data")) for run in known}),
        "command": sweep_again(swept, told) if swept is not None and told is not None else "",
        "commands": [] if swept is not None else [run_again(run) for run in known],
    }


def _lead(comparison: Comparison) -> str:
    known = [run for run in comparison.runs if run.tables]
    if not known:
        return "None of these runs has a config that can be read."
    said = {sentence(run.tables) for run in known}
    settings = [setting for key, setting in comparison.settings.items() if key in comparison.by]
    differ = f"{len(comparison.groups)} settings of {', '.join(settings)}" if settings else "one setting"
    if len(settings) > _LISTED:
        differ = f"{len(comparison.groups)} settings, which differ in {len(settings)} ways"
    repeats = max((len(group.runs) for group in comparison.groups), default=1)
    times = f", up to {repeats} runs each" if repeats > 1 else ""
    first = said.pop() if len(said) == 1 else f"The first of them: {sentence(known[0].tables)}"
    return f"{differ[0].upper()}{differ[1:]}{times}. {first}"


def _common(comparison: Comparison, run: Result) -> list[tuple[str, str, str]]:
    """The settings that all runs share and that are not the defaults."""
    apart = tuple(f"{key.removesuffix('.type').removesuffix('.method')}." for key in comparison.values)
    return [row for row in _changed(run.tables) if not f"{row[0]}.".startswith(apart)]


def _shaped(grid: Grid, comparison: Comparison) -> Grid:
    """The table, turned where it is of a few runs."""
    few = len(grid.rows) <= TURNED and not comparison.repeated
    return turned(grid) if few and len(grid.columns) > _WIDE else grid


def _links(
    grid: Grid, comparison: Comparison, labels: list[str], series_of: dict[str, int]
) -> list[int | None]:
    """The number of the curves that belong to each row of a table."""
    if any(column.key == "n" for column in grid.columns):  # a row for each group
        return [series_of.get(label) for label in labels]
    of = {id(run): series_of.get(group.label) for group in comparison.groups for run in group.runs}
    return [of.get(id(run)) for run in comparison.runs]


def _keys(comparison: Comparison, run: Result) -> list[Key]:
    """The few numbers that are looked for first."""
    chosen: list[str] = [comparison.score] if comparison.score is not None else []
    errors = [key for key in run.scores if key.startswith(("held_out_error", "training_error"))]
    chosen += [key for key in (*errors[-1:], "log_z", "seconds") if key in run.scores and key not in chosen]
    found = []
    for key in chosen:
        score, quantity = run.scores[key], run.quantities[key]
        value, _, error = (score.text or number_text(score.value)).partition(" ± ")
        note = str(run.log_z.get("verdict", "")) if key == "log_z" else quantity.unit
        if key == "seconds":
            value, note = duration(score.value), "learning and all stages"
        found.append(Key(value.replace("-", "−"), error, quantity.label, note))
    return found


def _table_of(run: Result) -> list[tuple[str, str, str]]:
    """The table of the summary, as the run has printed it."""
    rows = run.summary.get("table")
    names = ("quantity", "value", "unit")
    return [
        tuple(str(row.get(name, "")).replace(" -", " −") for name in names)  # type: ignore[misc]
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    ]


def _figures(run: Result) -> tuple[list[Figure], list[str]]:
    """The figures that a run has drawn, those of learning first; and what is wrong with others."""
    found, missing = [], []
    for name, caption in CAPTIONS.items():
        path = run.path / "figures" / f"{name}.png"
        if not path.is_file():
            continue
        data = path.read_bytes()
        if len(data) < 24 or not data.startswith(_SIGNATURE):
            missing.append(f"figures/{name}.png: no PNG, or cut short; `ebm plot` draws it again")
            continue
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        found.append(Figure(name, caption, source, width, height))
    return found, missing


def _changed(tables: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The settings that are not the defaults: key, value, default."""
    return [
        (key, setting_text(value), "" if default is None else setting_text(default))
        for key, value, default in changed(tables)
    ]


def _config(run: Result) -> str:
    try:
        return (run.path / "config.toml").read_text("utf-8", "replace")
    except OSError:
        return ""


def _environment(run: Result, *but: str) -> list[tuple[str, str]]:
    """What it ran on, and with which versions; `but` is left out."""
    told = run.environment
    found: list[tuple[str, str]] = [(n, setting_text(told[n])) for n in ("ebm", "python") if n in told]
    packages = told.get("packages")
    found += [(str(k), str(v)) for k, v in packages.items()] if isinstance(packages, dict) else []
    rest: list[str] = [
        name for name in ("platform", "processor", "cores", "seed") if name in told and name not in but
    ]
    found += [(name, setting_text(told[name])) for name in rest]
    threads = told.get("threads")
    if isinstance(threads, dict):
        found.append(("threads", ", ".join(f"{k} {v}" for k, v in threads.items())))
    if run.data is not None and "data" not in but:
        found.append(("data, sha256", f"{str(run.data)[:16]}…"))
    return found


def _summed(runs: Iterable[Result]) -> list[tuple[Judgement, str]]:
    """What is not good of several runs: each once, and of which runs."""
    found: dict[tuple[str, str, str], list[str]] = {}
    total = 0
    for run in runs:
        total += 1
        for one in judge(run):
            if one.level != "good" and one.what != "run":
                found.setdefault((one.level, one.what, one.why), []).append(run.name)
    kinds: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}
    for (level, what, why), names in found.items():
        kinds.setdefault((level, what), []).append((why, names))
    summed = []
    for (level, what), cases in sorted(kinds.items()):  # "bad" comes before "look"
        names = list(dict.fromkeys(name for _, of in cases for name in of))
        some = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        count = f"{len(names)} of {total} runs" if len(names) > 1 else "1 run"
        such = ", such as" if len(cases) > 1 else ""
        one = Judgement("bad" if level == "bad" else "look", what, f"{count}{such}: {cases[0][0]}")
        summed.append((one, some))
    return summed
