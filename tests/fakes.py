"""Run directories and metrics made up by numpy, for the tests of figures."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from ebm import plots

METRIC_FIGURES = {"energy_curves", "free_energy_gap", "likelihood", "kl", "learning_curves"}
ARRAY_FIGURES = {
    "energy_histogram",
    "energy_traces",
    "annealing",
    "moments",
    "weights",
    "samples",
    "confusion",
    "reliability",
    "misclassified",
    "features_by_class",
    "predictions",
    "fine_tuning",
}
STEPS = 12


def fake_metrics(seed: int = 0) -> dict[str, np.ndarray]:
    """Metrics of a run of `STEPS` evaluations, log Z estimated at every third of them."""
    rng = np.random.default_rng(seed)
    step = np.arange(STEPS) * 500
    fall = np.exp(-step / 1500)
    noise = rng.normal(0, 0.3, (4, STEPS))
    metrics = {
        "step": step,
        "epoch": step / 100,
        "free_energy_train": -90 + 50 * fall + noise[0],
        "free_energy_heldout": -86 + 46 * fall + noise[1],
        "free_energy_chains": -93 + 30 * fall + noise[2],
        "log_likelihood_train": np.where(np.arange(STEPS) % 3 == 0, -84 - 120 * fall, np.nan),
        "log_likelihood_heldout": np.where(np.arange(STEPS) % 3 == 0, -88 - 116 * fall, np.nan),
        "log_z_stderr": np.where(np.arange(STEPS) % 3 == 0, 2.0, np.nan),
        "pseudo_likelihood_train": -50 - 70 * fall,
        "pseudo_likelihood_heldout": -54 - 66 * fall,
        "kl": fall**2,
        "loss_train": 2.3 * fall,
        "loss_heldout": 2.0 * fall + 0.3,
        "error_train": 0.9 * fall,
        "error_heldout": 0.8 * fall + 0.1,
    }
    metrics["free_energy_gap"] = metrics["free_energy_heldout"] - metrics["free_energy_train"]
    for name, width in (("train", 9.0), ("heldout", 10.0), ("chains", 6.0)):
        metrics[f"free_energy_{name}_std"] = np.full(STEPS, width)
    return metrics


def fake_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a ``samples.npz`` of 5 × 4 images."""
    rng = np.random.default_rng(seed)
    beta, sweep = np.array([0.3, 0.6, 1.0, 1.1, 1.2]), np.arange(0, 60, 2)
    energy = -0.7 * np.tanh(beta)[:, None] * (1 - np.exp(-sweep / 9))
    anneal = np.geomspace(0.05, 4, 30)
    mean, pairs = rng.random(20), rng.random(190)
    labels = rng.integers(0, 10, 300)
    p = rng.dirichlet(np.full(10, 0.2), 300)
    return {
        "x": rng.integers(0, 2, (30, 20)),
        "image_shape": np.array([5, 4]),
        "free_energy_samples": rng.normal(-95, 10, 200),
        "free_energy_train": rng.normal(-90, 12, 500),
        "free_energy_heldout": rng.normal(-86, 12, 150),
        "data_mean": mean,
        "model_mean": mean + rng.normal(0, 0.03, 20),
        "data_pairs": pairs,
        "model_pairs": pairs + rng.normal(0, 0.02, 190),
        "trace_sweep": sweep,
        "trace_beta": beta,
        "trace_energy": energy,
        "trace_energy_std": np.full(energy.shape, 0.02),
        "anneal_beta": anneal,
        "anneal_energy": -0.7 * np.tanh(anneal),
        "anneal_best": -0.72 * np.tanh(anneal),
        "ground_state_reference": np.array(-0.7432),
        "labels_true": labels,
        "labels_predicted": np.where(rng.random(300) < 0.1, rng.integers(0, 10, 300), labels),
        "weights": rng.normal(0, 0.2, (20, 12)),
        "label_weights": rng.normal(0, 0.2, (10, 12)),
        "probabilities": p,
        "mistakes": np.arange(40),
        "mistaken": rng.random((40, 20)),
        "numbers_true": rng.normal(size=50),
        "numbers_predicted": rng.normal(size=50),
        "numbers_std": np.full(50, 1.4),
        "tuning_step": np.arange(5),
        "tuning_epoch": np.arange(5),
        "tuning_loss_train": np.exp(-np.arange(5)),
        "tuning_error_train": 0.5 * np.exp(-np.arange(5)),
    }


def write_metrics(run: Path, metrics: dict[str, np.ndarray], tail: str = "") -> None:
    run.mkdir(exist_ok=True)
    lines = []
    for i, step in enumerate(metrics["step"]):
        numbers = {key: float(value[i]) for key, value in metrics.items() if np.isfinite(value[i])}
        lines.append(json.dumps({**numbers, "step": int(step)}) + "\n")
    (run / "metrics.jsonl").write_text("".join(lines) + tail)


@functools.cache
def all_axes() -> dict[str, object]:
    """Every figure by name, drawn from the fake numbers."""
    metrics, a = fake_metrics(), fake_arrays()
    trace = a["trace_energy"], a["trace_beta"], a["trace_sweep"], a["trace_energy_std"]
    return {
        "energy_curves": plots.energy_curves(metrics),
        "free_energy_gap": plots.free_energy_gap(metrics),
        "likelihood": plots.likelihood_curves(
            metrics, baselines={"uniform": -210.0, "a": -150.0, "b": -149.0}
        ),
        "kl": plots.kl_curve(metrics),
        "energy_histogram": plots.energy_histogram(
            a["free_energy_train"], a["free_energy_samples"], a["free_energy_heldout"]
        ),
        "energy_traces": plots.energy_traces(*trace),
        "annealing": plots.annealing(a["anneal_beta"], a["anneal_energy"], a["anneal_best"], -0.7432),
        "moments": plots.moments(a["data_mean"], a["model_mean"], a["data_pairs"], a["model_pairs"]),
        "weights": plots.weights(a["weights"], (5, 4)),
        "weights_map": plots.weights(a["weights"]),
        "samples": plots.samples(a["x"], (5, 4)),
        "confusion": plots.confusion(a["labels_true"], a["labels_predicted"]),
        "reliability": plots.reliability(a["probabilities"], a["labels_true"]),
        "misclassified": plots.misclassified(a["mistaken"], np.arange(40), np.arange(1, 41), (5, 4)),
        "features_by_class": plots.features_by_class(a["weights"], a["label_weights"], (5, 4)),
        "predictions": plots.predictions(a["numbers_true"], a["numbers_predicted"], a["numbers_std"]),
        "losses": plots.learning_curves(metrics)[0],
        "errors": plots.learning_curves(metrics)[1],
    }


def lines_by_label(ax) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in ax.lines}


def lightness(colour) -> float:
    """CIE L* of an sRGB colour."""
    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y
