"""What a method of `infer` is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.inverse.penalised import NONE, Shrinkage
from ebm.inverse.rows import Rows
from ebm.machine import Array
from ebm.progress import Update, silent

__all__ = ["Found", "Problem"]


@dataclass(frozen=True)
class Problem:
    """Rows without constant units, and what was asked for.

    Attributes
    ----------
    rows : Rows
    shrinkage : Shrinkage
    symmetrise : {"mean", "and", "or", "joint"}
    seed : int
        Of methods that sample.
    settings : object
        The method's own, of its class of them.
    update : callable
        Told of progress.
    """

    rows: Rows
    shrinkage: Shrinkage = NONE
    symmetrise: str = "mean"
    seed: Any = 0
    settings: Any = None
    update: Update = silent


@dataclass(frozen=True)
class Found:
    """Couplings and biases in the units' own coding, with errors where there are some.

    Attributes
    ----------
    J, b : (columns, columns) and (columns,) float64
    stderr_J, stderr_b : arrays of the same shapes, or None
    remarks : tuple of str
        What the user has to know: one line each.
    diagnostics : object, optional
        How it went, of methods that learn by steps.
    """

    J: Array
    b: Array
    stderr_J: Array | None = None
    stderr_b: Array | None = None
    remarks: tuple[str, ...] = ()
    diagnostics: Any = None
