"""Learning curves: free energies, their gap, likelihoods and divergence against the step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ebm.errors import EbmError
from ebm.plots.reading import Run, read_baselines, to_metrics
from ebm.plots.style import (
    CHAINS,
    GREY,
    HELDOUT,
    STEPS,
    TRAIN,
    Figure,
    band,
    curve,
    end_labels,
    legend_above,
    new_axes,
)

__all__ = ["energy_curves", "free_energy_gap", "kl_curve", "learning_curves", "likelihood_curves"]

FREE_ENERGIES = {
    "free_energy_train": ("train", TRAIN),
    "free_energy_heldout": ("held-out", HELDOUT),
    "free_energy_chains": ("chains", CHAINS),
}
LIKELIHOODS = {  # key: label, look, hollow markers; bands so narrow are seen by their edges alone
    "log_likelihood_train": ("log-likelihood, train", TRAIN._replace(band="outline"), False),
    "log_likelihood_heldout": ("log-likelihood, held-out", HELDOUT, False),
    "pseudo_likelihood_train": ("pseudo-likelihood, train", TRAIN._replace(line=":"), True),
    "pseudo_likelihood_heldout": ("pseudo-likelihood, held-out", HELDOUT._replace(line="-."), True),
}


SUPERVISED = {
    "train": ("train", TRAIN),
    "heldout": ("held-out", HELDOUT),
    "validation": ("held-out", HELDOUT),
}


def present(metrics: Mapping[str, NDArray[Any]], *keys: str) -> list[str]:
    """Return those of `keys` that hold at least one finite number."""
    return [key for key in keys if key in metrics and np.isfinite(metrics[key]).any()]


def energy_curves(run_or_metrics: Run, ax: Axes | None = None) -> Axes:
    """Plot mean free energies of training rows, held-out rows and chains against the step.

    Bands are ± one standard deviation over rows. A model that has learnt puts its chains where the data
    are: the curves meet. Chains below the data are a sign that the negative phase found a mode of its own.

    Parameters
    ----------
    run_or_metrics : path, or mapping of str to (n_steps,) array
        A run directory or what `read_metrics` returns: ``step`` and any of ``free_energy_train``,
        ``free_energy_heldout``, ``free_energy_chains``, each with an optional ``_std`` (nats).
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x in parameter updates, y in nats per sample.

    Raises
    ------
    EbmError
        If none of the curves is there.

    Examples
    --------
    >>> ax = energy_curves({"step": [0, 10], "free_energy_train": [-3.0, -5.0]})
    >>> ax.get_ylabel()
    'free energy (nats per sample)'
    """
    metrics, where = to_metrics(run_or_metrics, "energy_curves")
    keys = present(metrics, *FREE_ENERGIES)
    if not keys:
        raise EbmError(f"energy_curves: {where}: none of {', '.join(FREE_ENERGIES)}")
    ax = new_axes(ax)
    for rank, key in enumerate(keys):
        name, look = FREE_ENERGIES[key]
        shaded = band(ax, metrics["step"], metrics[key], metrics.get(f"{key}_std"), look)
        curve(ax, metrics["step"], metrics[key], look, f"{name} ± 1 std" if shaded else name, rank)
    ax.set_xlabel(STEPS)
    ax.set_ylabel("free energy (nats per sample)")
    legend_above(ax, 3)
    return ax


def free_energy_gap(run_or_metrics: Run, ax: Axes | None = None) -> Axes:
    """Plot the gap, mean free energy of held-out rows minus that of training rows, against the step.

    Log Z cancels, so the gap is the difference of log-likelihoods between train and held-out rows. A gap
    that grows is overfitting.

    Parameters
    ----------
    run_or_metrics : path, or mapping of str to (n_steps,) array
        ``step`` and ``free_energy_gap`` (nats); or ``free_energy_heldout`` and ``free_energy_train``.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x in parameter updates, y in nats per sample.

    Raises
    ------
    EbmError
        If neither the gap nor both of its parts are there.

    Examples
    --------
    >>> ax = free_energy_gap({"step": [0, 10], "free_energy_gap": [0.0, 0.4]})
    >>> ax.lines[-1].get_ydata().tolist()
    [0.0, 0.4]
    """
    metrics, where = to_metrics(run_or_metrics, "free_energy_gap")
    gap = gap_of(metrics)
    if gap is None:
        raise EbmError(f"free_energy_gap: {where}: no free_energy_gap")
    ax = new_axes(ax)
    ax.axhline(0.0, color=GREY, linestyle=":", linewidth=1.0)
    curve(ax, metrics["step"], gap, HELDOUT._replace(line="-"), "gap")
    ax.set_xlabel(STEPS)
    ax.set_ylabel("free-energy gap, held-out − train\n(nats per sample)")
    return ax


def gap_of(metrics: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return the recorded gap, else the difference of the two free energies, else None."""
    if present(metrics, "free_energy_gap"):
        return metrics["free_energy_gap"]
    if "free_energy_train" in metrics and "free_energy_heldout" in metrics:
        gap = metrics["free_energy_heldout"] - metrics["free_energy_train"]
        return gap if np.isfinite(gap).any() else None
    return None


