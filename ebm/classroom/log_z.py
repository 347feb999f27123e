"""log Z of a small RBM by hand, and how annealed importance sampling closes in on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebm.arguments import as_count, as_number
from ebm.classroom.lesson import Lesson
from ebm.classroom.states import few_units, normal, written
from ebm.classroom.text import Table
from ebm.machine import Array
from ebm.partition.annealed import annealed_log_weights, reverse_log_weights
from ebm.partition.estimate import log_mean_exp
from ebm.rbm import RBM
from ebm.samplers import Direct, sample
from ebm.states import enumerate_states
from ebm.stream import Seed, Stream
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["log_z"]

_LENGTHS = (1, 3, 10, 30, 100, 300, 1000)
_SHOWN = 16


def log_z(
    n_visible: int = 10, n_hidden: int = 4, scale: float = 3.0, n_chains: int = 100, seed: Seed = 0
) -> Lesson:
    """log Z: a sum by hand, and how AIS closes in on it.

    Parameters
    ----------
    n_visible : int
        1 to 16.
    n_hidden : int
        1 to 6: a term of the sum for each of their states.
    scale : float
        Standard deviation of the weights; strong ones make annealing hard.
    n_chains : int
        Of annealed importance sampling.
    seed : int
        Of the weights and of the chains.
    """
    n_visible, n_hidden = few_units(n_visible, "n_visible"), few_units(n_hidden, "n_hidden", 1, 6)
    scale, n_chains = as_number(scale, "scale", 0, 20), as_count(n_chains, "n_chains", 2, 10**5)
    W = scale * normal(seed, n_visible, n_hidden)
    machine = RBM(Bernoulli(), Bernoulli(), W, -W.sum(1) / 2, -W.sum(0) / 2)
    h = enumerate_states(machine.hidden, n_hidden)
    c = machine.params["c"]
    factor = machine.visible.cgf(machine.inputs_v(h)).sum(1)  # log Π_i (1 + exp(b_i + W_i·h))
    term = h @ c + factor
    exact = float(np.logaddexp.reduce(term))
    order = np.argsort(-term, kind="stable")
    up, down = _annealed(machine, n_chains, Stream(seed))
    rising, falling = _estimates(up, 1), _estimates(down, -1)
    return Lesson(
        "log-z",
        f"log Z of an RBM of {n_visible} × {n_hidden} units: by hand, and by annealing",
        (
            "Z = Σ over all v and h of exp(-E). Given h the visible units are independent, so that their sum"
            " is a product: Z = Σ_h exp(c·h) Π_i (1 + exp(b_i + W_i·h)), one term for each state of the"
            f" hidden layer, here {len(h)} instead of {2 ** (n_visible + n_hidden)}.",
            Table(
                f"The terms{'' if len(h) <= _SHOWN else ', the largest'}",
                ("h", "c·h", "log of the product", "log of the term", "share of Z"),
                tuple(
                    (
                        written(h[k]),
                        float(h[k] @ c),
                        float(factor[k]),
                        float(term[k]),
                        float(np.exp(term[k] - exact)),
                    )
                    for k in order[:_SHOWN]
                ),
            ),
            f"log Z = {exact:.6f} nats; ebm.log_z(machine, 'exact') says"
            f" {machine.exact(stats=False)[0]:.6f}.",
            "Where no layer is small, chains are annealed from β = 0, whose Z is known, to β = 1; each"
            " carries a weight whose mean is Z. The mean of their logarithms is too low (Jensen), so a few"
            " temperatures underestimate; annealing backwards from samples overestimates. The truth is"
            " between.",
            Table(
                f"{n_chains} chains each; nats",
                ("temperatures", "AIS", "± stderr", "reverse AIS", "± stderr ", "deviation of log weights"),
                tuple(
                    (
                        t,
                        *map(float, rising[k]),
                        *map(float, falling[k]),
                        float(up[k].std()),
                    )
                    for k, t in enumerate(_LENGTHS)
                ),
            ),
        ),
        {
            "exact": exact,
            "terms": term,
            "h": h,
            "temperatures": np.array(_LENGTHS),
            "ais": rising[:, 0],
            "ais_stderr": rising[:, 1],
            "reverse": falling[:, 0],
            "reverse_stderr": falling[:, 1],
            "spread": np.array([w.std() for w in up]),
            "W": W,
        },
        {
            "convergence": lambda: _convergence({"AIS": rising, "reverse AIS": falling}, exact),
            "weights": lambda: _weights(up, exact),
        },
    )


def _annealed(machine: RBM, n_chains: int, rng: Stream) -> tuple[list[Array], list[Array]]:
    """Log-weights of annealing up from β = 0, and down from exact samples, for each length."""
    x = sample(machine, n_chains, sampler=Direct(), seed=int(rng.key)).x
    up = [annealed_log_weights(machine, t, n_chains, seed=rng.split(t)) for t in _LENGTHS]
    return up, [reverse_log_weights(machine, x, t, seed=rng.split(10**6 + t)) for t in _LENGTHS]


def _estimates(weights: list[Array], sign: int) -> Array:
    """log Z and its standard error from each set of log-weights; of reverse ones the mean is of 1/Z."""
    found = [log_mean_exp(sign * w)[:2] for w in weights]
    return np.array([(sign * value, error) for value, error in found])


def _convergence(estimates: dict[str, Array], exact: float) -> Figure:
    from ebm.classroom.drawing import LOOKS, panels

    figure, (ax,) = panels(1, "", (6.6, 4.4))
    for k, ((name, found), look) in enumerate(zip(estimates.items(), LOOKS, strict=False)):
        ax.errorbar(
            np.array(_LENGTHS) * 1.06**k, *found.T, color=look.colour, marker=look.marker,
            linestyle=look.line, label=name,
        )  # fmt: skip
    ax.axhline(exact, color="0.3", linestyle=":", label="exact")
    ax.set_xscale("log")
    ax.set(title="From below and from above", xlabel="temperatures", ylabel="log Z (nats) ± standard error")
    ax.legend(frameon=False, fontsize="small")
    return figure


def _weights(weights: list[Array], exact: float) -> Figure:
    from ebm.classroom.drawing import LOOKS, panels

    figure, (ax,) = panels(1, "", (6.6, 4.4))
    shown = (1, 3, 5)
    low, high = min(weights[k].min() for k in shown), max(weights[k].max() for k in shown)
    edges = np.linspace(low, high + 1e-9, 41)
    for k, look in zip(shown, LOOKS, strict=True):
        ax.hist(
            weights[k], edges, histtype="step", color=look.colour, linestyle=look.line, linewidth=1.6,
            label=f"{_LENGTHS[k]} temperatures",
        )  # fmt: skip
    ax.axvline(exact, color="0.3", linestyle=":", label="log Z, exact")
    ax.set(title="More temperatures, narrower weights", xlabel="log weight (nats)", ylabel="chains")
    ax.legend(frameon=False, fontsize="small")
    return figure
