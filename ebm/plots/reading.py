"""What a run directory holds, as arrays: ``metrics.jsonl``, ``samples.npz``, ``summary.json``.

A run may be killed while it writes, and plotted while it runs: the last line of ``metrics.jsonl`` may be
half a line. A resumed run may write a step again: the last line of a step counts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ebm.errors import EbmError, expect, short
from ebm.files import UNREADABLE, check_arrays

__all__ = ["Run", "read_arrays", "read_baselines", "read_metrics", "to_metrics"]


@runtime_checkable
class Columns(Protocol):
    """A table with named columns, such as a `History`."""

    @property
    def columns(self) -> Any:
        """Their names."""

    def __getitem__(self, key: str) -> Any:
        """A column, (n_rows,)."""


Run = str | os.PathLike[str] | Mapping[str, ArrayLike] | Columns


def read_metrics(run: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read a run's ``metrics.jsonl``.

    Parameters
    ----------
    run : path
        The run directory.

    Returns
    -------
    dict of str to ndarray, each (n_steps,)
        Ordered by step, one entry per step (the last line of a step counts). ``step`` is int64, all others
        are float64, NaN where a line lacks the key. Values that are no numbers are left out.

    Raises
    ------
    EbmError
        If there is no ``metrics.jsonl``, or a line other than the last is no JSON object with a ``step``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run:
    ...     lines = '{"step": 0, "epoch": 0}\\n{"step": 5, "epoch": 1, "kl": 0.5}\\n{"step": 10, "ep'
    ...     _ = Path(run, "metrics.jsonl").write_text(lines)
    ...     read_metrics(run)["kl"]
    array([nan, 0.5])
    """
    path = Path(run, "metrics.jsonl")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise EbmError(f"{path}: cannot be read ({error.strerror}); expected a run's metrics") from None
    rows: dict[int, dict[str, float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = row_of(line)
        if row is not None:
            rows[int(row["step"])] = row
        elif number < len(lines):
            raise EbmError(f"{path}: line {number}: expected a JSON object with an integer 'step'")
    ordered = [rows[step] for step in sorted(rows)]
    keys = dict.fromkeys(["step", "epoch", *(key for row in ordered for key in row)])
    table: dict[str, NDArray[Any]] = {
        key: np.array([row.get(key, np.nan) for row in ordered], np.float64) for key in keys
    }
    table["step"] = np.array(sorted(rows), np.int64)
    return table


def row_of(line: bytes) -> dict[str, float] | None:
    """Return the numbers of one line, or None if it is no object with an integer step."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # also UnicodeDecodeError: killed inside a character
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or abs(row["step"]) >= 2**63:
        return None
    return {
        key: value
        for key, value in row.items()
        if type(value) is float or (type(value) is int and abs(value) <= sys.float_info.max)
    }


def to_metrics(run_or_metrics: Run, caller: str) -> tuple[dict[str, NDArray[Any]], str]:
    """Return metrics as equally long 1-D arrays with a ``step``, and a name for them in complaints."""
    if isinstance(run_or_metrics, Columns):
        run_or_metrics = {key: run_or_metrics[key] for key in run_or_metrics.columns}
    if not isinstance(run_or_metrics, Mapping):
        expect(run_or_metrics, (str, os.PathLike), caller, "a run directory, or metrics by their names")
        return read_metrics(run_or_metrics), str(Path(run_or_metrics, "metrics.jsonl"))
    if "step" not in run_or_metrics:
        raise EbmError(f"{caller}: the metrics lack 'step'")
    table = {}
    for key, value in run_or_metrics.items():
        try:
            table[key] = np.asarray(value, np.float64)  # None becomes NaN
        except (TypeError, ValueError):  # a name, a note: nothing to plot
            continue
    for key, value in table.items():
        if value.ndim != 1 or value.shape != table["step"].shape:
            raise EbmError(f"{caller}: {key} has shape {value.shape}, step has {table['step'].shape}")
    return table, "the metrics"


def read_arrays(run: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a run's ``samples.npz``; none if there is no such file."""
    path = Path(run, "samples.npz")
    if not path.exists():
        return {}
    try:
        check_arrays(path)
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except EbmError:
        raise
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EbmError(f"{path}: not a readable .npz file ({reason})") from None


def read_baselines(run: str | os.PathLike[str]) -> dict[str, float]:
    """Return ``baselines`` of a run's ``summary.json`` (nats per sample); none if it has none."""
    path = Path(run, "summary.json")
    if not path.exists():
        return {}
    try:
        summary = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise EbmError(f"{path}: not a readable JSON file") from None
    baselines = summary.get("baselines") if isinstance(summary, dict) else None
    if baselines is None:
        return {}
    if not isinstance(baselines, dict):
        raise EbmError(f"{path}: baselines: expected names with nats per sample, got {short(baselines)}")
    return {name: value for name, value in baselines.items() if type(value) in (int, float)}
