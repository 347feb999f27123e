"""How long Gibbs sweeps remember, as learning can afford to measure it.

`pilot` measures chains that sample, for as long as it takes. Here few sweeps are to tell whether that time is
short or, by extrapolation, how long it is. Both look at overlaps with states that the chains have met.
"""

from __future__ import annotations

import math

import numpy as np

from ebm.diagnostics import relaxation_time
from ebm.machine import Chains, Machine
from ebm.samplers.pilot import directions
from ebm.stream import Stream

__all__ = ["LEAST", "relaxation"]

LEAST = 16  # sweeps that a measurement takes
_OVERLAPS = 8  # modes of which none is much weaker in all of them than in the states
_SPANNED = 4  # relaxation times that settle it: the lag is then one or two of them


def relaxation(machine: Machine, chains: Chains, rng: Stream, most: int) -> float:
    """The relaxation time of Gibbs sweeps, measured on chains that should be samples of the machine.

    Parameters
    ----------
    machine : Machine
        It stands still.
    chains : Chains
        Two or more; they are swept.
    rng : Stream
    most : int
        Sweeps, at least `LEAST`; fewer are made where they tell.

    Returns
    -------
    float
        Sweeps, `ebm.diagnostics.relaxation_time` of the slowest of a few overlaps; NaN of chains that are not
        finite. Where nothing moved: as many sweeps as all chains made together, which one move would show.
        A phase that no chain has met is not seen.

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.RBM(ebm.Ising(), ebm.Ising(), [[2.0]], [0.0], [0.0])
    >>> x = pair.sample0(500, ebm.Stream(0))
    >>> exact = -1 / math.log(math.tanh(2.0) ** 2)  # tanh² J is the second eigenvalue of a sweep
    >>> abs(relaxation(pair, pair.start(x), ebm.Stream(1), 200) / exact - 1) < 0.2
    True
    """
    at = directions(machine, chains.x, _OVERLAPS)
    series, enough = [machine.units.dot(chains.x, at)], LEAST
    while True:
        while len(series) <= enough:
            machine.sweep(chains, rng)
            series.append(machine.units.dot(chains.x, at))
        overlaps = np.stack(series, axis=1)
        if not np.isfinite(overlaps).all():
            return math.nan
        tau = relaxation_time(overlaps, warn=False)
        if enough >= _SPANNED * tau or 2 * enough > most:
            return min(tau, float(len(chains) * enough))
        enough *= 2
