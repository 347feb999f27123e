"""Cluster sampling of Ising machines and Potts ferromagnets: Swendsen–Wang and Wolff."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from ebm.errors import NotSupported, settings
from ebm.machine import Array, Count, Machine, Params
from ebm.samplers.pairwise import as_numbers, blocks, require_pairwise, table_of, to_states
from ebm.samplers.walkers import Walkers, begin
from ebm.stream import Stream

__all__ = ["SwendsenWang", "Wolff"]

_PARALLEL = 2**14  # pairs looked at from which on sweeps run on several threads
_ROUNDING = 1e-5  # of a coupling, relative to the largest, that is taken for rounding


@dataclass(frozen=True)
class _Bonds:
    """A machine at β as cluster kernels see it: exp(Σ K δ(x_i, x_j) + Σ h_i(x_i)) of states x, by number.

    Attributes
    ----------
    join : (n_entries,) float64
        sign(K)·(1 − exp(−|K|)): the probability of a bond, and which pairs are satisfied.
    rows, indices, indptr : ndarray
        The units of each entry, and the compressed rows; a pair stands twice.
    fields : (N, q) float64
        h.
    params, beta :
        What they were made of, kept to see whether it has changed.
    """

    join: Array
    rows: Array
    indices: Array
    indptr: Array
    fields: Array
    params: Params
    beta: float

    @cached_property
    def pairs(self) -> tuple[Array, Array, Array]:
        """join and the two units of each pair, once."""
        once = self.rows < self.indices
        return self.join[once], self.rows[once], self.indices[once]

    @property
    def neighbours(self) -> tuple[Array, Array, Array]:
        """join, indices, indptr."""
        return self.join, self.indices, self.indptr

    def fits(self, machine: Machine, beta: float) -> bool:
        """Whether they are those of this machine, as it is now."""
        same = beta == self.beta and self.params.keys() == machine.params.keys()
        return same and all(np.array_equal(value, machine.params[key]) for key, value in self.params.items())


@dataclass
class _ClusterWalkers(Walkers):
    bonds: _Bonds | None = None


def _make_bonds(machine: Machine, beta: float, who: str) -> _Bonds:
    units = "Ising (or Bernoulli) units, or a Potts ferromagnet,"
    machine = require_pairwise(machine, who, units, "Gibbs or Tempering")
    couplings, indices, indptr = blocks(machine)
    rows = np.repeat(np.arange(machine.n_units), np.diff(indptr))
    table, n = table_of(machine.units), machine.n_units
    K, (fields_of_pairs, rest) = _split(couplings, table)
    fields = machine.b.reshape(n, -1).astype(np.float64) @ table.T
    np.add.at(fields, rows, fields_of_pairs)
    wrong = rest > _ROUNDING * max(np.abs(couplings).max(initial=0), 1e-300)
    if len(table) > 2:  # with two states every coupling has this form, with either sign
        wrong |= beta * K < 0
    if wrong.any():
        e = int(np.argmax(wrong))
        raise NotSupported(
            f"{who} needs couplings K δ(x_i, x_j), β K ≥ 0, of units of {len(table)} states; those of units"
            f" {rows[e]} and {indices[e]} are others: use Gibbs or Metropolis"
        )
    join = np.sign(beta * K) * -np.expm1(-np.abs(beta * K))
    source = {key: value.copy() for key, value in machine.params.items()}
    return _Bonds(join, rows, indices, indptr, beta * fields, source, beta)


def _split(couplings: Array, table: Array) -> tuple[Array, tuple[Array, Array]]:
    """Couplings T_ab of two units in states a and b, as K δ_ab + h_a + h′_b: K, (h, what is left over).

    For two states nothing is left over, whatever φ: that is how Bernoulli units are Ising units,
    J x x′ = (J/2) δ + (J/2)(x + x′) − J/2 as is checked on the four states.
    """
    q = len(table)
    T = (couplings.reshape(-1, table.shape[1] ** 2) @ np.kron(table, table).T).reshape(-1, q, q)
    h, other = T.mean(2), T.mean(1)
    centred = T - h[:, :, None] - other[:, None, :] + T.mean((1, 2))[:, None, None]
    K = np.trace(centred, axis1=1, axis2=2) / (q - 1)
    rest = np.abs(centred - K[:, None, None] * (np.eye(q) - 1 / q)).max((1, 2), initial=0)
    return K, (h, rest)


def _bonds(machine: Machine, state: Walkers, beta: float, who: str) -> _Bonds:
    """The machine's bonds, kept in the walkers: to make them costs as much as a sweep of many chains."""
    bonds = state.bonds if isinstance(state, _ClusterWalkers) else None
    if bonds is None or not bonds.fits(machine, beta):
        bonds = _make_bonds(machine, beta, who)
        if isinstance(state, _ClusterWalkers):
            state.bonds = bonds
    return bonds


def _begin(machine: Machine, n_chains: int, rng: Stream, given: Array | None, bonds: _Bonds) -> Walkers:
    return _ClusterWalkers(**vars(begin(machine, n_chains, rng, given)), bonds=bonds)


def _read(machine: Machine, state: Walkers) -> tuple[Array, Array]:
    """The numbers of states, (n_chains, n_units), and the units that may change."""
    free = np.ones(machine.n_units, bool) if state.free is None else state.free
    return as_numbers(machine.units, state.x), free


def _put_back(machine: Machine, state: Walkers, numbers: Array) -> None:
    state.chains = machine.start(to_states(machine.units, numbers, machine.dtype))
    state.time += 1


