"""Couplings J: two ways to store them, the same operations on both.

The live values are what learns: all of a dense J, or the data of a sparse J whose pattern is fixed. J is
checked once, when it comes in: square, finite, symmetric, zero diagonal (Potts: zero blocks).
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.arguments import as_array, well_indexed
from ebm.arrays import Owned, parameter
from ebm.boltzmann.slices import Slices
from ebm.errors import EbmError
from ebm.machine import Array
from ebm.units import Mixed, Units

if TYPE_CHECKING:
    from ebm.kernels.arguments import Couplings

__all__ = ["Dense", "Sparse", "as_csr", "colour", "is_sparse", "take_couplings"]

_SYMMETRY = 1e-6  # difference between J and its transpose, relative to max|J|, that is taken for rounding
_LOPSIDED = (
    1e-3  # half their difference, absolute and relative to max|J|: rounding is far below, also of float32
)
_AT_ONCE = 2**22  # numbers made at a time by Sparse.pairs


def _pattern(numbers: Any, dtype: Any) -> Array:
    """Numbers of a pattern of pairs, for good: compiled code trusts them, and is one for all machines."""
    numbers = np.array(numbers, dtype)
    numbers.flags.writeable = False
    return numbers


_NO_PATTERN = _pattern([], np.int32), _pattern([], np.int32)


class _Live:
    """Where the live couplings are: among the parameters of the machine that they belong to."""

    _owner: Owned

    def bind(self, owner: Owned) -> None:
        """Take those of an owner from now on."""
        self._owner = owner

    @property
    def values(self) -> Array:
        """The live couplings: J, or its entries (n_entries,), where each pair stands twice."""
        return self._owner["J"]


class Dense(_Live):
    """All pairs."""

    sparse = False

    def __init__(self, matrix: Any, owners: Array, dtype: Any) -> None:
        self.bind(Owned({"J": parameter(matrix, matrix.shape, dtype, "J")}))
        self._inside = _own_blocks(owners)
        _check_dense(self.values, self._inside, owners)
        self.symmetrise()

    @property
    def matrix(self) -> Array:
        """J."""
        return self.values

    @property
    def for_kernels(self) -> Couplings:
        """(J, data, indices, indptr): see `ebm.kernels.arguments`."""
        return self.values, np.empty(0, self.values.dtype), *_NO_PATTERN

    def pairs(self, left: Array, right: Array) -> Array:
        """left·rightᵀ where J has entries: left, right (n·width, m) -> like `values`."""
        return self.on_pattern(left @ right.T)

    def both_ways(self, left: Array, right: Array) -> Array:
        """left·rightᵀ + right·leftᵀ where J has entries, by one product."""
        full = left @ right.T
        return self.on_pattern(full + full.T)

    def on_pattern(self, full: Array) -> Array:
        """A full matrix with its diagonal blocks set to zero, in place."""
        full[self._inside] = 0
        return full

    def times(self, values: Array, vector: Array) -> Array:
        """The matrix with these values, times a vector."""
        return values @ vector

    def take_lesser(self) -> None:
        """Replace J_ij and J_ji by the one that is nearer to zero."""
        J = self.values
        J[:] = np.where(np.abs(J.T) < np.abs(J), J.T, J)

    def symmetrise(self) -> None:
        """Replace J by (J + Jᵀ)/2, zero diagonal blocks; warns of a J that is not symmetric to rounding."""
        J = self.values
        mean = 0.5 * (J + J.T)
        if (k := _lopsided(J, mean)) is not None:
            _warn(*divmod(k, len(J)), J.flat[k], mean.flat[k])
        J[:] = self.on_pattern(mean)


class Sparse(_Live):
    """The pairs of a fixed pattern, in compressed sparse rows."""

    sparse = True

    def __init__(self, matrix: Any, owners: Array, dtype: Any) -> None:
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.sort_indices()
        parameter(matrix.data, matrix.data.shape, dtype, "J")
        matrix = _without_diagonal(matrix, owners)
        self._rows = _rows(matrix)
        # One dtype for both, or scipy copies: int32 wherever it will do, as scipy itself chooses.
        index = np.int32 if max(matrix.nnz, *matrix.shape) < 2**31 else np.int64
        self._indices, self._indptr = _pattern(matrix.indices, index), _pattern(matrix.indptr, index)
        self._mirror = _mirror(matrix)
        self._slices: Slices | None = None
        self.bind(Owned({"J": np.array(matrix.data, dtype)}))
        difference = np.abs(self.values - self.values[self._mirror])
        if difference.size and difference.max() > _SYMMETRY * np.abs(self.values).max():
            k, entries = int(difference.argmax()), self.values != 0
            triangle = _triangle(self._rows[entries], self._indices[entries])
            pair = self.values[k], self.values[self._mirror[k]]
            raise _asymmetric(self._rows[k], self._indices[k], *pair, triangle)
        self.symmetrise()

    @property
    def matrix(self) -> Any:
        """J as a sparse array over the live values."""
        return self._with(self.values)

    def _with(self, values: Array) -> Any:
        from scipy.sparse import csr_array

        size = len(self._indptr) - 1
        return csr_array((values, self._indices, self._indptr), shape=(size, size))

    @property
    def for_kernels(self) -> Couplings:
        """(J, data, indices, indptr): see `ebm.kernels.arguments`."""
        return np.empty((0, 0), self.values.dtype), self.values, self._indices, self._indptr

    def slices(self, order: Array, colours: Array) -> Slices:
        """The scan `order`, which goes through the units by colour, in slices of a colour.

        That of all units is kept: their pattern never changes.
        """
        if len(order) < len(colours):
            return Slices(order, colours, self._indices, self._indptr, self.values.dtype)
        if self._slices is None:
            self._slices = Slices(order, colours, self._indices, self._indptr, self.values.dtype)
        return self._slices

    def pairs(self, left: Array, right: Array) -> Array:
        """left·rightᵀ where J has entries: left, right (n·width, m) -> like `values`."""
        out = np.empty(len(self._indices), left.dtype)
        step = max(1, _AT_ONCE // left.shape[1])
        for k in range(0, len(out), step):
            rows, columns = self._rows[k : k + step], self._indices[k : k + step]
            out[k : k + step] = np.einsum("en,en->e", left[rows], right[columns])
        return out

    def both_ways(self, left: Array, right: Array) -> Array:
        """left·rightᵀ + right·leftᵀ where J has entries."""
        one = self.pairs(left, right)
        return one + one[self._mirror]

    def on_pattern(self, full: Array) -> Array:
        """The entries of a full matrix where J has entries."""
        return full[self._rows, self._indices]

    def times(self, values: Array, vector: Array) -> Array:
        """The matrix with these values, times a vector."""
        return self._with(values) @ vector

    def take_lesser(self) -> None:
        """Replace J_ij and J_ji by the one that is nearer to zero."""
        J, other = self.values, self.values[self._mirror]
        J[:] = np.where(np.abs(other) < np.abs(J), other, J)

    def symmetrise(self) -> None:
        """Replace J by (J + Jᵀ)/2; warns of a J that is not symmetric to rounding."""
        J = self.values
        mean = 0.5 * (J + J[self._mirror])
        if (k := _lopsided(J, mean)) is not None:
            _warn(self._rows[k], self._indices[k], J[k], mean[k])
        J[:] = mean


def is_sparse(J: Any) -> bool:
    """Whether J is a scipy.sparse matrix, without importing scipy.sparse: a tenth of the start-up time."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(J))


