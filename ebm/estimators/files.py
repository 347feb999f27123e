"""Estimators as what a file holds: settings as tables, arrays, and the machines inside; never a pickle."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from typing import Any

import numpy as np
from sklearn.base import DensityMixin, TransformerMixin

from ebm import estimators, learning, network, optimisers, penalties, samplers, selection
from ebm.errors import EbmError, nearest
from ebm.machine import Array, Parametrised
from ebm.stream import Stream
from ebm.training import State
from ebm.units import Units
from ebm.units.tables import units_from_dict, units_to_dict

__all__ = ["described", "restored"]

_PLAIN = (type(None), bool, int, float, str)
_SINCE_SCALES = ("visible_", "shift_", "scale_", "_steady")  # of RBMTransformer, whose Gaussian units have
_SETTINGS = {
    name: vars(module)[name]
    for module in (learning, optimisers, penalties, samplers, selection)
    for name in module.__all__
    if dataclasses.is_dataclass(vars(module)[name])
} | {"LBFGS": network.LBFGS}


def described(estimator: Any) -> tuple[dict[str, Any], dict[str, Array], dict[str, Any]]:
    """What makes an estimator: a header for JSON, named arrays, and its machines, networks and states.

    Raises
    ------
    EbmError
        An estimator of another package; a parameter or an attribute that is none of settings, numbers, text
        and arrays.
    """
    name = type(estimator).__name__
    if vars(estimators).get(name) is not type(estimator):
        raise EbmError(f"save: expected an estimator of ebm.estimators, got {name}")
    own = estimator.get_params(deep=False)
    header: dict[str, Any] = {"type": name, "params": {k: _table(k, v) for k, v in own.items()}, "fitted": {}}
    arrays: dict[str, Array] = {}
    parts: dict[str, Any] = {}
    for key, value in vars(estimator).items():
        if key in own:
            continue
        if isinstance(value, np.ndarray) and value.dtype != object:
            arrays[key] = value
        elif isinstance(value, (Parametrised, State)):
            parts[key] = value
        else:
            header["fitted"][key] = _table(key, value)
    return header, arrays, parts


def restored(header: dict[str, Any], arrays: dict[str, Array], parts: dict[str, Any]) -> Any:
    """The estimator that was `described`.

    Raises
    ------
    EbmError
        An unknown estimator, parameter or setting.
    KeyError
        What was learnt lacks an attribute.
    """
    name = header["type"]
    if name not in estimators.__all__:
        raise EbmError(f"unknown estimator {name!r}; {nearest(str(name), estimators.__all__)}")
    made = vars(estimators)[name]
    given = {key: _built(value) for key, value in header["params"].items()}
    unknown = set(given) - set(made._get_param_names())
    if unknown:
        raise EbmError(f"{name}: unknown parameter {min(unknown)!r}")
    estimator = made(**given)
    fitted = {key: _built(value) for key, value in header["fitted"].items()}
    learnt = fitted | arrays | parts
    if not learnt:
        return estimator
    if name == "RBMTransformer" and learnt.keys().isdisjoint(_SINCE_SCALES):  # a file of before
        learnt |= dict.fromkeys(_SINCE_SCALES) | {"visible_": parts["machine_"].visible}
    if missing := sorted(set(made._learnt) - learnt.keys()):
        raise KeyError(missing[0])
    vars(estimator).update(learnt)
    _asked(estimator)
    return estimator


def _asked(estimator: Any) -> None:
    """Ask of one row what the estimator is for, so that a file whose parts do not fit is refused when read.

    Raises
    ------
    Exception
        Whatever that brings about; but rows of zeros may be none that its units take.
    """
    rows = np.zeros((1, estimator.n_features_in_))
    with contextlib.suppress(EbmError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(estimator, TransformerMixin):
            estimator.transform(rows)
        elif isinstance(estimator, DensityMixin):  # whose scores may take long
            estimator._inputs(rows)
        else:
            estimator.predict(rows)


def _table(key: str, value: Any) -> Any:
    """A value as JSON has it; what has a type is a table with that type, as in a config."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Units):
        return units_to_dict(value)
    if isinstance(value, Stream):
        return {"type": "Stream", "key": value.key, "counter": value.counter}
    if isinstance(value, (list, tuple, np.ndarray)):
        items = [_table(key, item) for item in value]
        if isinstance(value, list):
            return items
        return {"type": "tuple" if isinstance(value, tuple) else "objects", "items": items}
    if type(value).__name__ in _SETTINGS and dataclasses.is_dataclass(value):
        fields = {f.name: _table(key, getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__} | fields
    raise EbmError(f"save: {key}: {value!r} has no place in a file; expected settings, numbers or text")


def _built(value: Any) -> Any:
    """What `_table` wrote."""
    if isinstance(value, list):
        return [_built(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {key: _built(item) for key, item in value.items() if key not in ("type", "blocks")}
    kind = value["type"]
    if kind == "tuple":
        return tuple(fields["items"])
    if kind == "objects":
        return np.array(fields["items"], dtype=object)
    if kind == "Stream":
        return Stream.restore(fields["key"], fields["counter"])
    return _SETTINGS[kind](**fields) if kind in _SETTINGS else units_from_dict(value)
