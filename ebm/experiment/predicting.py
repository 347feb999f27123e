"""The stages of a run that predict labels: readouts, and p(y | x) of a machine that has learnt p(x, y)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.checkpoint import save
from ebm.conditional import conditional_moments, conditional_probabilities
from ebm.experiment.report import seldom
from ebm.machine import Array
from ebm.network import Network, fine_tune, readout
from ebm.units import Gaussian, Mixed, Potts

if TYPE_CHECKING:
    from ebm.experiment.stages import Work

__all__ = ["predictions", "readouts", "rows_for"]

_MOST = 2000  # rows whose pictures are kept
_LINES = 20  # of progress


def rows_for(machine: Any, data: Any) -> Any:
    """The data, with the label as a last column if that is the machine's last visible unit."""
    if data is None or not isinstance(getattr(machine, "units", None), Mixed):
        return data
    return data.labelled() if machine.n_visible == data.train.shape[1] + 1 else data


def predictions(work: Work) -> None:
    """p(y | x) of a machine whose last visible unit is the label."""
    machine, data = work.machine, work.data
    x, y = data.test[:, :-1], data.test_labels
    if data.classes is None:
        mean, variance = conditional_moments(machine, x)
        _numbers(work, "mean of p(y | x)", y, mean, np.sqrt(variance))
        return
    p = conditional_probabilities(machine, x)
    _classes(work, "the likeliest y of p(y | x)", y, p)
    if machine.units.one(0).width == 1:
        label = machine.units.own(machine.n_visible - 1)
        work.arrays |= {"weights": machine.W[: x.shape[1]], "label_weights": machine.W[label]}


def readouts(work: Work) -> None:
    """Readouts of the labels on the data, on hidden means, and with all layers fine-tuned."""
    config, data = work.config.readout, work.data
    assert config is not None
    common: dict[str, Any] = {"batch_size": config.batch_size, "seed": config.seed}
    units = Gaussian() if data.classes is None else Potts(data.classes)
    first = common | {
        "units": units, "epochs": config.epochs, "optimiser": config.optimiser,
        "penalties": config.penalties,
    }  # fmt: skip
    x, y = data.train, data.train_labels
    what = "least squares" if data.classes is None else "softmax"

    def note(name: str, network: Network) -> None:
        if data.classes is None:
            std = np.sqrt(network.with_precision(x, y).predict_variance(data.test))[:, 0]
            _numbers(work, name, data.test_labels, network.predict_mean(data.test)[:, 0], std)
        else:
            _classes(work, name, data.test_labels, network.predict_mean(data.test))

    network = readout(None, x, y, **first)
    note(f"{what} on the data", network)
    below = _hidden_layers(work.machine)
    if below is not None:
        network = readout(below, x, y, **first)
        note(f"{what} on hidden means", network)
        with work.report.progress("fine-tuning") as update:
            history = fine_tune(
                network, x, y, **common, epochs=config.fine_tune_epochs,
                progress=seldom(update, max(1, config.fine_tune_epochs // _LINES)),
                optimiser=config.fine_tune_optimiser, penalties=config.fine_tune_penalties,
                dropout=config.dropout,
                validation=None if work.heldout is None else (work.heldout, data.test_labels),
            )  # fmt: skip
        note("all layers fine-tuned", network)
        if len(history):
            names = sorted({key for row in history.rows for key in row} - {"rate"})
            work.arrays |= {f"tuning_{name}": history[name] for name in names}
    if data.classes is None:
        network = network.with_precision(x, y)
    save(work.run.path / "readout.npz", network)


def _hidden_layers(machine: Any) -> Any:
    """What a readout can stand on: an RBM, or the hidden layers of a stack; None where there is nothing."""
    if hasattr(machine, "recognition"):
        return Network(machine.recognition(), machine.layer_units[0])
    return machine if hasattr(machine, "mean_h") else None


def _classes(work: Work, name: str, y: Array, p: Array) -> None:
    """Note the error of class probabilities, and keep what the figures show."""
    wrong = p.argmax(1) != y
    error = float(wrong.mean())
    stderr = math.sqrt(error * (1 - error) / len(y))
    rows = "training" if work.heldout is None else "held-out"
    work.report.row(f"{rows} error, {name}", f"{100 * error:.2f} ± {100 * stderr:.2f}", "% of rows")
    work.summary.setdefault("heldout_error", {})[name] = error
    work.arrays |= {"labels_true": np.asarray(y), "labels_predicted": p.argmax(1), "probabilities": p}
    if work.data.image_shape is not None:
        pixels = int(np.prod(work.data.image_shape))
        chosen = np.flatnonzero(wrong)[:_MOST]
        work.arrays |= {"mistakes": chosen, "mistaken": work.data.test[chosen, :pixels]}
        work.arrays["image_shape"] = np.asarray(work.data.image_shape)


def _numbers(work: Work, name: str, y: Array, mean: Array, std: Array) -> None:
    """Note the error of predicted numbers, and keep what the figure shows."""
    error = float(np.sqrt(np.square(y - mean).mean()))
    rows = "training" if work.heldout is None else "held-out"
    work.report.row(f"{rows} error, {name}", f"{error:.4f}", "root mean square, units of y")
    work.summary.setdefault("heldout_error", {})[name] = error
    work.arrays |= {"numbers_true": np.asarray(y), "numbers_predicted": mean, "numbers_std": std}
