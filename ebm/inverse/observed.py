"""Maximum likelihood of rows with gaps: what was not observed is summed out, docs/math.md (13.7).

The likelihood of a row is that of all whole states that agree with it. Newton steps on the observed
information where it is positive definite, else on Fisher's (which is): both slopes and bends are sums over
all states.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ebm.errors import NotSupported
from ebm.files import refuse_beyond_memory
from ebm.inverse.joint import Places
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.inverse.sitewise import Apart
from ebm.machine import Array
from ebm.states import enumerate_states, n_states, refuse_above

__all__ = ["Observed", "maximum_with_gaps"]

_MOST = 2.0**27  # moments of all states, numbers
_STEPS = 200
_LARGE = 100.0  # a coupling beyond: the maximum is at infinity
_FLAT = 1e-12  # smallest eigenvalue of the information over the largest
_ACCURATE = 1e-10  # largest slope, nats
_AT_ONCE = 2**22  # numbers


@dataclass(frozen=True)
class Observed:
    """The mean log-likelihood of rows with gaps, as a function of all numbers.

    Attributes
    ----------
    places : Places
        Where these stand.
    moments : (states, total) float64
        Contrasts, and products of pairs of them, of every state.
    at : (completions,) int64
        States that agree with a row, row by row.
    starts : (m,) int64
        Where those of each row begin.
    w : (m,) float64
    """

    places: Places
    moments: Array
    at: Array
    starts: Array
    w: Array

    @classmethod
    def of(cls, rows: Rows, shrinkage: Shrinkage) -> Observed:
        """Of rows; too many states are refused."""
        basis, places = rows.basis, Places(rows, shrinkage)
        total = n_states(basis.units, basis.n)
        what = f"maximum_likelihood of {basis.n} units with gaps"
        refuse_above(_MOST, total * places.total, 1e-9 * places.total, 8.0 * total * places.total, what)
        gaps = np.zeros(rows.codes.shape, bool) if rows.gaps is None else rows.gaps
        q = np.array([len(states) for states in basis.states])
        count = np.where(gaps, q, 1).prod(1, dtype=np.float64)
        refuse_beyond_memory(24.0 * count.sum(), f"{what}: states that agree with rows", "fewer gaps")
        x = enumerate_states(basis.units, basis.n)
        f = np.hstack(
            [
                g[np.searchsorted(np.asarray(own.states), x[:, k])]
                for k, (own, g) in enumerate(zip(basis.types, basis.contrasts, strict=True))
            ]
        )
        i, j = np.nonzero(np.triu(places.table >= 0, 1))
        order = np.argsort(places.table[i, j])
        moments = np.hstack([f, f[:, i[order]] * f[:, j[order]]])
        stride = np.append(np.cumprod(q[:0:-1])[::-1], 1)  # the last unit varies fastest
        known = np.where(gaps, 0, rows.codes) @ stride
        kinds, which = np.unique(gaps, axis=0, return_inverse=True)
        free = [
            np.array([np.dot(s, stride[gap]) for s in product(*map(range, q[gap]))], np.int64)
            for gap in kinds
        ]
        at = [first + free[k] for first, k in zip(known, which.ravel(), strict=True)]
        starts = np.cumsum([0, *map(len, at)])[:-1]
        return cls(places, moments, np.concatenate(at).astype(np.int64), starts, rows.w)

    def value(self, theta: Array) -> float:
        """Nats a row."""
        return self._weights(theta)[0]

    def _weights(self, theta: Array) -> tuple[float, Array, Array]:
        """The likelihood; p of every state; p of each state given the row that it agrees with."""
        log_p = self.moments @ theta
        top = log_p.max()
        log_p -= top + np.log(np.exp(log_p - top).sum())
        log_q = log_p[self.at]
        size = np.diff(np.append(self.starts, len(self.at)))
        high = np.maximum.reduceat(log_q, self.starts)
        within = np.exp(log_q - np.repeat(high, size))
        whole = np.add.reduceat(within, self.starts)
        value = float(self.w @ (high + np.log(whole)))
        return value, np.exp(log_p), within / np.repeat(whole, size)

    def slopes(self, theta: Array) -> tuple[Array, Array, Array]:
        """The gradient (total,), the observed information and Fisher's, (total, total) each."""
        _, p, given = self._weights(theta)
        size = np.diff(np.append(self.starts, len(self.at)))
        filled = np.bincount(self.at, given * np.repeat(self.w, size), minlength=len(p))
        mean = p @ self.moments
        fisher = (self.moments * p[:, None]).T @ self.moments - np.outer(mean, mean)
        lost = (self.moments * filled[:, None]).T @ self.moments  # what rows do not say of their gaps
        step = max(1, _AT_ONCE // (self.moments.shape[1] * int(size.max())))
        ends = np.append(self.starts, len(self.at))
        for first in range(0, len(self.w), step):
            last = min(first + step, len(self.w))
            some = slice(ends[first], ends[last])
            parts = self.moments[self.at[some]] * given[some, None]
            means = np.add.reduceat(parts, self.starts[first:last] - ends[first], axis=0)
            lost -= (means * self.w[first:last, None]).T @ means
        return filled @ self.moments - mean, fisher - lost, fisher


def maximum_with_gaps(rows: Rows, shrinkage: Shrinkage) -> tuple[Array, Array, Places, Array, Array]:
    """As `maximum_likelihood`, with the observed information in the place of Fisher's.

    The likelihood may have several maxima: this one is climbed to from independent units.
    """
    if not shrinkage.smooth or shrinkage.factors is not None or shrinkage.allowed is not None:
        raise NotSupported("maximum_likelihood: takes the penalty L2 alone, no others, no factors, no mask")
    likelihood = Observed.of(rows, shrinkage)
    places, size = likelihood.places, rows.basis.size
    ridge = np.repeat([0.0, shrinkage.l2], [size, places.total - size])
    theta = np.zeros(places.total)
    now = likelihood.value(theta)
    for _ in range(_STEPS):
        gradient, information, fisher = likelihood.slopes(theta)
        gradient = gradient - ridge * theta
        step = _step(information + np.diag(ridge), fisher + np.diag(ridge), gradient)
        length, rise = 1.0, 1e-4 * float(gradient @ step)
        while True:
            new = theta + length * step
            after = likelihood.value(new) - 0.5 * float(ridge @ new**2)
            if after >= now + length * rise - 1e-14 * (1 + abs(now)) or length < 1e-10:
                break
            length /= 2
        theta, now = new, after
        if np.abs(theta).max() > _LARGE:
            raise _apart()
        if np.abs(gradient).max() < _ACCURATE:
            break
    _, information, _ = likelihood.slopes(theta)
    bend = information + np.diag(ridge)
    values = np.linalg.eigvalsh(bend)
    if values[0] < _FLAT * values[-1]:
        raise _apart()
    inverse = np.linalg.inv(bend)
    return *places.matrix(theta), places, inverse @ information @ inverse, inverse


def _step(information: Array, fisher: Array, gradient: Array) -> Array:
    """By Newton's method, or uphill at least."""
    try:
        np.linalg.cholesky(information)
        return np.linalg.solve(information, gradient)
    except np.linalg.LinAlgError:
        pass
    try:
        return np.linalg.solve(fisher, gradient)
    except np.linalg.LinAlgError:
        raise _apart() from None


def _apart() -> Apart:
    return Apart(
        "data: some units determine one another in these rows, or are never seen together: the likelihood has"
        " no single finite maximum; expected more rows, or a penalty such as L2(0.01)"
    )
