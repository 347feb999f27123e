"""Small machines made visible: one function, and one command of ``ebm teach``, for each thing to be seen.

Every lesson is a function of a few numbers to play with and a seed. It returns a `Lesson`: text and tables
(``print(lesson)``), figures (in a notebook, or ``lesson.figures``), the numbers behind them
(``lesson.numbers``), and ``lesson.save(folder)``. Machines have so few units that all their states can be
looked at; all that is drawn or learnt is drawn and learnt by the package itself.

Examples
--------
>>> from ebm import classroom
>>> print(classroom.hamiltonian(n=1).parts[1])
States by their energy
  x   E (nats)   exp(-βE)        p
  0          0          1   0.6929
  1     0.8139     0.4431   0.3071
"""

from collections.abc import Callable

from ebm.classroom.annealing import annealing
from ebm.classroom.backprop import backprop
from ebm.classroom.encoder import encoder
from ebm.classroom.gibbs import gibbs
from ebm.classroom.gradient import gradient
from ebm.classroom.hamiltonian import hamiltonian
from ebm.classroom.hopfield import hopfield
from ebm.classroom.ising import ising
from ebm.classroom.landscape import landscape
from ebm.classroom.lesson import Lesson
from ebm.classroom.log_z import log_z
from ebm.classroom.shifter import shifter
from ebm.classroom.softmax import softmax
from ebm.classroom.thermodynamics import thermodynamics

__all__ = [
    "LESSONS",
    "Lesson",
    "annealing",
    "backprop",
    "encoder",
    "gibbs",
    "gradient",
    "hamiltonian",
    "hopfield",
    "ising",
    "landscape",
    "log_z",
    "shifter",
    "softmax",
    "thermodynamics",
]

# In the order of a lecture; the command of a name has a hyphen for an underscore.
LESSONS: dict[str, Callable[..., Lesson]] = {
    lesson.__name__: lesson
    for lesson in (
        hamiltonian,
        gibbs,
        softmax,
        ising,
        annealing,
        landscape,
        hopfield,
        gradient,
        encoder,
        shifter,
        thermodynamics,
        log_z,
        backprop,
    )
}
