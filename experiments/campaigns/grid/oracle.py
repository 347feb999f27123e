"""All that is asked of a machine, by its definition: sums over all states, integrals by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2

import ebm
from tests import oracles
from tests.oracles import sites

__all__ = ["Oracle", "agree", "in_float64", "minus_f", "minus_visible_f", "moved"]


def minus_f(machine: Any, x: np.ndarray, beta: float = 1.0, base: Any = None) -> np.ndarray:
    """−F_β(x) by definition."""
    return oracles.minus_free_energy(machine, np.asarray(x, np.float64), beta, base)


def minus_visible_f(machine: Any, v: np.ndarray) -> np.ndarray:
    """log Σ exp(−E) of rows of data over all units that they leave open, by definition."""
    return oracles.visible_log_sum(machine, np.asarray(v, np.float64))


def _axis(units: Any) -> tuple[np.ndarray, np.ndarray]:
    """States of a unit and the logs of their weights; or nodes, and those of theirs."""
    if units.states is not None:
        return np.array(units.states), np.zeros(len(units.states))
    x, w = oracles.nodes(units)
    return x, np.log(w)


class Oracle:
    """What a small machine's numbers are.

    Attributes
    ----------
    x : (n, n_units)
        All its states, or the nodes of a quadrature; `log_w` are the logs of their weights.
    """

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        axes = [_axis(own) for own in sites(machine.units, machine.n_units)]
        pick = np.stack(np.meshgrid(*[np.arange(len(x)) for x, _ in axes], indexing="ij"), -1)
        pick = pick.reshape(-1, len(axes))
        self.x = np.stack([x[pick[:, i]] for i, (x, _) in enumerate(axes)], 1)
        self.log_w = sum(w[pick[:, i]] for i, (_, w) in enumerate(axes))
        self._kept: dict[Any, np.ndarray] = {}

    def terms(self, beta: float = 1.0, base: Any = None) -> np.ndarray:
        """log of what each state contributes to Z_β."""
        key = beta, base is None
        if key not in self._kept:
            self._kept[key] = minus_f(self.machine, self.x, beta, base) + self.log_w
        return self._kept[key]

    def log_z(self, beta: float = 1.0, base: Any = None) -> float:
        """log Z_β."""
        return float(logsumexp(self.terms(beta, base)))

    def p(self, beta: float = 1.0, base: Any = None) -> np.ndarray:
        """The probability of each state."""
        terms = self.terms(beta, base)
        return np.exp(terms - logsumexp(terms))

    def log_p_visible(self, v: np.ndarray) -> np.ndarray:
        """log p(v) of rows: units of the state that are no data are summed."""
        return minus_visible_f(self.machine, v) - self.log_z()

    def draws(self, n: int, seed: int, beta: float = 1.0, base: Any = None) -> np.ndarray:
        """Exact draws of p_β, of units of finitely many states."""
        return self.x[np.random.default_rng(seed).choice(len(self.x), n, p=self.p(beta, base))]

    def unlike(self, y: np.ndarray, p: np.ndarray) -> float:
        """How likely draws that are from p are less like it than these: χ² over states, or z of moments."""
        if not self.machine.units.finite:
            f = np.concatenate([self.x, self.x**2], 1)
            mean = p @ f
            g = np.concatenate([y, y**2], 1).astype(np.float64)
            z = (g.mean(0) - mean) / np.sqrt((p @ f**2 - mean**2) / len(y))
            return float(chi2.sf((z**2).max(), 1))
        index = np.zeros(len(y), int)
        for i, own in enumerate(sites(self.machine.units, self.machine.n_units)):
            states = np.array(own.states)
            place = np.searchsorted(states, y[:, i]).clip(0, len(states) - 1)
            assert np.array_equal(states[place], y[:, i]), f"unit {i} is in no state of its own"
            index = index * len(states) + place
        expected, seen = p * len(y), np.bincount(index, minlength=len(p))
        often = expected >= 5
        if (~often).any():
            expected = np.append(expected[often], expected[~often].sum())
            seen = np.append(seen[often], seen[~often].sum())
        kept = expected > 0
        assert not seen[~kept].any(), "a state that has probability 0"
        statistic = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
        return float(chi2.sf(statistic, max(1, kept.sum() - 1)))


def in_float64(machine: Any) -> Any:
    """The machine with its numbers in float64."""
    if isinstance(machine, ebm.DBM):
        weights, biases = machine.layers()
        return ebm.DBM(
            machine.layer_units, [w.astype(float) for w in weights], [b.astype(float) for b in biases]
        )
    wide = {key: value.astype(np.float64) for key, value in machine.params.items()}
    if isinstance(machine, ebm.BoltzmannMachine):
        return ebm.BoltzmannMachine(
            machine.units, machine.J.astype(np.float64), wide["b"], n_visible=machine.n_visible
        )
    theta = {key: value for key, value in wide.items() if key not in ("W", "b", "c")}
    return ebm.RBM(machine.visible, machine.hidden, wide["W"], wide["b"], wide["c"], theta=theta)


def moved(machine: Any, direction: dict[str, np.ndarray], by: float) -> Any:
    """A copy with its parameters moved along a direction."""
    twin = in_float64(machine)
    for key, value in direction.items():
        twin.params[key][...] = twin.params[key] + by * value
    twin.project()
    return twin


def agree(found: Any, expected: Any, tolerance: float, what: str = "") -> None:
    """Raise where numbers differ by more than a tolerance, of their size where that is above 1."""
    one, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert one.shape == other.shape, f"{what} shape {one.shape}, expected {other.shape}"
    with np.errstate(invalid="ignore"):
        off = np.abs(one - other) / np.maximum(1, np.abs(other))
        bad = ~(off <= tolerance) & (one != other)
    if bad.any():
        k = int(np.argmax(np.where(bad, np.nan_to_num(off, nan=np.inf), -1)))
        raise AssertionError(f"{what} {one.ravel()[k]:.9g}, expected {other.ravel()[k]:.9g}")
