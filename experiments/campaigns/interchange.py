"""Damaged files of other programs: each is read as a machine of finite numbers, or refused in one line.

The fixtures of tests/fixtures/interchange, a format's in turn, are damaged byte by byte, line by line, and
within the archives, HDF5 groups and pickles that they are. Packages that are not installed leave their
formats out.
"""

from __future__ import annotations

import functools
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.campaigns.fuzz import damage
from experiments.campaigns.fuzz.arrays import Rng, one_of
from experiments.campaigns.tally import Tally
from experiments.campaigns.workers import supervise

__all__ = ["attempt", "cases", "run"]

FIXTURES = Path(__file__).parents[2] / "tests" / "fixtures" / "interchange"
EACH = 1000
_OPTIONS: dict[str, dict[str, Any]] = {"grbm.first.pt": {"edges": [[0, 1], [0, 2], [1, 3], [2, 3]]}}


@functools.cache
def cases() -> dict[str, list[Path]]:
    """The fixtures that are read here as they are, by format."""
    from ebm import interchange
    from ebm.errors import EbmError

    found: dict[str, list[Path]] = {}
    for path in sorted(FIXTURES.iterdir()):
        name = path.name.split(".")[0]
        try:
            interchange.read(path, name, **_OPTIONS.get(path.name, {}))
        except EbmError as error:
            if "pip install" not in str(error):
                raise
            continue
        found.setdefault(name, []).append(path)
    return found


def run(tally: Tally, n: int | None, seed: int) -> None:
    """Try `EACH` damaged files of every format, or n in all."""
    supervise(attempt, EACH * len(cases()) if n is None else n, seed, tally)


def attempt(seed: int, number: int) -> tuple[str, str, str]:
    """Damage a fixture and read it: its format, the outcome, and how it failed."""
    rng = np.random.default_rng([seed, number])
    name = list(cases())[number % len(cases())]
    path = one_of(rng, cases()[name])
    how, data = _damaged(rng, path.read_bytes())
    outcome, words = judged(data, path.name, name if rng.random() < 0.7 else None)
    return name, outcome, f"{path.name}: {how}: {words}"


def judged(data: bytes, file: str, format: str | None) -> tuple[str, str]:
    """Whether the bytes are read as a machine, or refused in one line."""
    from ebm import interchange
    from ebm.errors import EbmError
    from ebm.interchange.machines import machine_in

    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        path = Path(folder, file)
        path.write_bytes(data)
        try:
            machine = machine_in(interchange.read(path, format, **_OPTIONS.get(file, {})), path)
        except EbmError as error:
            line = str(error)
            fine = "\n" not in line and 15 < len(line) < 700
            return ("refused", "") if fine else ("failed", f"{len(line)} characters: {line}")
        except Exception as error:
            return "failed", repr(error)
    if not all(np.isfinite(value).all() for value in machine.params.values()):
        return "failed", "numbers that are not finite"
    return "right", ""


def _damaged(rng: Rng, data: bytes) -> tuple[str, bytes]:
    """One of the ways that fit what the bytes are."""
    ways: list[tuple[str, Callable[[Rng, bytes], bytes]]] = [("bytes", damage.bytes_of)]
    if data.startswith(b"PK"):
        ways += [("archive", _archive)] * 3
    elif data.startswith(b"\x89HDF"):
        ways += [("HDF5", _hdf5)] * 3
    elif b"\0" not in data and not data.startswith((b"\x80", b"ccopy")):
        ways += [
            ("text", lambda rng, data: damage.text(rng, data.decode("latin-1")).encode("latin-1", "replace"))
        ] * 3
    elif b"RBM" in data:
        ways += [("pickle", _pickle)] * 2
    name, way = one_of(rng, ways)
    return name, way(rng, data)


def _text(rng: Rng, data: bytes) -> bytes:
    """Lines and words that are others."""
    return damage.text(rng, data.decode("utf-8", "replace")).encode("utf-8", "replace")


def _archive(rng: Rng, data: bytes) -> bytes:
    """Members dropped, damaged, doubled, swapped, or said to be larger; JSON with other nodes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = one_of(rng, list(members))
    how = int(rng.integers(7))
    if how == 0:
        del members[name]
    elif how == 1:
        members[name] = members[one_of(rng, list(members))]
    elif how == 2:
        members[name] = one_of(rng, (b"", b"\0" * 2**20, b"{" * 9999, b"\x80\x04."))
    elif how == 3 and name.endswith(".json"):
        members[name] = json.dumps(damage.node(rng, json.loads(members[name]))).encode()
    elif name.endswith(".pkl"):
        members[name] = _pickle(rng, members[name])
    else:
        members[name] = damage.bytes_of(rng, members[name])
    out = io.BytesIO()
    stored = zipfile.ZIP_STORED if rng.random() < 0.9 else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", stored) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return out.getvalue()


def _pickle(rng: Rng, data: bytes) -> bytes:
    """Words within replaced by others as long, by names that run code, or by none; or damaged bytes."""
    text = (
        b"fields weights gamma theta nature Potts dReLU RBM torch storage numpy dtype f4 n_cv rbm_am linear"
    )
    words = text.split()
    there = [word for word in words if word in data]
    if not there or rng.random() < 0.5:
        return damage.bytes_of(rng, data)
    word = one_of(rng, there)
    other = one_of(rng, (b"os", b"system", b"builtins", b"eval", b"x", b"", one_of(rng, words)))
    other = (other + b"_" * len(word))[: len(word)] if rng.random() < 0.8 else other
    return data.replace(word, other, 1 if rng.random() < 0.5 else -1)


def _hdf5(rng: Rng, data: bytes) -> bytes:
    """Objects dropped, renamed, of other shapes, types and numbers; links; claims of what is not there."""
    import h5py

    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        places: list[str] = []
        file.visit(places.append)
        place = one_of(rng, places)
        found = file[place]
        how = int(rng.integers(10))
        kept = found[()] if isinstance(found, h5py.Dataset) else None
        if how == 0:
            del file[place]
        elif how == 1:
            file.move(place, place + one_of(rng, ("x", "_1", "\u202e", "9" * 30)))
        elif how == 2:
            del file[place]
            file.create_group(place)
        elif how == 3:
            del file[place]
            links = [h5py.SoftLink("/nowhere"), h5py.SoftLink("/"), h5py.ExternalLink("x", "/")]
            file[place] = links[int(rng.integers(3))]
        elif how == 4:
            del file[place]
            huge = one_of(rng, ((2**40,), (2**20, 2**20), (3, 2**45), (0,), (4, 0)))
            file.create_dataset(place, shape=huge, dtype="f4", chunks=True, maxshape=(None,) * len(huge))
        elif how == 5:
            del file[place]
            file.create_dataset(place, data=np.zeros((2000, 2000), "f4"), compression="gzip")
        elif how == 6:
            del file[place]
            file[place] = one_of(
                rng, ("text", b"\xff\xfe", 3, np.nan, [1j], [True], "x" * 10**5, "BBRBM", "1.0.0")
            )
        elif how == 7 and kept is not None and np.ndim(kept) and np.asarray(kept).dtype.kind == "f":
            kept = np.array(kept)
            kept.flat[rng.integers(kept.size)] = one_of(rng, (np.nan, np.inf, -1, 0, 1e38))
            del file[place]
            file[place] = kept
        elif kept is not None and np.ndim(kept):
            del file[place]
            cut = one_of(
                rng, (kept[:-1], kept[None], kept.T, kept.astype("S9"), np.zeros_like(kept), kept.ravel())
            )
            file[place] = cut
    return memory.getvalue()
