"""Training networks: the loop around back-propagation, and readouts of machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.arguments import as_array, as_numbers
from ebm.errors import EbmError, NotSupported, described, expect, short
from ebm.learning import Carried
from ebm.machine import Array, Count, Layered, TwoLayers, require
from ebm.network.lbfgs import LBFGS, descend
from ebm.network.model import Layer, Network
from ebm.network.rule import BackPropagation, Dropout
from ebm.optimisers import Adam, Memory, Optimiser, Scaled
from ebm.penalties import Constraint, Penalty
from ebm.progress import Progress, showing
from ebm.rows import thinned
from ebm.selection import EarlyStopping
from ebm.stream import Seed, Stream
from ebm.training import Course, History, State, begin, train
from ebm.training.history import Row
from ebm.training.judges import Judge
from ebm.training.steps import as_batch, steps_per_epoch
from ebm.units import Bernoulli, Gaussian, Potts, Units
from ebm.units.family import as_units

__all__ = ["fine_tune", "readout"]


def fine_tune(
    network: Network,
    x: Any,
    y: ArrayLike,
    *,
    optimiser: Optimiser | LBFGS | None = None,
    epochs: Annotated[int, Field(ge=0, lt=2**31)] = 50,
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
    progress : callable, bool or None
        As in `ebm.fit`.

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
    expect(network, Network, "network", "a network such as readout(...) makes")
    if stopping is not None:
        expect(stopping, EarlyStopping, "stopping", "EarlyStopping()")
    if stopping is not None and (validation is None or stopping.score not in (None, "loss", "error")):
        raise EbmError(f"fine_tune: {stopping}: expected validation rows, and loss or error as the score")
    rows = network.source(x)
    target, factors = network.target(y, len(rows)), _factors(network, rates)
    (*_, w), _ = as_batch((rows, target), weights)
    used = Adam(0.001) if optimiser is None else optimiser
    if isinstance(used, LBFGS) and (constraints or np.any(dropout) or any(f > 0 for f in factors.values())):
        raise NotSupported("LBFGS: dropout, constraints, and rates other than 0 and 1 need small steps")
    judge = _by_losses(network, (rows, target, None if weights is None else w), validation)
    with showing(progress, "fine_tune") as update:
        if isinstance(used, LBFGS):
            course = Course(epochs, 1, judge, stopping, update=update)
            state = State(network, Carried(), Memory(), Stream(0))
            history = descend(state, course, (rows, target, w / w.sum()), used, penalties, {*factors})
        else:
            expect(used, Optimiser, "optimiser", "an optimiser such as Adam(0.001), or LBFGS()")
            rule, used = BackPropagation(dropout), Scaled(used, factors) if factors else used
            per_epoch = steps_per_epoch(len(rows), batch_size)
            course = Course(epochs, per_epoch, judge, stopping, optimiser=used, update=update)
            state = begin(network, rule, used, seed)
            steps = train(
                state, (rows, target), rule, used, batch_size, seed,
                weights=weights, penalties=penalties, constraints=constraints,
            )  # fmt: skip
            history = History(list(course.run(state, steps)))
    course.settle(state)
    return history


def _factors(network: Network, rates: Sequence[float] | None) -> dict[str, float]:
    """Factors of rates by the names of parameters; those of 1 are left out."""
    if rates is None:
        return {}
    n = len(network.layer_units)
    given = as_numbers(rates, "rates")
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any():
        raise EbmError(f"rates: expected {n} numbers >= 0, one for every layer, got {short(rates)}")
    by_layer = {f"{name}{k}": float(f) for k, f in enumerate(given) for name in "Wb"}
    by_layer |= {f"y.{name}": float(given[-1]) for name in network.readout_units.learns}
    return {key: f for key, f in by_layer.items() if f != 1}


def _by_losses(
    network: Network, batch: tuple[Any, Array, Array | None], validation: tuple[Any, ArrayLike] | None
) -> Judge[Network]:
    """Judge networks by their losses and errors on rows that they learn from, and on others."""
    rows, target, w = (None if a is None else thinned(a) for a in batch)
    sets: dict[str, tuple[Any, ...]] = {
        "train": (rows, target, w / w.sum() if w is not None and w.any() else None)
    }
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise EbmError(f"validation: got {described(validation)}; expected a pair (x, y)")
        seen = network.source(validation[0])
        sets["validation"] = seen, network.target(validation[1], len(seen))
    finite = network.readout_units.finite

    def row(state: State[Network]) -> Row:
        found: Row = {}
        for name, judged in sets.items():
            found[f"loss_{name}"], found[f"error_{name}"] = state.machine.score(*judged)
        return found

    def score(state: State[Network], row: Row, stopping: EarlyStopping) -> float:
        return -row[f"{stopping.score or 'loss'}_validation"]

    def prefers(state: State[Network], other: Network) -> bool:
        judged = sets.get("validation")
        return judged is None or other.loss(*judged) < state.machine.loss(*judged)

    def line(row: Row) -> str:
        said = []
        for name in sets:
            error = row[f"error_{name}"]
            wrong = f"{error:.2%} wrong" if finite else f"squared error {error:.4g}"
            said.append(f"{name} {row[f'loss_{name}']:.4f} nats, {wrong}")
        return ", ".join(said)

    return Judge(row, score, prefers, line)


def readout(
    machine: TwoLayers | _Stack | Network | None,
    x: ArrayLike,
    y: ArrayLike,
    *,
    units: Units | None = None,
    optimiser: Optimiser | LBFGS | None = None,
    epochs: Annotated[int, Field(ge=0, lt=2**31)] = 100,
    batch_size: Count = 100,
    weights: ArrayLike | None = None,
    penalties: Sequence[Penalty] = (),
    seed: Seed = 0,
    progress: Progress = None,
) -> Network:
    """Train a readout of y, on the hidden means of a trained machine or on x itself.

    Parameters
    ----------
    machine : RBM, DBM, DBN, Network or None
        Its hidden layer, or layers, become the first of the network, unchanged; None reads x itself.
    x : (n, n_visible)
    y : (n,) or (n, n_outputs)
    units : Units, optional
        The readout's: ``Potts(max(y) + 1)`` for integers, a softmax, when left out; ``Bernoulli()`` for
        logistic, ``Gaussian()`` for least squares, ``Poisson()`` for counts, ``Binomial(n)`` for those out of
        n, ``Ordered(q)`` for classes in an order.
    optimiser : Optimiser or LBFGS, optional
        ``Adam(0.01)`` when left out: the loss of a single layer is convex.
    epochs, batch_size, weights, penalties, seed, progress
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
    y = as_array(y, "y")
    if units is None:
        if y.dtype.kind not in "iu" or y.size == 0 or y.min() < 0:
            raise EbmError(f"y: {_no_classes(y)}")
        units = Potts(max(2, int(y.max()) + 1))
    if y.ndim not in (1, 2):
        raise EbmError(f"y: expected shape (n,) or (n, n_outputs), got {y.shape}")
    as_units(units, "units")
    n_out = 1 if y.ndim == 1 else y.shape[1]
    dtype = below[0].W.dtype if below else np.float64
    shape = (np.shape(seen)[1], units.columns(n_out))
    top = Network([Layer(units, np.zeros(shape, dtype), np.zeros(shape[1], dtype))], Gaussian())
    fine_tune(
        top, seen, y, optimiser=Adam(0.01) if optimiser is None else optimiser, epochs=epochs,
        batch_size=batch_size, weights=weights, penalties=penalties, seed=seed, progress=progress,
    )  # fmt: skip
    return Network([*below, *top.layers()], inputs)


