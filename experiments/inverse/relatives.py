"""Sequence weights of 40 000 sequences of 100 sites: seconds of one thread, beside two other ways.

    EBM_NUM_THREADS=1 python -m experiments.inverse.relatives [--out relatives.json]

Sequences are mutated copies of ancestors that share a third of their sites. The other ways, on the first 4000
of them: a product of one-hot rows (BLAS), and a comparison of bytes (numpy).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import ebm
from ebm.inverse import sequence_weights

SIZES = ((40_000, 100), (10_000, 400))
FEW = 4000


def family(m: int, n: int, q: int = 21) -> np.ndarray:
    rng = np.random.default_rng(0)
    ancestors = np.where(
        rng.random((m // 20, n)) < 0.3, rng.integers(0, q, n), rng.integers(0, q, (m // 20, n))
    )
    rows = ancestors[rng.integers(0, len(ancestors), m)]
    rate = 0.5 * rng.random((m, 1))
    return np.where(rng.random((m, n)) < rate, rng.integers(0, q, (m, n)), rows).astype(np.uint8)


def by_product(rows: np.ndarray) -> np.ndarray:
    hot = (rows[:, :, None] == np.arange(21)).reshape(len(rows), -1).astype(np.float32)
    return 1 / (hot @ hot.T >= 0.8 * rows.shape[1] - 1e-3).sum(1)


def by_bytes(rows: np.ndarray) -> np.ndarray:
    return 1 / np.array([((row == rows).mean(1) >= 0.8 - 1e-9).sum() for row in rows])


def main() -> None:
    """Time them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "relatives.json")
    chosen = parser.parse_args()
    sequence_weights(family(600, 10))  # compiles
    told = []
    for m, n in SIZES:
        rows = family(m, n)
        for name, way, some in (
            ("bits", sequence_weights, rows),
            ("one-hot product", by_product, rows[:FEW]),
            ("bytes", by_bytes, rows[:FEW]),
        ):
            began = time.process_time()
            found = way(some)
            seconds = time.process_time() - began
            assert np.array_equal(found[: len(some)], sequence_weights(some))
            pairs = len(some) * (len(some) - 1) / 2
            told.append(
                {
                    "way": name, "sequences": len(some), "sites": n, "processor": round(seconds, 2),
                    "ns per pair": round(1e9 * seconds / pairs, 2), "threads": ebm.get_num_threads(),
                    "effective": round(float(found.sum()), 1),
                }
            )  # fmt: skip
            print(json.dumps(told[-1]), flush=True)
    chosen.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
