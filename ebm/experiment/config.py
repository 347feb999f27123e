"""Configs: a TOML file whose tables are constructor calls.

``[rule]`` with ``type = "PCD"`` and ``n_chains = 64`` builds ``PCD(n_chains=64)``; a nested table with a
``type`` builds an argument. The classes check their own settings, so the TOML user and the Python user get
the same messages. The resolved config, every default written out, is the first file of a run directory.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from ebm import learning, optimisers
from ebm.datasets import DataSet
from ebm.errors import EbmError, nearest
from ebm.experiment.calls import Call, Table, build, tables_of, written
from ebm.experiment.machines import MACHINES
from ebm.experiment.stages import STAGES
from ebm.experiment.work import Config, Plots, Train
from ebm.samplers import Sampler
from ebm.stock import find_config

__all__ = [
    "Config",
    "build_config",
    "build_sampler",
    "parse_overrides",
    "read_config",
    "resolved",
    "samplers",
]

# Per table, the types that it may have; where there is one, `type` is left out.
TABLES: dict[str, Mapping[str, Table]] = {
    "data": tables_of(DataSet),
    "machine": MACHINES,
    "rule": tables_of(learning.Rule),
    "optimiser": tables_of(optimisers.Optimiser),
    "train": tables_of(Train),
    **{name: {name: stage.table} for name, stage in STAGES.items()},
    "plots": tables_of(Plots),
}
NEEDED = {"rule": ("train",), "optimiser": ("train",), "train": ("data",)} | {
    name: stage.needs for name, stage in STAGES.items()
}
# Keys that were called otherwise, and what says the same now.
MOVED = {
    "machine.learn_precision": 'visible = { type = "Gaussian", learn_precision = true }',
    "train.temperatures": "n_temperatures",
    "log_z.temperatures": "n_temperatures",
    "log_z.chains": "n_chains",
    "readout.dropout": "[fine_tune] dropout",
    **{f"readout.fine_tune_{key}": f"[fine_tune] {key}" for key in ("epochs", "optimiser", "penalties")},
    "traces.sweeps": "n_sweeps",
    "traces.chains": "n_chains",
    "annealing.chains": "n_chains",
    **{
        f"annealing.{key}": f"sampler = {{ {key} = ... }}"
        for key in ("start", "stop", "n_steps", "n_sweeps", "spacing")
    },
}


def parse_overrides(overrides: Sequence[str]) -> list[tuple[str, str, Any]]:
    """Read ``table.key=value`` items; a value that is no TOML is taken as text.

    Where the value is a table there may be no key: it takes the place of the whole table.

    Examples
    --------
    >>> parse_overrides(["train.epochs=3", "log_z.method=exact", "rule={type = 'CD'}"])
    [('train', 'epochs', 3), ('log_z', 'method', 'exact'), ('rule', '', {'type': 'CD'})]
    """
    read = []
    for item in overrides:
        place, equals, text = item.partition("=")
        table, dot, key = place.strip().partition(".")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        if not (equals and table and (key if dot else isinstance(value, dict))):
            raise EbmError(f"--set {item}: expected table.key=value, such as train.epochs=20")
        read.append((table, key, value))
    return read


def read_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Read a config, a file or the name of one that ships, apply overrides, and build what its tables name.

    Raises
    ------
    EbmError
        One line with file, table, key, what was expected, and the nearest valid name.
    """
    path = find_config(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Notepad begins files with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise EbmError(f"{path}: cannot be read ({error})") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EbmError(f"{path}: not valid TOML: {error}") from None
    for table, key, value in parse_overrides(overrides):
        if not key:
            raw[table] = value
            continue
        target = raw.setdefault(table, {})
        if not isinstance(target, dict):
            raise EbmError(f"--set {table}.{key}: {table} is no table in {path}")
        for part in key.split(".")[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                raise EbmError(f"--set {table}.{key}: {part} is a value, not a table")
        if key == "method":
            _leave_out_other_methods(table, target, value)
        target[key.split(".")[-1]] = value
    return build_config(raw, path)


def _leave_out_other_methods(name: str, table: dict[str, Any], method: Any) -> None:
    """Another method than the file's comes without the settings that only the file's has."""
    for made in TABLES.get(name, {}).values():
        for key in made.parameters(table).keys() - made.parameters({"method": method}).keys():
            table.pop(key, None)


def build_config(raw: Mapping[str, Any], path: str | os.PathLike[str]) -> Config:
    """Build what tables name; `path` is what complaints begin with.

    Raises
    ------
    EbmError
        As `read_config` does.
    """
    built: dict[str, Any] = {}
    for name, table in raw.items():
        if name not in TABLES:
            raise EbmError(f"{path}: [{name}]: unknown table; {nearest(name, TABLES)}")
        if not isinstance(table, dict):
            raise EbmError(f"{path}: {name}: expected a table [{name}], got {table!r}")
        for key in table:
            if f"{name}.{key}" in MOVED:
                raise EbmError(f"{path}: [{name}] {key}: is now {MOVED[f'{name}.{key}']}")
        try:
            built[name] = build(table, TABLES[name])
        except EbmError as error:
            raise EbmError(f"{path}: [{name}] {error}") from None
    if "machine" not in built:
        raise EbmError(f'{path}: no [machine] table; expected one, such as type = "RBM"')
    kind = built["machine"].name
    if MACHINES[kind].of_data and "data" not in built:
        raise EbmError(f"{path}: [machine] {kind} needs a [data] table")
    for name in built:
        for other in NEEDED.get(name, ()):
            if other not in built:
                raise EbmError(f"{path}: [{name}] needs a [{other}] table")
    stages: dict[str, Call] = {name: built.pop(name) for name in STAGES if name in built}
    defaults: dict[str, Any] = {"rule": learning.PCD(), "optimiser": optimisers.SGD()}
    return Config(source=str(path), stages=stages, **(defaults | built))


def samplers() -> dict[str, Table]:
    """The samplers by the names of their classes, in lower case."""
    return {name.lower(): table for name, table in tables_of(Sampler).items()}


def build_sampler(name: str, overrides: Sequence[str] = ()) -> Sampler:
    """A sampler by the name of its class, with settings such as ``n_sweeps=5``.

    Examples
    --------
    >>> build_sampler("gibbs", ["n_sweeps=5"]).n_sweeps
    5
    """
    if name.lower() not in samplers():
        raise EbmError(f"sampler: unknown {name!r}; {nearest(name.lower(), samplers())}")
    return build({"type": name.lower()} | settings_given(overrides), samplers())


def settings_given(overrides: Sequence[str]) -> dict[str, Any]:
    """Settings written as ``KEY=VALUE``, the values as TOML has them.

    Examples
    --------
    >>> settings_given(["n_sweeps=5"])
    {'n_sweeps': 5}
    """
    for item in overrides:
        if "=" not in item:
            raise EbmError(f"--set {item}: expected KEY=VALUE, such as n_sweeps=5")
    return {key: value for _, key, value in parse_overrides([f"set.{item}" for item in overrides])}


def resolved(config: Config) -> dict[str, dict[str, Any]]:
    """The tables of a config with every default written out, ready for TOML."""
    parts: dict[str, Any] = {"data": config.data, "machine": config.machine}
    if config.train is not None:
        parts |= {"rule": config.rule, "optimiser": config.optimiser, "train": config.train}
    parts |= {**config.stages, "plots": config.plots}
    out = {name: written(part) for name, part in parts.items() if part is not None}
    for name, table in out.items():
        if len(TABLES[name]) == 1:
            del table["type"]
        if "path" in table:  # a run can be resumed from another folder
            table["path"] = os.path.abspath(os.path.expanduser(table["path"]))
    return out