@runtime_checkable
class _Stack(Layered, Protocol):
    """With layers on the way up, each given the one below."""

    def recognition(self) -> list[Layer]:
        """Those layers, with copies of their arrays."""


def _no_classes(y: Array) -> str:
    """What is expected in place of targets that are no class numbers."""
    if y.dtype.kind in "OSU":
        numbers = "classes, y = np.unique(y, return_inverse=True)"
        return (
            f"got text; expected class numbers 0, 1, ...: {numbers}; or use ebm.estimators, which take text"
        )
    return "expected class numbers 0, 1, ...; for other targets give `units`"


def _below(machine: TwoLayers | _Stack | Network | None, x: ArrayLike) -> tuple[list[Layer], Array, Units]:
    """The layers that a readout stands on, their output for x, and the type of the input."""
    if isinstance(machine, Network):
        return machine.layers(), machine.predict_mean(x), machine.inputs
    if isinstance(machine, _Stack):
        layers, inputs = machine.recognition(), machine.layer_units[0]
        return layers, Network(layers, inputs).predict_mean(x), inputs
    if machine is not None:
        machine = require(machine, TwoLayers, "readout", "an RBM, a DBM, a DBN, a Network or None")
    rows = as_array(x, "x") if machine is None else machine.units.check(x, "x")
    if rows.ndim != 2:
        raise EbmError(f"x: expected rows, (n, n_columns), got shape {rows.shape}")
    if machine is not None:
        return [Layer(machine.hidden, machine.W, machine.c)], machine.mean_h(rows), machine.visible
    unit = rows.size and rows.min() >= 0 and rows.max() <= 1  # only what `check` accepts differs
    return [], rows, Bernoulli() if unit else Gaussian()