def likelihood_curves(
    run_or_metrics: Run, ax: Axes | None = None, baselines: Mapping[str, float] | None = None
) -> Axes:
    """Plot log-likelihoods and pseudo-likelihoods against the step; if there is only KL, `kl_curve`.

    Parameters
    ----------
    run_or_metrics : path, or mapping of str to (n_steps,) array
        ``step`` and any of ``log_likelihood_train``, ``log_likelihood_heldout``,
        ``pseudo_likelihood_train``, ``pseudo_likelihood_heldout`` (nats); ``log_z_stderr`` (nats), where
        above zero, becomes a band of ± one standard error about the log-likelihoods, and the legend says
        the last one.
    ax : Axes, optional
        Where to draw; None makes a figure.
    baselines : mapping of str to float, optional
        Names and their nats per sample, drawn as horizontal lines. None takes those of a run directory's
        ``summary.json``; ``{}`` draws none.

    Returns
    -------
    Axes
        x in parameter updates, y in nats per sample.

    Raises
    ------
    EbmError
        If there is no likelihood and no KL.

    Examples
    --------
    >>> metrics = {"step": [0, 10], "log_likelihood_train": [-11.0, -7.0]}
    >>> ax = likelihood_curves(metrics, baselines={"uniform": -11.1})
    >>> [text.get_text() for text in ax.texts]
    ['uniform −11.1']
    """
    metrics, where = to_metrics(run_or_metrics, "likelihood_curves")
    keys = present(metrics, *LIKELIHOODS)
    if not keys and present(metrics, "kl"):
        return kl_curve(metrics, ax)
    if not keys:
        raise EbmError(f"likelihood_curves: {where}: none of {', '.join(LIKELIHOODS)}, kl")
    if baselines is None:
        baselines = {}
        if isinstance(run_or_metrics, (str, os.PathLike)):
            baselines = read_baselines(run_or_metrics)
    ax = new_axes(ax, (7.4, 4.4))
    for rank, key in enumerate(keys):
        name, look, hollow = LIKELIHOODS[key]
        error = None if hollow else _error(metrics)
        if error is not None and band(ax, metrics["step"], metrics[key], error, look):
            name = f"{name} ± s.e. (last {error[np.isfinite(error)][-1]:.2g})"
        curve(ax, metrics["step"], metrics[key], look, name, rank, hollow)
    _baselines(ax, {name: value for name, value in baselines.items() if np.isfinite(value)})
    ax.set_xlabel(STEPS)
    ax.set_ylabel("log-likelihood (nats per sample)")
    legend_above(ax, 2)
    return ax


