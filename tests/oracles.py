"""What the laws are judged by: the definitions transcribed.

Sums over all states, integrals by the trapezoidal rule (which is exact to rounding for Gaussians); no code of
the package beyond the numbers of a machine.
"""

import itertools

import numpy as np
from scipy.special import comb, factorial, logsumexp

from ebm import (
    DBM,
    Binomial,
    BoltzmannMachine,
    DReLU,
    Gaussian,
    Mixed,
    Ordered,
    Potts,
    ReLU,
    TruncatedPoisson,
)

OWN = {}  # of unit types that are nobody's here: the log of the weight of each state, by type
GRID = np.arange(-12.0, 12.0, 0.25)  # the trapezoidal rule on it errs by e^(-2 (pi / 0.25)^2) for a Gaussian


def sites(units, n):
    """The type of each of n units."""
    if not isinstance(units, Mixed):
        return [units] * n
    return [own for own, count in units.blocks for _ in range(count)]


def owners(units, n):
    """Of each column of a layer of n units, the number of its unit."""
    return np.repeat(np.arange(n), [own.width for own in sites(units, n)])


def all_states(units, n, first=0):
    """Every state of n units, from the first on."""
    own = sites(units, first + n)[first : first + n]
    return np.array(list(itertools.product(*(unit.states for unit in own)))).reshape(-1, n)


def states_of(units, n_rows, n, rng):
    """Rows of n units in states of their types, each as likely as any, or normal numbers."""
    pick = (
        np.maximum(rng.normal(size=n_rows), u.interval[0])
        if u.states is None
        else rng.choice(u.states, n_rows)
        for u in sites(units, n)[:n]
    )
    return np.stack(list(pick), 1)


def phi(units, x):
    """Encode states: one-hot for Potts, steps for Ordered, else the identity."""
    x = np.asarray(x)
    if isinstance(units, Mixed):
        own = enumerate(sites(units, x.shape[-1]))
        return np.concatenate([phi(u, x[..., i : i + 1]) for i, u in own], -1)
    if isinstance(units, Ordered):
        return np.tri(units.q, units.q - 1, -1)[x.astype(int)].reshape(*x.shape[:-1], -1)
    if not isinstance(units, Potts):
        return x.astype(float)
    return np.eye(units.q)[x.astype(int)].reshape(*x.shape[:-1], -1)


def potential(units, x):
    if isinstance(units, Mixed):
        return sum(potential(u, x[:, [i]]) for i, u in enumerate(sites(units, x.shape[1])))
    if type(units) in OWN:
        return -sum(OWN[type(units)](units, x[:, i]) for i in range(x.shape[1]))
    if isinstance(units, (ReLU, DReLU)):
        return sum(rectified(half_lines(units, i), x[:, i]) for i in range(x.shape[1]))
    if isinstance(units, Binomial):
        return -np.log(comb(units.n, x)).sum(1)
    if isinstance(units, TruncatedPoisson):
        return np.log(factorial(x)).sum(1)
    if not isinstance(units, Gaussian):
        return np.zeros(len(x))
    return 0.5 * np.sum(units.precision * np.square(x), -1)


def half_lines(units, i):
    """theta and gamma above 0 and below it of unit i of a rectified layer; None: no half."""
    if isinstance(units, ReLU):
        return (0.0, 1.0), None
    theta = units.theta() or {n: getattr(units, n) for n in DReLU(learn=True).learns}
    up, down, plus, minus = (np.ravel(value)[i % np.size(value)] for value in theta.values())
    return (up, plus), (down, minus)


def rectified(halves, x):
    """U(x) of a rectified unit, inf where there is no half."""
    parts = [np.inf if half is None else 0.5 * half[1] * x * x - half[0] * x for half in halves]
    return np.where(x >= 0, *parts)


