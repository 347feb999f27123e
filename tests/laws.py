"""The catalogues that the laws of `ebm.testing` are run over, and the laws of our own machines' definitions.

The latter are judged by the oracles of `oracles`. A unit type or a machine is covered by being in a list.
"""

import numpy as np
import scipy.sparse
from oracles import (  # noqa: F401 - tests know them as laws
    all_states,
    dense,
    distribution,
    exact_draws,
    layer_log_sum,
    minus_free_energy,
    owners,
    phi,
    potential,
    product_nodes,
    sites,
    states_of,
    visible_distribution,
    visible_log_sum,
)
from scipy.special import logsumexp

from ebm import (
    DBM,
    RBM,
    Bernoulli,
    Binomial,
    BoltzmannMachine,
    DReLU,
    Gaussian,
    Ising,
    Mixed,
    Ordered,
    Potts,
    ReLU,
    TruncatedPoisson,
)
from ebm.testing import exactly, machines
from ebm.testing.exactly import total_variation, tv_limit  # noqa: F401 - tests know them as laws

# Laws of units, beyond those of `ebm.testing`.


def columns(units, k=3):
    """Columns of a layer of k units; a Mixed layer has its own number."""
    return sum(u.width for u in sites(units, k))


def far_from_steps(units, I, u, tol):
    """Where u is farther than tol from every step of the cdf (the last, at 1, is none): (n, k), like u."""
    if units.states is None:
        return np.ones(u.shape, bool)
    states = np.array(units.states)[:, None]
    log_p = I.astype(float).reshape(*u.shape, units.width) @ phi(units, states).T - potential(units, states)
    cdf = np.cumsum(np.exp(log_p - logsumexp(log_p, axis=-1, keepdims=True)), -1)
    return np.abs(cdf[..., :-1] - u[..., None]).min(-1) > tol


def draws_agree(units, I, u, drawn):
    """A compiled draw equals units.sample(I, u), except within rounding of a step of the cdf."""
    single = I.dtype == np.float32
    expected = units.sample(I, u)
    if units.states is None:
        size = np.abs(I).astype(float) + np.abs(expected - I) + 1e-3
        assert np.all(np.abs(drawn - expected) <= (1e-5 if single else 1e-12) * size)
    else:
        far = far_from_steps(units, I, u, 1e-6 if single else 1e-12)
        assert far.mean() > 0.99
        assert np.array_equal(drawn[far], expected[far])


# Laws of machines.


def moves(machine, key):
    """The parameters under `key`, each as the places that stand for it: J_ij and J_ji are one."""
    shape = machine.params[key].shape
    if key != "J":
        return [[k] for k in np.ndindex(shape)]
    if machine.sparse:
        J = machine.J.tocoo()
        place = {(int(i), int(j)): k for k, (i, j) in enumerate(zip(J.row, J.col, strict=True))}
        return [[(k,), (place[j, i],)] for (i, j), k in place.items()]
    owner = owners(machine.units, machine.n_units)
    return [[(i, j), (j, i)] for i, j in np.ndindex(shape) if owner[i] != owner[j]]


def derivative(machine, key, places, f, eps=1e-5):
    """Central difference of f(machine) along one parameter."""
    values = []
    for sign in (1, -1):
        moved = machine.copy()
        for place in places:
            moved.params[key][place] += sign * eps
        values.append(f(moved))
    return (values[0] - values[1]) / (2 * eps)


def free_energy_is_log_sum(machine, x, base, rtol=1e-12):
    """free_energy = -log of the sum of exp(-energy): beta a scalar, (n,) or (k, n), with and without base."""
    n = len(x)
    for given in (None, base):
        per_row = np.linspace(0.1, 1.0, n)
        for beta in (1.0, 0.0, 0.4, per_row, np.stack([per_row, per_row[::-1], np.ones(n)])):
            rows = np.atleast_2d(np.broadcast_to(beta, np.broadcast_shapes(np.shape(beta), (n,))))
            expected = -np.array(
                [[minus_free_energy(machine, x[[r]], b, given)[0] for r, b in enumerate(row)] for row in rows]
            ).reshape(np.broadcast_shapes(np.shape(beta), (n,)))
            for state in (x, machine.start(x)):
                found = machine.free_energy(state, beta, given)
                assert found.shape == expected.shape
                np.testing.assert_allclose(found, expected, rtol=rtol, atol=10 * rtol)


def is_sample(machine, y, beta=1.0, base=None):
    """y looks like independent draws of p_beta: in total variation, or in its moments to 5 sigma."""
    exactly.is_sample(machine, y, "samples", exactly.states_of(machine), beta, base)


