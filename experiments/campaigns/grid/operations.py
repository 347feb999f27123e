"""What machines are asked in the grid: each operation is a cell, right where the definition says so too."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

import ebm
from experiments.campaigns.grid.oracle import Oracle, agree, in_float64, minus_f, moved
from tests import oracles

__all__ = ["Case", "cells"]

Cell = Callable[[], None]
_LEAST = 1e-9  # how unlikely draws are that no machine's law would bring about
_DRAWS = 1500
_SWEEPS = 40  # that forget a start, at couplings such as these
_BETAS = (0.4, 1.0, 1.6)


@dataclass
class Case:
    """A machine, rows of it, and what they are judged by."""

    machine: Any
    seed: int

    @cached_property
    def oracle(self) -> Oracle:
        """Its definition."""
        return Oracle(self.machine)

    @property
    def tolerance(self) -> float:
        """Of numbers, relative where they are above 1."""
        exact = 1e-9 if self.machine.dtype == np.float64 else 2e-4
        return exact if self.machine.units.finite else max(exact, 1e-6)

    @property
    def rng(self) -> np.random.Generator:
        """A generator that begins anew each time."""
        return np.random.default_rng([self.seed, 9])

    @cached_property
    def x(self) -> np.ndarray:
        """Rows of states."""
        m = self.machine
        x = oracles.states_of(m.units, 5, m.n_units, self.rng)
        return (np.rint(8 * x) / 8).astype(m.dtype)  # numbers that float16 has, too

    @property
    def v(self) -> np.ndarray:
        """Rows of data."""
        return self.x[:, : self.machine.n_visible]

    @cached_property
    def base(self) -> np.ndarray:
        """Inputs at β = 0."""
        return (0.5 * self.rng.normal(size=self.machine.units.columns(self.machine.n_units))).astype(
            self.machine.dtype
        )

    @cached_property
    def direction(self) -> dict[str, np.ndarray]:
        """A move of the parameters that keeps what couplings have to keep."""
        twin, zero = in_float64(self.machine), in_float64(self.machine)
        for value in twin.params.values():
            value += 0.1 * self.rng.normal(size=value.shape)
        if isinstance(twin, ebm.BoltzmannMachine):
            J = twin.params["J"]
            if twin.sparse:
                M = twin.J.tocsr()
                J[...] = ((M + M.T) / 2).tocsr().data if (M + M.T).nnz == len(J) else zero.params["J"] * 1.1
            else:
                J[...] = (J + J.T) / 2
        twin.project()
        return {key: twin.params[key] - zero.params[key] for key in zero.params}

    def along(self, stats: dict[str, Any]) -> float:
        """Statistics along the direction; couplings that stand twice count once."""
        share = {key: self.machine.share if key in self.machine.couplings else 1.0 for key in stats}
        return float(
            sum(share[k] * np.sum(np.asarray(stats[k], np.float64) * self.direction[k]) for k in stats)
        )

    def slope(self, of: Callable[[Any], float]) -> float:
        """The slope of a function of machines along the direction, of fourth order."""
        at = {k: of(moved(self.machine, self.direction, k * _STEP)) for k in (-2, -1, 1, 2)}
        return (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * _STEP)


_STEP = 1e-2


def cells(case: Case) -> Iterator[tuple[str, Cell]]:
    """The operations on a machine, by name."""
    for family in (
        _energies,
        _sums,
        _slopes,
        _scores,
        _units,
        _machines,
        _files,
        _moves,
        _samplers,
        _estimates,
    ):
        yield from family(case)


def _energies(c: Case) -> Iterator[tuple[str, Cell]]:
    m, t = c.machine, c.tolerance
    for beta in (0.0, 0.4, 1.0, 1.6):
        yield f"free_energy, beta {beta}", lambda b=beta: agree(m.free_energy(c.x, b), -minus_f(m, c.x, b), t)
    rows = np.array([0.0, 0.3, 1.0, 0.7, 1.3])
    each = np.stack([-minus_f(m, c.x[[k]], b) for k, b in enumerate(rows)]).ravel
    yield "free_energy, a beta a row", lambda: agree(m.free_energy(c.x, rows), each(), t)
    yield (
        "free_energy, base",
        lambda: agree(m.free_energy(c.x, 0.4, c.base), -minus_f(m, c.x, 0.4, c.base), t),
    )
    yield "free_energy of chains", lambda: agree(m.free_energy(m.start(c.x)), -minus_f(m, c.x), t)
    ladder = np.stack([rows, np.ones(5)])
    yield "free_energy, a ladder", lambda: agree(m.free_energy(c.x, ladder)[1], -minus_f(m, c.x), t)
    yield (
        "visible_free_energy",
        lambda: agree(m.visible_free_energy(c.v), -c.oracle.log_p_visible(c.v) - c.oracle.log_z(), t),
    )
    if isinstance(m, ebm.RBM):
        h = oracles.states_of(m.hidden, 5, m.n_hidden, c.rng).astype(m.dtype)
        yield "energy(v, h)", lambda: agree(m.energy(c.v, h), _joint(m, c.v, h), t)
    elif isinstance(m, ebm.BoltzmannMachine):
        yield "energy", lambda: agree(m.energy(c.x), -minus_f(m, c.x), t)


def _joint(m: Any, v: np.ndarray, h: np.ndarray) -> np.ndarray:
    f, g = oracles.phi(m.visible, v), oracles.phi(m.hidden, h)
    own = oracles.potential(m.visible, v.astype(float)) + oracles.potential(m.hidden, h.astype(float))
    return own - f @ m.b - g @ m.c - np.einsum("ni,ij,nj->n", f, m.W.astype(float), g)


def _sums(c: Case) -> Iterator[tuple[str, Cell]]:
    m, t = c.machine, c.tolerance
    for beta in _BETAS:
        yield (
            f"exact log Z, beta {beta}",
            lambda b=beta: agree(m.exact(b, stats=False)[0], c.oracle.log_z(b), t),
        )
    yield "log_z", lambda: agree(ebm.log_z(m).value, c.oracle.log_z(), t)
    for base in (None, c.base):
        name = "log Z at beta 0" + ", base" * (base is not None)
        yield name, lambda b=base: agree(m.log_z0(b), c.oracle.log_z(0.0, b), t)
    yield "elimination", lambda: agree(ebm.elimination.log_z_by_elimination(m), c.oracle.log_z(), t)
    yield "normalisable", lambda: agree(m.normalisable(), True, 0)


def _slopes(c: Case) -> Iterator[tuple[str, Cell]]:
    m, t = c.machine, max(1e-6, 5 * c.tolerance)
    w = np.array([0.3, 1.5, -0.4, 0.0, 0.8])
    of_rows = lambda machine: w @ minus_f(machine, c.x)  # noqa: E731
    yield "stats", lambda: agree(c.along(m.stats(c.x, w)), c.slope(of_rows), t)
    yield "stats of chains", lambda: agree(c.along(m.stats(m.start(c.x), w)), c.slope(of_rows), t)
    yield "exact expectations", lambda: agree(c.along(m.exact()[1]), c.slope(lambda k: Oracle(k).log_z()), t)
    yield (
        "contrast",
        lambda: agree(
            c.along(m.contrast(c.x, w, c.x[::-1])[0]),
            c.slope(of_rows) - c.slope(lambda k: minus_f(k, c.x).mean()),
            t,
        ),
    )
    likelihood = lambda k: Oracle(k).log_p_visible(c.v).mean()  # noqa: E731
    for name, rule in (("Exact", ebm.Exact()), ("Exact, centred", ebm.Exact(centred=True))):
        if name == "Exact":
            yield (
                f"gradient by {name}",
                lambda r=rule: agree(c.along(_gradient(m, c.v, r)), c.slope(likelihood), t),
            )
        else:
            yield f"gradient by {name}", lambda r=rule: _uphill(m, c.v, r)
    if m.units.finite and m.n_units == m.n_visible:
        pl = lambda k: _pseudo(Oracle(k), c.v).mean()  # noqa: E731
        yield (
            "gradient by PseudoLikelihood",
            lambda: agree(c.along(_gradient(m, c.v, ebm.PseudoLikelihood())), c.slope(pl), t),
        )
    yield (
        "posterior_stats",
        lambda: agree(c.along(m.posterior_stats(c.v, w)), c.slope(lambda k: w @ _unnormalised(k, c.v)), t),
    )


def _unnormalised(machine: Any, v: np.ndarray) -> np.ndarray:
    oracle = Oracle(machine)
    return oracle.log_p_visible(v) + oracle.log_z()


def _gradient(m: Any, v: np.ndarray, rule: Any) -> dict[str, np.ndarray]:
    rng = ebm.Stream(1)
    return rule.gradient(m, (v, np.ones(len(v))), rule.init(m, rng), rng)[0]


def _uphill(m: Any, v: np.ndarray, rule: Any) -> None:
    """A centred step goes up: its product with the plain gradient is positive."""
    plain, step = _gradient(m, v, ebm.Exact()), _gradient(m, v, rule)
    assert sum(np.sum(plain[k] * step[k]) for k in plain) > 0


def _pseudo(oracle: Oracle, v: np.ndarray) -> np.ndarray:
    """Σ log p(v_i | the others), by the definition."""
    total = np.zeros(len(v))
    for i, own in enumerate(oracles.sites(oracle.machine.units, v.shape[1])):
        total += minus_f(oracle.machine, v) - _log_sum_over(oracle.machine, v, i, own)
    return total


def _log_sum_over(m: Any, v: np.ndarray, i: int, own: Any) -> np.ndarray:
    """log Σ exp(−F) over the states of unit i."""
    return np.logaddexp.reduce([minus_f(m, _with(v, i, s)) for s in own.states], axis=0)


def _with(v: np.ndarray, i: int, state: float) -> np.ndarray:
    out = np.array(v, np.float64)
    out[:, i] = state
    return out


def _scores(c: Case) -> Iterator[tuple[str, Cell]]:
    m, t = c.machine, c.tolerance
    yield "log_likelihood", lambda: agree(ebm.log_likelihood(m, c.v), c.oracle.log_p_visible(c.v), 2 * t)
    yield (
        "log_likelihood, log Z given",
        lambda: agree(
            ebm.log_likelihood(m, c.v, 0.5), c.oracle.log_p_visible(c.v) + c.oracle.log_z() - 0.5, 2 * t
        ),
    )
    yield (
        "free_energy_gap",
        lambda: agree(
            ebm.free_energy_gap(m, c.v[:3], c.v[2:]),
            c.oracle.log_p_visible(c.v[:3]).mean() - c.oracle.log_p_visible(c.v[2:]).mean(),
            2 * t,
        ),
    )
    if m.units.finite:
        yield (
            "kl_divergence",
            lambda: agree(
                ebm.kl_divergence(m, c.v, [1.0, 2, 1, 0, 1]), _kl(c, np.array([1.0, 2, 1, 0, 1])), 5 * t
            ),
        )
    yield "pseudo_likelihood", lambda: agree(ebm.pseudo_likelihood(m, c.v), _pseudo(c.oracle, c.v), 5 * t)
    yield "pseudo_likelihood, a site a row", lambda: _one_site(c)
    for kind, change in _CONTAINERS.items():
        yield (
            f"log_likelihood of {kind} rows",
            lambda ch=change: agree(ebm.log_likelihood(m, ch(c.v)), c.oracle.log_p_visible(c.v), 2 * t),
        )


def _mapped(v: np.ndarray) -> Any:
    path = Path(tempfile.mkdtemp()) / "v.npy"
    np.save(path, v)
    return np.load(path, mmap_mode="r")


_CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "sparse": scipy.sparse.csr_array,
    "coo": scipy.sparse.coo_array,
    "Fortran": np.asfortranarray,
    "mapped": _mapped,
    "float16": lambda v: v.astype(np.float16),
    "list": lambda v: v.tolist(),
    "strided": lambda v: np.repeat(v, 2, 1)[:, ::2],
    "big-endian": lambda v: v.astype(v.dtype.newbyteorder(">")),
    "masked": lambda v: np.ma.array(v, mask=False),
}


def _kl(c: Case, w: np.ndarray) -> float:
    distinct, which = np.unique(c.v, axis=0, return_inverse=True)
    q = np.bincount(which.ravel(), w / w.sum(), len(distinct))
    log_p = c.oracle.log_p_visible(distinct)
    return float(sum(a * (np.log(a) - b) for a, b in zip(q, log_p, strict=True) if a > 0))


def _one_site(c: Case) -> None:
    m = c.machine
    sites = np.arange(5) % m.n_visible
    found = ebm.pseudo_likelihood(m, c.v, sites=sites)
    own = oracles.sites(m.units, m.n_visible)
    each = [minus_f(m, c.v[[k]]) - _log_sum_over(m, c.v[[k]], i, own[i]) for k, i in enumerate(sites)]
    agree(found, m.n_visible * np.concatenate(each), 5 * c.tolerance)


def _units(c: Case) -> Iterator[tuple[str, Cell]]:
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
                ebm.marginal_free_energy(m, r, unit=i), -_log_sum_over(m, c.v, i, kinds[i]), t
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
        [minus_f(c.machine, _with(c.v, i, s)) + np.log(a) for s, a in zip(grid, w, strict=True)], 1
    )


def _bound(m: Any, own: Any, i: int) -> Any:
    return own if isinstance(m.units, ebm.Mixed) or not own.learns else m.units.one(i)


def _p_of(c: Case, i: int) -> np.ndarray:
    _, terms = _log_terms(c, i)
    return np.exp(terms - np.logaddexp.reduce(terms, axis=1)[:, None])


def _log_p_of(c: Case, i: int) -> np.ndarray:
    _, terms = _log_terms(c, i)
    return minus_f(c.machine, c.v) - np.logaddexp.reduce(terms, axis=1)


def _moments(c: Case, i: int, found: Any) -> None:
    grid, p = _log_terms(c, i)[0], _p_of(c, i)
    mean = p @ grid
    agree(found[0], mean, max(5 * c.tolerance, 1e-6))
    agree(found[1], p @ grid**2 - mean**2, max(20 * c.tolerance, 1e-6))


def _sites(c: Case, i: int) -> None:
    own = oracles.sites(c.machine.units, c.machine.n_units)[i]
    found = c.machine.site_energies(c.x, i)
    expected = np.stack([-minus_f(c.machine, _with(c.x, i, s)) for s in own.states], 1)
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
        two = [minus_f(c.machine, _with(c.x, i, s)) for s in own.states]
        found.append(np.exp(two[1] - np.logaddexp(*two)))
    return np.stack(found, 1)


def _machines(c: Case) -> Iterator[tuple[str, Cell]]:
    """Other machines made of this one, and bounds."""
    m, t = c.machine, c.tolerance
    yield "mean field bounds log Z", lambda: _below(ebm.mean_field(m, seed=c.seed), c.oracle.log_z(), 10 * t)
    yield "mean field at beta 0.4", lambda: _below(ebm.mean_field(m, beta=0.4), c.oracle.log_z(0.4), 10 * t)
    yield "tap", lambda: _near(float(ebm.tap(m)), c.oracle.log_z())
    yield "zero_sum", lambda: _same_law(c, _gauged(m))
    yield "rescaled", lambda: _rescaled(c)
    if m.units.finite:
        yield "condition", lambda: _conditioned(c)
    yield "copy", lambda: agree(m.copy().free_energy(c.x), m.free_energy(c.x), 0)
    yield "project", lambda: _same_law(c, _projected(m))
    if isinstance(m, ebm.DBM):
        yield "mean field bounds log p(v)", lambda: _bounded(c)
    yield "graph", lambda: _graph(c)


def _below(found: Any, log_z: float, slack: float) -> None:
    assert float(found) <= log_z + slack, f"a bound of {float(found):.6g} on {log_z:.6g}"


def _near(found: float, log_z: float) -> None:
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


def _files(c: Case) -> Iterator[tuple[str, Cell]]:
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


def _moves(c: Case) -> Iterator[tuple[str, Cell]]:
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


def _walked(c: Case, sampler: Any) -> np.ndarray:
    state, rng = sampler.init(c.machine, _DRAWS, rng := ebm.Stream(c.seed), None), rng
    for _ in range(_SWEEPS if sampler.length is None else sampler.length):
        state, _ = sampler.step(c.machine, state, rng)
    return state.x


def _samplers(c: Case) -> Iterator[tuple[str, Cell]]:
    for sampler in (
        ebm.Gibbs(),
        ebm.Gibbs(scan="random"),
        ebm.Metropolis(),
        ebm.SwendsenWang(),
        ebm.Wolff(),
        ebm.Direct(),
    ):
        yield f"sample by {sampler!r}", lambda s=sampler: _drawn_from(c, _walked(c, s), c.oracle.p())
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


def _estimates(c: Case) -> Iterator[tuple[str, Cell]]:
    """Estimates of log Z are within a few of their errors."""
    for method, how in (("ais", {"n_temperatures": 20, "n_chains": 60}), ("mean_field", {}), ("tap", {})):
        yield f"log_z by {method}", lambda n=method, h=how: _estimated(c, n, h)
    if c.machine.units.finite:
        yield "log_z_ratio", lambda: _ratio(c)


def _estimated(c: Case, method: str, how: dict[str, Any]) -> None:
    found = ebm.log_z(c.machine, method, seed=c.seed, **how)
    if method == "mean_field":
        return _below(found, c.oracle.log_z(), 10 * c.tolerance)
    if method == "tap":
        return _near(float(found), c.oracle.log_z())
    z = (found.value - c.oracle.log_z()) / (found.stderr + 10 * c.tolerance)
    assert abs(z) < 7 or found.verdict == "do not trust", f"off by {z:.1f} of its errors"
    return None


def _ratio(c: Case) -> None:
    m = c.machine
    twin = m.copy()
    for key in twin.couplings:
        twin.params[key] *= 0.8
    twin.project()
    other = Oracle(twin)
    one, two = (o.draws(1500, k).astype(m.dtype) for k, o in enumerate((c.oracle, other)))
    found = ebm.log_z_ratio(m, twin, one, two)
    expected = c.oracle.log_z() - other.log_z()
    assert abs(found[0] + expected) < 7 * found[1] + 1e-3, f"{found[0]:.4g} for {expected:.4g}"
