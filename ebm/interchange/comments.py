"""A constant of the energy in a comment, where a text format has no place for it: ``# offset=1.5``.

Others skip it: the constant changes neither the minimum nor p(x).
"""

from __future__ import annotations

from collections.abc import Sequence

from ebm.datasets.lines import finite

__all__ = ["offset_in", "offset_line"]

_KEY = "offset="


def offset_in(cells: Sequence[str], where: str) -> float:
    """The constant that a comment's cells say, 0 if they say none."""
    if len(cells) == 2 and cells[1].startswith(_KEY):
        return finite(cells[1].removeprefix(_KEY), where, "the offset")
    return 0.0


def offset_line(mark: str, offset: float) -> str:
    """The comment, or nothing where there is no constant.

    Examples
    --------
    >>> offset_line("c", 1.5), offset_line("c", 0.0)
    ('c offset=1.5\\n', '')
    """
    return f"{mark} {_KEY}{offset!r}\n" if offset else ""
