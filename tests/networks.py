"""Small networks of every kind, with data that fit them, and the definition of their gradient."""

import laws
import numpy as np

from ebm import Bernoulli, DReLU, Gaussian, Ising, Layer, Network, Poisson, Potts

REALS = Gaussian()
PRECISE = Gaussian(learn_precision=True).bound(np.array([2.5, 0.4]))
TWO_HALVES = DReLU(0.4, -0.6, 1.5, 0.7, learn=True)
READOUTS = [Potts(3), Bernoulli(), Gaussian(), Ising(), Potts(2), Poisson(), PRECISE, TWO_HALVES]
HIDDEN = [*(units for units in laws.UNITS if not units.learns), Poisson(), None]
INPUTS = [Gaussian(), Bernoulli(), Ising(), Potts(3)]


def network(units, hidden, inputs=REALS, dtype=np.float64):
    """3 inputs, one or two hidden layers of 2 units, 2 outputs, biases away from zero."""
    layers, n = [], 3 * inputs.width
    for k, u in enumerate([hidden, hidden][: 0 if hidden is None else 2]):
        layers.append(Layer.random(u, n, 2, seed=k, dtype=dtype))
        n = 2 * u.width
    net = Network([*layers, Layer.random(units, n, 2, seed=9, dtype=dtype)], inputs)
    rng = np.random.default_rng(1)
    for key, value in net.params.items():
        if key.startswith("b"):
            value[:] = 0.5 * rng.normal(size=value.shape)
    return net


def pairs(units, inputs=REALS, n=6, seed=0):
    rng = np.random.default_rng(seed)

    def states(u, k):
        if isinstance(u, Poisson):
            return rng.poisson(2.0, size=(n, k))
        return rng.normal(size=(n, k)) if u.states is None else rng.choice(u.states, size=(n, k))

    return states(inputs, 3), states(units, 2)


def gradient_by_definition(net, x, y, w, masks):
    """Loss and gradient with the masks held, in float64, transcribed from docs/math.md (8.1)-(8.6)."""
    y_k, seen, inputs = net.inputs.encode(x), [], []
    P = {key: value.astype(float) for key, value in net.params.items()}
    for k, units in enumerate(net.layer_units):
        seen.append(y_k * (1 if masks[k] is None else masks[k]))
        inputs.append(P[f"b{k}"] + seen[-1] @ P[f"W{k}"])
        y_k = units.mean(inputs[-1])
    units, last = net.layer_units[-1], len(inputs) - 1
    f = laws.phi(units, y)
    each = units.cgf(inputs[-1]).sum(1) - (inputs[-1] * f).sum(1) + units.potential(y).sum(1)
    g, found = w[:, None] * (y_k - f), {}
    for k in range(last, -1, -1):
        found[f"W{k}"], found[f"b{k}"] = seen[k].T @ g, g.sum(0)
        if k > 0:
            down = (g @ P[f"W{k}"].T) * (1 if masks[k] is None else masks[k])
            g = net.layer_units[k - 1].pull(inputs[k - 1], down)
    return w @ each, found
