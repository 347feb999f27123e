"""All that changes while a machine learns, hence all that a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ebm.arrays import Owned
from ebm.errors import expect
from ebm.learning import Carried, Rule
from ebm.machine import Parametrised
from ebm.optimisers import Memory, Optimiser
from ebm.selection import Watch
from ebm.stream import Seed, Stream

__all__ = ["M", "State", "begin"]

M = TypeVar("M", bound=Parametrised)


@dataclass
class State(Generic[M]):
    """All that changes while a machine learns.

    Attributes
    ----------
    machine : Machine or Network
    chains : Carried
        What the rule carries: persistent chains, centring offsets.
    memory : Memory
        What the optimiser keeps.
    rng : Stream
    step : int
        Updates made.
    watch : Watch
        What is remembered of the looks so far: the best machine, warnings that were given.
    """

    machine: M
    chains: Carried
    memory: Memory
    rng: Stream
    step: int = 0
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        expect(self.chains, Carried, "what the rule's init makes", "a Carried of ebm.learning, or a subclass")
        expect(
            self.memory,
            Memory,
            "what the optimiser's init makes",
            "a Memory of ebm.optimisers, or a subclass",
        )
        expect(self.machine, Parametrised, "machine", "a machine such as RBM(...), or a network")
        if isinstance(self.machine.params, Owned):
            self.machine.params.check()
        self.chains.fit(self.machine)
        self.memory.fit(self.machine.params)

    def __repr__(self) -> str:
        return f"State({self.machine!r}, after {self.step} updates)"


def begin(machine: M, rule: Rule[M], optimiser: Optimiser, seed: Seed = 0) -> State[M]:
    """The state before the first update."""
    expect(rule, Rule, "rule", "a rule such as PCD()")
    expect(optimiser, Optimiser, "optimiser", "an optimiser such as SGD(0.05)")
    expect(machine, Parametrised, "machine", "a machine such as RBM(...), or a network")
    rng = Stream(seed)
    return State(machine, rule.init(machine, rng), optimiser.init(machine.params), rng)
