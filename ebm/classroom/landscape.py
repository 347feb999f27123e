"""The energy landscape of a small machine: its valleys, and the passes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebm.arguments import as_number
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, boltzmann, few_units, glass, written
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.stream import Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Valleys", "landscape", "valleys"]

_SHOWN = 12


def landscape(n: int = 12, temperature: float = 0.5, seed: Seed = 0) -> Lesson:
    """Valleys and passes of the energy of a small glass.

    Parameters
    ----------
    n : int
        Spins, 2 to 16, each coupled to all others by normal numbers.
    temperature : float
        At which the share of each valley is said.
    seed : int
        Of the glass.
    """
    n = few_units(n, "n", 2)
    T = as_number(temperature, "temperature", 1e-3, 1e6)
    machine = glass(n, seed)
    x = all_states(machine)
    energy = machine.energy(x)
    found = valleys(energy, n)
    p = boltzmann(energy, 1 / T)
    share = np.bincount(found.valley, p, len(found.lowest))
    size = np.bincount(found.valley, minlength=len(found.lowest))
    rows = tuple(
        (
            k + 1,
            written(x[i]),
            float(energy[i]),
            int(size[k]),
            float(share[k]),
            "" if np.isinf(found.barrier[k]) else f"{found.barrier[k]:.4g}",
        )
        for k, i in enumerate(found.lowest[:_SHOWN])
    )
    least = float(found.barrier[np.isfinite(found.barrier)].max(initial=0.0))
    return Lesson(
        "landscape",
        f"The landscape of {n} spins: {len(found.lowest)} valleys",
        (
            "States are neighbours where one spin is turned. A state lower than all its neighbours is the"
            " bottom of a valley; each other state rolls to its lowest neighbour, and on, to the bottom of"
            " its own. The barrier is how far one has to climb from a bottom to reach any lower one.",
            Table(
                f"Valleys by their lowest state{'' if len(rows) == len(found.lowest) else ', the first'}",
                ("valley", "bottom", "E (nats)", "states", f"share at T = {T:g}", "barrier (nats)"),
                rows,
            ),
            Bars(
                f"Share of each valley at T = {T:g}",
                tuple(str(k + 1) for k in range(len(rows))),
                tuple(map(float, share[: len(rows)])),
            ),
            f"The highest barrier is {least:.3f} nats: at this temperature single turns cross it about once"
            f" in exp({least:.2f}/T) = {np.exp(min(least / T, 300)):.3g} tries. The two lowest are each"
            " other's negatives.",
        ),
        {
            "x": x,
            "energy": energy,
            "lowest": found.lowest,
            "valley": found.valley,
            "barrier": found.barrier,
            "passes": found.passes,
            "share": share,
            "J": machine.J.copy(),
        },
        {
            "tree": lambda: _tree(energy, found, T),
            "energies": lambda: _energies(energy, found),
        },
    )


class Valleys(NamedTuple):
    """The valleys of an energy over all states of n two-state units.

    lowest : (m,) int
        Bottoms, the lowest first.
    valley : (2ⁿ,) int
        Whose bottom each state rolls to.
    barrier : (m,)
        From each bottom up to the lowest pass to a lower one; infinite for the first.
    passes : list of (height, kept, lost)
        As the water rises: at which energy which two valleys become one.
    """

    lowest: Array
    valley: Array
    barrier: Array
    passes: list[tuple[float, int, int]]


def valleys(energy: Array, n: int) -> Valleys:
    """Find valleys and passes by letting the water rise: states in the order of their energies."""
    size = len(energy)
    neighbours = np.arange(size)[:, None] ^ (1 << np.arange(n))  # states are numbered in binary
    around = energy[neighbours]
    down = neighbours[np.arange(size), around.argmin(1)]
    bottom = np.where(around.min(1) < energy, down, np.arange(size))
    while (bottom[bottom] != bottom).any():
        bottom = bottom[bottom]
    lowest = np.unique(bottom)
    lowest = lowest[np.argsort(energy[lowest], kind="stable")]
    number = np.full(size, -1)
    number[lowest] = np.arange(len(lowest))
    lake = np.full(size, -1)  # the lake that a state is under, by any state of it
    owner = np.arange(size)

    def surface(state: int) -> int:
        while owner[state] != state:
            owner[state] = owner[owner[state]]
            state = owner[state]
        return state

    barrier, passes = np.full(len(lowest), np.inf), []
    deepest = np.full(size, len(lowest))
    for state in np.argsort(energy, kind="stable"):
        lake[state] = state
        deepest[state] = number[state] if number[state] >= 0 else len(lowest)
        for other in neighbours[state]:
            if lake[other] < 0:
                continue
            a, b = surface(int(state)), surface(int(other))
            if a == b:
                continue
            kept, lost = sorted((int(deepest[a]), int(deepest[b])))
            if lost < len(lowest):
                barrier[lost] = energy[state] - energy[lowest[lost]]
                passes.append((float(energy[state]), kept, lost))
            owner[b] = a
            deepest[a] = kept
    return Valleys(lowest, number[bottom], barrier, passes)


def _tree(energy: Array, found: Valleys, T: float) -> Figure:
    from ebm.classroom.drawing import panels

    figure, (ax,) = panels(1, "", (7.4, 4.8))
    place = _places(found)
    top = max((h for h, _, _ in found.passes), default=float(energy.min()) + 1)
    at = {k: (place[k], float(energy[i])) for k, i in enumerate(found.lowest)}
    for height, kept, lost in found.passes:
        (x1, y1), (x2, y2) = at[kept], at[lost]
        ax.plot([x1, x1, x2, x2], [y1, height, height, y2], color="#12355b", linewidth=1.2)
        at[kept] = ((x1 + x2) / 2, height)
    _label_bottoms(ax, energy, found, place)
    ax.set(
        title=f"The tree of valleys: lines join where a pass is (T = {T:g})",
        ylabel="energy (nats)",
        xticks=[],
    )
    ax.annotate("", (1.02, energy.min() + T), (1.02, energy.min()), xycoords=ax.get_yaxis_transform(),
                arrowprops={"arrowstyle": "<->"}, annotation_clip=False)  # fmt: skip
    ax.text(1.03, energy.min() + T / 2, "T", transform=ax.get_yaxis_transform(), va="center")
    ax.set_ylim(float(energy.min()) - 0.15 * (top - float(energy.min())), top * (1 if top > 0 else 0.9))
    return figure


def _label_bottoms(ax: Axes, energy: Array, found: Valleys, place: Array) -> None:
    for k, i in enumerate(found.lowest[:_SHOWN]):
        ax.annotate(
            str(k + 1), (place[k], energy[i]), xytext=(0, -4), textcoords="offset points",
            ha="center", va="top", fontsize="small",
        )  # fmt: skip


def _places(found: Valleys) -> Array:
    """Where each bottom stands so that the lines of the tree do not cross: valleys that meet are together."""
    groups = {k: [k] for k in range(len(found.lowest))}
    for _, kept, lost in found.passes:
        groups[kept] = groups[kept] + groups.pop(lost)
    order = [k for group in groups.values() for k in group]
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    return place


def _energies(energy: Array, found: Valleys) -> Figure:
    from ebm.classroom.drawing import panels

    figure, (ax,) = panels(1, "", (6.4, 4.2))
    ax.hist(energy, bins=40, color="#3d9fd6", edgecolor="white", label="all states")
    ax.vlines(
        energy[found.lowest], 0, ax.get_ylim()[1] * 0.08, color="#b94a00", linewidth=1.4, label="bottoms"
    )
    ax.set(title="Few states are low, and few of those are bottoms", xlabel="energy (nats)", ylabel="states")
    ax.legend(frameon=False, fontsize="small")
    return figure
