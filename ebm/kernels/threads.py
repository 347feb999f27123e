"""Compiled work shared among threads.

A kernel works on tiles of fixed size, numbered from 0; which thread works on a tile changes nothing in its
result, so numbers do not depend on how many threads there are. `shared` compiles the loop over tiles twice,
for one thread and for several; the second is compiled, and threads started, when there is work worth it.

numba's OpenMP or TBB threads are used: they take up a loop within 4 microseconds, and several Python threads
may use them at once. Where neither is to be had, and in a forked child (which has no threads, and where GNU
OpenMP would abort), work is done on one thread. numba's third kind, the work queue, takes 400 microseconds
and aborts the process when two Python threads meet in it: it is never used.
"""

import contextlib
import functools
import importlib
import os
import types

import numba
import numpy as np
from numba import njit

from ebm.errors import EbmError, short
from ebm.kernels import CHECK, JIT

__all__ = ["get_num_threads", "set_num_threads"]

_state = {"threads": 0, "forked": False}
# Threads that wait spin for 20 microseconds, not for GNU OpenMP's milliseconds: where BLAS or another
# process wants a core, a step of learning took 16 ms instead of 3. Read when the library is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")


@functools.cache
def _layer():
    """Whether numba would take threads that several Python threads may use at once."""
    named = numba.config.THREADING_LAYER
    choices = {
        "default": numba.config.THREADING_LAYER_PRIORITY,
        "threadsafe": ["tbb", "omp"],
        "omp": ["omp"],
        "workqueue": [],
    }.get(named, ["tbb"])
    for name in choices:
        if name == "workqueue":
            return False
        try:
            importlib.import_module(f"numba.np.ufunc.{name}pool")
        except ImportError:
            continue
        return True
    return False


def _default():
    text = os.environ.get("EBM_NUM_THREADS", "")
    if not text:
        return numba.config.NUMBA_NUM_THREADS
    if not text.isdecimal() or int(text) < 1:
        raise EbmError(f"EBM_NUM_THREADS: expected an integer >= 1, got {text!r}")
    return min(int(text), numba.config.NUMBA_NUM_THREADS)


def get_num_threads():
    """Return the number of threads that compiled work is shared among."""
    if not _state["threads"]:
        _state["threads"] = _default()
    return _state["threads"]


def set_num_threads(n):
    """Share compiled work among n threads, the caller's among them; results do not depend on n.

    Parameters
    ----------
    n : int
        At least 1; more than the cores that this process may use count as that many. At the start it is
        the environment variable ``EBM_NUM_THREADS``, or the number of those cores.

    Raises
    ------
    EbmError
        n is not an integer, or below 1.

    Examples
    --------
    >>> import ebm
    >>> before = ebm.get_num_threads()
    >>> ebm.set_num_threads(1)
    >>> ebm.get_num_threads()
    1
    >>> ebm.set_num_threads(before)
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise EbmError(f"set_num_threads: expected an integer >= 1, got {short(n)}")
    _state["threads"] = min(int(n), numba.config.NUMBA_NUM_THREADS)


@contextlib.contextmanager
def limited_threads(n):
    """Within it, compiled work and BLAS share among n threads; for processes of which several run at once."""
    from threadpoolctl import threadpool_limits

    before = get_num_threads()
    set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        set_num_threads(before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _state.update(forked=True))


class _Shared:
    def __init__(self, loop):
        self._loop = loop
        self.serial = njit(**JIT)(loop)
        functools.update_wrapper(self, loop)

    @functools.cached_property
    def _parallel(self):
        # A function of another name: numba's disk cache does not know serial and parallel code apart.
        name = f"{self._loop.__qualname__}_parallel"
        loop = types.FunctionType(self._loop.__code__, self._loop.__globals__, name)
        loop.__qualname__ = name
        return njit(parallel=True, **JIT)(loop)

    def __call__(self, worth, *args):
        if (
            not worth
            or CHECK
            or (n := _state["threads"] or get_num_threads()) == 1
            or _state["forked"]
            or not _layer()
        ):
            self.serial(*args)
            return
        if n == numba.config.NUMBA_NUM_THREADS:
            self._parallel(*args)
            return
        before = numba.get_num_threads()
        numba.set_num_threads(n)
        try:
            self._parallel(*args)
        finally:
            numba.set_num_threads(before)


def shared(loop):
    """Compile a function whose outer loop is a prange over tiles; call it as kernel(worth, *args).

    `worth` says whether the work is worth several threads: it is, from about 50 microseconds on. The number
    of a tile is an uint64 where there are several, an int64 where there is one: what the loop calls is handed
    ``np.int64(tile)``, or would be compiled for both.
    """
    return _Shared(loop)
