"""One line that says why a first call takes so long: its kernels are compiled."""

import sys

from numba.core.event import Listener, register, unregister

LINE = "ebm: kernels are compiled for their first use; which takes some seconds; they are kept on disk"
_EVENT = "numba:compile"  # of what is not found in the cache


class Telling(Listener):
    """Prints the line when the first kernel of this package is compiled in a process, and no other."""

    def on_start(self, event):
        """A dispatcher begins to compile."""
        if event.data["dispatcher"].py_func.__module__.startswith(__package__):
            unregister(_EVENT, self)
            print(LINE, file=sys.stderr, flush=True)

    def on_end(self, event):
        """Nothing: the next step of whoever called shows that it is done."""


def tell():
    """Have it said where a person waits, on a terminal and in a notebook; elsewhere output stays as it is."""
    if sys.stderr.isatty() or "ipykernel" in sys.modules:
        register(_EVENT, Telling())
