"""log Z by exact sums: enumeration, or variable elimination over the coupling graph."""

from __future__ import annotations

from ebm.elimination import log_z_by_elimination
from ebm.errors import NotSupported, TooLarge, settings
from ebm.machine import Machine
from ebm.partition.estimate import NOTHING, Context, LogZ
from ebm.partition.growing import Effort
from ebm.partition.report import Report
from ebm.stream import Stream

__all__ = ["Auto", "ExactSum"]


@settings
class ExactSum:
    """Enumeration or variable elimination, whichever fits, or a refusal."""

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The sum itself; `TooLarge`, the refusal of both, if neither fits."""
        try:
            value, how = machine.exact(stats=False)[0], "enumeration"
        except TooLarge as refusal:
            try:
                value, how = log_z_by_elimination(machine), "variable elimination"
            except (TooLarge, NotSupported) as other:
                raise TooLarge(f"{refusal}; {other}") from None
        return LogZ(
            value=value, stderr=0.0, lower=value, upper=value, method="exact", verdict="exact", reason=how,
            estimates={"exact": {"value": value, "stderr": 0.0}},
        )  # fmt: skip


@settings
class Auto(Effort):
    """Exact where that fits, else the report."""

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """The sum if it fits, else what the report says."""
        try:
            return ExactSum().estimate(machine, rng)
        except TooLarge:
            report = Report(self.accuracy, self.budget, self.rounds)
            return report.estimate(machine, rng, context)
