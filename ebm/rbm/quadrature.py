"""Nodes of a quadrature over the real units of a layer: where they are, given the other layer."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ebm.errors import NotSupported, TooLarge
from ebm.machine import Array
from ebm.units import Units

__all__ = ["Nodes", "nodes_of"]

Nodes: TypeAlias = list[
    tuple[Array, Array]
]  # of each unit of a layer: values, and logarithms of their weights

_ROUNDS = 1000  # of the search for the range of the units
_EDGE = 2.0**-53  # the probability beyond it
_OFF = 1e-3  # nats
_PANEL = 4.0  # standard deviations


def nodes_of(outer: Units, inner: Units, W: Array, b: Array, c: Array, halvings: int, points: int) -> Nodes:
    """Gauss–Legendre nodes for the units of a layer: so many points in each panel of a unit's range.

    Panels are 4 standard deviations wide, halved so many times, and narrower about 0, where a potential may
    have a corner. Units of finitely many states have these as nodes.

    Parameters
    ----------
    outer, inner : Units
    W, b, c : float64
        The couplings between them, (outer, inner), and their biases.
    """
    x, w = np.polynomial.legendre.leggauss(points)
    inputs, (low, high) = _range(outer, inner, W, b, c)
    widths = [
        _PANEL * np.sqrt(outer.var(I)) / 2**halvings
        for I in (inputs[0], 0.5 * (inputs[0] + inputs[1]), inputs[1])
    ]
    found: Nodes = []
    for units, places, columns in outer.parts(outer.count(len(b))):
        if units.states is not None:
            count = (columns.stop - columns.start) // units.width
            found += [(np.asarray(units.states), np.zeros(len(units.states)))] * count
            continue
        for k in range(columns.start, columns.stop):
            least = min(float(width[k]) for width in widths)
            ends = _panels(low[k], high[k], least, float(widths[0][k]), float(widths[2][k]))
            half = np.diff(ends)[:, None] / 2
            found.append(((ends[:-1, None] + half * (1 + x)).ravel(), np.log(half * w).ravel()))
            for I in (inputs[0][k], inputs[1][k]):
                _require_integral(outer.one(places.start + k - columns.start), I, *found[-1])
    return found


def _require_integral(units: Units, I: float, x: Array, log_w: Array) -> None:
    """Refuse units whose cgf is another sum than this integral: whole numbers that were not declared so."""
    terms = I * x - units.potential(x[:, None])[:, 0] + log_w
    integral = terms.max() + np.log(np.exp(terms - terms.max()).sum())
    off = abs(integral - float(units.cgf(np.array([I]))[0]))
    if not off < _OFF:
        raise NotSupported(
            f"exact: {units}: cgf({I:.3g}) is {off:.2g} nats from the integral over x; whole numbers"
            " want whole = True; expected AIS"
        )


def _panels(low: float, high: float, least: float, below: float, above: float) -> Array:
    """Ends of panels from low to high: of width `least` at 0, growing twofold to `below` and `above`."""
    start = min(max(0.0, low), high)
    return np.array(
        [*(-e for e in _ends(-start, -low, least, below)[:0:-1]), *_ends(start, high, least, above)]
    )


def _ends(start: float, stop: float, step: float, most: float) -> list[float]:
    ends = [start]
    while ends[-1] < stop:
        step = min(step, most)
        ends.append(min(ends[-1] + step, stop))
        step *= 2
    return ends


def _range(
    outer: Units, inner: Units, W: Array, b: Array, c: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The least and the greatest inputs of the outer layer, and values of φ, up to rounding's probability.

    What a unit's φ is, given inputs in some range, lies between its extreme quantiles at the range's ends; so
    from layer to layer until nothing widens.
    """
    inputs = b, b
    reach = _reach(outer, *inputs)
    for _ in range(_ROUNDS):
        before = reach
        inputs = _inputs(b, W.T, _reach(inner, *_inputs(c, W, reach)))
        reach = _reach(outer, *inputs)
        size, grown = np.abs(reach).max(), np.abs(np.subtract(reach, before)).max()
        if grown <= 1e-3 * size:
            return inputs, reach
        if not np.isfinite(size):
            break
    raise TooLarge(
        f"the exact sum: couplings of {outer} and {inner} units are too large for a quadrature; expected AIS"
    )


def _inputs(bias: Array, W: Array, reach: tuple[Array, Array]) -> tuple[Array, Array]:
    """The least and the greatest inputs from a layer with such φ, W of shape (layer, inputs)."""
    ends = reach[0][:, None] * W, reach[1][:, None] * W
    return bias + np.minimum(*ends).sum(0), bias + np.maximum(*ends).sum(0)


def _reach(layer: Units, low: Array, high: Array) -> tuple[Array, Array]:
    """The least and the greatest φ in a layer with inputs between low and high, each of shape (columns,)."""
    found = np.empty((2, len(low)))
    for units, places, columns in layer.parts(layer.count(len(low))):
        n = places.stop - places.start
        if units.states is not None:
            phi = units.encode(np.asarray(units.states)[:, None])
            found[:, columns] = np.tile(phi.min(0), n), np.tile(phi.max(0), n)
        elif units.width == 1:
            u = np.full(n, _EDGE)
            found[:, columns] = units.sample(low[columns], u), units.sample(high[columns], 1 - u)
            found[0, columns] = np.where(np.isinf(units.interval[0]), found[0, columns], units.interval[0])
        else:
            raise TooLarge(f"the exact sum: {units}: a quadrature is over units of one column; expected AIS")
    return found[0], found[1]
