"""What a foreign format is: one module each, with functions that read and write, and how it is recognised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Format"]


@dataclass(frozen=True)
class Format:
    """A format of files; each module of `ebm.interchange` that is one has it as ``FORMAT``.

    Attributes
    ----------
    name : str
        What it is called in ``read(path, format=...)``.
    title : str
        In words.
    suffixes : tuple of str
        Of the names of such files; they decide where the content fits several formats.
    recognise : callable
        ``recognise(path, head)``: whether the first bytes of a file are those of one. Cheap; it may raise
        what files raise, which is no.
    read : callable
        ``read(path, **options)`` -> what the file holds, mostly a machine.
    write : callable, optional
        ``write(path, machine, **options)``.
    energy : str
        The energy as the format has it, and what becomes of it here; `ebm info` says it.
    facts : callable, optional
        ``facts(path)`` -> what else `ebm info` says, by name: provenance, an offset, which updates there are.
    extra : str, optional
        The extra of ours that installs what reading needs.
    named : callable, optional
        ``named(path, **options)`` -> `ebm.interchange.quadratic.Named`: as `read`, with names of units and a
        constant of the energy. ``write`` of such a format takes one.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Path, bytes], bool]
    read: Callable[..., Any]
    write: Callable[..., None] | None = None
    energy: str = ""
    facts: Callable[[Path], Mapping[str, object]] | None = None
    extra: str | None = None
    named: Callable[..., Any] | None = None
