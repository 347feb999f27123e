"""Rules whose model phase is mean-field theory: means that satisfy their equations, instead of samples.

log Z is replaced by its mean-field bound or by the TAP estimate (`ebm.partition.mean_fields`). At a
stationary point its derivative by a coupling is m_i m_jᵀ, and in second order C_i J_ij C_j more, C being the
covariance of one unit; by a bias it is m. There are as many copies of the means as asked for, which may sit
in different solutions; they are carried from update to update and follow the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, settings
from ebm.graph import Graph, HasGraph, graph_of
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Array, Count, Machine, Params, require
from ebm.partition.mean_fields import Reaction, covariance, first_order
from ebm.parts import part_of
from ebm.stream import Stream
from ebm.units import Gaussian

__all__ = ["TAP", "MeanField"]

_SPREAD = 1.0  # standard deviation of the inputs about the biases that copies start with


def _second_moments(graph: Graph, I: Array, means: Array, *, second: bool) -> Array:
    """⟨φφᵀ⟩ between different units by mean-field theory, averaged over copies, (entries, entries)."""
    moments = means.T @ means / len(means)
    if not second:
        return moments
    blocks = [covariance(units, I[:, own], means[:, own]) for units, _, own in graph.parts()]
    places = [own for _, _, own in graph.parts()]
    J = graph.J.toarray()
    for a, (left, rows) in enumerate(zip(blocks, places, strict=True)):
        for right, columns in list(zip(blocks, places, strict=True))[a:]:
            shape = (left.shape[1], left.shape[2], right.shape[1], right.shape[2])
            between = J[rows, columns].reshape(shape)
            more = np.einsum("kiab,ibjc,kjcd->iajd", left, between, right, optimize=True) / len(means)
            moments[rows, columns] += more.reshape(J[rows, columns].shape)
            if rows != columns:
                moments[columns, rows] = moments[rows, columns].T
    return moments


@dataclass
class Copies(Carried):
    """Inputs of the copies of the means, (n_copies, entries)."""

    inputs: Array


@settings
class _Fields:
    """What both rules are: settings, copies of the means, and the difference of the phases."""

    n_iterations: Count = 10
    n_copies: Count = 20
    step: Annotated[float, Field(gt=0, le=1)] = 0.5

    second: ClassVar[bool]  # whether the second order in the couplings is taken along

    def init(self, machine: Machine, rng: Stream) -> Copies:
        """The copies, with random inputs."""
        name = type(self).__name__
        b = graph_of(machine, name).b
        if machine.params.keys() - {*machine.couplings, *machine.biases}:
            raise NotSupported(f"{name}: {machine}: potentials that are learnt need CD, PCD or Exact")
        u = rng.uniform(self.n_copies, len(b))
        return Copies(b + _SPREAD * Gaussian().sample(np.zeros(u.shape), u))

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """Statistics of the batch minus those of the means after n_iterations steps of their equations."""
        v, weights = batch
        pairwise = require(machine, HasGraph, type(self).__name__)
        graph, I = pairwise.graph(), part_of(Copies, carried, self).inputs
        reaction = Reaction(graph) if self.second else None
        for _ in range(self.n_iterations):
            means, _, field = first_order(graph, I)
            if reaction is not None:
                field = field + reaction(I, means)[1]
            I = I + self.step * (field - I)
        w = normalised(weights)
        if w is None:
            return zero(machine.params), Copies(I)
        means = first_order(graph, I)[0]
        positive = machine.stats(machine.clamp(v, rng), w)
        second = _second_moments(graph, I, means, second=self.second)
        negative = pairwise.moment_stats(second, means.mean(0))
        return {key: positive[key] - negative[key] for key in positive}, Copies(I)


@settings
class MeanField(_Fields):
    """Naive mean-field learning: the model phase is the product of means that satisfy m = A′(b + J·m).

    Its means have no correlations but those of copies in different solutions: a machine without hidden units,
    whose data are correlated, is driven until the means order by themselves. Use `TAP` there. Hidden units of
    a fully connected machine are sampled given the data.

    Parameters
    ----------
    n_iterations : int
        Steps of the mean-field equations per update.
    n_copies : int
        Copies of the means.
    step : float
        Part of the way to the new inputs that a step goes.

    Raises
    ------
    NotSupported
        A machine without a coupling graph.

    References
    ----------
    Peterson & Anderson, "A mean field theory learning algorithm for neural networks" (1987); Welling &
    Hinton, "A new learning algorithm for mean field Boltzmann machines" (2002).
    """

    second = False


@settings
class TAP(_Fields):
    """Learning with the Thouless–Anderson–Palmer equations: mean field and its second order in the couplings.

    Parameters
    ----------
    n_iterations, n_copies, step
        As of `MeanField`.

    Raises
    ------
    NotSupported
        A machine without a coupling graph.

    References
    ----------
    Gabrié, Tramel & Krzakala, "Training restricted Boltzmann machines via the Thouless-Anderson-Palmer free
    energy" (2015), with persistent means.
    """

    second = True
