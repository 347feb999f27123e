"""Experiments: a TOML file becomes objects, objects a run directory; interrupted runs resume bit for bit."""

from ebm.experiment.config import Config, read_config
from ebm.experiment.directory import RunDirectory
from ebm.experiment.report import Report
from ebm.experiment.runner import resume, run

__all__ = ["Config", "Report", "RunDirectory", "read_config", "resume", "run"]
