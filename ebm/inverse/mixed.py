"""A fully connected machine with real units beside those of finitely many states.

E(x) = −b·φ(x) − ½ φ(x)·J φ(x) + ½ Σ λ x², the sum over real units. Given the finite ones the real ones are
normal with precision matrix Λ − J, so that they are integrated in closed form: what is left is a
`BoltzmannMachine` of the finite ones (Lauritzen & Wermuth 1989), docs/math.md (13.6).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_count, as_numbers
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, expect
from ebm.graph import states_of
from ebm.machine import Array
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.stream import Seed, Stream
from ebm.units import Units

__all__ = ["MixedMachine"]

_MOST = 2.0**20  # states of the finite units that are summed
_LOG_2PI = float(np.log(2 * np.pi))


class MixedMachine:
    """Real units beside finite ones, coupled in pairs.

    Parameters
    ----------
    units : Units
        `Mixed`, with blocks of ``Gaussian()``; or these alone.
    J : (columns, columns)
        Couplings: symmetric, zero where a unit would meet itself.
    b : (columns,)
        Biases.
    precision : (n_real,)
        λ of each real unit, given all others.

    Raises
    ------
    EbmError
        Arrays of other shapes, not finite, or not symmetric; a precision that is not above 0; no real units.

    Examples
    --------
    >>> import ebm
    >>> from ebm.inverse import MixedMachine
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 1), (ebm.Gaussian(), 1)))
    >>> machine = MixedMachine(units, [[0.0, 2.0], [2.0, 0.0]], [0.0, 1.0], [4.0])
    >>> rows = machine.sample(1000, seed=0)
    >>> [round(float(rows[rows[:, 0] == a, 1].mean()), 1) for a in (0, 1)]  # 1/4, and 3/4
    [0.2, 0.7]
    """

    def __init__(self, units: Units, J: ArrayLike, b: ArrayLike, precision: ArrayLike) -> None:
        self.units = expect(units, Units, "units", "units such as Mixed with blocks of Gaussian()")
        b = as_numbers(b, "b").astype(np.float64)
        self.n_units = units.count(b.size) if b.ndim == 1 else 0
        if not self.n_units:
            raise EbmError(f"b: expected one number for each column of {units}, got shape {b.shape}")
        owners = units.owners(self.n_units)
        types = [own for own, at, _ in units.parts(self.n_units) for _ in range(at.stop - at.start)]
        self._real = np.array([own.states is None for own in types])
        self._columns = self._real[owners]
        if not self._real.any():
            raise EbmError(f"units: {units}: there are no real units; expected a BoltzmannMachine")
        J = as_numbers(J, "J", (b.size, b.size)).astype(np.float64)
        precision = as_numbers(precision, "precision", (int(self._real.sum()),)).astype(np.float64)
        if not (np.isfinite(J).all() and np.isfinite(b).all()):
            raise EbmError("J, b: expected finite numbers")
        if not np.array_equal(J, J.T) or J[owners[:, None] == owners].any():
            raise EbmError("J: expected a symmetric matrix, zero where a unit would be coupled to itself")
        if not (np.isfinite(precision).all() and (precision > 0).all()):
            raise EbmError("precision: expected finite numbers above 0")
        self.params = {"J": J, "b": b, "precision": precision}

    @property
    def J(self) -> Array:
        """Couplings, (columns, columns)."""
        return self.params["J"]

    @property
    def b(self) -> Array:
        """Biases, (columns,)."""
        return self.params["b"]

    @property
    def precision(self) -> Array:
        """λ of each real unit, (n_real,)."""
        return self.params["precision"]

    @property
    def spread(self) -> Array:
        """Of each column: λ^−½ of real units, 1 of others, (columns,)."""
        found = np.ones(len(self.b))
        found[self._columns] = self.precision**-0.5
        return found

    @cached_property
    def inner(self) -> Array:
        """The precision matrix of real units given the others, (n_real, n_real)."""
        at = self._columns
        found: Array = np.diag(self.precision) - self.J[np.ix_(at, at)]
        return found

    def normalisable(self) -> bool:
        """Whether there is a density: the precision matrix is positive definite."""
        return bool(np.linalg.eigvalsh(self.inner)[0] > 0)

    def _rows(self, x: ArrayLike) -> Array:
        rows = as_numbers(x, "x").astype(np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_units:
            raise EbmError(f"x: expected rows of {self.n_units} units, got shape {rows.shape}")
        return self.units.check(rows, "x", strict=True)

    def energy(self, x: ArrayLike) -> Array:
        """E of each row, (n,)."""
        rows = self._rows(x)
        phi = self.units.encode(rows)
        found: Array = 0.5 * rows[:, self._real] ** 2 @ self.precision - phi @ self.b
        return found - 0.5 * ((phi @ self.J) * phi).sum(1)

    @cached_property
    def _integrated(self) -> tuple[BoltzmannMachine | None, float]:
        """The finite units' machine, and what is to be added to minus its energies for all of log ∫
        e^(−E)."""
        if not self.normalisable():
            raise EbmError(
                "machine: it has no density: the precision matrix of its real units is not positive definite;"
                " expected a stronger penalty, or more rows"
            )
        real, cats = np.flatnonzero(self._columns), np.flatnonzero(~self._columns)
        across, covariance = self.J[np.ix_(cats, real)], np.linalg.inv(self.inner)
        b = self.b[real]
        log_det = float(np.linalg.slogdet(self.inner)[1])
        constant = 0.5 * (len(real) * _LOG_2PI - log_det + float(b @ covariance @ b))
        if not len(cats):
            return None, constant
        J = self.J[np.ix_(cats, cats)] + across @ covariance @ across.T
        biases = self.b[cats] + across @ covariance @ b
        left = self.units.taken(~self._real)
        n = int((~self._real).sum())
        owners = left.owners(n)
        for i in range(n):  # φ of one unit twice is a function of its state, which its biases say
            own = owners == i
            states = states_of(left.one(i)).astype(np.float64)
            twice = 0.5 * ((states @ J[np.ix_(own, own)]) * states).sum(1)
            basis = np.column_stack([np.ones(len(states)), states])
            coefficients = np.linalg.lstsq(basis, twice, rcond=None)[0]
            if np.abs(basis @ coefficients - twice).max() > 1e-9 * (1 + np.abs(twice).max()):
                raise NotSupported(
                    f"machine: {left.one(i)}: the real units beside it leave a square of its number; expected"
                    " units of two states or Potts units"
                )
            constant += float(coefficients[0])
            biases[own] += coefficients[1:]
            J[np.ix_(own, own)] = 0.0
        return BoltzmannMachine(left, (J + J.T) / 2, biases), constant

    @property
    def finite(self) -> BoltzmannMachine | None:
        """The machine of the finite units, the real ones integrated; None where there are none."""
        return self._integrated[0]

    def log_z(self) -> float:
        """log Z, nats, by a sum over the states of the finite units.

        Raises
        ------
        TooLarge
            More than 2²⁰ of them.
        """
        machine, constant = self._integrated
        if machine is None:
            return constant
        self._refuse_large(machine)
        return float(machine.exact(stats=False)[0]) + constant

    def _refuse_large(self, machine: BoltzmannMachine) -> None:
        states = n_states(machine.units, machine.n_units)
        refuse_above(_MOST, states, 1e-8 * machine.n_units, 0.0, "summing the states of the finite units")

    def log_likelihood(self, x: ArrayLike) -> Array:
        """log p of each row, nats: a density in the real units."""
        return -self.energy(x) - self.log_z()

    def sample(self, n: int, *, seed: Seed = 0) -> Array:
        """Independent rows, exactly: finite units from all their states, real ones given these, (n, n_units).

        Raises
        ------
        TooLarge
            More than 2²⁰ states of the finite units.
        """
        n, rng = as_count(n, "n"), Stream(seed)
        machine, _ = self._integrated
        rows, real = np.empty((n, self.n_units)), np.flatnonzero(self._columns)
        inputs = np.tile(self.b[real], (n, 1))
        if machine is not None:
            self._refuse_large(machine)
            total = int(n_states(machine.units, machine.n_units))
            states = enumerate_states(machine.units, machine.n_units, 0, total)
            log_p = -machine.energy(states)
            ends = np.cumsum(np.exp(log_p - log_p.max()))
            at = np.searchsorted(ends[:-1], rng.uniform(1, n)[0] * ends[-1], side="right")
            rows[:, ~self._real] = states[at]
            inputs += machine.units.encode(states[at]) @ self.J[np.ix_(~self._columns, self._columns)]
        from scipy.special import ndtri

        root = np.linalg.cholesky(np.linalg.inv(self.inner))
        noise = ndtri(rng.uniform(n, len(real)))
        rows[:, self._real] = np.linalg.solve(self.inner, inputs.T).T + noise @ root.T
        return rows

    def __repr__(self) -> str:
        return f"MixedMachine({self.n_units} units: {self.units})"
