"""`Samples`: states that were drawn, with the chain and the place in it that each row is of."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.errors import imported, printable
from ebm.files import write_atomic
from ebm.machine import Array
from ebm.notebook import html_table

__all__ = ["Samples"]

_SHOWN, _UNITS = 6, 10  # rows and units in a repr


@dataclass(frozen=True, repr=False)
class Samples:
    """Samples of a machine.

    Attributes
    ----------
    x : ndarray, (n, n_units)
    free_energy : ndarray, (n,)
        Nats.
    energy : ndarray, (n,), or None
        Nats; None where the machine sums units out.
    diagnostics : dict
        ``tau``, ``burn_in``, ``thin``, in steps of the sampler; ``n_chains``; where tau was measured,
        ``slowest``: what it is the autocorrelation time of, "free energy" or "overlap"; annealing adds
        ``best_x`` and ``best_energy``; tempering ``swap_rates``, ``round_trips``, ``betas``; population
        annealing ``log_z``, its ``log_z_stderr``, ``rho_t``, ``family_entropy``; `Direct` its ``method``.
    chain, draw : ndarray of int, (n,)
        The chain that each row is of, 0, 1, … in the order in which they come, and its place among
        the samples of that chain. Rows of one chain may be correlated; of `Direct`, annealing and populations
        each row is a chain.

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 5.0], [5.0, 0.0]])
    >>> ebm.sample(pair, 5, n_chains=2, burn_in=5, thin=1, given=[1, float("nan")])
    5 samples of 2 units, 2 chains, free energy -5, standard deviation 0 nats
      chain   draw   free energy   energy   x
          0      0            -5       -5   1 1
          1      0            -5       -5   1 1
          0      1            -5       -5   1 1
          1      1            -5       -5   1 1
          0      2            -5       -5   1 1
    """

    x: Array
    free_energy: Array
    energy: Array | None
    diagnostics: dict[str, Any]
    chain: Array
    draw: Array

    def __len__(self) -> int:
        return len(self.x)

    def columns(self) -> dict[str, Array]:
        """What there is to know of each row beside its states: chain, draw, free_energy and energy."""
        own = {} if self.energy is None else {"energy": self.energy}
        return {"chain": self.chain, "draw": self.draw, "free_energy": self.free_energy} | own

    def to_dataframe(self) -> Any:
        """The rows as a pandas DataFrame: chain, draw, free_energy, energy, then the units x0, x1, ….

        With ``to_csv`` or ``to_parquet`` of it they become files, as ``ebm sample -o samples.parquet`` does.

        Raises
        ------
        EbmError
            pandas is not installed: the extra ``interchange``.
        """
        pandas = imported("pandas", "to_dataframe", "interchange")
        states = pandas.DataFrame(self.x, columns=unit_names(self.x.shape[1]))
        return pandas.concat([pandas.DataFrame(self.columns()), states], axis=1)

    def to_xarray(self) -> Any:
        """The chains as an `xarray.DataTree` that ArviZ reads.

        Its group ``posterior`` has x (chain, draw, unit); ``sample_stats`` has free_energy, energy and
        ``lp`` = −free_energy, log p up to a constant, (chain, draw); attributes are the diagnostics that are
        single numbers or words. ``arviz_stats.summary(samples.to_xarray())`` is a table of all units.

        Raises
        ------
        EbmError
            xarray is not installed: the extra ``interchange``.

        Warns
        -----
        RuntimeWarning
            Some chains have one sample more than others: that last one is left out.
        """
        xarray = imported("xarray", "to_xarray", "interchange")
        draws = int(np.bincount(self.chain).min())
        kept = np.flatnonzero(self.draw < draws)
        if len(kept) < len(self):
            warnings.warn(
                f"to_xarray: {len(self) - len(kept)} of {len(self)} rows are left out: chains that have more"
                f" than {draws} draws",
                RuntimeWarning,
                stacklevel=2,
            )
        order = kept[np.lexsort((self.draw[kept], self.chain[kept]))]
        axes, size = ("chain", "draw"), (len(order) // draws, draws)
        coordinates = {"chain": np.arange(size[0]), "draw": np.arange(draws)}
        stats = {
            name: (axes, values[order].reshape(size))
            for name, values in self.columns().items()
            if name not in axes
        }
        stats["lp"] = (axes, -stats["free_energy"][1])
        x = self.x[order].reshape(*size, -1)
        facts = {key: value for key, value in self.diagnostics.items() if np.ndim(value) == 0}
        groups = {
            "posterior": xarray.Dataset({"x": ((*axes, "unit"), x)}, coordinates, facts),
            "sample_stats": xarray.Dataset(stats, coordinates),
        }
        return xarray.DataTree.from_dict(groups)

    def __repr__(self) -> str:
        names = self.columns()
        texts = [[name.replace("_", " ") for name in names]]
        n = len(self)
        rows = range(n) if n <= _SHOWN else (*range(_SHOWN // 2), *range(n - _SHOWN // 2, n))
        texts += [[f"{column[k]:.5g}" for column in names.values()] for k in rows]
        more = " …" if self.x.shape[1] > _UNITS else ""
        states = ["x"] + [" ".join(f"{s:.3g}" for s in self.x[k, :_UNITS]) + more for k in rows]
        width = [max(map(len, column)) for column in zip(*texts, strict=True)]
        lines = [
            "  " + "   ".join(cell.rjust(w) for cell, w in zip(row, width, strict=True)) + f"   {state}"
            for row, state in zip(texts, states, strict=True)
        ]
        if n > _SHOWN:
            lines.insert(1 + _SHOWN // 2, "  …")
        return printable("\n".join([self._title, *lines]))

    @property
    def _title(self) -> str:
        chains = len(np.unique(self.chain))
        mean, std = self.free_energy.mean(), self.free_energy.std()
        tau = self.diagnostics["tau"]
        slow = "" if math.isnan(tau) else f", autocorrelation time {tau:.3g} steps"
        return (
            f"{len(self)} samples of {self.x.shape[1]} units, {chains} chain{'s' * (chains > 1)}, free energy"
            f" {mean:.4g}, standard deviation {std:.2g} nats{slow}"
        )

    def _repr_html_(self) -> str:
        facts = {key: value for key, value in self.diagnostics.items() if np.ndim(value) == 0}
        return html_table(self._title, list(facts), [list(facts.values())])


def unit_names(n: int) -> list[str]:
    """The columns of n units in a table of samples.

    Examples
    --------
    >>> unit_names(2)
    ['x0', 'x1']
    """
    return [f"x{k}" for k in range(n)]


def write_parquet(columns: Mapping[str, Array], path: str) -> None:
    """Write columns as a Parquet file, whole or not at all."""
    arrow = imported("pyarrow", f"{path}: a Parquet file", "interchange")
    parquet = imported("pyarrow.parquet", f"{path}: a Parquet file", "interchange")
    table = arrow.table({name: np.ascontiguousarray(values) for name, values in columns.items()})
    write_atomic(path, lambda file: parquet.write_table(table, file))


def in_order_met(chains: Array) -> Array:
    """Numbers of chains such that the first row is of chain 0 and every new one is of the next.

    Examples
    --------
    >>> in_order_met(np.array([7, 3, 7, 5]))
    array([0, 1, 0, 2])
    """
    _, first, which = np.unique(chains, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[which]
