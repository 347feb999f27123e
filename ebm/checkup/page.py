"""What a check of a machine has found, as a page and as figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from ebm.checkup.distances import Distance
    from ebm.checkup.health import Health

__all__ = ["drawn", "lines", "text"]

_COPIES = 0.05  # part of samples that are nearer to training rows than 1 % of new rows
_SIGMAS = 3.0


def lines(found: Health) -> list[tuple[str, str, str]]:
    """What, how much, and what it means."""
    return [
        ("verdict", found.verdict, found.reason),
        *_mixing(found),
        *_log_z(found),
        *_rows(found),
        *_units(found),
    ]


def _mixing(found: Health) -> Iterator[tuple[str, str, str]]:
    approach, tau = found.approach, found.relaxation_time
    time = approach.times[-1]
    if approach.settled:
        meaning = f"plain Gibbs reaches equilibrium within {time} sweeps"
    elif time >= 3 * tau:
        meaning = "short, of the states that chains have met; they have not all become alike"
    else:
        meaning = f"longer than a third of the {time} sweeps made: sample by tempering, not by plain Gibbs"
    yield "relaxation time", f"{tau:.3g} sweeps", meaning
    truth = found.reference
    yield "equilibrium by", truth.method, truth.trouble or "nothing speaks against it"
    for start, along in approach.distances.items():
        places = sorted({0, len(approach.times) // 2, len(approach.times) - 1})
        away = ", ".join(_with_error(along["statistics"][k]) for k in places)
        sweeps = ", ".join(str(approach.times[k]) for k in places)
        yield f"statistics, from {start}", away, f"away from the data after {sweeps} sweeps; 0 agrees"
    if found.distance is not None and not truth.trouble:
        yield "statistics, equilibrium", _with_error(found.distance), "away from the data; 0 agrees"
    if "free_energy_data" in found.scores:
        known = ("data",) if truth.trouble else ("data", "reference")
        values = [f"{name} {found.scores[f'free_energy_{name}']:.2f}" for name in known]
        values += [f"from {start} {approach.energy(start)[0][-1]:.2f}" for start in approach.energies]
        spread = f"nats; rows differ by {found.scores['free_energy_data_std']:.2g}"
        yield "free energy", ", ".join(values), spread


def _with_error(one: Distance) -> str:
    return f"{one.value:.2f} ± {one.stderr:.2f}"


def _log_z(found: Health) -> Iterator[tuple[str, str, str]]:
    z = found.log_z
    error = "" if z.verdict == "exact" else f" ± {z.stderr:.2g}"
    yield "log Z", f"{z.value:.3f}{error} nats", ": ".join(filter(None, (z.verdict, z.reason)))
    for key, what in (
        ("log_likelihood", "log-likelihood, data"),
        ("log_likelihood_heldout", "log-likelihood, held out"),
    ):
        if key in found.scores:
            trust = "nats per row" + ("; log Z is not to be trusted" if z.verdict == "do not trust" else "")
            yield what, f"{found.scores[key]:.3f}{error}", trust


def _rows(found: Health) -> Iterator[tuple[str, str, str]]:
    scores = found.scores
    if "overfitting" in scores:
        gap, error = scores["overfitting"], scores["overfitting_stderr"]
        meaning = (
            "held-out rows are as likely as training rows"
            if gap < _SIGMAS * error
            else "overfitted: nats per row"
        )
        yield "overfitting gap", f"{gap:.2f} ± {error:.2g}", meaning
    if "memorised" in scores:
        part = scores["memorised"]
        meaning = "copies of training rows among samples" if part > _COPIES else "samples are no copies"
        yield "memorised rows", f"{part:.1%}", f"{meaning} ({scores['usual']:.0%} of new rows are as near)"


def _units(found: Health) -> Iterator[tuple[str, str, str]]:
    scores = found.scores
    if "dead" in scores:
        dead, saturated = int(scores["dead"]), int(scores["saturated"])
        meaning = "say the same of all rows" if dead + saturated else "all hidden units tell rows apart"
        yield "dead, saturated units", f"{dead}, {saturated} of {scores['n_hidden']:.0f}", meaning


def text(found: Health) -> str:
    """The page as plain text."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=found.machine, title_justify="left", show_header=False)
    for width in (24, 34, 62):
        table.add_column(max_width=width, overflow="fold")
    for row in lines(found):
        table.add_row(*row)
    out = StringIO()
    Console(file=out, width=126, highlight=False, markup=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def drawn(found: Health, folder: Path) -> list[Path]:
    """Figures of energies and distances against time; the files."""
    from matplotlib.figure import Figure

    from ebm.plots import approach_curves, save_figure

    seen = found.approach
    times = np.array(seen.times)
    figures = {
        "energies": approach_curves(
            times,
            {start: seen.energy(start) for start in seen.energies},
            levels=_levels(found),
            ylabel="mean free energy (nats)",
        )
    }
    for kind in ("means", "second moments", "statistics"):
        if seen.distances:
            figures[kind.replace(" ", "-")] = approach_curves(
                times,
                {start: seen.curve(start, kind) for start in seen.distances},
                levels=_equilibrium(found) if kind == "statistics" else {},
                ylabel=f"distance of {kind} from the data",
            )
    return [save_figure(cast(Figure, ax.figure), folder / f"{name}.png") for name, ax in figures.items()]


def _equilibrium(found: Health) -> dict[str, float]:
    if found.distance is None or found.reference.trouble:
        return {}
    return {"equilibrium": found.distance.value}


def _levels(found: Health) -> dict[str, float]:
    named = {"data": "free_energy_data", "equilibrium": "free_energy_reference"}
    if found.reference.trouble:
        del named["equilibrium"]
    return {name: found.scores[key] for name, key in named.items() if key in found.scores}
