"""Models of other programs, read and written: one module a format.

Content decides what a file is; a suffix decides where its content fits several formats. Reading never runs
code. docs/interchange.md has the signs, factors and offsets of each format.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ebm.arguments import as_choice
from ebm.errors import EbmError, nearest
from ebm.files import UNREADABLE, as_path
from ebm.interchange.formats import Format

__all__ = ["Format", "formats", "read", "read_named", "recognised", "write"]

# In the order in which a file is tried; adding a format adds its module and its line here.
_MODULES = (
    "own",
    "rbms",
    "sklearn",
    "dimod_file", "dimod_json", "dimod_coo",
    "gset", "biqmac", "qubo", "dimacs", "uai",
    "adabmdca", "isingfit", "boltzmm", "coniii",
    "rbmjl",
    "pgm",
    "qucumber",
    "learnergy",
    "grbm",
    "onnx",
)  # fmt: skip
_HEAD = 2**12  # bytes that are looked at


def __getattr__(name: str) -> Any:
    """A module of a format, imported when it is first asked for."""
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def formats() -> dict[str, Format]:
    """All formats by name, in the order in which a file is tried.

    Examples
    --------
    >>> formats()["ebm"].title
    'a file of ebm'
    """
    found = [importlib.import_module(f"{__name__}.{name}").FORMAT for name in _MODULES]
    return {entry.name: entry for entry in found}


def recognised(path: str | os.PathLike[str]) -> Format:
    """The format of a file, by its content; by its suffix where that fits several, or none.

    Raises
    ------
    EbmError
        No such file; none of the formats.
    """
    file = _existing(path)
    with open(file, "rb") as stream:
        head = stream.read(_HEAD)
    fits = [entry for entry in formats().values() if _is(entry, file, head)]
    named = [entry for entry in fits if file.name.lower().endswith(entry.suffixes)]
    if not fits:  # then what its name says, alone, knows best what is wrong with it
        fits = [entry for entry in formats().values() if file.name.lower().endswith(entry.suffixes)]
        if len(fits) != 1:
            looks = f"its name is of {' or '.join(e.name for e in fits)}, not its content; " if fits else ""
            raise EbmError(f"{path}: {looks}expected a file of: {', '.join(formats())}")
    return (named or fits)[0]


def _existing(path: str | os.PathLike[str]) -> Path:
    file = as_path(path)
    if not file.is_file():
        raise EbmError(
            f"{path}: {'a directory' if file.is_dir() else 'no such file'}; expected a model's file"
        )
    return file


def _is(entry: Format, file: Path, head: bytes) -> bool:
    try:
        return entry.recognise(file, head)
    except (EbmError, *UNREADABLE):
        return False


def read(path: str | os.PathLike[str], format: str | None = None, **options: Any) -> Any:
    """Read a model of another program, or one of ours.

    Parameters
    ----------
    path : path-like
    format : str, optional
        One of `formats`; recognised when left out.
    **options
        Of the format's own ``read``.

    Raises
    ------
    EbmError
        One line: what is wrong with the file, where, and what was expected.

    Examples
    --------
    >>> import tempfile, pathlib, ebm
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "machine.npz"
    >>> ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2))
    >>> ebm.interchange.read(path)
    RBM(Bernoulli(), Potts(q=3), 4 × 2, float32)
    """
    entry = format_to_read(path, format)
    return _read(path, entry, entry.read, options)


def read_named(path: str | os.PathLike[str], format: str | None = None, **options: Any) -> Any:
    """Read a pairwise model with what a machine cannot hold: names of units, and a constant of the energy.

    Parameters
    ----------
    path : path-like
    format : str, optional
        One of `formats`; recognised when left out.
    **options
        Of the format's own ``read``.

    Returns
    -------
    Named
        ``machine, names, offset``: column k of states is ``names[k]``, and the energy of the model is
        ``machine.energy(x) + offset``. `write` takes it in place of a machine.

    Raises
    ------
    EbmError
        As `read`; a format that has neither.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "pair.coo"
    ...     _ = path.write_text("# vartype=SPIN\\n# offset=2\\n4 7 -1\\n")
    ...     read_named(path)[1:]
    ((4, 7), 2.0)
    """
    entry = format_to_read(path, format)
    if entry.named is None:
        have = ", ".join(e.name for e in formats().values() if e.named is not None)
        raise EbmError(
            f"{path}: {entry.name} has neither names nor a constant: expected read, or one of: {have}"
        )
    return _read(path, entry, entry.named, options)


def format_to_read(path: str | os.PathLike[str], format: str | None) -> Format:
    """The format of a file that is there: as said, or by its content."""
    file = _existing(path)
    return recognised(file) if format is None else formats()[as_choice(format, list(formats()), "format")]


def _read(
    path: str | os.PathLike[str], entry: Format, function: Callable[..., Any], options: Mapping[str, Any]
) -> Any:
    check_options(function, options, entry.name)
    try:
        return function(as_path(path), **options)
    except EbmError:
        raise
    except UNREADABLE as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise EbmError(f"{path}: truncated or damaged ({why[:120]}); expected {entry.title}") from None


def write(path: str | os.PathLike[str], machine: object, format: str | None = None, **options: Any) -> None:
    """Write a machine for another program, whole or not at all.

    Parameters
    ----------
    path : path-like
    machine : Machine
    format : str, optional
        One of `formats`; by the suffix of the path when left out.
    **options
        Of the format's own ``write``.

    Raises
    ------
    EbmError
        A machine that the format cannot hold; a format that is only read.
    OSError
        The file cannot be written; what was there before stays.
    """
    file, entry = as_path(path), format_to_write(path, format)
    if entry.write is None:
        written = [e.name for e in formats().values() if e.write is not None]
        raise EbmError(f"format: {entry.name} is only read; expected one of: {', '.join(written)}")
    check_options(entry.write, options, entry.name)
    entry.write(file, machine, **options)


def format_to_write(path: str | os.PathLike[str], format: str | None) -> Format:
    """The format of a file that is going to be written: as said, or by the suffix."""
    file = as_path(path)
    if format is None:
        can = [
            e for e in formats().values() if e.write is not None and file.name.lower().endswith(e.suffixes)
        ]
        if len(can) != 1:
            names = ", ".join(e.name for e in can or formats().values() if e.write is not None)
            raise EbmError(f"{path}: its name does not say which format; expected one of: {names}")
        return can[0]
    return formats()[as_choice(format, list(formats()), "format")]


def check_options(function: Callable[..., Any], options: Mapping[str, object], name: str) -> None:
    """Refuse an option that a format does not have."""
    known = [p.name for p in list(inspect.signature(function).parameters.values())[1:] if p.name != "machine"]
    for option in options:
        if option not in known:
            hint = nearest(option, known) if known else "it has none"
            raise EbmError(f"{name}: unknown option {option!r}; {hint}")
