"""All states of a small machine, and the machines that several lessons begin with."""

from __future__ import annotations

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.datasets import sk
from ebm.machine import Array, Machine
from ebm.states import enumerate_states, n_states
from ebm.stream import Seed, Stream
from ebm.units import Ising, Potts

__all__ = ["MOST_UNITS", "all_states", "boltzmann", "few_units", "glass", "normal", "written"]

MOST_UNITS = 16
_TAG = 5  # of a stream whose machines have something to show at seed 0


def few_units(n: int, name: str, least: int = 1, most: int = MOST_UNITS) -> int:
    """So many units, of which all states can be looked at."""
    return as_count(n, name, least, most)


def normal(seed: Seed, *shape: int) -> Array:
    """Normal numbers of deviation 1, from the package's own stream."""
    from scipy.special import ndtri

    return ndtri(Stream(seed).split(_TAG).uniform(1, int(np.prod(shape)))).reshape(shape)


def all_states(machine: Machine) -> Array:
    """Every state of the units in x, (n_states, n_units)."""
    n = machine.n_units
    return enumerate_states(machine.units, n, 0, int(n_states(machine.units, n)))


def boltzmann(free_energies: Array, beta: float = 1.0) -> Array:
    """Probabilities of states by their free energies at β: the softmax, which is a Potts unit's mean."""
    F = np.asarray(free_energies, np.float64)
    return Potts(F.shape[-1]).mean(-beta * F)


def glass(n: int, seed: Seed) -> BoltzmannMachine:
    """A Sherrington–Kirkpatrick glass: spins, each coupled to all others by normal numbers."""
    return BoltzmannMachine(Ising(), sk(n, seed=int(Stream(seed).key % 2**31)))


def written(state: Array) -> str:
    """A state as digits, or as signs where it is of spins.

    Examples
    --------
    >>> written(np.array([1.0, 0.0])), written(np.array([1.0, -1.0]))
    ('10', '+-')
    """
    spins = bool((np.asarray(state) < 0).any())
    return "".join("+" if s > 0 and spins else "-" if s < 0 else f"{s:g}" for s in np.asarray(state))
