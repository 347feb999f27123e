"""Curves of several runs in one figure: a colour for each setting, a thin line for each repetition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ebm.errors import EbmError, expect, expect_all
from ebm.plots.curves import gap_of, present
from ebm.plots.reading import Run, to_metrics
from ebm.plots.style import GREY, STEPS, Figure, Look, curve

__all__ = ["LOOKS", "Panel", "Series", "compare_curves", "panels"]

# After Okabe and Ito, told apart by colour-blind readers; lines and markers repeat the difference.
_COLOURS = ("#12355b", "#d55e00", "#009e73", "#b0588c", "#3d9fd6", "#b8860b", "0.35")
_LINES = ("-", "--", "-.", ":")
_MARKERS = "os^Dv<>"
LOOKS = tuple(Look(colour, line, _MARKERS[i]) for line in _LINES for i, colour in enumerate(_COLOURS))
_FIRST = {  # of these the first that there is: they say much the same
    "log_likelihood_heldout": "log-likelihood, held-out\n(nats per sample)",
    "log_likelihood_train": "log-likelihood, train\n(nats per sample)",
    "pseudo_likelihood_heldout": "pseudo-likelihood, held-out\n(nats per sample)",
    "pseudo_likelihood_train": "pseudo-likelihood, train\n(nats per sample)",
}
_OTHERS = {
    "kl": "KL(data ‖ model) (nats)",
    "free_energy_gap": "free-energy gap, held-out − train\n(nats per sample)",
    "error_heldout": "held-out error (share of rows)",
    "reconstruction_error": "reconstruction error\n(squared, per visible unit)",
}
_PANELS = 4


@dataclass(frozen=True)
class Series:
    """The curves of one setting.

    Attributes
    ----------
    label : str
    curves : list of pairs of (n,) arrays
        Steps and values of each repetition.
    mean : pair of (m,) arrays
        Steps that all repetitions have, and the mean over them.
    """

    label: str
    curves: list[tuple[NDArray[Any], NDArray[Any]]]
    mean: tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Panel:
    """One quantity of all settings."""

    key: str
    label: str
    log: bool
    series: list[Series]


def panels(runs: Mapping[str, Sequence[Run]]) -> list[Panel]:
    """What there is to draw of several runs: one likelihood, and up to three other quantities.

    Parameters
    ----------
    runs : mapping of str to sequence of runs
        The repetitions of each setting: run directories, or what `read_metrics` returns.

    Raises
    ------
    EbmError
        A file that is no run's.
    """
    for label, of in expect(runs, Mapping, "runs", "runs by their labels").items():
        expect(of, (list, tuple), f"runs: {label!r}", "a list of runs, such as ['runs/a']")
    metrics = {str(label): [_with_gap(run) for run in of] for label, of in runs.items()}
    every = [one for of in metrics.values() for one in of]
    chosen = {key: label for key, label in _FIRST.items() if any(present(one, key) for one in every)}
    chosen = dict(list(chosen.items())[:1])
    chosen |= {key: label for key, label in _OTHERS.items() if any(present(one, key) for one in every)}
    found = []
    for key, label in list(chosen.items())[:_PANELS]:
        series = [s for name, of in metrics.items() if (s := _series(name, of, key)) is not None]
        ends = [y for s in series for _, y in s.curves]
        log = key == "kl" and all((y > 0).all() for y in ends)
        found.append(Panel(key, label, log, series))
    return found


def _with_gap(run: Run) -> dict[str, NDArray[Any]]:
    metrics, _ = to_metrics(run, "compare_curves")
    gap = gap_of(metrics)
    return metrics if gap is None else metrics | {"free_energy_gap": gap}


def _series(label: str, runs: Sequence[Mapping[str, NDArray[Any]]], key: str) -> Series | None:
    found = []
    for metrics in runs:
        if key in metrics and (keep := np.isfinite(metrics[key])).any():
            found.append((metrics["step"][keep], metrics[key][keep]))
    if not found:
        return None
    shared = found[0][0]
    for x, _ in found[1:]:
        shared = np.intersect1d(shared, x)
    mean = np.mean([y[np.isin(x, shared)] for x, y in found], axis=0)
    return Series(label, found, (shared, mean))


def compare_curves(runs: Mapping[str, Sequence[Run]] | Sequence[Panel]) -> Any:
    """Plot the learning curves of several runs: a panel per quantity, a colour per setting.

    Parameters
    ----------
    runs : mapping of str to sequence of runs, or sequence of Panel
        The repetitions of each setting: run directories, or what `read_metrics` returns. Or what `panels`
        made of them.

    Returns
    -------
    ndarray of Axes
        One per quantity: x in parameter updates. Where a setting is repeated its mean is the thick line, each
        repetition a thin one. The legend is above the axes.

    Raises
    ------
    EbmError
        No run has a curve.

    Examples
    --------
    >>> one, two = {"step": [0, 10], "kl": [1.0, 0.5]}, {"step": [0, 10], "kl": [1.2, 0.7]}
    >>> (ax,) = compare_curves({"n_hidden=8": [one, two], "n_hidden=16": [one]})
    >>> [text.get_text() for text in ax.figure.legends[0].get_texts()]
    ['n_hidden=8 (mean of 2)', 'n_hidden=16']
    """
    what = "runs by their labels, such as {'a': ['runs/a']}"
    found = panels(runs) if isinstance(runs, Mapping) else list(expect_all(runs, Panel, "runs", what))
    if not found:
        raise EbmError(f"compare_curves: no curves; expected runs with any of {', '.join(_FIRST | _OTHERS)}")
    names = list(dict.fromkeys(series.label for panel in found for series in panel.series))
    across = min(2, len(found))
    down = -(-len(found) // across)
    size = (5.2 * across + (0.4 if across == 2 else 1.6), 3.5 * down + 0.3 + 0.22 * _rows(names))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax in axes[len(found) :]:
        ax.remove()
    for ax, panel in zip(axes, found, strict=False):
        for series in panel.series:
            _draw(ax, series, LOOKS[names.index(series.label) % len(LOOKS)])
        if panel.key == "free_energy_gap":
            ax.axhline(0.0, color=GREY, linestyle=":", linewidth=1.0, zorder=1)
        if panel.log:
            ax.set_yscale("log")
        ax.set_xlabel(STEPS)
        ax.set_ylabel(panel.label)
    _legend(figure, found, names)
    return axes[: len(found)]


def _draw(ax: Any, series: Series, look: Look) -> None:
    if len(series.curves) > 1:
        for x, y in series.curves:
            ax.plot(x, y, color=look.colour, linewidth=0.7, alpha=0.45, zorder=2)
    x, y = series.mean
    curve(ax, x, y, look, series.label, rank=_MARKERS.index(look.marker))


def _columns(names: Sequence[str]) -> int:
    """Of the legend: as many as fit."""
    return max(1, min(4, 88 // (max(map(len, names)) + 20)))


def _rows(names: Sequence[str]) -> int:
    return -(-len(names) // _columns(names))


def _legend(figure: Figure, found: Sequence[Panel], names: Sequence[str]) -> None:
    """One legend for all panels, outside, which says how many repetitions a mean is of."""
    repeats = {name: max(len(s.curves) for p in found for s in p.series if s.label == name) for name in names}
    lines = {line.get_label(): line for ax in figure.axes for line in ax.lines if line.get_label() in repeats}
    texts = [f"{name} (mean of {n})" if (n := repeats[name]) > 1 else name for name in names]
    figure.legend(
        [lines[name] for name in names], texts, loc="outside upper center", ncols=_columns(names),
        frameon=False, handlelength=3.2, columnspacing=1.4, fontsize="medium",
    )  # fmt: skip
