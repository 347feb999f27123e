"""Learning an RBM whose modes have the right weights.

The weight of a mode is the stiffest direction of the likelihood: modes differ in hundreds of units, so a
plain gradient step that suits the shape of the modes overthrows their weights, and chains that do not cross
between them do not notice. Three measures:

1. The stiff directions lie along the principal components of the data. There, and only there, the step is
   the natural gradient; across them it is the plain one.
2. The hidden units begin as weak functions of the components, each with a threshold of its own, and first
   learn slowly: then the modes part one after the other, continuously, and the machines on the way are a
   ladder.
3. The model's rows are independent draws where the hidden units are few enough to be enumerated (`exactly`),
   or come from trajectory tempering over the machines of this very run (`tempered`): whenever the last one
   saved and the machine that learns swap too rarely, a copy is added to the ladder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import logsumexp

import ebm
from experiments.trajectory.data import Map


@dataclass(frozen=True)
class Settings:
    """How to learn.

    Across the principal components a step is the plain gradient times `across`. Along them it is the plain
    gradient times `along` where the Fisher matrix is small, and where it is large the share `stiff` of the
    way to the optimum. `across` and `along` rise geometrically over the first half of the steps: small ones
    find the largest components first, as they should. All fall linearly over the last third.
    """

    n_hidden: int
    steps: int
    across: tuple[float, float]
    along: tuple[float, float]
    stiff: float
    batch: int
    chains: int

    def at(self, step: int) -> tuple[float, float, float]:
        """The three rates of a step: across, along, stiff."""
        done = step / self.steps
        fall = min(1.0, 3 * (1 - done) + 0.01)
        rise = (first * (last / first) ** min(1.0, 2 * done) for first, last in (self.across, self.along))
        across, along = rise
        return across * fall, along * fall, self.stiff * fall


class Learner:
    """A machine that learns: minibatches, centring offsets, steps, and the average of the last tenth."""

    def __init__(self, machine: ebm.RBM, rows: np.ndarray, plane: Map, settings: Settings, seed: int) -> None:
        self.machine, self.rows, self.plane, self.settings = machine, rows, plane, settings
        self.begun = time.time()
        self.numbers = np.random.default_rng(seed)
        self.mean, self.axes = rows.mean(0), plane.axes.astype(np.float32)
        self.offset = machine.mean_h(rows).mean(0)
        self.step, self.summed, self.average = 0, 0, {k: np.zeros(p.shape) for k, p in machine.params.items()}

    def update(self, model: np.ndarray) -> None:
        """One step with these rows of the model."""
        machine, s = self.machine, self.settings
        data = self.rows[self.numbers.integers(len(self.rows), size=s.batch)]
        self.offset += 0.05 * (machine.mean_h(data).mean(0) - self.offset)
        for key, change in self.change(data, model).items():
            machine.params[key] += change.astype(machine.dtype)
        machine.project()
        self.step += 1
        if self.step > 0.9 * s.steps:
            self.summed += 1
            for key, value in machine.params.items():
                self.average[key] += (value - self.average[key]) / self.summed

    def change(self, data: np.ndarray, model: np.ndarray) -> dict[str, np.ndarray]:
        """A step from rows of data and of the model.

        In centred parameters, whose statistics are (v−μ)(m−λ)ᵀ, v−μ and m−λ with m = ⟨h⟩ given v. Of these,
        the ones of z = Aᵀ(v−μ), the coordinates along the principal components, are few enough for their
        covariance, the Fisher matrix, to be estimated from the rows at hand.
        """
        machine, A, offset = self.machine, self.axes, self.offset
        across, along, stiff = self.settings.at(self.step)
        rows, n, m = np.concatenate([data, model]), len(data), len(model)
        sign = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)]).astype(np.float32)
        v, h = rows - self.mean, machine.mean_h(rows) - offset
        z, weighted = v @ A, h * sign[:, None]
        W, b = v.T @ weighted, v.T @ sign
        features = np.hstack([(z[:, :, None] * h[:, None, :]).reshape(n + m, -1), z, h]).astype(np.float64)
        F = np.cov(features.T)
        F[np.diag_indices(len(F))] += stiff / along
        step = stiff * scipy.linalg.solve(F, features.T @ sign, assume_a="pos")
        k, d = z.shape[1], machine.n_hidden
        W = across * (W - A @ (A.T @ W)) + A @ step[: k * d].reshape(k, d)
        b = across * (b - A @ (A.T @ b)) + A @ step[k * d : k * d + k]
        return {"W": W, "b": b - W @ offset, "c": step[k * d + k :] - self.mean @ W}

    def finish(self) -> None:
        """Put the averages in place: they have less of the noise of the last steps."""
        for key, value in self.machine.params.items():
            value[:] = self.average[key]
        self.machine.project()

    def report(self, model: np.ndarray, what: str) -> None:
        """A line of progress, ten times in all."""
        if self.step % (self.settings.steps // 10):
            return
        size = np.linalg.norm(self.machine.W, axis=0)
        gap = self.plane.weights(model) - self.plane.weights(self.rows)
        spread = self.plane.places(model).std(0) / self.plane.spread
        print(
            f"  step {self.step}, {time.time() - self.begun:.0f} s, |W| of a hidden unit {size.min():.1f} to"
            f" {size.max():.1f}, {what}; cluster weights − data's {gap.round(3)}, spread / data's"
            f" {spread.round(2)}",
            flush=True,
        )


def directions(
    plane: Map, rows: np.ndarray, n: int, scale: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of n hidden units that look along the components, each with its own threshold."""
    numbers = np.random.default_rng(seed)
    along = numbers.normal(size=(plane.axes.shape[1], n)) * np.sqrt(plane.spread / plane.spread[0])[:, None]
    W = scale * plane.axes @ (along / np.linalg.norm(along, axis=0))
    fields = rows @ W
    at = numbers.uniform(0.2, 0.8, n)
    return W, -np.array([np.quantile(fields[:, k], at[k]) for k in range(n)])