@settings
class SwendsenWang:
    """Swendsen–Wang sampling: the units are joined into clusters at random, and all clusters turn at once.

    A pair that is satisfied is joined with probability 1 − exp(−|βK|), K = 2J for Ising units. Given the
    bonds, each cluster is drawn exactly: an Ising cluster flips with probability 1/(1 + e^(2βf)), f = Σ b_i
    s_i over its units; a Potts cluster takes the state a with probability ∝ exp(β Σ b_i(a)). Fields thus
    need no ghost spin, whose bonds would only hold clusters still. A cluster with a clamped unit stays.

    Any couplings of two-state units are allowed, dense or sparse, of both signs: right for spin glasses too,
    but there clusters percolate far above the temperatures of interest, and little is gained over Gibbs
    sampling. Of Potts units those of a ferromagnet are: J_ij = K_ij times the identity (up to a gauge),
    β K ≥ 0.

    Parameters
    ----------
    n_sweeps : int
        Sweeps per step, each over all pairs of coupled units.
    beta : float
        Inverse temperature.

    Raises
    ------
    NotSupported
        From `init`: other machines.

    References
    ----------
    Swendsen & Wang, "Nonuniversal critical dynamics in Monte Carlo simulations" (1987); Edwards & Sokal
    (1988), equations 2–6, for why it is right, with fields.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> chain = 2.0 * (np.eye(20, k=1) + np.eye(20, k=-1))
    >>> machine = ebm.BoltzmannMachine(ebm.Ising(), chain)
    >>> x = ebm.sample(machine, 400, sampler=ebm.SwendsenWang(), burn_in=50, thin=2).x
    >>> bool(abs((x[:, 0] * x[:, 1]).mean() - np.tanh(2)) < 0.05)
    True
    """

    length: ClassVar[None] = None

    n_sweeps: Count = 1
    beta: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        return _begin(machine, n_chains, rng, given, _make_bonds(machine, self.beta, "SwendsenWang"))

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """n_sweeps sweeps; info has beta and "clusters", the number in a sweep, (n_chains,)."""
        from ebm.kernels.sparse.clusters import Pairs, swendsen_wang_sweeps

        bonds = _bonds(machine, state, self.beta, "SwendsenWang")
        x, free = _read(machine, state)
        pairs, count = bonds.pairs, np.empty(len(x), np.int64)
        parallel = len(x) * len(pairs[0]) * self.n_sweeps > _PARALLEL
        sweeps = (*rng.advance(self.n_sweeps), self.n_sweeps)
        swendsen_wang_sweeps(parallel, x, Pairs(*pairs), bonds.fields, free, sweeps, count)
        _put_back(machine, state, x)
        return state, {"beta": self.beta, "clusters": count / self.n_sweeps}


@settings
class Wolff:
    """Wolff sampling: one cluster is grown from a random unit and turned, n_clusters times a step.

    Clusters are those of `SwendsenWang`, met in proportion to their size. A cluster is offered another state
    (an Ising cluster: to flip) and takes it with probability min(1, exp(β × what its fields gain)): always,
    without fields. One that meets a clamped unit stays; seeds are free units. The number of clusters
    is fixed: to stop once enough units have turned would prefer states with large clusters.

    Parameters
    ----------
    n_clusters : int
        Clusters per step. As much work as a sweep is N/⟨size⟩ of them.
    beta : float
        Inverse temperature.

    Raises
    ------
    NotSupported
        From `init`: machines that `SwendsenWang` does not take either.

    Notes
    -----
    At β = 0 clusters are single units that always flip: without fields their number then alternates between
    even and odd and p_β is not approached. Use `SwendsenWang` or `Gibbs` there.

    References
    ----------
    Wolff, "Collective Monte Carlo updating for spin systems" (1989).

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    >>> state = ebm.Wolff(1).init(pair, 4000, ebm.Stream(0))
    >>> for _ in range(20):
    ...     state, info = ebm.Wolff(1).step(pair, state, ebm.Stream(1))
    >>> sorted(info)
    ['acceptance', 'beta', 'cluster_size']
    """

    length: ClassVar[None] = None

    n_clusters: Count = 10
    beta: Annotated[float, Field(allow_inf_nan=False)] = 1.0

    def init(self, machine: Machine, n_chains: int, rng: Stream, given: Array | None = None) -> Walkers:
        """Start from independent fair units."""
        return _begin(machine, n_chains, rng, given, _make_bonds(machine, self.beta, "Wolff"))

    def step(self, machine: Machine, state: Walkers, rng: Stream) -> tuple[Walkers, dict[str, Any]]:
        """n_clusters clusters; info has beta, their mean "cluster_size" and "acceptance", (n_chains,).

        Without fields and clamped units, and with βK ≥ 0, the mean size over samples is that of a unit's
        Σ_j ⟨s_i s_j⟩, averaged over i: the susceptibility, by an estimator that varies less.
        """
        from ebm.kernels.sparse.clusters import Neighbours, wolff_clusters

        bonds, n = _bonds(machine, state, self.beta, "Wolff"), self.n_clusters
        x, free = _read(machine, state)
        seeds, (sizes, flips) = np.flatnonzero(free), np.zeros((2, len(x)), np.int64)
        sweeps = (*rng.advance(n), n)
        if len(seeds):
            parallel = x.size * n > _PARALLEL  # the clusters' sizes are not known before
            neighbours = Neighbours(*bonds.neighbours)
            wolff_clusters(parallel, x, neighbours, bonds.fields, free, seeds, sweeps, sizes, flips)
        _put_back(machine, state, x)
        return state, {"beta": self.beta, "cluster_size": sizes / n, "acceptance": flips / n}
