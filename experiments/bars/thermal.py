"""Do the errors of `thermodynamics` hold at its defaults, on rugged machines, or does it say so?

    python -m experiments.bars.thermal [--only EA,SK] [--fresh] [--seeds 8] [--budget 60] [--out FILE]

One line of JSON a run; a file that is there is gone on with. Then the table.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

import ebm
from experiments.bars.machines import FRESH, MACHINES, truth

_HEAD = "| machines | runs | not trusted | rms z log Z | energy | heat capacity | largest z | seconds |"
_CURVES = ("log_z", "energy", "heat_capacity")
_ROUNDING = 1e-5  # of a value, or of 1: what float32 energies may be off by


def run(name: str, seed: int, budget: float) -> dict[str, object]:
    """One run, with how far it is off in units of its errors."""
    make, temperatures = (MACHINES | FRESH)[name]
    exact, begun = truth(name), time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ebm.thermodynamics(make(), temperatures, seed=seed, budget=budget)
    row: dict[str, object] = {"machine": name, "seed": seed, "seconds": round(time.monotonic() - begun, 2)}
    for key, values in exact.items():
        value, right = getattr(found, key), np.array(values)
        sigma = np.hypot(getattr(found, f"{key}_stderr"), _ROUNDING * np.maximum(1, np.abs(right)))
        row[key] = [round(float(z), 3) for z in (value - right) / sigma]
    return row | {"trouble": found.trouble, **{k: round(v, 4) for k, v in found.facts.items()}}


def table(rows: list[dict]) -> str:
    """rms z by machine and in all, of the runs that are trusted."""
    lines = [_HEAD, "|---|" + "---|" * 7]
    kinds = list(dict.fromkeys(row["machine"].split(" #")[0] for row in rows))
    for kind in [*kinds, ""]:
        mine = [row for row in rows if row["machine"].split(" #")[0] == kind or not kind]
        good = [row for row in mine if not row["trouble"]]
        rms = [
            np.sqrt(np.mean(np.square([z for row in good for z in row[key]]))) if good else np.nan
            for key in _CURVES
        ]
        most = max(
            (abs(z) for row in good for key in _CURVES for z in row[key]),
            default=np.nan,
        )
        seconds = np.median([row["seconds"] for row in mine])
        cells = [
            kind or "**all**",
            len(mine),
            len(mine) - len(good),
            *(f"{z:.2f}" for z in rms),
            f"{most:.1f}",
            f"{seconds:.0f}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what is not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="parts of the names of machines, with commas")
    parser.add_argument("--fresh", action="store_true", help="machines on which nothing was tuned")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "thermal.jsonl")
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {(row["machine"], row["seed"]) for row in rows}
    names = [
        name
        for name in (FRESH if chosen.fresh else MACHINES)
        if any(part in name for part in chosen.only.split(","))
    ]
    for seed in range(chosen.seeds):
        for name in names:
            if (name, seed) not in done:
                rows.append(run(name, seed, chosen.budget))
                with chosen.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
