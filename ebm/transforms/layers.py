"""Layers: hidden units integrated into couplings, couplings taken apart into hidden units, layers
exchanged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import NotSupported
from ebm.files import refuse_beyond_memory
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.transforms.result import Transformed, as_fully, as_rbm, layer, matrix64, numbers64
from ebm.units import Gaussian, Units

__all__ = ["to_fully_connected", "to_rbm", "turned"]

_ROUNDING = 1e-14  # of the largest eigenvalue of the couplings


def to_fully_connected(machine: RBM) -> Transformed:
    """An RBM as a fully connected machine: Gaussian hidden units are integrated out, others stay hidden.

    Integrated out, a Gaussian unit is a pattern of a Hopfield network, J = W·Wᵀ: docs/math.md (18.4).

    Parameters
    ----------
    machine : RBM
        With visible units of finitely many states, of two or one-hot where there are Gaussian hidden ones.
        Gaussian visible units can be integrated out of the machine that is `turned`.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        Visible units of another kind; real hidden units that are not Gaussian.

    References
    ----------
    Barra, Bernacchia, Santucci & Contucci, "On the equivalence of Hopfield networks and Boltzmann machines"
    (2012).

    Examples
    --------
    >>> import ebm
    >>> patterns = ebm.RBM(ebm.Ising(), ebm.Gaussian(), [[1.0], [2.0]], [0.0, 0.0], [0.0])
    >>> hopfield, shift = ebm.transforms.to_fully_connected(patterns)
    >>> hopfield.J, round(shift - 0.5 * (1 + 4), 4)  # less the diagonal, log √2π
    (array([[0., 2.],
           [2., 0.]]), 0.9189)
    """
    machine = as_rbm(machine)
    if not machine.visible.finite or machine.visible.learns:
        raise NotSupported(
            f"to_fully_connected: {machine.visible}: expected visible units of finitely many states"
            " (Gaussian ones: transforms.turned first)"
        )
    W, b, c, _ = numbers64(machine)
    refuse_beyond_memory(32.0 * (len(b) + len(c)) ** 2, f"to_fully_connected: {machine!r}", "fewer units")
    kept, blocks, shift = np.zeros(len(c), bool), [], 0.0
    J, field = np.zeros((len(b), len(b))), b.copy()
    for own, places, columns in machine.hidden.parts(machine.n_hidden):
        if own.normal is not None:
            J += W[:, columns] / own.normal @ W[:, columns].T
            field += W[:, columns] @ (c[columns] / own.normal)
            shift += float(own.cgf(c[columns]).sum())
        elif own.finite and not own.learns:
            kept[columns] = True
            blocks.append((own, places.stop - places.start))
        else:
            raise NotSupported(f"to_fully_connected: hidden {own}: expected Gaussian or finitely many states")
    if not kept.all():
        onto, more = _squares(machine.visible, machine.n_visible, np.diagonal(J))
        field, shift = field + onto, shift + more
    J[_own(machine.visible, machine.n_visible)] = 0
    seen = [(own, places.stop - places.start) for own, places, _ in machine.visible.parts(machine.n_visible)]
    both = np.block([[J, W[:, kept]], [W[:, kept].T, np.zeros((kept.sum(), kept.sum()))]])
    biases = np.concatenate([field, c[kept]])
    units = layer([*seen, *blocks])
    return Transformed(BoltzmannMachine(units, both, biases, n_visible=machine.n_visible), shift)


def to_rbm(machine: BoltzmannMachine) -> Transformed:
    """A fully connected machine as an RBM: couplings among visible units become Gaussian hidden units.

    J + μ, with μ on the diagonal such that no eigenvalue is negative, is W·Wᵀ: docs/math.md (18.5); a
    Gaussian unit for each eigenvalue above 0, the largest first. Hidden units stay hidden.

    Parameters
    ----------
    machine : BoltzmannMachine
        With visible units of two states or one-hot, and hidden units that are not coupled to each other.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        Other visible units; hidden units that are coupled to each other.

    References
    ----------
    Hubbard, "Calculation of partition functions" (1959); Stratonovich (1957).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> hopfield = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 2.0], [2.0, 0.0]])
    >>> rbm, shift = ebm.transforms.to_rbm(hopfield)
    >>> rbm.W.T @ rbm.W
    array([[4.]])
    """
    machine = as_fully(machine)
    J, b = matrix64(machine)
    refuse_beyond_memory(32.0 * len(b) ** 2, f"to_rbm: eigenvectors of {machine!r}", "fewer units")
    J = J.toarray() if machine.sparse else J
    n = machine.n_visible
    seen = np.arange(machine.n_units) < n
    visible, hidden = machine.units.taken(seen), machine.hidden
    cut = visible.columns(n)
    if np.abs(J[cut:, cut:]).max(initial=0) > 0:
        raise NotSupported("to_rbm: hidden units are coupled to each other; expected none that are")
    W, c = J[:cut, cut:], b[cut:]
    blocks = [(own, p.stop - p.start) for own, p, _ in hidden.parts(machine.n_hidden)] if len(c) else []
    b, shift = b[:cut], 0.0
    if not len(c) or np.abs(J[:cut, :cut]).max(initial=0) > 0:
        factor, mu = _factor(J[:cut, :cut])
        onto, more = _squares(visible, n, np.full(cut, mu))
        b, shift = b - onto, -more - 0.5 * factor.shape[1] * math.log(2 * math.pi)
        W, c = np.hstack([W, factor]), np.concatenate([c, np.zeros(factor.shape[1])])
        blocks.append((Gaussian(), factor.shape[1]))
    return Transformed(RBM(visible, layer(blocks), W, b, c), shift)


def turned(machine: RBM) -> Transformed:
    """An RBM with its layers exchanged: its states are those of the hidden units, visible ones are summed.

    Learnt precisions of Gaussian visible units go into W and b, since a hidden unit has none: x = y/√λ.

    Parameters
    ----------
    machine : RBM

    Returns
    -------
    Transformed

    Examples
    --------
    >>> import ebm
    >>> rbm = ebm.RBM.random(ebm.Bernoulli(), ebm.Ising(), 3, 2)
    >>> ebm.transforms.turned(rbm)
    Transformed(machine=RBM(Ising(), Bernoulli(), 2 × 3, float64), shift=0.0)
    """
    machine = as_rbm(machine)
    W, b, c, theta = numbers64(machine)
    blocks, scale, shift = [], np.ones(len(b)), 0.0
    for own, places, columns in machine.visible.parts(machine.n_visible):
        if own.normal is not None and own.learns:
            scale[columns] = own.scale
            shift += float(np.log(own.scale).sum())
        blocks.append((own if own.normal is None else Gaussian(), places.stop - places.start))
    other = {"v": "h", "h": "v"}
    theta = {other[key[0]] + key[1:]: value for key, value in theta.items() if key != "v.precision"}
    made = RBM(machine.hidden, layer(blocks), (W * scale[:, None]).T, c, b * scale, theta=theta)
    return Transformed(made, shift)


def _own(units: Units, n: int) -> Array:
    """Pairs of columns of one unit, (columns, columns) bool."""
    owners = units.owners(n)
    return owners[:, None] == owners


def _squares(units: Units, n: int, diagonal: Array) -> tuple[Array, float]:
    """Biases and a constant that make ½ Σ d φ² of each unit: where φ² is linear in φ, docs/math.md (18.4)."""
    biases, constant = np.zeros(units.columns(n)), 0.0
    for own, _, columns in units.parts(n):
        states: Any = own.states
        if own.one_hot:
            biases[columns] = 0.5 * diagonal[columns]
        elif own.width == 1 and len(states) == 2:
            biases[columns] = 0.5 * (states[0] + states[1]) * diagonal[columns]
            constant -= 0.5 * states[0] * states[1] * float(diagonal[columns].sum())
        else:
            raise NotSupported(f"{own}: expected units of two states or one-hot: transforms.to_potts first")
    return biases, constant


def _factor(J: Array) -> tuple[Array, float]:
    """F with F·Fᵀ = J + μ, and μ; one column of zeros where there is nothing."""
    values, vectors = np.linalg.eigh(J)
    mu = -float(values[0])
    values = values + mu
    large = values > _ROUNDING * max(values[-1], 1e-300)
    if not large.any():
        return np.zeros((len(J), 1)), mu
    return (vectors[:, large] * np.sqrt(values[large]))[:, ::-1], mu
