"""Rows with gaps: NaN is a unit that was not observed, and that is summed out or drawn.

The likelihood of such a row is that of its observed part, docs/math.md (17.1). Its slope is the mean of that
of whole rows over what the machine says of the gaps, given what was observed (17.2), so that learning needs
draws of the gaps: `fill` makes them by Gibbs sweeps that hold what is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from ebm.arguments import as_array
from ebm.errors import EbmError, NotSupported, described
from ebm.machine import Array, HasInputs, Machine, inputs_of, offers, visible_units
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.stream import Stream
from ebm.units import Units

__all__ = [
    "Fills",
    "Gapped",
    "as_gapped",
    "as_mask",
    "by_pattern",
    "complete_states",
    "completions",
    "drawn_whole",
    "fill",
    "has_gaps",
    "local_inputs",
    "marginal_rows",
    "opened",
    "refuse_empty",
    "refuse_unknown_inputs",
    "stood_in",
]

_FIRST = 10  # sweeps of gaps that start at draws of independent units
_MOST = 2**16  # states of the gaps of a row that are summed
_AT_ONCE = 2**22  # numbers worked on at a time


@runtime_checkable
class Fills(Machine, Protocol):
    """Sweeps chains of which each has units of its own that may change."""

    def fill(self, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
        """n Gibbs sweeps of the units `gaps`, bool (n_chains, n_units), of states x; the others are held."""

    def local_inputs(self, x: Array, rng: Stream) -> Array:
        """Input of each unit given the rest of a state, (n, n_units·width); hidden units are drawn."""


def has_gaps(rows: Any) -> bool:
    """Whether an array of rows has NaN."""
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f" or not rows.size:
        return False
    return bool(np.isnan(rows.sum())) and bool(np.isnan(rows).any())  # the sum alone may be inf − inf


def opened(units: Units, rows: Array, what: str = "data", *, strict: bool = False) -> tuple[Array, Array]:
    """Rows with some state of its unit in each gap, checked, and where the gaps are: both (n, n_units).

    Raises
    ------
    EbmError
        What was observed is no state, or mean, of its unit.
    """
    gaps = np.isnan(rows)
    whole = np.where(gaps, _somewhere(units, rows.shape[1]).astype(rows.dtype), rows)
    return units.check(whole, what, strict=strict), gaps


def _somewhere(units: Units, n: int) -> Array:
    """A state of each of n units."""
    first = np.zeros(n)
    for own, places, _ in units.parts(n):
        if own.states is not None:
            first[places] = own.states[0]
    return first


@dataclass(frozen=True, eq=False)
class Gapped:
    """Rows with gaps, of which learning takes batches.

    Attributes
    ----------
    x : (n, n_visible)
        States, with something in the gaps.
    gaps : (n, n_visible) bool
    numbers : (n,) int, or None
        Which rows of all they are: their gaps go on from where they were. None of rows that come once.
    total : int
        How many there are in all.
    """

    x: Array
    gaps: Array
    numbers: Array | None
    total: int

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Gapped:
        """Some of them."""
        numbers = None if self.numbers is None else self.numbers[rows]
        return Gapped(self.x[rows], self.gaps[rows], numbers, self.total)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, n_visible)."""
        return self.x.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the states."""
        return self.x.dtype


def as_gapped(
    machine: Machine, rows: Array, what: str = "data", *, once: bool = False, strict: bool = False
) -> Gapped:
    """Rows of data with gaps, checked; of rows that come `once` a column may be missing in all."""
    rows = as_array(rows, what)
    if rows.ndim != 2 or rows.shape[1] != machine.n_visible:
        got = rows.shape if rows.ndim else described(rows.item())
        raise EbmError(f"{what}: expected shape (n, {machine.n_visible}), got {got}")
    refuse_unknown_inputs(rows, inputs_of(machine), what)
    x, gaps = opened(visible_units(machine), rows, what, strict=strict)
    if not once:
        refuse_empty(gaps, what)
    return Gapped(x, gaps, None if once else np.arange(len(x)), len(x))


def stood_in(rows: Array, seed: int = 0) -> Array:
    """Rows whose gaps hold values of other rows, drawn column by column: with the marginals of what was seen.

    For what wants whole rows and looks at columns alone, such as where learning begins. What nobody has
    stays missing.
    """
    if not has_gaps(rows):
        return rows
    whole, gaps, rng = rows.copy(), np.isnan(rows), np.random.default_rng(seed)
    for i in np.flatnonzero(gaps.any(0)):
        known = rows[~gaps[:, i], i]
        if len(known):
            whole[gaps[:, i], i] = rng.choice(known, int(gaps[:, i].sum()))
    return whole


def marginal_rows(data: Array) -> Array:
    """Rows that learning starts from: those with gaps have values of other rows in them.

    Raises
    ------
    EbmError
        A column is missing in all rows.
    """
    if has_gaps(data) and data.ndim == 2:
        refuse_empty(np.isnan(data))
    return stood_in(data) if data.ndim == 2 else data


def refuse_empty(gaps: Array, what: str = "data") -> None:
    """Refuse a column that is missing in all rows."""
    if len(gaps) and gaps.all(0).any():
        column = int(np.flatnonzero(gaps.all(0))[0])
        raise EbmError(f"{what}: column {column} is missing in all rows; expected it in some, or left out")


def refuse_unknown_inputs(rows: Array, n_inputs: int, what: str = "data") -> None:
    """Refuse a gap among the inputs, the first units of a row: no machine says what they are."""
    lacking = np.argwhere(np.isnan(rows[:, :n_inputs]))
    if len(lacking):
        row, column = lacking[0].tolist()
        raise EbmError(
            f"{what}: row {row} lacks input {column}; expected inputs without gaps, which are given and not"
            " modelled: leave such rows out, or fill them first, as by ebm.impute of a machine of the inputs"
        )


def by_pattern(gaps: Array) -> list[tuple[Array, Array]]:
    """Rows that lack the same units: the mask of these, and the numbers of the rows."""
    kinds, which = np.unique(gaps, axis=0, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(kinds) + 1))
    return [(kind, order[ends[k] : ends[k + 1]]) for k, kind in enumerate(kinds)]


def completions(machine: Machine, rows: Gapped, weights: Array) -> tuple[Array, Array]:
    """Rows with every state of their gaps, weighted by what the machine says of it given the rest.

    Returns
    -------
    v : (n_completions, n_visible)
    weights : (n_completions,) float64

    Raises
    ------
    TooLarge
        More than 2^16 states of the gaps of a row.
    NotSupported
        Gaps of units with a continuum of states.
    """
    units, found = visible_units(machine), []
    for gap, own in by_pattern(rows.gaps):
        if not gap.any():
            found.append((rows.x[own], weights[own]))
            continue
        missing = units.taken(gap)
        if not missing.finite:
            raise NotSupported(
                f"gaps: {missing} cannot be enumerated; expected units of finitely many states"
            )
        q = n_states(missing, int(gap.sum()))
        refuse_above(_MOST, q, 1e-7 * len(own), 8.0 * q * machine.n_units, "summing the gaps of a row")
        h = enumerate_states(missing, int(gap.sum()))
        for part in np.array_split(own, max(1, len(own) * h.size // _AT_ONCE)):
            v = np.repeat(rows.x[part], len(h), axis=0)
            v[:, gap] = np.tile(h, (len(part), 1))
            below = -machine.visible_free_energy(v).reshape(len(part), len(h))
            p = np.exp(below - below.max(1, keepdims=True))
            p *= (weights[part] / p.sum(1))[:, None]
            found.append((v, p.ravel()))
    return np.concatenate([v for v, _ in found]), np.concatenate([p for _, p in found])


def drawn_whole(machine: Machine, rows: Array, rng: Stream, n: int = _FIRST) -> Array:
    """Rows of data with gaps drawn given the rest by n sweeps; rows without gaps as they are."""
    if not has_gaps(rows):
        return rows
    x, gaps = opened(visible_units(machine), rows)
    return complete_states(machine, x, gaps, rng, n)[0][:, : machine.n_visible]


def as_mask(gaps: Array, shape: tuple[int, ...]) -> Array:
    """Which units of each chain may change, checked."""
    gaps = as_array(gaps, "gaps")
    if gaps.shape != shape or gaps.dtype != np.bool_:
        raise EbmError(f"gaps: expected a bool mask of shape {shape}, got {gaps.dtype} {gaps.shape}")
    return gaps


def fill(machine: Machine, x: Array, gaps: Array, rng: Stream, n: int = 1) -> Array:
    """n Gibbs sweeps of states x (n_chains, n_units), each chain with gaps of its own; the rest is held.

    Machines that do not offer it themselves are swept with one set of gaps after the other.
    """
    if offers(machine, Fills):
        return cast(Fills, machine).fill(x, gaps, rng, n)
    out = np.array(x)
    kinds, which = np.unique(gaps, axis=0, return_inverse=True)
    for k, free in enumerate(kinds):
        if free.any():
            rows = np.flatnonzero(which.ravel() == k)
            out[rows] = np.asarray(machine.sweep(out[rows], rng, n, free=free))
    return out


def local_inputs(machine: Machine, x: Array, rng: Stream) -> Array | None:
    """Input of each visible unit given the rest of a state, (n, n_visible·width); None: not known."""
    if not offers(machine, Fills):
        return None
    columns = visible_units(machine).columns(machine.n_visible)
    return cast(Fills, machine).local_inputs(x, rng)[:, :columns]


def complete_states(
    machine: Machine, v: Array, gaps: Array, rng: Stream, n: int = _FIRST, *, anew: bool = True
) -> tuple[Array, Array]:
    """Whole states of rows of data, their gaps drawn by n sweeps, and which units of these are free.

    Parameters
    ----------
    v, gaps : (n_rows, n_visible)
    anew : bool
        Whether the gaps begin at draws of independent units with the machine's biases, else where they are.

    Returns
    -------
    x, free : (n_rows, n_units)
    """
    free = np.ones((len(v), machine.n_units), bool)
    free[:, : machine.n_visible] = gaps
    x = np.array(v, machine.dtype if v.dtype.kind != "f" else v.dtype)
    if anew:
        biases, inputs = machine.params["b"], v[:, : inputs_of(machine)]
        if isinstance(machine, HasInputs):
            drawn = machine.sample0_given(inputs, rng, biases)
        else:
            drawn = machine.sample0(len(v), rng, biases)[:, : machine.n_visible]
        x = np.where(gaps, drawn, x).astype(x.dtype)
    if machine.n_units > machine.n_visible:
        x = np.asarray(machine.clamp(x, rng, 1))
    return fill(machine, x, free, rng, n), free
