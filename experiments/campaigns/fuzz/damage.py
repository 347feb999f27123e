"""Damage: of bytes, of text, of JSON and TOML, of archives."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np

from experiments.campaigns.fuzz.arrays import Rng, array, one_of

__all__ = ["bytes_of", "cells", "node", "npz", "text"]

_WORDS = (
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "NA",
    "abc",
    "0x10",
    "1_000",
    "1,5",
    "--1",
    "٣",
    "\0",
    '"',
    "'",
    ";",
    "\t",
    "99999999999999999999",
    "-0",
    "True",
    "é",
    "\u2028",
    " ",
    "1e-400",
    "[",
    "{",
    "=",
    "#",
    "\r",
)


def bytes_of(rng: Rng, data: bytes) -> bytes:
    """Bytes flipped, cut, doubled, overwritten, or put elsewhere."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        n = len(out)
        if not n:
            return bytes(out)
        at, length = int(rng.integers(n)), int(rng.choice([1, 2, 4, 8, 64]))
        how = int(rng.integers(8))
        if how == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            del out[at:]
        elif how == 2:
            del out[at : at + length]
        elif how == 3:
            out[at:at] = out[at : at + length]
        elif how == 4:
            out[at : at + length] = bytes([one_of(rng, (0, 255, 0x7F, 0x80))]) * len(out[at : at + length])
        elif how == 5:
            out[at:at] = rng.bytes(length)
        elif how == 6:
            out[at : at + 8] = struct.pack(one_of(rng, ("<q", ">q")), one_of(rng, (-1, 2**31, 2**43, 2**62)))
        else:
            out += out[at:]
    return bytes(out)


def text(rng: Rng, data: str) -> str:
    """Lines and words dropped, doubled, swapped or replaced."""
    lines = data.splitlines(keepends=True)
    for _ in range(int(rng.integers(1, 4))):
        if not lines:
            break
        at = int(rng.integers(len(lines)))
        how = int(rng.integers(8))
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[int(rng.integers(len(lines)))])
        elif how in (2, 3, 4):
            lines[at] = cells(rng, lines[at])
        elif how == 5:
            lines[at] = lines[at].rstrip("\n")
        elif how == 6:
            lines.insert(
                at, one_of(rng, ("\n", "#\n", "[x]\n", "\ufeff", "a,b\n", ",,,\n", "\0\n", "[" * 3000 + "\n"))
            )
        else:
            lines[at] = lines[at] * int(one_of(rng, (2, 3, 2000)))
    return "".join(lines)


def cells(rng: Rng, line: str) -> str:
    """A line with one of its words replaced."""
    parts = [part for part in _split(line) if part]
    if not parts:
        return line
    at = int(rng.integers(len(parts)))
    parts[at] = one_of(
        rng, (*_WORDS, parts[int(rng.integers(len(parts)))], parts[at] * 2, parts[at][:-1], "x" * 300)
    )
    return "".join(parts)


def _split(line: str) -> list[str]:
    import re

    return re.split(r"([\s,;=\[\]{}\"]+)", line)


def value(rng: Rng, depth: int = 0) -> Any:
    """A value of JSON, or of TOML where it has it."""
    how = int(rng.integers(12))
    if how < 8:
        return one_of(
            rng,
            (
                0,
                1,
                2,
                3,
                -1,
                2**31,
                2**53,
                10**30,
                0.5,
                -0.1,
                1e300,
                float("nan"),
                float("inf"),
                "",
                "a",
                "RBM",
                "PCD",
                "Bernoulli",
                "\x1b[31m",
                "\u202e",
                "x" * 2000,
                True,
                False,
                None,
                [],
                {},
                "float32",
                "exact",
                "ais",
            ),
        )
    if how < 10 and depth < 3:
        return [value(rng, depth + 1) for _ in range(int(rng.integers(4)))]
    if depth < 3:
        return {
            one_of(rng, ("type", "q", "n", "a", "blocks", "rate")): value(rng, depth + 1)
            for _ in range(int(rng.integers(3)))
        }
    return 1


