"""The stages of a run that predict labels: readouts, and p(y | x) of a machine that has learnt p(x, y)."""

from __future__ import annotations

import math

import numpy as np

from ebm.checkpoint import save
from ebm.conditional import conditional_moments, conditional_probabilities
from ebm.deep import DBM, DBN
from ebm.experiment.calls import Call
from ebm.experiment.report import seldom
from ebm.experiment.work import Model, Work
from ebm.machine import Array
from ebm.network import Network
from ebm.rbm import RBM
from ebm.units import Gaussian, Potts

__all__ = ["predictions", "read_out", "tune"]

_MOST = 2000  # rows whose pictures are kept
_LINES = 20  # of progress


def predictions(work: Work) -> None:
    """p(y | x) of a machine whose last visible unit is the label."""
    machine, data = work.energies, work.rows
    x, y = data.test[:, :-1], data.test_labels
    assert y is not None
    if data.classes is None:
        mean, variance = conditional_moments(machine, x)
        _numbers(work, "mean of p(y | x)", y, mean, np.sqrt(variance))
        return
    _classes(work, "the likeliest y of p(y | x)", y, conditional_probabilities(machine, x))
    if isinstance(machine, RBM) and machine.units.one(0).width == 1:
        label = machine.units.own(machine.n_visible - 1)
        work.arrays |= {"weights": machine.W[: x.shape[1]], "label_weights": machine.W[label]}


def read_out(work: Work, readout: Call) -> None:
    """Readouts of the labels, on the data and on hidden means.

    Classes are read by a softmax, numbers by least squares.
    """
    data = work.rows
    units = Gaussian() if data.classes is None else Potts(data.classes)
    what = "least squares" if data.classes is None else "softmax"
    _note(work, f"{what} on the data", readout(None, data.train, data.train_labels, units=units))
    below = _hidden_layers(work.machine)
    if below is not None:
        work.readout = readout(below, data.train, data.train_labels, units=units)
        _note(work, f"{what} on hidden means", work.readout)


def tune(work: Work, fine_tune: Call) -> None:
    """All layers of the readout on hidden means, fine-tuned."""
    data, network = work.rows, work.readout
    assert network is not None
    with work.report.progress("fine-tuning") as update:
        history = fine_tune(
            network, data.train, data.train_labels,
            validation=None if work.heldout is None else (work.heldout, data.test_labels),
            progress=seldom(update, max(1, fine_tune.arguments["epochs"] // _LINES)),
        )  # fmt: skip
    _note(work, "all layers fine-tuned", network)
    if len(history):
        names = sorted({key for row in history.rows for key in row} - {"rate"})
        work.arrays |= {f"tuning_{name}": history[name] for name in names}


def _hidden_layers(machine: Model) -> RBM | Network | None:
    """What a readout can stand on: an RBM, or the hidden layers of a stack; None where there is nothing."""
    if isinstance(machine, (DBM, DBN)):
        return Network(machine.recognition(), machine.layer_units[0])
    return machine if isinstance(machine, RBM) else None


def _note(work: Work, name: str, network: Network) -> None:
    """Note the error of a network, and keep the network: the last one stays."""
    data, y = work.rows, work.rows.test_labels
    assert y is not None
    assert data.train_labels is not None
    mean = network.predict_mean(data.test)
    if data.classes is None:
        network = network.with_precision(data.train, data.train_labels)
        _numbers(work, name, y, mean[:, 0], np.sqrt(network.predict_variance(data.test))[:, 0])
    else:
        _classes(work, name, y, mean)
    save(work.run.path / "readout.npz", network)


def _classes(work: Work, name: str, y: Array, p: Array) -> None:
    """Note the error of class probabilities, and keep what the figures show."""
    wrong = p.argmax(1) != y
    error = float(wrong.mean())
    stderr = math.sqrt(error * (1 - error) / len(y))
    rows = "training" if work.heldout is None else "held-out"
    work.report.row(f"{rows} error, {name}", 100 * error, "% of rows", 100 * stderr, digits=2)
    work.summary.setdefault("heldout_error", {})[name] = error
    work.arrays |= {"labels_true": np.asarray(y), "labels_predicted": p.argmax(1), "probabilities": p}
    data = work.rows
    if data.image_shape is not None:
        pixels = int(np.prod(data.image_shape))
        chosen = np.flatnonzero(wrong)[:_MOST]
        work.arrays |= {"mistakes": chosen, "mistaken": data.test[chosen, :pixels]}
        work.arrays["image_shape"] = np.asarray(data.image_shape)


def _numbers(work: Work, name: str, y: Array, mean: Array, std: Array) -> None:
    """Note the error of predicted numbers, and keep what the figure shows."""
    error = float(np.sqrt(np.square(y - mean).mean()))
    rows = "training" if work.heldout is None else "held-out"
    work.report.row(f"{rows} error, {name}", error, "root mean square, units of y", digits=4)
    work.summary.setdefault("heldout_error", {})[name] = error
    work.arrays |= {"numbers_true": np.asarray(y), "numbers_predicted": mean, "numbers_std": std}
