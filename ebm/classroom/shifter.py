"""The shifter: which way was a row moved? A relation of third order, for which hidden units are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import boltzmann, few_units
from ebm.classroom.text import Bars, Table
from ebm.machine import Array, Machine
from ebm.maximum import maximise
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.states import enumerate_states
from ebm.stream import Seed
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["shifter"]

_SHIFTS = ("left", "none", "right")
_DECAY = 1e-4


def shifter(n: int = 4, n_hidden: int = 8, n_steps: int = 150, seed: Seed = 0) -> Lesson:
    """The shifter: recognise which way a row was moved, with and without hidden units.

    Parameters
    ----------
    n : int
        Bits of the row, 3 to 6, beside as many of the moved row and three that say which way.
    n_hidden : int
        1 to 12.
    n_steps : int
        Steps of the climb of the exact likelihood.
    seed : int
        Of the first weights.
    """
    n, n_hidden = few_units(n, "n", 3, 6), few_units(n_hidden, "n_hidden", 1, 12)
    n_steps = as_count(n_steps, "n_steps", 1, 10**4)
    rows, shift = _all_rows(n)
    machine = RBM.random(Bernoulli(), Bernoulli(), 2 * n + 3, n_hidden, scale=0.5, seed=seed)
    machines: dict[str, Machine] = {
        "none": _learnt(BoltzmannMachine(Bernoulli(), np.zeros((2 * n + 3, 2 * n + 3))), rows, n_steps),
        str(n_hidden): _learnt(machine, rows, n_steps),
    }
    said = {name: guesses(machine, rows, n) for name, machine in machines.items()}
    best = _posterior(rows, n)
    likelihood = {name: _mean_log_p(machine, rows) for name, machine in machines.items()}
    right = {name: float(p[np.arange(len(rows)), shift].mean()) for name, p in said.items()}
    ideal = float(best[np.arange(len(rows)), shift].mean())
    example = [int(k) for k in np.argsort(-best[np.arange(len(rows)), shift], kind="stable")[:6]]
    return Lesson(
        "shifter",
        f"The shifter: {n} bits, moved left, not at all, or right",
        (
            "Neither a bit of the row nor one of the moved row says anything of the shift; two together"
            " do. So couplings between visible units cannot do it: each hidden unit looks for a pair"
            " (Hinton & Sejnowski 1986).",
            Table(
                f"All {len(rows)} rows there are; probability given to the true shift (the best that can be:"
                f" {ideal:.3f}, some rows fit several)",
                ("hidden units", "nats per row", "right"),
                tuple((name, likelihood[name], right[name]) for name in machines),
            ),
            Table(
                f"Some rows, and what {n_hidden} hidden units say",
                ("row", "moved", "truth", *(f"p({s})" for s in _SHIFTS)),
                tuple(
                    (
                        _bits(rows[k, :n]),
                        _bits(rows[k, n : 2 * n]),
                        _SHIFTS[shift[k]],
                        *map(float, said[str(n_hidden)][k]),
                    )
                    for k in example
                ),
            ),
            Bars(
                "Probability of the true shift",
                ("a guess", "no hidden unit", f"{n_hidden} hidden", "best"),
                (1 / 3, right["none"], right[str(n_hidden)], ideal),
            ),
        ),
        {
            "rows": rows,
            "shift": shift,
            "said": said[str(n_hidden)],
            "best": best,
            "right": right[str(n_hidden)],
            "right_without": right["none"],
            "ideal": ideal,
            "log_likelihood": likelihood[str(n_hidden)],
            "entropy": _entropy(rows),
            "W": machine.params["W"].copy(),
        },
        {"weights": lambda: _weights(machine, n), "answers": lambda: _answers(said, best, shift)},
    )


def _all_rows(n: int) -> tuple[Array, Array]:
    """Every row of n bits, moved each of three ways round a ring, with the label; and the label's number."""
    first = enumerate_states(Bernoulli(), n)
    rows = [
        np.hstack([first, np.roll(first, k - 1, axis=1), np.tile(np.eye(3)[k], (len(first), 1))])
        for k in range(3)
    ]
    return np.concatenate(rows), np.repeat(np.arange(3), len(first))


def _learnt(machine: Machine, rows: Array, n_steps: int) -> Machine:
    maximise(machine, rows, penalties=(L2(_DECAY),), max_iterations=n_steps)
    return machine


def guesses(machine: Machine, rows: Array, n: int) -> Array:
    """p(each shift | both fields), one of the three being true, (n_rows, 3)."""
    fields = rows[:, : 2 * n]
    F = [machine.free_energy(np.hstack([fields, np.tile(one, (len(rows), 1))])) for one in np.eye(3)]
    return boltzmann(np.stack(F, axis=1))


def _posterior(rows: Array, n: int) -> Array:
    """The same from the rows themselves: which of them share their fields."""
    same = (rows[:, None, : 2 * n] == rows[None, :, : 2 * n]).all(-1).astype(float)
    counts = same @ rows[:, 2 * n :]
    return counts / counts.sum(1, keepdims=True)


def _mean_log_p(machine: Machine, rows: Array) -> float:
    return float(-machine.free_energy(rows).mean() - machine.exact(stats=False)[0])


def _entropy(rows: Array) -> float:
    share = np.unique(rows, axis=0, return_counts=True)[1] / len(rows)
    return float(-(share @ np.log(share)))


def _bits(row: Array) -> str:
    return "".join(str(int(bit)) for bit in row)


def _weights(machine: RBM, n: int) -> Figure:
    from ebm.classroom.drawing import matrix, panels

    figure, (ax,) = panels(1, "", (8.6, 5.2))
    names = [f"{name}{k + 1}" for name in ("row ", "moved ") for k in range(n)] + list(_SHIFTS)
    matrix(ax, machine.params["W"], names, [f"h{j + 1}" for j in range(machine.n_hidden)], "W (nats)")
    for edge in (n, 2 * n):
        ax.axhline(edge - 0.5, color="black", linewidth=1.5)
    ax.set(title="Each hidden unit is for a bit here, a bit there, and a shift", xlabel="hidden unit")
    return figure


def _answers(said: dict[str, Array], best: Array, shift: Array) -> Figure:
    from ebm.classroom.drawing import matrix, panels

    figure, axes = panels(3, "Mean probability of each answer", (4.4, 3.6))
    for ax, (name, p) in zip(axes, {**said, "best": best}.items(), strict=True):
        table = np.array([p[shift == k].mean(0) for k in range(3)])
        matrix(ax, table, _SHIFTS, _SHIFTS, "probability", top=1)
        ax.set(
            title="the best there is" if name == "best" else f"hidden units: {name}",
            xlabel="answer",
            ylabel="truth",
        )
    return figure
