"""Learning from rows with gaps: any rule, on rows whose gaps are drawn given the rest.

The slope of the observed part's log-likelihood is that of whole rows, averaged over the gaps given what was
observed, docs/math.md (17.2). Each row keeps a chain of its gaps, which goes on for a sweep whenever the row
is met: as with persistent chains of the model, the machine changes slowly beside it. `Exact` sums instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, TypeVar, cast, runtime_checkable

import numpy as np

from ebm.errors import EbmError
from ebm.gaps import Gapped, as_gapped, complete_states, fill, has_gaps
from ebm.learning.rules import Batch, Carried, Completes, Rule
from ebm.machine import Array, Machine, Params, as_machine, offers
from ebm.stream import Stream

__all__ = ["Filled", "SumsGaps", "gaps_beside", "gradient_with_gaps"]

M = TypeVar("M")
_SWEEPS = 1  # of the gaps of a row that is met again


@runtime_checkable
class SumsGaps(Protocol):
    """The ability of a rule to sum over gaps in place of drawing them."""

    def whole(self, machine: Machine, rows: Gapped, weights: Array) -> Batch:
        """Whole rows that stand for those with gaps, and their weights."""


@dataclass
class Filled(Carried):
    """What a rule carries, and the rows with the gaps that were drawn last.

    Attributes
    ----------
    own : Carried
        What the rule carries.
    x : (n, n_visible)
        All rows; NaN in gaps of rows that were not met yet.
    """

    like_params: ClassVar[tuple[str, ...]] = ()
    own: Carried
    x: Array

    def fit(self, machine: object) -> None:
        """Look at what it carries."""
        self.own.fit(machine)  # type: ignore[arg-type]

    @property
    def states(self) -> Array | None:
        """States of the rule's chains."""
        return self.own.states

    @property
    def tuned(self) -> int | None:
        """Their own number of sweeps."""
        return self.own.tuned

    @property
    def carried(self) -> Carried:
        """What the rule itself carries."""
        return self.own


def gaps_beside(rows: object, rule: object) -> bool:
    """Whether rows have NaN elsewhere than in a unit that the rule does without."""
    if not isinstance(rows, np.ndarray) or not has_gaps(rows):
        return False
    if (
        not isinstance(rule, Completes)
        or rows.ndim != 2
        or not -rows.shape[1] <= rule.may_lack < rows.shape[1]
    ):
        return True
    return has_gaps(np.delete(rows, rule.may_lack, axis=1))


def gradient_with_gaps(
    rule: Rule[M], machine: M, batch: Batch, carried: Carried, rng: Stream
) -> tuple[Params, Carried]:
    """A rule's estimate of the gradient, of rows with or without gaps; and what is carried on."""
    own, rows = carried.carried, batch[0]
    if not isinstance(rows, Gapped) and not gaps_beside(rows, rule):
        gradient, own = rule.gradient(machine, batch, own, rng)
        return gradient, replace(carried, own=own) if isinstance(carried, Filled) else own
    of = cast(Machine, machine) if offers(machine, Machine) else as_machine(machine, "rows with gaps")
    lacking = rows if isinstance(rows, Gapped) else as_gapped(of, rows, once=True)
    if offers(rule, SumsGaps):
        return rule.gradient(machine, cast(SumsGaps, rule).whole(of, lacking, batch[-1]), own, rng)
    v, x = _drawn(of, lacking, carried, rng)
    if offers(rule, Completes):
        label = cast(Completes, rule).may_lack
        v[lacking.gaps[:, label], label] = np.nan
    gradient, own = rule.gradient(machine, (v, batch[-1]), own, rng)
    return gradient, own if x is None else Filled(own, x)


def _drawn(machine: Machine, rows: Gapped, carried: Carried, rng: Stream) -> tuple[Array, Array | None]:
    """The rows with gaps drawn, and all rows with theirs; None of rows that come once."""
    if rows.numbers is None:
        return complete_states(machine, rows.x, rows.gaps, rng)[0][:, : machine.n_visible], None
    shape = (rows.total, rows.shape[1])
    if isinstance(carried, Filled) and carried.x.shape != shape:
        raise EbmError(
            f"data: expected the {carried.x.shape} rows that this state has learnt from, got {shape}"
        )
    kept = carried.x if isinstance(carried, Filled) else np.full(shape, np.nan, rows.dtype)
    before = kept[rows.numbers]
    new = np.flatnonzero((np.isnan(before) & rows.gaps).any(1))
    v = np.where(rows.gaps, before, rows.x)
    if not len(new):
        v = _onward(machine, v, rows.gaps, rng)
    else:
        v[new] = complete_states(machine, rows.x[new], rows.gaps[new], rng)[0][:, : machine.n_visible]
        old = np.setdiff1d(np.arange(len(v)), new)
        if len(old):
            v[old] = _onward(machine, v[old], rows.gaps[old], rng)
    kept[rows.numbers] = v
    return v, kept


def _onward(machine: Machine, v: Array, gaps: Array, rng: Stream) -> Array:
    """Gaps that go on for a sweep."""
    if machine.n_units == machine.n_visible:
        return fill(machine, v, gaps, rng, _SWEEPS)
    return complete_states(machine, v, gaps, rng, _SWEEPS, anew=False)[0][:, : machine.n_visible]
