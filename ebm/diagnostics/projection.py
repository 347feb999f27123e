"""Projections of states: the few numbers along a chain, besides its energy, on which it is judged."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_count, as_numbers
from ebm.diagnostics.series import Array
from ebm.errors import EbmError, expect

__all__ = ["principal_directions", "projections"]


def projections(
    x: ArrayLike, directions: ArrayLike, *, centre: ArrayLike | None = None, units: Any = None
) -> Array:
    """(φ(x) − centre)·directions: what `summarise` and `agreement` take, besides energies.

    Parameters
    ----------
    x : array_like, (..., n_units)
        States, such as (n_chains, n_steps, n_units).
    directions : array_like, (n_units·width, k) or (n_units·width,)
        Given ones, such as all ones for the magnetisation, or those of `principal_directions`.
    centre : array_like, (n_units·width,), optional
        None is zero.
    units : Units, optional
        Whose `encode` is φ; needed for Potts states, elsewhere φ(x) = x.

    Returns
    -------
    ndarray, (..., k) float64

    Raises
    ------
    EbmError
        Shapes that do not fit.

    Examples
    --------
    >>> projections([[1, -1, 1], [1, 1, 1]], [1, 1, 1])
    array([[1.],
           [3.]])
    """
    axes = as_numbers(directions, "directions").astype(np.float64)
    axes = axes[:, None] if axes.ndim == 1 else axes
    phi = _encoded(x, units)
    if axes.ndim != 2 or phi.shape[-1] != len(axes):
        raise EbmError(f"directions: expected ({phi.shape[-1]}, k), got {np.shape(directions)}")
    middle = np.zeros(len(axes)) if centre is None else as_numbers(centre, "centre").astype(np.float64)
    if middle.shape != (len(axes),):
        raise EbmError(f"centre: expected ({len(axes)},), got {middle.shape}")
    return phi @ axes - middle @ axes


def principal_directions(data: ArrayLike, k: int = 2, *, units: Any = None) -> tuple[Array, Array]:
    """The mean of data and their k leading principal components.

    Parameters
    ----------
    data : array_like, (n, n_units)
    k : int
        At most the rank that n rows can have, min(n − 1, n_units·width).
    units : Units, optional
        As in `projections`.

    Returns
    -------
    centre : ndarray, (n_units·width,)
    directions : ndarray, (n_units·width, k)
        Orthonormal, by falling variance; the largest entry of each is positive.

    Examples
    --------
    >>> centre, directions = principal_directions([[0, 0], [1, 1], [2, 2]], 1)
    >>> directions.round(3).ravel(), projections([[2, 2]], directions, centre=centre).round(3)
    (array([0.707, 0.707]), array([[1.414]]))
    """
    phi = _encoded(data, units)
    if phi.ndim != 2 or len(phi) < 2 or not phi.shape[1]:
        raise EbmError(f"data: expected two rows of units or more, got shape {phi.shape}")
    k = as_count(k, "k", 1, min(len(phi) - 1, phi.shape[1]))
    centre = phi.mean(0)
    apart = phi - centre
    if len(apart) < apart.shape[1]:  # fewer rows than columns: the small side is the rows
        axes = np.linalg.svd(apart, full_matrices=False)[2][:k].T
    else:
        axes = np.linalg.eigh(apart.T @ apart)[1][:, : -k - 1 : -1]
    largest = axes[np.abs(axes).argmax(0), np.arange(k)]
    return centre, axes * np.sign(largest)


@runtime_checkable
class _Encodes(Protocol):
    """What is needed of a unit type: this package's diagnostics import none."""

    def encode(self, x: Array) -> Array: ...

    def decode(self, phi: Array) -> Array: ...

    def cgf(self, I: Array) -> Array: ...


def _encoded(x: ArrayLike, units: Any) -> Array:
    states = as_array(x, "x")
    if states.dtype.kind not in "biuf" or states.ndim == 0:
        raise EbmError(f"x: expected states (..., n_units), got {states.dtype} {states.shape}")
    if units is not None:
        expect(units, _Encodes, "units", "units such as Potts(3)")
    phi = states if units is None else units.encode(states)
    if not np.isfinite(phi).all():
        raise EbmError("x: expected finite states")
    return np.asarray(phi, np.float64)
