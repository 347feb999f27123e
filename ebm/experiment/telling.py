"""What was run, in a sentence; and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ebm.errors import EbmError
from ebm.experiment.axes import toml
from ebm.experiment.differing import setting_text
from ebm.experiment.results import Result

__all__ = ["duration", "run_again", "sentence", "sweep_again"]


def duration(seconds: float) -> str:
    """Seconds for a person.

    Examples
    --------
    >>> duration(9.44), duration(112), duration(7384)
    ('9.4 s', '1 min 52 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def sentence(tables: Mapping[str, Any]) -> str:
    """What a config says, in a sentence.

    Examples
    --------
    >>> sentence({"machine": {"type": "RBM", "n_hidden": 8}, "data": {"type": "Digits"}})
    'RBM with 8 hidden units, on Digits.'
    """
    machine, data, train = (_table(tables, name) for name in ("machine", "data", "train"))
    said = str(machine.get("type", "A machine"))
    if "n_hidden" in machine:
        said += f" with {setting_text(machine['n_hidden'])} hidden units"
    elif "sizes" in machine:
        said += f" with layers of {setting_text(machine['sizes']).strip('[]')} hidden units"
    source = str(data.get("type", ""))
    if "path" in data:
        source = Path(str(data["path"])).name
    if not train:
        return f"{said}, on {source}." if source else f"{said}."
    rule, optimiser = (_table(tables, name) for name in ("rule", "optimiser"))
    how = str(rule.get("type", ""))
    details = [f"{name} = {setting_text(rule[key])}" for key, name in _TOLD.items() if key in rule]
    details += [name for name in ("centred", "standardised") if rule.get(name) is True]
    how += f" ({', '.join(details)})" if details else ""
    said += f", learnt from {source}" if source else ""
    said += f" by {how} with {optimiser.get('type', 'an optimiser')}" if how else ""
    epochs, batch = (setting_text(train.get(key)) for key in ("epochs", "batch_size"))
    return f"{said}: {epochs} epochs in minibatches of {batch} rows."


_TOLD = {"k": "k", "n_chains": "chains"}


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, Mapping) else {}


def run_again(run: Result) -> str:
    """The command that makes a run again, from its resolved config."""
    return shlex.join(["ebm", "run", str(run.path / "config.toml"), "--out", f"{run.path}-again"])


def sweep_again(path: Path, sweep: Mapping[str, Any]) -> str:
    """The command that makes a sweep again, from what its file says."""
    words = ["ebm", "sweep", str(sweep.get("config", "CONFIG"))]
    drawn = False
    for key, values in sweep["axes"].items():
        if isinstance(values, dict):
            drawn = True
            ends = f"{values.get('low')}..{values.get('high')}"
            words += ["--grid", f"{key}={'log ' if values.get('log') else ''}{ends}"]
        else:
            words += ["--grid", f"{key}={_values(key, values)}"]
    overrides = sweep.get("overrides")
    for item in overrides if isinstance(overrides, list) else ():
        words += ["--set", str(item)]
    if drawn or "random" in sweep:
        words += ["--random", str(sweep.get("random", "N")), "--seed", str(sweep.get("seed", 0))]
    return shlex.join([*words, "--out", f"{path}-again"])


def _values(key: str, values: Any) -> str:
    """The values of an axis as the command takes them."""
    try:
        return ",".join(toml(value, key) for value in values)
    except (EbmError, TypeError):
        return setting_text(values)
