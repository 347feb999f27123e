"""The laws of machines: what `Machine` promises, judged by the machine's own free energy over all states.

That the free energy is the one that the machine is documented to have is its own test's to say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from ebm.errors import expect
from ebm.machine import Array, Base, Machine, Params, Scan
from ebm.stream import Stream
from ebm.testing.exactly import States, draws, is_sample, states_of
from ebm.testing.verdict import holds, near, run

__all__ = ["check_machine"]

_EPS = 1e-5  # of central differences
_DRAWS = 12_000


def check_machine(machine: Machine) -> None:
    """Put a small machine to the laws of `Machine`.

    Statistics are slopes of the free energy; log Z, expected statistics, and what is summed out exactly are
    sums over all states; β = 0 is sampled exactly; sweeps leave p_β where it is, with every scan, a base,
    clamped units and a temperature for each chain, and forget their start; chains are states; `project` and
    `copy` change nothing.

    Parameters
    ----------
    machine : Machine
        Of at most 2^18 states (up to three units may be continuous), coupled so strongly that a broken sweep
        shows, so weakly that 40 sweeps forget their start. It is not changed. In float32 it is held to the
        laws of draws alone: slopes are judged by differences, which its rounding drowns.

    Raises
    ------
    AssertionError
        A law does not hold.
    EbmError
        The machine is too large.

    Examples
    --------
    >>> import ebm
    >>> ebm.testing.check_machine(ebm.RBM.random(ebm.Ising(), ebm.Ising(), 3, 2, scale=0.5, dtype="float64"))
    """
    expect(machine, Machine, "check_machine", "a machine such as RBM(...)")
    laws = _OF_DRAWS if machine.dtype == np.float32 else _OF_SUMS + _OF_DRAWS
    run(machine, laws, states_of(machine))


def _rows(machine: Machine, n: int = 5, seed: int = 0) -> Array:
    return machine.sweep(machine.sample0(n, Stream(seed)), Stream(seed + 1), 2)


def _base(machine: Machine, seed: int = 0) -> Array:
    return 0.7 * np.random.default_rng(seed).normal(size=machine.units.columns(machine.n_units))


def _moved(machine: Machine, key: str, place: tuple[int, ...], by: float) -> Machine:
    """A copy with one number changed, its constraints restored."""
    moved = machine.copy()
    moved.params[key][place] += by
    moved.project()
    return moved


def parameters_are_listed(machine: Machine, states: States) -> None:
    """Statistics, couplings and biases go by the parameters' names, shapes and dtypes."""
    stats = machine.stats(_rows(machine))
    holds(list(stats) == list(machine.params), f"stats has {list(stats)}, params {list(machine.params)}")
    for key, value in machine.params.items():
        holds(value.dtype == machine.dtype, f"params[{key!r}] is {value.dtype}, dtype {machine.dtype}")
        holds(stats[key].shape == value.shape, f"stats[{key!r}] has shape {stats[key].shape}")
    for name, keys in (("couplings", machine.couplings), ("biases", machine.biases)):
        holds(set(keys) <= set(stats), f"{name}: {keys} are not all parameters")


def temperatures_broadcast(machine: Machine, states: States) -> None:
    """Each row has the free energy at its own β; running chains have that of their states."""
    x, base = _rows(machine), _base(machine)
    each = np.linspace(0.1, 1.0, len(x))
    for given in (None, base):
        for beta in (0.4, each, np.stack([each, each[::-1], np.ones(len(x))])):
            full = np.broadcast_to(beta, np.broadcast_shapes(np.shape(beta), (len(x),)))
            rows = [
                [machine.free_energy(x[r : r + 1], float(b), given)[0] for r, b in enumerate(row)]
                for row in np.atleast_2d(full)
            ]
            expected = np.array(rows).reshape(full.shape)
            for what, state in (("rows", x), ("chains", machine.start(x))):
                found = machine.free_energy(state, beta, given)
                near(f"free_energy of {what}, beta of shape {np.shape(beta)}", found, expected, 1e-10, 1e-10)
    hot = machine.units.potential(x).sum(1) - machine.units.encode(x) @ base
    found = machine.free_energy(x, 0.0, base)
    near("free_energy at beta 0 = U - base.phi + constant", found - found[0], hot - hot[0], 1e-10, 1e-10)
    if not machine.sums_out:
        ends = 0.5 * (machine.free_energy(x, 0.0) + machine.free_energy(x, 1.0))
        near(
            "a free energy that sums nothing out is linear in beta", machine.free_energy(x, 0.5), ends, 1e-10
        )


