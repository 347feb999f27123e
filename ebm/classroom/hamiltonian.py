"""All states of a machine: energies, probabilities, and what temperature does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, boltzmann, few_units, normal, written
from ebm.classroom.text import Bars, Table
from ebm.machine import Array
from ebm.stream import Seed
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["hamiltonian"]

_SHOWN = 16  # states in a table
_HOT, _COLD = 4.0, 0.25  # temperatures to compare with


def hamiltonian(n: int = 4, beta: float = 1.0, scale: float = 0.7, seed: Seed = 0) -> Lesson:
    """All states, their energies, and the softmax that makes probabilities of them.

    Parameters
    ----------
    n : int
        Units, 1 to 16.
    beta : float
        Inverse temperature.
    scale : float
        Standard deviation of couplings and biases.
    seed : int
        Of the couplings.
    """
    n = few_units(n, "n")
    beta = as_number(beta, "beta", 0, 100)
    scale = as_number(scale, "scale", 0, 100)
    upper = np.triu(scale * normal(seed, n, n))
    b, J = np.diag(upper).copy(), np.triu(upper, 1)
    machine = BoltzmannMachine(Bernoulli(), J + J.T, b)
    x = all_states(machine)
    energy = machine.energy(x)
    p = boltzmann(energy, beta)
    log_z = machine.exact(beta, stats=False)[0]
    mean, entropy = float(p @ energy), float(-p @ np.log(np.maximum(p, 1e-300)))
    order = np.argsort(energy, kind="stable")
    shown = order[:_SHOWN]
    rows = tuple(
        (written(x[k]), float(energy[k]), float(np.exp(-beta * energy[k])), float(p[k])) for k in shown
    )
    first = "" if len(x) <= _SHOWN else f", the {_SHOWN} lowest of {len(x)}"
    sums = (
        ("Z", float(np.exp(log_z)), "sum of all exp(-βE)"),
        ("log Z", log_z, "nats"),
        ("⟨E⟩", mean, "nats"),
        ("S", entropy, "nats, -Σ p log p"),
        ("log Z", entropy - beta * mean, "as S - β⟨E⟩: the same number"),
    )
    return Lesson(
        "hamiltonian",
        f"The Hamiltonian of {n} units gives every state a probability",
        (
            "A Boltzmann machine is one function, the energy E(x) = -b·x - ½ x·J·x of a row of bits. All"
            f" else follows: p(x) = exp(-βE(x)) / Z, here at β = {beta:g}. That is the softmax of -βE over"
            f" all {len(x)} states, which is also what a unit of {len(x)} states does with its input.",
            Table(f"States by their energy{first}", ("x", "E (nats)", "exp(-βE)", "p"), rows),
            Bars(
                "Probabilities, in the same order",
                tuple(written(x[k]) for k in shown),
                tuple(float(p[k]) for k in shown),
            ),
            Table("Sums over all states", ("", "value", "what"), sums),
            "Of two states only the difference of their energies counts: one that is log 2 = 0.69 nats/β"
            " lower is twice as probable. Heat (β near 0) makes all states alike; cold leaves the lowest"
            " alone.",
        ),
        {
            "x": x,
            "energy": energy,
            "p": p,
            "log_z": log_z,
            "mean_energy": mean,
            "entropy": entropy,
            "free_energy": -log_z / beta if beta > 0 else -np.inf,
            "J": machine.J.copy(),
            "b": b,
            "beta": beta,
            "lowest": x[order[0]],
            "degeneracy": int((energy - energy.min() < 1e-9).sum()),
        },
        {
            "couplings": lambda: _couplings(machine),
            "probabilities": lambda: _probabilities(x[order], energy[order], beta),
        },
    )


def _couplings(machine: BoltzmannMachine) -> Figure:
    from ebm.classroom.drawing import matrix, panels

    names = [str(k + 1) for k in range(machine.n_units)]
    figure, (left, right) = panels(2, "What the energy is made of")
    matrix(left, machine.J, names, names, "J (nats)")
    left.set(title="couplings", xlabel="unit", ylabel="unit")
    matrix(right, machine.params["b"][:, None], names, ["b"], "b (nats)")
    right.set(title="biases", ylabel="unit")
    return figure


def _probabilities(x: Array, energy: Array, beta: float) -> Figure:
    from ebm.classroom.drawing import LOOKS, bars, panels

    figure, (left, right) = panels(2, "From energies to probabilities", (5.6, 4.2))
    few = slice(0, _SHOWN)
    bars(left, {"p": boltzmann(energy, beta)[few]}, [written(state) for state in x[few]])
    left.set(title=f"states by their energy, β = {beta:g}", xlabel="state x", ylabel="probability")
    for T, look in zip((_COLD, 1.0, _HOT), LOOKS, strict=True):
        p = boltzmann(energy, 1 / T)
        right.semilogy(
            energy, p, look.marker, color=look.colour, markersize=4, label=f"T = {T:g}", linestyle=look.line
        )
    right.set(
        title="one straight line a temperature, slope -β", xlabel="energy (nats)", ylabel="probability (log)"
    )
    right.set_ylim(bottom=1e-8)
    right.legend(frameon=False, fontsize="small")
    return figure