def log_rectified(halves, I):
    """log of the integral of exp(I x - U(x)): panels of Gauss-Legendre from 0 to beyond the peak."""
    node, weight = np.polynomial.legendre.leggauss(24)
    found = []
    for sign, half in zip((1, -1), halves, strict=True):
        if half is not None:
            slope, width = sign * (I + half[0]), half[1] ** -0.5
            peak = (np.maximum(slope, 0) / half[1])[..., None]
            near, far = np.maximum(peak - 12 * width, 0), peak + 12 * width
            scale = np.minimum(width, 1 / np.maximum(-slope, 1e-9))[..., None]
            ends = np.minimum(scale * (1.3 ** np.arange(60) - 1), far)
            ends = np.where(slope[..., None] > 0, near + (far - near) * np.linspace(0, 1, 60), ends)
            h = np.diff(ends)[..., None] / 2
            x = ends[..., :-1, None] + h * (1 + node)
            log_f = slope[..., None, None] * x - 0.5 * half[1] * x * x + np.log(h * weight + 1e-300)
            found.append(logsumexp(log_f, axis=(-2, -1)))
    return logsumexp(found, axis=0)


def dense(machine):
    return machine.J.toarray() if machine.sparse else machine.J


def log_integral(I, precision=1.0):
    """log of the integral of exp(I t - precision t^2 / 2), by quadrature about its peak."""
    own = np.asarray(precision, float)[..., None]  # a number, or one a unit
    t = I[..., None] / own + GRID / np.sqrt(own)
    return logsumexp(I[..., None] * t - own * t * t / 2, axis=-1) + np.log(0.25 / np.sqrt(precision))


def layer_log_sum(units, I):
    """log of the sum or integral over the states of each unit of a layer, (n, n_units)."""
    if isinstance(units, Mixed):
        ends = np.cumsum([own.width for own in sites(units, 0)])
        pieces = zip(sites(units, 0), np.split(I, ends[:-1], axis=1), strict=True)
        return np.concatenate([layer_log_sum(own, piece) for own, piece in pieces], 1)
    if isinstance(units, (ReLU, DReLU)):
        return np.stack([log_rectified(half_lines(units, i), I[:, i]) for i in range(I.shape[1])], 1)
    if units.states is None:
        return log_integral(I, units.precision)
    states = np.array(units.states)[:, None]
    own = I.reshape(len(I), -1, units.width) @ phi(units, states).T
    return logsumexp(own - potential(units, states), axis=-1)


def _deep(machine, x, beta, base):
    """−F_β of the even layers of a deep machine: the odd ones summed state by state."""
    weights, biases = machine.layers()
    units, sizes = machine.layer_units, machine.sizes
    ends = np.cumsum(sizes[::2])[:-1]
    even = np.split(x, ends, axis=1)
    odd = [all_states(u, n) for u, n in zip(units[1::2], sizes[1::2], strict=True)]
    f = {2 * k: phi(units[2 * k], layer) for k, layer in enumerate(even)}
    at = -sum(potential(units[2 * k], layer) for k, layer in enumerate(even))
    at = at + beta * sum(f[k] @ biases[k] for k in f)
    if base is not None:
        at = at + (1 - beta) * np.concatenate(list(f.values()), 1) @ base
    for k, states in enumerate(odd):  # odd layers see even ones only, so each is summed by itself
        layer = 2 * k + 1
        g = phi(units[layer], states)
        inputs = biases[layer] + f[layer - 1] @ weights[layer - 1]
        if layer + 1 in f:
            inputs = inputs + f[layer + 1] @ weights[layer].T
        at = at + logsumexp(beta * inputs @ g.T - potential(units[layer], states), axis=1)
    return at


def minus_free_energy(machine, x, beta=1.0, base=None):
    """log of the unnormalised p_beta(x): sum or integrate exp(-beta H + (1 - beta) base.phi - U) over h."""
    if isinstance(machine, DBM):
        return _deep(machine, x, beta, base)
    f = phi(machine.units, x)
    out = -potential(machine.units, x) + (0 if base is None else (1 - beta) * (f @ base))
    if isinstance(machine, BoltzmannMachine):
        return out + beta * (f @ machine.b + 0.5 * np.einsum("ni,ij,nj->n", f, dense(machine), f))
    if not machine.hidden.finite:
        hidden = layer_log_sum(machine.hidden, beta * (machine.params["c"] + f @ machine.params["W"])).sum(-1)
    else:
        h = all_states(machine.hidden, machine.n_hidden)
        g = phi(machine.hidden, h)
        inputs = g @ machine.params["c"] + f @ machine.params["W"] @ g.T
        hidden = logsumexp(beta * inputs - potential(machine.hidden, h), axis=1)
    return out + beta * (f @ machine.b) + hidden


