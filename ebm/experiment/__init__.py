"""Experiments: a TOML file becomes objects, objects a run directory; interrupted runs resume bit for bit."""

from ebm.experiment.axes import Between
from ebm.experiment.checking import check
from ebm.experiment.comparing import Comparison, compare
from ebm.experiment.config import Config, read_config
from ebm.experiment.directory import RunDirectory
from ebm.experiment.halving import Halving
from ebm.experiment.report import Report
from ebm.experiment.reporting import write_report
from ebm.experiment.runner import resume, run
from ebm.experiment.sweeping import Sweep, sweep
from ebm.experiment.warming import warm_up
from ebm.experiment.workers import Workers

__all__ = [
    "Between",
    "Comparison",
    "Config",
    "Halving",
    "Report",
    "RunDirectory",
    "Sweep",
    "Workers",
    "check",
    "compare",
    "read_config",
    "resume",
    "run",
    "sweep",
    "warm_up",
    "write_report",
]
