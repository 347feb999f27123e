"""Scores of a machine on data, each with its unit: nats per sample unless it says otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_flag, as_numbers
from ebm.arrays import row_blocks
from ebm.errors import EbmError, NotSupported
from ebm.gaps import complete_states
from ebm.machine import (
    Array,
    Chains,
    Layered,
    Machine,
    Pairwise,
    Reconstructs,
    as_data,
    as_machine,
    as_rows,
    as_weights,
    at_least_one,
    inputs_of,
    moving_units,
    require,
    visible_units,
)
from ebm.partition import LogZ, log_likelihood
from ebm.partition.likelihood import as_observed
from ebm.stream import GAPS, Seed, Stream

__all__ = ["free_energy_gap", "kl_divergence", "pseudo_likelihood", "reconstruction_error"]


def pseudo_likelihood(
    machine: Machine,
    data: ArrayLike,
    *,
    stochastic: bool = False,
    seed: Seed = 0,
    sites: ArrayLike | None = None,
) -> Array:
    """Log pseudo-likelihood Σᵢ log p(vᵢ | the others) of each row: nats per sample, (n,).

    Inputs of a machine that has some are no vᵢ.

    Parameters
    ----------
    machine : Machine
        Without hidden units in its state, and with units of finitely many states.
    data : (n, n_visible)
        States; NaN where a unit was not observed. Gaps are drawn given the rest, and only what was observed
        is judged.
    stochastic : bool
        One unit per row, chosen at random, times n_visible: unbiased, docs/math.md (7.3), and n_visible
        times cheaper than the exact sum (7.2).
    seed : int, SeedSequence or Generator
    sites : (n,) of int, optional
        Instead of chosen at random: the unit of each row.

    Raises
    ------
    NotSupported
        Continuous units, or hidden units that are not summed out.

    References
    ----------
    Besag, "Statistical analysis of non-lattice data" (1975).
    """
    machine = as_machine(machine, "pseudo_likelihood: machine")
    if not moving_units(machine).finite:
        raise NotSupported(f"pseudo_likelihood: {moving_units(machine)} units have a continuum of states")
    if machine.n_units != machine.n_visible:
        raise NotSupported(f"pseudo_likelihood: {machine} has hidden units in its state")
    rows, gaps = as_observed(machine, data)
    n, first = len(rows), inputs_of(machine)
    d = rows.shape[1] - first
    if gaps.any():
        whole, _ = complete_states(machine, rows, gaps, Stream(seed).split(GAPS))
        chains = machine.start(whole)
        return np.sum([np.where(gaps[:, i], 0.0, _site(machine, chains, whole, i)) for i in range(d)], axis=0)
    if not as_flag(stochastic, "stochastic") and sites is None:
        blocks = row_blocks(n, 4 * _width(machine, rows.shape[1]))
        return np.concatenate([_all_sites(machine, rows[k]) for k in blocks])
    chosen = np.floor(Stream(seed).uniform(n, 1)[:, 0] * d) if sites is None else as_numbers(sites, "sites")
    if chosen.shape != (n,) or (n and not (0 <= chosen.min() <= chosen.max() < d)):
        raise EbmError(f"sites: expected {n} numbers of units from 0 to {d - 1}")
    chosen = chosen + first
    out = np.empty(n)
    for i in np.unique(chosen):
        mine = np.flatnonzero(chosen == i)
        out[mine] = d * _site(machine, machine.start(rows[mine]), rows[mine], int(i))
    return out


def _width(machine: Machine, d: int) -> int:
    """Numbers of a row of d units and of what it is coupled to."""
    return machine.units.columns(d) + sum(value.size for value in machine.params.values()) // d


def _all_sites(machine: Machine, rows: Array) -> Array:
    """Σᵢ log p(vᵢ | the others) of each row."""
    chains = machine.start(rows)
    if isinstance(machine, Pairwise):  # I·φ(v_i) − A(I) of all units, by one product
        I = machine.inputs(chains).astype(np.float64)
        own = machine.units.cgf(I) + machine.units.potential(rows)
        return np.einsum("ni,ni->n", I, machine.units.encode(rows)) - own.sum(-1)
    sites = range(inputs_of(machine), rows.shape[1])
    return np.sum([_site(machine, chains, rows, i) for i in sites], axis=0)


def _site(machine: Machine, chains: Chains, rows: Array, i: int) -> Array:
    """log p(vᵢ | the others) of each row."""
    energies = machine.site_energies(chains, i)
    top = energies.min(1)
    log_sum = np.log(np.exp(top[:, None] - energies).sum(1)) - top
    index = np.searchsorted(np.asarray(machine.units.one(i).states), rows[:, i])
    return -energies[np.arange(len(rows)), index] - log_sum


def reconstruction_error(machine: Machine | Reconstructs, data: ArrayLike) -> float:
    """Mean squared difference between φ(v) and its reconstruction from hidden means, per visible unit.

    Docs/math.md (7.4). It is no likelihood: it tells whether learning runs, not whether the model is good.

    Raises
    ------
    NotSupported
        The machine does not reconstruct: RBMs and stacks do.
    """
    able = require(machine, Reconstructs, "reconstruction_error", "an RBM, a DBM or a DBN")
    if isinstance(machine, Layered):
        visible = machine.layer_units[0]
    else:
        visible = visible_units(as_machine(machine, "reconstruction_error: machine"))
    n, total = able.n_visible, 0.0
    rows = as_rows(data, visible, n, "data")
    at_least_one(len(rows), "data")
    for k in row_blocks(len(rows), visible.columns(n) + sum(a.size for a in able.params.values()) // n):
        difference = visible.encode(rows[k]) - able.reconstruct(rows[k])
        total += float(np.sum(np.square(difference, dtype=np.float64)))
    return total / rows.size


def free_energy_gap(machine: Machine, train: ArrayLike, heldout: ArrayLike) -> float:
    """Mean free energy of held-out rows minus that of training rows, nats per sample; docs/math.md (7.5).

    log Z cancels: it is the difference of the mean log-likelihoods, and grows when a machine overfits.
    """
    free = as_machine(machine, "free_energy_gap: machine").visible_free_energy
    rows, others = as_data(machine, heldout, "heldout"), as_data(machine, train, "train")
    at_least_one(len(rows), "heldout")
    at_least_one(len(others), "train")
    return float(free(rows).mean() - free(others).mean())


def kl_divergence(
    machine: Machine,
    data: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    log_z: LogZ | float | None = None,
) -> float:
    """KL(q‖p) from the distribution q of the rows to the machine's p(v), nats; docs/math.md (7.6).

    Parameters
    ----------
    data : (n, n_visible)
        Equal rows count together.
    weights : (n,), optional
        Their probabilities up to a factor.
    log_z : LogZ, float or None
        As in `log_likelihood`.

    Raises
    ------
    NotSupported
        Continuous units: rows have densities, not probabilities.
    """
    machine = as_machine(machine, "kl_divergence: machine")
    visible = visible_units(machine)
    if not visible.finite:
        raise NotSupported(f"kl_divergence: {visible} units have a continuum of states")
    rows = as_data(machine, data, strict=True)
    w = as_weights(weights, len(rows))
    if (w < 0).any() or w.sum() == 0:
        raise EbmError("weights: expected numbers >= 0, not all zero")
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    q = np.bincount(which.ravel(), w / w.sum(), len(distinct))
    kept = q > 0
    log_p = log_likelihood(machine, distinct[kept], log_z)
    return float(np.sum(q[kept] * (np.log(q[kept]) - log_p)))
