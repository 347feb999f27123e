"""Couplings site by site: convex problems whose solutions are right for many rows.

Newton's method on distinct rows with their weights; with a penalty that has corners each step minimises the
quadratic model with it (Lee, Sun & Saunders, "Proximal Newton-type methods" 2014).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ebm.errors import EbmError
from ebm.files import refuse_beyond_memory
from ebm.inverse.losses import PSEUDO_LIKELIHOOD, REAL, Loss
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.kernels.threads import get_num_threads
from ebm.machine import Array
from ebm.progress import Update, silent
from ebm.states import duration

__all__ = ["LARGE", "Apart", "Objective", "Site", "assembled", "cost", "descend", "solve"]

_STEPS = 200  # of Newton's method
LARGE = 1e3  # a number beyond: the minimum is at infinity
_LARGE_OF_REAL = 1e5  # the same, where what is left of a real unit's variance is 1e-5
_BLOCK = 2**12  # rows whose design stays in a cache
_START = 20_000  # rows that a start is found from, where there are more than twice as many
_WORTH = 2**18  # numbers from which on several sites at a time are worth it
_NEWTON_STEPS, _PRODUCTS = 6, 5e9  # that a site takes, and floating point operations a second: for estimates


class Apart(EbmError):
    """The minimum is at infinity."""


@dataclass(frozen=True)
class Site:
    """What one site says: its bias and couplings, and how each row moves them.

    Attributes
    ----------
    theta : (r, P) float64
        Of each of its contrasts: the bias and the couplings to others' contrasts. A real unit has a second
        row, with its precision in the bias' place and zeros.
    columns : (P,) int64
        The contrast of each; in the bias' place the site's first own.
    inverse : (r·P, r·P) float64
        Of the Hessian.
    slope : (m, r) float64
        Of the loss by η, row by row: the score of a row is slope ⊗ its design, what it moves theta by is −H⁻¹
        times that. Their mean square is the sandwich H⁻¹ V H⁻¹ (Godambe 1960).
    finite : bool
        Whether there was a minimum without a penalty that was not asked for.
    """

    theta: Array
    columns: Array
    inverse: Array | None
    slope: Array | None
    finite: bool = True


class Objective:
    """The mean loss of a site with its penalties, as a function of (r, P) numbers.

    Attributes
    ----------
    columns : (P,) int64
        As in `Site`.
    bias : int
        The place of the bias among them.
    ridge : (r, P) float64
        Strengths of L2.
    held : (r, P) bool
        Numbers that stay where they start.
    largest : float
        A number beyond: the minimum is at infinity.
    """

    def __init__(self, rows: Rows, i: int, loss: Loss, shrinkage: Shrinkage) -> None:
        basis, real = rows.basis, bool(rows.basis.real[i])
        own, others = basis.own[i], shrinkage.others(i, basis.n)
        kept = np.isin(basis.owners, others)
        kept[own.start] = True
        self.columns = np.flatnonzero(kept)
        self.bias = int(np.searchsorted(self.columns, own.start))
        self.loss, self._rows, self._i = REAL if real else loss, rows, i
        self._f, self._own = basis.contrasts[i], rows.own(i)
        self.shape = (2 if real else self._f.shape[1], len(self.columns))
        self.largest = _LARGE_OF_REAL if real else LARGE
        self._firth = 0.5 / rows.n_effective if shrinkage.firth else 0.0
        factor = np.zeros(basis.n)
        factor[others] = shrinkage.of(i, others)
        strength = factor[basis.owners[self.columns]]
        strength[self.bias] = 0.0
        self.ridge = np.broadcast_to(shrinkage.l2 * strength, self.shape)
        self.l1, self.group = shrinkage.l1 * strength, shrinkage.group * strength
        self.held = np.zeros(self.shape, bool)
        if real:
            self.held[1] = True
            self.held[1, self.bias] = not basis.types[i].learns

    def start(self) -> Array:
        """Independent units: no couplings; of a real one the precision that is given, or that of its
        scale."""
        theta = np.zeros(self.shape)
        basis = self._rows.basis
        if basis.real[self._i]:
            scale = 1.0 if basis.scale is None else float(basis.scale[self._i])
            theta[1, self.bias] = 1.0 if basis.types[self._i].learns else scale**2
        return theta

    def _blocks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Rows, some at a time: which, the contrasts of the others with 1 in the bias' place, own states."""
        rows, whole = self._rows, len(self.columns) == self._rows.basis.size
        for start in range(0, len(rows.w), _BLOCK):
            some = slice(start, start + _BLOCK)
            design = rows.design[some].copy() if whole else rows.design[some][:, self.columns]
            design[:, self.bias] = 1.0
            yield some, design, self._own[some]

    def corners(self, theta: Array) -> float:
        """What the penalties with corners add."""
        found = float((self.l1 * np.abs(theta)).sum())
        if self.group.any():
            for places in self.groups():
                found += float(self.group[places[0]] * np.linalg.norm(theta[:, places]))
        return found

    def groups(self) -> list[Array]:
        """The columns of each unit; of the bias by itself."""
        owners = self._rows.basis.owners[self.columns]
        return [np.flatnonzero(owners == j) for j in np.unique(owners)]

    def value(self, theta: Array) -> float:
        """With all penalties."""
        total = 0.0
        with np.errstate(over="ignore"):
            for some, design, x in self._blocks():
                total += float(self._rows.w[some] @ self.loss.value(design @ theta.T, x, self._f))
        if self.loss.log:
            total = np.log(total)
        if self._firth:
            sign, log_det = np.linalg.slogdet(self._bends(theta)[1])
            total -= self._firth * float(log_det if sign > 0 else -np.inf)
        return total + 0.5 * float((self.ridge * theta**2).sum()) + self.corners(theta)

    def slopes(self, theta: Array) -> tuple[Array, Array]:
        """The gradient (r, P) and the Hessian (r·P, r·P), without penalties that have corners.

        The Hessian of Jeffreys' prior is left out: it is one row's worth.
        """
        gradient, hessian = self._bends(theta)
        if self._firth:
            gradient = gradient - self._firth * self._jeffreys(theta, hessian)
        gradient, hessian = gradient + self.ridge * theta, hessian + np.diag(self.ridge.ravel())
        held = self.held.ravel()
        gradient[self.held], hessian[held], hessian[:, held] = 0.0, 0.0, 0.0
        hessian[held, held] = 1.0
        return gradient, hessian

    def _jeffreys(self, theta: Array, information: Array) -> Array:
        """The slope of log det of the information, (r, P): the third cumulants with how far each row
        reaches."""
        try:
            inverse = np.linalg.inv(information).reshape(self.shape * 2)
        except np.linalg.LinAlgError:
            raise self.apart() from None
        found = np.zeros(self.shape)
        for some, design, _ in self._blocks():
            reach = np.einsum("mp,apbq,mq->mab", design, inverse, design, optimize=True)
            third = PSEUDO_LIKELIHOOD.third(design @ theta.T, self._f)
            pull = np.einsum("mabc,mab->mc", third, reach)
            found += (pull * self._rows.w[some, None]).T @ design
        return found

    def _bends(self, theta: Array) -> tuple[Array, Array]:
        """The gradient and the Hessian of the loss."""
        r, P = self.shape
        gradient, blocks, total = np.zeros((r, P)), np.zeros((r, P, r, P)), 0.0
        for some, design, x in self._blocks():
            w = self._rows.w[some]
            eta = design @ theta.T
            gradient += (self.loss.slope(eta, x, self._f) * w[:, None]).T @ design
            bend = self.loss.bend(eta, x, self._f)
            for a in range(r):
                for b in range(a + 1):
                    blocks[a, :, b] += (design * (w * bend[:, a, b])[:, None]).T @ design
            if self.loss.log:
                total += float(w @ self.loss.value(eta, x, self._f))
        for a in range(r):
            for b in range(a):
                blocks[b, :, a] = blocks[a, :, b].T
        hessian = blocks.reshape(r * P, r * P)
        if self.loss.log:
            gradient /= total
            hessian = hessian / total - np.outer(gradient, gradient)
        return gradient, hessian

    def slope_of_rows(self, theta: Array) -> Array:
        """The loss' slope by η, row by row, (m, r)."""
        found, total = np.empty((len(self._rows.w), self.shape[0])), 0.0
        for some, design, x in self._blocks():
            eta = design @ theta.T
            found[some] = self.loss.slope(eta, x, self._f)
            if self.loss.log:
                total += float(self._rows.w[some] @ self.loss.value(eta, x, self._f))
        return found / total if self.loss.log else found

    def apart(self) -> Apart:
        """The refusal."""
        return Apart(
            f"data: unit {self._i} and others determine one another in these rows: couplings have no finite"
            " estimate; expected more rows, or a penalty such as L2(0.01)"
        )


