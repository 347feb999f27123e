"""What runs have come to: the settings, scores and state of run directories, read back for comparison.

A sweep is a directory with ``sweep.json``, which names its tasks, and a run directory for each. Whatever of a
run cannot be read is said in a line of it and stops nothing: the others are to be seen.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ebm.errors import EbmError, described, expect, one_line
from ebm.machine import Array
from ebm.plots.reading import read_metrics

__all__ = [
    "Quantity",
    "Result",
    "Score",
    "State",
    "is_sweep",
    "plain_number",
    "read_results",
    "read_sweep",
    "runs_in",
]

State: TypeAlias = Literal["finished", "unfinished", "failed", "not begun", "damaged"]
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|inf)"
_VALUE = re.compile(rf"({_NUMBER})(?:\s*±\s*({_NUMBER}|nan))?")
_SWEEP, _ERROR = "sweep.json", "error.txt"
# Of the last evaluation; a log-likelihood of a [log_z] stage comes with its error and goes before.
_LAST = {
    "error_heldout": ("held-out error", "share of rows", -1),
    "log_likelihood_heldout": ("log-likelihood, held-out", "nats per row", 1),
    "log_likelihood_train": ("log-likelihood, train", "nats per row", 1),
    "pseudo_likelihood_heldout": ("pseudo-likelihood, held-out", "nats per row", 1),
    "pseudo_likelihood_train": ("pseudo-likelihood, train", "nats per row", 1),
    "kl": ("KL divergence", "nats", -1),
}


@dataclass(frozen=True)
class Quantity:
    """What is scored: key, name, unit; `sign` is 1 where more is better, −1 where less is, else 0."""

    key: str
    label: str
    unit: str
    sign: int = 0


@dataclass(frozen=True)
class Score:
    """A number that a run has come to.

    Attributes
    ----------
    value : float
    stderr : float or None
        Its standard error, None where the run says none.
    text : str
        As the run has written it.
    doubt : bool
        Whether it stands on a log Z that is not to be trusted.
    """

    value: float
    stderr: float | None = None
    text: str = ""
    doubt: bool = False


@dataclass
class Result:
    """A run, as its directory tells it.

    Attributes
    ----------
    name : str
        Of its directory; the path where two runs have the same.
    path : Path
    state : str
    line : str
        What there is to say of the state: the error, how far it has come.
    tables : dict
        The resolved config; empty where there is none.
    summary, environment : dict
    metrics : dict of str to (n_steps,) array
    quantities : dict of str to Quantity
    scores : dict of str to Score
    notes : list of str
        Files that could not be read.
    warnings : list of str
        Of ``run.log``.
    """

    name: str
    path: Path
    state: State = "unfinished"
    line: str = ""
    tables: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Array] = field(default_factory=dict)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def log_z(self) -> Mapping[str, Any]:
        """What the summary says of log Z; empty where it has none."""
        found = self.summary.get("log_z")
        return found if isinstance(found, dict) else {}

    @property
    def data(self) -> Any:
        """The fingerprint of the data."""
        return self.environment.get("data")


def read_results(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[Result]:
    """The runs of run directories and of sweeps, or of one; one that is named twice is read once.

    Raises
    ------
    EbmError
        A path that is neither, a sweep without tasks.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not isinstance(paths, Iterable):
        raise EbmError(f"runs: got {described(paths)}; expected a list of run and sweep directories")
    found: dict[Path, Result] = {}
    for given in paths:
        expect(given, (str, os.PathLike), "runs", "the paths of run and sweep directories")
        path = Path(given)
        if is_sweep(path):
            for name in read_sweep(path)["tasks"]:
                found.setdefault((path / name).absolute(), _read(path / name))
        else:
            _refuse_if_no_run(path)
            found.setdefault(path.absolute(), _read(path))
    if not found:
        raise EbmError("no runs: expected run directories or sweeps, such as runs/digits")
    return _named(list(found.values()))