def as_csr(J: Any) -> Any:
    """A sparse matrix of any kind as a csr_array, whose indices are looked at: compiled code trusts them."""
    from scipy.sparse import csr_array

    well_indexed(J, "J")
    try:
        matrix = csr_array(J)
        matrix.check_format(full_check=True)
    except (ValueError, IndexError) as error:
        raise EbmError(f"J: not a valid sparse matrix: {error}") from None
    return matrix


def take_couplings(J: Any, units: Units, b: Any) -> Dense | Sparse:
    """Check a J given by the user and store it: float32 if it and b are, else float64."""
    sparse = is_sparse(J)
    matrix: Any = as_csr(J) if sparse else as_array(J, "J")
    shape = matrix.shape
    if len(shape) != 2 or shape[0] != shape[1] or not (n := units.count(shape[0])):
        rows = units.n_columns if isinstance(units, Mixed) else f"n_units·{units.width}"
        raise EbmError(f"J: expected a square matrix of {rows} rows, got shape {shape}")
    values: Any = matrix.data if sparse else matrix
    if values.dtype.kind not in "biuf":
        raise EbmError(f"J: expected real numbers, got an array of {values.dtype}")
    single = values.dtype == np.float32 and (b is None or np.asarray(b).dtype == np.float32)
    return (Sparse if sparse else Dense)(matrix, units.owners(n), np.float32 if single else np.float64)


