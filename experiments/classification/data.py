"""MNIST with labels, 50 000 / 10 000 / 10 000: ../shared/data, or the folder that EBM_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ.get("EBM_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
Part = tuple[np.ndarray, np.ndarray]


def mnist() -> tuple[Part, Part, Part]:
    """Training, validation (the last 10 000 of the training file) and test rows: pixels in [0, 1], labels."""
    with np.load(FOLDER / "mnist.npz") as file:
        x, y = file["X_train"].astype(np.float32) / 255, file["y_train"].astype(np.int64)
        test = file["X_test"].astype(np.float32) / 255, file["y_test"].astype(np.int64)
    return (x[:50000], y[:50000]), (x[50000:], y[50000:]), test
