"""The gradient of a likelihood, exact and as contrastive divergence guesses it: bias and variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import all_states, few_units, normal
from ebm.classroom.text import Bars, Table
from ebm.datasets import BarsAndStripes
from ebm.learning import CD, PCD, Exact, Rule
from ebm.learning.rules import Batch
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.states import enumerate_states
from ebm.stream import Seed, Stream
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["gradient"]

_COPIES = 40  # of the data in a batch: the variance is that of so many chains a row
_FIRST = 100  # estimates until persistent chains have arrived


def gradient(
    n_hidden: int = 3, k: int = 5, scale: float = 6.0, n_repeats: int = 300, seed: Seed = 0
) -> Lesson:
    """The exact gradient beside CD-1, CD-k and PCD: their bias and their spread.

    Parameters
    ----------
    n_hidden : int
        Hidden units, 1 to 8, above four visible ones.
    k : int
        Sweeps of the second contrastive divergence.
    scale : float
        Standard deviation of the weights: the larger, the slower chains are, and the larger the bias.
    n_repeats : int
        How often each gradient is estimated.
    seed : int
    """
    n_hidden, k = few_units(n_hidden, "n_hidden", 1, 8), as_count(k, "k", 1, 1000)
    scale = as_number(scale, "scale", 0, 20)
    n_repeats = as_count(n_repeats, "n_repeats", 2, 10**5)
    data = np.asarray(BarsAndStripes(2).load().train, np.float64)
    W = scale * normal(seed, data.shape[1], n_hidden)
    machine = RBM(Bernoulli(), Bernoulli(), W, -W.sum(1) / 2, -W.sum(0) / 2)
    batch = np.tile(data, (_COPIES, 1)), np.ones(_COPIES * len(data))
    exact = _repeated(machine, Exact(), batch, 1, Stream(seed))[0]
    expected = {"CD-1": cd_expectation(machine, data, 1), f"CD-{k}": cd_expectation(machine, data, k)}
    rules: dict[str, Rule] = {"CD-1": CD(1), f"CD-{k}": CD(k), "PCD": PCD(n_chains=len(batch[0]))}
    draws = {
        name: _repeated(machine, rule, batch, n_repeats, Stream(seed).split(i))
        for i, (name, rule) in enumerate(rules.items())
    }
    mean = {name: g.mean(0) for name, g in draws.items()}
    spread = {name: g.std(0, ddof=1) for name, g in draws.items()}
    bias = {
        name: expected.get(name, exact) - exact for name in draws
    }  # PCD's is none, once its chains are there
    rows = tuple(
        (
            name,
            _norm(mean[name] - exact),
            _norm(bias[name]),
            _norm(spread[name]),
            _norm(spread[name]) / np.sqrt(n_repeats),
        )
        for name in draws
    )
    names = [f"W{i + 1}{j + 1}" for i in range(W.shape[0]) for j in range(n_hidden)]
    at = slice(0, len(names))
    return Lesson(
        "gradient",
        "The gradient, exact and guessed: contrastive divergence has a bias, persistent chains have patience",
        (
            "The log-likelihood of data climbs along ⟨v h⟩ of the data minus ⟨v h⟩ of the machine. The"
            " second needs samples of the machine. CD-k starts chains at the data and stops after k sweeps:"
            " they have not arrived, which is a bias. PCD lets chains run on from estimate to estimate.",
            Table(
                f"Length of the error of the gradient ({len(exact)} parameters; exact length"
                f" {_norm(exact):.3f}; nats per sample)",
                ("rule", "bias, measured", "bias, enumerated", "spread of one", "spread of the mean"),
                rows,
            ),
            Bars("Bias", tuple(draws), tuple(_norm(bias[name]) for name in draws)),
            Bars("Spread of one estimate", tuple(draws), tuple(_norm(spread[name]) for name in draws)),
            "The enumerated bias is that of all chains there could be: the shares of the data, times the"
            f" matrix of all transitions k times. Measured, it is the mean of {n_repeats} estimates, off by"
            " about the spread of the mean.",
        ),
        {
            "exact": exact,
            "mean": mean,
            "spread": spread,
            "bias": bias,
            "expected": expected,
            "W": W,
            "names": names,
            "n_repeats": n_repeats,
        },
        {
            "weights": lambda: _weights(names, exact[at], _parts(mean, at), _parts(spread, at)),
            "errors": lambda: _errors({name: (_norm(bias[name]), _norm(spread[name])) for name in draws}),
        },
    )


def cd_expectation(machine: RBM, data: Array, k: int) -> Array:
    """What CD-k is on average: statistics of the data minus those of all chains there are after k sweeps."""
    v = all_states(machine)
    h = enumerate_states(machine.hidden, machine.n_hidden)
    down = _product(machine.mean_h(v), h) @ _product(machine.mean_v(h), v)  # p(v' | v)
    shares = np.zeros(len(v))
    powers = 2 ** np.arange(machine.n_visible)[::-1]
    np.add.at(shares, (data @ powers).astype(int), 1 / len(data))
    start = _flat(machine.stats(v, shares))
    for _ in range(k):
        shares = shares @ down
    return start - _flat(machine.stats(v, shares))


def _product(on: Array, states: Array) -> Array:
    """Probabilities of states of independent bits, of which each row has its own chances of being on."""
    return np.prod(np.where(states[None] > 0, on[:, None], 1 - on[:, None]), axis=-1)


def _flat(gradient: dict[str, Array]) -> Array:
    return np.concatenate([np.ravel(np.asarray(gradient[name], np.float64)) for name in ("W", "b", "c")])


def _norm(values: Array) -> float:
    return float(np.linalg.norm(values))


def _parts(values: dict[str, Array], at: slice) -> dict[str, Array]:
    return {name: value[at] for name, value in values.items()}


def _repeated(machine: RBM, rule: Rule, batch: Batch, n: int, rng: Stream) -> Array:
    """n estimates, one after the other, from chains that go on where the rule's do; (n, n_parameters)."""
    carried = rule.init(machine, rng)
    found = []
    first = _FIRST if isinstance(rule, PCD) else 0
    for t in range(first + n):
        estimate, carried = rule.gradient(machine, batch, carried, rng)
        if t >= first:
            found.append(_flat({name: np.asarray(value) for name, value in estimate.items()}))
    return np.array(found)


def _weights(names: list[str], exact: Array, mean: dict[str, Array], spread: dict[str, Array]) -> Figure:
    from ebm.classroom.drawing import bars, panels

    figure, (ax,) = panels(1, "", (max(8.0, 0.6 * len(names)), 4.2))
    bars(ax, {"exact": exact, **mean}, names, spread)
    ax.set_title("The gradient of each weight; lines: the spread of one estimate", pad=26)
    ax.set(
        xlabel="weight",
        ylabel="∂ log-likelihood / ∂W (nats)",
    )
    return figure


def _errors(errors: dict[str, tuple[float, float]]) -> Figure:
    from ebm.classroom.drawing import bars, panels

    figure, (ax,) = panels(1, "", (6.0, 4.0))
    bars(
        ax,
        {"bias": [e[0] for e in errors.values()], "spread of one estimate": [e[1] for e in errors.values()]},
        list(errors),
    )
    ax.set_title("How far estimates are off, and how far apart", pad=26)
    ax.set_ylabel("length (nats per sample)")
    return figure
