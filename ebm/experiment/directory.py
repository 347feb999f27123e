"""The run directory: what a run leaves on disk, and in which order.

``environment.json`` comes first, then ``config.toml``, ``summary.json`` last; a directory with a config and
without a summary was interrupted. ``metrics.jsonl`` is appended to, a line per evaluation; everything else is
written atomically. ``run.log`` is what was said, with times; ``error.txt`` is there where the run failed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import tomli_w

from ebm.checkpoint import load, save
from ebm.errors import EbmError, InUse
from ebm.experiment.locking import Lock, is_lock
from ebm.experiment.origin import is_origin, origin
from ebm.files import is_leftover, naming, write_atomic
from ebm.plots.reading import row_of
from ebm.training import State

__all__ = ["RunDirectory", "finite"]

_KEPT = 2
_MARK = "# Resolved by ebm run: every default written out.\n"
_FILES = (
    "summary.json", "config.toml", "environment.json", "metrics.jsonl", "model.npz", "samples.npz",
    "readout.npz", "edges.csv", "run.log", "error.txt",
)  # fmt: skip
FIGURES = (  # that ebm.plots.run draws
    "annealing", "confusion", "edges", "energy_curves", "energy_histogram", "energy_traces",
    "features_by_class", "fine_tuning", "free_energy_gap", "kl", "learning_curves", "likelihood",
    "misclassified", "moments", "network", "predictions", "reliability", "samples", "weights",
)  # fmt: skip
# In its folders: checkpoints by their step, layers by their number, figures by their names.
_FOLDERS = {
    "checkpoints": re.compile(r"step-[0-9]{12,}\.npz"),
    "layers": re.compile(r"[0-9]+\.npz"),
    "figures": re.compile(rf"({'|'.join(FIGURES)})\.png"),
}


class RunDirectory:
    """The files of one run.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = Lock(self.path)

    def create(
        self, tables: dict[str, Any], seed: int, *, data: str | None = None, overwrite: bool = False
    ) -> None:
        """Make the directory and write environment.json, with the fingerprint of the data; then config.toml.

        Raises
        ------
        EbmError
            The directory has files in it and `overwrite` is not set; nothing is touched.
        """
        if self.path.exists() and not self.path.is_dir():
            raise EbmError(f"{self.path}: a file; expected a directory for the run")
        self._refuse_if_used(overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        try:
            self._refuse_if_used(overwrite)  # somebody may have been faster
            if self.is_run():
                self.clear()
            self.write_json("environment.json", origin(tables, seed, data))
            self.write_text("config.toml", _MARK + tomli_w.dumps(tables))
        except BaseException:
            self.unlock()
            raise

    def _refuse_if_used(self, overwrite: bool) -> None:
        """Refuse a directory with somebody's files in it, or with a run where it is not to be overwritten."""
        if self.is_run():
            if not overwrite:
                raise InUse(
                    f"{self.path}: not empty; use --overwrite, or `ebm resume {self.path}`, or another --out"
                )
        elif self.path.is_dir() and any(not self._is_leftover(path) for path in self.path.iterdir()):
            raise EbmError(f"{self.path}: not empty and not a run of ebm; expected another --out")

    def _is_leftover(self, path: Path) -> bool:
        """A file that a kill left behind, or a lock; of a run killed before config.toml, its origin."""
        mine = path.name == "environment.json" and "learning" in (self.began or {})
        mine = mine or path.name in ("run.log", "error.txt")
        return mine or is_leftover(path) or is_lock(path)

    def lock(self) -> None:
        """Keep other processes out of the directory for the life of this one; clear what a kill left.

        Raises
        ------
        InUse
            Another process works here.
        """
        self._lock.take()
        (self.path / "error.txt").unlink(missing_ok=True)
        for folder in (self.path, *(self.path / name for name in _FOLDERS)):
            for path in () if folder.is_symlink() else folder.glob("*"):
                if is_leftover(path):  # of a run that was killed: nobody else writes here now
                    path.unlink()

    def unlock(self) -> None:
        """Let others in."""
        self._lock.release()

    @property
    def began(self) -> dict[str, Any] | None:
        """What the run began with, None where that is not known; see `ebm.experiment.origin`."""
        try:
            found = json.loads((self.path / "environment.json").read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return found if is_origin(found) else None

    def clear(self) -> None:
        """Remove what a run writes; other files stay. From here on the run is not finished, then no run.

        Raises
        ------
        EbmError
            A folder of the run is a link: nothing is removed.
        """
        for folder in _FOLDERS:
            if (self.path / folder).is_symlink():
                raise EbmError(f"{self.path / folder}: a link, which --overwrite does not follow; remove it")
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)
        for folder, written in _FOLDERS.items():
            for path in sorted((self.path / folder).glob("*")):
                if written.fullmatch(path.name):
                    path.unlink()
            with contextlib.suppress(OSError):  # something else is in it, or it is not there
                (self.path / folder).rmdir()

    def is_run(self) -> bool:
        """Whether a run began here: config.toml as ebm writes it."""
        try:
            return (self.path / "config.toml").read_text(errors="replace").startswith(_MARK.split(":")[0])
        except OSError:
            return False

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "summary.json").is_file()

    @property
    def error(self) -> str | None:
        """The line that the run failed with, None where it did not."""
        try:
            return (self.path / "error.txt").read_text().strip()
        except OSError:
            return None

    def fail(self, line: str) -> None:
        """Leave the line that the run failed with, which the next try removes."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_text("error.txt", f"{line}\n")

    @property
    def model(self) -> Path:
        """The trained machine."""
        return self.path / "model.npz"

    def write_text(self, name: str, text: str) -> None:
        """Write a text file atomically."""
        write_atomic(self.path / name, lambda file: file.write(text.encode()))

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file atomically."""
        self.write_text(name, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")

    # Metrics.

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    def append_metrics(self, row: dict[str, float]) -> None:
        """Append a line and flush it to disk."""
        with naming(self.metrics), open(self.metrics, "ab") as file:
            file.write(json.dumps(finite(row), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def cut_metrics(self, step: int) -> None:
        """Drop what came after `step`: lines of a run that went on past its last checkpoint."""
        kept = []
        if self.metrics.exists():
            lines = self.metrics.read_bytes().splitlines()
            for number, line in enumerate(lines, 1):
                row = row_of(line)
                if row is None and number < len(lines):  # the last one: killed while it wrote
                    what = "expected a JSON object with an integer 'step'"
                    raise EbmError(f"{self.metrics}: line {number}: {what}")
                if row is not None and row["step"] <= step:
                    kept.append(line.decode())
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
        self.drop_old()
        return path

    def drop_old(self) -> None:
        """Leave the last two checkpoints: a run that was killed may have more."""
        for old in self.checkpoints()[:-_KEPT]:
            old.unlink(missing_ok=True)

    def load_state(self) -> State | None:
        """The last checkpoint that reads well; None if there is none.

        Raises
        ------
        EbmError
            There are checkpoints and none reads.
        """
        problem = None
        for path in reversed(self.checkpoints()):
            try:
                state = load(path)
                if isinstance(state, State):
                    return state
                raise EbmError(f"{path}: not a checkpoint: it holds a machine without a state of learning")
            except EbmError as error:  # a disk that failed; the one before may be good
                problem = problem or error
        if problem is not None:
            raise problem
        return None


def finite(value: Any) -> Any:
    """Value with null for what JSON cannot say: inf and NaN."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
