"""The couplings that hidden units stand for: of one, two and three visible units, docs/math.md (18.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ebm.arguments import as_choice, as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import NotSupported, TooLarge, printable
from ebm.files import refuse_beyond_memory
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.states import enumerate_states
from ebm.transforms.result import as_rbm, numbers64
from ebm.units import Units

__all__ = ["EffectiveCouplings", "effective_couplings"]

_MOST = 20  # units whose states are enumerated
_AT_ONCE = 2**22  # numbers


@dataclass(frozen=True, repr=False)
class EffectiveCouplings:
    """−F(v) = constant + fields·φ + ½ φ·pairs·φ + ⅙ Σ triples φφφ + what is left out.

    Attributes
    ----------
    units : Units
        Of the visible layer.
    constant : float
        Nats.
    fields : ndarray, (n_visible·width,)
    pairs : ndarray, (n_visible·width, n_visible·width)
        Symmetric, 0 within a unit.
    triples : ndarray, (n_visible·width, n_visible·width, n_visible·width), or None
        Symmetric, 0 where two of the three are one unit; None of order 2.
    left_out : float
        Root mean square over all states of what is left out, nats; NaN where it was not summed.
    """

    units: Units
    constant: float
    fields: Array
    pairs: Array
    triples: Array | None
    left_out: float

    def __repr__(self) -> str:
        order = 2 if self.triples is None else 3
        rest = "" if math.isnan(self.left_out) else f", {self.left_out:.3g} nats left out"
        return printable(f"EffectiveCouplings({len(self.fields)} × {self.units}, up to {order} units{rest})")

    def energy(self, v: Array) -> Array:
        """−constant − fields·φ − …: F of the machine but for what is left out, (n,) nats."""
        phi = self.units.encode(self.units.check(v, "v"))
        found = self.constant + phi @ self.fields + 0.5 * np.einsum("ni,ni->n", phi @ self.pairs, phi)
        if self.triples is not None:
            found = found + np.einsum("ijk,ni,nj,nk->n", self.triples, phi, phi, phi, optimize=True) / 6
        return -found

    def machine(self) -> BoltzmannMachine:
        """Fields and pairs as a fully connected machine: not the same distribution, the triples are gone."""
        return BoltzmannMachine(self.units, self.pairs, self.fields)


def effective_couplings(
    machine: RBM, order: Literal[2, 3] = 2, *, gauge: Literal["reference", "zero_sum"] = "reference"
) -> EffectiveCouplings:
    """The couplings of up to three visible units in −F(v), each of them exact.

    An RBM is a machine of couplings among any number of visible units; these are the first of them. What is
    left out is not small in general, so this is the one transform that does not keep p, but for machines of
    as many visible units as the order.

    Parameters
    ----------
    machine : RBM
        Visible units: Bernoulli or Potts in the gauge "reference"; Ising in "zero_sum".
    order : {2, 3}
        Couplings of three take n³ numbers and n² sums over the hidden units.
    gauge : {"reference", "zero_sum"}
        What is not in a coupling: "reference", the effects seen where the other units are in state 0 (a
        lattice gas), at any size; "zero_sum", those seen on the average over all states of the others, for
        up to 20 spins.

    Returns
    -------
    EffectiveCouplings

    Raises
    ------
    NotSupported
        Other visible units in that gauge.
    TooLarge
        More than 20 spins.

    References
    ----------
    Cossu, Del Debbio, Giani, Khamseh & Wilson, "Machine learning determination of dynamical parameters: the
    Ising model case" (2019), for the first; Decelle, Furtlehner, Navas Gómez & Seoane, "Inferring effective
    couplings with restricted Boltzmann machines" (2024), for the second.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> rbm = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 5, scale=1.0)
    >>> found = ebm.transforms.effective_couplings(rbm, 3)
    >>> v = np.array([[1, 1, 0], [1, 1, 1]])
    >>> bool(np.allclose(found.energy(v), rbm.free_energy(v), atol=1e-12))
    True
    """
    machine = as_rbm(machine)
    order = as_count(order, "order", 2, 3)  # type: ignore[assignment]
    m = len(machine.b)
    refuse_beyond_memory(16.0 * m**order, f"effective_couplings of {m} columns, order {order}", "fewer")
    if as_choice(gauge, ("reference", "zero_sum"), "gauge") == "zero_sum":
        return _zero_sum(machine, order)
    return _reference(machine, order)


def _reference(machine: RBM, order: int) -> EffectiveCouplings:
    """Differences from state 0, hidden unit by hidden unit, summed."""
    for own, _, _ in machine.visible.parts(machine.n_visible):
        if not own.bare or not (own.one_hot or own.states == (0.0, 1.0)):
            raise NotSupported(f"effective_couplings: reference: visible {own}; expected Bernoulli or Potts")
    W, b, c, _ = numbers64(machine)
    owners = machine.visible.owners(machine.n_visible)
    same = owners[:, None] == owners
    at = machine.visible.encode(np.zeros((1, machine.n_visible)))[0]  # of all units in state 0
    D, fields = W - same @ (at[:, None] * W), b - same @ (at * b)
    start = c + at @ W
    A = machine.hidden.cgf
    none, one = A(start), A(start + D)
    first = one - none
    constant, fields = float(at @ b + none.sum()), fields + first.sum(1)
    pairs = np.zeros((len(b), len(b)))
    triples = np.zeros((len(b),) * 3) if order == 3 else None
    for i in range(len(b)):
        second = A(start + D[i] + D) - one[i] - first
        pairs[i] = second.sum(1)
        for j in range(i) if triples is not None else ():
            third = A(start + D[i] + D[j] + D) - A(start + D[i] + D[j]) - (A(start + D[i] + D) - one[i])
            third -= A(start + D[j] + D) - one[j] - first
            triples[i, j] = triples[j, i] = third.sum(1)  # type: ignore[index]
    pairs = np.where(same, 0, 0.5 * (pairs + pairs.T))
    if triples is not None:
        _cut(triples, same)
    return EffectiveCouplings(machine.visible, constant, fields, pairs, triples, math.nan)


def _cut(triples: Array, same: Array) -> None:
    """Set those to 0 of which two are one unit, in place."""
    for axes in ((0, 1, 2), (1, 2, 0), (0, 2, 1)):
        triples.transpose(axes)[same] = 0


def _zero_sum(machine: RBM, order: int) -> EffectiveCouplings:
    """Means over all states of −F times products of spins."""
    n = machine.n_visible
    if machine.visible.states != (-1.0, 1.0):
        raise NotSupported(f"effective_couplings: zero_sum: visible {machine.visible}; expected Ising")
    if n > _MOST:
        raise TooLarge(
            f"effective_couplings: zero_sum: {n} spins; expected at most {_MOST}, or the gauge 'reference' of"
            " the machine as bits: transforms.to_bernoulli"
        )
    W, b, c, theta = numbers64(machine)
    twin, step = RBM(machine.visible, machine.hidden, W, b, c, theta=theta), max(1, _AT_ONCE // n**2)
    total = squares = 0.0
    fields, pairs, triples = np.zeros(n), np.zeros((n, n)), np.zeros((n, n, n)) if order == 3 else None
    for k in range(0, 2**n, step):
        x = enumerate_states(machine.visible, n, k, min(k + step, 2**n))
        f = -twin.free_energy(x) / 2**n
        weighted = x * f[:, None]
        total, squares = total + float(f.sum()), squares + float(f @ f) * 2**n
        fields += weighted.sum(0)
        pairs += weighted.T @ x
        if triples is not None:
            triples += np.tensordot(weighted, x[:, :, None] * x[:, None, :], (0, 0))
    same = np.eye(n, dtype=bool)
    pairs = np.where(same, 0, 0.5 * (pairs + pairs.T))
    known = total**2 + float((fields**2).sum() + (pairs**2).sum() / 2)
    if triples is not None:
        _cut(triples, same)
        known += float((triples**2).sum() / 6)
    return EffectiveCouplings(
        machine.visible, total, fields, pairs, triples, math.sqrt(max(0.0, squares - known))
    )
