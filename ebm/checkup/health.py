"""`health`: what is to be known of a trained machine before it is believed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.arguments import as_count, as_number
from ebm.checkup.approach import Approach, run
from ebm.checkup.copies import NEAR, memorised
from ebm.checkup.distances import Distance, Yardstick
from ebm.checkup.reference import Reference, exactly, reference
from ebm.checkup.verdict import Verdict, judge, memories
from ebm.errors import EbmError, NotSupported, expect_all, printable
from ebm.files import as_path
from ebm.machine import (
    Array,
    Count,
    HasHidden,
    HasInputs,
    Machine,
    Positive,
    as_data,
    as_machine,
    require_density,
    visible_units,
)
from ebm.notebook import html_table
from ebm.partition import LogZ, log_likelihood, log_z
from ebm.partition.annealed import near
from ebm.partition.estimate import Context
from ebm.progress import Progress, Update, showing
from ebm.samplers.pilot import evenly
from ebm.scores import free_energy_gap
from ebm.stream import EVALUATE, Seed, Stream
from ebm.training.health import count_idle

__all__ = ["Health", "health"]

_LEAST = 20  # rows of data
_ROWS = 1000  # that chains are compared with
_SCORED = 2000
_STEPS = 768  # of tempering
_SHARES = (0.4, 0.3, 0.3)  # of the progress: Gibbs, the reference, log Z


@dataclass(frozen=True, repr=False)
class Health:
    """What a check of a machine has found; ``print`` shows a page, `figures` draws.

    Attributes
    ----------
    verdict : str
        "equilibrium": learnt with chains in equilibrium, as far as can be seen. "memory of k ≈ 100": with
        chains of about so many sweeps, which it remembers: run as long, it makes samples like its data, and
        others later on; its likelihood is not what it was trained for. "do not trust": neither plain nor
        tempered chains have reached equilibrium. "unchecked": there were no data.
    reason : str
        In one line.
    k : float
        The sweeps remembered; NaN where none are.
    relaxation_time : float
        In which plain Gibbs sweeps forget, sweeps; extrapolated where it is longer than the chains.
    approach : Approach
        Plain Gibbs from noise and from data.
    reference : Reference
        States in equilibrium, or why there are none.
    distance : Distance or None
        Of the reference from the data, in the statistics that the machine learns from.
    log_z : LogZ
    scores : dict of str to float
        What else was measured: log_likelihood of the data and log_likelihood_heldout, nats per row;
        overfitting, the free energy of held-out rows less that of training rows, with its error; memorised,
        a part of the samples; dead and saturated hidden units; mean free energies.
    machine : str
    """

    verdict: str
    reason: str
    k: float
    relaxation_time: float
    approach: Approach
    reference: Reference
    distance: Distance | None
    log_z: LogZ
    machine: str
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """What, how much, and what it means: the lines of the page."""
        from ebm.checkup.page import lines

        return lines(self)

    def __repr__(self) -> str:
        return printable(f"Health({self.verdict}: {self.machine})")

    def __str__(self) -> str:
        from ebm.checkup.page import text

        return printable(text(self))

    def _repr_html_(self) -> str:
        title = f"{self.machine}: {self.verdict}; {self.reason}"
        return html_table(title, ["", "found", "meaning"], [list(row) for row in self.rows])

    def figures(self, folder: str) -> list[Path]:
        """Draw free energies and distances from the data against time into a folder; the files.

        Raises
        ------
        EbmError
            The folder cannot be made.
        """
        from ebm.checkup.page import drawn

        path = as_path(folder, "folder")
        path.mkdir(parents=True, exist_ok=True)
        return drawn(self, path)


def health(
    machine: Machine,
    data: ArrayLike | None = None,
    *,
    heldout: ArrayLike | None = None,
    trajectory: Sequence[Machine] = (),
    n_chains: Annotated[int, Field(ge=20, lt=2**31)] = 500,
    sweeps: Count = 2048,
    budget: Positive = 30.0,
    seed: Seed = 0,
    progress: Progress = None,
) -> Health:
    """Was a machine trained in equilibrium, does it mix, how long is its memory, is its log Z to be believed?

    Plain Gibbs sampling from noise and from data as a function of time is held against the data and against
    states in equilibrium: exact draws where they are cheap, else plain chains if those from noise and from
    data become one, else trajectory tempering or tempering. docs/math.md (19.1)–(19.3).

    Parameters
    ----------
    machine : Machine
        Any, of whatever trainer.
    data : array_like, (n, n_visible), optional
        Rows that it was trained on, 40 or more; states, without gaps. Without them nothing is said of
        training.
    heldout : array_like, (m, n_visible), optional
        Rows that it was not trained on.
    trajectory : sequence of Machine, optional
        Machines saved along training, the easiest first, as `select_machines` chooses them.
    n_chains : int
        From noise, and as many from data.
    sweeps : int
        At most; fewer where chains settle before.
    budget : float
        Seconds for log Z, where it has to be estimated.
    seed : int, SeedSequence or Generator
    progress : bool or callable, optional
        As everywhere, `ebm.progress`.

    Returns
    -------
    Health

    Raises
    ------
    EbmError
        Rows that are no states of the machine, or too few; a machine that is not normalisable.
    NotSupported
        A machine with inputs.

    References
    ----------
    Decelle, Furtlehner & Seoane, "Equilibrium and non-equilibrium regimes in the learning of restricted
    Boltzmann machines" (2021); Nijkamp, Hill, Zhu & Wu, "Learning non-convergent non-persistent short-run
    MCMC toward energy-based model" (2019).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 6, 3, scale=0.5)
    >>> data = ebm.sample(machine, 200, sampler=ebm.Direct()).x
    >>> found = ebm.health(machine, data, n_chains=50)
    >>> found.verdict, found.reference.method, found.log_z.verdict
    ('equilibrium', 'exact draws', 'exact')
    """
    machine = as_machine(machine, "health: machine")
    if isinstance(machine, HasInputs):
        raise NotSupported(f"health: {machine}: its distribution depends on inputs; expected one without")
    require_density(machine, 1.0, "health")
    rows, others = (
        None if value is None else np.asarray(as_data(machine, value, name, strict=True))
        for value, name in ((data, "data"), (heldout, "heldout"))
    )
    n_chains, sweeps = as_count(n_chains, "n_chains", _LEAST), as_count(sweeps, "sweeps")
    budget = as_number(budget, "budget", 1e-3)
    machines = expect_all(trajectory, Machine, "trajectory", "a sequence of machines")
    rng = Stream(seed).split(EVALUATE)
    split = None if rows is None else _split(rows, n_chains, rng)
    with showing(progress, "health") as update, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what they say is in the verdicts
        starts = {"noise": machine.sample0(n_chains, rng)}
        yardstick = None
        if split is not None:
            starts["data"] = machine.clamp(split[0], rng)
            yardstick = Yardstick(machine, split[1])
        found = run(machine, starts, yardstick, rng, sweeps, _share(update, 0, "Gibbs sweeps"))
        f_rows = None if yardstick is None else machine.free_energy(machine.clamp(yardstick.rows, rng))
        truth = exactly(machine, 2 * n_chains, rng.split(1))
        if truth is None and f_rows is not None and not found.settled and memories(found, f_rows):
            truth = Reference(*_all(found), "none", "not needed: plain chains have left the data")
        if truth is None:
            truth = _truth(machine, found, machines, rows, rng, n_chains, _share(update, 1, "equilibrium"))
        tell = _share(update, 2, "log Z")
        z = log_z(
            machine,
            data=rows,
            seed=seed,
            progress=lambda done, line: tell(done),
            **_settings(machine, budget),
        )
        found_all = _health(machine, found, truth, yardstick, z, (rows, others), f_rows)
        update(1.0, found_all.verdict)
    return found_all


def _split(rows: Array, n_chains: int, rng: Stream) -> tuple[Array, Array]:
    """Rows that chains begin at, and others that they are compared with."""
    if len(rows) < 2 * _LEAST:
        raise EbmError(f"data: expected {2 * _LEAST} rows or more, got {len(rows)}")
    order = np.argsort(rng.uniform(1, len(rows))[0])
    n = min(n_chains, len(rows) // 2)
    return rows[order[:n]], rows[order[n : n + _ROWS]]


def _share(update: Update, part: int, line: str) -> Callable[[float], object]:
    """Progress of a part as that of all."""
    return lambda done: update(sum(_SHARES[:part]) + _SHARES[part] * done, line)


def _settings(machine: Machine, budget: float) -> dict[str, Any]:
    """Those of log Z: where it is estimated, the time for it."""
    from ebm.errors import TooLarge

    try:
        machine.require_exact()
        return {}
    except (TooLarge, NotSupported):
        return {"method": "report", "budget": budget}


def _all(found: Approach) -> tuple[Array, Array]:
    """The states at the end, each a chain."""
    x = np.concatenate(list(found.last.values()))
    return x, np.arange(len(x))


def _truth(
    machine: Machine,
    found: Approach,
    trajectory: Sequence[Machine],
    rows: Array | None,
    rng: Stream,
    n: int,
    tell: Callable[[float], object],
) -> Reference:
    """States in equilibrium: plain chains if they have settled, else by tempering."""
    exact = exactly(machine, 2 * n, rng.split(1))
    if exact is not None:
        return exact
    if found.settled:
        x = np.concatenate(list(found.last.values()))
        return Reference(
            x, np.arange(len(x)), f"plain Gibbs, {found.times[-1]} sweeps from noise and from data"
        )
    base = None
    if not trajectory:
        base = near(
            machine, rng.split(2), Context(data=None if rows is None else rows[evenly(len(rows), 10_000)])
        )
    return reference(machine, 2 * n, trajectory, base, rng.split(3), _STEPS, tell)


def _health(
    machine: Machine,
    found: Approach,
    truth: Reference,
    yardstick: Yardstick | None,
    z: LogZ,
    rows: tuple[Array | None, Array | None],
    f_rows: Array | None,
) -> Health:
    data, heldout = rows
    f_truth = machine.free_energy(truth.x)
    scores = {"free_energy_reference": float(f_truth.mean())}
    distance, verdict = None, Verdict("unchecked", "there are no data to compare with", math.nan)
    if truth.trouble:
        verdict = Verdict(
            "do not trust", f"{truth.method} has not reached equilibrium: {truth.trouble}", math.nan
        )
    if yardstick is not None and data is not None and f_rows is not None:
        distance = yardstick.distances(truth.x, truth.chain)["statistics"]
        verdict = judge(found, truth, distance, f_rows, f_truth)
        scores |= {"free_energy_data": float(f_rows.mean()), "free_energy_data_std": float(f_rows.std())}
        scores |= _of_rows(machine, truth if not truth.trouble else None, found, z, data, heldout)
    return Health(
        *verdict,
        relaxation_time=found.tau,
        approach=found,
        reference=truth,
        distance=distance,
        log_z=z,
        machine=repr(machine),
        scores=scores,
    )


def _of_rows(
    machine: Machine,
    truth: Reference | None,
    found: Approach,
    z: LogZ,
    data: Array,
    heldout: Array | None,
) -> dict[str, float]:
    """Scores of training and of held-out rows."""
    train, scores = data[evenly(len(data), _SCORED)], {}
    scores["log_likelihood"] = float(log_likelihood(machine, train, z).mean())
    if heldout is not None:
        new = heldout[evenly(len(heldout), _SCORED)]
        scores["log_likelihood_heldout"] = float(log_likelihood(machine, new, z).mean())
        scores["overfitting"] = free_energy_gap(machine, train, new)
        parts = [machine.visible_free_energy(x) for x in (train, new)]
        scores["overfitting_stderr"] = math.sqrt(sum(f.var(ddof=1) / len(f) for f in parts))
    samples = found.last["noise"] if truth is None else truth.x
    v = samples[:, : machine.n_visible]
    scores["memorised"], scores["usual"] = memorised(visible_units(machine), v, data, heldout), NEAR
    scores |= {key: float(n) for key, n in count_idle(machine, train).items()}
    if isinstance(machine, HasHidden):
        scores["n_hidden"] = float(machine.n_hidden)
    return scores
