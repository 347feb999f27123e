"""rbms 0.5 and 0.6, and TorchRBM of 2024: HDF5 files with a group ``update_k`` for each save of a training
run.

Their energy is ours, E(v,h) = −b·φ(v) − c·φ(h) − φ(v)·W·φ(h): ``vbias`` is b, ``hbias`` is c,
``weight_matrix`` W. Of Potts units the weights are (n_visible, q, n_hidden), which in rows of φ is ours
without a copy. rbms has them in ``update_k/params`` too, with ``model_type`` beside; TorchRBM has neither. In
the types of 0.6 with normal hidden units these have variance 1/n_visible: h = h′/√n_visible, W and c are
scaled, and no energy changes.

A run that saved several updates is a trajectory: `trajectory` reads the machines that `TrajectoryTempering`
climbs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ebm.arguments import as_count
from ebm.errors import EbmError, NotSupported, nearest
from ebm.interchange.formats import Format
from ebm.interchange.hdf5 import array, holds, library, opened, text, written
from ebm.rbm import RBM
from ebm.units import Bernoulli, Gaussian, Ising, Potts, Units

__all__ = ["FORMAT", "read", "trajectory", "updates", "write"]

_UPDATE = re.compile(r"update_(\d{1,18})")
_TYPES: dict[str, tuple[type[Units], Units]] = {
    "BBRBM": (Bernoulli, Bernoulli()),
    "PBRBM": (Potts, Bernoulli()),
    "IIRBM": (Ising, Ising()),
    "BGRBM": (Bernoulli, Gaussian()),
    "IGRBM": (Ising, Gaussian()),
}
_PARAMS = ("weight_matrix", "vbias", "hbias")


def _recognise(path: Path, head: bytes) -> bool:
    return holds(
        path, head, lambda file: any("weight_matrix" in _params(file, k) for k in _updates(file)[-1:])
    )


def _updates(file: Any) -> list[int]:
    return sorted(int(match[1]) for name in file if (match := _UPDATE.fullmatch(name)))


def _params(file: Any, update: int) -> Any:
    """The group that has the parameters: that of rbms, else the update itself."""
    group = file[f"update_{update}"]
    return group.get("params", group)


def updates(path: str | os.PathLike[str]) -> list[int]:
    """The updates that a file has, in order.

    Raises
    ------
    EbmError
        The file is none of rbms; there are none.
    """
    with opened(path) as file:
        found = _updates(file)
    if not found:
        raise EbmError(f"{path}: no update_k; expected a file of rbms")
    return found


def read(path: str | os.PathLike[str], update: int | None = None) -> RBM:
    """The machine of one update, the last when left out.

    Raises
    ------
    EbmError
        There is no such update; a type of machine that is not known; what is damaged.
    """
    known = updates(path)
    if update is None:
        update = known[-1]
    elif as_count(update, "update", 0) not in known:
        raise EbmError(f"{path}: update: no {update}; {nearest(str(update), map(str, known))}")
    with opened(path) as file:
        return _machine(file, update, path)


def trajectory(path: str | os.PathLike[str], updates: list[int] | None = None) -> list[RBM]:
    """The machines of several updates in order, all when left out; the last is the target.

    So ``*easier, machine = trajectory(path)`` and ``TrajectoryTempering(easier)``; `ebm.select_machines`
    thins a long one.
    """
    known = globals()["updates"](path)
    return [read(path, k) for k in (known if updates is None else updates)]


def _machine(file: Any, update: int, path: str | os.PathLike[str]) -> RBM:
    group = _params(file, update)
    rank = group["weight_matrix"].ndim if "weight_matrix" in group else 0
    name = text(file, "model_type") if "model_type" in file else {3: "PBRBM"}.get(rank, "BBRBM")
    if name not in _TYPES:
        raise EbmError(f"{path}: model_type {name!r}; {nearest(name, _TYPES)}")
    visible, hidden = _TYPES[name]
    if visible is Potts:
        W = array(group, "weight_matrix", (None, None, None))
        n, q, m = W.shape
        b = array(group, "vbias", (n, q)).reshape(n * q)
        return RBM(Potts(q), hidden, W.reshape(n * q, m), b, array(group, "hbias", (m,)))
    W = array(group, "weight_matrix", (None, None))
    n, m = W.shape
    b, c = array(group, "vbias", (n,)), array(group, "hbias", (m,))
    scale = W.dtype.type(n**-0.5) if hidden == Gaussian() else W.dtype.type(1)
    return RBM(visible(), hidden, W * scale, b, c * scale)


def write(
    path: str | os.PathLike[str], machine: object, update: int = 1, chains: np.ndarray | None = None
) -> None:
    """Write an RBM as rbms 0.5 does, so that its loader and its commands take the file.

    Parameters
    ----------
    path : path-like
    machine : RBM
        Bernoulli or Potts visible units, Bernoulli hidden ones; of 0.6 also those with normal hidden units,
        and spins.
    update : int
        The number of the update.
    chains : (n_chains, n_visible), optional
        Visible states to go on from; 100 uniform ones when left out.

    Raises
    ------
    NotSupported
        A machine that they do not have.
    """
    n = as_count(update, "update")
    name, params = _named(machine)
    assert isinstance(machine, RBM)
    if chains is None:
        states = np.array(machine.visible.states)
        chains = states[np.random.default_rng(0).integers(len(states), size=(100, machine.n_visible))]
    rows = machine.visible.check(chains, "chains", strict=True)

    def fill(file: Any) -> None:
        text_type = library().string_dtype()
        given: dict[str, Any] = {
            "num_hiddens": machine.n_hidden, "num_visibles": machine.n_visible, "num_chains": len(rows),
            "batch_size": len(rows), "gibbs_steps": 1, "learning_rate": 0.01, "train_size": 1.0, "seed": 0,
            "L1": 0.0, "L2": 0.0,
        }  # fmt: skip
        for key, value in given.items():
            file[f"hyperparameters/{key}"] = value
        file.create_dataset("hyperparameters/filename", data=str(path), dtype=text_type)
        for key, value in params.items():
            file[f"update_{n}/params/{key}"] = value
            file[f"update_{n}/{key}"] = value
        file[f"update_{n}/time"] = 0.0
        file.create_group(f"update_{n}/flags")
        file["parallel_chains"] = rows.astype(np.float32)
        file.create_dataset("model_type", data=name, dtype=text_type)

    written(path, fill)


def _named(machine: object) -> tuple[str, dict[str, np.ndarray]]:
    """Their name for a machine, and its parameters as they have them."""
    if isinstance(machine, RBM):
        for name, (visible, hidden) in _TYPES.items():
            if type(machine.visible) is visible and machine.hidden == hidden:
                W, b, c = machine.W, machine.b, machine.c
                if isinstance(machine.visible, Potts):
                    n, q = machine.n_visible, machine.visible.q
                    W, b = W.reshape(n, q, machine.n_hidden), b.reshape(n, q)
                if hidden == Gaussian():
                    scale = W.dtype.type(machine.n_visible**0.5)
                    W, c = W * scale, c * scale
                return name, dict(zip(_PARAMS, (W, b, c), strict=True))
    expected = (
        "an RBM of Bernoulli or Potts units and Bernoulli ones, or of spins, or with normal hidden units"
    )
    raise NotSupported(f"rbms: it has no {machine!r}; expected {expected}")


def _facts(path: Path) -> dict[str, object]:
    found = updates(path)
    with opened(path) as file:
        kind = text(file, "model_type") if "model_type" in file else "none: TorchRBM"
        chains = file["parallel_chains"].shape if "parallel_chains" in file else None
    shown = [*found[:8], "…", found[-1]] if len(found) > 9 else found
    told: dict[str, object] = {"model_type": kind, "updates": f"{len(found)}: {', '.join(map(str, shown))}"}
    return told | ({} if chains is None else {"chains": " x ".join(map(str, chains))})


FORMAT = Format(
    name="rbms",
    title="HDF5 of rbms or TorchRBM",
    suffixes=(".h5", ".hdf5"),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(v,h) = -vbias.v - hbias.h - v.weight_matrix.h, as ours; normal hidden units of variance"
    " 1/n_visible are scaled by sqrt(n_visible)",
    facts=_facts,
    extra="interchange",
)