def node(rng: Rng, tree: Any) -> Any:
    """One node of nested lists and tables replaced, dropped, renamed or doubled."""
    if not isinstance(tree, (dict, list)) or not tree or rng.random() < 0.15:
        return value(rng)
    if isinstance(tree, dict):
        key = one_of(rng, list(tree))
        out: Any = dict(tree)
        how = int(rng.integers(10))
        if how == 0:
            del out[key]
        elif how == 1:
            out[one_of(rng, (key + "x", key[:-1], key.upper(), "extra"))] = out.pop(key)
        elif how == 2:
            out[key + "_"] = value(rng)
        else:
            out[key] = node(rng, out[key])
        return out
    out = list(tree)
    at = int(rng.integers(len(out)))
    how = int(rng.integers(5))
    if how == 0:
        del out[at]
    elif how == 1:
        out.append(out[at])
    else:
        out[at] = node(rng, out[at])
    return out


def npz(rng: Rng, data: bytes) -> bytes:
    """An archive whose header or arrays are others, or claim to be."""
    with np.load(io.BytesIO(data)) as archive:
        arrays: dict[str, Any] = {name: archive[name] for name in archive.files}
    out: dict[str, bytes] = {}
    names = list(arrays)
    for _ in range(int(rng.integers(1, 3))):
        name = one_of(rng, names)
        how = int(rng.integers(12))
        if "header" in arrays and how < 5:
            tree = _json(np.asarray(arrays["header"]).tobytes())
            for _ in range(int(rng.integers(1, 3))):
                tree = node(rng, tree)
            written = (
                json.dumps(tree).encode()
                if how
                else one_of(rng, (b"[" * 100_000, b"{}", b"", b"\xff\xfe", b"null", b'{"a":' * 5000))
            )
            arrays["header"] = np.frombuffer(written, np.uint8)
        elif how == 5:
            arrays.pop(name, None)
        elif how == 6:
            arrays[name + one_of(rng, ("x", ".npy", "/../y", "/x"))] = np.zeros(3)
        elif how == 7:
            out[name] = _claim(rng)
        elif name in arrays:
            arrays[name] = _array(rng, np.asarray(arrays[name]))
        if not arrays:
            break
    return _zipped(rng, {name: a for name, a in arrays.items() if name not in out}, out)


def _json(data: bytes) -> Any:
    """What JSON says; nothing where it was damaged before."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return {}


def _array(rng: Rng, a: np.ndarray) -> Any:
    """Numbers of another type, shape, range or order; or Python's objects."""
    how = int(rng.integers(9))
    if how == 0:
        return a[:-1] if a.ndim else a[None]
    if how == 1:
        return a[None]
    if how == 2 and a.size and a.dtype.kind in "biuf":
        out = a.astype(np.float64)
        out.flat[rng.integers(a.size)] = one_of(rng, (np.nan, np.inf, -1, 1e300, 0.5, 2**62))
        with np.errstate(all="ignore"):
            return out.astype(a.dtype)
    if how == 3:
        return np.array([{"a": 1}, None, "x"], dtype=object)
    if how == 4:
        return a.T.copy() if a.ndim > 1 else np.repeat(a, 2)
    if how == 5:
        made = np.asarray(array(rng, a.shape), dtype=None) if a.dtype.kind != "U" else a
        return made if made.dtype.kind != "O" else a
    if how == 6 and a.dtype.kind in "biuf":
        return a.astype(one_of(rng, ("f2", ">f8", "i8", "c16", "?", "U8")))
    if how == 7 and a.dtype.kind in "iu" and a.size:
        out = a.copy()
        out.flat[rng.integers(a.size)] = one_of(rng, (np.iinfo(a.dtype).max, np.iinfo(a.dtype).min))
        return out
    return np.zeros(a.shape, a.dtype)


def _claim(rng: Rng) -> bytes:
    """The start of an array that says it is huge."""
    shape = one_of(rng, ((2**43,), (2**20, 2**23), (-5,), (3, 2**62), (10**30,)))
    dtype = one_of(rng, ("<f8", "|u1", "|O", "<U1000000", "[('a', '<f8')]"))
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(118 if len(head) < 118 else len(head)) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + bytes(64)


def _zipped(rng: Rng, arrays: dict[str, Any], raw: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    how = one_of(
        rng,
        (zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
    )
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, value in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
        for name, data in raw.items():
            archive.writestr(f"{name}.npy", data)
        if rng.random() < 0.05:
            archive.writestr("zeros.npy", bytes(2**22))
    return file.getvalue()
