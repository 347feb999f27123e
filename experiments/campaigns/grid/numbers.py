"""Energies, sums, slopes and scores of a machine, against the definition."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

import ebm
from experiments.campaigns.grid.case import Case, Cell
from experiments.campaigns.grid.oracle import Oracle, agree, minus_f, minus_visible_f
from tests import oracles

__all__ = ["energies", "log_sum_over", "replaced", "scores", "slopes", "sums"]

_BETAS = (0.4, 1.0, 1.6)


def energies(c: Case) -> Iterator[tuple[str, Cell]]:
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
        lambda: agree(m.visible_free_energy(c.v), -minus_visible_f(m, c.v), t),
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


def sums(c: Case) -> Iterator[tuple[str, Cell]]:
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


def slopes(c: Case) -> Iterator[tuple[str, Cell]]:
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
        lambda: agree(c.along(m.posterior_stats(c.v, w)), c.slope(lambda k: w @ minus_visible_f(k, c.v)), t),
    )


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
        total += minus_visible_f(oracle.machine, v) - log_sum_over(oracle.machine, v, i, own)
    return total


def log_sum_over(m: Any, v: np.ndarray, i: int, own: Any) -> np.ndarray:
    """log Σ exp(−F) over the states of unit i of rows of data."""
    return np.logaddexp.reduce([minus_visible_f(m, replaced(v, i, s)) for s in own.states], axis=0)


def replaced(v: np.ndarray, i: int, state: float) -> np.ndarray:
    out = np.array(v, np.float64)
    out[:, i] = state
    return out


def scores(c: Case) -> Iterator[tuple[str, Cell]]:
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
    each = [minus_visible_f(m, c.v[[k]]) - log_sum_over(m, c.v[[k]], i, own[i]) for k, i in enumerate(sites)]
    agree(found, m.n_visible * np.concatenate(each), 5 * c.tolerance)
