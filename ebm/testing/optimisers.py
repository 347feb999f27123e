"""The laws of optimisers."""

from __future__ import annotations

import copy

import numpy as np

from ebm.errors import described, expect
from ebm.machine import Params
from ebm.optimisers import Memory, Optimiser
from ebm.testing.verdict import holds, near, run

__all__ = ["check_optimiser"]

_UPDATES = 3000
_CURVATURE = {"W": 1.5, "b": 0.5}


def check_optimiser(optimiser: Optimiser) -> None:
    """Put an optimiser to its laws.

    It ascends a concave parabola to its top, leaves the gradient as it is, and what it remembers is all that
    it needs: from what a file holds of the memory it goes on to the same bits. A factor of 0 leaves a
    parameter alone.

    Parameters
    ----------
    optimiser : Optimiser
        With a rate of at least 0.001.

    Raises
    ------
    AssertionError
        A law does not hold.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_optimiser(ebm.SGD(0.1, momentum=0.9))
    """
    expect(optimiser, Optimiser, "check_optimiser", "an optimiser such as SGD(0.05)")
    run(optimiser, _LAWS)


def _start() -> tuple[Params, Params]:
    rng = np.random.default_rng(0)
    return (
        {"W": np.zeros((3, 2)), "b": np.zeros(4)},
        {"W": rng.uniform(0.2, 1.0, (3, 2)), "b": rng.uniform(-1.0, -0.2, 4)},
    )


def _slope(params: Params, top: Params) -> Params:
    return {key: _CURVATURE[key] * (top[key] - params[key]) for key in params}


def ascends(optimiser: Optimiser) -> None:
    """It comes within a tenth of the way to the top, and stays."""
    params, top = _start()
    memory = optimiser.init(params)
    for k in range(_UPDATES):
        gradient = _slope(params, top)
        before = copy.deepcopy(gradient)
        optimiser.update(params, gradient, memory, k / 100)
        for key, value in before.items():
            near(f"update changed gradient[{key!r}]", gradient[key], value)
    for key, value in params.items():
        off = float((np.abs(value - top[key]) / np.abs(top[key])).max())
        holds(off < 0.1, f"after {_UPDATES} updates {key} is {off:.2g} of the way short of the top")


def remembers(optimiser: Optimiser) -> None:
    """What changes is in the parameters and the memory."""
    params, top = _start()
    memory = optimiser.init(params)
    for _ in range(7):
        optimiser.update(params, _slope(params, top), memory, 0.5)
    holds(isinstance(memory, Memory), f"init made {described(memory)}, expected a Memory")
    others, kept = copy.deepcopy(params), Memory.unpack(copy.deepcopy(memory.pack()))
    for _ in range(7):
        optimiser.update(params, _slope(params, top), memory, 0.5)
        optimiser.update(others, _slope(others, top), kept, 0.5)
    for key, value in params.items():
        near(f"{key} from the memory that was packed and unpacked", others[key], value)


def heeds_factors(optimiser: Optimiser) -> None:
    """The factor of a parameter's rate."""
    params, top = _start()
    memory = optimiser.init(params)
    optimiser.update(params, _slope(params, top), memory, 0.5, {"b": 0.0})
    near("b, whose rate has the factor 0", params["b"], _start()[0]["b"])
    holds(np.all(params["W"] != 0), "W did not move")


_LAWS = (ascends, remembers, heeds_factors)