def stats_are_slopes(machine: Machine, states: States) -> None:
    """stats = −∂ free_energy/∂ params, the weighted sum over rows; None is the mean."""
    x, weights = _rows(machine), np.array([0.3, 1.7, -0.8, 0.0, 2.0])
    stats = machine.stats(x, weights)
    for key, value in machine.params.items():
        for place in np.ndindex(value.shape):
            up, down = (_moved(machine, key, place, by) for by in (_EPS, -_EPS))
            moved = {k: up.params[k] - down.params[k] for k in stats}
            if not any(change.any() for change in moved.values()):
                holds(stats[key][place] == 0, f"stats[{key!r}] at {place}, which is no parameter, is not 0")
                continue
            slope = weights @ (up.free_energy(x) - down.free_energy(x)) / (2 * _EPS)
            near(f"stats[{key!r}] at {place}", _along(machine, stats, moved), -slope, 2e-7, 1e-7)
    mean, same = machine.stats(machine.start(x)), machine.stats(x, np.full(5, 0.2))
    for key in stats:
        near(f"stats[{key!r}] without weights is the mean", mean[key], same[key], 1e-12, 1e-12)


def _along(machine: Machine, slope: Params, moved: Params) -> float:
    """The slope along a move of 2·_EPS; of a number that stands twice, each place has its share."""
    share = {key: machine.share if key in machine.couplings else 1.0 for key in slope}
    return float(sum(share[k] * np.sum(slope[k] * moved[k]) for k in slope)) / (2 * _EPS)


def contrast_is_a_difference(machine: Machine, states: States) -> None:
    """contrast(x, w, y, o) = stats(x, w) − stats(y, o), and the first of the biases."""
    x, y, w = _rows(machine), _rows(machine, 4, 5), np.linspace(0.1, 0.3, 5)
    one, other = machine.stats(x, w), machine.stats(y)
    found, first = machine.contrast(x, w, y)
    for key in one:
        near(f"contrast[{key!r}]", found[key], one[key] - other[key], 1e-12, 1e-12)
    for key in machine.biases:
        near(f"contrast's first[{key!r}]", first[key], one[key], 1e-12, 1e-12)


def sites_are_flipped(machine: Machine, states: States) -> None:
    """site_energies, site_contrast: free energies, statistics, with one unit in each of its states."""
    x = _rows(machine, 3)
    each = [machine.units.one(i).states for i in range(machine.n_units)]
    if None in each or len({len(s) for s in each if s is not None}) > 1:
        return
    weights = np.random.default_rng(0).normal(size=(3, machine.n_units, len(each[0] or ())))
    zero = {key: np.zeros(value.shape) for key, value in machine.params.items()}
    for i, own in enumerate(each):
        energies = []
        for s, state in enumerate(own or ()):
            y = x.copy()
            y[:, i] = state
            energies.append(machine.free_energy(y))
            one, other = machine.stats(y, weights[:, i, s]), machine.stats(x, weights[:, i, s])
            zero = {key: zero[key] + one[key] - other[key] for key in zero}
        one_by_one, own_way = np.stack(energies, axis=1), machine.site_energies(x, i)
        expected = one_by_one - one_by_one[:, :1]
        near(f"site_energies of unit {i}", own_way - own_way[:, :1], expected, 1e-10, 1e-10)
    found = machine.site_contrast(x, weights)
    for key in zero:
        near(f"site_contrast[{key!r}]", found[key], zero[key], 1e-10, 1e-10)


def exact_is_a_sum(machine: Machine, states: States) -> None:
    """log Z sums all states; the expected statistics are averages over them."""
    tolerance = 1e-10 if machine.units.finite else 1e-6
    for beta in (1.0, 0.4):
        log_z = machine.exact(beta)[0]
        near(f"exact: log Z at beta {beta:g}", log_z, logsumexp(states.log_p(machine, beta)), tolerance)
        near(f"exact without stats at beta {beta:g}", machine.exact(beta, stats=False)[0], log_z)
    expected, found = machine.stats(states.x, states.p(machine)), machine.exact()[1]
    for key in expected:
        near(f"exact: expected stats[{key!r}]", found[key], expected[key], tolerance, tolerance)
    holds(machine.normalisable(), "normalisable() denies a finite log Z")


def beta_zero_is_exact(machine: Machine, states: States) -> None:
    """sample0 and log_z0 are p_0: independent units whose inputs are the base."""
    tolerance = 1e-10 if machine.units.finite and machine.dtype == np.float64 else 1e-5
    for base in (None, _base(machine)):
        x = machine.sample0(_DRAWS, Stream(4), base)
        is_sample(machine, x, "sample0", states, 0.0, base)
        near("log_z0", machine.log_z0(base), logsumexp(states.log_p(machine, 0.0, base)), tolerance)
        is_sample(machine, machine.sweep(x, Stream(5), 1, 0.0, base), "sweep", states, 0.0, base)


