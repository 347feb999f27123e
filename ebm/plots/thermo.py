"""Thermodynamics: curves over temperature with their errors, and overlap distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ebm.errors import EbmError
from ebm.plots.style import CHAINS, HELDOUT, TRAIN, Figure, band, curve, legend_above

__all__ = ["thermo"]

TEMPERATURE = "temperature T = 1/β (dimensionless)"
CURVES = {  # key: label and unit
    "free_energy": ("free energy", "nats"),
    "energy": ("energy ⟨H⟩", "nats"),
    "heat_capacity": ("heat capacity", "dimensionless"),
    "entropy": ("entropy", "nats"),
}


def thermo(result: Any, sites: int | None = None) -> NDArray[Any]:
    r"""Plot free energy, energy, heat capacity and entropy against temperature, and overlap distributions.

    Bands are ± one standard error. Overlaps are shown at the lowest temperature, at the peak of the heat
    capacity, and at the highest one. A distribution with one narrow peak tells of one state; two peaks at
    ±q of a broken symmetry; weight all the way between them of a glass (Parisi 1983).

    Parameters
    ----------
    result : Thermodynamics, or mapping of str to array
        Of `ebm.thermodynamics`, or its ``arrays()`` read back from a file: ``temperature`` and, for each
        curve, its values (n_temperatures,) and ``_stderr``; with ``overlap_q`` (n_bins,),
        ``overlap_density`` and ``overlap_density_stderr`` (n_temperatures, n_bins) also the overlaps.
    sites : int, optional
        Divide by this number, and say "per site".

    Returns
    -------
    ndarray of Axes, (4,) or (5,)
        Free energy, energy, heat capacity, entropy, and overlaps where there are any, in a new figure.

    Raises
    ------
    EbmError
        If an array is missing or has another length than the temperatures.

    Examples
    --------
    >>> T = np.array([1.0, 2.0])
    >>> arrays = {name: T for key in CURVES for name in (key, f"{key}_stderr")}
    >>> [ax.get_ylabel() for ax in thermo({"temperature": T, **arrays}, sites=8)][1]
    'energy ⟨H⟩ per site\n(nats)'
    """
    arrays = _arrays(result)
    if sites is not None and not sites >= 1:
        raise EbmError(f"thermo: sites: expected 1 or more, got {sites!r}")
    overlaps = "overlap_density" in arrays
    figure = Figure(figsize=(8.8, 10.0 if overlaps else 6.8), layout="constrained")
    rows: list[Any] = [["free_energy", "energy"], ["heat_capacity", "entropy"], ["overlap", "overlap"]]
    axes = figure.subplot_mosaic(rows if overlaps else rows[:2])
    for key in CURVES:
        _curve(axes[key], arrays, key, sites)
    if overlaps:
        _overlaps(axes["overlap"], arrays)
    figure.suptitle("bands: ± one standard error", fontsize="medium")
    return np.array(list(axes.values()), object)


def _curve(ax: Axes, arrays: Mapping[str, NDArray[Any]], key: str, sites: int | None) -> None:
    """Draw one curve; thin and without a halo, which would hide a narrow band."""
    name, unit = CURVES[key]
    T, per = arrays["temperature"], 1 if sites is None else sites
    value, error = arrays[key] / per, arrays[f"{key}_stderr"] / per
    band(ax, T, value, error, TRAIN)
    ax.plot(T, value, color=TRAIN.colour, linewidth=1.0, marker="o" if len(T) == 1 else "", label=name)
    ax.set_xlabel(TEMPERATURE)
    ax.set_ylabel(f"{name}{'' if sites is None else ' per site'}\n({unit})")


def _overlaps(ax: Axes, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Draw the distributions at the lowest temperature, at the peak of the heat capacity, at the highest."""
    T, q = arrays["temperature"], arrays["overlap_q"]
    chosen = sorted({0, int(np.argmax(arrays["heat_capacity"])), len(T) - 1})
    for rank, (k, look) in enumerate(zip(chosen, (TRAIN, HELDOUT, CHAINS), strict=False)):
        density, error = arrays["overlap_density"][k], arrays["overlap_density_stderr"][k]
        band(ax, q, density, error, look)
        curve(ax, q, density, look, f"T = {T[k]:.3g}", rank)
    ax.set_xlabel("overlap q of two replicas (dimensionless)")
    ax.set_ylabel("probability density")
    legend_above(ax, 3)


def _arrays(result: Any) -> dict[str, NDArray[Any]]:
    """The arrays of a result, checked to be there and to fit."""
    given = result if isinstance(result, Mapping) else result.arrays()
    needed = ["temperature", *(name for key in CURVES for name in (key, f"{key}_stderr"))]
    if "overlap_density" in given:
        needed += ["overlap_q", "overlap_density", "overlap_density_stderr"]
    missing = [name for name in needed if name not in given]
    if missing:
        raise EbmError(f"thermo: no {missing[0]}; expected the arrays of ebm.thermodynamics")
    arrays = {name: np.asarray(given[name], np.float64) for name in needed}
    n, bins = arrays["temperature"].size, arrays.get("overlap_q", np.empty(0)).size
    for name, array in arrays.items():
        shape = (bins,) if name == "overlap_q" else (n, bins) if name.startswith("overlap") else (n,)
        if array.shape != shape or not n:
            raise EbmError(f"thermo: {name}: expected shape {shape}, got {array.shape}")
    return arrays
