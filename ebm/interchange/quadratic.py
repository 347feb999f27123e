"""Quadratic forms of spins or bits: what files and graphs of pairwise models hold, and machines made of them.

Others write E(x) = offset + Σ h_i x_i + Σ_{i<j} Q_ij x_i x_j and look for its minimum. Here b = −h and J =
−Q, and p(x) ∝ exp(−E(x)). Spins and bits are each other's: s = 2x − 1 changes fields, couplings and the
offset, and no energy.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, expect
from ebm.files import refuse_beyond_memory
from ebm.graph import HasGraph, graph_of
from ebm.machine import Array
from ebm.units import Bernoulli, Ising, Units

__all__ = ["Named", "Quadratic", "facts_of", "of_machine"]

_MOST = 10**7  # units
_SHOWN = 6  # names in a line
_DENSE = 0.25  # of all pairs: from here on products with a dense matrix are faster


class Named(NamedTuple):
    """A machine with what it cannot hold: the names of its units, and a constant of the energy.

    The energy of the model is ``machine.energy(x) + offset``; ``names[k]`` is the name of column k of x.
    """

    machine: BoltzmannMachine
    names: tuple[Hashable, ...]
    offset: float


def facts_of(named: Named) -> dict[str, object]:
    """What `ebm info` says of it beside the machine."""
    first = ", ".join(map(str, named.names[:_SHOWN])) + ", ..." * (len(named.names) > _SHOWN)
    return {"offset": named.offset, "names": first}


@dataclass(frozen=True, eq=False)
class Quadratic:
    """E(x) = offset − b·x − Σ_k J_k x_i(k) x_j(k).

    Attributes
    ----------
    spin : bool
        x is ±1, else 0 or 1.
    b : (n,) float64
    i, j : (m,) int64
        Pairs i < j, each once, in order.
    J : (m,) float64
    offset : float
    names : tuple, (n,)
    """

    spin: bool
    b: Array
    i: Array
    j: Array
    J: Array
    offset: float
    names: tuple[Hashable, ...]

    @classmethod
    def of_terms(
        cls,
        spin: bool,
        h: Array,
        ends: tuple[Array, Array],
        Q: Array,
        offset: float = 0.0,
        names: Sequence[Hashable] | None = None,
        what: str = "the model",
    ) -> Quadratic:
        """What minimises E = offset + Σ h_i x_i + Σ_k Q_k x_i(k) x_j(k): pairs that come again are added.

        A pair of a unit with itself is a constant of spins (s² = 1) and a field of bits (x² = x).
        """
        n = len(h)
        if not 1 <= n <= _MOST:
            raise EbmError(f"{what}: {n} units; expected 1 to {_MOST}")
        i, j = (np.asarray(side, np.int64) for side in ends)
        Q, h = np.asarray(Q, np.float64), np.array(h, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # sums beyond all floats are refused below
            own = i == j
            if spin:
                offset = float(offset + Q[own].sum())
            else:
                np.add.at(h, i[own], Q[own])
            low, high = np.minimum(i, j)[~own], np.maximum(i, j)[~own]
            pairs, which = np.unique(low * n + high, return_inverse=True)
            J = -np.bincount(which, Q[~own], len(pairs)).astype(np.float64)
        if not (np.isfinite(h).all() and np.isfinite(J).all() and np.isfinite(offset)):
            raise EbmError(
                f"{what}: a coefficient is NaN, infinite or beyond all floats; expected finite numbers"
            )
        kept = J != 0
        low, high = np.divmod(pairs[kept], n)
        return cls(spin, 0.0 - h, low, high, J[kept], float(offset), _checked(names, n))

    @property
    def n(self) -> int:
        """Units."""
        return len(self.b)

    @property
    def h(self) -> Array:
        """The fields of those who minimise: −b."""
        return 0.0 - self.b

    @property
    def Q(self) -> Array:
        """The couplings of those who minimise: −J."""
        return 0.0 - self.J

    def energy(self, x: Any) -> Array:
        """E(x), (n,), with the offset."""
        x = np.asarray(x, np.float64)
        return self.offset - x @ self.b - (x[:, self.i] * x[:, self.j]) @ self.J

    def matrix(self) -> Any:
        """The symmetric couplings, dense where many of the pairs are coupled, else scipy.sparse."""
        from scipy.sparse import csr_array

        both = (np.r_[self.i, self.j], np.r_[self.j, self.i])
        J = csr_array((np.r_[self.J, self.J], both), shape=(self.n, self.n))
        J.sort_indices()
        return J.toarray() if len(self.J) >= _DENSE * self.n * (self.n - 1) / 2 else J

    def named(self) -> Named:
        """The machine, the names and the offset."""
        refuse_beyond_memory(16.0 * self.n + 48.0 * len(self.J), f"a machine of {self.n} units", "fewer")
        units = Ising() if self.spin else Bernoulli()
        return Named(BoltzmannMachine(units, self.matrix(), self.b), self.names, self.offset)

    def of_spins(self, spin: bool) -> Quadratic:
        """The same energies as a form of spins, or of bits."""
        if spin == self.spin:
            return self
        scale, shift = (np.full(self.n, v) for v in ((0.5, 0.5) if spin else (2.0, -1.0)))
        return replace(self._substituted(scale, shift), spin=spin)

    def _substituted(self, scale: Array, shift: Array) -> Quadratic:
        """The form of y where x_i = scale_i y_i + shift_i."""
        i, j, J = self.i, self.j, self.J
        field = np.bincount(i, J * shift[j], self.n) + np.bincount(j, J * shift[i], self.n)
        offset = self.offset - float(shift @ self.b) - float((J * shift[i]) @ shift[j])
        return replace(self, b=scale * (self.b + field), J=J * scale[i] * scale[j], offset=offset)


def of_machine(
    machine: HasGraph | Named,
    what: str,
    *,
    spin: bool | None = None,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
) -> Quadratic:
    """The energy of a machine of spins and bits over all its units, hidden ones last, as one form.

    Parameters
    ----------
    machine : Machine
        With couplings in pairs: a `BoltzmannMachine`, an `RBM`, a `DBM`; or what `from_...` returned, whose
        names and offset are kept.
    what : str
        Who needs it, for complaints.
    spin : bool, optional
        Wanted as a form of spins, or of bits; as it is when left out, spins where both occur.
    names, offset
        Of the units; added to the energy.
    """
    if isinstance(machine, Named):
        return of_machine(
            machine.machine,
            what,
            spin=spin,
            names=machine.names if names is None else names,
            offset=offset + machine.offset,
        )
    graph = graph_of(machine, what)
    kinds = [_is_spin(units, what) for units, _ in graph.blocks]
    spins = np.repeat(kinds, [count for _, count in graph.blocks])
    to_spin = bool(spins.any()) if spin is None else spin
    upper = graph.J.tocoo()
    kept = upper.coords[0] < upper.coords[1]
    i, j = (side[kept].astype(np.int64) for side in upper.coords)
    order = np.lexsort((j, i))
    form = Quadratic(
        to_spin, graph.b, i[order], j[order], upper.data[kept][order], offset, _checked(names, graph.n_units)
    )
    other = spins != to_spin
    if not other.any():
        return form
    scale, shift = (0.5, 0.5) if to_spin else (2.0, -1.0)
    return form._substituted(np.where(other, scale, 1.0), np.where(other, shift, 0.0))


def _is_spin(units: Units, what: str) -> bool:
    if not isinstance(units, (Ising, Bernoulli)):
        raise NotSupported(f"{what} holds spins and bits; expected units Ising() or Bernoulli(), got {units}")
    return isinstance(units, Ising)


def _checked(names: Sequence[Hashable] | None, n: int) -> tuple[Hashable, ...]:
    if names is None:
        return tuple(range(n))
    found = tuple(expect(names, (Sequence, np.ndarray), "names", f"a sequence of {n} names"))
    if len(found) != n:
        raise EbmError(f"names: expected {n}, one a unit, got {len(found)}")
    try:
        again = len(set(found)) < n
    except TypeError:
        raise EbmError("names: expected names that can be keys, such as text, numbers or tuples") from None
    if again:
        seen: set[Hashable] = set()
        twice = next(name for name in found if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise EbmError(f"names: {twice!r} comes twice; expected each once")
    return found
