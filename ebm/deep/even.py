"""What a deep Boltzmann machine is to samplers and rules: an RBM whose visible side are the even layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arrays import Owned
from ebm.graph import Graph
from ebm.machine import Array, Base, Params, Scan
from ebm.rbm import RBM
from ebm.stream import Stream

__all__ = ["EvenLayers"]


class EvenLayers:
    """The protocol of machines, by an RBM some of whose couplings are held at zero.

    Attributes
    ----------
    params : dict of str to ndarray
        The RBM's.
    coupled : ndarray of bool, (rows, columns) of W
        Which elements are couplings.
    """

    _rbm: RBM
    coupled: Array

    scans, hidden_biases = RBM.scans, RBM.hidden_biases
    units = property(lambda self: self._rbm.visible, doc="The type of the units in x, the even layers.")
    hidden = property(lambda self: self._rbm.hidden, doc="The type of the odd layers.")
    n_hidden = property(lambda self: self._rbm.n_hidden, doc="Units of the odd layers.")
    n_units = property(lambda self: self._rbm.n_visible, doc="Units in x.")
    dtype = property(lambda self: self._rbm.dtype, doc="The dtype of the parameters.")

    @property
    def params(self) -> Owned:
        """W, b and c of the RBM: live arrays; whoever changes them calls `project`."""
        return self._rbm.params

    def graph(self) -> Graph:
        """All units as a pairwise model, the even layers first."""
        return self._rbm.graph()

    def moment_stats(self, second: Array, mean: Array) -> Params:
        """`stats` made of ⟨φφᵀ⟩ and ⟨φ⟩ over all units, the odd layers last."""
        return self._masked(self._rbm.moment_stats(second, mean))

    def start(self, x: ArrayLike) -> Any:
        """Running chains from states of the even layers, (n_chains, n_units)."""
        return self._rbm.start(x)

    def carry(self, chains: Any, rng: Stream) -> tuple[Array, Array | None]:
        """What learning keeps of running chains."""
        return self._rbm.carry(chains, rng)

    def restart(self, x: Array, ahead: Array | None = None) -> Any:
        """Running chains from what `carry` returned."""
        return self._rbm.restart(x, ahead)

    def store(self, data: Array) -> Array:
        """Rows of data as they are."""
        return data

    def free_energy(self, x: Any, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """F_β(x), the odd layers summed: nats."""
        return self._rbm.free_energy(x, beta, base)

    def sweep(
        self,
        x: Any,
        rng: Stream,
        n: int = 1,
        beta: ArrayLike = 1.0,
        base: Base = None,
        free: Array | None = None,
        scan: Scan = "auto",
    ) -> Any:
        """n sweeps: the odd layers given the even ones, then these given those."""
        return self._rbm.sweep(x, rng, n, beta, base, free, scan)

    def fill(self, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
        """n sweeps of the units `gaps`, (n_chains, n_units) bool, of states x; the others are held."""
        return self._rbm.fill(x, gaps, rng, n)

    def local_inputs(self, x: Any, rng: Stream) -> Array:
        """Inputs of the even layers given odd ones drawn given x, (n, n_units·width)."""
        return self._rbm.local_inputs(x, rng)

    def stats(self, x: Any, weights: Array | None = None) -> Params:
        """−∂F/∂ params, the weighted sum over rows."""
        return self._masked(self._rbm.stats(x, weights))

    def contrast(
        self, x: Any, weights: Array | None, y: Any, others: Array | None = None
    ) -> tuple[Params, Params]:
        """stats(x, weights) − stats(y, others), and the first of the biases alone."""
        difference, first = self._rbm.contrast(x, weights, y, others)
        return self._masked(difference), first

    def _masked(self, found: Params) -> Params:
        whole = self.coupled.all()
        return found if whole else found | {"W": np.where(self.coupled, found["W"], 0).astype(self.dtype)}

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The gradient in centred coordinates."""
        return self._masked(self._rbm.centre(gradient, offsets))

    def standardise(self, gradient: Params, offsets: Params) -> Params:
        """Of a gradient in centred coordinates, the step in standardised ones."""
        return self._rbm.standardise(gradient, offsets)

    def uncentre(self, step: Params, offsets: Params) -> Params:
        """A step in centred coordinates as a step of the parameters."""
        return self._rbm.uncentre(step, offsets)

    def project(self) -> None:
        """Keep the couplings between layers that are no neighbours at zero."""
        self.params.check()
        self.params["W"][~self.coupled] = 0
        self._rbm.project()

    def require_exact(self) -> None:
        """Raise `TooLarge` if `exact` would."""
        self._rbm.require_exact()

    def normalisable(self, beta: float = 1.0, free: Array | None = None) -> bool:
        """Whether p_β, with only the units of a mask `free`, has a finite integral."""
        return self._rbm.normalisable(beta, free)

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """(log Z_β, expected stats), summing one side."""
        log_z, found = self._rbm.exact(beta, stats=stats)
        return log_z, self._masked(found) if stats else found

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """Draw x at β = 0."""
        return self._rbm.sample0(n, rng, base)

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0."""
        return self._rbm.log_z0(base)

    def condition(self, given: ArrayLike) -> tuple[RBM, float]:
        """The machine of the free even units given the others, and what these add to its energy, nats.

        given : (n_units,), states of the clamped units, NaN for the free ones.
        """
        return self._rbm.condition(given)

    def site_energies(self, x: Any, i: int) -> Array:
        """F of x with unit i set to each of its states."""
        return self._rbm.site_energies(x, i)

    def site_contrast(self, x: Any, weights: Array) -> Params:
        """Σ weights (stats of x with one unit changed − stats of x)."""
        return self._masked(self._rbm.site_contrast(x, weights))
