"""The methods of `infer`: what each takes, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from threadpoolctl import threadpool_limits

from ebm.errors import NotSupported, settings
from ebm.inverse import closed, errors
from ebm.inverse.activation import activated, decimated
from ebm.inverse.boltzmann_learning import BoltzmannLearning, boltzmann_learning
from ebm.inverse.edges import Sparse
from ebm.inverse.gathered import gathered
from ebm.inverse.joint import joint
from ebm.inverse.likelihood import maximum_likelihood
from ebm.inverse.losses import FLOW, LOG_SCREENING, PSEUDO_LIKELIHOOD, SCREENING, Loss
from ebm.inverse.network import network_of, penalties_of, two_states
from ebm.inverse.observed import maximum_with_gaps
from ebm.inverse.problem import Found, Problem
from ebm.inverse.rows import Rows, listed
from ebm.inverse.sitewise import Apart, assembled, solve
from ebm.inverse.unseen import of_seen
from ebm.machine import Array, Count

__all__ = ["METHODS", "Method"]

_NEWTON = 3000  # numbers of a site: of more no Hessian is made
_ERRORS = 2000  # contrasts: of more no standard errors


@dataclass(frozen=True)
class Method:
    """A way from rows to couplings.

    Attributes
    ----------
    settings : class
        Of its own settings, checked; the first line of its docstring says what the method is.
    solve : callable
    penalised, symmetrises : bool
        Whether it takes penalties, factors and masks; ways to make both sites agree.
    real, gaps : bool
        Whether it takes real units beside finite ones; rows with gaps.
    """

    settings: type[Any]
    solve: Callable[[Problem], Found]
    penalised: bool = False
    symmetrises: bool = False
    real: bool = False
    gaps: bool = False


def _named(summary: str) -> type[Any]:
    """Of a method without settings."""
    return settings(type("Settings", (), {"__doc__": summary, "__annotations__": {}}))


@settings
class _Ebic:
    """Few edges: lasso paths and EBIC, edges that both units have (symmetrise: or, one).

    Parameters
    ----------
    gamma : float
        Of EBIC: 0 is BIC; larger is sparser.
    n_penalties : int
        On a path.
    ratio : float
        Of the last penalty to the first.
    """

    gamma: Annotated[float, Field(ge=0)] = 0.25
    n_penalties: Count = 100
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.01


@settings
class _Decimation:
    """Few edges: weak couplings are taken out (Decelle & Ricci-Tersenghi 2014).

    Parameters
    ----------
    fraction : float
        Of the couplings that are there, taken out at a time.
    """

    fraction: Annotated[float, Field(ge=0, le=1)] = 0.1


@settings
class _Activation:
    """Few edges: steep couplings are let in until EBIC rises.

    Parameters
    ----------
    gamma : float
        Of EBIC: 0 is BIC; larger is sparser.
    fraction : float
        Of the edges that are there, let in at a time.
    patience : int
        Steps without a smaller EBIC after which it ends.
    """

    gamma: Annotated[float, Field(ge=0)] = 0.25
    fraction: Annotated[float, Field(ge=0, le=1)] = 0.05
    patience: Count = 5


def _closed(form: Callable[[Rows], tuple[Array, Array]], name: str) -> Callable[[Problem], Found]:
    def solve(problem: Problem) -> Found:
        rows = problem.rows
        half = rows.basis.half_ranges(name)
        K, h = form(rows)
        return Found(*rows.basis.in_units(K / np.outer(half, half), h / half))

    return solve


def _sitewise(asked: Loss) -> Callable[[Problem], Found]:
    newton = of_seen(_by_newton(asked))

    def solve_(problem: Problem) -> Found:
        rows = problem.rows
        largest = max(f.shape[1] for f in rows.basis.contrasts) * rows.basis.size
        whole = rows.reals is None and problem.symmetrise != "joint" and asked is PSEUDO_LIKELIHOOD
        if largest > _NEWTON and whole and not problem.shrinkage.firth:
            K, h = gathered(rows, problem.shrinkage, problem.update)
            return Found(*rows.basis.in_units((K + K.T) / 2, h))
        return newton(problem)

    return solve_


def _by_newton(asked: Loss) -> Callable[[Problem], Found]:
    # Sites are worked on side by side, by many small products: threads of BLAS would wait for each other.
    @threadpool_limits.wrap(limits=1, user_api="blas")
    def solve_(problem: Problem) -> Found:
        rows, shrinkage = problem.rows, problem.shrinkage
        # Without a penalty a logarithm moves no minimum; at infinity it is a line, which no small prior
        # holds.
        loss = SCREENING if asked.log and shrinkage.free else asked
        if problem.symmetrise == "joint":
            if rows.reals is not None:
                raise NotSupported("symmetrise: joint takes no real units; expected mean, and, or")
            return _joint(loss, problem)
        wanted = shrinkage.smooth and rows.basis.size <= _ERRORS
        sites = solve(rows, loss, shrinkage, errors=wanted, update=problem.update)
        K, h = assembled(rows, sites)
        J, b = rows.basis.in_units(_agreed(K, problem.symmetrise), h)
        of_J, of_b = errors.of_sites(rows, sites) if wanted else (None, None)
        if shrinkage.firth and of_J is not None:  # where units are told apart hardly a row scatters
            of_J = np.maximum(of_J, errors.of_information(rows, sites))
        away = [i for i, site in enumerate(sites) if not site.finite]
        return Found(J, b, of_J, of_b, (_prior(rows, listed(away)),) if away else ())

    return solve_


def _agreed(K: Array, how: str) -> Array:
    """The mean of what both sites say; of `and` where both have a coupling."""
    keep = (K != 0) & (K.T != 0) if how == "and" else True
    return np.where(keep, (K + K.T) / 2, 0.0)


def _joint(loss: Loss, problem: Problem) -> Found:
    rows = problem.rows
    if not problem.shrinkage.smooth:
        raise NotSupported("symmetrise: joint takes the penalty L2 alone; expected mean, and, or")
    try:
        K, h, places, inverse, sites = joint(rows, loss, problem.shrinkage)
    except Apart:
        K, h, places, inverse, sites = joint(rows, loss, problem.shrinkage.with_prior(rows.n_effective))
        of_J, of_b = errors.of_joint(rows, places, inverse, sites)
        wide_J, wide_b = errors.of_covariance(rows, places, inverse)
        spread = np.fmax(of_J, wide_J), np.fmax(of_b, wide_b)
        return Found(*rows.basis.in_units(K, h), *spread, remarks=(_prior(rows, "some units"),))
    return Found(*rows.basis.in_units(K, h), *errors.of_joint(rows, places, inverse, sites))


def _maximum_likelihood(problem: Problem) -> Found:
    rows, remarks = problem.rows, tuple[str, ...]()
    climb = maximum_likelihood if rows.gaps is None else maximum_with_gaps
    try:
        K, h, places, covariance, _ = climb(rows, problem.shrinkage)
    except Apart:  # errors of the posterior
        remarks = (_prior(rows, "some units"),)
        prior = problem.shrinkage.with_prior(rows.n_effective)
        K, h, places, _, covariance = climb(rows, prior)
    return Found(*rows.basis.in_units(K, h), *errors.of_covariance(rows, places, covariance), remarks=remarks)


def _boltzmann(problem: Problem) -> Found:
    learnt = boltzmann_learning(
        problem.rows, problem.shrinkage, problem.settings, problem.seed, problem.update
    )
    J, b = learnt.windows[-1].J, learnt.windows[-1].b
    return Found(J, b, learnt.stderr_J, learnt.stderr_b, learnt.remarks, learnt)


def _ebic(problem: Problem) -> Found:
    rows, how = problem.rows, problem.settings
    if problem.symmetrise == "joint":
        raise NotSupported("symmetrise: ebic has a regression of each unit; expected mean, and, or")
    two_states(rows, "ebic")
    penalties = penalties_of(rows, how.n_penalties, how.ratio)
    rule = "or" if problem.symmetrise == "or" else "and"
    return _of(network_of(rows, how.gamma, penalties, rule, update=problem.update))


def _decimation(problem: Problem) -> Found:
    return _of(decimated(problem.rows, problem.settings.fraction, problem.update))


def _activation(problem: Problem) -> Found:
    how = problem.settings
    return _of(activated(problem.rows, how.gamma, how.fraction, how.patience, problem.update))


def _of(found: Sparse) -> Found:
    return Found(found.J, found.b)


def _prior(rows: Rows, who: str) -> str:
    """What was done where a minimum is at infinity."""
    return (
        f"data: couplings of {who} have no finite, or no single, estimate in these rows; a normal prior makes"
        f" one, L2(1/rows) = L2({1 / rows.n_effective:.2g}); errors are what the prior leaves open"
    )


METHODS: dict[str, Method] = {
    "pseudo_likelihood": Method(
        _named("Each unit given the others (Besag 1975), sandwich errors."),
        _sitewise(PSEUDO_LIKELIHOOD),
        penalised=True,
        symmetrises=True,
        real=True,
    ),
    "rise": Method(
        _named("Interaction screening (Vuffray et al. 2016), sandwich errors."),
        _sitewise(SCREENING),
        penalised=True,
        symmetrises=True,
    ),
    "logrise": Method(
        _named("Its logarithm (Lokhov et al. 2018): another scale for penalties."),
        _sitewise(LOG_SCREENING),
        penalised=True,
        symmetrises=True,
    ),
    "probability_flow": Method(
        _named("Minimum probability flow (Sohl-Dickstein et al. 2011), sandwich errors."),
        _sitewise(FLOW),
        penalised=True,
        symmetrises=True,
    ),
    "maximum_likelihood": Method(
        _named("Sums over all states (≤ 2²² of them), errors of the Fisher matrix."),
        of_seen(_maximum_likelihood),
        penalised=True,
        gaps=True,
    ),
    "boltzmann": Method(BoltzmannLearning, _boltzmann, penalised=True),
    "ebic": Method(_Ebic, _ebic, symmetrises=True),
    "decimation": Method(_Decimation, _decimation),
    "activation": Method(_Activation, _activation),
    "pairs": Method(_named("Each pair by itself, two states."), _closed(closed.pairs, "pairs")),
    "naive_mean_field": Method(
        _named("−C⁻¹, two states."), _closed(closed.naive_mean_field, "naive_mean_field")
    ),
    "tap": Method(_named("With Onsager's reaction, two states."), _closed(closed.tap, "tap")),
    "sessak_monasson": Method(
        _named("Small correlations, two states."), _closed(closed.sessak_monasson, "sessak_monasson")
    ),
    "bethe": Method(_named("Exact on trees, two states."), _closed(closed.bethe, "bethe")),
}
