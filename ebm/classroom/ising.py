"""The Ising model at three temperatures: order, criticality, disorder; with a film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, boltzmann
from ebm.classroom.text import Grid, Table
from ebm.datasets import lattice
from ebm.machine import Array
from ebm.samplers import SwendsenWang, sample
from ebm.stream import Seed, Stream
from ebm.thermal import Correlations, Magnetisation
from ebm.units import Ising

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CRITICAL", "ising"]

CRITICAL = 2 / np.log(1 + np.sqrt(2))  # Onsager (1944)
_TEMPERATURES = {"cold": 1.5, "critical": float(CRITICAL), "hot": 4.0}
_SCALE, _GAP = 4, 12  # pixels of a spin in the film, and between grids


def ising(size: int = 32, n_samples: int = 400, n_pictures: int = 60, seed: Seed = 0) -> Lesson:
    """The Ising model below, at and above its critical temperature, with a film.

    Parameters
    ----------
    size : int
        Side of the square lattice, 4 to 64; what is exact is said of a 4 × 4 one.
    n_samples : int
        States drawn at each temperature, by clusters.
    n_pictures : int
        Of the film: sweeps of one spin at a time from a random start.
    seed : int
    """
    size = as_count(size, "size", 4, 64)
    n_samples = as_count(n_samples, "n_samples", 2, 10**5)
    n_pictures = as_count(n_pictures, "n_pictures", 2, 1000)
    found = {name: _measured(size, T, n_samples, seed) for name, T in _TEMPERATURES.items()}
    small = {name: _measured(4, T, n_samples, seed) for name, T in _TEMPERATURES.items()}
    exact = {name: _exact(4, T) for name, T in _TEMPERATURES.items()}
    film, last = _film(size, n_pictures, Stream(seed).split(2))
    rows, checks = [], []
    for name, T in _TEMPERATURES.items():
        m, e, m_error, e_error, _ = found[name]
        rows.append((name, T, m, m_error, _spontaneous(T), e, e_error))
        m, e, m_error, e_error, _ = small[name]
        checks.append((name, m, m_error, exact[name][0], e, e_error, exact[name][1]))
    return Lesson(
        "ising",
        "The Ising model: order, criticality and disorder",
        (
            "Spins of ±1 on a square lattice like to agree with their four neighbours: E = -Σ s s'. In the"
            " cold nearly all agree; in the heat none cares; between them, at T = 2/log(1 + √2) = 2.269,"
            " clusters of all sizes live at once.",
            Table(
                f"{size} × {size} spins, {n_samples} states each, drawn by clusters (energies in units of the"
                " coupling)",
                ("", "T", "⟨|m|⟩", "±", "m of Onsager, Yang", "E per spin", "± "),
                tuple(rows),
            ),
            Table(
                "The same of 4 × 4 spins, beside the sum over all 65536 states",
                ("", "⟨|m|⟩", "±", "exact", "E per spin", "± ", "exact "),
                tuple(checks),
            ),
            Grid("The last picture of the film", last, tuple(_TEMPERATURES)),
            "The film shows sweeps of single spins from a random start: domains grow and merge in the"
            " cold, live for ever at the critical temperature, and boil in the heat.",
        ),
        {
            "temperatures": np.array(list(_TEMPERATURES.values())),
            "magnetisation": np.array([found[name][0] for name in found]),
            "magnetisation_stderr": np.array([found[name][2] for name in found]),
            "small": np.array([small[name][:4] for name in small]),
            "exact": np.array(list(exact.values())),
            "energy": np.array([found[name][1] for name in found]),
            "correlations": {name: found[name][4] for name in found},
        },
        {"states": lambda: _states(last), "correlations": lambda: _correlations(found, size)},
        {"film": film},
    )


def _machine(size: int, T: float) -> BoltzmannMachine:
    """The lattice at a temperature: J/T, so that its own β is 1."""
    return BoltzmannMachine(Ising(), lattice((size, size), J=1 / T))


def _measured(size: int, T: float, n: int, seed: Seed) -> tuple[float, float, float, float, Array]:
    """⟨|m|⟩, energy per spin, their standard errors over chains, and C(r)."""
    drawn = sample(
        _machine(size, T), n, sampler=SwendsenWang(), n_chains=min(n, 20), burn_in=100, thin=5, seed=seed
    )
    m = Magnetisation().measure(drawn.x)[:, 0]
    e = drawn.free_energy * T / drawn.x.shape[1]
    chains = [drawn.chain == k for k in np.unique(drawn.chain)]
    errors = [
        float(np.std([values[c].mean() for c in chains], ddof=1)) / np.sqrt(len(chains)) for values in (m, e)
    ]
    C = Correlations((size, size)).measure(drawn.x).mean(0)
    return float(m.mean()), float(e.mean()), errors[0], errors[1], C


def _exact(size: int, T: float) -> tuple[float, float]:
    """⟨|m|⟩ and the energy per spin, by the sum over all states."""
    machine = BoltzmannMachine(Ising(), lattice((size, size)).toarray())
    x = all_states(machine)
    energy = machine.energy(x)
    p = boltzmann(energy, 1 / T)
    return float(p @ Magnetisation().measure(x)[:, 0]), float(p @ energy) / size**2


def _spontaneous(T: float) -> float:
    """The magnetisation of an infinite lattice (Yang 1952)."""
    return float(max(0.0, 1 - np.sinh(2 / T) ** -4.0) ** 0.125) if T < CRITICAL - 1e-9 else 0.0


def _film(size: int, n_pictures: int, rng: Stream) -> tuple[Array, tuple[Array, ...]]:
    """Three lattices beside each other, one picture a sweep; and how they end."""
    machines = [_machine(size, T) for T in _TEMPERATURES.values()]
    start = machines[0].sample0(1, rng)
    chains = [machine.start(start) for machine in machines]
    pictures = []
    for t in range(n_pictures):
        if t:
            for machine, chain in zip(machines, chains, strict=True):
                machine.sweep(chain, rng, scan="systematic")
        pictures.append(_picture([chain.x.reshape(size, size) for chain in chains]))
    return np.array(pictures), tuple(chain.x.reshape(size, size).copy() for chain in chains)


def _picture(grids: list[Array]) -> Array:
    """Grids as grey pixels, +1 dark, with light between them."""
    blocks = [np.kron(np.where(grid > 0, 40, 225), np.ones((_SCALE, _SCALE))) for grid in grids]
    gap = np.full((len(blocks[0]), _GAP), 255)
    return np.hstack([blocks[0], gap, blocks[1], gap, blocks[2]]).astype(np.uint8)


def _states(last: tuple[Array, ...]) -> Figure:
    from ebm.classroom.drawing import panels

    figure, axes = panels(3, "After the film: +1 is black", (3.8, 4.2))
    for ax, grid, (name, T) in zip(axes, last, _TEMPERATURES.items(), strict=True):
        ax.imshow(grid, cmap="gray_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set(title=f"{name}, T = {T:.3f}", xticks=[], yticks=[])
    return figure


def _correlations(found: dict[str, tuple[float, float, float, float, Array]], size: int) -> Figure:
    from ebm.classroom.drawing import lines, panels
    from ebm.plots.style import legend_above

    figure, (ax,) = panels(1, "", (6.8, 4.4))
    series = {f"{name}, T = {_TEMPERATURES[name]:.3g}": values[4] for name, values in found.items()}
    lines(ax, np.arange(size // 2 + 1), series, legend=False)
    legend_above(ax, 3)
    ax.set_title(f"How far spins know of each other, {size} × {size}", pad=26)
    ax.set(
        xlabel="distance r (sites, along an axis)",
        ylabel="C(r) = ⟨s s'⟩",
    )
    return figure
