"""Our own files, as one format among others."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from ebm.checkpoint import load, read_arrays, save
from ebm.interchange.formats import Format

__all__ = ["FORMAT", "read", "write"]


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK"):
        return False
    with zipfile.ZipFile(path) as archive:
        return "header.npy" in archive.namelist()


def read(path: str | os.PathLike[str]) -> Any:
    """What `ebm.save` wrote: a machine, a network, a state, an estimator or a model of a table."""
    return load(path)


def write(path: str | os.PathLike[str], machine: object) -> None:
    """Write as `ebm.save` does."""
    save(path, machine)


def _facts(path: Path) -> dict[str, object]:
    header = json.loads(read_arrays(path)["header"].tobytes())
    told: dict[str, object] = {"version": header["format"]}
    if "machine" in header:
        told["energy"] = header["machine"]["energy"]
    return told | ({"step": header["state"]["step"]} if "state" in header else {})


FORMAT = Format(
    name="ebm",
    title="a file of ebm",
    suffixes=(".npz",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="p(x) ~ exp(-E(x)), E as the file's own header says it",
    facts=_facts,
)
