"""Rugged machines small enough to be solved exactly, and their exact curves over temperature."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import ebm
from ebm.datasets import lattice, random_regular, sk

HERE = Path(__file__).parent
_STEP = 0.02  # relative, of β: log Z is differentiated over five points
_STENCIL = np.array([-2, -1, 0, 1, 2])
_FIRST = np.array([1, -8, 0, 8, -1]) / 12
_SECOND = np.array([-1, 16, -30, 16, -1]) / 12


def _glass(shape: tuple[int, ...], disorder: str, seed: int, periodic: bool = True) -> ebm.Machine:
    J = lattice(shape, disorder=disorder, seed=seed, periodic=periodic)
    return ebm.BoltzmannMachine(ebm.Ising(), J)


def _sparse_glass(n: int, degree: int, disorder: str, seed: int) -> ebm.Machine:
    return ebm.BoltzmannMachine(ebm.Ising(), random_regular(n, degree, disorder=disorder, seed=seed))


def _sk(n: int, seed: int) -> ebm.Machine:
    return ebm.BoltzmannMachine(ebm.Ising(), sk(n, seed))


def _rbm(n: int, m: int, scale: float, seed: int) -> ebm.Machine:
    """Hidden units with large weights, each with a threshold of its own: many wells."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n, m)) * scale
    b, c = -W.sum(1) / 2 + rng.normal(size=n) / 2, -W.sum(0) / 2 + rng.normal(size=m) / 2
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), W, b, c)


def _patterns(n: int, m: int, strength: float, seed: int) -> ebm.Machine:
    """A Hopfield network with hidden spins: wells at m stored patterns and their mirror images."""
    patterns = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, m))
    return ebm.RBM(ebm.Ising(), ebm.Ising(), strength * patterns, np.zeros(n), np.zeros(m))


def _potts(shape: tuple[int, ...], q: int, strength: float, seed: int | None) -> ebm.Machine:
    """Neighbours gain where they agree; with a seed, by random amounts of either sign."""
    J = lattice(shape, disorder="none" if seed is None else "gaussian", seed=seed or 0, periodic=False)
    return ebm.BoltzmannMachine(ebm.Potts(q), np.kron(J.toarray(), np.eye(q)) * strength)


# name → (machine, the temperatures to look at)
_COLD = (0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_USUAL = (0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0)
Named = dict[str, tuple[Callable[[], ebm.Machine], tuple[float, ...]]]


def _disordered(first: int) -> Named:
    """Machines of random couplings, drawn with the seeds from `first` on."""
    return (
        {
            f"EA gaussian 8x8 #{s}": (partial(_glass, (8, 8), "gaussian", s), _COLD)
            for s in range(first + 2, first + 12)
        }
        | {f"EA ±1 8x8 #{s}": (partial(_glass, (8, 8), "binary", s), _COLD) for s in range(first, first + 4)}
        | {
            f"EA gaussian 12x12 free #{s}": (partial(_glass, (12, 12), "gaussian", s, False), _COLD)
            for s in range(first, first + 4)
        }
        | {
            f"EA gaussian 3x3x5 #{s}": (partial(_glass, (3, 3, 5), "gaussian", s), _COLD)
            for s in range(first, first + 3)
        }
        | {
            f"3-regular gaussian 60 #{s}": (partial(_sparse_glass, 60, 3, "gaussian", s), _COLD)
            for s in range(first, first + 3)
        }
        | {
            f"3-regular ±1 60 #{s}": (partial(_sparse_glass, 60, 3, "binary", s), _COLD)
            for s in range(first, first + 2)
        }
        | {f"SK 20 #{s}": (partial(_sk, 20, s), _COLD) for s in range(first, first + 5)}
        | {
            f"RBM 60x16 scale 1.5 #{s}": (partial(_rbm, 60, 16, 1.5, s), _USUAL)
            for s in range(first, first + 4)
        }
        | {
            f"RBM 120x14 scale 1 #{s}": (partial(_rbm, 120, 14, 1.0, s), _USUAL)
            for s in range(first, first + 3)
        }
        | {
            f"patterns 60x5 #{s}": (partial(_patterns, 60, 5, 0.2, s), _USUAL)
            for s in range(first, first + 2)
        }
        | {
            f"Potts glass 6x6 q=3 #{s}": (partial(_potts, (6, 6), 3, 1.0, s), _COLD)
            for s in range(first + 1, first + 4)
        }
    )


MACHINES: Named = _disordered(0) | {
    "Potts 6x6 q=10": (partial(_potts, (6, 6), 10, 1.4, None), _USUAL),
    "Ising 12x12 free": (partial(_glass, (12, 12), "none", 0, False), (0.7, 1.0, 1.5, 2.0, 2.3, 3.0)),
}
FRESH: Named = _disordered(100)  # on which nothing was tuned


def scaled(machine: ebm.Machine, beta: float) -> ebm.Machine:
    """The machine of −βH, in float64."""
    p = {key: np.asarray(value, np.float64) * beta for key, value in machine.params.items()}
    if isinstance(machine, ebm.RBM):
        return ebm.RBM(machine.visible, machine.hidden, p["W"], p["b"], p["c"])
    assert isinstance(machine, ebm.BoltzmannMachine)
    return ebm.BoltzmannMachine(machine.units, machine.J * beta, p["b"])


def exact_curves(machine: ebm.Machine, temperatures: tuple[float, ...]) -> dict[str, list[float]]:
    """log Z, ⟨H⟩ and the heat capacity at some temperatures, by exact log Z at five β around each."""
    curves: dict[str, list[float]] = {"log_z": [], "energy": [], "heat_capacity": []}
    for T in temperatures:
        h = _STEP / T
        near = np.array([float(ebm.log_z(scaled(machine, 1 / T + k * h), "exact")) for k in _STENCIL])
        curves["log_z"].append(float(near[2]))
        curves["energy"].append(float(-(_FIRST @ near) / h))
        curves["heat_capacity"].append(float((_SECOND @ near) / (h * T) ** 2))
    return curves


def truth(name: str, cache: Path = HERE / "exact.json") -> dict[str, list[float]]:
    """`exact_curves` of a machine of the table, computed once."""
    known = json.loads(cache.read_text()) if cache.exists() else {}
    if name not in known:
        make, temperatures = (MACHINES | FRESH)[name]
        known[name] = exact_curves(make(), temperatures)
        cache.write_text(json.dumps(known, indent=1) + "\n")
    return known[name]


if __name__ == "__main__":
    import time

    for name in MACHINES:
        begun = time.monotonic()
        print(
            f"{name:32} log Z at the coldest {truth(name)['log_z'][0]:.6f}  {time.monotonic() - begun:.1f} s",
            flush=True,
        )
