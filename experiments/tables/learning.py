"""Learning from rows of which 30 % of the cells are missing: what it costs in test log-likelihood.

    python -m experiments.tables.learning [--only nltcs plants]

The same recipe on the full rows, on rows with gaps, on the rows that lack nothing, and on rows whose gaps
hold the means of their columns; whole test rows, log Z exact or the package's report.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import ebm
from experiments.likelihood.data import debd
from experiments.likelihood.recipe import Recipe, learn, score

RECIPES = {"nltcs": Recipe(30, 0.3, 200, l1=2e-4), "plants": Recipe(100, 0.4, 40, l1=1e-4)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    print("| set | rows | test, nats | ± log Z | loses | seconds |\n|---|---|---|---|---|---|")
    for name in parser.parse_args().only:
        parts, full = debd(name), np.nan
        train, test = parts["train"], parts["test"]
        gaps = np.random.default_rng(0).random(train.shape) < 0.3
        rows = np.where(gaps, np.nan, train).astype(np.float32)
        whole = train[~gaps.any(1)]
        means = np.where(gaps, np.nanmean(rows, 0, dtype=np.float64), train).astype(np.float32)
        for kind, data in {
            "full": train,
            "with gaps": rows,
            f"the {len(whole)} that lack nothing": whole,
            "gaps hold means": means,
        }.items():
            if len(data) < 10:
                print(f"| {name} | {kind} | – | – | – | – |", flush=True)
                continue
            begun = time.process_time()
            machine = learn(RECIPES[name], data)
            spent = time.process_time() - begun
            log_z = ebm.log_z(machine, data=train, budget=60)
            found = score(machine, test, log_z)
            full = found if kind == "full" else full
            print(
                f"| {name} | {kind} | {found:.3f} | {log_z.stderr:.3f} | {full - found:.3f} | {spent:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
