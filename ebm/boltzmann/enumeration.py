"""Exact sums over the states of a fully connected machine, or over its hidden units given data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.boltzmann.couplings import as_csr, is_sparse
from ebm.logsum import LogSum
from ebm.machine import Array
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.units import Units

__all__ = ["conditioned", "refuse_states", "sum_hidden", "sum_states", "visible_energies"]

_LIMIT = 2.0**28  # states of all units
_LIMIT_HIDDEN = 2.0**20  # states of the hidden units, for every row
_SECONDS_PER_STATE = 1e-8
_AT_ONCE = 2**22  # states, or rows × states, worked on at a time


def _terms(units: Units, x: Array, b: Array, J: Array) -> tuple[Array, Array]:
    """φ(x), and b·φ + ½ φ·J·φ − Σ U(x) of each row: minus its energy."""
    phi = units.encode(x) if x.shape[1] else np.zeros((len(x), 0))
    minus = phi @ b + 0.5 * np.einsum("ni,ni->n", phi @ J, phi)
    return phi, minus if units.bare or not x.shape[1] else minus - units.potential(x).sum(1)


def _all_states(units: Units, n: int) -> Array:
    return enumerate_states(units, n) if n else np.zeros((1, 0))


def refuse_states(units: Units, n: int) -> None:
    """Refuse to enumerate the states of n units when they are too many."""
    refuse_above(_LIMIT, n_states(units, n), _SECONDS_PER_STATE, 32.0 * _AT_ONCE, "summing over the states")


def sum_states(units: Units, J: Array, b: Array, stats: bool) -> tuple[float, Array, Array]:
    """log Z and, with `stats`, ⟨φφᵀ⟩ and ⟨φ⟩; docs/math.md (6.5).

    The units are cut into two halves: the energy is a term of each half and one matrix product between
    them, so a state costs one exponential.

    Parameters
    ----------
    J, b : ndarray, float64
        Couplings and biases, times β.
    """
    n = units.count(len(b))
    refuse_states(units, n)
    half = np.arange(n) < n // 2
    one, other = units.taken(half), units.taken(~half)
    cut = one.columns(n // 2) if n > 1 else 0
    left, left_terms = _terms(one, _all_states(one, n // 2), b[:cut], J[:cut, :cut])
    cross = left @ J[:cut, cut:]
    n_right = n - n // 2
    count, step = int(n_states(other, n_right)), max(1, _AT_ONCE // len(left))
    sums = LogSum()
    for start in range(0, count, step):
        states = enumerate_states(other, n_right, start, min(start + step, count))
        right, right_terms = _terms(other, states, b[cut:], J[cut:, cut:])
        p = sums.weigh(left_terms[:, None] + right_terms + cross @ right.T)
        if stats:
            p_left, p_right = p.sum(1), p.sum(0)
            both = left.T @ (p @ right)
            sums.add("mean", np.concatenate([p_left @ left, p_right @ right]))
            second = [[(left.T * p_left) @ left, both], [both.T, (right.T * p_right) @ right]]
            sums.add("second", np.block(second))
    if not stats:
        return sums.log, J, b
    return sums.log, sums.mean("second"), sums.mean("mean")


def _layers(units: Units, n: int, n_visible: int) -> tuple[Units, Units]:
    """The types of the visible and of the hidden units of n."""
    seen = np.arange(n) < n_visible
    return units.taken(seen), units.taken(~seen)


def _hidden_terms(units: Units, J: Array, b: Array, v: Array) -> tuple[Array, Array, Array, Array]:
    """φ(v), minus its own energy (n,), the hidden states encoded (K, ·), and their log-terms (n, K)."""
    n = units.count(len(b))
    visible, hidden = _layers(units, n, v.shape[1])
    cut = visible.columns(v.shape[1])
    phi, own = _terms(visible, np.asarray(v, np.float64), b[:cut], J[:cut, :cut])
    h, terms = _terms(hidden, _all_states(hidden, n - v.shape[1]), b[cut:], J[cut:, cut:])
    return phi, own, h, (phi @ J[:cut, cut:]) @ h.T + terms


def _chunks(units: Units, J: Array, v: Array) -> list[slice]:
    """Slices of rows for which all states of the hidden units fit at once."""
    n = units.count(len(J))
    total = n_states(_layers(units, n, v.shape[1])[1], n - v.shape[1])
    seconds = _SECONDS_PER_STATE * len(v)
    refuse_above(_LIMIT_HIDDEN, total, seconds, 16.0 * _AT_ONCE, "summing over the hidden units")
    step = max(1, int(_AT_ONCE // max(total, len(J))))
    return [slice(k, k + step) for k in range(0, len(v), step)]


def visible_energies(units: Units, J: Array, b: Array, v: Array) -> Array:
    """−log Σ over the hidden units of exp(−E), docs/math.md (3.5): (n,) nats."""
    out = np.empty(len(v))
    for rows in _chunks(units, J, v):
        _, own, _, terms = _hidden_terms(units, J, b, v[rows])
        top = terms.max(1)
        out[rows] = -(own + top + np.log(np.exp(terms - top[:, None]).sum(1)))
    return out


def sum_hidden(units: Units, J: Array, b: Array, v: Array, weights: Array) -> tuple[Array, Array]:
    """⟨φφᵀ⟩ and ⟨φ⟩ averaged over p(hidden | v), the weighted sums over rows."""
    second: Any = np.zeros_like(J)
    mean = np.zeros_like(b)
    for rows in _chunks(units, J, v):
        phi, _, h, terms = _hidden_terms(units, J, b, v[rows])
        p = np.exp(terms - terms.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        w, expected = weights[rows], p @ h
        both = (phi.T * w) @ expected
        second += np.block([[(phi.T * w) @ phi, both], [both.T, (h.T * (w @ p)) @ h]])
        mean += np.concatenate([w @ phi, w @ expected])
    return second, mean


def conditioned(units: Units, J: Any, b: Array, given: Array) -> tuple[Any, Array, float]:
    """Couplings and biases of the free units (NaN in `given`), and the energy of the others, (3.6)."""
    free = np.isnan(given)
    fixed_units = units.taken(~free)
    phi = fixed_units.encode(given[~free])
    columns = free[units.owners(len(free))]
    if is_sparse(J):
        J = as_csr(J)
    own, cross = J[np.ix_(columns, columns)], J[np.ix_(columns, ~columns)]
    fixed = J[np.ix_(~columns, ~columns)]
    energy = 0.0 - float(phi @ b[~columns] + 0.5 * phi @ (fixed @ phi))
    if not fixed_units.bare:
        energy += float(fixed_units.potential(given[~free]).sum())
    return own, (b[columns] + cross @ phi).astype(b.dtype), energy
