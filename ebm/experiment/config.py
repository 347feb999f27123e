"""Configs: a TOML file whose tables are constructor calls.

``[rule]`` with ``type = "PCD"`` and ``n_chains = 64`` builds ``PCD(n_chains=64)``; a nested table with a
``type`` builds an argument. The classes check their own settings, so the TOML user and the Python user get
the same messages. The resolved config, every default written out, is the first file of a run directory.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ebm import datasets, learning, optimisers, penalties, samplers, selection, units
from ebm.errors import EbmError, nearest
from ebm.experiment import tables

__all__ = ["Config", "build_sampler", "parse_overrides", "read_config", "resolved"]


def _named(*classes: type) -> dict[str, type]:
    return {c.__name__: c for c in classes}


RULES = (
    learning.PCD, learning.CD, learning.Exact, learning.FastPCD, learning.RandomStart,
    learning.PseudoLikelihood, learning.RatioMatching, learning.MinimumProbabilityFlow,
    learning.MeanField, learning.TAP, learning.NaturalGradient, learning.SparseHidden,
    learning.Discriminative, learning.Hybrid,
)  # fmt: skip
OPTIMISERS = (
    optimisers.SGD, optimisers.Adam, optimisers.AdamW, optimisers.RMSprop,
    optimisers.Averaged, optimisers.Clipped,
)  # fmt: skip
# Per table, the types it may have; where there is one, `type` may be left out.
TABLES: dict[str, dict[str, type]] = {
    "data": _named(
        datasets.Digits,
        datasets.BarsAndStripes,
        datasets.Encoder,
        datasets.Shifter,
        datasets.File,
        datasets.MNIST,
        datasets.Diabetes,
    ),
    "machine": _named(
        tables.RBM,
        tables.LabelledRBM,
        tables.DBN,
        tables.DBM,
        tables.BoltzmannMachine,
        tables.SK,
        tables.Lattice,
        tables.Saved,
    ),
    "rule": _named(*RULES),
    "optimiser": _named(*OPTIMISERS),
    "train": _named(tables.Train),
    "log_z": _named(tables.LogZ),
    "readout": _named(tables.Readout),
    "sample": _named(tables.Sample),
    "completion": _named(tables.Completion),
    "traces": _named(tables.Traces),
    "annealing": _named(tables.Annealing),
    "plots": _named(tables.Plots),
}
# What a nested table may build.
PARTS: dict[str, type] = _named(
    units.Bernoulli, units.Ising, units.Gaussian, units.Potts, units.Mixed,
    *RULES, *OPTIMISERS,
    optimisers.Constant, optimisers.Linear, optimisers.InverseTime, optimisers.PerEpoch,
    penalties.L1, penalties.L2, penalties.GroupLasso, penalties.MaxNorm, penalties.NonNegative,
    selection.EarlyStopping,
    samplers.Gibbs, samplers.Metropolis, samplers.Tempering, samplers.TemperedTransitions,
    samplers.PopulationAnnealing, samplers.SwendsenWang, samplers.Wolff, samplers.Direct,
)  # fmt: skip
_NEEDED = {
    "rule": ("train",),
    "optimiser": ("train",),
    "train": ("data",),
    "completion": ("data",),
    "readout": ("data",),
}


@dataclass(frozen=True)
class Config:
    """A config read, checked and built: an object per table, None where the table is absent."""

    source: str
    machine: Any
    data: Any = None
    rule: Any = None
    optimiser: Any = None
    train: tables.Train | None = None
    log_z: tables.LogZ | None = None
    readout: tables.Readout | None = None
    sample: tables.Sample | None = None
    completion: tables.Completion | None = None
    traces: tables.Traces | None = None
    annealing: tables.Annealing | None = None
    plots: tables.Plots | None = None


def parse_overrides(overrides: Sequence[str]) -> list[tuple[str, str, Any]]:
    """Read ``table.key=value`` items; a value that is no TOML is taken as text.

    Examples
    --------
    >>> parse_overrides(["train.epochs=3", "log_z.method=exact"])
    [('train', 'epochs', 3), ('log_z', 'method', 'exact')]
    """
    found = []
    for item in overrides:
        place, equals, text = item.partition("=")
        table, dot, key = place.strip().partition(".")
        if not (equals and dot and table and key):
            raise EbmError(f"--set {item}: expected table.key=value, such as train.epochs=20")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        found.append((table, key, value))
    return found


def read_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Read a config file, apply overrides, and build what its tables name.

    Raises
    ------
    EbmError
        One line with file, table, key, what was expected, and the nearest valid name.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise EbmError(f"{path}: no such file; expected a config such as configs/tiny.toml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise EbmError(f"{path}: cannot be read ({error})") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EbmError(f"{path}: not valid TOML: {error}") from None
    for table, key, value in parse_overrides(overrides):
        target = raw.setdefault(table, {})
        if not isinstance(target, dict):
            raise EbmError(f"--set {table}.{key}: {table} is no table in {path}")
        for part in key.split(".")[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise EbmError(f"--set {table}.{key}: {part} is a value, not a table")
        target[key.split(".")[-1]] = value
    return _build_config(raw, path)


def _build_config(raw: dict[str, Any], path: Path) -> Config:
    built: dict[str, Any] = {}
    for name, table in raw.items():
        if name not in TABLES:
            raise EbmError(f"{path}: [{name}]: unknown table; {nearest(name, TABLES)}")
        if not isinstance(table, dict):
            raise EbmError(f"{path}: {name}: expected a table [{name}], got {table!r}")
        try:
            built[name] = _build(dict(table), TABLES[name])
        except EbmError as error:
            raise EbmError(f"{path}: [{name}] {error}") from None
    if "machine" not in built:
        raise EbmError(f'{path}: no [machine] table; expected one, such as type = "RBM"')
    if getattr(built["machine"], "needs_data", False) and "data" not in built:
        raise EbmError(f"{path}: [machine] {type(built['machine']).__name__} needs a [data] table")
    for name, needed in _NEEDED.items():
        for other in needed:
            if name in built and other not in built:
                raise EbmError(f"{path}: [{name}] needs a [{other}] table")
    if "train" in built:
        built.setdefault("rule", learning.PCD())
        built.setdefault("optimiser", optimisers.SGD())
    return Config(source=str(path), **built)


def _build(table: dict[str, Any], types: dict[str, type]) -> Any:
    name = table.pop("type", next(iter(types)) if len(types) == 1 else None)
    if name is None:
        raise EbmError(f"type: missing; expected one of: {', '.join(sorted(types))}")
    if not isinstance(name, str) or name not in types:
        raise EbmError(f"type: unknown type {name!r}; {nearest(str(name), types)}")
    made = types[name]
    arguments = {key: _argument(key, value) for key, value in table.items()}
    names = [f.name for f in dataclasses.fields(made)]
    for key in arguments:
        if key not in names:
            raise EbmError(
                f"{key}: unknown key of {name}; {nearest(key, names) if names else 'it takes none'}"
            )
    return made(**arguments)


def build_sampler(name: str, overrides: Sequence[str] = ()) -> Any:
    """A sampler by the name of its class, with settings such as ``n_sweeps=5``.

    Examples
    --------
    >>> build_sampler("gibbs", ["n_sweeps=5"]).n_sweeps
    5
    """
    samplers_by_name = {c.__name__: c for c in get_args(tables.AnySampler)} | _named(samplers.Annealing)
    by_lower = {key.lower(): key for key in samplers_by_name}
    if name.lower() not in by_lower:
        raise EbmError(f"sampler: unknown {name!r}; {nearest(name.lower(), by_lower)}")
    own = {"type": by_lower[name.lower()]}
    for item in overrides:
        if "=" not in item:
            raise EbmError(f"--set {item}: expected KEY=VALUE, such as n_sweeps=5")
    values = {key: value for _, key, value in parse_overrides([f"sampler.{item}" for item in overrides])}
    return _build(own | values, samplers_by_name)


def _argument(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_argument(key, item) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        if "type" not in value:
            raise EbmError(f"a table without a type; expected one of: {', '.join(sorted(PARTS))}")
        return _build(dict(value), PARTS)
    except EbmError as error:
        raise EbmError(f"{key}: {error}") from None


def resolved(config: Config) -> dict[str, dict[str, Any]]:
    """The tables of a config with every default written out, ready for TOML."""
    out = {}
    for name in TABLES:
        value = getattr(config, name)
        if value is not None:
            out[name] = _table(value)
            if len(TABLES[name]) == 1:
                del out[name]["type"]
            if "path" in out[name]:  # a run can be resumed from another folder
                out[name]["path"] = os.path.abspath(os.path.expanduser(out[name]["path"]))
    return out


def _table(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _table(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__} | {k: v for k, v in fields.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_table(item) for item in value]
    return value
