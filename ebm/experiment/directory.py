"""The run directory: what a run leaves on disk, and in which order.

``config.toml`` comes first, ``summary.json`` last; a directory with the first and without the last was
interrupted. ``metrics.jsonl`` is appended to, a line per evaluation; everything else is written atomically.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w

from ebm.checkpoint import load, save, write_atomic
from ebm.errors import EbmError
from ebm.training import State

__all__ = ["RunDirectory"]

_KEPT = 2
_PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "matplotlib", "pydantic")


class RunDirectory:
    """The files of one run.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def create(self, tables: dict[str, Any], seed: int, *, overwrite: bool = False) -> None:
        """Make the directory and write config.toml, then environment.json.

        Raises
        ------
        EbmError
            The directory has files in it and `overwrite` is not set; nothing is touched.
        """
        if self.path.exists() and not self.path.is_dir():
            raise EbmError(f"{self.path}: a file; expected a directory for the run")
        if self.path.is_dir() and any(self.path.iterdir()):
            if not overwrite:
                raise EbmError(
                    f"{self.path}: not empty; use --overwrite, or `ebm resume {self.path}`, or another --out"
                )
            if not self.is_run():
                raise EbmError(f"{self.path}: not a run directory (no config.toml); it is not overwritten")
            self.clear()
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_text("config.toml", tomli_w.dumps(tables))
        self.write_json("environment.json", _environment(seed))

    def clear(self) -> None:
        """Remove what a run writes; other files stay."""
        for name in ("checkpoints", "figures"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("summary.json", "metrics.jsonl", "model.npz", "samples.npz", "environment.json"):
            (self.path / name).unlink(missing_ok=True)

    def is_run(self) -> bool:
        """Whether a run began here."""
        return (self.path / "config.toml").is_file()

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "summary.json").is_file()

    @property
    def model(self) -> Path:
        """The trained machine."""
        return self.path / "model.npz"

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically."""
        write_atomic(self.path / name, lambda file: file.write(text.encode()))

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file atomically."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    # Metrics.

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    def append_metrics(self, row: dict[str, float]) -> None:
        """Append a line and flush it to disk."""
        with open(self.metrics, "ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def cut_metrics(self, step: int) -> None:
        """Drop what came after `step`: lines of a run that went on past its last checkpoint."""
        kept = []
        if self.metrics.exists():
            for line in self.metrics.read_text().splitlines():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    break  # killed while it wrote
                if row["step"] <= step:
                    kept.append(line)
        self.write_text("metrics.jsonl", "".join(f"{line}\n" for line in kept))

    # Checkpoints.

    def checkpoints(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("step-*.npz"))

    def save_state(self, state: State) -> Path:
        """Write a checkpoint; only the last two are kept."""
        folder = self.path / "checkpoints"
        folder.mkdir(exist_ok=True)
        path = folder / f"step-{state.step:012d}.npz"
        save(path, state)
        for old in self.checkpoints()[:-_KEPT]:
            old.unlink()
        return path

    def load_state(self) -> State | None:
        """The last checkpoint that reads well; None if there is none."""
        for path in reversed(self.checkpoints()):
            try:
                return load(path)
            except EbmError:
                continue  # a disk that failed; the one before is good
        return None


def _environment(seed: int) -> dict[str, Any]:
    from threadpoolctl import threadpool_info

    from ebm import __version__

    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "ebm": __version__,
        "python": sys.version.split()[0],
        "packages": versions,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": {p["internal_api"]: p["num_threads"] for p in threadpool_info()},
        "seed": seed,
    }
