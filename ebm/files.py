"""Files: written whole or not at all; read only when what they claim to hold is there, and fits into memory.

A header may say anything. The sizes that it claims are compared with the bytes that the file has, those of
compressed files with the memory that is free, before anything is allocated.
"""

from __future__ import annotations

import contextlib
import gzip
import lzma
import math
import os
import struct
import tempfile
import time
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ebm.errors import EbmError, expect, short

__all__ = [
    "UNREADABLE",
    "as_path",
    "check_arrays",
    "free_memory",
    "inflated",
    "naming",
    "refuse_beyond_memory",
    "whole",
    "write_atomic",
]

# What zipfile, numpy and the system raise on bytes that are not theirs.
UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, EOFError, OSError, RuntimeError,
    MemoryError, SyntaxError, tokenize.TokenError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
_PREFIX, _SUFFIX = ".ebm-", ".tmp"
_WAITS = (0.01, 0.05, 0.2)  # seconds, for who reads a file to be done with it
_TIMES = 500  # deflate makes zeros a thousandth: no data of anybody shrink as much
_SMALL = 2**26  # bytes up to which nobody minds
_HEADER = 2**16  # bytes of an array's header, at most


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Give an error of the system, such as a full disk, the name of the file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def as_path(path: str | os.PathLike[str], what: str = "path") -> Path:
    """The path of a file or a folder, there or not; ~ is the home folder.

    Raises
    ------
    EbmError
        A name that no file can have.
    """
    expect(path, (str, os.PathLike), what, "the path of a file")
    try:
        found = Path(path).expanduser()
        os.stat(found)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (OSError, ValueError, RuntimeError, TypeError) as error:  # too long, a NUL, no such home
        why = (isinstance(error, OSError) and error.strerror) or "no name of a file"
        raise EbmError(f"{what}: {short(os.fspath(path))}: {why}; expected the path of a file") from None
    return found


def write_atomic(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Call `write` on a temporary file, flush it to disk, and rename it to `path`.

    Whatever happens on the way (a full disk, a kill), `path` holds the old contents or the new, never a part.

    Raises
    ------
    OSError
        The folder cannot be written to, or the disk is full; nothing is left behind.
    """
    path = as_path(path)
    if path.is_dir():
        raise EbmError(f"{path}: a directory; expected the path of a file")
    with naming(path):  # the temporary name is short: that of the file may be as long as names can be
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_PREFIX, suffix=_SUFFIX)
        try:
            with os.fdopen(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            try:
                _replace(temporary, path)
            except OSError as error:  # names two files, and the temporary one first
                raise OSError(error.errno, error.strerror, str(path)) from None
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync(path.parent)


def _replace(temporary: str, path: Path) -> None:
    """Rename to a name that may be taken; Windows refuses as long as anybody reads what has the name."""
    for wait in _WAITS:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            time.sleep(wait)
    os.replace(temporary, path)


def _sync(folder: Path) -> None:
    """Flush a renaming to disk, where directories can be opened."""
    with contextlib.suppress(PermissionError, IsADirectoryError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_leftover(path: Path) -> bool:
    """Whether a kill left this temporary file behind."""
    return (
        path.name.startswith(_PREFIX)
        and path.name.endswith(_SUFFIX)
        and path.is_file()
        and not path.is_symlink()
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def free_memory() -> int:
    """Bytes that can be had without swapping, and within this process's limit; 2⁶² where nobody says."""
    most = 2**62
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        most = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            most = min(most, max(0, limit - used))
    return most


def refuse_beyond_memory(needed: float, what: str, instead: str) -> None:
    """Say that something needs more memory than is free, before it is tried.

    Raises
    ------
    EbmError
    """
    if needed > _SMALL and needed > (free := free_memory()):
        sizes = f"{needed / 2**30:.3g} GiB of memory, {free / 2**30:.3g} are free"
        raise EbmError(f"{what} needs {sizes}; expected {instead}")


def check_arrays(path: str | os.PathLike[str], only: Callable[[str], bool] | None = None) -> None:
    """Look at the sizes that an .npy or .npz claims, before it is read.

    Parameters
    ----------
    path : path-like
    only : callable, optional
        Which arrays of an archive are going to be read, by name; all when left out.

    Raises
    ------
    EbmError
        Arrays that are not as large as their headers say, that expand beyond reason, or beyond memory.
    OSError, zipfile.BadZipFile
        What cannot be opened.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise EbmError(f"{path}: no regular file; expected an .npy or .npz file")
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            _check_array(file, path.stat().st_size, str(path))
            return
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if only is not None and not only(name):
                continue
            if info.file_size > max(_SMALL, _TIMES * max(info.compress_size, 1)):
                raise EbmError(
                    f"{path}: {name}: {info.compress_size} bytes that expand to {info.file_size}; expected"
                    f" at most {_TIMES} times as many"
                )
            total += info.file_size
            if info.filename.endswith(".npy"):
                with archive.open(info) as member:
                    _check_array(member, info.file_size, f"{path}: {name}")
    refuse_beyond_memory(total, f"{path}", "a smaller file")


def array_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype that an array in numpy's format claims; ValueError where it is none."""
    head = np.lib.format
    version = head.read_magic(file)
    read = head.read_array_header_1_0 if version == (1, 0) else head.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=_HEADER)
    return shape, dtype


def _check_array(file: Any, size: int, what: str) -> None:
    """Whether an array in numpy's format has as many bytes as its header says."""
    try:
        shape, dtype = array_header(file)
    except ValueError:
        return  # it is none, or newer: whoever reads it says so
    if dtype.hasobject:
        return  # that is said, too
    claimed = math.prod(int(n) for n in shape) * dtype.itemsize
    if claimed > size - file.tell():
        raise EbmError(
            f"{what}: truncated or damaged: {size - file.tell()} bytes for {dtype} of shape {shape}; expected"
            f" {claimed}"
        )


def inflated(path: str | os.PathLike[str], head: int, size_of: Callable[[bytes], int]) -> bytes:
    """The bytes of a file, gzipped or not: as many as the first `head` of them announce.

    Parameters
    ----------
    size_of : callable
        Takes the first bytes and returns how many there have to be in all; what is read beyond is one byte.
    """
    with open(path, "rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
        first = file.read(head)
        size = size_of(first)
        if size > _SMALL:
            disk = os.path.getsize(path)
            if size > (1100 * disk if zipped else disk):
                raise EbmError(f"{path}: {disk} bytes; expected {size}, as its header says")
            refuse_beyond_memory(size, str(path), "a smaller file")
        return first + file.read(max(0, size - len(first)) + 1)


def whole(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a file, gzipped or not, unless they expand beyond reason or beyond memory.

    Raises
    ------
    EbmError
        More than 64 MiB that are more than 500 times those on disk, or more than a tenth of the free memory:
        what is made of text is larger.
    OSError, EOFError, zlib.error
        What cannot be read.
    """
    disk = os.path.getsize(path)
    most = min(max(_SMALL, _TIMES * disk), max(_SMALL, free_memory() // 10))
    with open(path, "rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise EbmError(f"{path}: {disk} bytes, more than {most} when read; expected a smaller file")
    return found
