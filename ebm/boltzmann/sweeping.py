"""Which kernel sweeps a fully connected machine: chosen by the call's arguments and flips counted inside it.

A kernel wants the scan 0, 1, 2, ... of the units that may change. Other scans, and clamped units, are the
same problem with its units renumbered: the units of the scan first, in its order, then the clamped ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.chains import SpinChains
from ebm.boltzmann.couplings import Dense, Sparse
from ebm.errors import EbmError
from ebm.machine import Array
from ebm.stream import Stream
from ebm.units import Units
from ebm.units.family import NO_TABLE, Part

if TYPE_CHECKING:
    from ebm.kernels.arguments import Sweeps, Tempered

__all__ = ["Problem", "by_colour", "energies", "filled_rows", "sweep"]

_FEW = 24  # chains; with fewer, lanes are better filled with units of a colour than with chains
_WORTH = 2**15  # unit updates from which on a sweep is worth several threads
_WORTH_ENERGY = 2**19  # couplings times chains from which on energies are worth several threads
_FLIPS = 0.25  # flips per update assumed until they are counted


@dataclass(frozen=True)
class Problem:
    """What a sweep works on: couplings, biases, tempering, in one dtype.

    Attributes
    ----------
    J : Dense or Sparse
    b, base : (N·width,)
    beta : (C,)
    """

    units: Units
    J: Dense | Sparse
    b: Array
    base: Array
    beta: Array

    @property
    def tempered(self) -> Tempered:
        """(b, base, beta): see `ebm.kernels.arguments`."""
        return self.b, self.base, self.beta


def by_colour(n_chains: int, scan: str) -> bool:
    """Whether chains of a sparse machine of two-state units are swept a colour at a time."""
    return scan in ("auto", "chromatic") and n_chains < _FEW


def orders(scan: str, keep: Array, n: int, rng: Stream, colours: Callable[[], Array] | None) -> Array:
    """The units in the order of n sweeps: a row for each sweep, or one for all, of the units to keep.

    `colours` gives the units' colours where the scan goes by them.
    """
    if scan not in ("auto", "systematic", "random", "chromatic"):
        raise EbmError(f"scan: expected auto, systematic, random or chromatic, got {scan!r}")
    if scan == "random":
        order = np.argsort(rng.uniform(n, len(keep)), axis=1, kind="stable")
        return np.ascontiguousarray(order[keep[order]].reshape(n, -1))
    if colours is None:
        return np.flatnonzero(keep)[None]
    one = np.argsort(colours(), kind="stable")
    return one[keep[one]][None]


def sweep(
    problem: Problem,
    chains: SpinChains,
    order: Array,
    sweeps: Sweeps,
    colours: Array | None = None,
) -> None:
    """Sweep chains; sweep k visits the units of row k of `order`, or of its only row.

    `colours` of the units are given if the scan goes by colours and is to be swept a colour at a time.
    """
    layout = chains.layout
    if layout == "rows":
        _sweep_rows(problem, chains, order, sweeps)
    elif colours is not None and isinstance(problem.J, Sparse):
        worth = len(chains) * order.shape[1] * sweeps[2] > _WORTH and order.shape[1] > 2**13
        slices = problem.J.slices(order[0], colours)
        values = slices.values(problem.J.values)
        slices.sweep(problem, values, chains, sweeps, worth)
    elif layout == "sites":
        _sweep_sites(problem, chains, order, sweeps)
    elif layout == "states":
        _sweep_potts(problem, chains, order, sweeps)
    else:
        from ebm.kernels.gibbs import sweep
        from ebm.kernels.units.draw import KINDS

        n = problem.units.count(len(problem.b))
        parts = problem.units.parts(n)
        if all(own.kind in KINDS or own.drawn_by_table for own, _, _ in parts):
            kinds, tables = _kinds_and_tables(parts)
            starts = np.searchsorted(problem.units.owners(n), np.arange(n + 1))
            sweep(kinds, starts, tables, problem.J.for_kernels, problem.tempered, chains.data, order, sweeps)
        else:
            _sweep_uncompiled(problem, chains.data, order, sweeps)


def _kinds_and_tables(parts: list[Part]) -> tuple[Array, Any]:
    """Of units of several types what `ebm.kernels.gibbs.sweep` takes: kinds, and tables of those without."""
    from ebm.kernels.units.draw import KINDS, TABLE

    counts = [own.stop - own.start for _, own, _ in parts]
    kinds = np.repeat([own.kind if own.kind in KINDS else TABLE for own, _, _ in parts], counts)
    tables = [own.table() if own.kind not in KINDS else NO_TABLE for own, _, _ in parts]
    phi = np.zeros((sum(len(t.phi) for t in tables), max(t.phi.shape[1] for t in tables)))
    firsts = np.cumsum([0, *(len(t.values) for t in tables)])
    for first, table in zip(firsts, tables, strict=False):
        phi[first : first + len(table.phi), : table.phi.shape[1]] = table.phi
    values, log_weights = (np.concatenate([t[k] for t in tables]) for k in (0, 2))
    return kinds, ((np.repeat(np.arange(len(parts)), counts), firsts), (values, phi, log_weights))


def filled_rows(problem: Problem, phi: Array, gaps: Array, sweeps: Sweeps) -> None:
    """Sweep encoded states (C, N·width), of which each row may change only in its own `gaps`, in place."""
    from ebm.kernels.units.draw import KINDS

    units, n = problem.units, gaps.shape[1]
    parts, starts = units.parts(n), np.searchsorted(units.owners(n), np.arange(n + 1))
    if not all(own.kind in KINDS for own, _, _ in parts):
        _fill_uncompiled(problem, phi, gaps, starts, sweeps)
        return
    from ebm.kernels.gaps import fill_rows

    kinds = np.repeat([own.kind for own, _, _ in parts], [p.stop - p.start for _, p, _ in parts])
    rows, order = np.nonzero(gaps)
    ends = np.searchsorted(rows, np.arange(len(gaps) + 1))
    worth = len(order) * sweeps[2] * len(problem.b) > _WORTH_ENERGY
    fill_rows(worth, kinds, starts, problem.J.for_kernels, problem.b, phi, order, ends, sweeps)


def _fill_uncompiled(problem: Problem, phi: Array, gaps: Array, starts: Array, sweeps: Sweeps) -> None:
    """The same by the units' own functions, one unit of all rows after the other."""
    from ebm.kernels.numbers.random import uniform_rows

    units, J, (key, first, n) = problem.units, problem.J.matrix, sweeps
    u = np.empty((len(phi), gaps.shape[1]), phi.dtype)
    for k in range(n):
        uniform_rows(key, first + k, 0, 0, u)
        for i in np.flatnonzero(gaps.any(0)).tolist():
            rows, own, unit = np.flatnonzero(gaps[:, i]), slice(starts[i], starts[i + 1]), units.one(i)
            I = (J[own] @ phi[rows].T).T + problem.b[own]
            phi[rows, own] = unit.encode(unit.sample(I, u[rows, i : i + 1]))


