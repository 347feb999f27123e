"""The softmax is the Boltzmann distribution of one unit; softmax regression is a Boltzmann machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import boltzmann
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.network import readout
from ebm.optimisers import SGD
from ebm.rbm import RBM
from ebm.stream import Seed, Stream
from ebm.units import Gaussian, Potts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["softmax"]

_TEMPERATURES = (0.25, 1.0, 4.0)
_MARKS = (("o", "#12355b"), ("s", "#b94a00"), ("^", "#3d9fd6"), ("D", "0.5"), ("v", "black"), ("*", "white"))


def softmax(n_states: int = 3, distance: float = 2.0, n_rows: int = 300, seed: Seed = 0) -> Lesson:
    """One Potts unit is a softmax; softmax regression is a Boltzmann machine.

    Parameters
    ----------
    n_states : int
        Of the unit, and classes of the points: 2 to 6.
    distance : float
        Of the middles of the classes from the origin, in their standard deviations.
    n_rows : int
        Points to learn from.
    seed : int
        Of the points.
    """
    q = as_count(n_states, "n_states", 2, 6)
    distance, n_rows = as_number(distance, "distance", 0, 100), as_count(n_rows, "n_rows", 2 * q, 10**5)
    unit = Potts(q)
    I = np.linspace(1.0, -1.0, q)
    p = {T: unit.mean(I[None] / T)[0] for T in _TEMPERATURES}
    x, y = _points(q, distance, n_rows, seed)
    network = readout(None, x, y, units=unit, optimiser=SGD(0.3), epochs=60, batch_size=50, seed=0)
    W, b = network.params["W0"].astype(np.float64), network.params["b0"].astype(np.float64)
    machine = RBM(Gaussian(), unit, W, np.zeros(2), b)
    by_energy = _joint(machine, x, q)
    by_network = network.predict_mean(x).astype(np.float64)
    own = -float(np.log(by_network[np.arange(n_rows), y]).mean())
    rows = tuple(
        (k + 1, float(I[k]), float(-I[k]), float(np.exp(I[k])), *(float(p[T][k]) for T in _TEMPERATURES))
        for k in range(q)
    )
    few = [int(np.flatnonzero(y == k)[0]) for k in range(q)]
    return Lesson(
        "softmax",
        "The softmax is the Boltzmann distribution of one unit",
        (
            f"A Potts unit has {q} states; state k has the energy -I_k. Boltzmann's p = exp(-E/T) / Z is the"
            " softmax of I/T, and log Z its normaliser, the unit's cgf. Temperature is the T of a language"
            " model that is told to be bold or careful.",
            Table(
                f"One unit (log Z = {float(unit.cgf(I[None])[0, 0]):.4f} nats at T = 1)",
                ("state", "I", "E", "exp(I)", *(f"p, T = {T:g}" for T in _TEMPERATURES)),
                rows,
            ),
            *(
                Bars(f"T = {T:g}", tuple(str(k + 1) for k in range(q)), tuple(map(float, p[T])))
                for T in _TEMPERATURES
            ),
            "Let the input be I = b + x·W: softmax regression. The same W and b in a Boltzmann machine of two"
            " visible units x and one hidden Potts unit give the same p(class | x), by the energies of (x,"
            " class) alone.",
            Table(
                f"p(class | x) of a point of each class (largest difference over all {n_rows} points:"
                f" {np.abs(by_energy - by_network).max():.1e})",
                (
                    "class",
                    "x1",
                    "x2",
                    *(f"regression {k + 1}" for k in range(q)),
                    *(f"machine {k + 1}" for k in range(q)),
                ),
                tuple(
                    (int(y[i]) + 1, *map(float, x[i]), *map(float, by_network[i]), *map(float, by_energy[i]))
                    for i in few
                ),
            ),
            f"And its loss, {own:.4f} nats per row, is what the rule Discriminative climbs in a machine:"
            " -log p(class | x).",
        ),
        {
            "I": I,
            "p": p,
            "x": x,
            "y": y,
            "regression": by_network,
            "machine": by_energy,
            "loss": own,
            "W": W,
            "b": b,
            "error": float(network.error(x, y)),
        },
        {
            "temperature": lambda: _temperature(p),
            "regions": lambda: _regions(machine, x, y, q),
        },
    )


def _points(q: int, distance: float, n: int, seed: Seed) -> tuple[Array, Array]:
    """Points about the corners of a regular polygon, of classes in turn."""
    from scipy.special import ndtri

    y = np.arange(n) % q
    angle = 2 * np.pi * y / q + np.pi / 2
    noise = ndtri(Stream(seed).uniform(n, 2))
    return distance * np.stack([np.cos(angle), np.sin(angle)], 1) + noise, y


def _joint(machine: RBM, x: Array, q: int) -> Array:
    """p(class | x) by the energies of the machine in all states that x allows, (n, q)."""
    energies = [machine.energy(x, np.full((len(x), 1), k)) for k in range(q)]
    return boltzmann(np.stack(energies, axis=1))


def _temperature(p: dict[float, Array]) -> Figure:
    from ebm.classroom.drawing import bars, panels

    figure, (ax,) = panels(1, "", (6.4, 4.0))
    q = len(next(iter(p.values())))
    bars(ax, {f"T = {T:g}": values for T, values in p.items()}, [str(k + 1) for k in range(q)])
    ax.set_title("One unit at three temperatures", pad=26)
    ax.set(xlabel="state", ylabel="probability")
    return figure


def _regions(machine: RBM, x: Array, y: Array, q: int) -> Figure:
    from ebm.classroom.drawing import panels

    figure, (ax,) = panels(1, "", (6.2, 5.2))
    reach = float(np.abs(x).max()) * 1.05
    side = np.linspace(-reach, reach, 161)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    p = machine.mean_h(grid)
    sure = p.max(1).reshape(161, 161)
    image = ax.imshow(
        sure, extent=(-reach, reach, -reach, reach), origin="lower", cmap="Greys_r", vmin=1 / q, vmax=1
    )
    ax.contour(
        side, side, p.argmax(1).reshape(161, 161), np.arange(q - 1) + 0.5, colors="black", linewidths=1
    )
    for k, (marker, colour) in enumerate(
        zip("os^Dv*", ("#12355b", "#b94a00", "#3d9fd6", "0.5", "k", "w"), strict=True)
    ):
        if k < q:
            ax.plot(*x[y == k].T, marker, color=colour, markersize=4, markeredgecolor="white", linestyle="",
                    markeredgewidth=0.4, label=f"class {k + 1}")  # fmt: skip
    figure.colorbar(image, ax=ax, label="probability of the likeliest class", shrink=0.85)
    ax.set(title="Softmax regression, as a machine's p(h | v)", xlabel="x1", ylabel="x2")
    ax.legend(frameon=True, fontsize="small", loc="upper right")
    return figure
