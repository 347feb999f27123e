"""Machines made from a machine, bounds on its log Z, files."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from experiments.campaigns.grid.case import Case, Cell
from experiments.campaigns.grid.oracle import agree

__all__ = ["below", "files", "machines", "near"]


def machines(c: Case) -> Iterator[tuple[str, Cell]]:
    """Other machines made of this one, and bounds."""
    m, t = c.machine, c.tolerance
    yield "mean field bounds log Z", lambda: below(ebm.mean_field(m, seed=c.seed), c.oracle.log_z(), 10 * t)
    yield "mean field at beta 0.4", lambda: below(ebm.mean_field(m, beta=0.4), c.oracle.log_z(0.4), 10 * t)
    yield "tap", lambda: near(float(ebm.tap(m)), c.oracle.log_z())
    yield "zero_sum", lambda: _same_law(c, _gauged(m))
    yield "rescaled", lambda: _rescaled(c)
    if m.units.finite:
        yield "condition", lambda: _conditioned(c)
    yield "copy", lambda: agree(m.copy().free_energy(c.x), m.free_energy(c.x), 0)
    yield "project", lambda: _same_law(c, _projected(m))
    if isinstance(m, ebm.DBM):
        yield "mean field bounds log p(v)", lambda: _bounded(c)
    yield "graph", lambda: _graph(c)


def below(found: Any, log_z: float, slack: float) -> None:
    assert float(found) <= log_z + slack, f"a bound of {float(found):.6g} on {log_z:.6g}"


def near(found: float, log_z: float) -> None:
    assert abs(found - log_z) < 0.3 * (1 + abs(log_z)), f"{found:.5g} for {log_z:.5g}"


def _gauged(m: Any) -> Any:
    twin = m.copy()
    ebm.zero_sum(twin)
    return twin


def _projected(m: Any) -> Any:
    twin = m.copy()
    twin.project()
    return twin


def _same_law(c: Case, twin: Any) -> None:
    off = twin.free_energy(c.x) - c.machine.free_energy(c.x)
    agree(off, np.full(len(off), off[0]), 10 * c.tolerance)


def _rescaled(c: Case) -> None:
    m, n = c.machine, c.machine.n_visible
    shift, scale = np.linspace(-1, 1, n), np.linspace(0.5, 2, n)
    twin = ebm.rescaled(m, shift, scale)
    jacobian = c.oracle.log_p_visible(c.v) - np.log(scale).sum()
    agree(ebm.log_likelihood(twin, shift + scale * c.v), jacobian, 20 * c.tolerance)


def _conditioned(c: Case) -> None:
    m = ebm.machine.require(c.machine, ebm.machine.Conditionable, "condition")
    given = np.full(m.n_units, np.nan)
    given[::2] = c.x[0, ::2]
    free = np.isnan(given)
    if not free.any():
        given[-1], free[-1] = np.nan, True
    rest, energy = m.condition(given)
    kept = (c.oracle.x[:, ~free] == given[~free]).all(1)
    agree(rest.exact(stats=False)[0] - energy, np.logaddexp.reduce(c.oracle.terms()[kept]), 5 * c.tolerance)


def _bounded(c: Case) -> None:
    bound = c.machine.log_likelihood_bound(c.v, c.oracle.log_z())
    assert (bound <= c.oracle.log_p_visible(c.v) + 10 * c.tolerance).all(), "a bound above the likelihood"


def _graph(c: Case) -> None:
    """As a pairwise model over all units it has the same sum."""
    marginals = ebm.elimination.eliminate(c.machine.graph())
    agree(float(marginals.log_z), c.oracle.log_z(), c.tolerance)


def files(c: Case) -> Iterator[tuple[str, Cell]]:
    yield "save and load", lambda: _saved(c)
    yield "pickle", lambda: _equal(c, pickle.loads(pickle.dumps(c.machine)))
    yield "a state of learning, saved", lambda: _state(c)


def _saved(c: Case) -> None:
    path = Path(tempfile.mkdtemp()) / "m.npz"
    ebm.save(path, c.machine)
    _equal(c, ebm.load(path))


def _state(c: Case) -> None:
    path = Path(tempfile.mkdtemp()) / "s.npz"
    rule, optimiser = ebm.PCD(n_chains=4), ebm.SGD(0.01, momentum=0.5)
    states = [ebm.begin(c.machine.copy(), rule, optimiser, 3) for _ in range(2)]
    ebm.save(path, states[0])
    states[0] = ebm.load(path)
    for state in states:
        ebm.partial_fit(state, c.v, rule, optimiser)
    for key, value in states[0].machine.params.items():
        assert np.array_equal(value, states[1].machine.params[key]), f"{key} differs after a step"


def _equal(c: Case, twin: Any) -> None:
    for key, value in c.machine.params.items():
        assert value.dtype == twin.params[key].dtype
        assert np.array_equal(value, twin.params[key]), f"{key} differs"
    assert np.array_equal(twin.free_energy(c.x), c.machine.free_energy(c.x))
