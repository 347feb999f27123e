"""Exact maximum likelihood of few units, with the errors of the Fisher matrix."""

from __future__ import annotations

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.inverse.spins import Rows
from ebm.machine import Array
from ebm.maximum import maximise
from ebm.penalties import L2
from ebm.states import enumerate_states, n_states, refuse_above
from ebm.units import Ising

__all__ = ["fisher", "maximum_likelihood"]

_MOST = 2.0**22  # states: of each the moments of all pairs
_LARGE = 100.0  # a coupling beyond: the maximum is at infinity
_AT_ONCE = 2**20  # numbers
_FLAT = 1e-12  # smallest eigenvalue of the Fisher matrix over the largest


def maximum_likelihood(rows: Rows, l2: float) -> tuple[Array, Array, Array]:
    """Couplings and fields of spins, and the covariance of (fields, pairs i < j) for one row.

    Of the penalised estimate it is that of its scatter, H⁻¹ F H⁻¹. `l2` is the strength of l2/2·ΣK².
    """
    n = rows.s.shape[1]
    refuse_above(_MOST, n_states(Ising(), n), 1e-7 * n, 0.0, f"maximum_likelihood of {n} units")
    machine = BoltzmannMachine(Ising(), np.zeros((n, n)), np.zeros(n))
    penalties = [L2(l2)] if l2 else []
    found = maximise(machine, rows.s, weights=rows.w, penalties=penalties)
    K, h = machine.params["J"], machine.params["b"]
    information = fisher(machine)
    bend = information + np.diag(np.append(np.zeros(n), np.full(n * (n - 1) // 2, l2)))
    values = np.linalg.eigvalsh(bend)
    away = max(np.abs(K).max(), np.abs(h).max()) > _LARGE or not found.gradient_norm < 1e-6
    if away or values[0] < _FLAT * values[-1]:
        raise EbmError(
            "data: some units determine one another in these rows, or never change: the likelihood has no"
            " finite maximum; expected more rows, or l2 > 0, such as 0.01"
        )
    inverse = np.linalg.inv(bend)
    return K, h, inverse @ information @ inverse


def fisher(machine: BoltzmannMachine) -> Array:
    """The Fisher matrix of (b, J_ij for i < j), one row, by a sum over all states."""
    n = machine.n_units
    i, j = np.triu_indices(n, 1)
    log_z, total = machine.exact(stats=False)[0], int(n_states(machine.units, n))
    first, second = np.zeros(n + len(i)), np.zeros((n + len(i),) * 2)
    for start in range(0, total, at_once := max(1, _AT_ONCE // (n + len(i)))):
        x = enumerate_states(machine.units, n, start, min(start + at_once, total))
        moments = np.concatenate([x, x[:, i] * x[:, j]], axis=1)
        p = np.exp(-machine.energy(x) - log_z)
        first += p @ moments
        second += (moments * p[:, None]).T @ moments
    return second - np.outer(first, first)
