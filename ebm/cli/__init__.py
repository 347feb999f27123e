"""The command line: `ebm --help` lists the commands.

Exit codes: 0 when what was asked was done; 1 with one line on standard error when it could not be; 2 for a
wrong command line; 130 after Ctrl-C.
"""

from ebm.cli import (
    checking_up,
    comparing,
    configs,
    converting,
    imputing,
    inferring,
    models,
    predicting,
    runs,
    sweeps,
    teaching,
)
from ebm.cli.shell import main

__all__ = [
    "checking_up",
    "comparing",
    "configs",
    "converting",
    "imputing",
    "inferring",
    "main",
    "models",
    "predicting",
    "runs",
    "sweeps",
    "teaching",
]
