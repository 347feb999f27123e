"""`python -m experiments.new [TABLE...]`: what the config of `ebm new --data` reaches.

Each table is written to a .csv, `ebm new --data` writes a config for it, `ebm run` runs that, and rows that
were never in the file are scored. Prints the table of the README and writes its rows to rows.jsonl.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

import ebm
from ebm.baselines import ChowLiu, Independent
from ebm.cli import main
from ebm.datasets.tables import split_rows
from ebm.experiment import read_config
from experiments.new.data import TABLES

ROWS = Path(__file__).parent / "rows.jsonl"


def _simple(kind: str, rows: np.ndarray, test: np.ndarray) -> tuple[float, float | None]:
    """Mean log-likelihoods: of independent columns; of a tree of bits, or a normal with covariances."""
    if kind == "gaussian":
        mean, covariance = rows.mean(0), np.cov(rows.T, bias=True)
        off, deviation = test - mean, np.sqrt(np.diag(covariance))
        alone = -0.5 * (off / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))
        _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
        together = -0.5 * np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off) - 0.5 * log_det
        return float(alone.sum(1).mean()), float(together.mean())
    if kind == "potts":
        counts = np.stack([(rows == state).sum(0) + 1.0 for state in range(rows.max() + 1)])
        p = counts / counts.sum(0)
        return float(np.log(p[test, np.arange(test.shape[1])]).sum(1).mean()), None
    rows, test = rows > 0, test > 0
    alone, tree = (density.fit(rows).log_likelihood(test).mean() for density in (Independent, ChowLiu))
    return float(alone), float(tree)


def _call(*arguments: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output


def _measure(name: str) -> dict[str, Any]:
    rows, test = TABLES[name]()
    np.savetxt("my.csv", rows, fmt="%.10g", delimiter=",")
    _call("new", "--data", "my.csv", "--overwrite")
    start, used = time.perf_counter(), time.process_time()
    _call("run", "my.toml", "--overwrite")
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    summary = json.loads(Path("runs/my/summary.json").read_text())
    machine, data = ebm.load("runs/my/model.npz"), read_config("my.toml").data
    assert isinstance(data, ebm.datasets.File)
    if data.standardise:  # to the units that the run has
        learnt = rows[split_rows(len(rows), data.test, data.seed)[0]]
        rows, test = ((part - learnt.mean(0)) / learnt.std(0) for part in (rows, test))
    alone, more = _simple(data.kind, rows, test)
    log_z = summary["log_z"]
    return {
        "table": name,
        "kind": data.kind,
        "rows": len(rows),
        "columns": rows.shape[1],
        "hidden": machine.n_hidden,
        "independent": alone,
        "tree or normal": more,
        "run": float(ebm.log_likelihood(machine, test, log_z["value"]).mean()),
        "stderr": log_z["stderr"],
        "seconds": seconds,
        "cpu": cpu,
    }


def _line(found: dict[str, Any]) -> str:
    size = f"{found['rows']} × {found['columns']}"
    more = "" if found["tree or normal"] is None else f"{found['tree or normal']:.2f}"
    run = f"{found['run']:.2f}" + (f" ± {found['stderr']:.2f}" if found["stderr"] else "")
    cells = (found["table"], found["kind"], size, found["hidden"], f"{found['independent']:.2f}", more, run)
    return f"| {' | '.join(map(str, cells))} | {found['seconds']:.0f} | {found['cpu']:.0f} |"


if __name__ == "__main__":
    print("| table | units | rows × columns | hidden | independent | tree, normal | the run | s | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for table in sys.argv[1:] or TABLES:
            kept.append(_measure(table))
            print(_line(kept[-1]), flush=True)
    if len(sys.argv) == 1:
        ROWS.write_text("".join(json.dumps(found) + "\n" for found in kept))
    better = sum(found["run"] > found["independent"] for found in kept)
    trees = [found for found in kept if found["kind"] in ("bernoulli", "ising")]
    beaten = sum(found["run"] > found["tree or normal"] for found in trees)
    print(f"\n{better} of {len(kept)} better than independent columns, {beaten} of {len(trees)} than a tree.")
