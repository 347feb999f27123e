"""RestrictedBoltzmannMachines.jl: its HDF5 files, version 1.0.0 of their layout.

Julia stores the first axis fastest, so h5py sees every array with its axes reversed: ``weights`` as (hidden
…, visible …), parameters ``*_par`` as (units …, which one); within a Potts layer the states are the first
axis there and the last here. Energies are ours: −θx, and |γ|x²/2 − θx for Gaussian and ReLU (θ, γ), in two
halves for dReLU (θ₊, θ₋, γ₊, γ₋); pReLU and xReLU are other numbers for a dReLU. Centred and standardised
machines are folded in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ebm.errors import EbmError, NotSupported, expect, nearest
from ebm.interchange.formats import Format
from ebm.interchange.hdf5 import array, holds, library, opened, text, written
from ebm.interchange.layers import Offsets, Side, assembled, halves, normal, of_machine, rectified, states
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.units import Bernoulli, Ising, Potts

__all__ = ["FORMAT", "read", "write"]

_HEADER, _VERSION = "rbm_hdf5_file_format_version", "1.0.0"
_OFFSETS = {
    "RBM": (),
    "CenteredRBM": ("offset_v", "offset_h"),
    "StandardizedRBM": ("offset_v", "offset_h", "scale_v", "scale_h"),
}
_NUMBERS = {  # of each type of layer, how many parameters a unit has
    "Binary": 1, "Spin": 1, "Potts": 1, "PottsGumbel": 1, "Gaussian": 2, "ReLU": 2,
    "dReLU": 4, "pReLU": 4, "xReLU": 4,
}  # fmt: skip
_WRITTEN = {
    "Bernoulli": "Binary", "Ising": "Spin", "Potts": "Potts", "Gaussian": "Gaussian", "ReLU": "ReLU",
    "DReLU": "dReLU",
}  # fmt: skip


def _recognise(path: Path, head: bytes) -> bool:
    return holds(path, head, lambda file: _HEADER in file)


def _layer(kind: str, par: Array, visible: bool) -> Side:
    """A layer of parameters (n, q, how many) of Potts units, (n, how many) of others."""
    if kind in ("Binary", "Spin"):
        return states(Bernoulli() if kind == "Binary" else Ising(), par[:, 0])
    if kind in ("Potts", "PottsGumbel"):
        return states(Potts(par.shape[1]), par[..., 0])
    if kind in ("Gaussian", "ReLU"):
        return (normal if kind == "Gaussian" else rectified)(par[:, 0], np.abs(par[:, 1]), visible)
    one, two, three, four = par.T
    if kind == "dReLU":
        return halves(one, two, np.abs(three), np.abs(four))
    if kind == "pReLU":  # θ, γ, Δ, η
        up, down = 1 / (1 + four), 1 / (1 - four)
    else:  # θ, γ, Δ, ξ
        up = (1 + np.abs(four)) / (1 + np.maximum(2 * four, 0))
        down = (1 + np.abs(four)) / (1 - np.minimum(2 * four, 0))
    return halves(one + three * up, one - three * down, np.abs(two) * up, np.abs(two) * down)


def _par(file: Any, side: str) -> tuple[str, Array]:
    """The type of a layer, and its parameters with one axis of units."""
    kind, name = text(file, f"{side}_type"), f"{side}_par"
    if kind not in _NUMBERS:
        raise EbmError(f"{side}_type: {kind!r} is not known here; {nearest(kind, _NUMBERS)}")
    rank = file[name].ndim if name in file else 0
    par = array(file, name, (None,) * max(rank - 1, 1) + (_NUMBERS[kind],))
    if kind in ("Potts", "PottsGumbel"):
        if par.ndim < 3:
            raise EbmError(f"{name}: shape {par.shape}; expected (units, states, 1)")
        return kind, par.reshape(-1, *par.shape[-2:])
    return kind, par.reshape(-1, par.shape[-1])


def _read(path: str | os.PathLike[str]) -> tuple[RBM, float]:
    with opened(path) as file:
        if _HEADER not in file or text(file, _HEADER) != _VERSION:
            raise EbmError(f"{path}: expected a file of RestrictedBoltzmannMachines.jl, version {_VERSION}")
        kind = text(file, "rbm_type")
        if kind not in _OFFSETS:
            raise EbmError(f"{path}: rbm_type: {kind!r} is not known; {nearest(kind, _OFFSETS)}")
        sides, shapes = [], []
        for name, visible in (("visible", True), ("hidden", False)):
            layer_type, par = _par(file, name)
            sides.append(_layer(layer_type, par, visible))
            shapes.append(file[f"{name}_par"].shape[:-1])
        weights = array(file, "weights", (*shapes[1], *shapes[0]))
        n, m = (side.fields.size for side in sides)
        found = {}
        for name in _OFFSETS[kind]:
            found[name] = array(file, name, shapes[name[-1] == "h"]).astype(np.float64).ravel()
        if any(np.any(found[name] == 0) for name in found if name.startswith("scale")):
            raise EbmError(f"{path}: scales that are 0; expected positive ones")
        offsets = Offsets(
            found["offset_v"], found["offset_h"], found.get("scale_v", 1.0), found.get("scale_h", 1.0)
        ) if found else None  # fmt: skip
        return assembled(sides[0], sides[1], weights.reshape(m, n).T, offsets)


def read(path: str | os.PathLike[str]) -> RBM:
    """The machine of a file of ``save_rbm``; units in the order of Julia's ``vec``.

    Raises
    ------
    EbmError
        Another version; layers that are not known; what is damaged.
    """
    return _read(path)[0]


def write(path: str | os.PathLike[str], machine: object) -> None:
    """Write an RBM as ``save_rbm`` does, so that ``load_rbm`` takes it.

    Raises
    ------
    NotSupported
        A machine with layers that RestrictedBoltzmannMachines.jl does not have.
    """
    rbm = expect(machine, RBM, "machine", "an RBM")
    layers: dict[str, tuple[str, Array]] = {}
    shapes = []
    for name, visible in (("visible", True), ("hidden", False)):
        try:
            kind, numbers = of_machine(rbm, visible)
        except NotSupported as error:
            raise NotSupported(f"RestrictedBoltzmannMachines.jl: {error}") from None
        par = np.stack(list(numbers.values()), -1)
        if kind in ("Bernoulli", "Ising"):
            par = par[:, 0]
        layers[name] = _WRITTEN[kind], par
        shapes.append(par.shape[:-1])

    def fill(file: Any) -> None:
        letters = library().string_dtype()

        def put(name: str, value: str) -> None:
            file.create_dataset(name, data=value, dtype=letters)

        put(_HEADER, _VERSION)
        put("rbm_type", "RBM")
        file["weights"] = rbm.W.T.reshape(*shapes[1], *shapes[0])
        for name, (kind, par) in layers.items():
            file[f"{name}_par"] = par
            put(f"{name}_type", kind)

    written(path, fill)


def _facts(path: Path) -> dict[str, object]:
    with opened(path) as file:
        told: dict[str, object] = {"rbm_type": text(file, "rbm_type")}
    constant = _read(path)[1]
    return told | ({"offset": f"its energy is ours {constant:+.12g}"} if constant else {})


FORMAT = Format(
    name="rbmjl",
    title="HDF5 of RestrictedBoltzmannMachines.jl",
    suffixes=(".h5", ".hdf5"),
    recognise=_recognise,
    read=read,
    write=write,
    energy="as ours; normal and rectified hidden units of curvature gamma are scaled by sqrt(gamma)",
    facts=_facts,
    extra="interchange",
)
