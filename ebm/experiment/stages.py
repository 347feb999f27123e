"""The stages of a run after learning, one function each: every one reads the machine and the data, keeps
rows for the table, and returns numbers for summary.json and arrays for samples.npz."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.baselines import ChowLiu, Independent
from ebm.deep import DBN
from ebm.errors import EbmError, TooLarge
from ebm.experiment.config import Config
from ebm.experiment.directory import RunDirectory
from ebm.experiment.predicting import predictions, readouts
from ebm.experiment.report import Report
from ebm.experiment.stacks import check_stack
from ebm.machine import Array, enumerate_states, n_states
from ebm.partition import base_rate, log_likelihood, log_z
from ebm.samplers import Gibbs, sample
from ebm.scores import free_energy_gap, reconstruction_error
from ebm.stream import Stream
from ebm.units import Mixed

__all__ = ["Work", "run_stages"]

_PAIRS = 4000  # second moments that are plotted, at most
_COMPLETIONS = 2**20  # states of the units to complete
_HEAT_MAP = 400  # units up to which a coupling matrix is drawn


@dataclass
class Work:
    """What the stages share."""

    config: Config
    machine: Any
    data: Any
    run: RunDirectory
    report: Report
    summary: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    @property
    def heldout(self) -> Array | None:
        """Held-out rows, None where the data has none of their own."""
        return _heldout(self.data)


def _heldout(data: Any) -> Array | None:
    if data is None or np.array_equal(data.test, data.train):
        return None
    return data.test


def check_stages(config: Config, machine: Any, data: Any) -> None:
    """Refuse what could not be done, before anything is written or learned.

    Raises
    ------
    EbmError
        One line that names the table.
    """
    if isinstance(machine, DBN):
        check_stack(config)
    if data is not None:
        _check_data(machine, data)
    train, log_z = config.train, config.log_z
    if train is not None and (train.kl or train.log_likelihood == "exact"):
        _feasible("train", machine)
    if log_z is not None and log_z.method == "exact":
        _feasible("log_z", machine.top if isinstance(machine, DBN) else machine)
    if train is not None and (train.kl or train.log_likelihood != "none"):
        for rows in (data.train, data.test):
            data_units(machine).check(rows, "[train] log_likelihood, kl: data", strict=True)
    if train is not None and train.stopping is not None:
        _check_stopping(train, machine, data)
    if config.readout is not None and (data is None or data.train_labels is None):
        raise EbmError("[readout] needs labels, and the data have none")
    if config.readout is not None and data.kind == "mixed":
        raise EbmError("[readout]: the machine's last unit is the label, which it predicts; expected none")
    if config.completion is not None:
        left = machine.n_visible - config.completion.given
        if left < 1 or n_states(data_units(machine), left) > _COMPLETIONS:
            given = f"{config.completion.given} of {machine.n_visible} units"
            raise EbmError(
                f"[completion] given: {given}; expected to leave a unit, at most {_COMPLETIONS} states"
            )


def _check_data(machine: Any, data: Any) -> None:
    units = data_units(machine)
    kind = type(units).__name__.lower()
    if data.kind != kind:
        raise EbmError(f"data: {data.kind} values, but the machine has {kind} units")
    for name, rows in (("training", data.train), ("held-out", data.test)):
        if rows.shape[1] != machine.n_visible:
            width = machine.n_visible
            raise EbmError(f"data: {rows.shape[1]} columns, but the machine has {width} visible units")
        units.check(rows, f"{name} data")


def data_units(machine: Any) -> Any:
    """The type of the visible units."""
    return machine.layer_units[0] if hasattr(machine, "layer_units") else machine.units


def _check_stopping(train: Any, machine: Any, data: Any) -> None:
    heldout = _heldout(data)
    if heldout is None:
        raise EbmError("[train] stopping: needs held-out rows, and the data have none")
    known = None if train.log_likelihood == "none" else 0.0
    try:
        train.stopping.require(machine, data.train, heldout, known)
    except TooLarge as error:
        raise EbmError(f'[train] stopping: {error}; or estimate it: log_likelihood = "tempering"') from None
    except EbmError as error:
        raise EbmError(f"[train] stopping: {error}") from None


def _feasible(table: str, machine: Any) -> None:
    try:
        machine.require_exact()
    except EbmError as error:
        raise EbmError(f"[{table}] {error}") from None


def run_stages(work: Work) -> None:
    """Run the stages whose tables the config has."""
    config = work.config
    if work.data is not None and not isinstance(work.machine, DBN):
        _scores(work)
    if config.log_z is not None:
        _log_z(work)
    if config.readout is not None:
        readouts(work)
    if work.data is not None and work.data.kind == "mixed":
        predictions(work)
    if config.completion is not None:
        _completion(work)
    if config.sample is not None:
        _samples(work)
    if config.traces is not None:
        _traces(work)
    if config.annealing is not None:
        _annealing(work)
    _weights(work)


def _scores(work: Work) -> None:
    machine, rows = work.machine, work.data.train
    if machine.sums_out and machine.n_units == machine.n_visible:
        if work.heldout is not None:
            gap = free_energy_gap(machine, rows, work.heldout)
            work.summary["free_energy_gap"] = gap
            work.report.row("free-energy gap, held-out − training", f"{gap:.3f}", "nats per row")
        error = reconstruction_error(machine, rows)
        work.summary["reconstruction_error"] = error
        work.report.row("reconstruction error", f"{error:.4f}", "squared, per visible unit")


def _log_z(work: Work) -> None:
    config, machine, report = work.config.log_z, work.machine, work.report
    assert config is not None
    data = work.data
    energies: Any = machine.top if isinstance(machine, DBN) else machine  # whose log Z it is
    fits = data is not None and energies is machine and machine.n_units == machine.n_visible
    base = base_rate(machine, data.train) if fits else None
    with report.progress("log Z") as update:
        estimate = log_z(
            energies, config.method, seed=config.seed, n_temperatures=config.temperatures,
            n_chains=config.chains, base=base, accuracy=config.accuracy, rounds=config.rounds,
            budget=math.inf, progress=update,
        )  # fmt: skip
    work.summary["log_z"] = {
        "value": estimate.value,
        "stderr": estimate.stderr,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "method": estimate.method,
        "verdict": estimate.verdict,
        "reason": estimate.reason,
        "estimates": estimate.estimates,
    }
    ess = estimate.estimates.get("ais", {}).get("ess")
    how = estimate.method if ess is None else f"{estimate.method}, ESS {ess:.0f} of {config.chains} weights"
    of = "" if energies is machine else " of the top RBM"
    report.row(f"log Z{of} ({how})", f"{estimate.value:.3f} ± {estimate.stderr:.3f}", "nats")
    if data is None:
        return
    sets = (
        {"training": data.train} if work.heldout is None else {"test": work.heldout, "training": data.train}
    )
    bounded = hasattr(machine, "log_likelihood_bound")
    for name, rows in sets.items():
        if bounded:
            each = machine.log_likelihood_bound(rows, estimate)
        else:
            each = log_likelihood(machine, rows, estimate)
        what = "bound on the log-likelihood" if bounded else "log-likelihood"
        work.summary[f"log_likelihood_{'bound_' if bounded else ''}{name}"] = float(each.mean())
        error = f"{each.mean():.3f} ± {estimate.stderr:.3f}"
        report.row(f"{what}, {name} rows", error, "nats per row")
    _baselines(work)


def _baselines(work: Work) -> None:
    data = work.data
    if data.kind != "bernoulli" or not np.isin(data.train, (0, 1)).all() or work.heldout is None:
        return
    models: dict[str, Any] = {"independent units": Independent, "Chow–Liu tree": ChowLiu}
    found = {}
    for name, model in models.items():
        found[name] = float(model.fit(data.train).log_likelihood(data.test).mean())
        work.report.row(f"log-likelihood, test rows: {name}", f"{found[name]:.3f}", "nats per row")
    work.summary["baselines"] = found


def _completion(work: Work) -> None:
    config, machine, units = work.config.completion, work.machine, data_units(work.machine)
    assert config is not None
    rows = np.unique(work.data.train, axis=0)
    rest = enumerate_states(units, machine.n_visible - config.given)
    found = []
    for row in rows:
        given = np.broadcast_to(row[: config.given], (len(rest), config.given))
        log_p = -machine.visible_free_energy(np.concatenate([given, rest], axis=1))
        p = np.exp(log_p - log_p.max())
        right = (rest == row[config.given :]).all(1)
        found.append(float(p[right].sum() / p.sum()))
    work.summary["completion"] = found
    work.report.row(
        f"right completion of the first {config.given} units, exact: worst row",
        f"{min(found):.3f}",
        "probability",
    )


def _samples(work: Work) -> None:
    config, machine = work.config.sample, work.machine
    assert config is not None
    arrays, data = work.arrays, work.data
    if isinstance(machine, DBN):
        _moments(work, machine.sample(config.n, sampler=config.sampler, seed=config.seed))
        return
    drawn = sample(machine, config.n, sampler=config.sampler, seed=config.seed)
    arrays["free_energy_samples"] = drawn.free_energy
    work.summary["sampling"] = {k: v for k, v in drawn.diagnostics.items() if isinstance(v, (int, float))}
    tau, slowest = drawn.diagnostics["tau"], drawn.diagnostics.get("slowest", "free energy")
    work.report.row(f"autocorrelation time ({slowest})", f"{tau:.1f}", "steps")
    if data is not None:
        rng = Stream(config.seed).split(1)
        arrays["free_energy_train"] = machine.free_energy(machine.clamp(data.train, rng))
        if work.heldout is not None:
            arrays["free_energy_heldout"] = machine.free_energy(machine.clamp(work.heldout, rng))
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
    left, right = units.encode(data.train), units.encode(x)
    arrays["data_mean"], arrays["model_mean"] = left.mean(0), right.mean(0)
    i, j = np.triu_indices(left.shape[1], 1)
    chosen = np.linspace(0, len(i) - 1, min(len(i), _PAIRS)).astype(np.int64)
    i, j = i[chosen], j[chosen]
    arrays["data_pairs"] = np.mean(left[:, i] * left[:, j], axis=0)
    arrays["model_pairs"] = np.mean(right[:, i] * right[:, j], axis=0)
    error = math.sqrt(float(np.mean((arrays["data_pairs"] - arrays["model_pairs"]) ** 2)))
    work.summary["second_moment_rms"] = error
    work.report.row("second moments, model − data, rms", f"{error:.4f}", "of ⟨vv⟩")


def _traces(work: Work) -> None:
    config, machine = work.config.traces, work.machine
    assert config is not None
    what = "free energy" if machine.sums_out else "energy"
    betas, mean, std = np.asarray(config.betas), [], []
    for k, beta in enumerate(betas):
        rng, gibbs = Stream(config.seed).split(k), Gibbs(beta=float(beta))
        state = gibbs.init(machine, config.chains, rng)
        energies = [machine.free_energy(state.chains)]
        for _ in range(config.sweeps):
            state, _ = gibbs.step(machine, state, rng)
            energies.append(machine.free_energy(state.chains))
        per_unit = np.array(energies) / machine.n_units
        mean.append(per_unit.mean(1))
        std.append(per_unit.std(1))
        last = per_unit[len(per_unit) // 2 :].mean()
        work.report.row(f"{what} at β = {beta:g}, second half", f"{last:.4f}", "per unit")
    work.arrays |= {
        "trace_beta": betas,
        "trace_sweep": np.arange(config.sweeps + 1),
        "trace_energy": np.array(mean),
        "trace_energy_std": np.array(std),
    }


def _annealing(work: Work) -> None:
    config, machine = work.config.annealing, work.machine
    assert config is not None
    rng, sampler = Stream(config.seed), config.sampler
    state = sampler.init(machine, config.chains, rng)
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
    work.report.row("lowest energy reached by annealing", f"{best[-1]:.4f}", "per unit")
    reference = getattr(work.config.machine, "ground_state", None)
    if reference is not None:
        work.arrays["ground_state_reference"] = np.asarray(reference)
        work.summary["annealing"]["reference"] = reference
        work.report.row(
            "mean ground state at this size, −0.7632 + 0.70 N^(−2/3)", f"{reference:.4f}", "per unit"
        )


def _weights(work: Work) -> None:
    machine, arrays = work.machine, work.arrays
    layers = getattr(machine, "layer_units", None)
    if layers is not None:
        if layers[0].width == layers[1].width == 1:
            arrays["weights"] = (
                machine.recognition()[0].W if isinstance(machine, DBN) else machine.layers()[0][0]
            )
    elif "W" in machine.params and not isinstance(machine.visible, Mixed):
        if machine.visible.width == machine.hidden.width == 1:
            arrays["weights"] = machine.W
    elif "J" in machine.params and machine.n_units <= _HEAT_MAP:
        arrays["weights"] = machine.J.toarray() if machine.sparse else machine.J
    images = work.data is not None and work.data.image_shape is not None
    if images and "weights" in arrays and "J" not in machine.params:
        arrays["image_shape"] = np.asarray(work.data.image_shape)