def _part(sweeps: Sweeps, k: int, n: int) -> Sweeps:
    """n sweeps from the k-th on."""
    return sweeps[0], sweeps[1] + k, n


def _sweep_uncompiled(problem: Problem, phi: Array, order: Array, sweeps: Sweeps) -> None:
    """The compiled sweep of encoded states by the units' own functions, at the same uniforms."""
    from ebm.kernels.numbers.random import uniform_rows

    units, hot, J, (key, first, n) = problem.units, problem.beta[:, None], problem.J.matrix, sweeps
    u = np.empty((phi.shape[1], order.shape[1]), phi.dtype)
    for k in range(n):
        uniform_rows(key, first + k, 0, 0, u)
        for s, i in enumerate(order[k % len(order)]):
            own, unit = units.own(i), units.one(i)
            field = (J[own] @ phi).T + problem.b[own]
            I = hot * (field - problem.base[own]) + problem.base[own]
            phi[own] = unit.encode(unit.sample(I, u[:, s : s + 1])).T


# Dense, two states.


def _renumber(order: Array, n_units: int) -> Array | None:
    """All units, those of the scan first in its order; None if they stand like that already."""
    if np.array_equal(order, np.arange(len(order))):
        return None
    rest = np.ones(n_units, bool)
    rest[order] = False
    return np.concatenate([order, np.flatnonzero(rest)])


def _sweep_rows(problem: Problem, chains: SpinChains, order: Array, sweeps: Sweeps) -> None:
    if len(order) > 1:  # another scan in every sweep
        for k, row in enumerate(order):
            _sweep_rows(problem, chains, row[None], _part(sweeps, k, 1))
        return
    m, n_units = order.shape[1], len(problem.b)
    new = _renumber(order[0], n_units)
    if new is None:
        _sweep_in_order(problem.tempered, problem.J.values, chains.data, m, chains.low, sweeps)
        return
    tempered = problem.b[new], problem.base[new], problem.beta
    J = np.ascontiguousarray(problem.J.values[np.ix_(new, new)])
    x = chains.states()
    own = SpinChains(problem.units, x[:, new], problem.b.dtype, sparse=False)
    _sweep_in_order(tempered, J, own.data, m, chains.low, sweeps)
    x[:, new] = own.x
    chains._put(x)


