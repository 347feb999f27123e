"""Layers of other programs, with slopes and curvatures for each unit, as layers of an RBM.

Their energies are γx²/2 − θx, or two such halves. Here a normal hidden unit has variance 1, and a rectified
one the curvature 1: x is scaled by √γ, and its weights and its θ by 1/√γ, which changes no energy. A visible
unit's states are the data, which are not scaled: normal ones learn their precision, rectified ones are
`DReLU`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ebm.errors import NotSupported
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.units import Bernoulli, DReLU, Gaussian, Ising, Potts, ReLU, Units

__all__ = ["Offsets", "Side", "assembled", "halves", "normal", "of_machine", "rectified", "states"]


@dataclass(frozen=True, eq=False)
class Side:
    """A layer of n units.

    Attributes
    ----------
    units : Units
    fields : (n, width)
        Their θ: b of the visible layer, c of the hidden one, before scaling.
    learnt : dict of (n,)
        What the units learn.
    scale : (n,) or 1
        x here is `scale` times x there.
    """

    units: Units
    fields: Array
    learnt: dict[str, Array] = field(default_factory=dict)
    scale: Array = field(default_factory=lambda: np.ones(1))


@dataclass(frozen=True, eq=False)
class Offsets:
    """What a machine subtracts from the φ of a layer, and divides it by: (n·width,) each."""

    visible: Array
    hidden: Array
    visible_scale: Array | float = 1.0
    hidden_scale: Array | float = 1.0


def states(units: Units, fields: Array) -> Side:
    """Bits, spins, or Potts units: E = −fields·φ(x)."""
    return Side(units, fields.reshape(len(fields), -1))


def normal(theta: Array, gamma: Array, visible: bool) -> Side:
    """γx²/2 − θx."""
    if visible and np.any(gamma != 1):
        return Side(Gaussian(learn_precision=True), theta[:, None], {"precision": gamma})
    return Side(Gaussian(), theta[:, None], scale=np.ones(1) if visible else np.sqrt(gamma))


def rectified(theta: Array, gamma: Array, visible: bool) -> Side:
    """γx²/2 − θx, x ≥ 0."""
    if visible and np.any(gamma != 1):
        raise NotSupported("rectified visible units of another curvature than 1; expected γ = 1")
    return Side(ReLU(), theta[:, None], scale=np.sqrt(gamma))


def halves(above: Array, below: Array, gamma_above: Array, gamma_below: Array) -> Side:
    """γx²/2 − θx, with numbers of its own for x above 0 and for x below it."""
    learnt = {
        "theta_plus": above,
        "theta_minus": below,
        "gamma_plus": gamma_above,
        "gamma_minus": gamma_below,
    }
    return Side(DReLU(learn=True), np.zeros_like(above)[:, None], learnt)


def assembled(visible: Side, hidden: Side, W: Array, offsets: Offsets | None = None) -> tuple[RBM, float]:
    """The machine of two layers, and the constant that its energy lacks.

    Parameters
    ----------
    W : (n_visible·width, n_hidden·width)
    offsets : Offsets, optional
        Of a centred or standardised machine: E has −((v − o_v)/s_v)·W·((h − o_h)/s_h) in place of −v·W·h.
        Folded in, W is divided by the scales, b loses W·o_h, c loses o_v·W, and E is less by o_v·W·o_h.
    """
    dtype = np.float32 if W.dtype == np.float32 else np.float64
    W = W.astype(np.float64)
    b, c = (side.fields.astype(np.float64).ravel() for side in (visible, hidden))
    constant = 0.0
    if offsets is not None:
        W = W / np.reshape(offsets.visible_scale, (-1, 1)) / np.reshape(offsets.hidden_scale, (1, -1))
        b, c = b - W @ offsets.hidden, c - offsets.visible @ W
        constant = -float(offsets.visible @ W @ offsets.hidden)
    for side, axis in ((visible, 0), (hidden, 1)):
        scale = np.repeat(np.broadcast_to(side.scale, len(side.fields)), side.fields.shape[1])
        W = W / (scale[:, None] if axis == 0 else scale)
        b, c = (b / scale, c) if axis == 0 else (b, c / scale)
    theta = {f"v.{key}": value for key, value in visible.learnt.items()}
    theta |= {f"h.{key}": value for key, value in hidden.learnt.items()}
    return RBM(
        visible.units, hidden.units, *(a.astype(dtype) for a in (W, b, c)), theta=theta or None
    ), constant


def of_machine(machine: RBM, visible: bool) -> tuple[str, dict[str, Array]]:
    """The kind of a layer, and θ and γ of each unit, as others have them.

    Raises
    ------
    NotSupported
        A layer of another kind.
    """
    units, fields = (machine.visible, machine.b) if visible else (machine.hidden, machine.c)
    n, side = (machine.n_visible, "v") if visible else (machine.n_hidden, "h")
    own = {name: machine.params[f"{side}.{name}"] for name in units.learns}
    if isinstance(units, (Bernoulli, Ising, Potts)):
        return type(units).__name__, {"theta": fields.reshape(n, units.width)}
    if isinstance(units, Gaussian):
        return "Gaussian", {"theta": fields, "gamma": own.get("precision", np.ones_like(fields))}
    if isinstance(units, ReLU):
        return "ReLU", {"theta": fields, "gamma": np.ones_like(fields)}
    if isinstance(units, DReLU):
        set_ = {name: np.full_like(fields, getattr(units, name)) for name in _HALVES}
        found = set_ | own
        return "DReLU", {k: v + fields if k.startswith("theta") else v for k, v in found.items()}
    raise NotSupported(
        f"it has no {units!r}; expected Bernoulli, Ising, Potts, Gaussian, ReLU or DReLU units"
    )


_HALVES = ("theta_plus", "theta_minus", "gamma_plus", "gamma_minus")