def no_drift(machine, **settings):
    """Sweep exact draws of p_beta: p_beta stands, clamped units stand still, the others move."""
    machines.no_drift(machine, exactly.states_of(machine), **settings)


def log_likelihood_of(machine, v, weights):
    """The weighted mean of log p(v): the definition, with the sum over all states."""
    every = all_states(machine.units, machine.n_visible)
    return weights @ visible_log_sum(machine, v) - logsumexp(visible_log_sum(machine, every))


# Catalogues.

RECTIFIED = [ReLU(), DReLU(0.4, -0.6, 1.5, 0.7), DReLU(-1.5, 0.8, 0.5, 2.0)]
UNITS = [Bernoulli(), Ising(), Gaussian(), Potts(2), Potts(5), Gaussian(learn_precision=True).bound(2.5)]
UNITS += RECTIFIED
LEVELS = [Binomial(1), Binomial(16), Ordered(2), Ordered(5), TruncatedPoisson(3), TruncatedPoisson(40)]
UNITS += LEVELS
DISCRETE = [u for u in UNITS if u.states is not None]
LABELLED = Mixed(((Bernoulli(), 3), (Potts(3), 1)))
STEPS = Mixed(((Ordered(4), 2), (Bernoulli(), 1), (Potts(3), 1)))
MIXED = [
    LABELLED,
    Mixed(((Ising(), 1), (Potts(4), 2), (Bernoulli(), 1))),
    Mixed(((Gaussian(), 2), (Ising(), 1))),
    Mixed(((Binomial(2), 1), (Ordered(3), 1), (TruncatedPoisson(3), 1))),
]


def boltzmann(units, n, *, n_visible=None, sparse=False, dtype=np.float64, scale=0.8, seed=3):
    """A random fully connected machine; the sparse one keeps about half of the pairs of units."""
    rng = np.random.default_rng(seed)
    owner = owners(units, n)
    J = scale * rng.normal(size=(len(owner), len(owner)))
    kept = rng.random((n, n)) < 0.55 if sparse else np.ones((n, n), bool)
    kept[np.arange(n - 1), np.arange(1, n)] = True
    J = np.triu(J, 1) * np.triu(kept, 1)[np.ix_(owner, owner)]
    J, b = (J + J.T).astype(dtype), (0.6 * rng.normal(size=len(owner))).astype(dtype)
    return BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J, b, n_visible=n_visible)


def restricted(visible, hidden, n_v, n_h, *, dtype=np.float64, scale=0.9, seed=5):
    rng = np.random.default_rng(seed)
    W = scale * rng.normal(size=(columns(visible, n_v), columns(hidden, n_h)))
    b, c = (0.5 * rng.normal(size=k) for k in W.shape)
    theta = {}
    for side, units, n in (("v", visible, n_v), ("h", hidden, n_h)):
        for name in units.learns:
            m = len(np.arange(n)[units.learners(name, n)[0]])
            value = rng.uniform(0.8, 2.5, m) if name in units.positive else 0.5 * rng.normal(size=m)
            theta[f"{side}.{name}"] = value.astype(dtype)
    if isinstance(visible, Gaussian) and isinstance(hidden, Gaussian):
        W *= 0.7 / np.linalg.norm(W / np.sqrt(theta.get("v.precision", np.ones(n_v)))[:, None], 2)
    return RBM(visible, hidden, *(a.astype(dtype) for a in (W, b, c)), theta=theta)


def ferromagnet(q, n, *, sparse=False, gauge=False):
    """Potts units with K delta couplings of different sizes and random fields; maybe in another gauge."""
    rng = np.random.default_rng(8)
    K = np.triu(1.2 * rng.random((n, n)) * (rng.random((n, n)) < 0.7), 1)
    T = K[:, :, None, None] * np.eye(q)
    if gauge:
        T = T + rng.normal(size=(n, n, q, 1)) + rng.normal(size=(n, n, 1, q))
    J = T.transpose(0, 2, 1, 3).reshape(n * q, n * q) * np.kron(np.triu(np.ones((n, n)), 1), np.ones((q, q)))
    J, b = J + J.T, 0.5 * rng.normal(size=n * q)
    return BoltzmannMachine(Potts(q), scipy.sparse.csr_array(J) if sparse else J, b)