def is_sweep(path: str | os.PathLike[str]) -> bool:
    """Whether a directory is that of a sweep."""
    return Path(path, _SWEEP).is_file()


def _named(results: list[Result]) -> list[Result]:
    """Runs by the names of their directories; where two are the same, by their paths."""
    names = [result.path.absolute().name for result in results]
    if len(set(names)) < len(names):
        names = [str(result.path) for result in results]
    for result, name in zip(results, names, strict=True):
        result.name = name
    return results


def _refuse_if_no_run(path: Path) -> None:
    if not path.exists():
        raise EbmError(f"{path}: no such directory; expected a run or a sweep, such as runs/digits")
    if not path.is_dir():
        raise EbmError(f"{path}: a file; expected the directory of a run or a sweep")
    if not any((path / name).is_file() for name in ("config.toml", "summary.json", _ERROR)):
        inside = runs_in(path)
        hint = f"; it holds {len(inside)} runs, such as {inside[0]}: give these" if inside else ""
        raise EbmError(f"{path}: neither a run (no config.toml) nor a sweep (no {_SWEEP}){hint}")


def runs_in(path: Path) -> list[Path]:
    """The run directories and sweeps that lie in a directory."""
    return sorted({file.parent for name in ("config.toml", _SWEEP) for file in path.glob(f"*/{name}")})