def _rows(matrix: Any) -> Array:
    """The row of every entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _without_diagonal(matrix: Any, owners: Array) -> Any:
    """Refuse couplings of a unit to itself; explicit zeros there are no parameters and go."""
    rows = _rows(matrix)
    inside = owners[rows] == owners[matrix.indices]
    wrong = np.flatnonzero(inside & (matrix.data != 0))
    if len(wrong):
        k = wrong[0]
        raise _on_diagonal(rows[k], matrix.indices[k], matrix.data[k], owners)
    if not inside.any():
        return matrix
    from scipy.sparse import csr_array

    kept = ~inside
    return csr_array((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _mirror(matrix: Any) -> Array:
    """For every entry (i, j) the place of (j, i)."""
    from scipy.sparse import coo_array, csr_array

    places = csr_array((np.arange(1, matrix.nnz + 1), matrix.indices, matrix.indptr), shape=matrix.shape)
    back = places.T.tocsr()
    back.sort_indices()
    if not (np.array_equal(back.indptr, matrix.indptr) and np.array_equal(back.indices, matrix.indices)):
        one_sided = coo_array((places > 0) != (back > 0))
        row, column = int(one_sided.coords[0][0]), int(one_sided.coords[1][0])
        entries = matrix.data != 0
        what = _symmetric(_triangle(_rows(matrix)[entries], matrix.indices[entries]))
        raise EbmError(
            f"J: ({row}, {column}) and ({column}, {row}): one has an entry and the other none; {what}"
        )
    return back.data - 1


def _own_blocks(owners: Array) -> tuple[Array, Array]:
    """Rows and columns of a matrix where a unit meets itself."""
    first = np.searchsorted(owners, owners)
    width = np.searchsorted(owners, owners, side="right") - first
    rows = np.repeat(np.arange(len(owners)), width)
    start = np.cumsum(width) - width
    return rows, first[rows] + np.arange(len(rows)) - start[rows]


def _check_dense(J: Array, inside: tuple[Array, Array], owners: Array) -> None:
    wrong = np.flatnonzero(J[inside] != 0)
    if len(wrong):
        row, column = (int(places[wrong[0]]) for places in inside)
        raise _on_diagonal(row, column, J[row, column], owners)
    difference = np.abs(J - J.T)
    if difference.max() > _SYMMETRY * np.abs(J).max():
        row, column = (int(z) for z in np.unravel_index(difference.argmax(), J.shape))
        raise _asymmetric(row, column, J[row, column], J[column, row], _triangle(*np.nonzero(J)))


def _lopsided(J: Array, mean: Array) -> int | None:
    """The place of an entry that is not, to the rounding of a step of learning, what its mirror image is."""
    away = J - mean  # one the negative of the other
    most = away.max(initial=0)
    if not most > _LOPSIDED or not most > _LOPSIDED * np.abs(mean).max():  # NaN: learning has diverged
        return None
    return int(away.argmax())


def _warn(row: int, column: int, value: float, mean: float) -> None:
    warnings.warn(
        f"J: {value:g} at ({row}, {column}) and {2 * mean - value:g} at ({column}, {row}) are one parameter:"
        f" their mean, {mean:g}, was taken; set both",
        RuntimeWarning,
        stacklevel=5,
    )


def _on_diagonal(row: int, column: int, value: float, owners: Array) -> EbmError:
    width = int((owners == owners[row]).sum())
    what = "a zero diagonal" if width == 1 else f"zero {width}×{width} blocks on the diagonal"
    return EbmError(f"J: {value:g} at ({row}, {column}); expected {what}: a unit does not couple to itself")


def _triangle(rows: Array, columns: Array) -> str:
    """Which triangle holds all entries, if one does: then every pair stands there once, in full."""
    upper, lower = bool((rows < columns).all()), bool((rows > columns).all())
    return "upper" if upper else "lower" if lower else ""


def _symmetric(triangle: str) -> str:
    """What is expected: a pair that stands once in full is not halved."""
    if triangle:
        return f"all couplings stand in the {triangle} triangle; expected a symmetric J: use J + J.T"
    return "expected a symmetric J: use (J + J.T) / 2"


def _asymmetric(row: int, column: int, one: float, other: float, triangle: str) -> EbmError:
    found = f"{one:g} at ({row}, {column}) but {other:g} at ({column}, {row})"
    return EbmError(f"J: {found}; {_symmetric(triangle)}")


def colour(indices: Array, indptr: Array) -> Array:
    """Colour a graph greedily, most connected nodes first, so that neighbours differ.

    Parameters
    ----------
    indices, indptr : ndarray
        Neighbours in compressed sparse rows.

    Returns
    -------
    ndarray, (n,) int64
        Colours from 0, at most one more than the largest degree (Welsh & Powell 1967).

    Examples
    --------
    >>> import numpy as np
    >>> colour(np.array([1, 0, 2, 1]), np.array([0, 1, 3, 4]))
    array([1, 0, 1])
    """
    colours = np.full(len(indptr) - 1, -1, np.int64)
    for i in np.argsort(-np.diff(indptr), kind="stable"):
        taken = set(colours[indices[indptr[i] : indptr[i + 1]]].tolist())
        c = 0
        while c in taken:
            c += 1
        colours[i] = c
    return colours