def started(rows: np.ndarray, plane: Map, n_hidden: int, seed: int) -> tuple[ebm.RBM, ebm.RBM]:
    """A machine without couplings, the easiest rung, and the one to learn, along the components."""
    free = ebm.RBM.from_data(rows, n_hidden, scale=0.0)
    machine = free.copy()
    machine.params["W"][:], machine.params["c"][:] = directions(plane, rows, n_hidden, 0.5, seed)
    machine.params["b"][:] -= machine.W @ machine.mean_h(rows).mean(0)
    machine.project()
    return free, machine


def exact_draws(machine: ebm.RBM, n: int, numbers: np.random.Generator) -> np.ndarray:
    """Independent draws of v: of h by enumeration, the machine turned round, then of v given h."""
    turned = ebm.RBM(machine.hidden, machine.visible, machine.W.T, machine.c, machine.b)
    h = ((np.arange(2**machine.n_hidden)[:, None] >> np.arange(machine.n_hidden)) & 1).astype(machine.dtype)
    log_p = -turned.free_energy(h)
    p = np.exp(log_p - logsumexp(log_p))
    drawn = h[numbers.choice(len(p), size=n, p=p / p.sum())]
    return machine.sample_v(drawn, ebm.Stream(numbers))


def exactly(rows: np.ndarray, plane: Map, settings: Settings, seed: int = 0) -> tuple[ebm.RBM, ...]:
    """Learn with exact draws of the model; the ladder is chosen from the machines saved on the way.

    The ladder returned begins with the easiest machine and ends with the result.
    """
    free, machine = started(rows, plane, settings.n_hidden, seed)
    learner, saved = Learner(machine, rows, plane, settings, seed), [free, machine.copy()]
    while learner.step < settings.steps:
        model = exact_draws(machine, settings.chains, learner.numbers)
        learner.update(model)
        if learner.step % 4 == 0:
            saved.append(machine.copy())
        learner.report(model, f"{len(saved)} machines saved")
    learner.finish()
    return *ebm.select_machines(saved, machine, least=0.3, seed=seed), machine


def tempered(
    rows: np.ndarray, plane: Map, settings: Settings, seed: int = 0, least: float = 0.4
) -> tuple[ebm.RBM, ...]:
    """Learn with draws by trajectory tempering over the machines saved so far; the ladder, as `exactly`."""
    free, machine = started(rows, plane, settings.n_hidden, seed)
    rng, sampler, rate = ebm.Stream(seed), ebm.TrajectoryTempering((free,)), 1.0
    state = sampler.init(machine, settings.chains, rng)
    learner = Learner(machine, rows, plane, settings, seed)
    while learner.step < settings.steps:
        state, info = sampler.step(machine, state, rng)
        latest = info["acceptance"][-1]
        rate = rate if np.isnan(latest) else 0.6 * rate + 0.4 * latest
        if rate < least:
            sampler, state = with_rung(sampler, state, machine, rng)
            rate = 1.0
        learner.update(state.x)
        learner.report(state.x, f"{len(sampler.machines)} machines saved")
    learner.finish()
    return *ebm.select_machines(sampler.machines, machine, least=0.3, seed=seed), machine


def with_rung(
    sampler: ebm.TrajectoryTempering, state: ebm.samplers.Ladder, machine: ebm.RBM, rng: ebm.Stream
) -> tuple[ebm.TrajectoryTempering, ebm.samplers.Ladder]:
    """The ladder with a copy of the machine and of its chains below it."""
    longer = ebm.TrajectoryTempering((*sampler.machines, machine.copy()))
    begun = longer.init(machine, len(state.chains), rng)
    begun.easier, begun.chains = [*state.easier, state.chains.copy()], state.chains
    return longer, begun


STAGES = {
    "genes": (exactly, Settings(10, 1000, (0.01, 1.0), (0.01, 1.0), 0.2, 500, 500)),
    "mickey": (tempered, Settings(40, 3000, (0.01, 0.15), (0.01, 3.0), 0.1, 1000, 500)),
}


def learn(name: str, rows: np.ndarray, plane: Map) -> tuple[ebm.RBM, ...]:
    """The ladder of a data set, learnt in its own way."""
    way, settings = STAGES[name]
    return way(rows, plane, settings)
