"""Independent exact samples: no chain, no burn-in, nothing to converge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from pydantic import Field

from ebm.elimination import Junction, eliminate
from ebm.errors import NotSupported, TooLarge, settings
from ebm.graph import graph_of
from ebm.machine import Array, Machine
from ebm.samplers.walkers import Walkers
from ebm.states import enumerate_states, n_states, states_at
from ebm.stream import Stream

__all__ = ["Direct"]

_FEW = 2.0**12  # states of the free units that are enumerated without looking for anything cheaper
_MOST = 2.0**20  # states that are enumerated where elimination cannot
_AT_ONCE = 2**16


class _Drawer(Protocol):
    """A distribution over x that independent states can be drawn from."""

    @property
    def method(self) -> str:
        """How."""

    def draw(self, n: int, rng: Stream) -> Array:
        """n states, (n, n_units)."""

    def clamped(self, given: Array) -> _Drawer:
        """The same for other states of the same clamped units."""


class _Enumerated:
    """All states of the free units, drawn by inverting the cumulative sum of their probabilities."""

    method = "enumeration"

    def __init__(self, machine: Machine, beta: float, given: Array) -> None:
        self._machine, self._beta, self._given = machine, beta, given
        self._free = np.isnan(given)
        self._units, self._n = machine.units.taken(self._free), int(self._free.sum())
        count = int(n_states(self._units, self._n))
        log_p = np.empty(count)
        for start in range(0, count, _AT_ONCE):
            rows = slice(start, min(start + _AT_ONCE, count))
            x = self._whole(enumerate_states(self._units, self._n, rows.start, rows.stop))
            log_p[rows] = -machine.free_energy(x, beta)
        self._cdf = np.cumsum(np.exp(log_p - log_p.max()))

    def _whole(self, free: Array) -> Array:
        x = np.broadcast_to(self._given, (len(free), len(self._given))).copy()
        x[:, self._free] = free
        return x

    def draw(self, n: int, rng: Stream) -> Array:
        u = rng.uniform(n, 1)[:, 0]
        index = np.minimum(np.searchsorted(self._cdf, u * self._cdf[-1]), len(self._cdf) - 1)
        return self._whole(states_at(self._units, self._n, index))

    def clamped(self, given: Array) -> _Enumerated:
        return _Enumerated(self._machine, self._beta, given)


class _Eliminated:
    """All units of the machine's graph, hidden ones too, drawn one given the others from the last back."""

    method = "elimination"

    def __init__(self, junction: Junction, n_units: int) -> None:
        self._junction, self._n_units = junction, n_units

    def draw(self, n: int, rng: Stream) -> Array:
        return self._junction.sample(n, rng)[:, : self._n_units]

    def clamped(self, given: Array) -> _Eliminated:
        return _Eliminated(self._junction.clamped(given), self._n_units)


@dataclass
class _Draws(Walkers):
    """Walkers that are drawn anew; `drawer` is that of the first condition, `groups` chains by condition."""

    drawer: Any = None
    groups: list[tuple[Array, Array]] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """How states are drawn; they are independent."""
        return {"tau": 1.0, "thin": 1, "method": self.drawer.method}


@settings
class Direct:
    """Independent exact samples, by enumeration or by variable elimination.

    The states of x are enumerated where they are few; else units are summed out one after the other over the
    machine's coupling graph and drawn back (`ebm.elimination`), at a cost that grows as 2^treewidth: chains,
    trees, narrow lattices, RBMs with up to 22 units in one of their layers, small stacks. Gaussian units are
    integrated out first. Every step draws states that do not depend on those before, so there is neither
    burn-in nor thinning and the autocorrelation time is 1.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    limit : float
        log2 of the most states that a table of the elimination may have.

    Raises
    ------
    TooLarge
        By `init`: too many states, and too large a treewidth.
    NotSupported
        By `init`: too many states of a machine without a coupling graph.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> n = 1000
    >>> J = np.diag(np.full(n - 1, 9.0), 1)
    >>> chain = ebm.BoltzmannMachine(ebm.Ising(), J + J.T)  # two states have nearly all the weight
    >>> found = ebm.sample(chain, 400, sampler=ebm.Direct(), seed=1)
    >>> bool(abs(found.x[:, 0].mean()) < 0.2), found.diagnostics["method"]
    (True, 'elimination')
    """

    length: ClassVar[int] = 0

    beta: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    limit: Annotated[float, Field(ge=0, le=40)] = 22.0

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Draw the first states; conditions whose clamped states differ are summed one by one."""
        if given is None:
            given = np.full((1, machine.n_units), np.nan)
        marked = np.where(np.isnan(given), np.inf, given)  # NaN is not equal to NaN, row by row
        conditions, which = np.unique(marked, axis=0, return_inverse=True)
        conditions[np.isinf(conditions)] = np.nan
        which = np.broadcast_to(which.ravel(), n_chains)
        groups = [(np.flatnonzero(which == k), row) for k, row in enumerate(conditions)]
        drawer = self._drawer(machine, groups[0][1])
        x = _draw(drawer, groups, n_chains, rng)
        free = None if not np.isfinite(given[0]).any() else np.isnan(given[0])
        return _Draws(machine.start(x), free=free, drawer=drawer, groups=groups)

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """Draw all states anew; info has beta and the method."""
        assert isinstance(state, _Draws)
        state.chains = machine.start(_draw(state.drawer, state.groups, len(state.chains), rng))
        state.time += 1
        return state, {"beta": self.beta, "method": state.drawer.method}

    def _drawer(self, machine: Machine, given: Array) -> _Drawer:
        count = n_states(machine.units, int(np.isnan(given).sum()))
        if count <= _FEW:
            return _Enumerated(machine, self.beta, given)
        try:
            graph = graph_of(machine, "Direct")
            return _Eliminated(eliminate(graph, self.beta, given=given, limit=self.limit), machine.n_units)
        except (NotSupported, TooLarge):
            if count > _MOST:
                raise
            return _Enumerated(machine, self.beta, given)


def _draw(first: _Drawer, groups: list[tuple[Array, Array]], n: int, rng: Stream) -> Array:
    """States of all chains, condition by condition; only the first condition's sums are kept."""
    x = np.empty((n, len(groups[0][1])))
    for k, (rows, given) in enumerate(groups):
        drawer = first.clamped(given) if k else first
        x[rows] = drawer.draw(len(rows), rng)
    return x
