"""How couplings scatter: the rows drawn again with replacement, and every number inferred anew.

Efron & Tibshirani, "An introduction to the bootstrap" (1993).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice, as_count, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, expect
from ebm.files import refuse_beyond_memory
from ebm.inverse.edges import Inferred
from ebm.inverse.infer import infer
from ebm.inverse.methods import METHODS
from ebm.inverse.mixed import MixedMachine
from ebm.inverse.rows import rows_of
from ebm.inverse.selection import cross_validated, stability_selection
from ebm.machine import Array
from ebm.progress import Progress, showing
from ebm.stream import Seed, Stream
from ebm.units import Units

__all__ = ["Bootstrap", "Fit", "bootstrap"]

Fit: TypeAlias = Callable[[Array, Units, Array, float], Inferred]

_SELECTIONS: dict[str, Callable[..., Inferred]] = {  # which draw parts of the rows
    "cross_validated": cross_validated,
    "stability_selection": stability_selection,
}


@dataclass(frozen=True, repr=False)
class Bootstrap:
    """Couplings of resampled rows.

    Attributes
    ----------
    found : Couplings, Network, …
        Of the rows themselves.
    J : (n, columns, columns) float64
        Of each sample.
    b : (n, columns) float64
    """

    found: Inferred
    J: Array
    b: Array

    @property
    def stderr_J(self) -> Array:
        """Standard deviations of the samples' J, (columns, columns); nan where a unit would meet itself."""
        found: Array = self.J.std(0, ddof=1)
        machine = self.found.machine
        owners = machine.units.owners(machine.n_units)
        found[owners[:, None] == owners] = np.nan
        return found

    @property
    def stderr_b(self) -> Array:
        """Of the biases, (columns,)."""
        found: Array = self.b.std(0, ddof=1)
        return found

    @property
    def frequencies(self) -> Array:
        """In how many of the samples a coupling is not zero, (columns, columns)."""
        found: Array = (self.J != 0).mean(0)
        return found

    def intervals(self, level: float = 0.95) -> Array:
        """Lower and upper percentiles of J, (2, columns, columns)."""
        level = as_number(level, "level", 0, 1)
        found: Array = np.quantile(self.J, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return found

    def __repr__(self) -> str:
        return f"Bootstrap({len(self.J)} samples of {self.found!r})"


def bootstrap(
    data: ArrayLike,
    units: Units | None = None,
    fit: str | Fit = "pseudo_likelihood",
    n: int = 200,
    *,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    seed: Seed = 0,
    progress: Progress = None,
) -> Bootstrap:
    """Infer couplings again and again, from as many rows drawn from the data with replacement.

    Parameters
    ----------
    data : (n_rows, n_units)
        States of the units.
    units : Units, optional
        Ising or Bernoulli, by the data, when left out.
    fit : str or callable
        A method of `infer`; "cross_validated" or "stability_selection"; or a function of (rows, units,
        weights, n_effective) that gives its result, or that of `ising_network` and the like. Rows are the
        distinct ones, weights say how often each was drawn: what draws parts of the rows has to repeat them.
    n : int
        Samples.
    weights : (n_rows,), optional
        Row weights ≥ 0: how likely each row is to be drawn.
    n_effective : float, optional
        How many rows are drawn; what the weights are worth when left out.
    seed : int
    progress : callable, bool or None
        As in `ebm.fit`.

    Returns
    -------
    Bootstrap

    Raises
    ------
    EbmError
        Rows that are no states; more samples than fit into memory; a function that gives something else.

    Warns
    -----
    RuntimeWarning
        In how many samples something was said (a unit that never changes in it, couplings without a finite
        estimate: `infer` makes both finite), and the first such line.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import bootstrap, ising_network
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 0.5], [0.5, 0.0]])
    >>> rows = ebm.sample(pair, 1000, seed=1).x
    >>> found = bootstrap(rows, n=50)
    >>> bool(0.02 < found.stderr_J[0, 1] < 0.06)
    True
    >>> network = lambda x, units, w, m: ising_network(x, units, weights=w, n_effective=m)
    >>> float(bootstrap(rows, fit=network, n=5).frequencies[0, 1])
    1.0
    """
    n = as_count(n, "n", 2)
    rows = rows_of(data, units, weights, n_effective, real=True)
    if isinstance(fit, str):
        fit = _by_name(as_choice(fit, (*METHODS, *_SELECTIONS), "fit"), seed)
    if not callable(fit):
        raise EbmError(f"fit: expected a function or one of {', '.join((*METHODS, *_SELECTIONS))}")
    x, draws = rows.states, max(round(rows.n_effective), 2)
    columns = len(rows.basis.means)
    refuse_beyond_memory(8.0 * n * columns**2, f"{n} samples of {columns} x {columns} couplings", "fewer")
    refuse_beyond_memory(24.0 * draws, f"a sample of {draws} rows", "a smaller n_effective")
    found = _checked(fit(x, rows.basis.units, rows.w * rows.n_effective, rows.n_effective))
    J, b, stream = np.empty((n, columns, columns)), np.empty((n, columns)), Stream(seed)
    ends, said = np.cumsum(rows.w), []
    with showing(progress, "bootstrap") as update, warnings.catch_warnings(record=True) as lines:
        warnings.simplefilter("always")
        for k in range(n):
            drawn = np.searchsorted(ends[:-1], stream.uniform(1, draws)[0], side="right")
            w = np.bincount(drawn, minlength=len(ends)).astype(np.float64)
            one = _checked(fit(x, rows.basis.units, w, float(draws)))
            J[k], b[k] = one.machine.params["J"], one.machine.params["b"]
            if lines:
                said.append(str(lines[0].message))
                lines.clear()
            update((k + 1) / n, f"{k + 1} of {n} samples")
    if said:
        warnings.warn(f"in {len(said)} of {n} samples: {said[0]}", RuntimeWarning, stacklevel=2)
    return Bootstrap(found, J, b)


def _by_name(name: str, seed: Seed) -> Fit:
    """What the name of a method, or of a selection, says."""

    def inferred(x: Array, own: Units, w: Array, worth: float) -> Inferred:
        return infer(x, own, name, weights=w, n_effective=worth)

    def selected(x: Array, own: Units, w: Array, worth: float) -> Inferred:
        times = np.rint(w)
        if np.abs(w - times).max() > 1e-6:  # of the data themselves, where they have weights
            return _SELECTIONS[name](x, own, weights=w, seed=seed)
        return _SELECTIONS[name](np.repeat(x, times.astype(np.int64), axis=0), own, seed=seed)

    return selected if name in _SELECTIONS else inferred


def _checked(found: Inferred) -> Inferred:
    expect(found, Inferred, "fit", "a function that gives the result of infer or ising_network")
    expect(found.machine, (BoltzmannMachine, MixedMachine), "fit", "a result with a BoltzmannMachine")
    return found
