"""The encoder: two groups of units that can only talk through a few hidden ones find a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import boltzmann, few_units
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.maximum import maximise
from ebm.penalties import L2
from ebm.rbm import RBM
from ebm.stream import Seed, Stream
from ebm.units import Bernoulli, Potts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["encoder"]

_DECAY = 1e-4  # without it the weights of the solution are infinite
_CLIMB, _POLISH = 60, 300  # steps of every start, and of the best


def encoder(n: int = 8, n_hidden: int = 3, n_starts: int = 60, seed: Seed = 0) -> Lesson:
    """The encoder, 8-3-8 or 4-2-4: a code is found because there is no other way.

    Parameters
    ----------
    n : int
        Units of each group, of which one is on: 2 to 16.
    n_hidden : int
        Hidden units, 1 to 8; log2 n can hold a code for each.
    n_starts : int
        Machines that learn at most, each from random weights: until one has a code for each unit.
    seed : int
        Of their weights.
    """
    n, n_hidden = few_units(n, "n", 2), few_units(n_hidden, "n_hidden", 1, 8)
    n_starts = as_count(n_starts, "n_starts", 1, 1000)
    data = np.repeat(np.arange(n)[:, None], 2, axis=1)
    climbs, codes, best = [], [], None
    for k in range(n_starts):
        machine = RBM.random(
            Potts(n), Bernoulli(), 2, n_hidden, scale=0.5, seed=int(Stream(seed).split(k).key)
        )
        climbs.append(_climb(machine, data, _CLIMB))
        codes.append(len(np.unique(machine.mean_h(data) > 0.5, axis=0)))
        if best is None or climbs[-1][-1] > best[1]:
            best = machine, climbs[-1][-1]
        if codes[-1] == n:
            break
    assert best is not None
    machine = best[0]
    polished = float(_climb(machine, data, _POLISH)[-1])
    means = machine.mean_h(data)
    answer = np.array([_answers(machine, k, n) for k in range(n)])
    right = float(np.diag(answer).mean())
    counts = np.bincount(codes, minlength=n + 1)
    numbered = tuple(str(k + 1) for k in range(n))
    return Lesson(
        "encoder",
        f"The {n}-{n_hidden}-{n} encoder: a code, because there is no other way",
        (
            f"Two groups of {n} units, in each of which one is on: a Potts unit of {n} states. In every row"
            " of data it is the same one in both. The groups are not coupled; what the second knows of the"
            f" first has passed through {n_hidden} hidden units (Ackley, Hinton & Sejnowski 1985).",
            Table(
                f"{len(codes)} machines climbed the exact likelihood from random weights, until one had a"
                " code for each unit",
                ("different codes", "machines"),
                tuple((k, int(counts[k])) for k in range(n + 1) if counts[k]),
            ),
            Table(
                "The code of the best: means of the hidden units, given a row",
                ("unit on", *(f"h{j + 1}" for j in range(n_hidden)), "code", "answer is right"),
                tuple(
                    (
                        k + 1,
                        *(float(mean) for mean in means[k].round(3)),
                        "".join(str(int(bit)) for bit in means[k] > 0.5),
                        float(answer[k, k]),
                    )
                    for k in range(n)
                ),
            ),
            Bars(
                "Probability that the second group answers with the unit that is on in the first",
                numbered,
                tuple(map(float, np.diag(answer))),
            ),
            f"On average {100 * right:.1f} % of answers are right, and a row has {polished:.3f} nats where"
            f" {-np.log(n):.3f} is the best there can be. Machines with fewer codes sit in a local maximum:"
            " two units share a code, and no small step parts them.",
        ),
        {
            "W": machine.params["W"].copy(),
            "codes": (means > 0.5).astype(int),
            "codes_of_starts": np.array(codes),
            "answers": answer,
            "right": right,
            "log_likelihood": polished,
            "best_possible": float(-np.log(n)),
        },
        {
            "code": lambda: _code(machine, means, answer),
            "learning": lambda: _learning(climbs, codes, n),
        },
    )


def _climb(machine: RBM, data: Array, n_steps: int) -> Array:
    """Learn, and say the mean log-likelihood after each step, nats."""
    steps: list[float] = []
    maximise(machine, data, penalties=(L2(_DECAY),), max_iterations=n_steps, callback=steps.append)
    return np.array(steps)


def _answers(machine: RBM, first: int, n: int) -> Array:
    """p(second group | first), (n,): the softmax of −F over its states."""
    rows = np.stack([np.full(n, first), np.arange(n)], axis=1)
    return boltzmann(machine.free_energy(rows))


def _code(machine: RBM, means: Array, answer: Array) -> Figure:
    from ebm.classroom.drawing import matrix, panels

    n, n_hidden = answer.shape[0], machine.n_hidden
    hidden = [f"h{j + 1}" for j in range(n_hidden)]
    figure, (left, middle, right) = panels(3, f"The code of a {n}-{n_hidden}-{n} encoder", (4.6, 4.4))
    units = [f"{side}{k + 1}" for side in "ab" for k in range(n)]
    matrix(left, machine.params["W"], units, hidden, "W (nats)", written=False)
    left.set(title="weights", ylabel="state of group a, of group b")
    matrix(middle, means, columns=hidden, label="mean of h", top=1)
    middle.set(title="codes", ylabel="unit that is on")
    matrix(right, answer, label="probability", written=n <= 4, top=1)
    right.set(title="answers", xlabel="unit of the second group", ylabel="unit of the first")
    return figure


def _learning(climbs: list[Array], codes: list[int], n: int) -> Figure:
    from ebm.classroom.drawing import panels

    figure, (ax,) = panels(1, "", (6.6, 4.4))
    for climb, found in zip(climbs, codes, strict=True):
        whole = found == n
        ax.plot(
            np.arange(1, len(climb) + 1), climb, color="#12355b" if whole else "0.7",
            linewidth=2 if whole else 0.9, zorder=3 if whole else 2,
        )  # fmt: skip
    ax.plot([], [], color="#12355b", linewidth=2, label="a code for each unit")
    ax.plot([], [], color="0.7", label="fewer codes: a local maximum")
    ax.axhline(-np.log(n), color="#b94a00", linestyle="--", label=f"the best there can be, −log {n}")
    ax.set(title="Every line a machine", xlabel="step of the climb", ylabel="log-likelihood (nats per row)")
    ax.legend(frameon=False, fontsize="small", loc="lower right")
    return figure
