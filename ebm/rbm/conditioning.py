"""What of an RBM is left when some visible units are clamped, docs/math.md (3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_clamped
from ebm.errors import EbmError

if TYPE_CHECKING:
    from ebm.rbm.machine import RBM

__all__ = ["conditioned"]


def conditioned(machine: RBM, given: ArrayLike) -> tuple[dict[str, Any], float]:
    """The arguments of the RBM that is left, and what the clamped units add to its energy, nats.

    Parameters
    ----------
    given : (n_visible,)
        States of the clamped units, NaN for the free ones.
    """
    given = as_clamped(given)
    free = np.isnan(given)
    if given.shape != (machine.n_visible,):
        raise EbmError(f"given: expected {machine.n_visible} states, NaN where free, got shape {given.shape}")
    if not free.any():
        raise EbmError("given: no unit is free")
    theta = {}
    for name in machine.visible.learns:
        learners = np.arange(len(free))[machine.visible.learners(name, len(free))[0]]
        if free[learners].any():
            theta[f"v.{name}"] = machine.params[f"v.{name}"][free[learners]]
    theta |= {key: value for key, value in machine.params.items() if key.startswith("h.")}
    c, energy, columns = machine.c.astype(np.float64), 0.0, free[machine.visible.owners(machine.n_visible)]
    if not free.all():
        fixed = machine.visible.taken(~free)
        x = fixed.check(given[~free], "given", strict=True)[None]
        c = c + fixed.dot(x, machine.W[~columns].astype(np.float64))[0]
        energy = float(fixed.potential(x).sum() - fixed.encode(x)[0] @ machine.b[~columns])
    left = {"visible": machine.visible.taken(free), "hidden": machine.hidden, "W": machine.W[columns]}
    return left | {"b": machine.b[columns], "c": c.astype(machine.dtype), "theta": theta}, energy
