"""Units and sites of a machine, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import ebm
from experiments.campaigns.grid.case import Case, Cell
from experiments.campaigns.grid.numbers import log_sum_over, replaced
from experiments.campaigns.grid.oracle import agree, minus_f, minus_visible_f
from tests import oracles

__all__ = ["units"]


def units(c: Case) -> Iterator[tuple[str, Cell]]:
    """One unit given the others, and hidden units given the data."""
    m, t = c.machine, 5 * c.tolerance
    kinds = oracles.sites(m.units, m.n_units)
    for i in {0, m.n_visible - 1}:
        rest = np.delete(c.v, i, 1)
        yield (
            f"conditional_probabilities of unit {i}",
            lambda i=i, r=rest: agree(ebm.conditional_probabilities(m, r, unit=i), _p_of(c, i), t),
        )
        yield (
            f"conditional_log_likelihood of unit {i}",
            lambda i=i: agree(ebm.conditional_log_likelihood(m, c.v, unit=i), _log_p_of(c, i), t),
        )
        yield (
            f"marginal_free_energy without unit {i}",
            lambda i=i, r=rest: agree(
                ebm.marginal_free_energy(m, r, unit=i), -log_sum_over(m, c.v, i, kinds[i]), t
            ),
        )
        yield (
            f"conditional_moments of unit {i}",
            lambda i=i, r=rest: _moments(c, i, ebm.conditional_moments(m, r, unit=i)),
        )
        yield f"site_energies of unit {i}", lambda i=i: _sites(c, i)
    if isinstance(m, ebm.RBM):
        f = oracles.phi(m.visible, c.v)
        means = lambda: _mean_of(m.hidden, m.c + f @ m.W.astype(float))  # noqa: E731
        yield "mean_h", lambda: agree(m.mean_h(c.v), means(), max(t, 1e-5))
        yield "inputs_h", lambda: agree(m.inputs_h(c.v), m.c + f @ m.W.astype(float), t)
        yield (
            "reconstruct",
            lambda: agree(
                m.reconstruct(c.v), _mean_of(m.visible, m.b + means() @ m.W.T.astype(float)), max(t, 1e-5)
            ),
        )
        yield "sample_h", lambda: _drawn(m, c)
    if isinstance(m, ebm.BoltzmannMachine):
        field = oracles.phi(m.units, c.x) @ oracles.dense(m).astype(float) + m.b
        yield "inputs", lambda: agree(m.inputs(c.x), field, t)
        yield "probability_on", lambda: agree(m.probability_on(c.x), _p_on(c), t)


def _grid_of(own: Any) -> tuple[np.ndarray, np.ndarray]:
    if own.states is not None:
        return np.array(own.states), np.ones(len(own.states))
    return oracles.nodes(own)


def _log_terms(c: Case, i: int) -> tuple[np.ndarray, np.ndarray]:
    own = oracles.sites(c.machine.units, c.machine.n_visible)[i]
    own = _bound(c.machine, own, i)
    grid, w = _grid_of(own)
    return grid, np.stack(
        [minus_visible_f(c.machine, replaced(c.v, i, s)) + np.log(a) for s, a in zip(grid, w, strict=True)], 1
    )


def _bound(m: Any, own: Any, i: int) -> Any:
    return own if isinstance(m.units, ebm.Mixed) or not own.learns else m.units.one(i)


def _p_of(c: Case, i: int) -> np.ndarray:
    _, terms = _log_terms(c, i)
    return np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None])


def _log_p_of(c: Case, i: int) -> np.ndarray:
    _, terms = _log_terms(c, i)
    return minus_visible_f(c.machine, c.v) - np.logaddexp.reduce(terms, axis=1)


def _moments(c: Case, i: int, found: Any) -> None:
    grid, p = _log_terms(c, i)[0], _p_of(c, i)
    mean = p @ grid
    agree(found[0], mean, max(5 * c.tolerance, 1e-6))
    agree(found[1], p @ grid**2 - mean**2, max(20 * c.tolerance, 1e-6))


def _sites(c: Case, i: int) -> None:
    own = oracles.sites(c.machine.units, c.machine.n_units)[i]
    found = c.machine.site_energies(c.x, i)
    expected = np.stack([-minus_f(c.machine, replaced(c.x, i, s)) for s in own.states], 1)
    agree(found - found[:, :1], expected - expected[:, :1], 5 * c.tolerance)


def _mean_of(units: Any, I: np.ndarray) -> np.ndarray:
    """⟨φ⟩ given I: the slope of the log of the sum over states."""
    out, h = np.empty(I.shape), 1e-4
    for k in range(I.shape[1]):
        up, down = I.copy(), I.copy()
        up[:, k] += h
        down[:, k] -= h
        out[:, k] = (oracles.layer_log_sum(units, up).sum(1) - oracles.layer_log_sum(units, down).sum(1)) / (
            2 * h
        )
    return out


def _drawn(m: Any, c: Case) -> None:
    v = np.repeat(c.v[:1], 4000, 0)
    h = oracles.phi(m.hidden, m.sample_h(v, ebm.Stream(c.seed)))
    expected = _mean_of(m.hidden, m.c + oracles.phi(m.visible, c.v[:1]) @ m.W.astype(float))
    z = (h.mean(0) - expected[0]) / np.sqrt((h.var(0) + 1e-3) / len(h))
    assert np.abs(z).max() < 6.5, f"hidden means are {np.abs(z).max():.1f} errors off"


def _p_on(c: Case) -> np.ndarray:
    found = []
    for i, own in enumerate(oracles.sites(c.machine.units, c.machine.n_units)):
        two = [minus_f(c.machine, replaced(c.x, i, s)) for s in own.states]
        found.append(np.exp(two[1] - np.logaddexp(*two)))
    return np.stack(found, 1)