def data_are_completed(machine: Machine, states: States) -> None:
    """visible_free_energy and posterior_stats sum what is no data; clamp holds the data."""
    v, weights = _rows(machine)[:, : machine.n_visible], np.linspace(0.1, 0.4, 5)
    near("clamp holds the data", machine.clamp(v, Stream(0))[:, : machine.n_visible], v)
    hidden = np.unique(states.x[:, machine.n_visible :], axis=0)
    every = np.concatenate([np.repeat(v, len(hidden), 0), np.tile(hidden, (len(v), 1))], 1)
    minus = -machine.free_energy(every).reshape(len(v), -1)
    near("visible_free_energy", machine.visible_free_energy(v), -logsumexp(minus, axis=1), 1e-10, 1e-10)
    p = np.exp(minus - logsumexp(minus, axis=1, keepdims=True)) * weights[:, None]
    found, expected = machine.posterior_stats(v, weights), machine.stats(every, p.ravel())
    for key in expected:
        near(f"posterior_stats[{key!r}]", found[key], expected[key], 1e-10, 1e-10)


def no_drift(
    machine: Machine,
    states: States,
    *,
    betas: Sequence[float] = (1.0,),
    base: Base = None,
    free: Array | None = None,
    scan: Scan = "auto",
    n: int = _DRAWS,
) -> None:
    """From n exact draws of each p_β, sweeps keep p_β; clamped units stand still, the others move."""
    x = np.concatenate([draws(machine, states, n, k, b, base) for k, b in enumerate(betas)])
    before, beta = x.copy(), np.repeat(betas, n) if len(betas) > 1 else betas[0]
    y = machine.sweep(x, Stream(0), 4, beta, base, free, scan)
    holds(np.array_equal(x, before), "sweep changed the array that it was given")
    moved, wanted = (y != x).any(0), np.ones(machine.n_units, bool) if free is None else free
    holds(np.array_equal(moved, wanted), f"sweep moved units {moved}, free were {wanted}")
    for k, b in enumerate(betas):
        is_sample(machine, y[k * n :][:n], f"sweep, scan {scan!r}", states, b, base)


def sweeps_do_not_drift(machine: Machine, states: States) -> None:
    """With every scan: plainly; a temperature for each chain, and a base; a unit clamped."""
    base, free = _base(machine), np.ones(machine.n_units, bool)
    free[0] = machine.n_units == 1
    for scan in ("auto", *machine.scans):
        no_drift(machine, states, scan=scan)
        no_drift(machine, states, scan=scan, betas=(0.35, 0.9), base=base)
        no_drift(machine, states, scan=scan, betas=(0.7,), base=base, free=free)


def sweeps_forget(machine: Machine, states: States) -> None:
    """From one state for all chains, sweeps reach p; the same seed gives the same chains."""
    x = np.repeat(machine.sample0(1, Stream(1)), _DRAWS, axis=0)
    y = machine.sweep(x, Stream(2), 40)
    is_sample(machine, y, "40 sweeps from one state", states)
    one, same = (machine.sweep(x[:50], Stream(3), 5) for _ in range(2))
    near("sweep with the same seed", same, one)


def chains_are_states(machine: Machine, states: States) -> None:
    """Running chains hold their states, go their own way when copied, and come back from `carry`."""
    x = _rows(machine)
    chains = machine.start(x)
    holds(len(chains) == len(x), f"len(chains) is {len(chains)}, expected {len(x)}")
    near("start(x).x", chains.x, x)
    other = chains.copy()
    machine.sweep(other, Stream(3), 3)
    near("chains whose copy was swept", chains.x, x)
    near("take", chains.take(np.array([3, 3, 0])).x, x[[3, 3, 0]])
    near("restart(*carry(chains)).x", machine.restart(*machine.carry(chains, Stream(0))).x, x)


def copies_are_independent(machine: Machine, states: States) -> None:
    """A copy has its own parameters; to project what is right changes nothing."""
    x, copy = _rows(machine), machine.copy()
    energy = machine.free_energy(x)
    copy.project()
    for key, value in machine.params.items():
        near(f"project moved params[{key!r}]", copy.params[key], value, 1e-14, 1e-14)
    near("project changed the free energy", copy.free_energy(x), energy, 1e-12, 1e-12)
    for value in copy.params.values():
        value *= 0.5
    copy.project()
    near("a changed copy changed the machine", machine.free_energy(x), energy)
    holds(np.any(copy.free_energy(x) != energy), "halved parameters have the same free energies")


_OF_SUMS = (
    temperatures_broadcast, stats_are_slopes, contrast_is_a_difference, sites_are_flipped, exact_is_a_sum,
    data_are_completed, copies_are_independent,
)  # fmt: skip
_OF_DRAWS = (
    parameters_are_listed, chains_are_states, beta_zero_is_exact, sweeps_do_not_drift, sweeps_forget,
)  # fmt: skip
