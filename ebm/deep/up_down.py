"""The up-down algorithm: fine-tuning of a deep belief network as a density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ebm.deep.dbn import DBN
from ebm.errors import expect, settings
from ebm.learning.rules import Batch, Carried, normalised, zero
from ebm.machine import Array, Count, Params
from ebm.optimisers import SGD, Optimiser
from ebm.penalties import Penalty
from ebm.progress import Progress, showing
from ebm.stream import Seed, Stream
from ebm.training import Course, History, begin, train
from ebm.training.steps import steps_per_epoch
from ebm.units import Units

__all__ = ["UpDown", "up_down"]


@settings
class UpDown:
    """The rule of a `DBN`: contrastive wake-sleep, docs/math.md (5.20).

    Up: states drawn from the data by the recognition weights teach the generative weights to predict each
    layer from the one above, the exact gradient of log p(v, h). The top RBM makes k sweeps from there. Down:
    what is drawn from them by the generative weights teaches the recognition weights to guess each layer from
    the one below.

    Parameters
    ----------
    k : int
        Sweeps of the top RBM.

    References
    ----------
    Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets" (2006), section 5 and appendix B.
    """

    k: Count = 3

    def init(self, machine: DBN, rng: Stream) -> Carried:
        """Nothing is carried."""
        return Carried()

    def gradient(self, machine: DBN, batch: Batch, carried: Carried, rng: Stream) -> tuple[Params, Carried]:
        """Steps of all parameters, the weighted means over the rows."""
        v, weights = batch
        w = normalised(weights)
        if w is None:
            return zero(machine.params), carried
        up = machine.draw_up(v, rng)
        end = machine.top.sweep(up[-1], rng, self.k)
        found = dict(machine.top.contrast(up[-1], w, end, w)[0])
        down = machine.draw_down(machine.top.visible.as_states(end, machine.dtype), rng)
        for k in range(machine.depth):
            units, above = machine.layer_units[k], machine.layer_units[k + 1]
            off = w[:, None] * (units.encode(up[k]) - units.mean(machine.inputs_down(up[k + 1], k)))
            found |= _outer(machine, above, up[k + 1], off, f"G{k}", f"g{k}")
            off = w[:, None] * (above.encode(down[k + 1]) - above.mean(machine.inputs_up(down[k], k)))
            found |= _outer(machine, units, down[k], off, f"R{k}", f"r{k}")
        return {key: np.asarray(found[key], machine.dtype) for key in machine.params}, carried


def _outer(machine: DBN, units: Units, x: Array, off: Array, W: str, b: str) -> Params:
    off = off.astype(machine.dtype)
    return {W: units.outer(x, off), b: off.sum(0)}


def up_down(
    dbn: DBN,
    data: ArrayLike,
    *,
    k: int = 3,
    optimiser: Optimiser | None = None,
    epochs: int = 10,
    batch_size: int = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    seed: Seed = 0,
    progress: Progress = None,
) -> History:
    """Fine-tune a deep belief network in place, as a density: `UpDown` with the usual loop.

    Parameters
    ----------
    data : (n, n_visible)
    k : int
        Sweeps of the top RBM in each update.
    optimiser : Optimiser, optional
        ``SGD(0.01)`` when left out.
    epochs, batch_size, weights, penalties, seed, progress
        As in `ebm.fit`.

    Returns
    -------
    History
        A row per epoch: epoch, step, rate.

    Raises
    ------
    EbmError
        Data outside the domain.
    Diverged
        Parameters became non-finite.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> data = np.array([[0, 0, 1, 1], [1, 1, 0, 0]] * 20)
    >>> dbn = ebm.DBN.greedy(data, [3, 2], epochs=2)
    >>> len(ebm.up_down(dbn, data, epochs=2))
    2
    """
    dbn = expect(dbn, DBN, "up_down: dbn", "a belief network such as DBN.greedy(data, [16, 8])")
    rows = dbn._data(data)
    rule, optimiser = UpDown(k), SGD(0.01) if optimiser is None else optimiser
    state = begin(dbn, rule, optimiser, seed)
    per_epoch = steps_per_epoch(len(rows), batch_size)
    steps = train(state, (rows,), rule, optimiser, batch_size, seed, weights=weights, penalties=penalties)
    with showing(progress, "up_down") as update:
        course: Course[DBN] = Course(epochs, per_epoch, optimiser=optimiser, update=update)
        history = History(list(course.run(state, steps)))
    course.settle(state)
    return history
