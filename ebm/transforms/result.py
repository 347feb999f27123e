"""What a transform returns, and what all of them are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import expect
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.units import Mixed, Units

__all__ = ["Pairwise", "Transformed", "as_fully", "as_pairwise", "as_rbm", "layer", "matrix64", "numbers64"]

Pairwise: TypeAlias = RBM | BoltzmannMachine


class Transformed(NamedTuple):
    """A machine of the same distribution as another, and the constant between them, docs/math.md (18.1).

    Attributes
    ----------
    machine : RBM or BoltzmannMachine
        The new one, in float64.
    shift : float
        Nats: log Z of the machine that was given = log Z of this one + shift. So E of the one given is E of
        this one − shift, at states that belong to each other.
    """

    machine: Any
    shift: float


def as_pairwise(machine: object) -> Pairwise:
    """An RBM or a fully connected machine, or one line that it is none."""
    if isinstance(machine, RBM):
        return machine
    return expect(machine, BoltzmannMachine, "machine", "an RBM or a BoltzmannMachine")


def as_rbm(machine: object) -> RBM:
    """An RBM, or one line that it is none."""
    return expect(machine, RBM, "machine", "an RBM")


def as_fully(machine: object) -> BoltzmannMachine:
    """A fully connected machine, or one line that it is none."""
    return expect(machine, BoltzmannMachine, "machine", "a BoltzmannMachine")


def numbers64(machine: RBM) -> tuple[Array, Array, Array, dict[str, Array]]:
    """W, b, c and what units learn, in float64."""
    params = {key: np.asarray(value, np.float64) for key, value in machine.params.items()}
    return params.pop("W"), params.pop("b"), params.pop("c"), params


def matrix64(machine: BoltzmannMachine) -> tuple[Any, Array]:
    """J, dense or sparse as it is, and b: in float64."""
    J = machine.J.astype(np.float64) if machine.sparse else np.asarray(machine.J, np.float64)
    return J, np.asarray(machine.b, np.float64)


def layer(blocks: Iterable[tuple[Units, int]]) -> Units:
    """The type of a layer of these blocks side by side; neighbours of one type are one block.

    Examples
    --------
    >>> from ebm.units import Bernoulli, Ising
    >>> layer([(Bernoulli(), 2), (Bernoulli(), 1)]), layer([(Bernoulli(), 2), (Ising(), 1)])
    (Bernoulli(), Mixed(2 × Bernoulli() + 1 × Ising()))
    """
    joined: list[tuple[Units, int]] = []
    for units, n in blocks:
        if n and joined and joined[-1][0] == units:
            joined[-1] = (units, joined[-1][1] + n)
        elif n:
            joined.append((units, n))
    return joined[0][0] if len(joined) == 1 else Mixed(tuple(joined))
