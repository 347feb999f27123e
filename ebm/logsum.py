"""Sums of exponentials over blocks of terms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ebm.units.family import Array

__all__ = ["LogSum"]


class LogSum:
    """Σ eˡ and Σ eˡ·f over blocks of terms, kept below overflow by a running maximum."""

    def __init__(self) -> None:
        self.top = -math.inf
        self.total = 0.0
        self.sums: dict[str, Any] = {}

    def weigh(self, log_terms: Array) -> Array:
        """Take a block of log-terms; return exp(log_terms − top) for `add`."""
        top = max(self.top, float(log_terms.max()))
        shrink = math.exp(self.top - top)
        self.total *= shrink
        for key in self.sums:
            self.sums[key] = self.sums[key] * shrink
        self.top = top
        weights = np.exp(log_terms - top)
        self.total += float(weights.sum())
        return weights

    def add(self, key: str, value: Any) -> None:
        """Add to the sum named `key` a value made with the weights of the current block."""
        self.sums[key] = self.sums[key] + value if key in self.sums else value

    @property
    def log(self) -> float:
        """log Σ eˡ."""
        return self.top + math.log(self.total)

    def mean(self, key: str) -> Any:
        """Σ eˡ·f / Σ eˡ."""
        return self.sums[key] / self.total
