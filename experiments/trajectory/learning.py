"""Learning an RBM by its exact likelihood, and a ladder of machines met on the way.

The weight of a mode is the stiffest direction of the likelihood, and the last that chains find out about.
With a dozen hidden units nothing has to be sampled: the sum over their states gives the likelihood and its
gradient exactly, and where the gradient vanishes the moments of data and model agree.

1. The hidden units begin as weak detectors of k-means prototypes, one each. Begun along random directions,
   they all turn to the first component, and some modes are found only after hundreds of steps, or never.
2. Plain gradient ascent in short steps, so that modes part continuously, as a ladder needs it.
3. L-BFGS to the optimum. Its way there is long and loses whole modes for a while: no ladder leads along it.
   With very few hidden units their biases are then moved a little, until clusters have the data's weights.
4. The rungs from 2 to 3 lie near the straight line between the two machines, half as long. On the line itself
   modes lose their weights; a few steps of plain ascent, whose stiffest directions these are, restore them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.cluster import KMeans

import ebm
from experiments.trajectory.data import Map

Array = np.ndarray
Watch = Callable[[ebm.RBM], None]


@dataclass(frozen=True)
class Settings:
    """How to learn: steps of the phases, and the L2 penalty of the weights, which keeps them finite."""

    n_hidden: int
    ascent: int = 175
    lbfgs: int = 400
    l2: float = 1e-3
    calibrated: bool = False
    nodes: int = 12
    relax: int = 60
    least: float = 0.35  # the swaps accepted between neighbours of the ladder


class Objective:
    """The penalised mean log-likelihood of rows, as a function of a vector, and its gradient.

    The vector holds centred parameters: W, b + Wλ and c + μW, with constants λ and μ near the means of h
    and v. In them, moving W leaves the means about where they are, without which learning crawls.
    """

    def __init__(self, machine: ebm.RBM, rows: Array, l2: float) -> None:
        self.machine, self.rows, self.l2 = machine, rows, l2
        self.mu, self.lam = rows.mean(0, dtype=np.float64), machine.mean_h(rows).mean(0)

    @property
    def x(self) -> Array:
        """The vector of the machine."""
        W, b, c = (self.machine.params[key] for key in "Wbc")
        return np.concatenate([W.ravel(), b + W @ self.lam, c + self.mu @ W])

    @x.setter
    def x(self, x: Array) -> None:
        W, b, c = (self.machine.params[key] for key in "Wbc")
        W[:] = x[: W.size].reshape(W.shape)
        b[:] = x[W.size : W.size + len(b)] - W @ self.lam
        c[:] = x[W.size + len(b) :] - self.mu @ W
        self.machine.project()

    def __call__(self, x: Array) -> tuple[float, Array]:
        """The value and the gradient at x, where the machine is left."""
        self.x = x
        W, chains = self.machine.W, self.machine.start(self.rows)
        log_z, model = self.machine.exact()
        data = self.machine.stats(chains)
        value = -self.machine.free_energy(chains).mean() - log_z - 0.5 * self.l2 * (W**2).sum()
        g = {key: data[key] - model[key] for key in "Wbc"}
        centred = g["W"] - np.outer(g["b"], self.lam) - np.outer(self.mu, g["c"]) - self.l2 * W
        return float(value), np.concatenate([centred.ravel(), g["b"], g["c"]])


def started(rows: Array, plane: Map, n_hidden: int, seed: int) -> ebm.RBM:
    """A machine whose hidden units point weakly at k-means prototypes, with thresholds as rare as these."""
    labels = KMeans(n_hidden, n_init=3, random_state=seed).fit(plane.places(rows)).labels_
    W = np.stack([rows[labels == k].mean(0) for k in range(n_hidden)], axis=1) - rows.mean(0)[:, None]
    W *= 0.5 / np.linalg.norm(W, axis=0)
    machine = ebm.RBM.from_data(rows, n_hidden, scale=0.0, dtype=np.float64)
    share = np.bincount(labels) / len(rows)
    machine.params["W"][:] = W
    machine.params["c"][:] = [-np.quantile(rows @ W[:, k], 1 - share[k]) for k in range(n_hidden)]
    machine.project()
    machine.params["b"][:] -= W @ machine.mean_h(rows).mean(0)
    machine.project()
    return machine


def ascend(
    objective: Objective, steps: int, watch: Watch = lambda machine: None, rate: float = 0.002
) -> None:
    """Plain gradient ascent, in steps that gain about half a nat at most.

    A step must gain half of what its slope promises: then it is shorter than the way to the ridge. Longer
    steps oscillate across it, and the weights of the modes with them, which blocks a ladder.
    """
    x = objective.x
    value, g = objective(x)
    for _ in range(steps):
        while True:
            new, h = objective(x + rate * g)
            if new >= value + 0.5 * rate * (g @ g):
                break
            rate /= 2
        x, rate = x + rate * g, rate * (0.8 if new > value + 0.5 else 1.1)
        value, g = new, h
        watch(objective.machine)


def climb(objective: Objective, steps: int) -> None:
    """L-BFGS from where the machine stands."""

    def down(x: Array) -> tuple[float, Array]:
        value, g = objective(x)
        return -value, -g

    options = {"maxiter": steps, "maxcor": 30, "ftol": 1e-9, "gtol": 1e-5}
    objective.x = minimize(down, objective.x, jac=True, method="L-BFGS-B", options=options).x


def calibrate(machine: ebm.RBM, rows: Array, plane: Map, numbers: np.random.Generator) -> None:
    """Move the hidden biases by as little as gives the clusters the weights that they have in the data.

    With few hidden units the likelihood leaves clusters, whose borders it does not know, off by a hundredth
    or two. A cluster's weight is Σ_h p(h) π(h), with π(h) the share of draws of v given h that fall into it.
    """
    h, p = hidden_distribution(machine)
    drawn = machine.sample_v(np.repeat(h, 200, axis=0), ebm.Stream(numbers))
    inside = plane.clusters.predict(plane.places(drawn))[:, None] == np.arange(plane.clusters.n_clusters)
    share = inside.reshape(len(h), -1, plane.clusters.n_clusters).mean(1)
    for _ in range(20):
        gap = plane.weights(rows) - p @ share
        slope = (p[:, None] * (share - p @ share)).T @ (h - p @ h)
        machine.params["c"] += np.linalg.pinv(slope, rcond=1e-3) @ gap
        machine.project()
        p = hidden_distribution(machine)[1]


def hidden_distribution(machine: ebm.RBM) -> tuple[Array, Array]:
    """All states of the hidden layer and their probabilities: the machine turned round."""
    turned = ebm.RBM(machine.hidden, machine.visible, machine.W.T, machine.c, machine.b)
    h = ((np.arange(2**machine.n_hidden)[:, None] >> np.arange(machine.n_hidden)) & 1).astype(machine.dtype)
    log_p = -turned.free_energy(h)
    p = np.exp(log_p - logsumexp(log_p))
    return h, p / p.sum()


def exact_draws(machine: ebm.RBM, n: int, numbers: np.random.Generator) -> Array:
    """Independent draws of v: of h by enumeration, the machine turned round, then of v given h."""
    h, p = hidden_distribution(machine)
    drawn = h[numbers.choice(len(p), size=n, p=p)]
    return machine.sample_v(drawn, ebm.Stream(numbers))


def swap_rate(a: ebm.RBM, b: ebm.RBM, numbers: np.random.Generator, n: int = 200) -> float:
    """The mean acceptance of a swap between two machines in equilibrium, from exact draws of both."""
    both = np.concatenate([exact_draws(m, n, numbers) for m in (a, b)])
    gap = a.free_energy(both) - b.free_energy(both)
    return float(np.exp(np.minimum(gap[:n, None] - gap[n:], 0.0)).mean())


def between(a: ebm.RBM, b: ebm.RBM, share: float) -> ebm.RBM:
    """A machine on the straight line from a to b."""
    W, *biases = ((1 - share) * a.params[key] + share * b.params[key] for key in "Wbc")
    return ebm.RBM(a.visible, a.hidden, W, *biases)


def ladder(saved: list[ebm.RBM], least: float, seed: int) -> tuple[ebm.RBM, ...]:
    """A ladder from the first machine to the last: each rung the farthest that overlaps with the one below.

    The trajectory is the broken line through the saved machines; a rung is looked for by bisection.
    """
    numbers, rungs, at, end = np.random.default_rng(seed), [saved[0]], 0.0, len(saved) - 1.0

    def there(t: float) -> ebm.RBM:
        k = min(int(t), len(saved) - 2)
        return between(saved[k], saved[k + 1], t - k)

    while at < end:
        low, high = at, end
        if swap_rate(rungs[-1], there(end), numbers) >= least:
            low = end
        while high - low > max(1e-3, 0.05 * (low - at)):
            middle = (low + high) / 2
            if swap_rate(rungs[-1], there(middle), numbers) >= least:
                low = middle
            else:
                high = middle
        at = low if low > at else high
        rungs.append(there(at))
    return tuple(rungs)


def learn(rows: Array, plane: Map, settings: Settings, seed: int = 0) -> tuple[ebm.RBM, ...]:
    """Learn a machine; the ladder returned begins without couplings and ends with it."""
    machine = started(rows, plane, settings.n_hidden, seed)
    saved = [ebm.RBM.from_data(rows, settings.n_hidden, scale=0.0, dtype=np.float64)]
    begun, numbers = time.time(), np.random.default_rng(seed)

    def report(machine: ebm.RBM, what: str) -> None:
        gap = plane.weights(exact_draws(machine, 20_000, numbers)) - plane.weights(rows)
        value = -machine.free_energy(rows).mean() - machine.exact()[0]
        size = np.linalg.norm(machine.W, axis=0)
        print(
            f"  {what}, {time.time() - begun:.0f} s: log-likelihood {value:.3f} nats, |W| of a hidden unit"
            f" {size.min():.1f} to {size.max():.1f}, cluster weights − data's {gap.round(3)}",
            flush=True,
        )

    ascend(Objective(machine, rows, settings.l2), settings.ascent, lambda m: saved.append(m.copy()))
    report(machine, "ascent")
    climb(Objective(machine, rows, settings.l2), settings.lbfgs)
    report(machine, "optimum")
    if settings.calibrated:
        calibrate(machine, rows, plane, numbers)
        report(machine, "calibrated")
    nodes = []
    for k in range(1, settings.nodes):
        node = between(saved[-1], machine, k / settings.nodes)
        ascend(Objective(node, rows, settings.l2), settings.relax, rate=0.02)
        report(node, f"node {k}")
        nodes.append(node)
    rungs = ladder([*saved, *nodes, machine], settings.least, seed)
    print(f"  ladder of {len(rungs)} machines, {time.time() - begun:.0f} s")
    return rungs


SETTINGS = {
    "genes": Settings(n_hidden=10),
    "mickey": Settings(n_hidden=6, ascent=200, lbfgs=600, l2=1e-4, calibrated=True),
}
