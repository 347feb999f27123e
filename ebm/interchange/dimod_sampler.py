"""What `ebm.interchange.dimod.Sampler` does; it becomes a `dimod.Sampler` there, where dimod is installed."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

import ebm.samplers as samplers
from ebm.arguments import as_count, as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, expect, imported, short
from ebm.interchange.dimod import quadratic_of
from ebm.interchange.quadratic import Quadratic
from ebm.machine import Array
from ebm.samplers.walkers import Walkers, advance
from ebm.stream import SAMPLE, Stream
from ebm.units import Bernoulli, Ising

__all__ = ["Draws"]

_STEPS = 100  # of a sampler without an end, from given states
_PARAMETERS = (
    "num_reads", "beta", "seed", "sampler", "n_chains", "burn_in", "thin", "initial_states",
    "initial_states_generator",
)  # fmt: skip


class Draws:
    """Any sampler of `ebm` as a `dimod.Sampler`: for Ocean's composites, hybrid workflows and tools.

    Annealing returns the best state that each read met; a sampler at a temperature draws from
    p(x) ∝ exp(−beta·E(x)), of which dimod's own samplers have no measured burn-in.

    Parameters
    ----------
    sampler : Sampler, optional
        ``Annealing()`` when left out; ``Gibbs()``, ``Tempering(...)``, ``Direct()`` and others.
    beta : float
        Of the distribution. Annealing, which fits its temperatures to the machine, does not need it.
    seed : int
        Call k of `sample` draws from the stream (seed, k): calls differ, programs repeat.

    Examples
    --------
    >>> import pytest, ebm
    >>> dimod = pytest.importorskip("dimod")
    >>> from ebm.interchange.dimod import Sampler
    >>> bqm = dimod.BQM.from_ising({}, {"ab": 1.0, "bc": 1.0, "ca": -1.0})
    >>> found = Sampler(ebm.Annealing(n_steps=10)).sample(bqm, num_reads=5)
    >>> float(found.first.energy), found.info["sampler"].split("(")[0]
    (-3.0, 'Annealing')
    """

    properties: Any = None  # abstract in dimod.Sampler, as parameters are
    parameters: Any = None
    remove_unknown_kwargs: Any  # dimod's own
    parse_initial_states: Any

    def __init__(self, sampler: Any = None, *, beta: float = 1.0, seed: int = 0) -> None:
        given = samplers.Annealing() if sampler is None else sampler
        self._sampler = expect(given, samplers.Sampler, "sampler", "one such as Annealing() or Gibbs()")
        self._beta, self._seed = as_number(beta, "beta"), as_count(seed, "seed", 0)
        self._calls = itertools.count()
        self.properties = {"sampler": repr(self._sampler), "beta": self._beta, "seed": self._seed}
        self.parameters = {name: [] for name in _PARAMETERS}

    def sample(
        self,
        bqm: Any,
        num_reads: int | None = None,
        *,
        beta: float | None = None,
        seed: int | None = None,
        sampler: Any = None,
        n_chains: int | None = None,
        burn_in: int | None = None,
        thin: int | None = None,
        initial_states: Any = None,
        initial_states_generator: str = "random",
        **others: Any,
    ) -> Any:
        """Draw reads of a binary quadratic model.

        Parameters
        ----------
        bqm : dimod.BinaryQuadraticModel
        num_reads : int, optional
            As many as there are initial states, or 1.
        beta, sampler : optional
            Instead of those of this sampler.
        seed : int, optional
            Instead of (seed, number of the call).
        n_chains, burn_in, thin : int, optional
            As of `ebm.sample`; burn-in and thinning are measured when left out.
        initial_states : samples-like, optional
            Where the reads start: of `Gibbs`, which takes ``burn_in`` steps from there (100), and
            of `Annealing`.
        initial_states_generator : {"random", "tile", "none"}
            Where there are fewer of them than reads.

        Returns
        -------
        dimod.SampleSet
            One row a read, of the model's vartype; info has ``timing`` (nanoseconds of the
            three parts), ``sampler``, ``beta``, ``seed``, and ``diagnostics``: what `ebm.sample` says.

        Warns
        -----
        dimod.exceptions.SamplerUnknownArgWarning
            Other arguments.
        RuntimeWarning
            Chains too short for their autocorrelation time.
        """
        self.remove_unknown_kwargs(**others)
        dimod = imported("dimod", "Sampler", "interchange")
        started = time.perf_counter_ns()
        chosen = expect(sampler or self._sampler, samplers.Sampler, "sampler", "one such as Annealing()")
        at = self._beta if beta is None else as_number(beta, "beta")
        reads = None if num_reads is None else as_count(num_reads, "num_reads")
        entropy = [self._seed, next(self._calls)] if seed is None else [as_count(seed, "seed", 0, 2**32 - 1)]
        info = {"sampler": repr(chosen), "beta": at, "seed": entropy}
        if not bqm.num_variables:
            return self._empty(bqm, reads or 1, info)
        form, tuning = quadratic_of(bqm), (n_chains, burn_in, thin)
        machine = _tempered(form, at)
        ready = time.perf_counter_ns()
        if initial_states is None:
            x, facts = _drawn(machine, reads or 1, chosen, np.random.SeedSequence(entropy), tuning)
        else:
            begun = self.parse_initial_states(
                bqm, initial_states, initial_states_generator, reads, seed=entropy[-1]
            ).initial_states
            start = begun.record.sample[:, [begun.variables.index(name) for name in form.names]]
            x, facts = _from_states(machine, start, chosen, np.random.SeedSequence(entropy), tuning)
        done = time.perf_counter_ns()
        found = dimod.SampleSet.from_samples_bqm((x.astype(np.int8), list(form.names)), bqm)
        ended = time.perf_counter_ns()
        names = ("preprocessing_ns", "sampling_ns", "postprocessing_ns")
        info["timing"] = dict(zip(names, (ready - started, done - ready, ended - done), strict=True))
        info["diagnostics"] = {key: value for key, value in facts.items() if np.ndim(value) == 0}
        found.info.update(info)
        return found

    @staticmethod
    def _empty(bqm: Any, reads: int, info: dict[str, Any]) -> Any:
        """Reads of a model without variables: as many times its offset."""
        dimod = imported("dimod", "Sampler", "interchange")
        found = dimod.SampleSet.from_samples_bqm((np.zeros((reads, 0), np.int8), []), bqm)
        found.info.update(info)
        return found


def _tempered(form: Quadratic, beta: float) -> BoltzmannMachine:
    return BoltzmannMachine(Ising() if form.spin else Bernoulli(), beta * form.matrix(), beta * form.b)


def _drawn(
    machine: BoltzmannMachine, reads: int, sampler: Any, seed: Any, tuning: tuple[int | None, ...]
) -> tuple[Array, dict[str, Any]]:
    """States of `ebm.sample`, the best ones that annealing has met."""
    n_chains, burn_in, thin = tuning
    found = samplers.sample(
        machine, reads, sampler=sampler, seed=seed, n_chains=n_chains, burn_in=burn_in, thin=thin
    )
    return found.diagnostics.get("best_x", found.x), found.diagnostics


def _from_states(
    machine: BoltzmannMachine, start: Array, sampler: Any, seed: Any, tuning: tuple[int | None, ...]
) -> tuple[Array, dict[str, Any]]:
    """States that chains reach from others: each read is a chain."""
    n_chains, burn_in, thin = tuning
    if not isinstance(sampler, (samplers.Gibbs, samplers.Annealing)):
        raise EbmError(f"initial_states: {short(sampler)} draws its own; expected Gibbs() or Annealing()")
    if n_chains is not None or thin is not None:
        raise EbmError("initial_states: each read is a chain of one state; expected no n_chains, no thin")
    if burn_in is not None and sampler.length is not None:
        raise EbmError(f"initial_states: burn_in does not apply to {type(sampler).__name__}")
    rng = Stream(seed).split(SAMPLE)
    state: Walkers = sampler.init(machine, len(start), rng)
    state.chains = machine.start(np.ascontiguousarray(start, np.float64))
    if state.best_x is not None:
        state.best_x, state.best_energy = state.x.copy(), machine.free_energy(state.chains)
    steps = sampler.length if sampler.length is not None else _STEPS if burn_in is None else burn_in
    state = advance(sampler, machine, state, rng, steps)
    x = state.x if state.best_x is None else state.best_x
    return x, {"n_chains": len(start), "burn_in": steps}
