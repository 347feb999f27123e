"""Curves of several runs as the parts of an SVG, for a page that colours them itself and lights one up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

from ebm.plots.several import Panel

__all__ = ["Drawn", "Tick", "drawn"]

WIDTH, HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 12, 34


class Tick(NamedTuple):
    """Where a number stands on an axis."""

    at: float
    text: str


class Drawn(NamedTuple):
    """A panel: its title and unit, ticks, and of each series the points of its curves and of its mean."""

    title: str
    x: list[Tick]
    y: list[Tick]
    zero: float | None
    series: list[tuple[int, str, list[str], str]]
    log: bool
    box: tuple[int, int, int, int] = (_LEFT, _TOP, WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM)


def drawn(panels: Sequence[Panel], labels: Sequence[str]) -> list[Drawn]:
    """The panels, drawn; a series has the number of its label."""
    return [found for panel in panels if (found := _panel(panel, labels)) is not None]


def _panel(panel: Panel, labels: Sequence[str]) -> Drawn | None:
    pairs = [pair for series in panel.series for pair in (*series.curves, series.mean)]
    xs, ys = (np.concatenate([np.asarray(pair[i], np.float64) for pair in pairs]) for i in (0, 1))
    if not xs.size:
        return None
    tick_y = _log_ticks(ys) if panel.log else _ticks(ys)
    low_y, high_y = _limits(np.log10(ys) if panel.log else ys)
    low_x, high_x = _limits(xs, 0.0)

    def place_x(x: float) -> float:
        return _LEFT + (x - low_x) / (high_x - low_x) * (WIDTH - _LEFT - _RIGHT)

    def place_y(y: float) -> float:
        y = math.log10(y) if panel.log else y
        return HEIGHT - _BOTTOM - (y - low_y) / (high_y - low_y) * (HEIGHT - _TOP - _BOTTOM)

    def points(pair: tuple[Any, Any]) -> str:
        return " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in zip(*pair, strict=True))

    series = [
        (
            labels.index(s.label),
            s.label,
            [points(c) for c in s.curves] if len(s.curves) > 1 else [],
            points(s.mean),
        )
        for s in panel.series
    ]
    zero = place_y(0.0) if not panel.log and low_y < 0 < high_y else None
    return Drawn(
        panel.label.replace("\n", " "),
        [Tick(place_x(x), _short(x)) for x in _ticks(xs) if low_x <= x <= high_x],
        [Tick(place_y(y), _short(y)) for y in tick_y if _TOP <= place_y(y) <= HEIGHT - _BOTTOM],
        zero,
        series,
        panel.log,
    )


def _limits(values: Any, margin: float = 0.05) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low - margin * (high - low), high + margin * (high - low)


def _ticks(values: Any) -> list[float]:
    return [float(tick) for tick in MaxNLocator(5).tick_values(*_limits(values))]


def _log_ticks(values: Any) -> list[float]:
    low, high = _limits(np.log10(values))
    found = LogLocator(10, numticks=6).tick_values(10**low, 10**high)
    if sum(10**low <= tick <= 10**high for tick in found) < 2:
        found = LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=6).tick_values(10**low, 10**high)
    return [float(tick) for tick in found]


def _short(number: float) -> str:
    """A number of an axis.

    Examples
    --------
    >>> _short(-20.0), _short(25000.0), _short(0.001)
    ('−20', '25k', '0.001')
    """
    text = f"{number / 1000:g}k" if abs(number) >= 10000 and number % 100 == 0 else f"{number:.6g}"
    return text.replace("-", "−")
