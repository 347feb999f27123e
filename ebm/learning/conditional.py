"""Rules for one unit given the others: learning p(y | x), alone or beside p(x, y)."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Field

from ebm.errors import EbmError, NotSupported, settings
from ebm.learning.rules import Batch, Carried, Rule, Sweeps, normalised, zero
from ebm.learning.sampling import CD
from ebm.machine import Array, Conditional, Machine, Params, require
from ebm.stream import Stream

__all__ = ["Discriminative", "Hybrid"]

Dropout: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class _Conditional:
    """What both rules say of a machine that has learnt."""

    unit: int

    @property
    def may_lack(self) -> int:
        """The unit that is predicted: rows may have NaN for it."""
        return self.unit

    def score(self, machine: Machine, rows: Array) -> tuple[float, float]:
        """Mean −log p(y | x), nats, and the part whose y is not the likeliest, of rows that have a y."""
        i = _place(self, machine)
        rows, unknown = _opened(machine, rows, i)
        rows = rows[~unknown]
        if not len(rows):
            raise EbmError(f"{type(self).__name__}: no row says what unit {i} is")
        energies = machine.site_energies(rows, i)
        states = np.asarray(machine.units.one(i).states)
        least, own = energies.min(1), energies[np.arange(len(rows)), np.searchsorted(states, rows[:, i])]
        losses = own - least + np.log(np.exp(least[:, None] - energies).sum(1))
        return float(losses.mean()), float((states[energies.argmin(1)] != rows[:, i]).mean())


def _place(rule: _Conditional, machine: Machine) -> int:
    """The number of the unit that is predicted, or one line that this machine has none such."""
    name, unit, n = type(rule).__name__, rule.unit, machine.n_visible
    require(machine, Conditional, name, "an RBM")
    if not -n <= unit < n:
        raise EbmError(f"{name}: unit {unit}: expected a number from {-n} to {n - 1}")
    i = unit % n
    own = machine.units.one(i)
    if machine.n_units != n:
        raise NotSupported(f"{name}: {machine} has hidden units in its state; expected an RBM")
    if not own.finite:
        raise NotSupported(f"{name}: unit {i} is {own}; expected one of finitely many states")
    return i


@settings
class Discriminative(_Conditional):
    """The exact gradient of the mean log p(y | x), y one visible unit and x the others, docs/math.md (4.11).

    Rows whose y is NaN say nothing about it and count as rows without weight.

    In every update dropout leaves out other inputs for each row and multiplies those that stay by 1/(1 −
    dropout), so that their mean is what it was: the classifier then relies on no few of them.

    Parameters
    ----------
    unit : int
        Which visible unit is y, such as the Potts unit of the labels; the last one, -1, by default.
    dropout : float
        Probability that an input is left out, in [0, 1); units of q states, whose φ is one-hot, always stay.

    Raises
    ------
    NotSupported
        A unit with a continuum of states; a machine that does not sum its hidden units out.

    References
    ----------
    Larochelle & Bengio, "Classification using discriminative restricted Boltzmann machines" (2008), section
    4. Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout" (2014).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> units = ebm.Mixed(((ebm.Bernoulli(), 2), (ebm.Potts(2), 1)))
    >>> rows = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 0]])  # y is the parity of x
    >>> machine = ebm.RBM.from_data(rows, 4, visible=units, scale=1.0)
    >>> _ = ebm.fit(machine, rows, rule=ebm.Discriminative(), optimiser=ebm.SGD(1.0), epochs=300)
    >>> ebm.conditional_probabilities(machine, rows[:, :2]).argmax(1)
    array([1, 1, 0, 0])
    """

    unit: int = -1
    dropout: Dropout = 0.0

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """Nothing is carried."""
        _place(self, machine)
        return Carried()

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The slope of the weighted mean over the rows of the batch."""
        v, weights = batch
        i, w = _place(self, machine), normalised(weights)
        if w is None:
            return zero(machine.params), carried
        rows, unknown = _opened(machine, v, i)
        return _slope(self, machine, rows, i, np.where(unknown, 0.0, w), rng), carried


