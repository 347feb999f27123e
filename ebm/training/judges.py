"""Who looks at a machine that learns: what is said of it, how good it is, and which of two is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from ebm.gaps import drawn_whole
from ebm.learning.rules import Rule, predictor
from ebm.machine import Array, Machine
from ebm.rows import as_source, thinned
from ebm.selection import EarlyStopping, gain, scored
from ebm.stream import EVALUATE, GAPS
from ebm.training.equilibrium import Equilibrium
from ebm.training.health import count_idle
from ebm.training.history import Row
from ebm.training.state import M, State
from ebm.training.steps import complete

__all__ = ["Judge", "by_energies", "evaluate"]


def _numbers(row: Row) -> str:
    """The numbers of a row and their names."""
    named = {key: value for key, value in row.items() if key not in ("epoch", "step", "rate")}
    return ", ".join(f"{key.replace('_', ' ')} {value:.4f}" for key, value in named.items())


@dataclass(frozen=True)
class Judge(Generic[M]):
    """Looks at a machine at the end of an epoch; by default says nothing, and prefers an averaged machine.

    Parameters
    ----------
    row : function of (state)
        Numbers that say how the machine is doing. Of the state only the watch may change.
    score : function of (state, row, stopping)
        What early stopping goes by, more being better.
    prefers : function of (state, other)
        Whether another machine is better than that of the state.
    line : function of (row)
        What such a row says, in words.
    """

    row: Callable[[State[M]], Row] = lambda state: {}
    score: Callable[[State[M], Row, EarlyStopping], float] = lambda state, row, stopping: 0.0
    prefers: Callable[[State[M], M], bool] = lambda state, other: True
    line: Callable[[Row], str] = _numbers


def evaluate(
    state: State[Machine], data: Array, heldout: Array | None = None, rule: Rule[Machine] | None = None
) -> Row:
    """Energies of data, held-out rows and chains: means and standard deviations over rows, nats.

    Free energies where the machine sums its hidden units out; where they are in its state, energies of
    completed states, whose difference is no free-energy gap. Gaps of rows are
    drawn given the rest. Hidden units that are dead or saturated in all
    rows are counted. The k of ``PCD(k="auto")`` is "sweeps". Draws,
    if any, are made beside the training's stream: evaluating changes nothing.
    """
    machine = state.machine
    rng = state.rng.split(EVALUATE).split(state.step)
    sets = {"train": drawn_whole(machine, thinned(complete(as_source(data), rule)), rng.split(GAPS))}
    if heldout is not None:
        sets["heldout"] = drawn_whole(machine, thinned(as_source(heldout)), rng.split(GAPS))
    row: Row = {}
    predicts = predictor(rule)
    if predicts is not None:
        for name, rows in (sets if heldout is None else sets | {"heldout": heldout}).items():
            row[f"loss_{name}"], row[f"error_{name}"] = predicts.score(machine, rows)
    running = {name: machine.start(machine.clamp(rows, rng)) for name, rows in sets.items()}
    energies = {name: machine.free_energy(x) for name, x in running.items()}
    chains = state.chains.states
    if chains is not None:
        energies["chains"] = machine.free_energy(chains)
    for name, energy in energies.items():
        row[f"free_energy_{name}"] = float(energy.mean())
        row[f"free_energy_{name}_std"] = float(energy.std())
    if heldout is not None and machine.n_units == machine.n_visible:
        row["free_energy_gap"] = row["free_energy_heldout"] - row["free_energy_train"]
    if state.chains.tuned is not None:
        row["sweeps"] = state.chains.tuned
    return row | count_idle(machine, running["train"])


def by_energies(rule: Rule[Machine], data: Any, heldout: Array | None, every: int) -> Judge[Machine]:
    """Judge machines by the energies that `evaluate` computes, and by held-out rows.

    Parameters
    ----------
    rule : Rule
        That the machine learns by.
    data, heldout : (n, n_visible)
    every : int
        Updates between looks.
    """
    equilibrium, predicts = Equilibrium(rule, every), predictor(rule)
    data = complete(data, rule)

    def row(state: State[Machine]) -> Row:
        return evaluate(state, data, heldout, rule) | equilibrium.look(state, data)

    def score(state: State[Machine], row: Row, stopping: EarlyStopping) -> float:
        assert heldout is not None
        rng = state.rng.split(EVALUATE).split(state.step)
        return scored(stopping, state, thinned(as_source(data)), heldout, rng, rule=rule)

    def prefers(state: State[Machine], other: Machine) -> bool:
        machine = state.machine
        if heldout is None:
            return True
        if predicts is not None:
            return predicts.score(other, heldout)[0] < predicts.score(machine, heldout)[0]
        rng = state.rng.split(EVALUATE).split(state.step)
        return gain(machine, other, thinned(heldout), rng)[0] > 0

    return Judge(row, score, prefers, _in_words)


def _in_words(row: Row) -> str:
    """What there is of errors, the gap, likelihoods."""
    said = []
    if "error_heldout" in row:
        said.append(f"held-out error {row['error_heldout']:.2%}")
    elif "error_train" in row:
        said.append(f"training error {row['error_train']:.2%}")
    if "free_energy_gap" in row:
        said.append(f"gap {row['free_energy_gap']:+.3f} nats")
    names = {"log_likelihood_heldout": "held-out", "log_likelihood_train": "train", "kl": "KL"}
    said += [f"{name} {row[key]:.3f} nats" for key, name in names.items() if key in row]
    return ", ".join(said)