def read_sweep(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What ``sweep.json`` says.

    Raises
    ------
    EbmError
        It is not what `ebm sweep` writes, or has no tasks.
    """
    file = Path(path, _SWEEP)
    try:
        sweep = _object(file)
    except ValueError as error:
        raise EbmError(f"{file}: {error}; expected what ebm sweep writes") from None
    tasks = sweep.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(name, str) and _plain(name) for name in tasks):
        raise EbmError(f"{file}: tasks: got {described(tasks)}; expected a list of names")
    if not tasks:
        raise EbmError(f"{file}: a sweep without tasks; expected at least one")
    axes = sweep.get("axes")
    return {**sweep, "axes": axes if isinstance(axes, dict) else {}}


def _plain(name: str) -> bool:
    """Whether a task's name is that of a directory within the sweep's."""
    return name not in ("", ".", "..") and not re.search(r"[/\\\0]", name)


def _object(path: Path) -> dict[str, Any]:
    """A file of one JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ValueError("not a whole JSON file") from None
    if not isinstance(found, dict):
        raise ValueError(f"got {described(found)}, expected a JSON object")
    return found


def _read(path: Path) -> Result:
    run = Result(path.name, path)
    _read_config(run)
    for file, into in (("summary.json", run.summary), ("environment.json", run.environment)):
        if (path / file).is_file():
            try:
                into.update(_object(path / file))
            except ValueError as error:
                run.notes.append(f"{file}: {error}")
    if (path / "metrics.jsonl").is_file():
        try:
            run.metrics.update(read_metrics(path))
        except EbmError as error:
            run.notes.append(str(error).removeprefix(f"{path}{os.sep}"))
    _read_log(run)
    run.state, run.line = _state(run)
    _score(run)
    return run


def _read_config(run: Result) -> None:
    file = run.path / "config.toml"
    if not file.is_file():
        return
    try:
        run.tables.update(tomllib.loads(file.read_bytes().decode("utf-8-sig")))
    except (OSError, ValueError, RecursionError):  # also TOMLDecodeError and UnicodeDecodeError
        run.notes.append("config.toml: not a whole TOML file")


def _read_log(run: Result) -> None:
    """The warnings of run.log, each once."""
    try:
        lines = (run.path / "run.log").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    said = (line.partition(" WARNING ")[2].strip() for line in lines)
    run.warnings.extend(dict.fromkeys(one_line(text) for text in said if text))


def _state(run: Result) -> tuple[State, str]:
    """What has become of a run. A run at work and one that was killed look alike from outside."""
    if (run.path / "summary.json").is_file():
        return ("finished", "") if run.summary else ("damaged", run.notes[0] if run.notes else "no summary")
    if (run.path / _ERROR).is_file():
        text = (run.path / _ERROR).read_text("utf-8", "replace")
        return "failed", one_line(" ".join(text.split())) or "no line says why"
    if not (run.path / "config.toml").is_file():
        return "not begun", ""
    if not run.tables:
        return "damaged", run.notes[0] if run.notes else "config.toml: empty"
    train = run.tables.get("train", {})
    epochs, done = train.get("epochs") if isinstance(train, dict) else None, run.metrics.get("epoch")
    at = "" if done is None or not len(done) or not np.isfinite(done[-1]) else f"at epoch {done[-1]:g}"
    return "unfinished", f"{at} of {epochs}" if at and isinstance(epochs, int) else at


def _score(run: Result) -> None:
    """The scores: of the table, of the last evaluation, and the seconds."""
    doubt = run.log_z.get("verdict") == "do not trust"
    table = run.summary.get("table")
    for row in table if isinstance(table, list) else ():
        if not isinstance(row, dict):
            continue
        label, text, unit = (str(row.get(name, "")) for name in ("quantity", "value", "unit"))
        number, stderr = _numbers(row, text.strip())
        if number is None:
            continue
        plain = re.sub(r"\s*\([^()]*\)", "", label).strip()
        quantity = Quantity(_key(plain), plain, unit, _sign(plain))
        on_log_z = "log Z" in plain or ("log-likelihood" in plain and ":" not in plain)
        run.quantities[quantity.key] = quantity
        run.scores[quantity.key] = Score(number, stderr, text.strip(), doubt and on_log_z)
    for name, (label, unit, sign) in _LAST.items():
        values = run.metrics.get(name)
        if values is not None and len(values) and math.isfinite(values[-1]):
            key = f"last_{name}"
            run.quantities[key] = Quantity(key, f"{label}, last evaluation", unit, sign)
            run.scores[key] = Score(float(values[-1]), None, f"{values[-1]:.5g}")
    seconds = plain_number(run.summary.get("seconds"))
    if seconds is not None:
        run.quantities["seconds"] = Quantity("seconds", "time", "s", -1)
        run.scores["seconds"] = Score(seconds, None, f"{seconds:.1f}")


def _numbers(row: dict[str, Any], text: str) -> tuple[float | None, float | None]:
    """The number of a row and its error; of what is printed where the row has none, as of infinities."""
    number = plain_number(row.get("number"))
    if number is not None:
        return number, plain_number(row.get("stderr"))
    found = _VALUE.fullmatch(text.replace("−", "-"))
    if found is None:
        return None, None
    return float(found[1]), None if found[2] is None else float(found[2])


def plain_number(value: Any) -> float | None:
    """A number of a file as a float; None for what is none, and for what no float holds.

    Examples
    --------
    >>> plain_number(3), plain_number(True), plain_number("3"), plain_number(10**400)
    (3.0, None, None, None)
    """
    if isinstance(value, float):
        return value
    plain = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return float(value) if plain else None


def _key(label: str) -> str:
    """The key of a row of the table.

    Examples
    --------
    >>> _key("log-likelihood, test rows: Chow–Liu tree")
    'log_likelihood_test_chow_liu_tree'
    """
    words = re.findall(r"[^\W_]+(?:\.\d+)?", label.lower())
    return "_".join(word for word in words if word != "rows") or "value"


def _sign(label: str) -> int:
    """Whether more of it is better, or less; 0 where that is no matter of better and worse."""
    if ":" in label and "log-likelihood" in label:  # of another model, to compare with
        return 0
    if re.search(r"likelihood|right completion", label):
        return 1
    return -1 if re.search(r"\berror\b|\brms\b|autocorrelation", label) else 0
