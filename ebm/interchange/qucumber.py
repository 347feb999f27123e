"""QuCumber's files of ``torch.save``: the RBM of a wave function's amplitude, or of its phase.

Its ``weights`` are (n_hidden, n_visible): W is the transpose. ``visible_bias`` is b and ``hidden_bias`` c.
Its effective energy is our free energy, and p(v) = |ψ(v)|² ∝ exp(−F(v)), so the machine of the amplitude has
the distribution of measurements in the reference basis.
"""

from __future__ import annotations

import os
from pathlib import Path

from ebm.errors import EbmError, nearest
from ebm.interchange.formats import Format
from ebm.interchange.torch import is_torch, only, read_tensors
from ebm.rbm import RBM
from ebm.units import Bernoulli

__all__ = ["FORMAT", "read"]

_NAMES = ("weights", "visible_bias", "hidden_bias")


def _recognise(path: Path, head: bytes) -> bool:
    return is_torch(path, head) and "rbm_am" in read_tensors(path)


def read(path: str | os.PathLike[str], network: str = "rbm_am") -> RBM:
    """The RBM of one network: ``rbm_am`` of the amplitude, ``rbm_ph`` of the phase.

    Raises
    ------
    EbmError
        There is none of that name; it is the network of a density matrix, which is no RBM; damage.
    """
    found = read_tensors(path)
    networks = [
        str(key) for key, value in found.items() if str(key).startswith("rbm_") and isinstance(value, dict)
    ]
    if network not in networks:
        raise EbmError(f"{path}: network: no {network!r}; {nearest(str(network), networks)}")
    weights, b, c = only(found[network], _NAMES, path, "QuCumber's BinaryRBM")
    return RBM(Bernoulli(), Bernoulli(), weights.T, b, c)


def _facts(path: Path) -> dict[str, object]:
    found = read_tensors(path)
    return {"networks": ", ".join(str(k) for k in found if str(k).startswith("rbm_"))}


FORMAT = Format(
    name="qucumber",
    title="QuCumber's file of torch.save",
    suffixes=(".pt", ".pth"),
    recognise=_recognise,
    read=read,
    energy="effective_energy(v) = our free energy; |psi(v)|^2 ~ exp(-F(v)); W = weights.T",
    facts=_facts,
)
