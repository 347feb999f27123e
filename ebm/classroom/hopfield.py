"""Hopfield's memory: recall of pictures, and how many patterns fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states
from ebm.classroom.text import Grid, Table
from ebm.machine import Array
from ebm.stream import Seed, Stream
from ebm.units import Ising

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CAPACITY", "hebbian", "hopfield"]

CAPACITY = 0.138  # patterns a unit, Amit, Gutfreund & Sompolinsky (1985)
_COLD = 1e4  # β at which a unit follows its field, and no coin
_LOADS = np.array([0.03, 0.06, 0.09, 0.11, 0.13, 0.15, 0.17, 0.20, 0.25, 0.30])
_PATTERNS = {  # 4 × 4; orthogonal to each other
    "square": "####/#..#/#..#/####",
    "half": "##../##../##../##..",
    "chess": "#.#./.#.#/#.#./.#.#",
}


def hopfield(size: int = 200, noise: int = 2, n_trials: int = 4, seed: Seed = 0) -> Lesson:
    """Recall of stored pictures, and the capacity of 0.138 patterns a unit.

    Parameters
    ----------
    size : int
        Units of the machines whose capacity is measured; recall is of 16.
    noise : int
        Units of a picture that are turned over before it is recalled, 0 to 16.
    n_trials : int
        Machines at each load.
    seed : int
    """
    size, n_trials = as_count(size, "size", 16, 5000), as_count(n_trials, "n_trials", 1, 1000)
    noise = as_count(noise, "noise", 0, 16)
    rng = Stream(seed)
    stored = np.array([_picture(text) for text in _PATTERNS.values()])
    machine = hebbian(stored)
    cue = stored.copy()
    for row, pattern in enumerate(cue):
        pattern[rng.split(row).permutation(16)[:noise]] *= -1
    recalled = settle(machine, cue, rng)
    x = all_states(machine)
    energy = machine.energy(x)
    overlap = (recalled * stored).mean(1)
    three = np.stack([machine.energy(states) for states in (stored, cue, recalled)], axis=1)
    rows = tuple(
        (name, float((cue[k] * stored[k]).mean()), float(overlap[k]), *map(float, three[k]))
        for k, name in enumerate(_PATTERNS)
    )
    loads, kept, spread = _capacity(size, n_trials, rng)
    return Lesson(
        "hopfield",
        "A memory: pictures are the lowest states of an energy",
        (
            "Hebb's rule J = Σ ξξᵀ / N makes each pattern ξ a low state. A cue that is near rolls down to it"
            " when units follow their fields one by one, as they do in the cold.",
            Table(
                f"16 units, three pictures, {noise} units of each cue turned over (overlap 1: the same;"
                " energies in nats)",
                ("picture", "overlap of cue", "after recall", "E of picture", "E of cue", "E recalled"),
                rows,
            ),
            Grid(
                "Stored, cue, recalled",
                tuple(p.reshape(4, 4) for k in range(3) for p in (stored[k], cue[k], recalled[k])),
                tuple(n for name in _PATTERNS for n in (name, "cue", "recall")),
            ),
            f"Of all {len(x)} states the lowest energy is {energy.min():.4g} nats, that of"
            f" {int((energy < energy.min() + 1e-9).sum())} states: the pictures and their negatives (a state"
            " and its negative have one energy).",
            Table(
                f"How much of a pattern stands when machines of {size} units start at it ({n_trials} each)",
                ("patterns a unit", "overlap kept", "± standard error"),
                tuple((float(a), float(m), float(s)) for a, m, s in zip(loads, kept, spread, strict=True)),
            ),
            f"Beyond {CAPACITY} patterns a unit the memory of a large machine breaks down at once (Amit,"
            " Gutfreund & Sompolinsky 1985); small ones do so over a range.",
        ),
        {
            "stored": stored,
            "cue": cue,
            "recalled": recalled,
            "overlap": overlap,
            "energy": energy,
            "stored_energy": machine.energy(stored),
            "loads": loads,
            "kept": kept,
            "kept_stderr": spread,
            "capacity": CAPACITY,
        },
        {
            "recall": lambda: _recall(stored, cue, recalled),
            "capacity": lambda: _breaks(loads, kept, spread, size),
        },
    )


def hebbian(patterns: Array) -> BoltzmannMachine:
    """The machine of Hebb's rule, J = ξᵀξ / N off the diagonal."""
    J = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(J, 0.0)
    return BoltzmannMachine(Ising(), J)


def settle(machine: BoltzmannMachine, x: Array, rng: Stream, n_sweeps: int = 20) -> Array:
    """Where states roll down to when units follow their fields."""
    return np.array(machine.sweep(x, rng, n_sweeps, _COLD, scan="systematic"))


def _picture(text: str) -> Array:
    return np.array([1.0 if letter == "#" else -1.0 for letter in text.replace("/", "")])


def _capacity(size: int, n_trials: int, rng: Stream) -> tuple[Array, Array, Array]:
    """Patterns a unit, overlaps that stand, and their standard errors over machines."""
    counts = np.unique(np.maximum(1, np.round(_LOADS * size))).astype(int)
    kept = np.empty((len(counts), n_trials))
    for i, count in enumerate(counts):
        for trial in range(n_trials):
            draws = rng.split(1000 + 100 * i).split(trial)
            patterns = np.where(draws.uniform(int(count), size) < 0.5, -1.0, 1.0)
            settled = settle(hebbian(patterns), patterns, draws)
            kept[i, trial] = (settled * patterns).mean()
    error = kept.std(1, ddof=1) / np.sqrt(n_trials) if n_trials > 1 else np.full(len(counts), np.nan)
    return counts / size, kept.mean(1), error


def _recall(stored: Array, cue: Array, recalled: Array) -> Figure:
    from ebm.classroom.drawing import panels, pictures

    figure, (ax,) = panels(1, "", (5.6, 5.4))
    images = [p.reshape(4, 4) for row in (stored, cue, recalled) for p in row]
    names = [f"{what}: {name}" for what in ("stored", "cue", "recalled") for name in _PATTERNS]
    pictures(ax, images, names, 3)
    ax.set_title("Recall by 16 units")
    return figure


def _breaks(loads: Array, kept: Array, spread: Array, size: int) -> Figure:
    from ebm.classroom.drawing import LOOKS, panels

    figure, (ax,) = panels(1, "", (6.4, 4.2))
    look = LOOKS[0]
    ax.errorbar(loads, kept, spread, color=look.colour, marker=look.marker, label=f"{size} units")
    ax.axvline(CAPACITY, color="0.4", linestyle="--", label=f"{CAPACITY}, of infinitely many")
    ax.set(
        title="How many patterns fit",
        xlabel="patterns a unit",
        ylabel="overlap with the pattern (0 to 1)",
        ylim=(0, 1.05),
    )
    ax.legend(frameon=False, fontsize="small")
    return figure
