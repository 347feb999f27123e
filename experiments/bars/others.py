"""Do the errors hold of what else has one: means over samples, RAISE, log-likelihoods by clamped AIS?

    python -m experiments.bars.others [--seeds 8] [--out others.jsonl]

- sample: the mean energy of 1000 samples at the defaults, as if they were independent, against the exact one.
- tempering: the same from a ladder.
- raise: what it says log Z is at most, against exact log Z: too high by right, never too low.
- clamped: log-likelihood of a fully connected machine whose 22 hidden units AIS sums out, against exact sums.

z = (estimate − exact) / stated error; a warning counts as not trusted. A line of JSON a run; then the table.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from functools import cache
from pathlib import Path

import numpy as np

import ebm
from experiments.bars.log_z import machine_at
from experiments.bars.machines import MACHINES, scaled

_N, _ROWS, _HIDDEN = 1000, 20, 22
_STEP = 0.02  # of β, for the exact energy


@cache
def energy_of(name: str) -> float:
    """⟨F⟩, exact, of the machine at β = 1: F is −∂ log Z/∂β where nothing is summed out."""
    machine, _ = machine_at(name)
    near = [float(ebm.log_z(scaled(machine, 1 + k * _STEP), "exact")) for k in (-2, -1, 1, 2)]
    return -float(np.array([1, -8, 8, -1]) @ near) / (12 * _STEP)


def sampled(name: str, seed: int, sampler: ebm.samplers.Sampler | None) -> dict[str, object]:
    """The mean energy of samples."""
    machine, _ = machine_at(name)
    found = ebm.sample(machine, _N, sampler=sampler, seed=seed)
    off = float(found.free_energy.mean()) - energy_of(name)
    return {"off": off, "stderr": float(found.free_energy.std(ddof=1)) / math.sqrt(_N)}


def raised(name: str, seed: int) -> dict[str, object]:
    """RAISE's log Z of rows drawn by a ladder."""
    machine, exact = machine_at(name)
    rows = ebm.sample(machine, 100, sampler=ebm.Tempering(), seed=seed + 100).x
    found = ebm.log_z(machine, "raise", data=rows, seed=seed)
    return {"off": found.value - exact, "stderr": found.stderr, "verdict": found.verdict}


@cache
def _clamped_machine(kind: int) -> tuple[ebm.BoltzmannMachine, np.ndarray, np.ndarray]:
    """A fully connected machine with hidden units, rows, and log Σ_h exp(−E) of each."""
    rng, n = np.random.default_rng(kind), 10 + _HIDDEN
    J = np.triu(rng.normal(size=(n, n)) * (0.3 + 0.2 * kind) / math.sqrt(n) * 4, 1)
    machine = ebm.BoltzmannMachine(ebm.Bernoulli(), J + J.T, -(J + J.T).sum(1) / 4, n_visible=10)
    rows = (rng.random((_ROWS, 10)) < 0.5).astype(float)
    exact = []
    for row in rows:
        rest, energy = machine.condition(np.concatenate([row, np.full(_HIDDEN, np.nan)]))
        exact.append(float(ebm.log_z(rest, "exact")) - energy)
    return machine, rows, np.array(exact)


def clamped(kind: int, seed: int) -> dict[str, object]:
    """The mean over rows of the sum over hidden units; its error is not stated but for a warning above .3."""
    machine, rows, exact = _clamped_machine(kind)
    found = ebm.log_likelihood(machine, rows, 0.0, seed=seed)
    return {"off": float((found - exact).mean()), "worst": float(np.abs(found - exact).max())}


def main() -> None:
    """Run what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "others.jsonl")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {(row["what"], row["machine"], row["seed"]) for row in rows}
    names = [name for name in MACHINES if name.split()[0] in ("EA", "3-regular", "SK", "Potts", "Ising")]
    jobs = {
        "sample": (names, lambda name, seed: sampled(name, seed, None)),
        "tempering": (names, lambda name, seed: sampled(name, seed, ebm.Tempering())),
        "raise": (names, raised),
        "clamped": (range(4), clamped),
    }
    for seed in range(chosen.seeds):
        for what, (machines, job) in jobs.items():
            for name in machines:
                if (what, name, seed) in done:
                    continue
                begun = time.monotonic()
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    row = {"what": what, "machine": name, "seed": seed, **job(name, seed)}
                row["warned"] = sorted({str(w.message)[:80] for w in caught})
                row["seconds"] = round(time.monotonic() - begun, 2)
                rows.append(row)
                with chosen.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    print(table(rows))


def table(rows: list[dict]) -> str:
    """rms z of what is trusted, by kind of estimate."""
    lines = [
        "| estimate | runs | not trusted | rms z | mean z | largest z | rms off |",
        "|---|---|---|---|---|---|---|",
    ]
    for what in dict.fromkeys(row["what"] for row in rows):
        mine = [row for row in rows if row["what"] == what]
        good = [row for row in mine if not row["warned"] and row.get("verdict") != "do not trust"]
        off = np.array([row["off"] for row in good])
        rms = f"{np.sqrt(np.mean(off**2)):.3f}" if len(off) else ""
        cells = ["", "", ""]
        if len(off) and all("stderr" in row for row in good):
            z = off / np.array([max(row["stderr"], 1e-3) for row in good])
            cells = [f"{np.sqrt(np.mean(z**2)):.2f}", f"{z.mean():+.2f}", f"{np.abs(z).max():.1f}"]
        lines.append(
            "| " + " | ".join(map(str, [what, len(mine), len(mine) - len(good), *cells, rms])) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
