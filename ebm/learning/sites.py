"""Rules without log Z and without chains: objectives made of one-unit changes of the data.

Let Δ_is be the free energy of a row with unit i put into state s, minus that of the row itself. log Z cancels
in it. Each rule is a function of these differences; with c_is its derivative by −Δ_is, its gradient is
Σ c_is (stats of the changed row − stats of the row): one method of the machine, `site_contrast`, serves all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ebm.errors import NotSupported, settings
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import (
    Array,
    Chains,
    Machine,
    Pairwise,
    Params,
    as_data,
    inputs_of,
    moving_units,
    site_differences,
)
from ebm.states import site_states
from ebm.stream import Stream

__all__ = ["MinimumProbabilityFlow", "PseudoLikelihood", "RatioMatching"]


def _running(rule: object, machine: Machine, v: Array) -> tuple[Array, Chains]:
    """Rows of states, and chains at them, or one line that this rule is none for such a machine."""
    name = type(rule).__name__
    if not moving_units(machine).finite:
        raise NotSupported(f"{name}: {moving_units(machine)} units have a continuum of states; use PCD")
    if machine.n_units != machine.n_visible:
        raise NotSupported(f"{name}: {machine} has hidden units in its state; use PCD or Exact")
    rows = as_data(machine, v, strict=True)
    return rows, machine.start(rows)


def _gradient(
    rule: object, machine: Machine, batch: Batch, carried: Carried, slope: Callable[[Array, Array], Array]
) -> tuple[Params, Carried]:
    """The gradient whose coefficients are slope(Δ, own), own marking the states that the rows are in."""
    v, weights = batch
    rows, running = _running(rule, machine, v)
    w = normalised(weights)
    if w is None:
        return zero(machine.params), carried
    sites = rows[:, inputs_of(machine) :]
    own = sites[:, :, None] == site_states(moving_units(machine), sites.shape[1])
    c = slope(site_differences(machine, running, own), own)
    return machine.site_contrast(running, w[:, None, None] * np.where(own, 0.0, c)), carried


def _conditionals(differences: Array) -> Array:
    """p(s | the other units) of every state of every unit, (n, n_units, n_states)."""
    p = np.exp(differences.min(-1, keepdims=True) - differences)
    return p / p.sum(-1, keepdims=True)


@settings
class PseudoLikelihood:
    """The gradient of the mean log pseudo-likelihood Σᵢ log p(vᵢ | the others), docs/math.md (7.2).

    Consistent, and without hidden units concave: a machine without them is learnt to the maximum by any
    optimiser. Nats per sample.

    Raises
    ------
    NotSupported
        Continuous units, or hidden units that are not summed out.

    References
    ----------
    Besag, "Statistical analysis of non-lattice data" (1975); Hyvärinen, "Consistency of pseudolikelihood
    estimation of fully visible Boltzmann machines" (2006); Marlin, Swersky, Chen & de Freitas, "Inductive
    principles for restricted Boltzmann machine learning" (2010), for RBMs.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((3, 3)))
    >>> rows = np.array([[1, 1, 1], [-1, -1, 1]])
    >>> gradient, _ = PseudoLikelihood().gradient(machine, (rows, np.ones(2)), Carried(), ebm.Stream(0))
    >>> gradient["b"], gradient["J"][0]
    (array([0., 0., 1.]), array([0., 2., 0.]))
    """

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing."""
        return Carried()

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The exact gradient of the batch, docs/math.md (5.12)."""
        if not isinstance(machine, Pairwise):
            return _gradient(self, machine, batch, carried, lambda d, own: -_conditionals(d))
        v, weights = batch
        rows, running = _running(self, machine, v)
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        # Σ_s p(s | the others)(φ(s) − φ(v_i)) is the conditional mean less φ(v_i): one product for all units
        change = machine.units.mean(machine.inputs(running))
        np.subtract(machine.units.encode(rows), change, out=change)
        change *= w[:, None].astype(change.dtype)
        return machine.site_changes(running, change), carried


@settings
class RatioMatching:
    """Ratio matching: descend ½ Σᵢ Σₛ (1[s = vᵢ] − p(s | the others))², docs/math.md (5.13).

    Of two states that is Σᵢ (1 − p(vᵢ | the others))². Consistent, bounded, and deaf to rows that the machine
    gives almost no probability.

    Raises
    ------
    NotSupported
        Continuous units, or hidden units that are not summed out.

    References
    ----------
    Hyvärinen, "Some extensions of score matching" (2007), section 3, of two states. With more, the square of
    1 − p(vᵢ) alone is no proper score: it does not have the truth as its optimum. Brier's (1950) has.
    """

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing."""
        return Carried()

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The exact gradient of the batch."""

        def slope(differences: Array, own: Array) -> Array:
            p = _conditionals(differences)
            missed = own - p
            return p * (missed - np.sum(missed * p, axis=-1, keepdims=True))

        return _gradient(self, machine, batch, carried, slope)


@settings
class MinimumProbabilityFlow:
    """Minimum probability flow: descend Σᵢ Σₛ exp(−Δ_is/2) over all changes of one unit, docs/math.md (5.14).

    Every one-unit change of a row counts as a state that probability flows to, also one that is itself in
    the data: with dense data its optimum is therefore another one than the likelihood's.

    Raises
    ------
    NotSupported
        Continuous units, or hidden units that are not summed out.

    References
    ----------
    Sohl-Dickstein, Battaglino & DeWeese, "Minimum probability flow learning" (2011), eq. 14.
    """

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing."""
        return Carried()

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The exact gradient of the batch."""
        return _gradient(self, machine, batch, carried, lambda d, own: -0.5 * np.exp(-0.5 * d))
