"""How a call may end: with a result, or with one line of the package's own."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ebm

__all__ = ["judged", "line_is_ours", "refusal_is_ours"]

_SOURCES = str(Path(ebm.__file__).parent)
_LONGEST = 700  # characters of a line
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INTERNAL = re.compile(r"\b(Traceback|[A-Z][a-z]\w*Error|object at 0x[0-9a-f]+)\b")


def line_is_ours(line: str) -> str:
    """What is wrong with a refusal; nothing where it is one short line that can be shown."""
    if not 12 <= len(line) <= _LONGEST:
        return f"a line of {len(line)} characters"
    if _UNSEEN.search(line):
        return "a line with characters that cannot be shown"
    found = _INTERNAL.search(line)
    return f"a line that says {found[0]!r}" if found else ""


def refusal_is_ours(error: BaseException) -> str:
    """What is wrong with an exception; nothing where the package raised it, and in its own words."""
    raised = traceback.extract_tb(error.__traceback__)[-1].filename
    known = isinstance(error, ebm.EbmError)
    known |= isinstance(error, (TypeError, MemoryError)) and raised.startswith(_SOURCES)
    return line_is_ours(str(error)) if known else "not of the package"


def judged(call: Callable[[], Any]) -> tuple[str, str]:
    """The outcome of a call, and of what fails the words."""
    try:
        call()
    except Exception as error:
        wrong = refusal_is_ours(error)
        if not wrong:
            return "refused", ""
        at = next(
            (f for f in reversed(traceback.extract_tb(error.__traceback__)) if "/ebm/" in f.filename), None
        )
        where = f"{at.filename.rpartition('/ebm/')[2]}:{at.lineno}" if at else "outside"
        return "failed", f"{wrong}: {type(error).__name__}: {str(error)[:300]!r} at {where}"
    return "right", ""
