"""learnergy's RBM: a state dict with ``W`` (n_visible, n_hidden), ``a`` of visible and ``b`` of hidden units.

E(v,h) = −a·v − b·h − v·W·h is ours. Its temperature T is a setting of its sampling, in no file.
"""

from __future__ import annotations

import os
from pathlib import Path

from ebm.interchange.formats import Format
from ebm.interchange.torch import is_torch, only, read_tensors
from ebm.rbm import RBM
from ebm.units import Bernoulli

__all__ = ["FORMAT", "read"]

_NAMES = ("W", "a", "b")


def _recognise(path: Path, head: bytes) -> bool:
    return is_torch(path, head) and set(_NAMES) <= {str(key).lstrip("_") for key in read_tensors(path)}


def read(path: str | os.PathLike[str]) -> RBM:
    """The machine of ``torch.save(model.state_dict(), path)``.

    Raises
    ------
    EbmError
        Tensors beside W, a and b, as those of its other models; damage.
    """
    found = {str(key).lstrip("_"): value for key, value in read_tensors(path).items()}
    W, a, b = only(found, _NAMES, path, "learnergy's RBM")
    return RBM(Bernoulli(), Bernoulli(), W, a, b)


FORMAT = Format(
    name="learnergy",
    title="learnergy's RBM, a state dict of torch.save",
    suffixes=(".pt", ".pth"),
    recognise=_recognise,
    read=read,
    energy="E(v,h) = -a.v - b.h - v.W.h, as ours with b = a and c = b; its temperature T is in no file",
)
