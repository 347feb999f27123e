"""log Z: exact, or estimated with its error; and the log-likelihoods that rest on it.

All values are natural logarithms (nats). An estimate carries its standard error and the effective sample
size of its weights, or is not given.
"""

from ebm.partition.annealed import annealed_log_weights, base_rate
from ebm.partition.estimate import EstimatorOfLogZ, LogZ
from ebm.partition.given import LogZGiven, log_z_given
from ebm.partition.likelihood import log_likelihood
from ebm.partition.logz import METHODS as METHODS
from ebm.partition.logz import log_z
from ebm.partition.mean_fields import mean_field, tap
from ebm.partition.ratio import log_z_ratio
from ebm.partition.tracked import tracked_log_z

__all__ = [
    "EstimatorOfLogZ",
    "LogZ",
    "LogZGiven",
    "annealed_log_weights",
    "base_rate",
    "log_likelihood",
    "log_z",
    "log_z_given",
    "log_z_ratio",
    "mean_field",
    "tap",
    "tracked_log_z",
]
