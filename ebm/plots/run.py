"""All figures of a run directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ebm.errors import EbmError
from ebm.files import write_atomic
from ebm.plots import chains, classes, curves, images, networks, numbers
from ebm.plots.reading import read_arrays, read_baselines, read_metrics

__all__ = ["plot_run", "save_figure"]

Arrays = Mapping[str, NDArray[Any]]


def plot_run(run: str | os.PathLike[str], baselines: Mapping[str, float] | None = None) -> list[Path]:
    """Draw every figure that the files of a run directory allow, into ``figures/`` below it.

    Each PNG is written beside its place and moved there, so a reader never sees half a figure.

    Parameters
    ----------
    run : path
        A run directory: ``metrics.jsonl``, ``samples.npz`` and ``summary.json``, at least one of the
        first two.
    baselines : mapping of str to float, optional
        Log-likelihoods of other models, nats per sample; those of ``summary.json`` when left out.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    EbmError
        If the directory is no run, or a file in it cannot be read or does not fit together.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run:
    ...     _ = Path(run, "metrics.jsonl").write_text('{"step": 0, "epoch": 0.0, "kl": 0.3}')
    ...     [path.name for path in plot_run(run)]
    ['kl.png']
    """
    folder = Path(run)
    has_metrics = (folder / "metrics.jsonl").is_file()
    if not has_metrics and not (folder / "samples.npz").is_file():
        raise EbmError(f"{folder}: not a run directory (neither metrics.jsonl nor samples.npz)")
    makers: list[tuple[str, Callable[[], Any]]] = []
    if has_metrics:
        known = read_baselines(folder) if baselines is None else baselines
        makers += _of_metrics(read_metrics(folder), known)
    makers += _of_arrays(read_arrays(folder))
    (folder / "figures").mkdir(exist_ok=True)
    written = []
    for name, make in makers:
        try:
            axes = make()
        except EbmError as error:
            raise EbmError(f"{folder}: {error}") from None
        written.append(save_figure(np.ravel(axes)[0].figure, folder / "figures" / f"{name}.png"))
    return written


def _of_metrics(metrics: Arrays, baselines: Mapping[str, float]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield names and makers of the curves that `metrics` allow."""
    if curves.present(metrics, *curves.FREE_ENERGIES):
        yield "energy_curves", lambda: curves.energy_curves(metrics)
    if curves.gap_of(metrics) is not None:
        yield "free_energy_gap", lambda: curves.free_energy_gap(metrics)
    if curves.present(metrics, *curves.LIKELIHOODS):
        yield "likelihood", lambda: curves.likelihood_curves(metrics, baselines=baselines)
    if curves.present(metrics, "error_train", "error_heldout"):
        yield "learning_curves", lambda: curves.learning_curves(metrics)
    if curves.present(metrics, "kl") and np.nanmax(metrics["kl"]) > 0:
        yield "kl", lambda: curves.kl_curve(metrics)


def _of_arrays(arrays: Arrays) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield names and makers of the figures that the arrays of ``samples.npz`` allow."""

    def have(*keys: str) -> bool:
        return all(key in arrays and arrays[key].size > 0 for key in keys)

    a = arrays
    if have("free_energy_train", "free_energy_samples"):
        heldout = a["free_energy_heldout"] if have("free_energy_heldout") else None
        yield (
            "energy_histogram",
            lambda: chains.energy_histogram(a["free_energy_train"], a["free_energy_samples"], heldout),
        )
    if have("trace_energy", "trace_beta"):
        trace = a["trace_energy"], a["trace_beta"], a.get("trace_sweep"), a.get("trace_energy_std")
        yield "energy_traces", lambda: chains.energy_traces(*trace)
    if have("anneal_beta", "anneal_energy"):
        ground = float(a["ground_state_reference"].ravel()[0]) if have("ground_state_reference") else None
        yield (
            "annealing",
            lambda: chains.annealing(a["anneal_beta"], a["anneal_energy"], a.get("anneal_best"), ground),
        )
    if have("edges_ij", "edges_J"):
        names = [f"{i} – {j}" for i, j in a["edges_ij"]]
        yield "edges", lambda: numbers.edges(names, a["edges_J"], a.get("edges_stderr"))
    if have("network"):
        yield "network", lambda: networks.network(a["network"], layout="spring")
    pairs = ("data_mean", "model_mean", "data_pairs", "model_pairs")
    if have(*pairs):
        yield "moments", lambda: chains.moments(*(a[key] for key in pairs))
    shape = tuple(int(side) for side in a["image_shape"].ravel()) if have("image_shape") else ()
    if have("weights"):
        # rows that are no pixels (a Potts machine's states, a hidden layer) are shown as W itself
        fits = len(shape) == 2 and a["weights"].shape[0] == shape[0] * shape[1]
        yield "weights", lambda: images.weights(a["weights"], shape if fits else None, 64 if fits else None)
    if have("x") and len(shape) == 2 and a["x"].shape[1:] == (shape[0] * shape[1],):
        yield "samples", lambda: images.samples(a["x"], shape)
    yield from _of_predictions(a, have, shape)


def _of_predictions(
    a: Arrays, have: Callable[..., bool], shape: tuple[int, ...]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield names and makers of the figures of predicted labels."""
    if have("labels_true", "labels_predicted"):
        yield "confusion", lambda: images.confusion(a["labels_true"], a["labels_predicted"])
    if have("labels_true", "probabilities"):
        yield "reliability", lambda: classes.reliability(a["probabilities"], a["labels_true"])
    if have("labels_true", "labels_predicted", "probabilities", "mistakes", "mistaken") and len(shape) == 2:
        yield "misclassified", lambda: _mistakes(a, shape)
    if have("weights", "label_weights") and len(shape) == 2:
        yield (
            "features_by_class",
            lambda: classes.features_by_class(a["weights"], a["label_weights"], shape),
        )
    if have("numbers_true", "numbers_predicted"):
        given = a["numbers_true"], a["numbers_predicted"], a.get("numbers_std")
        yield "predictions", lambda: numbers.predictions(*given)
    if have("tuning_step", "tuning_loss_train"):
        tuning = {key.removeprefix("tuning_"): value for key, value in a.items() if key.startswith("tuning_")}
        yield "fine_tuning", lambda: curves.learning_curves(tuning, numbers=have("numbers_true"))


def _mistakes(a: Arrays, shape: tuple[int, ...]) -> Any:
    """The images that were predicted wrongly, the surest first."""
    true, predicted = (a[key][a["mistakes"]] for key in ("labels_true", "labels_predicted"))
    sure = a["probabilities"][a["mistakes"]].max(1)
    return classes.misclassified(a["mistaken"], true, predicted, shape, sure)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write `figure` to `path`, as its suffix says: a file beside it, then one atomic move."""
    path = Path(path)
    write_atomic(path, lambda file: figure.savefig(file, format=path.suffix[1:], dpi=120))
    return path