def _error(metrics: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return the standard errors of log Z and so of mean log-likelihoods; None where it is exact."""
    error = metrics.get("log_z_stderr")
    return error if error is not None and np.any(error[np.isfinite(error)] > 0) else None


def _baselines(ax: Axes, baselines: Mapping[str, float]) -> None:
    """Draw labelled horizontal lines."""
    for value in baselines.values():
        ax.axhline(value, color=GREY, linestyle=(0, (1, 2)), linewidth=1.2, zorder=1)
    names = [f"{name} {value:.4g}".replace("-", "−") for name, value in baselines.items()]
    end_labels(ax, list(baselines.values()), names, [GREY] * len(names))


def kl_curve(run_or_metrics: Run, ax: Axes | None = None) -> Axes:
    """Plot the Kullback–Leibler divergence from data to model against the step, on a logarithmic axis.

    Parameters
    ----------
    run_or_metrics : path, or mapping of str to (n_steps,) array
        ``step`` and ``kl`` (nats). Values of zero and below (rounding) have no logarithm; the title counts
        them.
    ax : Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        x in parameter updates, y in nats.

    Raises
    ------
    EbmError
        If there is no positive ``kl``.

    Examples
    --------
    >>> ax = kl_curve({"step": [0, 10, 20], "kl": [0.7, 0.1, 0.0]})
    >>> ax.get_yscale(), ax.get_title()
    ('log', '1 value ≤ 0 not shown')
    """
    metrics, where = to_metrics(run_or_metrics, "kl_curve")
    kl = np.asarray(metrics.get("kl", np.full(metrics["step"].shape, np.nan)), np.float64)
    positive = np.isfinite(kl) & (kl > 0)
    if not positive.any():
        raise EbmError(f"kl_curve: {where}: no positive kl")
    ax = new_axes(ax)
    curve(ax, metrics["step"], np.where(positive, kl, np.nan), TRAIN, "KL")
    ax.set_yscale("log")
    ax.set_xlabel(STEPS)
    ax.set_ylabel("KL(data ‖ model) (nats)")
    if hidden := int((kl <= 0).sum()):
        ax.set_title(f"{hidden} value{'s' * (hidden > 1)} ≤ 0 not shown", fontsize="medium")
    return ax


def learning_curves(run_or_metrics: Run, *, numbers: bool = False, axes: Any = None) -> Any:
    """Plot the loss and the error of predictions on training and held-out rows, against epochs.

    A held-out loss that rises while the training loss falls is overfitting; that its error may go on falling
    says that the classifier grows too sure of itself.

    Parameters
    ----------
    run_or_metrics : path, or mapping of str to (n_steps,) array
        ``step``, ``epoch`` and any of ``loss_…`` (nats per row) and ``error_…``, of ``train`` and of
        ``heldout`` or ``validation``, such as `History` has them.
    numbers : bool
        Errors are mean squared ones of numbers, not shares of wrong rows.
    axes : pair of Axes, optional
        Where to draw; None makes a figure.

    Returns
    -------
    (2,) ndarray of Axes
        Loss and error.

    Raises
    ------
    EbmError
        If there is neither a loss nor an error.

    Examples
    --------
    >>> left, right = learning_curves({"step": [1, 2], "epoch": [1, 2], "error_train": [0.2, 0.1]})
    >>> right.get_ylabel(), right.lines[-1].get_ydata().tolist()
    ('wrong (% of rows)', [20.0, 10.0])
    """
    metrics, where = to_metrics(run_or_metrics, "learning_curves")
    if not present(metrics, *(f"{what}_{rows}" for what in ("loss", "error") for rows in SUPERVISED)):
        raise EbmError(f"learning_curves: {where}: no loss_… or error_… of train, heldout or validation")
    if axes is None:
        axes = Figure(figsize=(10.4, 4.2), layout="constrained").subplots(1, 2)
    x = metrics["epoch"] if present(metrics, "epoch") else metrics["step"]
    for ax, what in zip(axes, ("loss", "error"), strict=True):
        keys = present(metrics, *(f"{what}_{rows}" for rows in SUPERVISED))
        for rank, key in enumerate(keys):
            name, look = SUPERVISED[key.removeprefix(f"{what}_")]
            y = metrics[key] * (100 if what == "error" and not numbers else 1)
            last = y[np.isfinite(y)][-1]
            curve(ax, x, y, look, f"{name} (last {last:.3g})", rank)
        ax.set_xlabel("epoch" if present(metrics, "epoch") else STEPS)
        if keys:
            ax.set_ylim(bottom=0 if what == "error" else None)
            legend_above(ax, 2)
    axes[0].set_ylabel("loss, −log p(y | x) (nats per row)")
    axes[1].set_ylabel("mean squared error" if numbers else "wrong (% of rows)")
    return axes
