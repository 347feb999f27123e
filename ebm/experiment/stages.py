"""The stages of a run after learning: a function each, whose parameters are the keys of its table.

A stage reads the machine and the data, keeps rows for the table at the end, numbers for summary.json and
arrays for samples.npz. One more is a function here and its line in `STAGES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ebm.baselines import ChowLiu, Independent
from ebm.datasets import Data, sk
from ebm.deep import DBM, DBN
from ebm.errors import EbmError, TooLarge
from ebm.experiment.calls import Call, Table
from ebm.experiment.inferring import check_inverse, inverse
from ebm.experiment.predicting import predictions, read_out, tune
from ebm.experiment.report import summary_of
from ebm.experiment.stacks import check_stack
from ebm.experiment.tables import in_users_units, predicted, whole_rows
from ebm.experiment.work import Config, Model, Train, Work, data_units, heldout_of
from ebm.inverse import METHODS as INFERENCE
from ebm.machine import Array, Bounded, Count, Machine, Pairwise, Positive
from ebm.network import fine_tune, readout
from ebm.partition import base_rate, log_likelihood, log_z
from ebm.partition.logz import METHODS, settings_of
from ebm.rbm import RBM
from ebm.samplers import Annealing, Gibbs, sample
from ebm.scores import free_energy_gap, reconstruction_error
from ebm.states import enumerate_states, n_states
from ebm.stream import Seed, Stream
from ebm.table.data import TableData
from ebm.units import Mixed

__all__ = ["STAGES", "check_stages", "learn_stages", "run_stages"]

_PAIRS = 4000  # second moments that are plotted, at most
_COMPLETIONS = 2**20  # states of the units to complete
_RAMP = Annealing()
_HEAT_MAP = 400  # units up to which a coupling matrix is drawn


@dataclass(frozen=True)
class Stage:
    """A table, what is done with its call, and the tables that it needs."""

    table: Table
    run: Callable[[Work, Call], None]
    needs: tuple[str, ...] = ()
    learns: bool = False  # in place of [train]: before the machine is saved


def _own(function: Callable[..., None], *needs: str) -> Stage:
    """A stage of ours: the call is all there is to do."""
    return Stage(Table(function, ("work",)), _call, needs)


def _call(work: Work, call: Call) -> None:
    call(work)


def check_stages(config: Config, machine: Model, data: Data | None) -> None:
    """Refuse what could not be done, before anything is written or learned.

    Raises
    ------
    EbmError
        One line that names the table.
    """
    if isinstance(machine, DBN):
        check_stack(config)
    if "inverse" in config.stages:
        check_inverse(config, machine)
    if data is not None:
        _check_data(machine, data)
        if config.train is not None and not isinstance(machine, DBN):
            _check_scores(config.train, machine, data)
        if "readout" in config.stages:
            _check_readout(config, machine, data)
    exact = config.stages.get("log_z")
    if exact is not None and exact.arguments["method"] == "exact":
        _feasible("log_z", machine.top if isinstance(machine, DBN) else machine)
    if "completion" in config.stages:
        n = config.stages["completion"].arguments["given"]
        left = machine.n_visible - n
        if left < 1 or n_states(data_units(machine), left) > _COMPLETIONS:
            given = f"{n} of {machine.n_visible} units"
            raise EbmError(
                f"[completion] given: {given}; expected to leave a unit, at most {_COMPLETIONS} states"
            )


def _check_scores(train: Train, machine: Machine, data: Data) -> None:
    if train.kl or train.log_likelihood == "exact":
        _feasible("train", machine)
    if (train.kl or train.log_likelihood != "none") and not isinstance(data, TableData):
        for rows in (data.train, data.test):
            data_units(machine).check(rows, "[train] log_likelihood, kl: data", strict=True)
    _check_stopping(train, machine, data)


def _check_readout(config: Config, machine: Model, data: Data) -> None:
    if data.train_labels is None:
        raise EbmError("[readout] needs labels, and the data have none")
    if data.kind == "mixed":
        raise EbmError("[readout]: the machine's last unit is the label, which it predicts; expected none")
    if "fine_tune" in config.stages and not isinstance(machine, (RBM, DBM, DBN)):
        raise EbmError(f"[fine_tune]: {machine!r} has no hidden layers; expected an RBM, a DBM or a DBN")


def _check_data(machine: Model, data: Data) -> None:
    units = data_units(machine)
    if isinstance(data, TableData):
        if not isinstance(machine, Machine):
            raise EbmError(f"data: a table, but {machine!r} has no energy of all units; expected an RBM")
        if units != data.table.units:
            raise EbmError(f"data: the table has {data.table.units}, but the machine {units}")
        return  # rows that the table itself has encoded
    kind = type(units).__name__.lower()
    # Numbers are for all that take them, integers for counts and levels: which of them is checked below.
    numbers = data.kind == "gaussian" and not units.finite
    counts = data.kind in ("gaussian", "potts") and kind != "potts" and units.whole
    if data.kind != kind and not numbers and not counts:
        raise EbmError(f"data: {data.kind} values, but the machine has {kind} units")
    for name, rows in (("training", data.train), ("held-out", data.test)):
        if rows.shape[1] != machine.n_visible:
            width = machine.n_visible
            raise EbmError(f"data: {rows.shape[1]} columns, but the machine has {width} visible units")
        units.check(rows, f"{name} data")


def _check_stopping(train: Train, machine: Machine, data: Data) -> None:
    heldout = heldout_of(data)
    if train.stopping is None:
        return
    if heldout is None:
        raise EbmError("[train] stopping: needs held-out rows, and the data have none")
    known = None if train.log_likelihood == "none" else 0.0
    try:
        train.stopping.require(machine, data.train, heldout, known)
    except TooLarge as error:
        raise EbmError(f'[train] stopping: {error}; or estimate it: log_likelihood = "tempering"') from None
    except EbmError as error:
        raise EbmError(f"[train] stopping: {error}") from None


def _feasible(table: str, machine: Machine) -> None:
    try:
        machine.require_exact()
    except EbmError as error:
        raise EbmError(f"[{table}] {error}") from None


def learn_stages(work: Work) -> None:
    """Run the stages that learn."""
    for name, stage in STAGES.items():
        if stage.learns and name in work.config.stages:
            stage.run(work, work.config.stages[name])


def run_stages(work: Work) -> None:
    """Run the other stages whose tables the config has, and what needs no table."""
    calls = work.config.stages
    if work.data is not None and isinstance(work.machine, Machine):
        _scores(work, work.machine)
    for name, stage in STAGES.items():
        if name in calls and not stage.learns:
            stage.run(work, calls[name])
    if work.data is not None and work.data.kind == "mixed":
        predictions(work)
    if work.data is not None:
        predicted(work)
    _weights(work)


def _scores(work: Work, machine: Machine) -> None:
    rows = whole_rows(work.rows.train)
    if len(rows) and machine.sums_out and machine.n_units == machine.n_visible:
        if work.heldout is not None and len(heldout := whole_rows(work.heldout)):
            gap = free_energy_gap(machine, rows, heldout)
            work.summary["free_energy_gap"] = gap
            work.report.row("free-energy gap, held-out − training", gap, "nats per row")
        error = reconstruction_error(machine, rows)
        work.summary["reconstruction_error"] = error
        work.report.row("reconstruction error", error, "squared, per visible unit", digits=4)


def _log_z(work: Work, call: Call) -> None:
    data, machine, energies, report = work.data, work.machine, work.energies, work.report
    fits = data is not None and energies is machine and energies.n_units == energies.n_visible
    whole = whole_rows(work.rows.train) if fits else np.zeros((0, 0))
    base = base_rate(energies, whole) if len(whole) else None
    with report.progress("log Z") as update:
        clock = {"budget": math.inf} if "budget" in settings_of(call.arguments["method"]) else {}
        estimate = call(energies, base=base, progress=update, **clock)
    work.summary["log_z"] = summary_of(estimate)
    ais = estimate.estimates.get("ais")
    how = estimate.method + (f", ESS {ais['ess']:.0f} of {ais['n_chains']:.0f} weights" if ais else "")
    of = "" if energies is machine else " of the top RBM"
    report.row(f"log Z{of} ({how})", estimate.value, "nats", estimate.stderr)
    if data is None:
        return
    sets = (
        {"training": data.train} if work.heldout is None else {"test": work.heldout, "training": data.train}
    )
    for name, rows in sets.items():
        if isinstance(machine, Bounded):
            each, what, key = (
                machine.log_likelihood_bound(rows, estimate), "bound on the log-likelihood", "bound_"
            )  # fmt: skip
        else:
            each, what, key = log_likelihood(energies, rows, estimate), "log-likelihood", ""
        each = in_users_units(data, rows, each)
        work.summary[f"log_likelihood_{key}{name}"] = float(each.mean())
        report.row(f"{what}, {name} rows", float(each.mean()), "nats per row", estimate.stderr)
    _baselines(work)


def _baselines(work: Work) -> None:
    data = work.rows
    if data.kind != "bernoulli" or not np.isin(data.train, (0, 1)).all() or work.heldout is None:
        return
    models: dict[str, Any] = {"independent units": Independent, "Chow–Liu tree": ChowLiu}
    scores = {}
    for name, model in models.items():
        scores[name] = float(model.fit(data.train).log_likelihood(data.test).mean())
        work.report.row(f"log-likelihood, test rows: {name}", scores[name], "nats per row")
    work.summary["baselines"] = scores


def completion(work: Work, given: Count) -> None:
    """Given the first `given` visible units of each row of data, the probability of the others.

    Parameters
    ----------
    given : int
        So many of the visible units, from the first.
    """
    machine, units = work.energies, data_units(work.machine)
    rows = np.unique(work.rows.train, axis=0)
    rest = enumerate_states(units, machine.n_visible - given)
    right_ones = []
    for row in rows:
        first = np.broadcast_to(row[:given], (len(rest), given))
        log_p = -machine.visible_free_energy(np.concatenate([first, rest], axis=1))
        p = np.exp(log_p - log_p.max())
        right = (rest == row[given:]).all(1)
        right_ones.append(float(p[right].sum() / p.sum()))
    work.summary["completion"] = right_ones
    work.report.row(
        f"right completion of the first {given} units, exact: worst row",
        min(right_ones),
        "probability",
    )


def _sample(work: Work, call: Call) -> None:
    arrays, data, machine = work.arrays, work.data, work.machine
    if isinstance(machine, DBN):
        _moments(work, machine.sample(**call.arguments))
        return
    drawn = call(machine)
    arrays["free_energy_samples"] = drawn.free_energy
    arrays["chain"], arrays["draw"] = drawn.chain, drawn.draw
    work.summary["sampling"] = {k: v for k, v in drawn.diagnostics.items() if isinstance(v, (int, float))}
    tau, slowest = drawn.diagnostics["tau"], drawn.diagnostics.get("slowest", "free energy")
    work.report.row(f"autocorrelation time ({slowest})", tau, "steps", digits=1)
    if data is not None:
        rng = Stream(call.arguments["seed"]).split(1)
        arrays["free_energy_train"] = machine.free_energy(machine.clamp(whole_rows(data.train), rng))
        if work.heldout is not None:
            arrays["free_energy_heldout"] = machine.free_energy(machine.clamp(whole_rows(work.heldout), rng))
    _moments(work, drawn.x[:, : machine.n_visible])


def _moments(work: Work, x: Array) -> None:
    """Keep samples, and compare their moments with those of the data."""
    arrays, data, units = work.arrays, work.data, data_units(work.machine)
    arrays["x"] = x
    if data is None:
        return
    if data.image_shape is not None:
        arrays["image_shape"] = np.asarray(data.image_shape)
        arrays["x"] = x[:, : math.prod(data.image_shape)]  # a label beside the pixels is no part of the image
    left, right = units.encode(whole_rows(data.train)), units.encode(x)
    arrays["data_mean"], arrays["model_mean"] = left.mean(0), right.mean(0)
    i, j = np.triu_indices(left.shape[1], 1)
    chosen = np.linspace(0, len(i) - 1, min(len(i), _PAIRS)).astype(np.int64)
    i, j = i[chosen], j[chosen]
    arrays["data_pairs"] = np.mean(left[:, i] * left[:, j], axis=0)
    arrays["model_pairs"] = np.mean(right[:, i] * right[:, j], axis=0)
    error = math.sqrt(float(np.mean((arrays["data_pairs"] - arrays["model_pairs"]) ** 2)))
    work.summary["second_moment_rms"] = error
    work.report.row("second moments, model − data, rms", error, "of ⟨vv⟩", digits=4)


def traces(
    work: Work,
    betas: Annotated[Sequence[Positive], Field(min_length=1)],
    n_sweeps: Count = 200,
    n_chains: Count = 64,
    seed: Seed = 0,
) -> None:
    """Energies of Gibbs chains at several β, from fair units.

    Parameters
    ----------
    betas : sequence of float
        Inverse temperatures.
    n_sweeps : int
        Sweeps at each.
    n_chains : int
        Chains at each.
    seed : int
        Of the chains.
    """
    machine = work.energies
    what = "free energy" if machine.sums_out else "energy"
    mean, std = [], []
    for k, beta in enumerate(betas):
        rng, gibbs = Stream(seed).split(k), Gibbs(beta=beta)
        state = gibbs.init(machine, n_chains, rng)
        energies = [machine.free_energy(state.chains)]
        for _ in range(n_sweeps):
            state, _ = gibbs.step(machine, state, rng)
            energies.append(machine.free_energy(state.chains))
        per_unit = np.array(energies) / machine.n_units
        mean.append(per_unit.mean(1))
        std.append(per_unit.std(1))
        last = per_unit[len(per_unit) // 2 :].mean()
        work.report.row(f"{what} at β = {beta:g}, second half", last, "per unit", digits=4)
    work.arrays |= {
        "trace_beta": np.asarray(betas, np.float64),
        "trace_sweep": np.arange(n_sweeps + 1),
        "trace_energy": np.array(mean),
        "trace_energy_std": np.array(std),
    }


def annealing(work: Work, sampler: Annealing = _RAMP, n_chains: Count = 64, seed: Seed = 0) -> None:
    """A ramp of simulated annealing; the best energy reached is reported per unit.

    Parameters
    ----------
    sampler : Annealing
        The ramp.
    n_chains : int
        Chains that walk it, each by itself.
    seed : int
        Of the chains.
    """
    machine, rng = work.energies, Stream(seed)
    state = sampler.init(machine, n_chains, rng)
    betas, energies, best = [], [], []
    with work.report.progress("annealing") as update:
        for k in range(sampler.length):
            state, info = sampler.step(machine, state, rng)
            assert state.best_energy is not None
            betas.append(info["beta"])
            energies.append(info["energy"].mean() / machine.n_units)
            best.append(state.best_energy.min() / machine.n_units)
            update((k + 1) / sampler.length, "")
    work.arrays |= {
        "anneal_beta": np.array(betas),
        "anneal_energy": np.array(energies),
        "anneal_best": np.array(best),
    }
    work.summary["annealing"] = {"best_energy_per_unit": float(best[-1])}
    work.report.row("lowest energy reached by annealing", float(best[-1]), "per unit", digits=4)
    if work.config.machine.function is sk:
        reference = -0.7632 + 0.70 * machine.n_units ** (-2 / 3)  # Boettcher (2005)
        work.arrays["ground_state_reference"] = np.asarray(reference)
        work.summary["annealing"]["reference"] = reference
        work.report.row(
            "mean ground state at this size, −0.7632 + 0.70 N^(−2/3)", reference, "per unit", digits=4
        )


def _weights(work: Work) -> None:
    machine, arrays = work.machine, work.arrays
    if isinstance(machine, DBN):
        units, W = machine.layer_units, machine.recognition()[0].W
    elif isinstance(machine, DBM):
        units, W = machine.layer_units, machine.layers()[0][0]
    elif isinstance(machine, RBM):
        units, W = (machine.visible, machine.hidden), machine.W
    else:
        if isinstance(machine, Pairwise) and machine.n_units <= _HEAT_MAP:
            arrays["weights"] = machine.J.toarray() if machine.sparse else machine.J
        return
    if any(isinstance(u, Mixed) or u.width > 1 for u in units[:2]):
        return
    arrays["weights"] = W
    if work.data is not None and work.data.image_shape is not None:
        arrays["image_shape"] = np.asarray(work.data.image_shape)


_OF_ROWS = ("x", "y", "weights")
STAGES: dict[str, Stage] = {
    "inverse": Stage(
        Table(inverse, ("work", "watch"), methods={name: how.settings for name, how in INFERENCE.items()}),
        _call,
        ("data",),
        learns=True,
    ),
    # Of the clock only the number of rounds would depend: they are bounded instead, for exact resuming.
    "log_z": Stage(
        Table(
            log_z,
            ("machine", "base", "data", "budget", "progress", "executor"),
            {"rounds": 4},
            methods=METHODS,
        ),
        _log_z,
    ),
    "readout": Stage(Table(readout, ("machine", "units", "progress", *_OF_ROWS)), read_out, ("data",)),
    "fine_tune": Stage(
        Table(fine_tune, ("network", "validation", "progress", *_OF_ROWS)), tune, ("data", "readout")
    ),
    "completion": _own(completion, "data"),
    "sample": Stage(Table(sample, ("machine", "given", "progress", "executor")), _sample),
    "traces": _own(traces),
    "annealing": _own(annealing),
}
