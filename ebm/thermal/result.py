"""What thermodynamics finds: curves with their errors, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ebm.machine import Array
from ebm.notebook import at_most, html_table

__all__ = ["Curve", "Overlap", "Thermodynamics"]


@dataclass(frozen=True)
class Overlap:
    """The distribution of the overlap of two independent replicas, at every temperature of a curve.

    The overlap of two states of n units with k states each is (k·m/n − 1)/(k − 1), where m units agree: for
    spins the mean of s s′, 1 for equal states, 0 on average for unrelated ones. It is taken over the units
    in x: those of a fully connected machine, the visible ones of an RBM.

    Attributes
    ----------
    q : (n_bins,) float64
        Middles of the bins.
    edges : (n_bins + 1,) float64
        Halfway between values that occur; one value to a bin where they are few.
    density, density_stderr : (n_temperatures, n_bins) float64
        Probability per unit of q, and its standard error: density·diff(edges) sums to 1.
    """

    q: Array
    edges: Array
    density: Array
    density_stderr: Array


@dataclass(frozen=True)
class Curve:
    """An observable over temperature.

    Attributes
    ----------
    value, stderr : float64, (n_temperatures,), or (n_temperatures, m) where it is several numbers
    """

    value: Array
    stderr: Array


@dataclass(frozen=True)
class Thermodynamics:
    """Curves over temperature; each array is (n_temperatures,) float64, in nats unless said otherwise.

    Each quantity has its standard error beside it, under the name with ``_stderr``.

    Attributes
    ----------
    temperature : ndarray
        T = 1/β, ascending; the machine as it is has T = 1.
    log_z : ndarray
        log Z_β of p_β ∝ exp(−βH − U).
    free_energy : ndarray
        −T log Z_β.
    energy : ndarray
        ⟨H⟩, hidden units included: E without the potentials U, which Gaussian units have and others not.
    heat_capacity : ndarray
        d⟨H⟩/dT = β² Var H; dimensionless.
    entropy : ndarray
        log Z_β + β⟨H⟩. Where all units have finitely many states: the entropy of all of them, hidden ones
        included. In general it is the entropy relative to the measure exp(−U), that is log Z at β = 0 minus
        KL(p_β ‖ p_0).
    overlap : Overlap or None
        None where states are continuous.
    observables : dict of str to Curve
        Of `observables`, by their names.
    configurations : (n_temperatures, n, n_units) ndarray, or None
        States at each temperature, where they were asked for.
    trouble : str
        Why it is not to be trusted, in one line; empty when nothing speaks against it.
    facts : dict
        ``n_chains`` (ladders), ``n_temperatures`` (levels), ``n_records``, ``stride`` (steps between
        records), ``r_hat``, ``least_swap_rate``, ``round_trips``.
    """

    temperature: Array
    log_z: Array
    log_z_stderr: Array
    free_energy: Array
    free_energy_stderr: Array
    energy: Array
    energy_stderr: Array
    heat_capacity: Array
    heat_capacity_stderr: Array
    entropy: Array
    entropy_stderr: Array
    overlap: Overlap | None = None
    observables: dict[str, Curve] = field(default_factory=dict)
    configurations: Array | None = None
    trouble: str = ""
    facts: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        span = f"{len(self.temperature)} temperatures, {self.temperature[0]:g} to {self.temperature[-1]:g}"
        k = int(np.argmax(self.heat_capacity))
        peak = f"heat capacity {self.heat_capacity[k]:.3g} at most, at {self.temperature[k]:.3g}"
        return f"Thermodynamics({span}; {peak}{self.trouble and f'; DO NOT TRUST: {self.trouble}'})"

    def _repr_html_(self) -> str:
        names = ("temperature", "log_z", "free_energy", "energy", "heat_capacity", "entropy")
        columns = {name: vars(self)[name] for name in names}
        columns |= {name: of.value for name, of in self.observables.items() if of.value.ndim == 1}
        rows = zip(*(column[at_most(len(self.temperature))] for column in columns.values()), strict=True)
        return html_table(self.trouble and f"do not trust: {self.trouble}", list(columns), rows)

    def arrays(self) -> dict[str, Array]:
        """All arrays by name: those of the overlap as ``overlap_q``, …; observables have a ``_stderr``, too.

        Examples
        --------
        >>> import numpy as np
        >>> found = Thermodynamics(*np.ones((11, 2)))
        >>> list(found.arrays())[:3]
        ['temperature', 'log_z', 'log_z_stderr']
        """
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        if self.overlap is not None:
            arrays |= {f"overlap_{name}": value for name, value in vars(self.overlap).items()}
        for name, found in self.observables.items():
            arrays |= {name: found.value, f"{name}_stderr": found.stderr}
        return arrays