def visible_log_sum(machine, v):
    """log of the sum over everything but v of exp(-E)."""
    if not (n := machine.n_units - machine.n_visible):
        return minus_free_energy(machine, v)
    h = all_states(machine.units, n, machine.n_visible)
    x = np.concatenate([np.repeat(v, len(h), 0), np.tile(h, (len(v), 1))], axis=1)
    return logsumexp(minus_free_energy(machine, x).reshape(len(v), -1), axis=1)


def distribution(machine, beta=1.0, base=None):
    """All states x and their p_beta(x)."""
    x = all_states(machine.units, machine.n_units)
    log_p = minus_free_energy(machine, x, beta, base)
    return x, np.exp(log_p - logsumexp(log_p))


def nodes(units):
    """Nodes and weights for real units: the trapezoidal rule, or panels of Gauss-Legendre beside a corner."""
    if isinstance(units, Gaussian):
        grid = np.arange(-14.0, 14.0, 0.4)
        return grid, np.full(len(grid), 0.4)
    x, w = np.polynomial.legendre.leggauss(8)
    at = np.arange(-18.0 if isinstance(units, DReLU) else 0.0, 18.0)
    return (at[:, None] + (1 + x) / 2).ravel(), np.tile(w / 2, len(at))


def product_nodes(units, n):
    """Rows of n real units and the logarithms of their weights."""
    grid, w = nodes(units)
    pick = np.array(list(itertools.product(range(len(grid)), repeat=n)))
    return grid[pick], np.log(w)[pick].sum(1)


def visible_distribution(machine):
    """Rows v and weights that stand for p(v): all states, or the nodes of a quadrature."""
    if not machine.units.finite:
        v, log_w = product_nodes(machine.units, machine.n_visible)
    else:
        v, log_w = all_states(machine.units, machine.n_visible), 0
    log_p = visible_log_sum(machine, v) + log_w
    keep = log_p > log_p.max() - 80
    return v[keep], np.exp(log_p[keep] - logsumexp(log_p[keep]))


def exact_draws(machine, n, rng, beta=1.0, base=None):
    """n independent draws of p_beta(x)."""
    if machine.units.finite:
        x, p = distribution(machine, beta, base)
        return x[rng.choice(len(x), size=n, p=p)]
    cold = 0 if base is None else (1 - beta) * base
    if not isinstance(machine.units, Gaussian):
        g = phi(machine.hidden, all_states(machine.hidden, machine.n_hidden))
        I = beta * (machine.b + g @ machine.W.T) + cold
        log_p = beta * (g @ machine.c) + layer_log_sum(machine.units, I).sum(1)
        I = I[rng.choice(len(g), size=n, p=np.exp(log_p - logsumexp(log_p)))]
        return machine.units.sample(I, rng.random(I.shape))
    own = np.broadcast_to(machine.units.precision, machine.n_visible).astype(float)
    if isinstance(machine.hidden, Gaussian):
        W, n_v = beta * machine.W.astype(float), machine.n_visible
        precision = np.block([[np.diag(own), -W], [-W.T, np.eye(machine.n_hidden)]])
        cov = np.linalg.inv(precision)
        mean = cov @ np.concatenate([beta * machine.b + cold, beta * machine.c])
        return rng.multivariate_normal(mean, cov, size=n)[:, :n_v]
    g = phi(machine.hidden, all_states(machine.hidden, machine.n_hidden))
    I = beta * (machine.b + g @ machine.W.T) + cold
    log_p = beta * (g @ machine.c) + 0.5 * (np.square(I) / own).sum(1)
    means = I[rng.choice(len(g), size=n, p=np.exp(log_p - logsumexp(log_p)))] / own
    return means + rng.normal(size=means.shape) / np.sqrt(own)
