"""How large the steps of learning may be where nobody says: rates in units of the curvature.

A step that is long against the curvature of the log-likelihood overshoots, each time by more. Units with
finitely many states saturate then; real ones have no end, and learning explodes. The curvature depends on the
numbers of units and on the scale of the data, `Curved.curvature`, docs/math.md (5.7a).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ebm.gaps import stood_in
from ebm.machine import Curved, Machine
from ebm.optimisers import SGD, Optimiser, Scaled
from ebm.optimisers.schedules import Rate
from ebm.rows import as_source, thinned

__all__ = ["steady"]

# Parts of 1/curvature; 2 is where steps overshoot, and curvatures grow while a machine learns.
_MOST = 0.5  # to which a rate is cut
_USUAL = 0.1  # where there is none


def steady(
    machine: Machine,
    rows: Any,
    most: float = math.inf,
    momentum: float = 0.0,
    schedule: Callable[[float], Rate] = float,
    part: float = 1.0,
) -> Optimiser:
    """SGD at the rate `most`, or at less where that is stable; without `most`, at what is.

    Parameters
    ----------
    machine : Machine
        At its start. Where all units have finitely many states the rate `most`, if given, is kept.
    rows : (n, n_visible)
        That it will learn.
    most : float
    momentum : float
    schedule : callable
        Makes a schedule of the rate.
    part : float
        The factor of the likelihood in what is learnt; of persistent chains, which lag behind, times
        1/(1 − momentum).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> rows = np.random.default_rng(0).normal(size=(100, 4))
    >>> machine = ebm.RBM.from_data(rows, 256, visible=ebm.Gaussian())
    >>> 0 < steady(machine, rows, 0.05).rate < 0.05
    True
    """
    bounded = not isinstance(machine, Curved) or (machine.visible.finite and machine.hidden.finite)
    if bounded and most < math.inf:
        return SGD(schedule(most), momentum=momentum)
    assert isinstance(machine, Curved)
    curvatures = machine.curvature(stood_in(thinned(as_source(rows))))
    share = _MOST if most < math.inf else _USUAL
    limits = {key: share / (part * value) for key, value in curvatures.items() if part * value > 0}
    rate = min([most, *(limits[key] for key in machine.couplings + machine.biases if key in limits)])
    optimiser = SGD(schedule(rate), momentum=momentum)
    factors = {key: limit / rate for key, limit in limits.items() if limit < rate}
    return Scaled(optimiser, factors) if factors else optimiser
