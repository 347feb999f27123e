"""What is missing, predicted: probabilities, likeliest values and draws of the gaps of rows.

p(gap | observed part of the row), by sums over the states of the gaps where these are few, else by Gibbs
sweeps that hold what was observed. The average of the conditional distribution of a unit given the rest of
the state has less noise than that of its draws (Rao and Blackwell), docs/math.md (17.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_count
from ebm.errors import EbmError
from ebm.files import refuse_beyond_memory
from ebm.gaps import as_gapped, by_pattern, complete_states, fill, local_inputs
from ebm.machine import Array, Count, Machine, as_machine, visible_units
from ebm.notebook import html_table
from ebm.progress import Progress, Update, showing
from ebm.states import enumerate_states, n_states
from ebm.stream import GAPS, Seed, Stream
from ebm.units import Units

__all__ = ["Imputed", "impute"]

_MOST = 2**10  # states of the gaps of a row that are summed
_CHAINS = 10  # of each row, at least
_AT_ONCE = 2**22  # numbers worked on at a time


@dataclass(frozen=True)
class Imputed:
    """What a machine says of the gaps of rows. What was observed stands as it is.

    Attributes
    ----------
    mean, variance : ndarray, (n, n_visible) float64
        Of each unit given the observed part of its row; of units of q states, of the numbers of the states.
    mode : ndarray, (n, n_visible) float64
        Its likeliest state; of real units the mean.
    probabilities : ndarray, (n, n_visible, n_states) float64
        Of each state of a unit, in the order of its states; NaN of real units, and beyond its states.
    stderr : ndarray, (n, n_visible) float64
        Of the mean, from the spread of chains; 0 where states were summed.
    completed : ndarray, (n_imputations, n, n_visible)
        Draws of all gaps of a row together: multiple imputations.
    gaps : ndarray of bool, (n, n_visible)
        Where they were.
    """

    mean: Array
    variance: Array
    mode: Array
    probabilities: Array
    stderr: Array
    completed: Array
    gaps: Array

    def __len__(self) -> int:
        return len(self.mean)

    def __repr__(self) -> str:
        return f"Imputed({self._said})"

    @property
    def _said(self) -> str:
        cells, error = int(self.gaps.sum()), float(self.stderr.max(initial=0.0))
        exact = "exact" if error == 0 else f"errors of means at most {error:.2g}"
        return f"{cells} gaps in {len(self)} rows of {self.gaps.shape[1]} units, {exact}"

    def _repr_html_(self) -> str:
        head = ["row", "unit", "mode", "mean", "standard deviation"]
        where = np.argwhere(self.gaps)[:10]
        cells = [
            [i, j, f"{self.mode[i, j]:g}", f"{self.mean[i, j]:.4g}", f"{np.sqrt(self.variance[i, j]):.3g}"]
            for i, j in where
        ]
        return html_table(self._said, head, cells)


def impute(
    machine: Machine,
    rows: ArrayLike,
    n: Count = 1,
    *,
    n_sweeps: Count = 100,
    seed: Seed = 0,
    progress: Progress = None,
) -> Imputed:
    """Say what the gaps of rows are, given what was observed of them.

    Exact where the gaps of a row have at most 1024 states, and the machine's hidden units can be summed.

    Parameters
    ----------
    machine : Machine
    rows : (n_rows, n_visible)
        NaN is a gap.
    n : int
        Draws of all gaps: multiple imputations.
    n_sweeps : int
        Of the chains of a row, of which there are ten, or n: half as many come before, to forget the start.
    seed : int, SeedSequence or Generator
    progress : bool or callable, optional

    Returns
    -------
    Imputed

    Raises
    ------
    EbmError
        Rows of the wrong width; what was observed is no state of its unit.

    Notes
    -----
    That a value is missing must not depend on the value itself given the observed ones (missing at random).

    References
    ----------
    Rubin, "Multiple imputation for nonresponse in surveys" (1987).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Bernoulli(), [[0.0, 3.0], [3.0, 0.0]], [-1.0, -1.0])
    >>> ebm.impute(pair, [[1, np.nan], [0, np.nan]]).mean.round(3)
    array([[1.   , 0.881],
           [0.   , 0.269]])
    """
    machine, n = as_machine(machine, "impute: machine"), as_count(n, "n")
    n_sweeps = as_count(n_sweeps, "n_sweeps")
    values = as_array(rows, "rows")
    found = as_gapped(
        machine, values.astype(np.float64) if values.dtype.kind in "biu" else values, "rows", once=True
    )
    work = _Work(machine, found.x, found.gaps, n, n_sweeps, Stream(seed).split(GAPS))
    with showing(progress, "impute") as update:
        work.all(update)
    return work.result()


class _Work:
    """The answer as it is filled in."""

    def __init__(self, machine: Machine, x: Array, gaps: Array, n: int, n_sweeps: int, rng: Stream) -> None:
        self.machine, self.x, self.gaps, self.n_sweeps, self.rng = machine, x, gaps, n_sweeps, rng
        self.units: Units = visible_units(machine)
        d = self.d = machine.n_visible
        parts = self.units.parts(d)
        q = self.q = max(len(own.states or ()) for own, _, _ in parts)
        refuse_beyond_memory(
            8.0 * len(x) * d * (q + n + 4), f"impute: {len(x)} rows, {n} times", "fewer rows"
        )
        self.mean, self.variance = np.array(x, np.float64), np.zeros(x.shape)
        self.stderr, self.completed = np.zeros(x.shape), np.repeat(x[None], n, axis=0)
        self.probabilities = np.full((*x.shape, q), np.nan)
        for own, places, _ in parts:
            if own.states is not None:
                states = np.asarray(own.states)
                self.probabilities[:, places, : len(states)] = x[:, places, None] == states

    def all(self, update: Update) -> None:
        """Work on all rows: sums first, then chains of many rows at a time."""
        hard, done = [], 0
        for gap, own in by_pattern(self.gaps):
            if not gap.any() or self._sum(gap, own):
                done += len(own)
                update(done / len(self.x), "")
            else:
                hard.append(own)
        if not hard:
            return
        rows = np.sort(np.concatenate(hard))
        chains = max(_CHAINS, len(self.completed))
        width = chains * (self.units.columns(self.d) + self.machine.params[self.machine.biases[-1]].size)
        for part in np.array_split(rows, max(1, len(rows) * width // _AT_ONCE)):
            self._chains(part, chains)
            done += len(part)
            update(done / len(self.x), "")

    def _sum(self, gap: Array, own: Array) -> bool:
        """Sum over the states of the gaps of rows that lack the same units; False where they are too many."""
        missing, m = self.units.taken(gap), int(gap.sum())
        q = n_states(missing, m)
        if q > _MOST or self.machine.n_units > self.d:
            return False
        h = enumerate_states(missing, m)
        for part in np.array_split(own, max(1, len(own) * len(h) * self.d // _AT_ONCE)):
            v = np.repeat(self.x[part], len(h), axis=0)
            v[:, gap] = np.tile(h, (len(part), 1))
            below = -self.machine.visible_free_energy(v).reshape(len(part), len(h))
            p = np.exp(below - below.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            places = np.flatnonzero(gap)
            for k, i in enumerate(places.tolist()):
                states = np.asarray(self.units.one(i).states)
                for a, state in enumerate(states):
                    self.probabilities[part, i, a] = p[:, h[:, k] == state].sum(1)
                self._moments(part, i, states)
            u = self.rng.uniform(len(part), len(self.completed), np.float64)
            chosen = (np.cumsum(p, 1)[:, None, :-1] < u[:, :, None]).sum(-1)  # (rows, n)
            self.completed[np.ix_(np.arange(len(self.completed)), part, places)] = h[chosen.T]
        return True

    def _moments(self, rows: Array, i: int, states: Array) -> None:
        p = self.probabilities[rows, i, : len(states)]
        mean = p @ states
        self.mean[rows, i], self.variance[rows, i] = mean, np.maximum(p @ states**2 - mean**2, 0)

    def _chains(self, rows: Array, chains: int) -> None:
        """Chains of some rows, side by side."""
        x = np.repeat(self.x[rows], chains, axis=0)
        gaps = np.repeat(self.gaps[rows], chains, axis=0)
        state, free = complete_states(self.machine, x, gaps, self.rng, -(-self.n_sweeps // 2))
        sums = _Sums(self.units, self.d, len(state), self.q)
        for _ in range(self.n_sweeps):
            state = fill(self.machine, state, free, self.rng)
            sums.add(local_inputs(self.machine, state, self.rng), state[:, : self.d])
        n, gap = len(rows), self.gaps[rows]
        p, mean, square = (s.reshape(n, chains, *s.shape[1:]) / self.n_sweeps for s in sums.all)
        spread = mean.std(1, ddof=1) / np.sqrt(chains)
        mean, square, p = mean.mean(1), square.mean(1), p.mean(1)
        for name, value in (("mean", mean), ("variance", square - mean**2), ("stderr", spread)):
            own = getattr(self, name)
            own[rows] = np.where(gap, value, own[rows])
        self.probabilities[rows] = np.where(gap[:, :, None], p, self.probabilities[rows])
        drawn = state[:, : self.d].reshape(n, chains, self.d)[:, : len(self.completed)]
        self.completed[:, rows] = np.where(gap, drawn.swapaxes(0, 1), self.completed[:, rows])

    def result(self) -> Imputed:
        """Everything, with modes."""
        p = self.probabilities
        mode = np.array(self.mean)
        for own, places, _ in self.units.parts(self.d):
            if own.states is not None:
                states = np.asarray(own.states)
                mode[:, places] = states[p[:, places, : len(states)].argmax(-1)]
        mode = np.where(self.gaps, mode, self.x)
        variance = np.maximum(self.variance, 0)
        return Imputed(self.mean, variance, mode, p, self.stderr, self.completed, self.gaps)


class _Sums:
    """Sums over sweeps of what is said of each unit: probabilities, mean, mean square."""

    def __init__(self, units: Units, d: int, n: int, q: int) -> None:
        self.units, self.d = units, d
        self.all = np.zeros((n, d, q)), np.zeros((n, d)), np.zeros((n, d))
        for own, places, _ in units.parts(d):
            self.all[0][:, places, len(own.states or ()) :] = np.nan

    def add(self, I: Array | None, x: Array) -> None:
        """Add a state: by the inputs of its units, or itself where there are none."""
        p, mean, square = self.all
        for own, places, columns in self.units.parts(self.d):
            if own.states is None:
                at = x[:, places] if I is None else own.mean(I[:, columns])
                mean[:, places] += at
                square[:, places] += at**2 if I is None else at**2 + own.var(I[:, columns])
                continue
            states = np.asarray(own.states)
            here = (x[:, places, None] == states).astype(float) if I is None else chances(own, I[:, columns])
            p[:, places, : len(states)] += here
            mean[:, places] += here @ states
            square[:, places] += here @ states**2


def chances(units: Units, I: Array) -> Array:
    """p(state | I) of units of finitely many states, all of one type: (n, k·width) -> (n, k, n_states)."""
    if units.states is None:
        raise EbmError(f"{units} have a continuum of states")
    s = np.asarray(units.states)[:, None]
    w = I.reshape(len(I), -1, units.width).astype(np.float64) @ units.encode(s).T - units.potential(s)[:, 0]
    p = np.exp(w - w.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)
