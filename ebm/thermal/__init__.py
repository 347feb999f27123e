"""Thermodynamics of any machine: curves over temperature from one run of parallel tempering.

A ladder has samples at a few levels β. Taken together they are samples of a mixture, whose density MBAR
makes known; weighed by p_β over that density they stand for *any* β in the range of the ladder (multi-
histogram reweighting). All curves are derivatives of one function, log Z_β: energy is −∂ log Z/∂β, heat
capacity β² ∂² log Z/∂β², and pairs of independent ladders give the distribution of overlaps. docs/math.md,
section 12.
"""

from ebm.thermal.curves import thermodynamics
from ebm.thermal.observables import (
    Binder,
    Correlations,
    Magnetisation,
    Observable,
    StructureFactor,
    Susceptibility,
)
from ebm.thermal.result import Thermodynamics

__all__ = [
    "Binder",
    "Correlations",
    "Magnetisation",
    "Observable",
    "StructureFactor",
    "Susceptibility",
    "Thermodynamics",
    "thermodynamics",
]
