"""The axes of a sweep: settings and the values they take, and the tasks that their combinations are.

A task is named by its settings, which is the name of its run directory: the same settings are the same task
in every sweep of a directory.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.errors import EbmError, described

__all__ = ["Between", "Settings", "combinations", "is_repetition", "name_of", "overrides_of", "read_axes"]

Settings = tuple[tuple[str, Any], ...]  # key and value of each axis

_LONGEST = 120  # characters of a name; file systems take 255 bytes
_MOST = 100_000  # tasks of a sweep
_KEY = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_RANGE = re.compile(r"\s*(-?\d+)\s*:\s*(-?\d+)\s*(?::\s*(-?\d+)\s*)?")
_BETWEEN = re.compile(r"\s*(log\s+)?([-+.\deE]+?)\s*\.\.\s*([-+.\deE]+)\s*")


@dataclass(frozen=True)
class Between:
    """An interval that a random search draws from.

    Parameters
    ----------
    low, high : float
    log : bool
        Draw uniformly in the logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> Between(1e-4, 1e-1, log=True).draw(np.random.default_rng(0))
    0.008145
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        good = all(isinstance(end, (int, float)) and math.isfinite(end) for end in (self.low, self.high))
        if not good or not self.low < self.high or (self.log and self.low <= 0):
            least = "0 < low < high" if self.log else "low < high"
            raise EbmError(f"Between: expected {least}, got {self.low!r} and {self.high!r}")

    def draw(self, rng: np.random.Generator) -> float:
        """A number of four digits."""
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            drawn = rng.uniform(self.low, self.high)
        return float(f"{drawn:.4g}")


def is_repetition(key: str) -> bool:
    """Whether runs that differ in a setting repeat each other: a seed, or a fold of the data.

    Examples
    --------
    >>> is_repetition("train.seed"), is_repetition("data.fold"), is_repetition("machine.n_hidden")
    (True, True, False)
    """
    return key.rpartition(".")[2] == "seed" or key == "data.fold"


def read_axes(grid: Mapping[str, Any] | Sequence[str]) -> dict[str, list[Any] | Between]:
    """The values of each axis.

    Parameters
    ----------
    grid : mapping or sequence of str
        Values by setting, or items such as ``machine.n_hidden=16,64``. The text of values is ``0:5``, the
        integers from 0 below 5; ``1e-4..1e-1`` or ``log 1e-4..1e-1``, an interval to draw from; or values of
        TOML with commas between, tables such as ``{type = "CD", k = 5}`` among them. Of ``data.fold``,
        ``0:5`` is the five folds of five.

    Raises
    ------
    EbmError
        One line that names the axis.

    Examples
    --------
    >>> read_axes(["machine.n_hidden=16,64", "train.seed=0:3", "rule.type=CD,PCD"])
    {'machine.n_hidden': [16, 64], 'train.seed': [0, 1, 2], 'rule.type': ['CD', 'PCD']}
    """
    axes: dict[str, list[Any] | Between] = {}
    for key, values in grid.items() if isinstance(grid, Mapping) else map(_parted, grid):
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise EbmError(f"grid: {described(key)}: expected a setting such as machine.n_hidden")
        if key in axes:
            raise EbmError(f"grid: {key}: given twice; put its values behind one another, {key}=1,2")
        found = _values(key, values) if isinstance(values, str) else values
        if not isinstance(found, Between):
            if isinstance(found, Mapping) or not isinstance(found, Iterable):
                raise EbmError(f"grid: {key}: expected values, such as [16, 64], got {described(found)}")
            found = [v.item() if isinstance(v, np.generic) else v for v in found]
            if not found:
                raise EbmError(f"grid: {key}: no values; expected some, such as {key}=1,2")
            if len({toml(v, key) for v in found}) < len(found):
                raise EbmError(f"grid: {key}: a value is given twice")
        axes[key] = found
    return axes


def _parted(item: Any) -> tuple[str, str]:
    if not isinstance(item, str) or "=" not in item:
        raise EbmError(f"--grid {item}: expected SETTING=VALUES, such as machine.n_hidden=16,64")
    key, _, text = item.partition("=")
    return key.strip(), text


