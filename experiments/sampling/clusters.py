"""How fast do single units and clusters forget, at the critical point of the square lattice?

64 x 64 Ising spins, periodic, no field, beta_c = log(1 + sqrt 2) / 2, float64, one thread. For each sampler
the integrated autocorrelation times of the energy and of |m|, and the CPU time of a chain's step; their
product is the CPU time that an independent value costs. Chains begin in equilibrium (Swendsen-Wang sweeps).

    EBM_NUM_THREADS=1 python -m experiments.sampling.clusters
"""

from __future__ import annotations

import math
import time

import numpy as np
import scipy.sparse

import ebm
from ebm.diagnostics import autocorrelation_time

SIZE, CRITICAL = 64, 0.5 * math.log(1 + math.sqrt(2))
PLAN = (  # sampler, chains, records
    (ebm.Gibbs(40, beta=CRITICAL), 64, 2000),
    (ebm.Metropolis(40, beta=CRITICAL), 16, 2000),
    (ebm.SwendsenWang(1, CRITICAL), 64, 800),
    (ebm.Wolff(1, CRITICAL), 64, 1200),
)


def lattice(size: int) -> ebm.BoltzmannMachine:
    """A square lattice with periodic boundaries, J = 1."""
    i = np.arange(size * size)
    right, down = i - i % size + (i + 1) % size, (i + size) % size**2
    ends = np.tile(i, 2), np.concatenate([right, down])
    half = scipy.sparse.coo_array((np.ones(2 * len(i)), ends), shape=(len(i), len(i)))
    return ebm.BoltzmannMachine(ebm.Ising(), scipy.sparse.csr_array(half + half.T))


def main() -> None:
    machine = lattice(SIZE)
    print("| sampler | a step | CPU of it, µs | τ of E | τ of abs m | CPU per τ of E, ms | of abs m, ms |")
    print("|---|---|---|---|---|---|---|")
    for sampler, n_chains, records in PLAN:
        warm, rng = ebm.SwendsenWang(200, CRITICAL), ebm.Stream(1)
        state, _ = warm.step(machine, warm.init(machine, n_chains, ebm.Stream(0)), rng)
        sampler.step(machine, state, rng)  # compiled before the clock runs
        energies, sizes, spent = [], [], 0.0
        for _ in range(records):
            begin = time.process_time()
            state, _ = sampler.step(machine, state, rng)
            spent += time.process_time() - begin
            energies.append(machine.energy(state.chains))
            sizes.append(np.abs(state.x.mean(1)))
        each = getattr(sampler, "n_sweeps", 1)
        cost = spent / records / n_chains / each
        taus = [each * autocorrelation_time(np.array(s).T) for s in (energies, sizes)]
        unit = "cluster" if isinstance(sampler, ebm.Wolff) else "sweep"
        numbers = " | ".join(f"{tau:.3g}" for tau in taus) + " | "
        numbers += " | ".join(f"{1e3 * tau * cost:.3g}" for tau in taus)
        print(f"| {type(sampler).__name__} | {unit} | {1e6 * cost:.0f} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
