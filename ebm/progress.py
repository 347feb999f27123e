"""Progress of calls that take long: one contract, and a bar for those who do not bring their own function.

Whatever may take long has an argument ``progress``. A function is called with the fraction done and a line
(an empty one says nothing new). None, the default, shows a bar on a terminal or in a notebook once the call
has taken a few seconds, and nothing where output is piped. True shows it at once, and piped prints every
line; False shows nothing. One call shows at a time: what it calls in turn is silent.
"""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeAlias

from ebm.errors import EbmError, described

__all__ = ["Progress", "Update", "showing", "silent"]

Update: TypeAlias = Callable[[float, str], object]
Progress: TypeAlias = Update | bool | None

_WAIT = 3.0  # seconds that a call may take before a bar appears by itself
_APART = 0.05  # seconds between redrawings
_ONE = threading.Lock()  # held by the call that shows


@contextmanager
def showing(progress: Progress, what: str, console: Any = None) -> Iterator[Update]:
    """Within it, tell the function that it gives of every bit of progress.

    Parameters
    ----------
    progress : callable, bool or None
        As the user gave it.
    what : str
        What the bar is called, such as "fit".
    console : rich.console.Console, optional
        Where it shows; standard error when left out.

    Yields
    ------
    callable
        ``update(done, line)``: the fraction done, 0 to 1, and a line, or "".

    Raises
    ------
    EbmError
        `progress` is none of the three.

    Examples
    --------
    >>> with showing(lambda done, line: print(done, line), "count") as update:
    ...     update(0.5, "half of it")
    0.5 half of it
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise EbmError(
            f"progress: got {described(progress)}; expected True, False or a function of (fraction, line)"
        )
    if callable(progress):
        yield progress
    elif progress is False or not _ONE.acquire(blocking=False):
        yield silent
    else:
        try:
            with _display(what, bool(progress), console) as update:
                yield update
        finally:
            _ONE.release()


def silent(done: float, line: str = "") -> None:
    """Show nothing."""


def _display(what: str, at_once: bool, console: Any) -> Any:
    """A context that gives the function for where output goes: a notebook, a terminal, a pipe."""
    if console is None and _in_notebook():
        return nullcontext(_Delayed(lambda: _Notebook(what), at_once))
    if sys.stderr.isatty() if console is None else console.is_terminal:
        return _on_terminal(what, at_once, console)
    if not at_once:
        return nullcontext(silent)

    def lines(done: float, line: str = "") -> None:
        if line and console is None:
            print(f"{what}: {line}", file=sys.stderr, flush=True)
        elif line:
            console.print(f"{what}: {line}", markup=False, soft_wrap=True)

    return nullcontext(lines)


class _Delayed:
    """Opens what it updates when that is due, and passes on no more than the eye can follow."""

    def __init__(self, open_it: Callable[[], Update], at_once: bool) -> None:
        self._open, self._line = open_it, ""
        self._update: Update | None = None
        self._due = time.monotonic() + (0.0 if at_once else _WAIT)

    def __call__(self, done: float, line: str = "") -> None:
        self._line, now = line or self._line, time.monotonic()
        if now < self._due and not (self._update and done >= 1.0):
            return
        if self._update is None:
            self._update = self._open()
        self._due = now + _APART
        self._update(done, self._line)


@contextmanager
def _on_terminal(what: str, at_once: bool, console: Any) -> Iterator[Update]:
    """A bar of rich's; one that appeared by itself vanishes at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[text]}", markup=False),
    )
    bar = Bar(*columns, console=console or Console(stderr=True), transient=not at_once)
    task = bar.add_task(what, total=1.0, text="")

    def opened() -> Update:
        bar.start()
        return lambda done, line: bar.update(task, completed=done, text=line)

    try:
        yield _Delayed(opened, at_once)
    finally:
        bar.stop()


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and "IPKernelApp" in shell.config


class _Notebook:
    """A bar below a notebook's cell."""

    def __init__(self, what: str) -> None:
        from IPython.display import HTML, display

        self._what, self._html = what, HTML
        self._handle = display(HTML(""), display_id=True)

    def __call__(self, done: float, line: str) -> None:
        bar = f'<progress value="{done:.4f}"></progress>'
        self._handle.update(self._html(f"{html.escape(self._what)} {bar} {html.escape(line)}"))
