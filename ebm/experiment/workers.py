"""Processes that work on tasks: one that dies is replaced, and all die with the process that started them.

`concurrent.futures.ProcessPoolExecutor` gives up all tasks when one of its processes is killed. Here each
process has its own pipe, so that only the task that it worked on is lost, and whoever submitted it is told.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from typing import Any, ParamSpec, TypeVar

from ebm.arguments import as_count

__all__ = ["WorkerDied", "Workers"]

P = ParamSpec("P")
T = TypeVar("T")

_GRACE = 60.0  # seconds that a worker has to save what it is doing when it is asked to stop


class WorkerDied(RuntimeError):
    """The process that worked on a task is gone."""


class Workers(Executor):
    """Executor of n spawned processes.

    Parameters
    ----------
    n : int
        How many tasks are worked on at a time.

    Examples
    --------
    >>> with Workers(1) as workers:
    ...     workers.submit(divmod, 7, 2).result()
    (3, 1)
    """

    def __init__(self, n: int) -> None:
        self._threads = ThreadPoolExecutor(as_count(n, "workers"), "ebm-worker")
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._busy: set[_Worker] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Work on a call as soon as a process is free."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker()
        self._busy.add(worker)
        try:
            done, value = worker.ask(fn, args, kwargs)
        except (EOFError, OSError):
            worker.stop()
            raise WorkerDied(f"its process ended with code {worker.process.exitcode}") from None
        except BaseException:  # what cannot be sent: the worker has not heard of it
            self._idle.put(worker)
            raise
        finally:
            self._busy.discard(worker)
        self._idle.put(worker)
        if done:
            return value
        raise value

    def stop(self) -> None:
        """Ask those at work to stop, as Ctrl-C asks a run, and wait until they have saved."""
        for worker in tuple(self._busy):
            worker.process.terminate()
        self.shutdown(cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, and end the processes when theirs is done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        while wait:
            try:
                self._idle.get_nowait().stop()
            except queue.Empty:
                return


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy threads of numba in any state
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> tuple[bool, Any]:
        """What a call returned, or raised."""
        self._pipe.send((fn, args, kwargs))
        wait([self._pipe, self.process.sentinel])
        if not self._pipe.poll():
            raise EOFError
        found: tuple[bool, Any] = self._pipe.recv()
        return found

    def stop(self) -> None:
        """End the process, if it has not ended."""
        self._pipe.close()
        self.process.join(_GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(pipe: Connection) -> None:
    """Answer calls until the pipe is closed."""
    if os.name == "posix":
        os.setpgrp()  # Ctrl-C on the terminal reaches the one who started us, who then asks us to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            fn, args, kwargs = pipe.recv()
            try:
                answer = (True, fn(*args, **kwargs))
            except Exception as error:
                answer = (False, error)
            pipe.send(answer)


def _end_with_parent() -> None:
    """End at once when the process that started this one does, even by SIGKILL: runs can be resumed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
