"""The effective temperature of samples from elsewhere: maximum pseudo-likelihood of β."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array
from ebm.diagnostics.series import Array
from ebm.errors import EbmError, NotSupported, expect, printable

__all__ = ["Beta", "estimate_beta"]

_STEP = 0.02  # of the differences in β, relative; a five-point rule then errs by 1e-8
_MOST_STEPS = 50
_SCOUTS = 64  # rows on which the search for a start is made


@dataclass(frozen=True)
class Beta:
    """An estimate of an inverse temperature.

    Attributes
    ----------
    value, stderr : float
        The estimate and its standard error.
    n_rows : int
        Rows that it is from.
    """

    value: float
    stderr: float
    n_rows: int

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return printable(f"β = {self.value:.4f} ± {self.stderr:.4f}")


@runtime_checkable
class _Model(Protocol):
    """What is needed of a machine: this package's diagnostics import none."""

    @property
    def units(self) -> Any: ...

    @property
    def n_units(self) -> int: ...

    def start(self, x: ArrayLike) -> Any: ...

    def free_energy(self, x: Any, beta: ArrayLike = 1.0) -> Array: ...


@runtime_checkable
class _Spins(_Model, Protocol):
    """One whose units are all in its state: their inputs given the others tell everything."""

    def inputs(self, x: Any) -> Array: ...


