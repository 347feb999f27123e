"""Training networks: the loop around back-propagation, and readouts of machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.errors import EbmError, NotSupported
from ebm.machine import Array, Count, as_count, as_numbers, check_finite
from ebm.network.lbfgs import LBFGS, descend
from ebm.network.model import Layer, Network
from ebm.network.rule import BackPropagation, Dropout
from ebm.optimisers import Adam, Optimiser, Scaled
from ebm.optimisers.schedules import rate_at
from ebm.penalties import Constraint, Penalty
from ebm.selection import EarlyStopping
from ebm.stream import Seed, Stream
from ebm.training import History, State, begin, train
from ebm.training.loop import keep, some
from ebm.training.steps import as_batch, steps_per_epoch
from ebm.units import Bernoulli, Gaussian, Potts, Units

__all__ = ["fine_tune", "readout"]

Progress: TypeAlias = Callable[..., object] | None


def fine_tune(
    network: Network,
    x: Any,
    y: ArrayLike,
    *,
    optimiser: Optimiser | LBFGS | None = None,
    epochs: Annotated[int, Field(ge=0)] = 50,
    batch_size: Count = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    constraints: Sequence[Constraint] = (),
    dropout: Dropout = 0.0,
    rates: Sequence[float] | None = None,
    validation: tuple[Any, ArrayLike] | None = None,
    stopping: EarlyStopping | None = None,
    seed: Seed = 0,
    progress: Progress = None,
) -> History:
    """Train the layers of a network in place by back-propagation.

    It ends as `fit` does: with `stopping` as the network of the best epoch; with an optimiser `Averaged` as
    the averaged network, unless the validation rows have a smaller loss with the last one.

    Parameters
    ----------
    x : (n, n_in)
        An array, a memory map or a scipy.sparse matrix.
    y : (n,) or (n, n_outputs)
        Class numbers for a Potts readout, bits or means for Bernoulli, numbers for Gaussian, counts for
        Poisson.
    optimiser : Optimiser or LBFGS, optional
        ``Adam(0.001)`` when left out. With `LBFGS` an epoch is an iteration on all rows.
    epochs, batch_size, weights, penalties, constraints, seed
        As in `ebm.fit`.
    dropout : float or sequence of float
        As in `BackPropagation`.
    rates : sequence of float, optional
        Factors of the optimiser's rate, one for every layer from the lowest; 0 leaves a layer as it is.
    validation : (x, y), optional
        Rows whose loss and error are followed.
    stopping : EarlyStopping, optional
        On the validation rows after every epoch; its score is "loss" (when left out) or "error".
    progress : callable, optional
        Called after every epoch with the fraction done and a line that says where learning is.

    Returns
    -------
    History
        A row per epoch: epoch, step, rate, loss_train, error_train, of at most 2000 rows and without dropout
        or penalties, and loss_validation, error_validation. Losses in nats per sample, errors as
        `Network.error`.

    Raises
    ------
    EbmError
        Data outside the domain, or shapes that do not fit; stopping without validation rows.
    NotSupported
        What `LBFGS` cannot do: dropout, constraints, rates other than 0 and 1, penalties other than L2.
    Diverged
        Parameters became non-finite.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> layers = [ebm.Layer.random(ebm.Ising(), 2, 6, seed=1), ebm.Layer.random(ebm.Potts(2), 6, 1, seed=2)]
    >>> net = ebm.Network(layers, ebm.Bernoulli())
    >>> history = ebm.fine_tune(net, x, y, optimiser=ebm.Adam(0.05), epochs=200)
    >>> net.predict(x), bool(history["loss_train"][-1] < 0.1)
    (array([0, 1, 1, 0], dtype=int32), True)
    """
    if stopping is not None and (validation is None or stopping.score not in (None, "loss", "error")):
        raise EbmError(f"fine_tune: {stopping}: expected validation rows, and loss or error as the score")
    rows = network.source(x)
    target, factors = network.target(y, len(rows)), _factors(network, rates)
    (*_, w), _ = as_batch((rows, target), weights)
    judged = (rows, target, None if weights is None else w)
    judge = _Judge(network, judged, validation, stopping, as_count(epochs, "epochs", 0), progress)
    if isinstance(optimiser, LBFGS):
        steps = constraints or np.any(dropout) or any(f > 0 for f in factors.values())
        if steps:
            raise NotSupported("LBFGS: dropout, constraints, and rates other than 0 and 1 need small steps")
        if epochs > 0:
            _descend(judge, (rows, target, w / w.sum()), optimiser, penalties, {*factors})
        return judge.history
    optimiser = Adam(0.001) if optimiser is None else optimiser
    used = Scaled(optimiser, factors) if factors else optimiser
    rule, per_epoch = BackPropagation(dropout), steps_per_epoch(len(rows), batch_size)
    state = begin(network, rule, used, seed)
    if epochs == 0:
        return judge.history
    for now in train(
        state, (rows, target), rule, used, batch_size, seed,
        weights=weights, penalties=penalties, constraints=constraints,
    ):  # fmt: skip
        epoch, within = divmod(now.step, per_epoch)
        if within == 0 and judge.look(now, epoch, rate=rate_at(optimiser.rate, epoch - 1)):
            break
    keep(state, judge.prefers)
    return judge.history


def _descend(
    judge: _Judge,
    batch: tuple[Any, Array, Array],
    optimiser: LBFGS,
    penalties: Sequence[Penalty],
    still: set[str],
) -> None:
    """L-BFGS as `fine_tune` does it: an epoch is an iteration."""
    state = State(judge.network, {}, {}, Stream(0))

    def look(iteration: int) -> bool:
        state.step = iteration
        return judge.look(state, iteration)

    descend(
        judge.network,
        *batch,
        optimiser,
        iterations=judge.epochs,
        penalties=penalties,
        still=still,
        callback=look,
    )
    keep(state, judge.prefers)


def _factors(network: Network, rates: Sequence[float] | None) -> dict[str, float]:
    """Factors of rates by the names of parameters; those of 1 are left out."""
    if rates is None:
        return {}
    n = len(network.layer_units)
    given = as_numbers(rates, "rates")
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any():
        raise EbmError(f"rates: expected {n} numbers >= 0, one for every layer, got {rates!r}")
    by_layer = {f"{name}{k}": float(f) for k, f in enumerate(given) for name in "Wb"}
    by_layer |= {f"y.{name}": float(given[-1]) for name in network.readout_units.learns}
    return {key: f for key, f in by_layer.items() if f != 1}


class _Judge:
    """Follows losses and errors, remembers the best network, and says when it is enough."""

    def __init__(
        self,
        network: Network,
        batch: tuple[Any, Array, Array | None],
        validation: tuple[Any, ArrayLike] | None,
        stopping: EarlyStopping | None,
        epochs: int,
        progress: Progress,
    ) -> None:
        self.network, self.epochs, self.history = network, epochs, History()
        self._stopping, self._progress = stopping, progress
        rows, target, w = (None if a is None else some(a) for a in batch)
        self._train: tuple[Any, Any, Any] = rows, target, w / w.sum() if w is not None and w.any() else None
        self._validation: tuple[Any, Array] | None = None
        if validation is not None:
            seen = network.source(validation[0])
            self._validation = seen, network.target(validation[1], len(seen))

    def look(self, state: State, epoch: int, rate: float | None = None) -> bool:
        """Add a row to the history; True when learning should end."""
        check_finite(self.network, state.step)
        row: dict[str, float] = {"epoch": epoch, "step": state.step}
        if rate is not None:
            row["rate"] = rate
        row["loss_train"], row["error_train"] = self.network.score(*self._train)
        enough = epoch == self.epochs
        if self._validation is not None:
            row["loss_validation"], row["error_validation"] = self.network.score(*self._validation)
            if self._stopping is not None:
                score = -row[f"{self._stopping.score or 'loss'}_validation"]
                enough = self._stopping.note(state, score) or enough
        self.history.rows.append(row)
        if self._progress is not None:
            self._progress(1.0 if enough else epoch / self.epochs, self._line(row))
        return enough

    def _line(self, row: dict[str, float]) -> str:
        said = [f"epoch {row['epoch']}/{self.epochs}"]
        said += [f"rate {row['rate']:.4g}"] if "rate" in row else []
        for name in ("train", "validation"):
            if f"loss_{name}" in row:
                error = row[f"error_{name}"]
                finite = self.network.readout_units.states is not None
                judged = f"{error:.2%} wrong" if finite else f"squared error {error:.4g}"
                said.append(f"{name} {row[f'loss_{name}']:.4f} nats, {judged}")
        return ", ".join(said)

    def prefers(self, other: Network) -> bool:
        """Whether the validation rows, if there are any, have a smaller loss with another network."""
        if self._validation is None:
            return True
        return other.loss(*self._validation) < self.network.loss(*self._validation)


def readout(
    machine: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    units: Units | None = None,
    optimiser: Optimiser | LBFGS | None = None,
    epochs: Annotated[int, Field(ge=0)] = 100,
    batch_size: Count = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    seed: Seed = 0,
) -> Network:
    """Train a readout of y, on the hidden means of a trained machine or on x itself.

    Parameters
    ----------
    machine : RBM, Network or None
        Its hidden layer, or layers, become the first of the network, unchanged; None reads x itself.
    x : (n, n_visible)
    y : (n,) or (n, n_outputs)
    units : Units, optional
        The readout's: ``Potts(max(y) + 1)`` for integers, a softmax, when left out; ``Bernoulli()`` for
        logistic, ``Gaussian()`` for least squares, ``Poisson()`` for counts.
    optimiser : Optimiser or LBFGS, optional
        ``Adam(0.01)`` when left out: the loss of a single layer is convex.
    epochs, batch_size, weights, penalties, seed
        As in `fine_tune`, of the readout layer.

    Returns
    -------
    Network
        Hand it to `fine_tune` to train all layers.

    Examples
    --------
    >>> import numpy as np, ebm
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]] * 10)
    >>> net = ebm.readout(None, x, [0, 1] * 10, optimiser=ebm.Adam(0.1))
    >>> net.error(x, [0, 1] * 10)
    0.0
    """
    below, seen, inputs = _below(machine, x)
    y = np.asarray(y)
    if units is None:
        if y.dtype.kind not in "iu" or y.size == 0 or y.min() < 0:
            raise EbmError("y: expected class numbers 0, 1, ...; for other targets give `units`")
        units = Potts(max(2, int(y.max()) + 1))
    n_out = 1 if y.ndim == 1 else y.shape[1]
    dtype = below[0].W.dtype if below else np.float64
    shape = (np.shape(seen)[1], n_out * units.width)
    top = Network([Layer(units, np.zeros(shape, dtype), np.zeros(shape[1], dtype))], Gaussian())
    fine_tune(
        top, seen, y, optimiser=Adam(0.01) if optimiser is None else optimiser, epochs=epochs,
        batch_size=batch_size, weights=weights, penalties=penalties, seed=seed,
    )  # fmt: skip
    return Network([*below, *top.layers()], inputs)


def _below(machine: Any, x: ArrayLike) -> tuple[list[Layer], Array, Units]:
    """The layers that a readout stands on, their output for x, and the type of the input."""
    if isinstance(machine, Network):
        return machine.layers(), machine.predict_mean(x), machine.inputs
    if machine is not None and not hasattr(machine, "mean_h"):
        raise NotSupported(
            f"readout: {machine} has no hidden layer to read; expected an RBM, a Network or None"
        )
    rows = np.asarray(x) if machine is None else machine.units.check(x, "x")
    if rows.ndim != 2:
        raise EbmError(f"x: expected rows, (n, n_columns), got shape {rows.shape}")
    if machine is not None:
        return [Layer(machine.hidden, machine.W, machine.c)], machine.mean_h(rows), machine.visible
    unit = rows.size and rows.min() >= 0 and rows.max() <= 1  # only what `check` accepts differs
    return [], rows, Bernoulli() if unit else Gaussian()
