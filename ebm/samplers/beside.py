"""Samples drawn side by side: chains in blocks, which any executor works on.

Which chains make a block depends on nothing but how many there are, and each block has a stream of random
numbers of its own and measures its own burn-in: so neither who works nor how many do changes a bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from typing import Any, TypeAlias

import numpy as np

from ebm.errors import NotSupported
from ebm.machine import Array, Machine
from ebm.progress import Update
from ebm.samplers.walkers import Pools, Sampler
from ebm.stream import SAMPLE, Seed, Stream

__all__ = ["blocks", "drawn"]

_BLOCK = 25  # chains: enough to measure by, and a hundred of them keep four cores busy
_MOST = 64  # blocks

Part: TypeAlias = tuple[Any, list[str]]


def blocks(n: int, n_chains: int) -> list[Array]:
    """Which of n samples are those of each block of chains: sample i is of chain i mod n_chains.

    Examples
    --------
    >>> [list(map(int, rows)) for rows in blocks(6, 4)]
    [[0, 1, 2, 3, 4, 5]]
    >>> [len(rows) for rows in blocks(100, 50)]
    [50, 50]
    """
    parts = np.array_split(np.arange(n_chains), min(_MOST, -(-n_chains // _BLOCK)))
    chain = np.arange(n) % n_chains
    return [np.flatnonzero((chain >= part[0]) & (chain <= part[-1])) for part in parts]


def drawn(
    sample: Callable[..., Any],
    executor: Executor,
    machine: Machine,
    sampler: Sampler,
    seed: Seed,
    n_chains: int,
    given: Array | None,
    settings: dict[str, int | None],
    n: int,
    update: Update,
) -> tuple[list[Any], list[Array]]:
    """The samples of each block, and their places among all.

    Parameters
    ----------
    sample : function
        `ebm.sample`, which a worker calls.
    n_chains : int
        Of all blocks.
    settings : dict
        Its burn_in and thin.

    Raises
    ------
    NotSupported
        Chains that take each other's states are one population.
    """
    if isinstance(sampler, Pools):
        raise NotSupported(f"sample: executor: chains of {type(sampler).__name__} are one population")
    key, places = Stream(seed).split(SAMPLE).key, blocks(n, n_chains)
    futures = {}
    for k, rows in enumerate(places):
        own = given[rows] if given is not None and given.ndim == 2 else given
        chains = None if sampler.length is not None or own is not given else int((rows < n_chains).sum())
        how: dict[str, Any] = settings | {"sampler": sampler, "given": own, "n_chains": chains}
        how["seed"] = np.random.SeedSequence(entropy=key, spawn_key=(k,))
        futures[executor.submit(_part, sample, machine, len(rows), how)] = k
    parts: dict[int, Any] = {}
    said: dict[str, None] = {}
    try:
        for future in as_completed(futures):
            parts[futures[future]], messages = future.result()
            said |= dict.fromkeys(messages)
            update(len(parts) / len(futures), "")
    finally:
        for future in futures:
            future.cancel()
    for message in said:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    return [parts[k] for k in range(len(places))], places


def _part(sample: Callable[..., Any], machine: Machine, n: int, how: dict[str, Any]) -> Part:
    """The samples of a block and what was warned of, in whichever process this is."""
    from ebm.kernels.threads import limited_threads

    with limited_threads(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = sample(machine, n, progress=False, **how)
    return found, [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
