"""Sweeps, samplers and estimates, from exact draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import ebm
from experiments.campaigns.grid.case import Case, Cell
from experiments.campaigns.grid.changes import below, near
from experiments.campaigns.grid.oracle import Oracle
from tests import oracles

__all__ = ["estimates", "moves", "samplers"]

_LEAST = 1e-9  # how unlikely draws are that no machine's law would bring about
_DRAWS = 1500
_SWEEPS = 40  # that forget a start, at couplings such as these


def moves(c: Case) -> Iterator[tuple[str, Cell]]:
    """Sweeps leave exact draws where they are."""
    m = c.machine
    for scan in m.scans:
        yield f"sweep, scan {scan}", lambda s=scan: _still(c, 1.0, None, scan=s)
    yield "sweep, beta 0.4 and base", lambda: _still(c, 0.4, c.base)
    yield "sweep, beta 1.6", lambda: _still(c, 1.6, None)
    if m.n_units > 1:
        yield "sweep, a unit held", lambda: _held(c)
    yield "sweep of few chains", lambda: _few(c)
    yield (
        "sample0",
        lambda: _drawn_from(c, m.sample0(_DRAWS, ebm.Stream(c.seed), c.base), c.oracle.p(0.0, c.base)),
    )
    yield (
        "sweeps forget",
        lambda: _drawn_from(
            c, m.sweep(m.sample0(_DRAWS, ebm.Stream(1)), ebm.Stream(c.seed), _SWEEPS), c.oracle.p()
        ),
    )


def _drawn_from(c: Case, y: np.ndarray, p: np.ndarray) -> None:
    chance = c.oracle.unlike(np.asarray(y), p)
    assert chance > _LEAST, f"draws that p brings about once in {1 / max(chance, 1e-300):.2g}"


def _exact(c: Case, beta: float, base: Any) -> np.ndarray:
    if c.machine.units.finite:
        return c.oracle.draws(_DRAWS, c.seed, beta, base).astype(c.machine.dtype)
    if isinstance(c.machine.units, ebm.Mixed) or not (
        c.machine.hidden.finite or c.machine.hidden.normal is not None
    ):
        return c.machine.sweep(
            c.machine.sample0(_DRAWS, ebm.Stream(5), base), ebm.Stream(6), _SWEEPS, beta, base
        )
    if not c.machine.hidden.finite and not isinstance(c.machine.units, ebm.Gaussian):
        return c.machine.sweep(
            c.machine.sample0(_DRAWS, ebm.Stream(5), base), ebm.Stream(6), _SWEEPS, beta, base
        )
    rng = np.random.default_rng([c.seed, 4])
    return oracles.exact_draws(c.machine, _DRAWS, rng, beta, base).astype(c.machine.dtype)


def _still(c: Case, beta: float, base: Any, **how: Any) -> None:
    x = _exact(c, beta, base)
    y = c.machine.sweep(x, ebm.Stream(c.seed), 2, beta, base, **how)
    _drawn_from(c, y, c.oracle.p(beta, base))


def _held(c: Case) -> None:
    m = c.machine
    free = np.ones(m.n_units, bool)
    free[0] = False
    x = _exact(c, 1.0, None)
    y = m.sweep(x, ebm.Stream(c.seed), 3, free=free)
    assert np.array_equal(x[:, 0], y[:, 0]), "a unit that is held has moved"
    _drawn_from(c, y, c.oracle.p())


def _few(c: Case) -> None:
    """Few chains, many sweeps: other code than for many chains."""
    m = c.machine
    chains, seen, rng = m.start(_exact(c, 1.0, None)[:6]), [], ebm.Stream(c.seed)
    for _ in range(120):
        m.sweep(chains, rng, 6)
        seen.append(np.array(chains.x))
    _drawn_from(c, np.concatenate(seen), c.oracle.p())


def _walked(c: Case, sampler: Any, n: int = _DRAWS, steps: int = _SWEEPS) -> np.ndarray:
    rng = ebm.Stream(c.seed)
    state = sampler.init(c.machine, n, rng, None)
    for _ in range(steps if sampler.length is None else sampler.length):
        state, _ = sampler.step(c.machine, state, rng)
    return state.x


def samplers(c: Case) -> Iterator[tuple[str, Cell]]:
    for name, sampler in {
        "Gibbs": ebm.Gibbs(),
        "Gibbs, scan random": ebm.Gibbs(scan="random"),
        "Metropolis": ebm.Metropolis(),
        "SwendsenWang": ebm.SwendsenWang(),
        "Wolff": ebm.Wolff(),
        "Direct": ebm.Direct(),
    }.items():
        yield f"sample by {name}", lambda s=sampler: _drawn_from(c, _walked(c, s), c.oracle.p())
    for name, sampler, steps in (  # many machines a chain, so fewer chains
        ("Tempering", ebm.Tempering(n_replicas=3, n_adapt=5), 30),
        ("TemperedTransitions", ebm.TemperedTransitions(n_temperatures=4), 8),
        ("TrajectoryTempering", ebm.TrajectoryTempering((_weaker(c.machine),)), 30),
    ):
        yield (
            f"sample by {name}",
            lambda s=sampler, k=steps: _drawn_from(c, _walked(c, s, 300, k), c.oracle.p()),
        )
    for beta in (0.0, 0.4):
        yield (
            f"sample by Gibbs, beta {beta}",
            lambda b=beta: _drawn_from(c, _walked(c, ebm.Gibbs(beta=b)), c.oracle.p(b)),
        )
    yield (
        "sample by Metropolis, beta 0.4",
        lambda: _drawn_from(c, _walked(c, ebm.Metropolis(beta=0.4)), c.oracle.p(0.4)),
    )
    yield "sample given a unit", lambda: _given(c)


def _given(c: Case) -> None:
    m = c.machine
    given = np.full(m.n_units, np.nan)
    given[0] = c.x[0, 0]
    y = ebm.sample(m, 800, given=given, n_chains=800, burn_in=_SWEEPS, thin=1, seed=c.seed).x
    assert (y[:, 0] == given[0]).all(), "what is given has changed"
    if m.units.finite:
        p = np.where(c.oracle.x[:, 0] == given[0], c.oracle.p(), 0)
        _drawn_from(c, y, p / p.sum())


def estimates(c: Case) -> Iterator[tuple[str, Cell]]:
    """Estimates of log Z are within a few of their errors."""
    for method, how in (("ais", {"n_temperatures": 20, "n_chains": 60}), ("mean_field", {}), ("tap", {})):
        yield f"log_z by {method}", lambda n=method, h=how: _estimated(c, n, h)
    if c.machine.units.finite:
        yield "log_z_ratio", lambda: _ratio(c)


def _estimated(c: Case, method: str, how: dict[str, Any]) -> None:
    found = ebm.log_z(c.machine, method, seed=c.seed, **how)
    if method == "mean_field":
        return below(found, c.oracle.log_z(), 10 * c.tolerance)
    if method == "tap":
        return near(float(found), c.oracle.log_z())
    z = (found.value - c.oracle.log_z()) / (found.stderr + 10 * c.tolerance)
    assert abs(z) < 7 or found.verdict == "do not trust", f"off by {z:.1f} of its errors"
    return None


def _weaker(m: Any) -> Any:
    """The machine with weaker couplings."""
    twin = m.copy()
    for key in twin.couplings:
        twin.params[key] *= 0.8
    twin.project()
    return twin


def _ratio(c: Case) -> None:
    m, twin = c.machine, _weaker(c.machine)
    other = Oracle(twin)
    one, two = (o.draws(1500, k).astype(m.dtype) for k, o in enumerate((c.oracle, other)))
    found = ebm.log_z_ratio(m, twin, one, two)
    expected = c.oracle.log_z() - other.log_z()
    assert abs(found[0] + expected) < 7 * found[1] + 1e-3, f"{found[0]:.4g} for {expected:.4g}"
