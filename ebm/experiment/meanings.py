"""What each key of a table means, as the docstring of what it calls says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from ebm.experiment.calls import Table, exported
from ebm.network import BackPropagation, fine_tune
from ebm.training import fit

__all__ = ["Meaning", "meanings", "parameters", "summary"]

_REFERENCE = re.compile(r"As (?:of|in|by) `(?:ebm\.)?(\w+)`")
_MORE: dict[str, Callable[..., Any]] = {
    "fit": fit,
    "fine_tune": fine_tune,
    "BackPropagation": BackPropagation,
}  # that others' docstrings refer to, beside classes of settings
_PAPER = re.compile(r",? docs/math\.md \([^)]*\)")
_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.M)


class Meaning(NamedTuple):
    """The type of a parameter, and its description, as the docstring has them."""

    kind: str
    text: str


def meanings(made: Table, table: Mapping[str, Any]) -> dict[str, Meaning]:
    """The meaning of each key of a table, as far as it is documented."""
    found = parameters(made.function)
    for method in made.methods_of(table):
        found = found | parameters(method)
    return {name: _followed(name, found[name]) for name in made.parameters(table) if name in found}


def _followed(name: str, meaning: Meaning) -> Meaning:
    """The meaning, where it is said to be that of something else's parameter of the same name."""
    reference = _REFERENCE.match(meaning.text)
    known: dict[str, Callable[..., Any]] = {c.__name__: c for c in exported()} | _MORE
    if reference is None or reference[1] not in known:
        return meaning
    there = _followed(name, parameters(known[reference[1]])[name])
    text = (there.text.rstrip(".") + meaning.text[reference.end() :]).strip(" ,.;")
    return Meaning(meaning.kind or there.kind, f"{text}." if text else "")


def summary(function: Callable[..., Any]) -> str:
    """The first paragraph of a docstring on one line.

    Examples
    --------
    >>> from ebm.optimisers import Linear
    >>> summary(Linear)
    'From `start` to `stop` over the first `epochs` epochs, then `stop`.'
    """
    return _plain((inspect.getdoc(function) or "").split("\n\n")[0])


@cache
def parameters(function: Callable[..., Any]) -> dict[str, Meaning]:
    """The sections "Parameters" of a docstring, of a class those of its bases too."""
    found = {}
    for part in reversed(inspect.getmro(function)) if isinstance(function, type) else (function,):
        pieces = _SECTION.split(inspect.cleandoc(part.__doc__ or ""))
        section = dict(zip(pieces[1::2], pieces[2::2], strict=True)).get("Parameters", "")
        for entry in re.split(r"\n(?=\S)", section.strip("\n")):
            head, _, text = entry.partition("\n")
            names, _, kind = head.partition(" : ")
            for name in names.split(","):  # several may share an entry
                found[name.strip()] = Meaning(kind.strip(), _plain(text))
    return found


def _plain(text: str) -> str:
    """Text on one line, without a table that ends it, and without what a wheel does not have."""
    return _PAPER.sub("", " ".join(re.split(r"={4}", text)[0].replace("``", "`").split()))
