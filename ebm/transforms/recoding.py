"""The same states under other names: spins as bits, anything as one of q, spins turned over.

With φ = A·φ′ + o of every unit, energies in φ are energies in φ′: docs/math.md (18.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.transforms.result import Pairwise, Transformed, as_pairwise, layer, matrix64, numbers64
from ebm.units import Bernoulli, Ising, Potts, Units

__all__ = ["flipped", "to_bernoulli", "to_ising", "to_potts"]


class _Code(NamedTuple):
    """Of one unit: its new type, φ = A·φ′ + o, and −U(x) = bias·φ′ − U′(x′) + constant."""

    units: Units
    A: Array
    o: Array
    bias: Array
    constant: float


class _Layer(NamedTuple):
    """The same of all units of a layer side by side, A sparse."""

    units: Units
    A: Any
    o: Array
    bias: Array
    constant: float


def to_ising(machine: Pairwise) -> Transformed:
    """Units of two states as spins: the lower state is −1, the upper one +1.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
        Its units of more than two states stay as they are. Of an RBM both layers change.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        No unit has two states.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> bits = ebm.BoltzmannMachine(ebm.Bernoulli(), [[0.0, 4.0], [4.0, 0.0]])
    >>> spins, shift = ebm.transforms.to_ising(bits)
    >>> spins.J[0, 1], spins.b, shift
    (np.float64(1.0), array([1., 1.]), 1.0)
    >>> bool(np.isclose(ebm.log_z(bits).value, ebm.log_z(spins).value + shift))
    True
    """
    return _recoded(machine, lambda units: _two_states(units, Ising(), 0.5, 0.5), "two states")


def to_bernoulli(machine: Pairwise) -> Transformed:
    """Units of two states as bits: the lower state is 0, the upper one 1.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
        Its units of more than two states stay as they are. Of an RBM both layers change.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        No unit has two states.

    Examples
    --------
    >>> import ebm
    >>> spins = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    >>> bits, shift = ebm.transforms.to_bernoulli(spins)
    >>> bits.J[0, 1], bits.b, shift
    (np.float64(4.0), array([-2., -2.]), 1.0)
    """
    return _recoded(machine, lambda units: _two_states(units, Bernoulli(), 1.0, 0.0), "two states")


def to_potts(machine: Pairwise) -> Transformed:
    """Units of finitely many states as Potts units: state number k of q is k; their potentials are biases.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
        Real units stay as they are. Of an RBM both layers change.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        No unit has finitely many states.

    Examples
    --------
    >>> import ebm
    >>> spin = ebm.BoltzmannMachine(ebm.Ising(), [[0.0]], [0.5])
    >>> ebm.transforms.to_potts(spin).machine.b
    array([-0.5,  0.5])
    """

    def code(units: Units) -> _Code | None:
        if not units.finite:
            return None
        table = units.table()
        return _Code(Potts(len(table.values)), table.phi.T, np.zeros(units.width), table.log_weights, 0.0)

    return _recoded(machine, code, "finitely many states")


def flipped(machine: Pairwise, where: ArrayLike, hidden: ArrayLike | None = None) -> Transformed:
    """A spin-reversal gauge: some units of two states under each other's names, −1 for +1, 0 for 1.

    p(x) is that of x turned over at these units. So a ground state that is known becomes the one of all
    spins up, and hardware with a bias towards a side is averaged over.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
    where : array_like of bool, (n_units,)
        Which units of x are turned over.
    hidden : array_like of bool, (n_hidden,), optional
        Which hidden units of an RBM are; none when left out.

    Returns
    -------
    Transformed

    Raises
    ------
    NotSupported
        A unit that is turned over has not two states, or a potential of its own.
    EbmError
        Masks that do not fit.

    Examples
    --------
    >>> import ebm
    >>> spins = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, -1.0], [-1.0, 0.0]])
    >>> ebm.transforms.flipped(spins, [False, True]).machine.J
    array([[0., 1.],
           [1., 0.]])
    """
    machine = as_pairwise(machine)
    if isinstance(machine, BoltzmannMachine):
        if hidden is not None:
            raise EbmError("hidden: expected None: `where` is of all units of a BoltzmannMachine")
        return _fully(machine, _turned_over(machine.units, as_mask_of(where, machine.n_units, "where")))
    h = np.zeros(machine.n_hidden, bool) if hidden is None else as_mask_of(hidden, machine.n_hidden, "hidden")
    v = as_mask_of(where, machine.n_visible, "where")
    return _restricted(machine, _turned_over(machine.visible, v), _turned_over(machine.hidden, h))


def as_mask_of(value: ArrayLike, n: int, name: str) -> Array:
    """A mask of n units."""
    mask = as_array(value, name)
    if mask.dtype != bool or mask.shape != (n,):
        raise EbmError(f"{name}: expected {n} of True and False, got {mask.dtype} of shape {mask.shape}")
    return mask


def _two_states(units: Units, new: Units, slope: float, start: float) -> _Code | None:
    """The code of two states as those of a unit of width 1; `slope`·y + `start` is 0 at its lower, 1 at its
    upper."""
    if units.states is None or len(units.states) != 2:
        return None
    _, (low, high), (below, above) = units.table()
    A, bias = slope * (high - low)[:, None], np.array([slope * (above - below)])
    return _Code(new, A, low + start * (high - low), bias, float(below + start * (above - below)))


def _recoded(machine: Pairwise, code: Callable[[Units], _Code | None], states: str) -> Transformed:
    machine = as_pairwise(machine)
    types = (machine.visible, machine.hidden) if isinstance(machine, RBM) else (machine.units,)
    sizes = (machine.n_visible, machine.n_hidden) if isinstance(machine, RBM) else (machine.n_units,)
    if not any(code(own) for units, n in zip(types, sizes, strict=True) for own, _, _ in units.parts(n)):
        raise NotSupported(f"{machine}: expected a machine with units of {states}")
    layers = [_by_type(units, n, code) for units, n in zip(types, sizes, strict=True)]
    if isinstance(machine, RBM):
        return _restricted(machine, *layers)
    return _fully(machine, *layers)


def _by_type(units: Units, n: int, code: Callable[[Units], _Code | None]) -> _Layer:
    """The code of a layer from those of its types; types without one stay."""
    from scipy.sparse import block_diag, eye_array, kron

    blocks, A, o, bias, constant = [], [], [], [], 0.0
    for own, places, _ in units.parts(n):
        count = places.stop - places.start
        found = code(own) or _Code(own, np.eye(own.width), np.zeros(own.width), np.zeros(own.width), 0.0)
        blocks.append((found.units, count))
        A.append(kron(eye_array(count), found.A, format="csr"))
        o.append(np.tile(found.o, count))
        bias.append(np.tile(found.bias, count))
        constant += count * found.constant
    return _Layer(
        layer(blocks), block_diag(A, format="csr"), np.concatenate(o), np.concatenate(bias), constant
    )


def _turned_over(units: Units, where: Array) -> _Layer:
    """The code of a layer of which some units take each other's states."""
    from scipy.sparse import diags_array

    n = len(where)
    sign, o = np.ones(units.columns(n)), np.zeros(units.columns(n))
    columns = where[units.owners(n)]
    for own, places, at in units.parts(n):
        if not where[places].any():
            continue
        if own.states is None or len(own.states) != 2 or not own.bare:
            raise NotSupported(f"{own}: expected units of two states, without a potential, to be turned over")
        o[at] = np.tile(own.table().phi.sum(0), places.stop - places.start)
    sign[columns], o[~columns] = -1.0, 0.0
    return _Layer(units, diags_array(sign, format="csr"), o, np.zeros(len(o)), 0.0)


def _fully(machine: BoltzmannMachine, own: _Layer) -> Transformed:
    """Docs/math.md (18.2)."""
    J, b = matrix64(machine)
    field = J @ own.o
    new = own.A.T @ J @ own.A
    made = BoltzmannMachine(
        own.units, 0.5 * (new + new.T), own.A.T @ (b + field) + own.bias, n_visible=machine.n_visible
    )
    return Transformed(made, float(own.constant + own.o @ b + 0.5 * own.o @ field))


def _restricted(machine: RBM, visible: _Layer, hidden: _Layer) -> Transformed:
    """Docs/math.md (18.3)."""
    W, b, c, theta = numbers64(machine)
    made = RBM(
        visible.units,
        hidden.units,
        visible.A.T @ W @ hidden.A,
        visible.A.T @ (b + W @ hidden.o) + visible.bias,
        hidden.A.T @ (c + visible.o @ W) + hidden.bias,
        theta=theta,
    )
    shift = visible.constant + hidden.constant + visible.o @ b + hidden.o @ c + visible.o @ W @ hidden.o
    return Transformed(made, float(shift))
