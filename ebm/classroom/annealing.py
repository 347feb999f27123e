"""Simulated annealing: slow cooling finds the ground state that a quench misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, few_units, glass, written
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.samplers import Annealing
from ebm.stream import SAMPLE, Seed, Stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["annealing"]

_LENGTHS = (2, 4, 8, 16, 32, 64, 128)  # temperatures of a schedule


def annealing(n: int = 16, n_chains: int = 500, seed: Seed = 0) -> Lesson:
    """Slow cooling finds the ground state of a spin glass; a quench does not.

    Parameters
    ----------
    n : int
        Spins, 2 to 16, each coupled to all others by normal numbers.
    n_chains : int
        Chains that are cooled by each schedule.
    seed : int
        Of the glass and of the chains.
    """
    n, n_chains = few_units(n, "n", 2), as_count(n_chains, "n_chains", 1, 10**5)
    machine = glass(n, seed)
    x = all_states(machine)
    energy = machine.energy(x)
    ground = float(energy.min())
    found, traces = [], {}
    for length in _LENGTHS:
        sampler = Annealing(n_steps=length, n_sweeps=1, spacing="harmonic")
        betas, mean, last = _cooled(machine, sampler, n_chains, Stream(seed).split(SAMPLE))
        traces[length] = betas, mean / n
        found.append((float((last < ground + 1e-6).mean()), float(last.mean() / n)))
    share = np.array([f[0] for f in found])
    return Lesson(
        "annealing",
        f"Annealing a glass of {n} spins: how slowly it is cooled decides where it ends",
        (
            "At high temperature chains cross every barrier; at low temperature none. Cooled slowly, a chain"
            " leaves the higher valleys while it still can (Kirkpatrick, Gelatt & Vecchi 1983).",
            f"All {len(x)} states are known: the lowest, {written(x[np.argmin(energy)])} and its negative,"
            f" has {ground / n:.4f} nats per spin.",
            Table(
                f"{n_chains} chains cooled from T = 5 to T = 0.1, one sweep at each temperature",
                ("temperatures", "in the ground state", "± standard error", "mean energy per spin (nats)"),
                tuple(
                    (length, hit, float(np.sqrt(hit * (1 - hit) / n_chains)), mean)
                    for length, (hit, mean) in zip(_LENGTHS, found, strict=True)
                ),
            ),
            Bars("Share of chains in the ground state", tuple(map(str, _LENGTHS)), tuple(map(float, share))),
        ),
        {
            "ground": ground,
            "ground_state": x[np.argmin(energy)],
            "energy": energy,
            "lengths": np.array(_LENGTHS),
            "share": share,
            "J": machine.J.copy(),
            "mean_energy": np.array([f[1] for f in found]),
        },
        {
            "cooling": lambda: _cooling(traces[_LENGTHS[-1]], ground / n),
            "success": lambda: _success(share, n_chains),
        },
    )


def _cooled(
    machine: BoltzmannMachine, sampler: Annealing, n_chains: int, rng: Stream
) -> tuple[Array, Array, Array]:
    """β and mean energy after each step, and the energies at the end."""
    state = sampler.init(machine, n_chains, rng)
    betas, mean = [], []
    for _ in range(sampler.n_steps):
        state, info = sampler.step(machine, state, rng)
        betas.append(info["beta"])
        mean.append(float(info["energy"].mean()))
    return np.array(betas), np.array(mean), info["energy"]


def _cooling(trace: tuple[Array, Array], ground: float) -> Figure:
    from matplotlib.figure import Figure as New

    from ebm.plots import annealing as plotted

    figure = New(figsize=(6.6, 4.4), layout="constrained")
    ax = plotted(*trace, None, ground, figure.subplots())
    ax.set_title("Cooling slowly", pad=28)
    return figure


def _success(share: Array, n_chains: int) -> Figure:
    from ebm.classroom.drawing import LOOKS, panels

    figure, (ax,) = panels(1, "", (6.4, 4.2))
    error = np.sqrt(share * (1 - share) / n_chains)
    ax.errorbar(_LENGTHS, share, error, color=LOOKS[0].colour, marker="o")
    ax.set_xscale("log", base=2)
    ax.set_xticks(_LENGTHS, [str(length) for length in _LENGTHS])
    ax.set(
        title="Patience pays",
        xlabel="temperatures of the schedule (one sweep each)",
        ylabel="share of chains in the ground state",
        ylim=(0, 1.02),
    )
    return figure
