"""PGM's pickled RBMs (J. Tubiana's proteins): read by `ebm.interchange.records`, which runs nothing.

``weights`` are (hidden, visible, states of hidden, states of visible), axes of one state left out. E(v,h) is
the sum of its layers' energies, − h·weights·v. Bernoulli, Spin and Potts layers have −fields·x, as ours.
Gaussian and ReLU+ layers have γx²/2 + θx: our θ is minus theirs. ReLU and dReLU layers have γ₊x²/2 + θ₊x
above 0 and γ₋x²/2 − θ₋x below it: our θ₊ is minus theirs, our θ₋ is theirs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ebm.errors import EbmError, nearest
from ebm.files import UNREADABLE, whole
from ebm.interchange.formats import Format
from ebm.interchange.layers import Side, assembled, halves, normal, rectified, states
from ebm.interchange.records import NUMPY, Record, as_array, recorded
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.units import Bernoulli, Ising, Potts

__all__ = ["FORMAT", "read"]

_NAMES = NUMPY | {
    "rbm.RBM", "layer.*", "pgm.*", "moi.*", "numpy.random.*", "collections.OrderedDict",
    "copyreg._reconstructor", "copy_reg._reconstructor", "builtins.object", "__builtin__.object",
}  # fmt: skip
_LAYERS = ("Bernoulli", "Spin", "Potts", "Gaussian", "ReLU+", "ReLUplus", "ReLU", "dReLU")


def _recognise(path: Path, head: bytes) -> bool:
    return head[:1] in (b"\x80", b"c", b"(") and b"rbm" in head and b"RBM" in head


def _vector(layer: Record, name: str, n: int, path: object) -> Array:
    value = as_array(layer.attribute(name), f"{path}: {name}")
    if value.shape != (n,) or not np.isfinite(value).all():
        raise EbmError(f"{path}: {name}: shape {value.shape}; expected {n} real numbers")
    return value.astype(np.float64)


def _layer(layer: Any, n: int, q: int, visible: bool, path: object) -> Side:
    """A layer of n units, of q states each in Potts layers."""
    if not isinstance(layer, Record):
        raise EbmError(f"{path}: expected a layer")
    nature = str(layer.attribute("nature"))
    if nature not in _LAYERS:
        raise EbmError(f"{path}: layer {nature!r} is not known here; {nearest(nature, _LAYERS)}")
    if nature == "Potts":
        fields = as_array(layer.attribute("fields"), f"{path}: fields")
        if fields.shape != (n, q) or q < 2 or not np.isfinite(fields).all():
            raise EbmError(f"{path}: fields: shape {fields.shape}; expected {(n, q)}")
        return states(Potts(q), fields)
    if nature in ("Bernoulli", "Spin"):
        return states(Bernoulli() if nature == "Bernoulli" else Ising(), _vector(layer, "fields", n, path))
    curved = ("gamma_plus", "gamma_minus") if nature == "dReLU" else ("gamma",)
    gamma = [_vector(layer, name, n, path) for name in curved]
    if any(np.any(g <= 0) for g in gamma):
        raise EbmError(f"{path}: gamma: expected positive numbers")
    if nature in ("Gaussian", "ReLU+", "ReLUplus"):
        theta = -_vector(layer, "theta", n, path)
        return (normal if nature == "Gaussian" else rectified)(theta, gamma[0], visible)
    above, below = (_vector(layer, f"theta_{side}", n, path) for side in ("plus", "minus"))
    return halves(-above, below, gamma[0], gamma[-1])


def read(path: str | os.PathLike[str]) -> RBM:
    """The machine of ``RBM_utils.saveRBM(path, RBM)``, of Python 2 or 3.

    Raises
    ------
    EbmError
        A pickle that names anything but PGM's and numpy's parts; layers that are not known; damage.
    """
    try:
        data = whole(path)
    except UNREADABLE as error:
        raise EbmError(f"{path}: truncated or damaged ({error}); expected a pickle of PGM") from None
    found = recorded(data, _NAMES, str(path))
    if not isinstance(found, Record) or found.name != "rbm.RBM":
        name = found.name if isinstance(found, Record) else type(found).__name__
        raise EbmError(f"{path}: a pickled {name}; expected PGM's RBM")
    weights = as_array(found.attribute("weights"), f"{path}: weights")
    q, p = (_states(found, name, path) for name in ("n_cv", "n_ch"))
    expected = (*weights.shape[:2], *(k for k in (p, q) if k > 1))
    if weights.ndim < 2 or weights.shape != expected or not weights.size or not np.isfinite(weights).all():
        raise EbmError(
            f"{path}: weights: shape {weights.shape}; expected (hidden, visible, states of either)"
        )
    m, n = weights.shape[:2]
    W = weights.reshape(m, n, p, q).transpose(1, 3, 0, 2).reshape(n * q, m * p)
    visible = _layer(found.attribute("vlayer"), n, q, True, path)
    hidden = _layer(found.attribute("hlayer"), m, p, False, path)
    if visible.fields.size != n * q or hidden.fields.size != m * p:
        raise EbmError(
            f"{path}: layers do not fit the weights {weights.shape}; expected those of one machine"
        )
    return assembled(visible, hidden, W)[0]


def _states(found: Record, name: str, path: object) -> int:
    value = as_array(found.attribute(name), f"{path}: {name}")
    if value.shape != () or not 1 <= value <= 2**16:
        raise EbmError(f"{path}: {name}: expected a number of states")
    return int(value)


FORMAT = Format(
    name="pgm",
    title="a pickled RBM of PGM",
    suffixes=(".data", ".pkl"),
    recognise=_recognise,
    read=read,
    energy="its layers' energies - h.weights.v; Gaussian and (d)ReLU thetas have other signs; hidden units of"
    " curvature gamma are scaled by sqrt(gamma)",
)
