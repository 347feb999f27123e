"""Gauges: changes of the parameters that change no probability, or units of measurement only.

The states of a Potts unit are one too many: a number added to the weights of all its states is an input that
the unit does not feel, and what it does to other units is a bias of theirs. In the zero-sum gauge all such
numbers are taken out, so that couplings of two machines, or their norms, can be compared.

Real units have a unit of measurement and a zero: a machine that was learnt on standardised data is a machine
of the data as they were, with other parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_numbers
from ebm.arrays import parameter
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, short
from ebm.machine import Array, HasHidden
from ebm.rbm import RBM
from ebm.units import Gaussian, Units

__all__ = ["rescaled", "zero_sum"]


def rescaled(machine: RBM, shift: ArrayLike, scale: ArrayLike) -> RBM:
    """The machine of shift + scale·v, with v of this machine: exactly, docs/math.md (4.10).

    Learnt on (data − shift)/scale it becomes the machine of the data; log-likelihoods fall by Σ log scale,
    the Jacobian. Back again: ``rescaled(machine, -shift / scale, 1 / scale)``.

    Parameters
    ----------
    machine : RBM
        With Gaussian visible units; it is not changed.
    shift : array_like, (n_visible,) or a number
        In the new units of measurement, such as the means of the data.
    scale : array_like, (n_visible,) or a number
        Positive, such as the standard deviations of the data.

    Returns
    -------
    RBM
        Its visible units are ``Gaussian(learn_precision=True)``.

    Raises
    ------
    NotSupported
        Other visible units, whose states cannot be moved; other machines.
    EbmError
        Scales that are not positive; shapes that do not fit.

    References
    ----------
    Hinton, "A practical guide to training restricted Boltzmann machines" (2012), section 13.2, for learning
    on standardised data.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> data = np.random.default_rng(0).normal(size=(100, 3)) * [0.1, 1.0, 10.0] + 5.0
    >>> shift, scale = data.mean(0), data.std(0)
    >>> v = (data - shift) / scale
    >>> learnt = ebm.RBM.from_data(v, 2, visible=ebm.Gaussian(learn_precision=True), dtype=float)
    >>> machine = ebm.rescaled(learnt, shift, scale)
    >>> jacobian = ebm.log_likelihood(learnt, v) - ebm.log_likelihood(machine, data)
    >>> bool(np.allclose(jacobian, np.log(scale).sum()))
    True
    """
    if not isinstance(machine, RBM) or machine.visible.normal is None:
        raise NotSupported(f"rescaled: expected an RBM with Gaussian visible units, got {short(machine)}")
    shape = (machine.n_visible,)
    m, s = (
        parameter(a if a.ndim else np.full(shape, a), shape, np.float64, name)
        for a, name in ((as_numbers(shift, "shift"), "shift"), (as_numbers(scale, "scale"), "scale"))
    )
    if s.min() <= 0:
        raise EbmError(f"scale: expected positive numbers, got {s.min():g} for unit {s.argmin()}")
    W, b, c = (machine.params[key].astype(np.float64) for key in "Wbc")
    W, precision = W / s[:, None], np.asarray(machine.visible.normal, np.float64) / s**2
    new = (a.astype(machine.dtype) for a in (W, b / s + precision * m, c - m @ W, precision))
    *layers, precision = new
    theta = {"v.precision": precision, **{k: a for k, a in machine.params.items() if k.startswith("h.")}}
    return RBM(Gaussian(learn_precision=True), machine.hidden, *layers, theta=theta)


def zero_sum(machine: RBM | HasHidden | BoltzmannMachine) -> None:
    """Bring Potts units into the zero-sum gauge, in place: weights and biases sum to 0 over a unit's states.

    The distribution stays; energies change by a constant, log Z with them. Machines without Potts units are
    left as they are.

    Parameters
    ----------
    machine : RBM, DBM or BoltzmannMachine

    Raises
    ------
    NotSupported
        Another machine, or Potts units with sparse couplings whose pattern has part of a block only.

    References
    ----------
    Ekeberg, Lövkvist, Lan, Weigt & Aurell, "Improved contact prediction in proteins" (2013), section II.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Potts(3), ebm.Bernoulli(), 2, 2, scale=1.0, dtype="float64")
    >>> ebm.zero_sum(machine)
    >>> np.abs(machine.W.reshape(2, 3, 2).sum(1)).max() < 1e-12
    np.True_
    """
    if isinstance(machine, BoltzmannMachine):
        _of_one_layer(machine)
    elif isinstance(machine, HasHidden) and machine.couplings == ("W",):
        _of_layers(machine)
    else:
        kind = type(machine).__name__
        raise NotSupported(f"zero_sum: expected an RBM, a DBM or a BoltzmannMachine, got {kind}")
    machine.project()


def _means(rows: Array, width: int) -> Array:
    """The mean over the states of each unit, for every column: (n·width, m) -> (n, m)."""
    return rows.reshape(-1, width, *rows.shape[1:]).mean(1)


def _without(rows: Array, width: int) -> Array:
    """Rows less that mean."""
    return rows - np.repeat(_means(rows, width), width, axis=0)


def _of_layers(machine: HasHidden) -> None:
    p = machine.params
    W, b, c = (p[k].astype(np.float64) for k in "Wbc")
    _of_one_side(machine.units, machine.n_units, W, b, c)
    _of_one_side(machine.hidden, machine.n_hidden, W.T, c, b)
    for key, value in zip("Wbc", (W, b, c), strict=True):
        p[key][:] = value


def _of_one_side(units: Units, n: int, W: Array, b: Array, c: Array) -> None:
    """Take the means over its states out of the couplings W and biases b of a layer, in place."""
    for own, _, columns in units.parts(n):
        if own.one_hot:
            c += _means(W[columns], own.width).sum(0)
            W[columns] = _without(W[columns], own.width)
            b[columns] = _without(b[columns], own.width)


def _of_one_layer(machine: BoltzmannMachine) -> None:
    parts = [part for part in machine.units.parts(machine.n_units) if part[0].one_hot]
    if not parts:
        return

    def without(rows: Array) -> Array:
        rows = rows.copy()
        for own, _, columns in parts:
            rows[columns] = _without(rows[columns], own.width)
        return rows

    J = (machine.J.toarray() if machine.sparse else machine.J).astype(np.float64)
    share = np.zeros(len(J))
    for own, _, columns in parts:
        share[columns] = 1 / own.width
    b = without(machine.b + J @ share)  # the mean over the states of each other unit becomes a bias
    J = without(without(J).T).T
    if machine.sparse:
        pattern = machine.J
        kept = np.zeros(J.shape, bool)
        kept[np.repeat(np.arange(len(J)), np.diff(pattern.indptr)), pattern.indices] = True
        if np.abs(np.where(kept, 0, J)).max() > 0:
            raise NotSupported(
                "zero_sum: the sparse pattern has parts of blocks; expected whole q × q blocks"
            )
        machine.params["J"][:] = J[kept]
    else:
        machine.params["J"][:] = J
    machine.params["b"][:] = b