def _values(key: str, text: str) -> list[Any] | Between:
    """What the text of an axis says."""
    if (found := _RANGE.fullmatch(text)) is not None:
        start, stop, step = int(found[1]), int(found[2]), int(found[3] or 1)
        if key == "data.fold":
            return [f"{fold}:{stop}" for fold in range(start, min(stop, _MOST))]
        if step == 0 or abs(stop - start) > _MOST * abs(step):
            raise EbmError(f"grid: {key}: {text}: expected a range of at most {_MOST} values, such as 0:5")
        return list(range(start, stop, step))
    if (found := _BETWEEN.fullmatch(text)) is not None:
        try:
            return Between(float(found[2]), float(found[3]), found[1] is not None)
        except ValueError as error:
            raise EbmError(f"grid: {key}: {text}: {error}") from None
    try:
        return list(tomllib.loads(f"values = [{text}]")["values"])
    except tomllib.TOMLDecodeError:
        return [_value(part) for part in text.split(",") if part.strip()]


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def toml(value: Any, where: str) -> str:
    """A value as TOML has it, on one line.

    Examples
    --------
    >>> toml({"type": "CD", "k": 5}, "rule")
    '{type = "CD", k = 5}'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml(item, where)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item, where) for item in value) + "]"
    raise EbmError(f"grid: {where}: expected numbers, texts, lists or tables, got {described(value)}")


def combinations(
    axes: Mapping[str, list[Any] | Between], random: int | None = None, seed: int = 0
) -> list[Settings]:
    """Every combination of the values, the last axis fastest; or some of them at random.

    Parameters
    ----------
    axes : mapping
    random : int, optional
        So many combinations drawn at random, each with all values of the axes that repeat it: seeds, folds.
    seed : int
        Of the draws.

    Raises
    ------
    EbmError
        An interval without `random`; too many combinations.
    """
    repeats = {key: values for key, values in axes.items() if random is None or is_repetition(key)}
    drawn = {key: values for key, values in axes.items() if key not in repeats}
    lists: dict[str, list[Any]] = {}
    for key, values in repeats.items():
        if isinstance(values, Between):
            raise EbmError(f"grid: {key}: an interval; expected values, or a random search, --random 20")
        lists[key] = values
    many = math.prod(map(len, lists.values())) * (random or 1)
    if many > _MOST:
        raise EbmError(f"grid: {many} combinations; expected at most {_MOST}; --random 100 draws some")
    chosen: list[Settings] = [()] if random is None else _drawn(drawn, random, seed)
    repeated = [tuple(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    place = {key: number for number, key in enumerate(axes)}
    return [tuple(sorted((*some, *more), key=lambda s: place[s[0]])) for some in chosen for more in repeated]


def _drawn(axes: Mapping[str, list[Any] | Between], n: int, seed: int) -> list[Settings]:
    """n different combinations, or all that there are."""
    rng, found = np.random.default_rng(seed), dict[str, Settings]()
    most = math.prod(math.inf if isinstance(v, Between) else len(v) for v in axes.values())
    while len(found) < min(n, most):
        settings = tuple(
            (key, v.draw(rng) if isinstance(v, Between) else v[int(rng.integers(len(v)))])
            for key, v in axes.items()
        )
        found.setdefault(repr(settings), settings)
    return list(found.values())


def overrides_of(settings: Settings) -> list[str]:
    """Settings as the command line has them.

    Examples
    --------
    >>> overrides_of((("rule.type", "CD"), ("rule.k", 5)))
    ['rule.type="CD"', 'rule.k=5']
    """
    return [f"{key}={toml(value, key)}" for key, value in settings]


def name_of(settings: Settings) -> str:
    """The name of a task, which any file system takes.

    Examples
    --------
    >>> name_of((("machine.n_hidden", 16), ("rule", {"type": "CD", "k": 5})))
    'machine.n_hidden=16,rule=type=CD,k=5'
    """
    exact = ",".join(overrides_of(settings))
    plain = re.sub(r"[{}\[\]\"\s]", "", exact)
    name = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", plain)
    if name != plain or len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"
    return name or "only"
