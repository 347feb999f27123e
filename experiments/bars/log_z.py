"""Do the errors of log Z hold on rugged machines, method by method, at the defaults?

    python -m experiments.bars.log_z [--only EA,SK] [--seeds 8] [--methods report,ais,...] [--out log_z.jsonl]

The machines are those of the thermodynamics, at a temperature where they are rugged. One line of JSON a
run; a file that is there is gone on with. Then the table.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import cache
from pathlib import Path

import numpy as np

import ebm
from experiments.bars.machines import MACHINES, scaled

METHODS = ("report", "mbar", "bennett", "thermodynamic", "ais", "reverse_ais", "population")
_ROUNDING = 1e-3  # nats
_HEAD = "| method | runs | not trusted | rms z | mean z | largest z | rms error, nats | seconds |"


@cache
def machine_at(name: str) -> tuple[ebm.Machine, float]:
    """The machine in float32 at T = 0.4 (the middle of its grid, where that is hotter), and log Z."""
    make, temperatures = MACHINES[name]
    cold = scaled(make(), 1 / (0.4 if temperatures[0] < 0.2 else temperatures[len(temperatures) // 2]))
    params = {key: value.astype(np.float32) for key, value in cold.params.items()}
    if isinstance(cold, ebm.RBM):
        machine: ebm.Machine = ebm.RBM(cold.visible, cold.hidden, params["W"], params["b"], params["c"])
    else:
        assert isinstance(cold, ebm.BoltzmannMachine)
        machine = ebm.BoltzmannMachine(cold.units, cold.J.astype(np.float32), params["b"])
    return machine, float(ebm.log_z(machine, "exact"))


def run(name: str, method: str, seed: int) -> dict[str, object]:
    """One run: how far off the headline and every estimate of it are, in nats and in their errors."""
    machine, exact = machine_at(name)
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ebm.log_z(machine, method, seed=seed)
    row: dict[str, object] = {"machine": name, "method": method, "seed": seed}
    row |= {"seconds": round(time.monotonic() - begun, 2), "off": round(found.value - exact, 4)}
    row |= {"stderr": round(found.stderr, 4), "verdict": found.verdict, "reason": found.reason}
    if method == "report":
        row["leads"] = found.method
        row["parts"] = {
            key: [round(e["value"] - exact, 4), round(e["stderr"], 4), e["trouble"]]
            for key, e in found.estimates.items()
        }
    return row


def table(rows: list[dict]) -> str:
    """rms z by method, of what is trusted; the parts of a report as methods of their own."""
    runs: dict[str, list[tuple[float, float, bool, float]]] = {}
    for row in rows:
        if "stderr" not in row or row["verdict"] == "exact":
            continue
        entry = (row["off"], row["stderr"], row["verdict"] == "do not trust", row["seconds"])
        runs.setdefault(row["method"], []).append(entry)
        for key, (off, stderr, trouble) in row.get("parts", {}).items():
            runs.setdefault(f"– {key}", []).append((off, stderr, bool(trouble) or stderr > 0.5, np.nan))
    lines = [_HEAD, "|---|" + "---|" * 7]
    for name, entries in runs.items():
        good = np.array(
            [(off, max(stderr, _ROUNDING)) for off, stderr, bad, _ in entries if not bad]
        ).reshape(-1, 2)
        z = good[:, 0] / good[:, 1]
        cells = [name, len(entries), len(entries) - len(good)]
        if len(z):
            numbers = (np.sqrt((z**2).mean()), z.mean(), np.abs(z).max(), np.sqrt((good[:, 0] ** 2).mean()))
            cells += [f % n for f, n in zip(("%.2f", "%+.2f", "%.1f", "%.3f"), numbers, strict=True)]
        else:
            cells += ["", "", "", ""]
        cells.append(f"{np.median([s for *_, s in entries]):.1f}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts of the names of machines, with commas")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "log_z.jsonl")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {(row["machine"], row["method"], row["seed"]) for row in rows}
    names = [name for name in MACHINES if any(part in name for part in chosen.only.split(","))]
    for seed in range(chosen.seeds):
        for name in names:
            for method in chosen.methods.split(","):
                if (name, method, seed) not in done:
                    rows.append(run(name, method, seed))
                    with chosen.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