FULLY = {
    "bernoulli": lambda **k: boltzmann(Bernoulli(), 6, scale=1.2, **k),
    "bernoulli-sparse": lambda **k: boltzmann(Bernoulli(), 6, sparse=True, scale=1.5, **k),
    "bernoulli-hidden": lambda **k: boltzmann(Bernoulli(), 6, n_visible=4, scale=1.2, **k),
    "ising": lambda **k: boltzmann(Ising(), 6, scale=0.45, **k),
    "ising-sparse-hidden": lambda **k: boltzmann(Ising(), 6, n_visible=3, sparse=True, scale=0.6, **k),
    "potts": lambda **k: boltzmann(Potts(3), 4, **k),
    "potts-sparse": lambda **k: boltzmann(Potts(3), 4, sparse=True, **k),
    "ordered": lambda **k: boltzmann(Ordered(3), 4, **k),
    "binomial": lambda **k: boltzmann(Binomial(2), 4, **{"scale": 0.5} | k),
    "mixed-levels-hidden": lambda **k: boltzmann(MIXED[3], 3, n_visible=2, scale=0.5, **k),
    "mixed": lambda **k: boltzmann(LABELLED, 4, **{"seed": 6} | k),
    "mixed-ordered-sparse": lambda **k: boltzmann(STEPS, 4, sparse=True, **{"seed": 6} | k),
    "mixed-sparse-hidden": lambda **k: boltzmann(MIXED[1], 4, n_visible=2, sparse=True, **{"seed": 6} | k),
}
PAIRS = {
    "bernoulli-bernoulli": (Bernoulli(), Bernoulli(), 5, 3, 1.2),
    "bernoulli-ising": (Bernoulli(), Ising(), 5, 3, 0.9),
    "ising-bernoulli": (Ising(), Bernoulli(), 4, 4, 0.9),
    "potts-bernoulli": (Potts(3), Bernoulli(), 3, 3, 1.2),
    "bernoulli-potts": (Bernoulli(), Potts(3), 5, 2, 1.2),
    "potts-potts": (Potts(3), Potts(4), 3, 2, 1.2),
    "bernoulli-gaussian": (Bernoulli(), Gaussian(), 5, 3, 0.7),
    "gaussian-bernoulli": (Gaussian(), Bernoulli(), 2, 3, 0.9),
    "gaussian-potts": (Gaussian(), Potts(3), 2, 2, 0.8),
    "potts-gaussian": (Potts(3), Gaussian(), 3, 2, 0.6),
    "gaussian-gaussian": (Gaussian(), Gaussian(), 3, 2, 1.0),
    "precise-bernoulli": (Gaussian(learn_precision=True), Bernoulli(), 2, 3, 0.9),
    "precise-gaussian": (Gaussian(learn_precision=True), Gaussian(), 2, 2, 1.0),
    "bernoulli-relu": (Bernoulli(), ReLU(), 5, 3, 0.9),
    "bernoulli-drelu": (Bernoulli(), DReLU(learn=True), 5, 2, 0.8),
    "drelu-bernoulli": (DReLU(learn=True), Bernoulli(), 2, 3, 0.8),
    "binomial-poisson": (Binomial(3), TruncatedPoisson(4), 3, 2, 0.5),
    "ordered-binomial": (Ordered(3), Binomial(2), 3, 3, 0.8),
    "levels-bernoulli": (MIXED[3], Bernoulli(), 3, 3, 0.8),
    "mixed-bernoulli": (LABELLED, Bernoulli(), 4, 4, 1.2),
    "potts-mixed-gaussian": (Potts(3), Mixed(((Bernoulli(), 2), (Gaussian(), 1))), 3, 3, 0.8),
    "mixed-mixed": (
        Mixed(((Ising(), 2), (Potts(3), 1))),
        Mixed(((Potts(3), 1), (Ising(), 1), (Bernoulli(), 1))),
        3,
        3,
        0.9,
    ),
}


def _pair(visible, hidden, n_v, n_h, scale):
    return lambda **k: restricted(visible, hidden, n_v, n_h, scale=scale, **k)


MACHINES = FULLY | {name: _pair(*pair) for name, pair in PAIRS.items()}
CLOSED = {name: make for name, make in MACHINES.items() if "relu" not in name}  # what elimination can sum
RESTRICTED = {name: MACHINES[name] for name in PAIRS}
ALIKE = {n: make for n, make in FULLY.items() if "mixed" not in n and make().units.bare}  # units of one type
FINITE = {name: make for name, make in MACHINES.items() if make().units.finite}
SINGLE = {name: make for name, make in FINITE.items() if not isinstance(make().units, Mixed)}
ENUMERABLE_H = {k: make for k, make in MACHINES.items() if k != "gaussian-gaussian"}


def deep(dtype=np.float64):
    """Three layers of bits."""
    machine, rng = DBM.random([3, 2, 2], scale=0.8, seed=3, dtype=dtype), np.random.default_rng(0)
    for key in machine.biases:
        machine.params[key] += 0.4 * rng.normal(size=machine.params[key].shape).astype(dtype)
    machine.project()
    return machine


CATALOGUE = MACHINES | {"deep": deep}  # what `check_machine` is run over
