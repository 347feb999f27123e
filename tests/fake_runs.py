"""Run and sweep directories made up, for the tests of comparison and report."""

from __future__ import annotations

import copy
import functools
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from fakes import fake_arrays, fake_metrics, write_metrics

from ebm.experiment import read_config
from ebm.experiment.config import resolved
from ebm.plots import plot_run

CONFIGS = Path(__file__).parents[1] / "configs"
MARK = "# Resolved by ebm run: every default written out.\n"


@functools.cache
def _tables(name: str) -> dict[str, Any]:
    return resolved(read_config(CONFIGS / f"{name}.toml"))


def tables(name: str = "tiny", **changes: Any) -> dict[str, Any]:
    """The resolved tables of a config; a change is `table_key` = value, a whole table by its name."""
    made = copy.deepcopy(_tables(name))
    for place, value in changes.items():
        table, _, key = place.partition("__")
        if not key:
            made[table] = value
        else:
            made[table][key] = value
    return made


def row(quantity: str, value: str, unit: str, **numbers: float) -> dict[str, Any]:
    return {"quantity": quantity, "value": value, "unit": unit} | numbers


def summary(
    score: float = -16.5, verdict: str = "agree", seconds: float = 12.5, **more: Any
) -> dict[str, Any]:
    return {
        "kept": {"machine": "last", "learned_epochs": 60.0, "stopped_early": False},
        "log_z": {
            "value": 203.0,
            "stderr": 0.02,
            "method": "report",
            "verdict": verdict,
            "reason": "of the fake",
        },
        "sampling": {"tau": 70.0, "burn_in": 2048, "thin": 155, "n_chains": 100},
        "baselines": {"independent units": -25.2, "Chow–Liu tree": -20.5},
        "seconds": seconds,
        "table": [
            row("machine kept", "last", "after 60 of 60 epochs"),
            row("log Z (report, ESS 96 of 100 weights)", "203.000 ± 0.020", "nats"),
            row("log-likelihood, test rows", f"{score:.3f} ± 0.020", "nats per row"),
            row("log-likelihood, test rows: Chow–Liu tree", "-20.562", "nats per row"),
            row("held-out error, softmax on the data", "7.22 ± 1.36", "% of rows"),
            row("autocorrelation time (overlap)", "77.3", "steps"),
        ],
    } | more


def fake_run(
    path: Path,
    config: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
    *,
    metrics: dict[str, np.ndarray] | None = None,
    data: str = "0123456789abcdef",
    drawn: bool = False,
    error: str | None = None,
) -> Path:
    """A run directory; without `found` it is not finished."""
    path.mkdir(parents=True, exist_ok=True)
    config = tables() if config is None else config
    (path / "config.toml").write_text(MARK + tomli_w.dumps(config))
    environment = {"ebm": "0.1.0", "python": "3.11.7", "packages": {"numpy": "2.4.6"}, "data": data}
    environment |= {"processor": "a fake", "cores": 2, "seed": config.get("train", {}).get("seed", 0)}
    (path / "environment.json").write_text(json.dumps(environment))
    write_metrics(path, fake_metrics() if metrics is None else metrics)
    if drawn:
        np.savez(path / "samples.npz", **fake_arrays())
        plot_run(path, {"Chow–Liu tree": -120.0})
    if found is not None:
        (path / "summary.json").write_text(json.dumps(found))
    if error is not None:
        (path / "error.txt").write_text(f"{error}\n")
    return path


def fake_sweep(path: Path, hidden: tuple[int, ...] = (16, 64, 256), seeds: int = 3) -> Path:
    """A sweep of sizes and seeds: 64 is best by two nats, seeds shift all alike; one failed, one goes on."""
    rng, names = np.random.default_rng(0), []
    shift = rng.normal(0, 1.5, seeds)
    for n, seed in itertools.product(hidden, range(seeds)):
        name = f"machine.n_hidden={n},train.seed={seed}"
        names.append(name)
        config = tables(machine__n_hidden=n, train__seed=seed)
        score = -16 - abs(np.log2(n / 64)) + shift[seed] + 0.1 * rng.normal()
        metrics = fake_metrics(seed)
        for key in metrics:
            if key not in ("step", "epoch", "log_z_stderr") and not key.endswith("_std"):
                metrics[key] = metrics[key] * (1 + 0.1 * abs(np.log2(n / 64))) + 0.3 * shift[seed]
        metrics["kl"] = fake_metrics()["kl"] * n / 64
        fake_run(path / name, config, summary(score, seconds=float(n)), metrics=metrics)
    names += [
        "machine.n_hidden=0,train.seed=0",
        "machine.n_hidden=512,train.seed=0",
        "machine.n_hidden=512,train.seed=1",
    ]
    bad = path / names[-3]
    bad.mkdir()
    (bad / "error.txt").write_text("[machine] n_hidden: Input should be greater than or equal to 1, got 0\n")
    fake_run(path / names[-2], tables(machine__n_hidden=512))
    told = {
        "format": 1,
        "config": "configs/tiny.toml",
        "overrides": [],
        "axes": {"machine.n_hidden": [*hidden, 0, 512], "train.seed": list(range(seeds))},
        "tasks": names,
    }
    (path / "sweep.json").write_text(json.dumps(told))
    return path
