"""Chains and data: histograms of energies, traces, annealing, moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from ebm.errors import EbmError
from ebm.plots.style import (
    BETA,
    CHAINS,
    GREY,
    HELDOUT,
    PER_SITE,
    SWEEPS,
    TRAIN,
    Figure,
    Look,
    band,
    curve,
    end_labels,
    legend_above,
    new_axes,
)

__all__ = ["annealing", "energy_histogram", "energy_traces", "moments"]

LINES = ["-", "--", "-.", ":"]
MARKERS = ["o", "s", "^", "D", "v"]


def vector(value: ArrayLike, name: str, size: int | None = None) -> NDArray[np.float64]:
    """Return `value` as a non-empty 1-D float64 array of the given size, or refuse it by name."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise EbmError(f"{name}: expected numbers, got {array.dtype}")
    if array.ndim != 1 or array.size == 0 or size not in (None, array.size):
        expected = "(n,) with n > 0" if size is None else f"({size},)"
        raise EbmError(f"{name}: expected shape {expected}, got {array.shape}")
    return array.astype(np.float64)


def energy_histogram(
    data: ArrayLike, model: ArrayLike, heldout: ArrayLike | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the distributions of free energies of data and of model samples, on shared bins.

    Parameters
    ----------
    data : (m,) array
        Free energies of training rows (nats): filled.
    model : (n,) array
        Free energies of model samples (nats): outline.
    heldout : (k,) array, optional
        Free energies of held-out rows (nats): outline.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x in nats per sample; y a density in 1/nat, each histogram of area 1. Infinite values and NaN are
        left out and counted in the legend.

    Raises
    ------
    EbmError
        If an array is not 1-D, or has no finite value.

    Examples
    --------
    >>> ax = energy_histogram([-3.0, -2.0, -2.0, -1.0], [-3.0, -2.5, -1.0, -0.5])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['train (4)', 'model (4)']
    """
    given = {"train": (data, TRAIN), "model": (model, CHAINS), "held-out": (heldout, HELDOUT)}
    series = {}
    for name, (value, look) in given.items():
        if value is not None:
            energy = vector(value, f"energy_histogram: {name}")
            if not np.isfinite(energy).any():
                raise EbmError(f"energy_histogram: {name}: no finite value")
            series[name] = energy, look
    edges = _edges(np.concatenate([energy[np.isfinite(energy)] for energy, _ in series.values()]))
    ax = new_axes(ax)
    for name, (energy, look) in series.items():
        finite = energy[np.isfinite(energy)]
        density = np.histogram(finite, edges, density=True)[0]
        lost = energy.size - finite.size
        label = f"{name} ({finite.size}{f', {lost} not finite' if lost else ''})"
        if name == "train":
            patch = ax.stairs(density, edges, fill=True, color="0.86", label=label)
            patch.set(edgecolor=look.colour, linewidth=1.0)
        else:
            ax.stairs(density, edges, color=look.colour, linestyle=look.line, linewidth=2.0, label=label)
    ax.set_xlabel("free energy (nats per sample)")
    ax.set_ylabel("probability density (1/nat)")
    lost_any = any(not np.isfinite(energy).all() for energy, _ in series.values())
    legend_above(ax, 2 if lost_any else 3)
    return ax


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 10 to 60 equal bins over all values (numpy's rule, kept from running away by outliers)."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    bulk = np.percentile(values, [25, 75])
    width = 2 * (bulk[1] - bulk[0]) / np.cbrt(values.size)  # Freedman and Diaconis
    bins = (high - low) / width if width > 0 else 10
    return np.linspace(low, high, int(np.clip(bins, 10, 60)) + 1)


def energy_traces(
    energy: ArrayLike,
    beta: ArrayLike,
    sweep: ArrayLike | None = None,
    std: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the mean energy per site of Gibbs chains against sweeps, one line per inverse temperature.

    Parameters
    ----------
    energy : (n_beta, n_times) array
        Mean over chains (nats per site).
    beta : (n_beta,) array
        Inverse temperatures; up to ten are named, evenly chosen.
    sweep : (n_times,) array, optional
        Sweeps done at each time; None counts 0, 1, ...
    std : (n_beta, n_times) array, optional
        Standard deviation over chains: a band.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x in sweeps, y in nats per site.

    Raises
    ------
    EbmError
        If shapes disagree.

    Examples
    --------
    >>> ax = energy_traces([[0.0, -0.2], [0.0, -0.6]], beta=[0.5, 2.0])
    >>> [text.get_text() for text in ax.texts]
    ['β = 2', 'β = 0.5']
    """
    beta = vector(beta, "energy_traces: beta")
    energy = np.asarray(energy, np.float64)
    if energy.ndim != 2 or energy.shape[0] != beta.size or energy.shape[1] == 0:
        raise EbmError(f"energy_traces: energy: expected shape ({beta.size}, n_times), got {energy.shape}")
    times = energy.shape[1]
    sweep = np.arange(times) if sweep is None else vector(sweep, "energy_traces: sweep", times)
    if std is not None and np.shape(std) != energy.shape:
        raise EbmError(f"energy_traces: std: expected shape {energy.shape}, got {np.shape(std)}")
    ax = new_axes(ax)
    shades = matplotlib.colormaps["cividis"](np.linspace(0.0, 0.75, beta.size))
    for i, row in enumerate(energy):
        colour = matplotlib.colors.to_hex(shades[i])
        look = Look(colour, LINES[i % len(LINES)], MARKERS[i % len(MARKERS)])
        band(ax, sweep, row, None if std is None else np.asarray(std, np.float64)[i], look)
        curve(ax, sweep, row, look, f"β = {beta[i]:.3g}", i)
    named = np.unique(np.linspace(0, beta.size - 1, min(beta.size, 10)).round().astype(int))
    ends = {i: float(row[np.isfinite(row)][-1]) for i in named if np.isfinite(row := energy[i]).any()}
    end_labels(ax, list(ends.values()), [f"β = {beta[i]:.3g}" for i in ends], [shades[i] for i in ends])
    ax.margins(x=0.02)
    ax.set_xlabel(SWEEPS)
    ax.set_ylabel(f"mean {PER_SITE}")
    return ax


def annealing(
    beta: ArrayLike,
    energy: ArrayLike,
    best: ArrayLike | None = None,
    reference: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plot the energy of annealed chains against inverse temperature, with the best found so far.

    Parameters
    ----------
    beta : (n_times,) array
        Inverse temperature; a logarithmic axis if it spans a factor above 30.
    energy : (n_times,) array
        Mean energy over chains (nats per site).
    best : (n_times,) array, optional
        Lowest energy found so far (nats per site).
    reference : float, optional
        Energy per site of the ground state, or an estimate of it: a horizontal line.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x dimensionless, y in nats per site.

    Raises
    ------
    EbmError
        If shapes disagree.

    Examples
    --------
    >>> ax = annealing([0.1, 1.0], [-0.1, -0.6], best=[-0.3, -0.7], reference=-0.72)
    >>> [line.get_label() for line in ax.lines]
    ['mean of chains', 'best so far', 'reference −0.72']
    """
    beta = vector(beta, "annealing: beta")
    ax = new_axes(ax)
    curve(ax, beta, vector(energy, "annealing: energy", beta.size), TRAIN, "mean of chains")
    if best is not None:
        curve(ax, beta, vector(best, "annealing: best", beta.size), HELDOUT, "best so far", 1)
    if reference is not None and np.isfinite(reference):
        label = f"reference {float(reference):.4g}".replace("-", "−")
        ax.axhline(float(reference), color=GREY, linestyle=(0, (1, 2)), linewidth=1.4, label=label)
    if beta.min() > 0 and beta.max() > 30 * beta.min():
        ax.set_xscale("log")
    ax.set_xlabel(BETA)
    ax.set_ylabel(PER_SITE)
    legend_above(ax, 3)
    return ax


def moments(
    data_mean: ArrayLike,
    model_mean: ArrayLike,
    data_pairs: ArrayLike,
    model_pairs: ArrayLike,
    axes: Sequence[Axes] | NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Plot the model's first and second moments against those of the data: on the line, they agree.

    Parameters
    ----------
    data_mean, model_mean : (d,) array
        First moments ⟨v⟩.
    data_pairs, model_pairs : (p,) array
        Second moments ⟨vv⟩ of the same pairs.
    axes : two Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    (2,) ndarray of Axes
        The titles state the root mean square deviation. Moments are dimensionless.

    Raises
    ------
    EbmError
        If shapes disagree, or `axes` are not two.

    Examples
    --------
    >>> axes = moments([0.5, 0.1], [0.4, 0.2], [0.05], [0.05])
    >>> axes[0].get_title()
    'first moments, RMS deviation 0.1'
    """
    if axes is None:
        axes = Figure(figsize=(8.0, 4.2), layout="constrained").subplots(1, 2)
    both = np.asarray(axes, dtype=object).ravel()
    if both.size != 2:
        raise EbmError(f"moments: axes: expected two, got {both.size}")
    panels = [("first", "⟨v⟩", data_mean, model_mean), ("second", "⟨vv⟩", data_pairs, model_pairs)]
    for ax, (name, sign, data, model) in zip(both, panels, strict=True):
        x = vector(data, f"moments: {name} moments of the data")
        y = vector(model, f"moments: {name} moments of the model", x.size)
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        edge = 0.05 * (high - low) or 0.5
        small = float(np.clip(60 / np.sqrt(x.size), 1.5, 6))
        ax.axline((low, low), slope=1.0, color=GREY, linestyle="--", linewidth=1.0, zorder=1)
        ax.plot(
            x, y, linestyle="none", marker="o", markersize=small, markerfacecolor="none",
            markeredgecolor=TRAIN.colour, markeredgewidth=0.8, alpha=0.7, rasterized=x.size > 5000,
        )  # fmt: skip
        ax.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge), aspect="equal")
        ax.set_xlabel(f"{sign} of the data (dimensionless)")
        ax.set_ylabel(f"{sign} of the model (dimensionless)")
        rms = np.sqrt(np.mean((x - y) ** 2))
        ax.set_title(f"{name} moments, RMS deviation {rms:.3g}", fontsize="medium")
    return both
