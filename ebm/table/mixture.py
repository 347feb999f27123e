"""An RBM with few hidden states as what it is: a mixture of products, p(v) = Σₕ p(h) Πᵢ p(vᵢ | h).

Given any of the columns, the others are a mixture of the same products with other weights: p(h | what is
known) ∝ exp(c·φ(h) − U(h)) Π p̃(vᵢ | h) over the known ones times Π exp Aᵢ(h) over the others, docs/math.md
(4.1). So every conditional, of rows with gaps too, is exact; real columns are mixtures of Gaussians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.errors import NotSupported
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.states import enumerate_states, n_states
from ebm.stream import Stream
from ebm.units import Units

__all__ = ["Mixture", "is_small"]

_MOST = 2**14  # hidden states
_AT_ONCE = 2**22  # numbers worked on at a time
_HALVINGS = 60  # of the brackets of a quantile
_FAR = 12.0  # deviations beyond which nothing lies


def is_small(machine: object) -> bool:
    """Whether a machine is an RBM with so few hidden states that they are summed one by one."""
    return (
        isinstance(machine, RBM)
        and machine.hidden.finite
        and n_states(machine.hidden, machine.n_hidden) <= _MOST
    )


class Mixture:
    """The distribution of the visible units of an RBM, as a sum over its hidden states.

    Parameters
    ----------
    machine : RBM
        For which `is_small` holds; a copy of today's parameters is taken.
    """

    def __init__(self, machine: RBM) -> None:
        self.units, self.n = machine.visible, machine.n_visible
        params = {key: value.astype(np.float64) for key, value in machine.params.items()}
        self.units = self.units.bound(*(params[f"v.{name}"] for name in self.units.learns))
        h = enumerate_states(machine.hidden, machine.n_hidden).astype(np.float64)
        self.phi = phi = machine.hidden.encode(h)
        self.log_h = phi @ params["c"] - machine.hidden.potential(h).sum(-1)
        self.inputs = params["b"] + phi @ params["W"].T
        self.cgf = self.units.cgf(self.inputs)
        self.log_z = float(_log_sum(self.log_h + self.cgf.sum(1)))

    def _blocks(self, n: int) -> list[slice]:
        step = max(1, _AT_ONCE // len(self.log_h))
        return [slice(k, k + step) for k in range(0, max(1, n), step)]

    def terms(self, rows: Array) -> Array:
        """log Σ over the gaps of p̃(row, h), (n, n_hidden_states): of each row what its known cells say."""
        gaps = np.isnan(rows)
        total = self.log_h + gaps @ self.cgf.T
        for units, own, columns in self.units.parts(self.n):
            x, known = _states(units, rows[:, own]), ~gaps[:, own]
            phi = units.encode(x).astype(np.float64) * np.repeat(known, units.width, axis=1)
            total += phi @ self.inputs[:, columns].T - (units.potential(x) * known).sum(1)[:, None]
        return total

    def known(self, rows: Array) -> Array:
        """φ of what is known, (n, n_visible·width), 0 in gaps."""
        parts = []
        for units, own, _ in self.units.parts(self.n):
            x = rows[:, own]
            phi = units.encode(_states(units, x)).astype(np.float64)
            parts.append(phi * np.repeat(~np.isnan(x), units.width, axis=1))
        return np.concatenate(parts, axis=1)

    def log_likelihood(self, rows: Array) -> Array:
        """log p of what is known of each row, nats, (n,)."""
        parts = [_log_sum(self.terms(rows[k])) for k in self._blocks(len(rows))]
        return np.concatenate(parts) - self.log_z

    def cells(self, rows: Array) -> Array:
        """log p of each cell given the others that are known, nats, (n, n_units); NaN in gaps."""
        found = np.full(rows.shape, np.nan)
        for k in self._blocks(len(rows)):
            total = self.terms(rows[k])
            whole = _log_sum(total)
            for i in range(self.n):
                known = ~np.isnan(rows[k, i])
                without = total[known] - self.cell_terms(i, rows[k, i][known]) + self.cgf[:, i]
                found[k, i][known] = whole[known] - _log_sum(without)
        return found

    def cell_terms(self, i: int, x: Array) -> Array:
        """I·φ(x) − U(x) of unit i in states x (n,), for each hidden state: (n, n_hidden_states)."""
        one, own = self.units.one(i), self.units.own(i)
        x = _states(one, x[:, None])
        return one.encode(x).astype(np.float64) @ self.inputs[:, own].T - one.potential(x)

    def weights(self, rows: Array) -> Array:
        """p(h | what is known of a row), (n, n_hidden_states)."""
        total = self.terms(rows)
        total -= total.max(1, keepdims=True)
        p = np.exp(total)
        return p / p.sum(1, keepdims=True)

    def probabilities(self, rows: Array, i: int) -> Array:
        """p of each state of unit i given what is known of each row, (n, n_states)."""
        one = self._finite(i)
        return self.weights(rows) @ self._by_state(i, np.asarray(one.states))

    def draw(self, rows: Array, rng: Stream) -> Array:
        """Rows whose gaps are drawn together given what is known, (n, n_units): exact and independent."""
        u = rng.uniform(len(rows), 1 + self.n, np.float64)
        found = np.array(rows, np.float64)
        for k in self._blocks(len(rows)):
            cdf = np.cumsum(self.weights(rows[k]), 1)
            h = (cdf[:, :-1] < u[k, :1]).sum(1)
            drawn = self.units.sample(self.inputs[h], u[k, 1:])
            found[k] = np.where(np.isnan(rows[k]), drawn, rows[k])
        return found

    def _by_state(self, i: int, states: Array) -> Array:
        """p(v_i = state | h), (n_hidden_states, n_states)."""
        return np.exp(self.cell_terms(i, states).T - self.cgf[:, [i]])

    def _finite(self, i: int) -> Units:
        one = self.units.one(i)
        if one.states is None:
            raise NotSupported(f"unit {i}: {one} has a continuum of states; expected a mean or an interval")
        return one

    def moments(self, rows: Array, i: int) -> tuple[Array, Array]:
        """Mean and variance of unit i given what is known of each row, (n,) each."""
        weights, one = self.weights(rows), self.units.one(i)
        if one.states is not None:
            states = np.asarray(one.states)
            p = weights @ self._by_state(i, states)
            mean = p @ states
            return mean, (p * np.square(states - mean[:, None])).sum(1)
        I = self.inputs[:, self.units.own(i)]
        means, variances = one.mean(I)[:, 0], one.var(I)[:, 0]
        mean = weights @ means
        return mean, (weights * (variances + np.square(means - mean[:, None]))).sum(1)

    def quantile(self, rows: Array, i: int, q: ArrayLike) -> Array:
        """Where the cdf of unit i given what is known of each row reaches q: (n,) or (n, len(q))."""
        from scipy.special import ndtr

        weights, one = self.weights(rows), self.units.one(i)
        levels = np.atleast_1d(np.asarray(q, np.float64))
        if one.states is not None:
            cdf = np.cumsum(weights @ self._by_state(i, np.asarray(one.states)), 1)
            place = (cdf[:, None, :-1] < levels[:, None]).sum(-1)
            found = np.asarray(one.states)[place]
        elif one.normal is not None:
            I = self.inputs[:, self.units.own(i)]
            means, widths = one.mean(I)[:, 0], np.sqrt(one.var(I)[:, 0])
            low = np.full((len(rows), len(levels)), (means - _FAR * widths).min())
            high = np.full(low.shape, (means + _FAR * widths).max())
            for _ in range(_HALVINGS):
                middle = 0.5 * (low + high)
                below = (weights[:, None] * ndtr((middle[..., None] - means) / widths)).sum(-1) < levels
                low, high = np.where(below, middle, low), np.where(below, high, middle)
            found = 0.5 * (low + high)
        else:
            raise NotSupported(f"unit {i}: {one}: expected a Gaussian unit, or one of finitely many states")
        return found if np.ndim(q) else found[:, 0]


def _states(units: Units, x: Array) -> Array:
    """States with something in the gaps, as a type wants them."""
    filled = np.where(np.isnan(x), 0.0 if units.states is None else units.states[0], x)
    return units.as_states(filled, np.float64)


def _log_sum(terms: Array) -> Array:
    """log Σ exp over the last axis."""
    top = terms.max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(terms - top).sum(-1))
