"""Gibbs sampling unit by unit, and how fast the chain forgets where it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, boltzmann, few_units, normal, written
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.stream import Seed, Stream
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["gibbs"]

_CHAINS = 2000
_STEPS = 12  # rows of the table


def gibbs(n: int = 4, n_sweeps: int = 12, scale: float = 1.5, seed: Seed = 0) -> Lesson:
    """Gibbs sampling step by step, and how fast a chain forgets its start.

    Parameters
    ----------
    n : int
        Units, 1 to 8: all transitions between their states are looked at.
    n_sweeps : int
        Sweeps that are followed.
    scale : float
        Standard deviation of the couplings: strong ones make a chain remember.
    seed : int
        Of the couplings and of the chains.
    """
    n, n_sweeps = few_units(n, "n", 1, 8), as_count(n_sweeps, "n_sweeps", 1, 1000)
    scale = as_number(scale, "scale", 0, 100)
    J = np.triu(scale * normal(seed, n, n), 1)
    J += J.T
    machine = BoltzmannMachine(Bernoulli(), J, -J.sum(1) / 2)  # no state is favoured over its complement
    rng = Stream(seed).split(1)
    rows, path = _one_chain(machine, n_sweeps, rng)
    x = all_states(machine)
    p = boltzmann(machine.energy(x))
    T = transitions(machine, x)
    exact, counted = _spread(machine, n_sweeps, rng, T, x)
    distance = 0.5 * np.abs(exact - p).sum(1)
    seen = 0.5 * np.abs(counted - p).sum(1)
    floor = float(np.sqrt(p * (1 - p) / (2 * np.pi * _CHAINS)).sum())  # of as many exact draws
    slow = _second(T)
    order = np.argsort(-p, kind="stable")[:16]
    return Lesson(
        "gibbs",
        "Gibbs sampling: one unit at a time, given all others",
        (
            "To draw a unit, add up its input I = b + Σ J x from the others; it is on with probability"
            " 1 / (1 + exp(-I)). Draw u, uniform between 0 and 1: here the unit is on where u > 1 - P(on).",
            Table(
                f"The first {len(rows)} steps of a chain that begins with all units off",
                ("sweep", "unit", "input I", "P(on)", "u", "becomes", "x"),
                tuple(rows),
            ),
            f"Now {_CHAINS} chains from the same start. After each sweep the distance between the shares of"
            " states and p is taken: half the sum of absolute differences, 1 if nothing is shared, 0 if they"
            " agree. What is expected is the first state times the matrix of all transitions; chains follow,"
            f" down to {floor:.3f}, the distance of as many exact draws.",
            Table(
                "Distance from p after each sweep",
                ("sweep", "expected", f"{_CHAINS} chains"),
                tuple((t, float(distance[t]), float(seen[t])) for t in range(n_sweeps + 1)),
            ),
            Bars(
                "What the distance is expected to be",
                tuple(str(t) for t in range(n_sweeps + 1)),
                tuple(map(float, distance)),
            ),
            f"The slowest part shrinks by {slow:.3f} a sweep: the second eigenvalue of the transitions, a"
            f" memory of {-1 / np.log(slow) if 0 < slow < 1 else 0.0:.2f} sweeps.",
        ),
        {
            "x": x,
            "p": p,
            "transitions": T,
            "expected": exact,
            "counted": counted,
            "distance": distance,
            "distance_of_chains": seen,
            "floor": floor,
            "second_eigenvalue": slow,
            "path": path,
            "J": J,
            "b": machine.params["b"].copy(),
        },
        {
            "steps": lambda: _steps(path, p, counted[-1], [written(x[k]) for k in order], order),
            "forgetting": lambda: _forgetting(distance, seen, floor),
        },
    )


def _one_chain(
    machine: BoltzmannMachine, n_sweeps: int, rng: Stream
) -> tuple[list[tuple[object, ...]], Array]:
    """A chain whose every draw is written down: rows of the table, and all states."""
    n = machine.n_units
    rows: list[tuple[object, ...]] = []
    x = np.zeros((1, n))
    path = [x[0].copy()]
    for sweep in range(n_sweeps):
        u = rng.uniform(1, n)
        for i in range(n):
            I = machine.inputs(x)[:, i]
            on = float(machine.probability_on(x)[0, i])
            x[:, i] = machine.units.sample(I, u[:, i])
            if len(rows) < _STEPS:
                new = f"{x[0, i]:g}"
                rows.append((sweep + 1, i + 1, float(I[0]), on, float(u[0, i]), new, written(x[0])))
            path.append(x[0].copy())
    return rows, np.array(path)


def transitions(machine: BoltzmannMachine, x: Array) -> Array:
    """Probabilities that a sweep, the first unit first, takes a state of bits to another: T[from, to]."""
    total = np.eye(len(x))
    powers = 2 ** np.arange(machine.n_units)[::-1]
    for i in range(machine.n_units):
        on = machine.probability_on(x)[:, i]
        step = np.zeros_like(total)
        for value, chance in ((0, 1 - on), (1, on)):
            y = x.copy()
            y[:, i] = value
            np.add.at(step, (np.arange(len(x)), (y @ powers).astype(int)), chance)
        total = total @ step
    return total


def _spread(machine: BoltzmannMachine, n_sweeps: int, rng: Stream, T: Array, x: Array) -> tuple[Array, Array]:
    """Shares of states after each sweep, all units off at first: as expected, and as counted over chains."""
    exact = np.zeros((n_sweeps + 1, len(x)))
    exact[0, 0] = 1
    counted = exact.copy()
    chains = machine.start(np.zeros((_CHAINS, machine.n_units)))
    powers = 2 ** np.arange(machine.n_units)[::-1]
    for t in range(1, n_sweeps + 1):
        exact[t] = exact[t - 1] @ T
        machine.sweep(chains, rng, scan="systematic")
        numbers = (chains.x @ powers).astype(int)
        counted[t] = np.bincount(numbers, minlength=len(x)) / _CHAINS
    return exact, counted


def _second(T: Array) -> float:
    """The second largest modulus of an eigenvalue."""
    sizes = np.sort(np.abs(np.linalg.eigvals(T)))
    return float(sizes[-2]) if len(sizes) > 1 else 0.0


def _steps(path: Array, p: Array, last: Array, names: list[str], order: Array) -> Figure:
    from ebm.classroom.drawing import bars, panels

    figure, (left, right) = panels(2, "A chain, and where many chains end", (5.6, 4.0))
    left.imshow(path.T, cmap="gray_r", aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    left.set_yticks(range(path.shape[1]), [str(k + 1) for k in range(path.shape[1])])
    left.set(title="one chain: black is on", xlabel="time (single draws)", ylabel="unit")
    bars(right, {"p": p[order], f"{_CHAINS} chains": last[order]}, names)
    right.set_title("shares after the last sweep", pad=26)
    right.set(xlabel="state x", ylabel="probability")
    return figure


def _forgetting(distance: Array, seen: Array, floor: float) -> Figure:
    from ebm.classroom.drawing import lines, panels

    figure, (ax,) = panels(1, "", (6.4, 4.2))
    lines(ax, np.arange(len(distance)), {"expected": distance, f"{_CHAINS} chains": seen}, legend=False)
    ax.axhline(floor, color="0.4", linestyle=":", label="as many exact draws")
    ax.set_yscale("log")
    ax.set_ylim(min(floor, float(distance.min()) + 1e-9) / 2 if distance.min() < floor else floor / 2, 1.5)
    ax.set(title="A chain forgets where it began", xlabel="time (sweeps)", ylabel="distance from p (0 to 1)")
    ax.legend(frameon=False, fontsize="small")
    return figure
