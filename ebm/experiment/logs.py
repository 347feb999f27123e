"""The log of a run: what it said, with times, in a file of its directory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ebm.errors import EbmError

__all__ = ["LOG", "logged"]

LOG = logging.getLogger("ebm.experiment")
LOG.addHandler(logging.NullHandler())


class _File(logging.FileHandler):
    """A log on a disk that is full, or gone, stops no run."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave it out."""


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Within it, what is said in this process is appended to a file, too."""
    try:
        handler = _File(path, encoding="utf-8", errors="replace")
    except OSError:
        yield
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    level = LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    except BaseException as error:
        LOG.error("%s: %s", type(error).__name__, error, exc_info=not isinstance(error, EbmError))
        raise
    finally:
        LOG.setLevel(level)
        LOG.removeHandler(handler)
        handler.close()
