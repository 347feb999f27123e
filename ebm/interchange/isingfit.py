"""R's IsingFit, bootnet and IsingSampler: weights and thresholds of units 0 and 1, in CSV.

E(x) = −Σ τ_i x_i − Σ_{i<j} ω_ij x_i x_j: b is the thresholds, J the weights (``weiadj``, ``graph``), of
`Bernoulli` units. IsingSampler can have other responses: with ``spins=True`` the same numbers are of ±1. They
are other models: a coupling of bits is four of spins, J = ω/4, and fields change with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ebm.arguments import as_flag
from ebm.boltzmann import BoltzmannMachine
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.ising_csv import FIELDS, column_of, read_model, write_model
from ebm.interchange.quadratic import Named

__all__ = ["read", "read_named", "write"]


def read(path: str | Path, thresholds: str | Path | None = None, spins: bool = False) -> BoltzmannMachine:
    """Read weights and thresholds: a machine of `Bernoulli` units.

    Parameters
    ----------
    path : str or Path
        ``write.csv(cbind(thresholds = fit$thresholds, fit$weiadj), path)`` of R, or the weights alone:
        ``write.csv(fit$weiadj, path)``.
    thresholds : str or Path, optional
        Of weights alone: ``write.csv(fit$thresholds, thresholds)``.
    spins : bool
        Units are ±1: ``IsingSampler(..., responses = c(-1, 1))``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "fit.csv"
    ...     _ = path.write_text('"","thresholds","sad","tired"\\n"sad",-1,0,2\\n"tired",-0.5,2,0\\n')
    ...     machine, names, _ = read_named(path)
    >>> names, machine.energy([[1, 0], [1, 1]])
    (('sad', 'tired'), array([ 1. , -0.5]))
    """
    return read_named(path, thresholds, spins).machine


def read_named(path: str | Path, thresholds: str | Path | None = None, spins: bool = False) -> Named:
    """As `read`, with the names of the columns."""
    return read_model(path, thresholds, as_flag(spins, "spins"))


def write(
    path: str | Path, machine: HasGraph | Named, *, names: Sequence[str] | None = None, spins: bool = False
) -> None:
    """Write thresholds and weights for R: ``x <- as.matrix(read.csv(path, row.names = 1))``.

    Then ``IsingSampler(n, graph = x[, -1], thresholds = x[, 1])`` draws from it. A machine of spins is
    written as one of bits, a constant of its energy left out.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        Of spins and bits, with a coupling graph; hidden units are the last ones.
    names : sequence of str, optional
        Of the units; V1, V2, … when left out.
    spins : bool
        For responses of ±1.
    """
    write_model(path, machine, names, as_flag(spins, "spins"), FIELDS[0])


def _recognise(path: Path, head: bytes) -> bool:
    return column_of(head) in FIELDS[:2]


FORMAT = Format(
    name="isingfit",
    title="IsingFit, bootnet, IsingSampler (CSV)",
    suffixes=(".csv",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = -sum t_i x_i - sum_{i<j} w_ij x_i x_j of 0 and 1: b = t, J = w",
    named=read_named,
)