def cost(rows: Rows, shrinkage: Shrinkage, errors: bool) -> tuple[float, float]:
    """About how many seconds all sites take, and bytes."""
    basis, m, threads = rows.basis, len(rows.w), get_num_threads()
    numbers = np.array(
        [
            f.shape[1] * (1 + sum(basis.contrasts[j].shape[1] for j in shrinkage.others(i, basis.n)))
            for i, f in enumerate(basis.contrasts)
        ],
        np.float64,
    )
    seconds = float((_NEWTON_STEPS * numbers**2 * (2 * m + numbers)).sum()) / (_PRODUCTS * threads)
    kept = 8 * (numbers**2).sum() + 8 * m * basis.size if errors else 0.0
    each = 8 * (3 * numbers.max() ** 2 + 2 * _BLOCK * numbers.max())
    return seconds, 8.0 * m * basis.size + kept + threads * each


def solve(
    rows: Rows, loss: Loss, shrinkage: Shrinkage, *, errors: bool, update: Update = silent
) -> list[Site]:
    """All sites, several at a time, each with what errors need if they are wanted.

    A site whose minimum is at infinity gets the normal prior of standard deviation 1: L2 of 1/rows.

    Raises
    ------
    EbmError
        More memory than is free.
    """
    n = rows.basis.n
    seconds, needed = cost(rows, shrinkage, errors)
    what = f"inference of {n} units from {len(rows.w)} distinct rows"
    refuse_beyond_memory(needed, what, "fewer units or rows, a mask, or ising_network")
    update(0.0, f"{what}: about {duration(seconds)}, {needed / 2**30:.2g} GiB")
    few, done = _thinned(rows), itertools.count(1)

    def site(i: int) -> Site:
        objective = Objective(rows, i, loss, shrinkage)
        start = objective.start()
        try:
            if few is not None:
                start = descend(Objective(few, i, loss, shrinkage), start)
        except Apart:  # of some rows the minimum may be at infinity
            start = objective.start()
        return _site(objective, start, errors)

    def made(i: int) -> Site:
        try:
            found = site(i)
        except Apart:
            objective = Objective(rows, i, loss, shrinkage.with_prior(rows.n_effective))
            found = replace(_site(objective, objective.start(), errors), finite=False)
        update(next(done) / n, "")
        return found

    many = rows.design.size > _WORTH  # made once, before threads ask for it
    with ThreadPoolExecutor(get_num_threads()) as threads:
        return list(threads.map(made, range(n))) if many else [made(i) for i in range(n)]