def _sweep_in_order(tempered: Tempered, J: Array, words: Array, m: int, low: Any, sweeps: Sweeps) -> None:
    """Sweep units 0..m of bits in rows, by blocks or with fields that are kept, whichever costs less."""
    from ebm.kernels.dense.blocked import blocked_sweeps, tile_chains
    from ebm.kernels.dense.kept import REFRESH, kept_sweeps

    n_chains, n, flips, done = len(words), sweeps[2], _FLIPS, 0
    while done < n:
        count = min(n - done, REFRESH)
        worth = n_chains * m * count > _WORTH
        if blocked_is_cheaper(len(J), n_chains, flips, count):
            count = 1 if done == 0 else count
            tile = tile_chains(n_chains)
            changed = np.empty(-(-n_chains // tile), np.int64)
            blocked_sweeps(worth, tile, words, J, tempered, low, m, _part(sweeps, done, count), changed)
        else:
            changed = np.empty(n_chains, np.int64)
            fields = fields_of(words, J, low)
            kept_sweeps(
                worth, words, fields, J, _padded(tempered, fields.shape[1]), J.dtype.type(1 - low), m,
                _part(sweeps, done, count), changed,
            )  # fmt: skip
        flips = changed.sum() / (n_chains * m * count)
        done += count


def blocked_is_cheaper(n_units: int, n_chains: int, flips: float, n_sweeps: int) -> bool:
    """Whether blocks of units cost less than kept fields, by what both cost per unit (docs/design.md), ns."""
    from ebm.kernels.dense.blocked import tile_chains

    tiles, groups = -(-n_chains // tile_chains(n_chains)), -(-n_chains // 64)
    product = n_units / 4 * (120 * tiles + 2.2 * n_chains) / 64
    blocked = 3.5 * 64 * groups + product
    kept = n_chains * (2.2 + flips * (25 + 0.16 * n_units)) + product / n_sweeps
    return blocked < kept


def fields_of(words: Array, J: Array, low: Any) -> Array:
    """J x of rows of bits, (C, M) with M a multiple of 64."""
    from ebm.kernels.layers.bits import product

    out = np.empty((len(words), -(-len(J) // 64) * 64), J.dtype)
    zero, one = J.dtype.type(0), J.dtype.type(1)
    product(len(words) * J.size > 2**23, words, len(J), J, False, low, zero, one, out)
    return out


def energies(chains: SpinChains, J: Dense | Sparse, b: Array) -> Array:
    """E of chains kept as bits, (n_chains,) float64 nats: a tenth of the time that unpacking them takes."""
    n = len(chains)
    if chains.layout == "rows":
        from ebm.kernels.layers.bits import energies_of_rows

        out = np.empty(n)
        energies_of_rows(
            n * len(b) > _WORTH, chains.data, chains.low, fields_of(chains.data, J.values, chains.low), b, out
        )
        return out
    from ebm.kernels.sparse.sites import CHAINS, energies_of_sites

    out = np.empty((len(chains.data), CHAINS))
    energies_of_sites(n * len(J.values) > _WORTH_ENERGY, chains.data, J.for_kernels, b, chains.low, out)
    return out.ravel()[:n]


def _padded(tempered: Tempered, n: int) -> Tempered:
    """With zeros from the last column to column n."""
    b, base, beta = tempered
    long = np.zeros((2, n), b.dtype)
    long[0, : len(b)], long[1, : len(b)] = b, base
    return long[0], long[1], beta


# Dense, Potts.


def _sweep_potts(problem: Problem, chains: SpinChains, order: Array, sweeps: Sweeps) -> None:
    from ebm.kernels.dense.kept import REFRESH
    from ebm.kernels.dense.potts import potts_sweeps, potts_tiles
    from ebm.kernels.layers.potts import gather_rows

    x, J, q = chains.data, problem.J.values, problem.units.width
    tempered = _padded(problem.tempered, len(J) + 64)
    fields = np.zeros((len(x), len(J) + 64), J.dtype)
    for k in range(0, sweeps[2], REFRESH):
        count = min(REFRESH, sweeps[2] - k)
        rows = order[k : k + count] if len(order) > 1 else order
        gather_rows(x.size * len(J) > 2**20, x, q, J, fields)
        worth = len(x) * count * rows.shape[1] * q > _WORTH
        problem_of = x, q, fields, J, tempered, rows, _part(sweeps, k, count)
        if len(x) < max(3, q // 3):
            potts_sweeps(worth, *problem_of)
        else:
            potts_tiles(worth, 64 if len(x) >= 256 else 16, *problem_of)


# Sparse, two states.


def _sweep_sites(problem: Problem, chains: SpinChains, order: Array, sweeps: Sweeps) -> None:
    from ebm.kernels.sparse.sequential import sequential_sweeps
    from ebm.kernels.sparse.sites import site_sweeps

    rest = problem.J.for_kernels, problem.tempered, chains.low, order, sweeps
    worth = len(chains) * order.shape[1] * sweeps[2] > _WORTH
    if len(chains) < _FEW:
        x = chains.states()
        sequential_sweeps(worth, x, *rest)
        chains._put(x)
    else:
        site_sweeps(worth, chains.data, *rest)
