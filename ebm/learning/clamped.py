"""The positive phase where a state carries hidden units: swept given the data, or by mean-field theory.

Given v, the hidden units of a fully connected machine are a machine of their own, docs/math.md (3.6), with
biases b_h + φ(v)·J_vh and couplings J_hh. Naive mean-field theory takes them as independent; its means
satisfy m = A′(b_h + φ(v)·J_vh + m·J_hh), (5.17), and maximise a lower bound on log p(v) + log Z, as in
Salakhutdinov & Hinton, "Deep Boltzmann machines" (2009). They are exact where hidden units do not couple to
each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Protocol, TypeAlias

import numpy as np

from ebm.errors import NotSupported
from ebm.graph import Graph, HasGraph
from ebm.machine import Array, Chains, Machine, MeanFielded, Params, as_data, require
from ebm.partition.mean_fields import Evaluation, first_order, iterate
from ebm.stream import Stream

__all__ = ["HiddenMeans", "MeanState", "Positive", "Swept", "check_positive", "clamped"]

Positive: TypeAlias = Literal["gibbs", "mean-field"]

_TOLERANCE = 1e-6  # of the means
_COARSE = 3e-3  # of means that teach: their errors are far below the noise of the chains
_MOST = 200  # iterations


class Chooses(Protocol):
    """A rule that has the choice."""

    @property
    def positive(self) -> Positive:
        """What it chose."""


def check_positive(rule: Chooses, machine: Machine) -> None:
    """Refuse mean fields for a machine whose state has no hidden units."""
    if rule.positive == "mean-field" and machine.n_units == machine.n_visible:
        raise NotSupported(
            f"{type(rule).__name__}: positive='mean-field': {machine} has no hidden units in its state;"
            " its positive phase is exact: leave it at 'gibbs'"
        )


def clamped(rule: Chooses, machine: Machine, v: Array, rng: Stream) -> Swept | MeanState | HiddenMeans:
    """Rows of data with hidden units given them, as the rule wants them."""
    check_positive(rule, machine)
    if rule.positive != "mean-field":
        return Swept(machine, v, rng)
    return MeanState(machine, v) if isinstance(machine, MeanFielded) else HiddenMeans(machine, v)


class Swept:
    """Rows completed to states by Gibbs sweeps, the data held."""

    def __init__(self, machine: Machine, v: Array, rng: Stream) -> None:
        self._machine, self._data = machine, machine.start(machine.clamp(v, rng))

    def start(self, rng: Stream) -> Chains:
        """Chains that begin at the rows."""
        return self._data.copy()

    def contrast(self, w: Array, model: Chains | Array, others: Array | None = None) -> tuple[Params, Params]:
        """Statistics of the rows minus those of the model's chains, and those of the biases in the rows."""
        return self._machine.contrast(self._data, w, model, others)


class MeanState:
    """Rows completed by mean-field means, for a machine whose statistics take means, docs/math.md (4.17).

    A deep Boltzmann machine's do, whose odd layers are summed out.
    """

    def __init__(self, machine: MeanFielded, v: Array) -> None:
        self._machine, self._x = machine, machine.mean_field(v, tolerance=_COARSE)[0]

    def start(self, rng: Stream) -> Chains:
        """Chains that begin at the rows and at draws of independent units with these means."""
        x, cut = self._x.copy(), self._machine.n_visible
        u, means = rng.uniform(len(x), x.shape[1] - cut, x.dtype), x[:, cut:]
        for units, own, _ in self._machine.units.taken(np.arange(cut, x.shape[1])).parts(x.shape[1] - cut):
            low, high = units.interval
            means[:, own] = np.where(low + (high - low) * u[:, own] < means[:, own], high, low)
        return self._machine.start(x)

    def contrast(self, w: Array, model: Chains | Array, others: Array | None = None) -> tuple[Params, Params]:
        """Statistics of the rows minus those of the model's chains, and those of the biases in the rows."""
        return self._machine.contrast(self._machine.start(self._x), w, model, others)


class HiddenMeans:
    """Rows with hidden means that satisfy the mean-field equations given them.

    Parameters
    ----------
    machine : Machine
        With a coupling graph, its hidden units in its state.
    v : (n, n_visible)

    Attributes
    ----------
    inputs, means : ndarray, (n, entries)
        I and ⟨φ⟩ = A′(I) of the hidden units, n_hidden·width entries.
    """

    def __init__(self, machine: Machine, v: Array) -> None:
        self._machine, self._v = require(machine, HasGraph, "mean-field positive phase"), as_data(machine, v)
        self._phi = machine.units.encode(self._v).astype(np.float64)
        graph, cut = self._machine.graph(), self._phi.shape[1]
        n_hidden = machine.n_units - machine.n_visible
        b = graph.b[cut:] + (graph.J[cut:, :cut] @ self._phi.T).T
        hidden = Graph(((machine.units, n_hidden),), graph.b[cut:], graph.J[cut:, cut:], n_hidden)
        hidden = replace(hidden, b=b)

        def evaluate(I: Array) -> Evaluation:
            return first_order(hidden, I)

        self.inputs, _, self.means, *_ = iterate(hidden, evaluate, b, _MOST, _TOLERANCE, climbs=True)

    def start(self, rng: Stream) -> Chains:
        """Chains that begin at the rows and at draws of independent hidden units with these means."""
        machine, n = self._machine, len(self._v)
        u = rng.uniform(n, machine.n_units - machine.n_visible)
        return machine.start(np.concatenate([self._v, machine.units.sample(self.inputs, u)], axis=1))

    def stats(self, w: Array) -> Params:
        """⟨φφᵀ⟩ and ⟨φ⟩ under v and independent hidden units, the weighted sum over rows."""
        phi = np.concatenate([self._phi, self.means], axis=1)
        return self._machine.moment_stats((phi.T * w) @ phi, w @ phi)

    def contrast(self, w: Array, model: Chains | Array, others: Array | None = None) -> tuple[Params, Params]:
        """Statistics of the rows minus those of the model's chains, and those of the biases in the rows."""
        first, second = self.stats(w), self._machine.stats(model, others)
        return {key: first[key] - second[key] for key in first}, {"b": first["b"]}
