"""Which estimators of log Z are right on rugged machines, and are the others caught?

python -m experiments.log-z.rugged [--systems rbm potts ...] [--seeds 3] [--budget 60]
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import ebm
from ebm.diagnostics import agreement

from .systems import SYSTEMS, System

HERE = Path(__file__).parent
RIGHT = 0.05  # nats
CHAINS, STEPS, STRIDE = 40, 100, 5


def gibbs_is_caught(system: System, seed: int) -> tuple[bool, str]:
    """Do chains from noise and from samples of another kind (tempered) agree under plain Gibbs sampling?

    The tempered ones stand for data: what the machine should give.
    """
    machine, rng = system.make(), ebm.Stream(1000 + seed)
    tempered = ebm.Tempering(n_adapt=500)
    data = tempered.init(machine, CHAINS, rng.split(0)).x
    noise = machine.sample0(CHAINS, rng)
    series = []
    for x in (noise, data):
        chains, found = machine.start(x), []
        machine.sweep(chains, rng, 200)
        for _ in range(STEPS):
            machine.sweep(chains, rng, STRIDE)
            found.append(np.stack([machine.free_energy(chains), system.order(chains.x)], axis=-1))
        series.append(np.stack(found, axis=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        said = agreement(*series, names=("free energy", "order parameter"))
    return not said.agree, said.reason


def one(name: str, seed: int, budget: float) -> dict:
    """One report."""
    system, begun = SYSTEMS[name], time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ebm.log_z(system.make(), "report", seed=seed, budget=budget)
    seconds = time.monotonic() - begun
    caught, reason = gibbs_is_caught(system, seed)
    return {
        "system": name,
        "seed": seed,
        "exact": system.log_z(),
        "value": found.value,
        "stderr": found.stderr,
        "method": found.method,
        "verdict": found.verdict,
        "reason": found.reason,
        "estimates": found.estimates,
        "seconds": seconds,
        "gibbs_caught": caught,
        "gibbs_reason": reason,
    }


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    lines = [
        "| system | exact | value ± error (of method), per seed | verdict | right to 0.05 | Gibbs caught |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["system"] for row in rows):
        own = [row for row in rows if row["system"] == name]
        values = "; ".join(f"{r['value']:.3f} ± {r['stderr']:.3f} ({r['method']})" for r in own)
        verdicts = "; ".join(r["verdict"] for r in own)
        right = sorted(
            {k for r in own for k, e in r["estimates"].items() if abs(e["value"] - r["exact"]) <= RIGHT}
        )
        counts = [
            f"{k} {sum(abs(r['estimates'][k]['value'] - r['exact']) <= RIGHT for r in own)}" for k in right
        ]
        caught = f"{sum(r['gibbs_caught'] for r in own)} of {len(own)}"
        lines.append(
            f"| {SYSTEMS[name].what} | {own[0]['exact']:.3f} | {values} | {verdicts}"
            f" | {', '.join(counts) or 'none'} (of {len(own)}) | {caught} |"
        )
    lines += [
        "",
        "| system | estimator | mean error, nats | in its 3σ | spoken against |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["system"] for row in rows):
        own = [row for row in rows if row["system"] == name]
        for key in own[0]["estimates"]:
            each = [(r["estimates"][key], r["exact"]) for r in own if key in r["estimates"]]
            error = np.mean([e["value"] - exact for e, exact in each])
            inside = sum(abs(e["value"] - exact) <= 3 * e["stderr"] + 0.02 for e, exact in each)
            against = sum(bool(e["trouble"]) for e, _ in each)
            lines.append(
                f"| {name} | {key} | {error:+.3f} | {inside} of {len(each)} | {against} of {len(each)} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--out", default=str(HERE / "rugged.json"))
    options = parser.parse_args()
    rows = []
    for name in options.systems:
        for seed in range(options.seeds):
            rows.append(one(name, seed, options.budget))
            last = rows[-1]
            error = last["value"] - last["exact"]
            print(f"{name} {seed}: {last['value']:.3f} ± {last['stderr']:.3f}, off by {error:+.3f}")
            print(f"    {last['verdict']}: {last['reason']}; {last['seconds']:.0f} s")
            print(f"    Gibbs: {last['gibbs_reason']}", flush=True)
            Path(options.out).write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
