"""`infer`: rows to couplings, by any of the methods."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_choice
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, NotSupported, nearest
from ebm.inverse.couplings import Couplings
from ebm.inverse.methods import METHODS
from ebm.inverse.mixed import MixedMachine
from ebm.inverse.penalised import Penalties, shrinkage_of
from ebm.inverse.problem import Found, Problem
from ebm.inverse.rows import Rows, listed, rows_of
from ebm.machine import Array
from ebm.progress import Progress, showing
from ebm.stream import Seed
from ebm.units import Units

__all__ = ["infer"]

_WAYS = ("mean", "and", "or", "joint")


def infer(
    data: ArrayLike,
    units: Units | None = None,
    method: str = "pseudo_likelihood",
    *,
    penalty: Penalties = None,
    weights: ArrayLike | None = None,
    n_effective: float | None = None,
    mask: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    symmetrise: str = "mean",
    seed: Seed = 0,
    progress: Progress = None,
    **settings: Any,
) -> Couplings:
    """Couplings and biases of a fully connected machine from its samples. β is absorbed in them.

    Parameters
    ----------
    data : (n_rows, n_units)
        States of the units. NaN, of maximum_likelihood: not observed, summed out (missing at random).
    units : Units, optional
        Of finitely many states: ``Ising()``, ``Bernoulli()``, ``Potts(q)``, your own, or `Mixed` of them,
        with numbers of states that differ from column to column; beside them, or alone, real columns:
        ``Gaussian(learn_precision=True)``, or
        ``Gaussian()``, whose precision is 1. When left out Ising or Bernoulli, by the data.
    method : str
        "pseudo_likelihood" (Besag 1975): each unit given the others; "rise" and "logrise", interaction
        screening (Vuffray, Misra, Lokhov & Chertkov 2016; Lokhov et al. 2018); "probability_flow"
        (Sohl-Dickstein, Battaglino & DeWeese 2011): all with sandwich errors, and the first one takes real
        columns. "maximum_likelihood" sums over
        all states, 2²² at most, and has the errors of the Fisher matrix; "boltzmann" takes samples instead,
        see `BoltzmannLearning`. Few edges, without errors: "ebic" (`ising_network`), "decimation",
        "activation". Of two-state units, closed forms without errors: "pairs", "naive_mean_field", "tap",
        "sessak_monasson", "bethe" (exact on trees).
    penalty : L1, L2 or GroupLasso, or a sequence of them, or `Firth`, optional
        Of each unit's objective, on its couplings: l1·Σ|J| + l2/2·ΣJ² + group·Σ_pairs |J_ij|, J in the
        zero-sum gauge, real columns over their standard deviations. Errors with L2 are those of the penalised
        estimate and know nothing of its bias; with penalties that have corners there are none. `Firth`
        takes away the bias of few rows, and makes couplings finite where units tell others' states. Units of
        very many states need L2.
    weights : (n_rows,), optional
        Row weights ≥ 0.
    n_effective : float, optional
        How many independent rows they are worth, for the errors: where weights are counts, their sum. When
        left out (Σw)²/Σw², which is the number of rows where there are no weights.
    mask : (n_units, n_units) bool, optional
        Pairs that may be coupled; symmetric.
    factors : (n_units, n_units), optional
        By which the strengths of a pair's penalties are multiplied, such as 1/|J| of a first estimate (Zou,
        "The adaptive lasso" 2006); symmetric.
    symmetrise : {"mean", "and", "or", "joint"}
        Each of both units of a pair says what their coupling is: take the mean; with L1 or GroupLasso only
        where both say there is one ("and"), or where one does ("or", "mean"); or minimise the sum of all
        units' objectives with one coupling for both, which costs more.
    seed : int
        Of methods that draw samples.
    progress : bool or callable, optional
        As everywhere, `ebm.progress`; its first line says how long it may take, and how much memory.
    **settings
        Of the method's own: `BoltzmannLearning`'s of boltzmann; gamma, n_penalties, ratio of ebic; fraction
        of decimation; gamma, fraction, patience of activation.

    Returns
    -------
    Couplings
        Of a `MixedMachine` if there are real columns.

    Raises
    ------
    EbmError
        Rows that are no states, an unknown method or setting; penalties or masks that make no sense.
    NotSupported
        Units of more than two states for closed forms; penalties, real units or gaps that a method does not
        take.
    TooLarge
        Too many states for maximum_likelihood, too many parameters for joint.

    Warns
    -----
    RuntimeWarning
        A unit that never changes, states of Potts units that were never seen (they get no couplings), or
        units that others determine (a weak normal prior makes their couplings finite).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> from ebm.inverse import infer
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 0.5], [0.5, 0.0]])
    >>> found = infer(ebm.sample(pair, 4000, seed=1).x)
    >>> bool(abs(found.J[0, 1] - 0.5) < 4 * found.stderr_J[0, 1]), bool(found.p[0, 1] < 1e-6)
    (True, True)
    """
    method = as_choice(method, tuple(METHODS), "method")
    how = METHODS[method]
    symmetrise = as_choice(symmetrise, _WAYS, "symmetrise")
    rows = rows_of(data, units, weights, n_effective, real=how.real, gaps=how.gaps)
    shrinkage = shrinkage_of(penalty, factors, mask, rows.basis)
    if not how.penalised and (penalty is not None or factors is not None or mask is not None):
        raise EbmError(f"infer: {method} takes no penalty, factors or mask")
    if shrinkage.firth and (method != "pseudo_likelihood" or symmetrise == "joint" or rows.reals is not None):
        raise NotSupported(
            "penalty: Firth() is of pseudo_likelihood, each unit by itself, of finitely many states; expected"
            " these, or L2(0.01)"
        )
    if not how.symmetrises and symmetrise != "mean":
        raise EbmError(f"symmetrise: {method} has one estimate of each coupling; leave it out")
    names = [f.name for f in fields(how.settings)]
    unknown = sorted(set(settings) - set(names))
    if unknown:
        takes = f"; {nearest(unknown[0], names)}" if names else "; it has no settings"
        raise EbmError(f"infer: {method}: unknown setting {unknown[0]!r}{takes}")
    own = how.settings(**settings)
    kept = np.setdiff1d(np.arange(rows.basis.n), rows.constant)
    if len(kept) < 2:
        raise EbmError("data: fewer than two units change from row to row: there are no couplings to infer")
    changing = rows if len(kept) == rows.basis.n else rows.of(kept)
    with showing(progress, method) as update:
        found = how.solve(Problem(changing, shrinkage.taken(kept), symmetrise, seed, own, update))
    remarks = list(found.remarks)
    if changing is not rows:
        found = _with_constant(rows, kept, found)
        who = listed(rows.constant)
        remarks.insert(0, f"data: {who} never changes: it gets no couplings, and a bias by half a row")
    for remark in remarks:
        warnings.warn(remark, RuntimeWarning, stacklevel=2)
    if rows.reals is None:
        machine = BoltzmannMachine(rows.basis.units, found.J, found.b)
        errors = found.stderr_J, found.stderr_b
        return Couplings(machine, method, rows.n_effective, *errors, diagnostics=found.diagnostics)
    mixed, of_precision = _with_precisions(rows, found)
    if not mixed.normalisable():
        warnings.warn(
            f"{method}: the precision matrix of the real units is not positive definite: these couplings are"
            " no distribution's; expected more rows, or a penalty such as L2(0.01)",
            RuntimeWarning,
            stacklevel=2,
        )
    return Couplings(mixed, method, rows.n_effective, found.stderr_J, found.stderr_b, of_precision)


def _with_precisions(rows: Rows, found: Found) -> tuple[MixedMachine, Array | None]:
    """A machine whose real units have their precisions from the diagonal of J, and the errors of these."""
    at = np.flatnonzero(rows.basis.real[rows.basis.units.owners(rows.basis.n)])
    J, of_precision = found.J.copy(), None
    precision = -J[at, at]
    J[at, at] = 0.0
    if found.stderr_J is not None:
        of_precision = found.stderr_J[at, at].copy()
        found.stderr_J[at, at] = np.nan
    return MixedMachine(rows.basis.units, (J + J.T) / 2, found.b, precision), of_precision


def _with_constant(rows: Rows, kept: Array, found: Found) -> Found:
    """With units that never change: no couplings, a bias as if half a row had had each other state."""
    owners = rows.basis.units.owners(rows.basis.n)
    there = np.flatnonzero(np.isin(owners, kept))
    columns = len(owners)
    J, b = np.zeros((columns, columns)), np.empty(columns)
    J[np.ix_(there, there)] = found.J
    for i in rows.constant:
        f = rows.basis.contrasts[i]
        w = rows.w if rows.gaps is None else np.where(rows.gaps[:, i], 0.0, rows.w)
        counts = np.bincount(rows.codes[:, i], w, minlength=len(f)) * rows.n_effective + 0.5
        h = np.linalg.pinv(f) @ np.log(counts / counts.sum())
        own = owners == i
        b[own] = rows.basis.turn[own][:, rows.basis.own[i]] @ h
    b[there] = found.b
    if found.stderr_J is None or found.stderr_b is None:
        return replace(found, J=J, b=b)
    errors_J, errors_b = np.full((columns, columns), np.nan), np.full(columns, np.nan)
    errors_J[np.ix_(there, there)], errors_b[there] = found.stderr_J, found.stderr_b
    return replace(found, J=J, b=b, stderr_J=errors_J, stderr_b=errors_b)
