"""The recipe of all tables: centred PCD with many chains, a rate that falls to zero, averaged iterates.

With 500 chains the gradient is so quiet that the rate may be several times the usual one; the mean over the
last epochs, while the rate still moves the machine, takes away what noise is left. L2 or L1 is all there is
against overfitting.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import ebm


@dataclass(frozen=True)
class Recipe:
    """What is varied; rates and penalties in nats per row."""

    n_hidden: int
    rate: float
    epochs: float
    l2: float = 0.0
    l1: float = 0.0
    n_chains: int = 500
    batch_size: int = 100
    average: float | None = 0.7  # part of learning after which the mean begins; None: the last iterate
    falls: bool = True  # the rate, to zero
    scale: float = 0.01  # standard deviation of the first weights
    standardised: bool = False  # the gradient, not centred alone; rates are ten times smaller then

    @property
    def penalty(self) -> str:
        """What is held against large weights, in words."""
        return " + ".join(f"{name} {v:g}" for name, v in (("L1", self.l1), ("L2", self.l2)) if v) or "–"

    def updates(self, n_rows: int) -> int:
        """Updates in all, learning from so many rows."""
        return round(self.epochs * -(-n_rows // self.batch_size))

    def at(self, updates: int, n_rows: int) -> Recipe:
        """The same with so many updates from so many rows, in batches of 500 or of all that there are."""
        size = min(n_rows, 500)
        return replace(self, batch_size=size, epochs=updates / -(-n_rows // size))


def learn(
    recipe: Recipe,
    rows: np.ndarray,
    seed: int = 0,
    machine: ebm.RBM | None = None,
    constraints: Sequence[Any] = (),
) -> ebm.RBM:
    """A machine of float32, the mean of its last iterates; the one given is changed."""
    machine = machine or ebm.RBM.from_data(rows, recipe.n_hidden, scale=recipe.scale, seed=seed)
    rule = ebm.PCD(n_chains=recipe.n_chains, centred=True, standardised=recipe.standardised)
    rate = ebm.Linear(recipe.rate, 0.0, epochs=recipe.epochs) if recipe.falls else recipe.rate
    optimiser: Any = ebm.SGD(rate)
    if recipe.average is not None:
        optimiser = ebm.Averaged(optimiser, start=recipe.average * recipe.epochs, every=10)
    both = ((ebm.L2, recipe.l2), (ebm.L1, recipe.l1))
    penalties = [penalty(strength) for penalty, strength in both if strength]
    state = ebm.begin(machine, rule, optimiser, seed)
    course = ebm.training.Course(1, recipe.updates(len(rows)))
    steps = ebm.train(
        state, rows, rule, optimiser, recipe.batch_size, seed, penalties=penalties, constraints=constraints
    )
    for _ in course.run(state, steps):
        pass
    course.settle(state)  # the mean of the iterates, where there is one
    return machine


def relax(machine: ebm.RBM, least: float, recipe: Recipe, rows: np.ndarray, seed: int = 0) -> ebm.RBM:
    """Drop weights below `least`, and learn the rest further with the smaller penalty of the recipe.

    After Meinshausen, "Relaxed lasso" (2007): L1 chooses weights and shrinks them; the first is wanted.
    """
    kept = np.abs(machine.W) >= least
    machine.params["W"][~kept] = 0
    machine.project()
    return learn(recipe, rows, seed, machine, [ebm.Mask(kept)])


def melchior(
    rows: np.ndarray, n_hidden: int, seed: int, centred: bool = True, inverted: bool = False
) -> ebm.RBM:
    """The initial machine of Melchior, Fischer & Wiskott (2016).

    Its first biases are those of centred coordinates, offsets the data's means and ½; of the parameters where
    the gradient is not centred. Of inverted images it is the mirror image of the upright one.
    """
    n_visible = rows.shape[1]
    limit = 4 * np.sqrt(6 / (n_visible + n_hidden)) * (-1 if inverted else 1)
    W = limit * np.random.default_rng(seed).uniform(-1, 1, (n_visible, n_hidden))
    mean = rows.mean(0, dtype=np.float64)
    b, c = mean.clip(0.001, 0.999), np.zeros(n_hidden)
    b = np.log(b / (1 - b))
    if centred:
        b, c = b - 0.5 * W.sum(1), c - mean @ W
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), *(a.astype(np.float32) for a in (W, b, c)))


def ais(machine: ebm.RBM, rows: np.ndarray, n: int, seed: int = 1) -> ebm.LogZ:
    """log Z by AIS with n temperatures and 100 chains, from the marginals of the rows."""
    base = ebm.base_rate(machine, rows)
    return ebm.log_z(machine, "ais", n_temperatures=n, n_chains=100, base=base, seed=seed)


def score(machine: ebm.RBM, rows: np.ndarray, log_z: ebm.LogZ | float) -> float:
    """Mean log-likelihood, nats per row."""
    return float(ebm.log_likelihood(machine, rows, log_z).mean())


def settle(machine: ebm.RBM, train: np.ndarray, test: np.ndarray, budget: float) -> ebm.LogZ:
    """Print log Z by the report of several methods, and the test log-likelihood by each of them."""
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        log_z = ebm.log_z(machine, "report", data=train, budget=budget)
    print(f"log Z = {log_z}; {log_z.verdict}: {log_z.reason}; {time.monotonic() - begun:.0f} s\n")
    print("| estimator | log Z | ± | test by it | against it |\n|---|---|---|---|---|")
    energy = score(machine, test, 0.0)
    for name, e in log_z.estimates.items():
        value = e["value"]
        print(f"| {name} | {value:.3f} | {e['stderr']:.3f} | {energy - value:.3f} | {e['trouble']} |")
    fit = score(machine, train, log_z)
    print(f"\ntrain {fit:.3f}, test {energy - log_z.value:.3f} ± {log_z.stderr:.3f}", flush=True)
    return log_z