def _thinned(rows: Rows) -> Rows | None:
    """Some of many rows, whose minimum is a start near that of all."""
    every = len(rows.w) // _START
    if every < 2:
        return None
    few = rows.some(slice(None, None, every))
    return None if len(few.constant) else few


def descend(objective: Objective, theta: Array) -> Array:
    """The minimum, by Newton's method."""
    smooth = not (objective.l1.any() or objective.group.any())
    now = objective.value(theta)
    for _ in range(_STEPS):
        gradient, hessian = objective.slopes(theta)
        if smooth:
            step = _newton(objective, hessian, gradient)
            fall = -float((gradient * step).sum())
        else:
            step = _cornered(objective, hessian, gradient, theta)
            fall = objective.corners(theta + step) - objective.corners(theta) + float((gradient * step).sum())
        length = 1.0
        while True:
            after = objective.value(theta + length * step)
            if after <= now + 1e-4 * length * fall + 1e-15 * abs(now) or length < 1e-10:
                break
            length /= 2
        theta, now = theta + length * step, after
        if np.abs(theta).max() > objective.largest:
            raise objective.apart()
        if np.abs(length * step).max() < 1e-11 * (1 + np.abs(theta).max()):
            break
    return theta


def _newton(objective: Objective, hessian: Array, gradient: Array) -> Array:
    try:
        step: Array = -np.linalg.solve(hessian, gradient.ravel()).reshape(gradient.shape)
    except np.linalg.LinAlgError:
        raise objective.apart() from None
    return step


def _cornered(objective: Objective, hessian: Array, gradient: Array, theta: Array) -> Array:
    """The step to the minimum of the quadratic model with the penalties that have corners."""
    from ebm.kernels.learning.corners import descend_groups

    r, P = objective.shape
    parts = [(np.arange(r)[:, None] * P + places[None]).ravel() for places in objective.groups()]
    strengths = np.array([objective.group[places[0]] for places in objective.groups()])
    step = np.zeros(r * P)
    ends = np.cumsum([0, *(len(part) for part in parts)])
    l1 = np.tile(objective.l1, r)
    descend_groups(
        hessian, gradient.ravel(), theta.ravel(), np.concatenate(parts), ends, strengths, l1, 1e-12, step
    )
    return step.reshape(r, P)


def _site(objective: Objective, theta: Array, errors: bool) -> Site:
    """What a site says at its minimum."""
    theta = descend(objective, theta)
    if not errors:
        return Site(theta, objective.columns, None, None)
    _, hessian = objective.slopes(theta)
    held = 1 / np.sqrt(1 + objective.ridge.ravel())  # strong penalties make no other number less sure
    values = np.linalg.eigvalsh(hessian * np.outer(held, held))
    if values[0] < 1e-12 * max(values[-1], 1.0):
        raise objective.apart()
    inverse, held = np.linalg.inv(hessian), objective.held.ravel()
    inverse[held] = inverse[:, held] = 0.0  # what does not move
    return Site(theta, objective.columns, inverse, objective.slope_of_rows(theta))


def assembled(rows: Rows, sites: list[Site]) -> tuple[Array, Array]:
    """What all sites say of all couplings, row i·size of site i, not symmetric; and biases.

    On the diagonal minus the precisions of real units.
    """
    basis = rows.basis
    K, h = np.zeros((basis.size, basis.size)), np.zeros(basis.size)
    for own, site in zip(basis.own, sites, strict=True):
        r, bias = own.stop - own.start, np.searchsorted(site.columns, own.start)
        K[own, site.columns] = site.theta[:r]
        h[own] = site.theta[:r, bias]
        K[own, own] = -site.theta[r:, bias] if len(site.theta) > r else 0.0
    return K, h
