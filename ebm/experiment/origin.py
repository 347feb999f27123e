"""What a run began with: its settings, its data, the versions and the processor; and what has changed since.

A difference that changes what is learnt is refused; one that may change the last bits of it is said.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ebm.datasets.tables import Data
from ebm.errors import EbmError, short

__all__ = ["changes", "check_learning", "fingerprint", "is_origin", "origin"]

_LEARNING = ("data", "machine", "rule", "optimiser", "train")  # the tables that learning depends on
# What the numbers of a run do not depend on until it is longer: it may be changed before resuming.
_FREE = ("epochs",)
_PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "matplotlib", "pydantic")
_BITS = ("ebm", "python", "packages", "machine", "processor", "threads")  # what the last bits may depend on
_DRAWS = "matplotlib"  # a package that no number depends on


def fingerprint(data: Data | None) -> str | None:
    """A hash of all rows and labels, their shapes and types."""
    if data is None:
        return None
    found = hashlib.sha256()
    for array in (data.train, data.test, data.train_labels, data.test_labels):
        found.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
        for rows in () if array is None else np.array_split(array, 1 + array.nbytes // 2**24):
            found.update(np.ascontiguousarray(rows).tobytes())
    return found.hexdigest()


def origin(tables: dict[str, Any], seed: int, data: str | None) -> dict[str, Any]:
    """All of it, as environment.json keeps it; data is their fingerprint."""
    from threadpoolctl import threadpool_info

    from ebm import __version__

    return {
        "ebm": __version__,
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": {p["internal_api"]: p["num_threads"] for p in threadpool_info()},
        "seed": seed,
        "learning": _learning(tables),
        "rest": {name: table for name, table in tables.items() if name not in _LEARNING},
        "data": data,
    }


def _processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _learning(tables: dict[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {name: dict(tables[name]) for name in _LEARNING if name in tables}
    for key in _FREE:
        chosen.get("train", {}).pop(key, None)
    return chosen


def is_origin(found: Any) -> bool:
    """Whether what a file holds has the shape of an `origin`: its settings are tables of keys."""
    if not isinstance(found, dict):
        return False
    settings = [found.get("learning", {}), found.get("rest", {})]
    return all(
        isinstance(part, dict) and all(isinstance(t, dict) for t in part.values()) for part in settings
    )


def check_learning(config: Path, began: dict[str, Any], tables: dict[str, Any]) -> None:
    """Refuse a config that no longer says what the checkpoints were learned with."""
    for table, key, old, new in _different(began.get("learning", {}), _learning(tables)):
        was = f"was {short(old)} when the run began, now {short(new)}"
        raise EbmError(f"{config}: [{table}] {key} {was}; start a new run")


def changes(config: Path, began: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is to be said of the differences between two origins, a line each.

    Raises
    ------
    EbmError
        The data are others.
    """
    if began.get("data") != now["data"]:
        raise EbmError(
            f"{config}: [data]: the rows are not those that the run began with (sha256"
            f" {str(began.get('data'))[:12]}, now {str(now['data'])[:12]}); put them back, or start a new run"
        )
    said = [
        f"[{table}] {key} was {short(old)} when the run began, now {short(new)}, which is taken"
        for table, key, old, new in _different(began.get("rest", {}), now["rest"])
    ]
    for part in _BITS:
        then = began.get(part)
        for name, new in now[part].items() if isinstance(now[part], dict) else [(part, now[part])]:
            old = then.get(name) if isinstance(then, dict) else then
            if old != new and name != _DRAWS:
                said.append(
                    f"{name} was {old} when the run began, now {new}: last bits may differ from those of a"
                    " run without a break"
                )
    return said


def _different(began: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Table, key, and its two values, where they differ."""
    now = json.loads(json.dumps(now))
    found = []
    for table in sorted(began.keys() | now.keys()):
        old, new = began.get(table, {}), now.get(table, {})
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                found.append((table, key, old.get(key), new.get(key)))
    return found
