"""Functions of a unit's states without what no probability feels: contrasts, and couplings of them.

E(x) = −Σ_i h_i·f_i(x_i) − Σ_{i<j} f_i(x_i)·K_ij f_j(x_j), where the contrasts f_i of a unit sum to zero over
its states: ½ and −½ of a Bernoulli unit, ∓1 of an Ising unit, states minus their mean of any other unit that
is a number, q − 1 orthonormal ones of a Potts unit. No two (h, K) are the same distribution, so that Hessians
have inverses; of Potts units it is the zero-sum gauge, and |K_ij| = |J_ij|.

A real unit has one, (x − location)/scale, and K_ii = −λ stands for its precision: E has λ/2·f² more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ebm.errors import NotSupported
from ebm.graph import states_of
from ebm.machine import Array
from ebm.units import Units

__all__ = ["Basis"]


@dataclass(frozen=True)
class Basis:
    """Contrasts of every unit of a layer.

    Attributes
    ----------
    units : Units
        Of finitely many states, without a potential; or Gaussian.
    n : int
        Units.
    location, scale : (n,) float64, optional
        Of real units, by which their values are made numbers about 0 of size 1.
    """

    units: Units
    n: int
    location: Array | None = None
    scale: Array | None = None

    @cached_property
    def states(self) -> list[Array]:
        """φ of each unit's states, (n_states, width) each."""
        return self._each(lambda states: states)

    def _each(self, function: Callable[[Array], Array]) -> list[Array]:
        """Of φ of each unit's states, once a type."""
        kinds = {own for own in self.types if own.states is not None}
        made = {own: function(states_of(own).astype(np.float64)) for own in kinds}
        return [made.get(own, np.empty((0, 1))) for own in self.types]

    @cached_property
    def real(self) -> Array:
        """Which units are, (n,) bool."""
        return np.array([own.states is None for own in self.types])

    @cached_property
    def _real_columns(self) -> Array:
        return self.real[self.units.owners(self.n)]

    def taken(self, units: Array) -> Basis:
        """Of some of the units."""
        kept = np.zeros(self.n, bool)
        kept[units] = True
        own = self.units.taken(kept)
        if self.location is None or self.scale is None:
            return Basis(own, len(units))
        return Basis(own, len(units), self.location[units], self.scale[units])

    @cached_property
    def types(self) -> list[Units]:
        """Of each unit."""
        return [own for own, places, _ in self.units.parts(self.n) for _ in range(places.stop - places.start)]

    @cached_property
    def contrasts(self) -> list[Array]:
        """f of each unit's states, (n_states, r) each."""
        return self._each(_contrasts)

    @cached_property
    def own(self) -> list[slice]:
        """The places of each unit's contrasts among all."""
        ends = np.cumsum([0, *(f.shape[1] for f in self.contrasts)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    @property
    def size(self) -> int:
        """Contrasts of all units."""
        return self.own[-1].stop

    @cached_property
    def owners(self) -> Array:
        """The unit of each contrast, (size,)."""
        return np.repeat(np.arange(self.n), [f.shape[1] for f in self.contrasts])

    @cached_property
    def two_states(self) -> bool:
        """Whether every unit has two."""
        return all(len(f) == 2 for f in self.contrasts)

    @property
    def saturated(self) -> bool:
        """Whether any function of the states of a pair is one of its couplings and biases."""
        return all(f.shape[1] == len(f) - 1 for f in self.contrasts)

    def half_ranges(self, what: str) -> Array:
        """Half the distance of the states of two-state units, (n,); NotSupported of others."""
        for i, f in enumerate(self.contrasts):
            if len(f) != 2:
                raise NotSupported(
                    f"{what}: unit {i} has {len(f)} states; expected two, or the method pseudo_likelihood"
                )
        return np.array([f[1, 0] for f in self.contrasts])

    @cached_property
    def _turns(self) -> list[Array]:
        """A of each unit: f(x)·h = (φ(x) − mean)·A h, (width, r) each."""
        found = self._each(_turn)
        if self.scale is not None:
            for i in np.flatnonzero(self.real):
                found[i] = np.array([[1 / self.scale[i]]])
        return found

    @cached_property
    def plain(self) -> bool:
        """Whether every A is 1: units that are numbers."""
        return not self.real.any() and all(turn.shape == (1, 1) for turn in self._turns)

    @cached_property
    def turn(self) -> Array:
        """All A's on a diagonal, (columns, size)."""
        from scipy.linalg import block_diag

        found: Array = block_diag(*self._turns)
        return found

    @cached_property
    def means(self) -> Array:
        """⟨φ⟩ of each unit over its states, (columns,); of real units their location."""
        if self.location is None:
            return np.concatenate([states.mean(0) for states in self.states])
        both = zip(self.states, self.location, strict=True)
        return np.concatenate([states.mean(0) if len(states) else [at] for states, at in both])

    def in_units(self, K: Array, h: Array) -> tuple[Array, Array]:
        """Couplings and biases of contrasts, (…, size, size) and (…, size), as J and b of the units."""
        if self.plain:
            return K, h - K @ self.means
        J = self.turn @ K @ self.turn.T  # exact zeros within a unit: turn is 0 between units
        return J, h @ self.turn.T - J @ self.means

    def of_units(self, J: Array, b: Array) -> tuple[Array, Array]:
        """J and b of the units, in any gauge, as couplings and biases of contrasts."""
        if self.plain:
            return J, b + J @ self.means
        back = np.linalg.pinv(self.turn)
        K = back @ J @ back.T
        K[self.owners[:, None] == self.owners] = 0.0
        return K, back @ (b + J @ self.means)


def _centred(states: Array) -> Array:
    found: Array = states - states.mean(0)
    return found


def _contrasts(states: Array) -> Array:
    """Orthonormal functions that span what φ says of the states; of a unit that is a number, itself."""
    centred = _centred(states)
    if states.shape[1] == 1:
        return centred
    u, s, _ = np.linalg.svd(centred)
    kept = int((s > 1e-9 * s[0]).sum())
    if kept == len(states) - 1:  # all that sums to zero
        from scipy.linalg import helmert

        return np.ascontiguousarray(helmert(len(states)).T)
    return np.ascontiguousarray(u[:, :kept])


def _turn(states: Array) -> Array:
    if states.shape[1] == 1:
        return np.ones((1, 1))
    found: Array = np.linalg.pinv(_centred(states)) @ _contrasts(states)
    return found
