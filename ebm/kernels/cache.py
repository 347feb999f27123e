"""numba's disk cache, kept true to the sources.

numba compiles a kernel again when the file that defines it has changed, but not when a file has whose
functions it calls: code older than its source would go on running. So each directory of cached kernels, one
for each directory of sources, carries a digest of all sources of this package, and cached code goes when the
digest no longer agrees.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from types import FunctionType

import numba
from numba import njit

NAME = "sources.sha256"
ROOM = 2**26  # bytes that compiled code may take
SOURCES = Path(__file__).parent


def _nothing():
    """A function of any file."""


def _cache_of(directory):
    code = _nothing.__code__.replace(co_filename=str(directory / "__init__.py"))
    return Path(njit(cache=True)(FunctionType(code, {})).stats.cache_path)


def caches():
    """Return where numba keeps what is compiled here: a directory for each directory of sources.

    None where it finds no place to write, or one whose disk is full: numba would fail with each kernel.
    """
    try:
        found = [_cache_of(path.parent) for path in SOURCES.rglob("__init__.py")]
        full = any(shutil.disk_usage(_existing(path)).free < ROOM for path in found)
    except (RuntimeError, OSError):
        return []
    return [] if full else found


def _existing(path):
    return path if path.exists() else _existing(path.parent)


def keep_apart():
    """Have numba keep code with other options elsewhere: its cache does not know options apart."""
    place = numba.config.CACHE_DIR or Path("~/.cache/ebm").expanduser()
    numba.config.CACHE_DIR = str(Path(place) / "checked")


def drop_stale(directories):
    """Remove the index of every kernel cached in directories, unless the sources are what they were.

    A directory that cannot be written is left as it is: numba does not write there either.
    """
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        digest.update(path.read_bytes())
    for directory in directories:
        with contextlib.suppress(OSError):
            _stamp(directory / NAME, digest.hexdigest())


def _stamp(stamp, expected):
    if stamp.exists() and stamp.read_text() == expected:
        return
    stamp.parent.mkdir(parents=True, exist_ok=True)
    for index in stamp.parent.glob("*.nbi"):
        index.unlink(missing_ok=True)
    temporary = stamp.with_name(f"{NAME}.{os.getpid()}")
    temporary.write_text(expected)
    temporary.replace(stamp)
