"""Exact maximum likelihood of few units, with the errors of the Fisher matrix."""

from __future__ import annotations

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import NotSupported
from ebm.inverse.basis import Basis
from ebm.inverse.joint import Places
from ebm.inverse.penalised import Shrinkage
from ebm.inverse.rows import Rows
from ebm.inverse.sitewise import Apart
from ebm.machine import Array
from ebm.maximum import maximise
from ebm.penalties import L2
from ebm.states import enumerate_states, n_states, refuse_above

__all__ = ["fisher", "maximum_likelihood"]

_MOST = 2.0**22  # states: of each the moments of all pairs
_LARGE = 100.0  # a coupling beyond: the maximum is at infinity
_AT_ONCE = 2**20  # numbers
_FLAT = 1e-12  # smallest eigenvalue of the Fisher matrix over the largest


def maximum_likelihood(rows: Rows, shrinkage: Shrinkage) -> tuple[Array, Array, Places, Array, Array]:
    """Couplings and biases of contrasts, where they stand in a vector, and two covariances for one row.

    That of the penalised estimate's scatter, H⁻¹ F H⁻¹, and that of the posterior, H⁻¹.
    """
    if not shrinkage.smooth or shrinkage.factors is not None or shrinkage.allowed is not None:
        raise NotSupported("maximum_likelihood: takes the penalty L2 alone, no others, no factors, no mask")
    basis, l2 = rows.basis, shrinkage.l2
    refuse_above(
        _MOST, n_states(basis.units, basis.n), 1e-7 * basis.n, 0.0, f"maximum_likelihood of {basis.n} units"
    )
    size = len(basis.means)
    machine = BoltzmannMachine(basis.units, np.zeros((size, size)), np.zeros(size))
    penalties = [L2(l2)] if l2 else []
    found = maximise(machine, rows.states, weights=rows.w, penalties=penalties)
    places = Places(rows, shrinkage)
    K, h = basis.of_units(machine.params["J"], machine.params["b"])
    information = fisher(machine, places)
    bend = information + np.diag(np.repeat([0.0, l2], [basis.size, places.total - basis.size]))
    values = np.linalg.eigvalsh(bend)
    away = max(np.abs(K).max(), np.abs(h).max()) > _LARGE or not found.gradient_norm < 1e-6
    if away or values[0] < _FLAT * values[-1]:
        raise Apart(
            "data: some units determine one another in these rows, or never change: the likelihood has no"
            " finite maximum; expected more rows, or a penalty such as L2(0.01)"
        )
    inverse = np.linalg.inv(bend)
    return K, h, places, inverse @ information @ inverse, inverse


def fisher(machine: BoltzmannMachine, places: Places | None = None) -> Array:
    """The Fisher matrix of biases and couplings of contrasts, one row, by a sum over all states.

    Of Ising units they are b and J_ij for i < j.
    """
    n, total = machine.n_units, int(n_states(machine.units, machine.n_units))
    basis = Basis(machine.units, n)
    if places is None:
        places = Places(Rows(np.zeros((1, n), np.uint8), np.ones(1), 1.0, basis), Shrinkage())
    log_z = machine.exact(stats=False)[0]
    upper = np.triu(places.table, 1)
    i, j = np.nonzero(np.triu(places.table >= 0, 1))
    order = np.argsort(upper[i, j])
    i, j = i[order], j[order]
    first, second = np.zeros(places.total), np.zeros((places.total,) * 2)
    for start in range(0, total, at_once := max(1, _AT_ONCE // places.total)):
        x = enumerate_states(machine.units, n, start, min(start + at_once, total))
        f = np.hstack(
            [
                g[np.searchsorted(np.asarray(basis.types[k].states), x[:, k])]
                for k, g in enumerate(basis.contrasts)
            ]
        )
        moments = np.concatenate([f, f[:, i] * f[:, j]], axis=1)
        p = np.exp(-machine.energy(x) - log_z)
        first += p @ moments
        second += (moments * p[:, None]).T @ moments
    return second - np.outer(first, first)
