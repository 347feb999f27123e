"""HDF5 as several formats have it: opened read-only, its claims compared with the bytes that are there."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ebm.errors import EbmError, short
from ebm.files import as_path, refuse_beyond_memory, write_atomic

__all__ = ["array", "holds", "library", "opened", "text", "written"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_EXPANDS = 1100  # times that deflate makes a file smaller, at most
_LETTERS = 2**16  # of a text


def library() -> Any:
    """h5py, or one line that names the extra."""
    try:
        import h5py
    except ImportError:
        raise EbmError("HDF5 files need h5py: pip install 'boltzmann-machines[interchange]'") from None
    return h5py


def holds(path: Path, head: bytes, asked: Callable[[Any], bool]) -> bool:
    """Whether a file is HDF5 that has what is asked of it; without h5py, which `read` will miss, any HDF5."""
    if not head.startswith(_MAGIC):
        return False
    if importlib.util.find_spec("h5py") is None:
        return True
    with opened(path) as file:
        return asked(file)


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """The file, open to be read; what h5py raises on damaged ones becomes one line.

    Raises
    ------
    EbmError
    """
    h5py = library()
    file = as_path(path)
    if not file.is_file():
        raise EbmError(f"{path}: no such file; expected an HDF5 file")
    try:
        with h5py.File(file, "r") as found:
            yield found
    except EbmError:
        raise
    except (
        OSError,
        RuntimeError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
    ) as error:
        why = " ".join(str(error).split())[:120]
        raise EbmError(f"{path}: truncated or damaged HDF5 ({why}); expected a whole file") from None


def array(group: Any, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array of finite real numbers, float32 or float64; None in `shape` is any length above 0.

    Raises
    ------
    EbmError
        It is missing, of another shape or kind, or claims more than the file holds.
    """
    h5py = library()
    where = f"{Path(group.file.filename)}: {group.name.rstrip('/')}/{name}"
    if name not in group:
        raise EbmError(f"{where}: missing; expected an array")
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise EbmError(f"{where}: expected an array of real numbers")
    given = "x".join("any" if n is None else str(n) for n in shape)
    if found.ndim != len(shape) or any(
        n < 1 or n != (m or n) for n, m in zip(found.shape, shape, strict=True)
    ):
        raise EbmError(f"{where}: shape {found.shape}; expected {given}")
    size = math.prod(found.shape) * found.dtype.itemsize
    if found.external or found.is_virtual:
        raise EbmError(f"{where}: its numbers are in another file; expected them in this one")
    if size > _EXPANDS * os.path.getsize(group.file.filename):
        raise EbmError(f"{where}: claims {size} bytes, more than the file can hold; expected a whole file")
    refuse_beyond_memory(2 * size, where, "a smaller file")
    values = found[()]
    dtype = np.float32 if values.dtype == np.float32 else np.float64
    values = np.ascontiguousarray(values, dtype)
    if not np.isfinite(values).all():
        raise EbmError(f"{where}: numbers that are not finite; expected real numbers")
    return values


def text(group: Any, name: str) -> str:
    """A text.

    Raises
    ------
    EbmError
        It is missing, or none.
    """
    where = f"{Path(group.file.filename)}: {group.name.rstrip('/')}/{name}"
    if name not in group:
        raise EbmError(f"{where}: missing; expected a text")
    found = group[name]
    if (
        not isinstance(found, library().Dataset)
        or found.shape not in ((), (1,))
        or found.dtype.itemsize > _LETTERS
    ):
        raise EbmError(f"{where}: expected a text")
    value = found[()] if found.shape == () else found[0]
    if isinstance(value, bytes) and len(value) < _LETTERS:
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode()
    if isinstance(value, str):
        return value
    raise EbmError(f"{where}: got {short(value)}; expected a text")


def written(path: str | os.PathLike[str], fill: Callable[[Any], None]) -> None:
    """Write an HDF5 file, whole or not at all: `fill` gets it open."""
    memory = io.BytesIO()
    with library().File(memory, "w") as file:
        fill(file)
    write_atomic(path, lambda out: out.write(memory.getvalue()))
