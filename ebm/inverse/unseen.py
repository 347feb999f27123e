"""States of Potts units that were never seen: they get no couplings, and a bias by half a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ebm.inverse.problem import Found, Problem
from ebm.inverse.rows import Rows
from ebm.machine import Array
from ebm.units import Mixed, Potts

__all__ = ["of_seen"]


def of_seen(solve: Callable[[Problem], Found]) -> Callable[[Problem], Found]:
    """A method that looks at states which were seen, and says so of the others."""

    def solved(problem: Problem) -> Found:
        rows = problem.rows
        seen = [
            np.unique(codes) if isinstance(own, Potts) else np.arange(len(states))
            for codes, own, states in zip(rows.codes.T, rows.basis.types, rows.basis.states, strict=True)
        ]
        if all(len(kept) == len(states) for kept, states in zip(seen, rows.basis.states, strict=True)):
            return solve(problem)
        found = solve(replace(problem, rows=_reduced(rows, seen)))
        return _restored(rows, seen, found)

    return solved


def _reduced(rows: Rows, seen: list[Array]) -> Rows:
    """The rows of units that have only these states."""
    codes = np.stack([np.searchsorted(kept, x) for kept, x in zip(seen, rows.codes.T, strict=True)], axis=1)
    blocks = [
        (Potts(len(kept)) if isinstance(own, Potts) else own, 1)
        for kept, own in zip(seen, rows.basis.types, strict=True)
    ]
    basis = replace(rows.basis, units=Mixed(tuple(blocks)))
    return replace(rows, codes=np.ascontiguousarray(codes, np.uint8), basis=basis)


def _restored(rows: Rows, seen: list[Array], found: Found) -> Found:
    """What was found, with the states that were left out."""
    widths = [states.shape[1] for states in rows.basis.states]
    starts = np.cumsum([0, *widths])
    there = np.concatenate(
        [
            start + (kept if isinstance(own, Potts) else np.arange(width))
            for start, width, kept, own in zip(starts[:-1], widths, seen, rows.basis.types, strict=True)
        ]
    )
    columns = int(starts[-1])
    J, b = np.zeros((columns, columns)), np.zeros(columns)
    J[np.ix_(there, there)], b[there] = found.J, found.b
    # Of an unseen state: so rare, in the mean over the rows, that half a row would have had it.
    log_rare = np.log(0.5 / (rows.n_effective + 0.5))
    inputs = rows.basis.units.encode(rows.states) @ J + b
    names = []
    for i, (first, last) in enumerate(pairwise(starts)):
        left = np.setdiff1d(np.arange(first, last), there)
        if len(left):
            kept = np.setdiff1d(np.arange(first, last), left)
            whole = np.logaddexp.reduce(inputs[:, kept], axis=1)
            b[left] = rows.w @ whole + log_rare
            b[first:last] -= b[first:last].mean()
            names.append(f"{', '.join(map(str, left - first))} of unit {i}")
    shown = "; ".join(names[:3]) + (f" and of {len(names) - 3} units more" if len(names) > 3 else "")
    remark = f"data: states never seen: {shown}: they get no couplings, and a bias by half a row"
    whole_found = replace(found, J=J, b=b, remarks=(*found.remarks, remark))
    if found.stderr_J is None or found.stderr_b is None:
        return whole_found
    errors_J, errors_b = np.full((columns, columns), np.nan), np.full(columns, np.nan)
    errors_J[np.ix_(there, there)], errors_b[there] = found.stderr_J, found.stderr_b
    return replace(whole_found, stderr_J=errors_J, stderr_b=errors_b)