@settings
class Hybrid(_Conditional):
    """log p(y | x) + alpha log p(x, y): discriminative learning held by what the inputs look like.

    Rows whose y is NaN add beta log p(x), semi-supervised: their y is drawn from p(y | x) in every update,
    which leaves the expected gradient of log p(x) what it is, docs/math.md (4.13).

    Parameters
    ----------
    alpha : float
        Weight of log p(x, y) of rows with a label.
    rule : Rule
        For that part: ``CD()``, ``PCD()``, ....
    unit : int
        Which visible unit is y.
    beta : float, optional
        Weight of log p(x) of rows without a label; alpha when left out.
    dropout : float
        Of the inputs, in log p(y | x) alone, as of `Discriminative`.

    Raises
    ------
    NotSupported
        As of `Discriminative`.

    References
    ----------
    Larochelle & Bengio, "Classification using discriminative restricted Boltzmann machines" (2008), sections
    5 and 6; Larochelle, Mandel, Pascanu & Bengio, "Learning algorithms for the classification restricted
    Boltzmann machine" (2012).
    """

    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    rule: Rule[Machine] = CD()
    unit: int = -1
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    dropout: Dropout = 0.0

    def init(self, machine: Machine, rng: Stream) -> Carried:
        """What the rule carries."""
        _place(self, machine)
        return self.rule.init(machine, rng)

    def sweeps(self, carried: Carried) -> int | None:
        """Gibbs sweeps per update of the rule; None where it has none."""
        return self.rule.sweeps(carried) if isinstance(self.rule, Sweeps) else None

    def gradient(
        self, machine: Machine, batch: Batch, carried: Carried, rng: Stream
    ) -> tuple[Params, Carried]:
        """The slope of log p(y | x), and the rule's gradient with the weights alpha and beta."""
        v, weights = batch
        i, w = _place(self, machine), normalised(weights)
        if w is None:
            return zero(machine.params), carried
        rows, unknown = _opened(machine, v, i)
        if unknown.any():
            rows[unknown, i] = _drawn(machine, rows[unknown], i, rng)
        found = _slope(self, machine, rows, i, np.where(unknown, 0.0, w), rng)
        share = w * np.where(unknown, self.alpha if self.beta is None else self.beta, self.alpha)
        if share.sum() > 0:
            both, carried = _both(self.rule, machine, (rows, share), carried, rng)
            found = {key: value + found[key] for key, value in both.items()}
        return found, carried


def _slope(
    rule: Discriminative | Hybrid, machine: Machine, rows: Array, i: int, weights: Array, rng: Stream
) -> Params:
    """The slope of Σ weights log p(y | x), the inputs thinned by the rule's dropout."""
    machine = require(machine, Conditional, type(rule).__name__)
    if not rule.dropout:
        return machine.conditional(rows, i, weights)[0]
    stays = rng.uniform(len(rows), rows.shape[1], machine.dtype) > rule.dropout
    scale = np.where(stays, machine.dtype.type(1 / (1 - rule.dropout)), machine.dtype.type(0))
    for units, own, _ in machine.units.parts(machine.n_visible):
        if units.width > 1:
            scale[:, own] = 1
    scale[:, i] = 1
    return machine.conditional(rows, i, weights, scale)[0]


def _both(
    rule: Rule[Machine], machine: Machine, batch: Batch, carried: Carried, rng: Stream
) -> tuple[Params, Carried]:
    """A rule's gradient, which is one of a mean, times the sum of the weights."""
    gradient, carried = rule.gradient(machine, batch, carried, rng)
    total = machine.dtype.type(batch[-1].sum())
    return {key: total * np.asarray(value) for key, value in gradient.items()}, carried


def _opened(machine: Machine, v: Array, i: int) -> tuple[Array, Array]:
    """Rows of the machine's dtype with a state of unit i in place of NaN, and where it was NaN."""
    rows = np.array(v, machine.dtype)
    unknown = np.isnan(rows[:, i])
    rows[unknown, i] = machine.units.one(i).states[0]  # type: ignore[index]
    return rows, unknown


def _drawn(machine: Machine, rows: Array, i: int, rng: Stream) -> Array:
    """States of unit i drawn given the others, by inverting the cumulative sum of their probabilities."""
    energies = machine.site_energies(rows, i)
    p = np.exp(energies.min(1, keepdims=True) - energies)
    cdf = np.cumsum(p, 1) / p.sum(1, keepdims=True)
    chosen = (cdf[:, :-1] < rng.uniform(len(rows), 1)).sum(1)
    return np.asarray(machine.units.one(i).states)[chosen]
