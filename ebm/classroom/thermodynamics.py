"""RBMs that learn a lattice's thermodynamics from its states (Torlai & Melko 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, boltzmann, few_units
from ebm.classroom.text import Bars, Table
from ebm.datasets import lattice
from ebm.machine import Array
from ebm.maximum import maximise
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.samplers import Direct, sample
from ebm.stream import Seed, Stream
from ebm.thermal import Magnetisation, Observable, Susceptibility
from ebm.units import Ising

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["thermodynamics"]

_SIDE = 4
_DECAY = 1e-4
_TEMPERATURES = (1.0, 1.7, 2.2, 2.7, 3.3, 4.5)
_OBSERVABLES: dict[str, Observable] = {"m": Magnetisation(), "chi": Susceptibility()}


def thermodynamics(n_hidden: int = 8, n_samples: int = 5000, n_steps: int = 100, seed: Seed = 0) -> Lesson:
    """An RBM learns the Ising model at each temperature: ⟨|m|⟩, E, χ and C against the truth.

    Parameters
    ----------
    n_hidden : int
        Of each machine, beside 16 visible units, the spins of a 4 × 4 lattice: 1 to 12.
    n_samples : int
        States of the lattice that each learns from.
    n_steps : int
        Of the climb of the likelihood.
    seed : int
    """
    n_hidden = few_units(n_hidden, "n_hidden", 1, 12)
    n_samples = as_count(n_samples, "n_samples", 10, 10**6)
    n_steps = as_count(n_steps, "n_steps", 1, 10**4)
    ising = BoltzmannMachine(Ising(), lattice((_SIDE, _SIDE)).toarray())
    x = all_states(ising)
    energy = ising.energy(x)
    truth, data, learnt, apart = [], [], [], []
    for k, T in enumerate(_TEMPERATURES):
        key = int(Stream(seed).split(k).key)
        rows = sample(_at(T), n_samples, sampler=Direct(), seed=key).x
        machine = _learnt(rows, n_hidden, n_steps, key)
        p, q = boltzmann(energy, 1 / T), boltzmann(machine.free_energy(x))
        share = np.full(n_samples, 1 / n_samples)
        truth.append(_numbers(x, energy, p, T))
        learnt.append(_numbers(x, energy, q, T))
        data.append(_numbers(rows, ising.energy(rows), share, T))
        apart.append(float(p @ np.log(np.maximum(p, 1e-300) / np.maximum(q, 1e-300))))
    exact, seen, found = np.array(truth), np.array(data), np.array(learnt)
    return Lesson(
        "thermodynamics",
        "A machine learns thermodynamics: an RBM at each temperature",
        (
            "States of a 4 × 4 Ising model are drawn exactly at each temperature; an RBM learns from them"
            " alone, knowing nothing of the energy. If it has learnt p(x), it knows magnetisation, energy,"
            " susceptibility and heat capacity (Torlai & Melko 2016). All four are sums over all 65536"
            " states here, of the lattice's p and of the machine's.",
            *(
                Table(
                    title,
                    ("T", "exact", f"{n_samples} states", "RBM"),
                    tuple(
                        (T, *(float(a[k, i]) for a in (exact, seen, found)))
                        for k, T in enumerate(_TEMPERATURES)
                    ),
                )
                for i, title in enumerate(_TITLES)
            ),
            Bars(
                "How far the machine is from the truth: KL(p, machine) (nats) at each T",
                tuple(f"{T:g}" for T in _TEMPERATURES),
                tuple(apart),
            ),
        ),
        {
            "temperatures": np.array(_TEMPERATURES),
            "exact": exact,
            "data": seen,
            "rbm": found,
            "kl": np.array(apart),
        },
        {"curves": lambda: _curves(exact, seen, found)},
    )


_TITLES = (
    "Magnetisation ⟨|m|⟩",
    "Susceptibility β N (⟨m²⟩ - ⟨|m|⟩²)",
    "Energy per spin (in units of the coupling)",
    "Heat capacity per spin",
)


def _learnt(rows: Array, n_hidden: int, n_steps: int, seed: int) -> RBM:
    """A machine that climbs the exact likelihood of the rows, each different one once, with its share."""
    machine = RBM.from_data(rows, n_hidden, visible=Ising(), scale=0.3, seed=seed, dtype="float64")
    different, counts = np.unique(rows, axis=0, return_counts=True)
    maximise(machine, different, weights=counts / len(rows), penalties=(L2(_DECAY),), max_iterations=n_steps)
    return machine


def _at(T: float) -> BoltzmannMachine:
    return BoltzmannMachine(Ising(), lattice((_SIDE, _SIDE), J=1 / T).toarray())


def _numbers(x: Array, energy: Array, p: Array, T: float) -> list[float]:
    """⟨|m|⟩, χ, energy and heat capacity per spin, of states with probabilities p."""
    magnetic = [float(o.value(p @ o.measure(x), 1 / T)[0]) for o in _OBSERVABLES.values()]
    mean = float(p @ energy)
    variance = float(p @ (energy - mean) ** 2)
    return [*magnetic, mean / x.shape[1], variance / T**2 / x.shape[1]]


def _curves(exact: Array, seen: Array, found: Array) -> Figure:
    from matplotlib.figure import Figure as New

    from ebm.classroom.drawing import lines

    figure = New(figsize=(9.4, 7.2), layout="constrained")
    for i, ax in enumerate(figure.subplots(2, 2).ravel()):
        lines(ax, _TEMPERATURES, {"exact": exact[:, i], "states": seen[:, i], "RBM": found[:, i]}, i == 0)
        ax.set(title=_TITLES[i].replace("-", "−"), xlabel="temperature T", ylabel=_TITLES[i].split(" (")[0])
    figure.suptitle("What RBMs have learnt of 4 × 4 spins", fontsize="large")
    return figure
