"""The laws of every part as functions: what a unit type, machine, sampler, rule or estimator must keep.

The package's own parts pass them in its tests; run them on yours. Each takes an instance, compares it with
exact sums over all states (or integrals), and raises AssertionError with one line that says which law failed,
where and by how much. Random numbers are seeded: a check that passes passes again.

    from ebm.testing import check_sampler
    check_sampler(MySampler(beta=0.5), beta=0.5)

What a part does not offer it may refuse with `ebm.NotSupported`: that law is then left out.
"""

from ebm.testing.machines import check_machine
from ebm.testing.optimisers import check_optimiser
from ebm.testing.partition import check_estimator_of_log_z
from ebm.testing.rules import check_rule
from ebm.testing.samplers import check_sampler
from ebm.testing.units import check_units

__all__ = [
    "check_estimator_of_log_z",
    "check_machine",
    "check_optimiser",
    "check_rule",
    "check_sampler",
    "check_units",
]
