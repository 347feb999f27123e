"""R's BoltzMM: p(x) ∝ exp(½ xᵀMx + bᵀx) of ±1, in CSV: J = M, b = bvec, of `Ising` units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ebm.boltzmann import BoltzmannMachine
from ebm.graph import HasGraph
from ebm.interchange.formats import Format
from ebm.interchange.ising_csv import FIELDS, column_of, read_model, write_model
from ebm.interchange.quadratic import Named

__all__ = ["read", "read_named", "write"]


def read(path: str | Path, bvec: str | Path | None = None) -> BoltzmannMachine:
    """Read the fields and the matrix M: a machine of `Ising` units.

    Parameters
    ----------
    path : str or Path
        ``write.csv(cbind(bvec = fit$bvec, fit$Mmat), path)`` of R, or the matrix alone.
    bvec : str or Path, optional
        Of a matrix alone: ``write.csv(fit$bvec, bvec)``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "fit.csv"
    ...     _ = path.write_text('"","bvec","V1","V2"\\n"1",0.5,0,2\\n"2",0,2,0\\n')
    ...     read(path).energy([[1, -1], [1, 1]])
    array([ 1.5, -2.5])
    """
    return read_named(path, bvec).machine


def read_named(path: str | Path, bvec: str | Path | None = None) -> Named:
    """As `read`, with the names of the columns."""
    return read_model(path, bvec, True)


def write(path: str | Path, machine: HasGraph | Named, *, names: Sequence[str] | None = None) -> None:
    """Write bvec and Mmat for R: ``x <- as.matrix(read.csv(path, row.names = 1))``.

    Then ``pfvbm(y, bvec = x[, 1], Mmat = x[, -1])`` is the probability of y. A machine of bits is written as
    one of spins, a constant of its energy left out.

    Parameters
    ----------
    path : str or Path
    machine : Machine
        Of spins and bits, with a coupling graph; hidden units are the last ones.
    names : sequence of str, optional
        Of the units; V1, V2, … when left out.
    """
    write_model(path, machine, names, True, FIELDS[2])


def _recognise(path: Path, head: bytes) -> bool:
    return column_of(head) == FIELDS[2]


FORMAT = Format(
    name="boltzmm",
    title="BoltzMM (CSV)",
    suffixes=(".csv",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(x) = -x.Mx/2 - b.x of +-1: J = M",
    named=read_named,
)