def estimate_beta(machine: _Model, x: ArrayLike) -> Beta:
    """The inverse temperature at which rows look like samples of p_β of a machine.

    Maximises Σ_rows Σ_i log p_β(x_i | the others), the log pseudo-likelihood, which needs no log Z. For a
    machine that sums units out, p_β is that of its free energy at β, which is not β times the one at 1.

    Parameters
    ----------
    machine : Machine
        With units of finitely many states.
    x : array_like, (n_rows, n_units)
        Independent states of all units that the machine's state has; two rows or more, and some tens for a
        standard error that holds.

    Returns
    -------
    Beta
        Its standard error is the sandwich sqrt(Σ s²) / |Σ s'| over the scores s of rows: the sites of a row
        are not independent, the rows are taken to be. Thin correlated rows first. β may be negative.

    Raises
    ------
    NotSupported
        Continuous units.
    EbmError
        Rows that do not fit or do not differ, a machine whose energy is constant, or rows without a finite
        β: ground states, each unit in the state that the others favour.

    Notes
    -----
    For a machine that sums units out, one evaluation costs n_units·(q − 1) free energies per row: 5 to 9 s in
    all for 100 rows of an RBM of 784 × 500 units on one core. The pseudo-likelihood of a machine that does
    not is concave in β; otherwise the maximum is the one next to the best of a few β.

    References
    ----------
    Besag, "Statistical analysis of non-lattice data" (1975); the sandwich: Godambe, "An optimum property of
    regular maximum likelihood estimation" (1960), and Varin, Reid & Firth, "An overview of composite
    likelihood methods" (2011), section 2. Of annealers: Raymond, Yarkoni & Andriyash, "Global warming:
    temperature estimation in annealers" (2016).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> spins = ebm.BoltzmannMachine(ebm.Ising(), 0.3 * (np.ones((8, 8)) - np.eye(8)))
    >>> x = ebm.sample(spins, 2000, sampler=ebm.Gibbs(beta=0.5), seed=1).x
    >>> found = estimate_beta(spins, x)
    >>> abs(found.value - 0.5) < 4 * found.stderr, found.stderr < 0.02
    (True, True)
    """
    machine = expect(machine, _Model, "estimate_beta: machine", "one of finite units")
    rows = _rows(machine, x)
    n = len(rows)
    few = rows[:: -(-n // _SCOUTS)]
    unit = 1 / _difference(machine, few)
    grid = np.unique(np.concatenate([unit * np.array([-1, 0, 0.25, 1, 4]), [0.5, 1.0, 2.0]]))
    start = float(grid[np.argmax(log_pseudo_likelihood(machine, few, grid).sum(1))])
    beta, scores, curvature = _maximise(
        lambda betas: log_pseudo_likelihood(machine, rows, betas), start, unit
    )
    stderr = math.sqrt(float(scores @ scores) * n / (n - 1)) / -curvature
    return Beta(beta, stderr, n)


def _rows(machine: _Model, x: ArrayLike) -> Array:
    if not machine.units.finite:
        raise NotSupported(
            f"estimate_beta: {machine.units} units have a continuum of states;"
            " expected Bernoulli, Ising or Potts"
        )
    rows = as_array(x, "x")
    if rows.ndim != 2 or rows.shape[1] != machine.n_units or len(rows) < 2:
        raise EbmError(f"x: expected two or more rows of {machine.n_units} units, got shape {rows.shape}")
    rows = machine.units.check(rows, "x", strict=True)
    if (rows == rows[0]).all():
        raise EbmError("x: all rows are the same state, from which no temperature can be told")
    return rows


def log_pseudo_likelihood(machine: _Model, rows: Array, betas: Array) -> Array:
    """Σ_i log p_β(x_i | the others): (k, n_rows), from −log Σ_s exp(−(F_β(s) − F_β(x_i))) at each site."""
    out = np.zeros((len(betas), len(rows)))
    for differences in _differences(machine, rows, betas):  # (k, n_rows, q), zero at x_i itself
        top = differences.min(2, keepdims=True)  # at most zero
        out += top[..., 0] - np.log(np.exp(top - differences).sum(2))
    return out


def _differences(machine: _Model, rows: Array, betas: Array) -> Iterator[Array]:
    """F_β with unit i in each state, minus F_β as it is, (k, n_rows, q), for each unit i in turn."""
    n = machine.n_units
    types = [(own, np.asarray(own.states)) for own in (machine.units.one(i) for i in range(n))]
    if isinstance(machine, _Spins) and machine.units.bare:  # without a potential: linear in β
        I = machine.inputs(rows)
        for i, (own, states) in enumerate(types):
            phi = own.encode(states[:, None])
            away = phi[np.searchsorted(states, rows[:, i]), None] - phi
            gains = (np.asarray(I[:, machine.units.own(i)], np.float64)[:, None] * away).sum(-1)
            yield betas[:, None, None] * gains
        return
    chains = machine.start(rows)
    now = machine.free_energy(chains, betas[:, None])
    for i, (_, states) in enumerate(types):
        out, moved = np.zeros((*now.shape, len(states))), rows.copy()
        index = np.searchsorted(states, rows[:, i])
        for shift in range(1, len(states)):
            moved[:, i] = states[(index + shift) % len(states)]
            out[..., shift] = machine.free_energy(moved, betas[:, None]) - now
        yield out


def _difference(machine: _Model, rows: Array) -> float:
    """The root mean square difference that moving one unit makes at β = 1, nats: the scale of 1/β."""
    squares = [np.square(d).sum(2).mean() / (d.shape[2] - 1) for d in _differences(machine, rows, np.ones(1))]
    size = math.sqrt(float(np.mean(squares)))
    if not (math.isfinite(size) and size > 0):
        raise EbmError(f"estimate_beta: the energy of {machine} does not depend on the state of its units")
    return size


def _maximise(log_pseudo: Callable[[Array], Array], beta: float, unit: float) -> tuple[float, Array, float]:
    """Newton's method, kept within the bracket that the signs of the scores make.

    Returns the maximum, the scores of the rows there, and the total curvature. Derivatives in β are
    five-point differences: F_β of a machine that sums units out offers no others.
    """
    low, high = -math.inf, math.inf
    for _ in range(_MOST_STEPS):
        h = _STEP * max(abs(beta), unit)
        values = log_pseudo(beta + h * np.arange(-2, 3))
        scores = np.array([1, -8, 0, 8, -1]) @ values / (12 * h)
        curvature = float((np.array([-1, 16, -30, 16, -1]) @ values).sum() / (12 * h * h))
        score, most = float(scores.sum()), max(abs(beta), unit)
        low, high = (beta, high) if score > 0 else (low, beta)
        step = -score / curvature if curvature < 0 else math.copysign(most, score)
        step = min(max(step, -most), most)
        error = math.sqrt(float(scores @ scores)) / -curvature if curvature < 0 else 0.0
        if curvature < 0 and abs(step) <= max(1e-3 * error, 1e-9 * most):
            return beta + step, scores, curvature
        beta = beta + step if low < beta + step < high else (low + high) / 2
    raise EbmError(
        f"estimate_beta: the pseudo-likelihood has no maximum up to β = {beta:.3g}; rows of ground"
        " states, each unit in the state that the others favour, have no finite β"
    )
