"""Compiling what a config needs, before anybody waits for it."""

from __future__ import annotations

import io
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ebm.experiment.config import read_config
from ebm.experiment.report import Report
from ebm.experiment.runner import run

__all__ = ["warm_up"]


def warm_up(config: str | os.PathLike[str] = "tiny", overrides: Sequence[str] = ()) -> float:
    """Compile the kernels that a run of a config calls, by a run of one epoch that nothing is kept of.

    Parameters
    ----------
    config : path-like
        A TOML file, or the name of a config that ships with the package.
    overrides : sequence of str
        ``table.key=value`` items.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    EbmError
        Whatever is wrong with the config or the data.
    """
    begun = time.monotonic()
    read = read_config(config, overrides)
    if read.train is not None:
        read = replace(read, train=replace(read.train, epochs=1))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine that has hardly learnt
        run(read, out=Path(folder) / "run", report=Report(Console(file=io.StringIO())))
    return time.monotonic() - begun
