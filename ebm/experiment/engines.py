"""Executors of others: a Dask cluster, a queue of Slurm. Both are extras: ``boltzmann-machines[scale]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ebm.errors import EbmError

__all__ = ["dask", "slurm"]

P = ParamSpec("P")
T = TypeVar("T")

_ALLOWED = 3  # workers that may die of a task before Dask gives it back


@contextmanager
def dask(address: str) -> Iterator[Executor]:
    """The executor of a Dask scheduler at an address such as ``tcp://host:8786``; "local" starts one here.

    Raises
    ------
    EbmError
        Dask is not installed; nobody answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise EbmError("--dask needs distributed: pip install 'boltzmann-machines[scale]'") from None
    try:
        local: dict[str, Any] = {"processes": True, "threads_per_worker": 1, "dashboard_address": None}
        client = Client(**local) if address == "local" else Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise EbmError(f"--dask {address}: no scheduler answers there ({error})") from None
    with client:
        yield client.get_executor(retries=_ALLOWED, pure=False)


class _Jobs(Executor):
    """Jobs of submitit, as futures: a thread waits for each."""

    def __init__(self, queue: Any, most: int) -> None:
        self._queue, self._waiting = queue, ThreadPoolExecutor(most)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Put a call into the queue."""
        return self._waiting.submit(self._queue.submit(fn, *args, **kwargs).result)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the jobs."""
        self._waiting.shutdown(wait, cancel_futures=cancel_futures)


@contextmanager
def slurm(settings: Mapping[str, Any], folder: Path, most: int) -> Iterator[Executor]:
    """The executor of a Slurm queue, by submitit; its logs go to a folder.

    Parameters
    ----------
    settings : mapping
        As submitit's ``update_parameters`` takes them, such as ``timeout_min`` and ``slurm_partition``;
        ``cluster = "local"`` runs jobs on this machine.
    folder : Path
    most : int
        Jobs in the queue.

    Raises
    ------
    EbmError
        submitit is not installed, or refuses a setting.
    """
    try:
        from submitit import AutoExecutor
    except ImportError:
        raise EbmError("--slurm needs submitit: pip install 'boltzmann-machines[scale]'") from None
    try:
        queue = AutoExecutor(folder=folder, cluster=settings.get("cluster"))
        queue.update_parameters(**{key: value for key, value in settings.items() if key != "cluster"})
    except Exception as error:  # submitit raises what it likes
        raise EbmError(f"--slurm: {' '.join(str(error).split())}") from None
    jobs = _Jobs(queue, most)
    try:
        yield jobs
    finally:
        jobs.shutdown(cancel_futures=True)
