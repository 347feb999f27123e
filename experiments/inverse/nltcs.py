"""NLTCS: 16 questions, 16 181 answers; exact maximum likelihood beside pseudo-likelihood and logRISE.

    python -m experiments.inverse.nltcs [--out nltcs.json]

The gradient that maximum likelihood reached and its standard errors, beside moments and a Fisher matrix that
are made here from all 65 536 states; the strongest couplings by every method; how far methods are apart.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import ebm
from ebm.inverse import Couplings, infer
from ebm.plots import couplings
from experiments.likelihood.data import debd

METHODS = {
    "maximum_likelihood": {"method": "maximum_likelihood"},
    "pseudo_likelihood": {"method": "pseudo_likelihood"},
    "joint pseudo_likelihood": {"method": "pseudo_likelihood", "symmetrise": "joint"},
    "logrise": {"method": "logrise"},
}
SHOWN = 15


def checked(found: Couplings, x: np.ndarray) -> dict[str, float]:
    """The norm of the gradient, and how far standard errors are from the Fisher matrix's."""
    n = x.shape[1]
    i, j = np.triu_indices(n, 1)
    states = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)
    pairs = states[:, i] * states[:, j]
    log_p = states @ found.b + pairs @ found.J[i, j]
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    moments = np.hstack([states, pairs])
    means = p @ moments
    gradient = np.hstack([x, x[:, i] * x[:, j]]).mean(0) - means
    information = (moments * p[:, None]).T @ moments - np.outer(means, means)
    variance = np.linalg.inv(information).diagonal() / len(x)
    given = np.concatenate([found.stderr_b, found.stderr_J[i, j]])
    return {
        "norm of the gradient": float(np.linalg.norm(gradient)),
        "largest": float(np.abs(gradient).max()),
        "errors beside the Fisher matrix's, relative": float(np.abs(given / np.sqrt(variance) - 1).max()),
        "log-likelihood": float((x @ found.b + (x[:, i] * x[:, j]) @ found.J[i, j]).mean())
        - float(np.log(np.exp(log_p - log_p.max()).sum()) + log_p.max()),
        "condition of the Fisher matrix": float(np.linalg.cond(information)),
    }


def main() -> None:
    """Infer by all, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "nltcs.json")
    chosen = parser.parse_args()
    x = debd("nltcs")["train"].astype(float)
    found, told = {}, {"rows": len(x), "distinct": len(np.unique(x, axis=0))}
    for name, how in METHODS.items():
        began = time.process_time()
        found[name] = infer(x, ebm.Bernoulli(), **how)
        told[name] = {"processor seconds": round(time.process_time() - began, 2), "repr": repr(found[name])}
    exact = found["maximum_likelihood"]
    told["maximum_likelihood"] |= checked(exact, x)
    i, j = np.triu_indices(x.shape[1], 1)
    for name in list(METHODS)[1:]:
        z = ((found[name].J - exact.J) / exact.stderr_J)[i, j]
        told[name] |= {
            "difference over its errors, rms": float(np.sqrt(np.mean(z**2))),
            "largest": float(np.abs(z).max()),
            "its errors over the exact ones, median": float(
                np.median((found[name].stderr_J / exact.stderr_J)[i, j])
            ),
        }
    print("| i | j | " + " | ".join(METHODS) + " |\n" + "|---" * (2 + len(METHODS)) + "|")
    for edge in exact.edges()[:SHOWN]:
        at = edge["i"], edge["j"]
        cells = [f"{found[name].J[at]:.3f} ± {found[name].stderr_J[at]:.3f}" for name in METHODS]
        print(f"| {at[0]} | {at[1]} | " + " | ".join(cells) + " |")
    print(json.dumps(told, indent=2))
    chosen.out.write_text(json.dumps(told, indent=2) + "\n")
    ax = couplings(exact.J, found["logrise"].J, found["logrise"].stderr_J)
    ax.set_xlabel("by maximum likelihood")
    ax.figure.savefig(chosen.out.with_suffix(".png"), dpi=150)


if __name__ == "__main__":
    main()
