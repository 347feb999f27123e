"""RAISE: the log-likelihood of data under the annealed model, which overstates none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ebm.arguments import as_count
from ebm.errors import EbmError, settings
from ebm.machine import Array, Base, Count, Machine, as_rows
from ebm.partition.annealed import even_betas, near, path_of, stream_of, walk
from ebm.partition.estimate import NOTHING, Context, Estimate, LogZ, log_mean_exp, single
from ebm.partition.limits import MOST_STDERR
from ebm.partition.rising import SHORTER, Rounds
from ebm.progress import Progress, showing
from ebm.stream import Seed, Stream

__all__ = ["RAISE", "RaiseRows", "raise_log_likelihood"]

_ROWS = 1000  # data rows × chains that are annealed at a time


@settings
class RAISE:
    """What makes the log-likelihood of `data` that of the annealed model, which overstates none.

    Parameters
    ----------
    n_temperatures : int
        Steps of β, of equal weight variance.
    n_chains : int
        A tenth of them, but two at least, are annealed from each row.

    References
    ----------
    Burda, Grosse & Salakhutdinov (2015), section 4.
    """

    n_temperatures: Count = 1000
    n_chains: Count = 100

    def estimate(self, machine: Machine, rng: Stream, context: Context = NOTHING) -> LogZ:
        """log Z for which the mean log-likelihood of the data is that of the annealed model."""
        if context.data is None:
            raise EbmError("log_z: raise: expected data: it bounds their log-likelihood")
        base = near(machine, rng, context)
        states, rounds = machine.clamp(context.data, rng), Rounds(sign=-1)
        for fraction in SHORTER:
            few = max(1, self.n_temperatures // fraction)
            rounds.add(few, self._implied(machine, states, base, few, rng.split(fraction)), trial=True)
        implied = self._implied(machine, states, base, self.n_temperatures, rng, context.progress)
        estimates = {"raise": rounds.add(self.n_temperatures, implied)}
        found = single("raise", estimates)
        if found.verdict != "unchecked":
            return found
        return replace(found, reason="bounds the log-likelihood of these data under the annealed model")

    def _implied(
        self, machine: Machine, states: Array, base: Base, n_temperatures: int, rng: Stream,
        progress: Progress = None,
    ) -> Estimate:  # fmt: skip
        n_each = max(2, self.n_chains // 10)
        betas = even_betas(machine, n_temperatures, base=base, seed=rng)
        rows = raise_log_likelihood(
            machine, states, n_chains=n_each, base=base, betas=betas, seed=rng, progress=progress
        )
        implied = float((-machine.free_energy(states) - rows.value).mean())
        facts = {"ess": rows.ess, "n_chains": float(n_each), "n_temperatures": float(n_temperatures)}
        return Estimate(implied, rows.mean_stderr, rows.trouble and f"raise: {rows.trouble}", facts)


@dataclass(frozen=True)
class RaiseRows:
    """log p(v) of rows under an annealed model, and whether to believe it.

    Attributes
    ----------
    value, stderr : (n,) float64
        Nats. The standard error of a row is that of its own chains. It is also how much too low a row's value
        is on average, stderr²/2, which a mean over rows does not average out. Weights have long tails: of few
        chains both are too small more often than a normal error would be.
    n_chains : int
    """

    value: Array
    stderr: Array
    n_chains: int

    @property
    def ess(self) -> float:
        """Chains of a row that count: (6.4) of weights with the mean variance of rows."""
        n = self.n_chains
        return float(n / (1 + (n - 1) * np.square(self.stderr).mean()))

    @property
    def mean_stderr(self) -> float:
        """Of the mean over rows: their noise, and the mean of what the logarithm takes from each."""
        variance = np.square(self.stderr)
        return float(np.hypot(np.sqrt(variance.sum()) / len(variance), variance.mean() / 2))

    @property
    def trouble(self) -> str:
        """One line where the root mean square error is above 0.3 nats: too few chains count."""
        size = float(np.sqrt(np.square(self.stderr).mean()))
        if size <= MOST_STDERR:
            return ""
        return (
            f"standard errors of {size:.2f} nats: of {self.n_chains} chains a row {self.ess:.1f} count;"
            " take more temperatures or chains"
        )


def raise_log_likelihood(
    machine: Machine,
    data: Array,
    n_temperatures: int = 1000,
    n_chains: int = 10,
    *,
    base: Base = None,
    betas: Array | None = None,
    seed: Seed | Stream = 0,
    progress: Progress = None,
) -> RaiseRows:
    """log p(v) of each row under the annealed model: what AIS with these temperatures would generate.

    The annealed model is normalised, so the estimate, unbiased before the logarithm, errs downwards: it
    overstates no likelihood. With many temperatures the annealed model becomes the machine.

    Parameters
    ----------
    data : (n, n_units)
        States of the machine: data of a fully connected machine with hidden units must be completed first.
    n_chains : int
        Annealed from each row.
    n_temperatures, base, betas, seed, progress
        As of `annealed_log_weights`.

    Returns
    -------
    RaiseRows

    References
    ----------
    Burda, Grosse & Salakhutdinov (2015), section 4 (RAISE).
    """
    rows = as_rows(data, machine.units, machine.n_units, "data", strict=True)
    n_chains = as_count(n_chains, "n_chains", 2)
    path = path_of(n_temperatures, betas)[::-1]
    rng, log_z0, at_once = stream_of(seed), machine.log_z0(base), max(1, _ROWS // n_chains)
    value, stderr = np.empty(len(rows)), np.empty(len(rows))
    with showing(progress, "RAISE") as update:
        for k in range(0, len(rows), at_once):
            some = rows[k : k + at_once]
            chains = machine.start(np.repeat(some, n_chains, axis=0))
            ends = -machine.free_energy(chains, 1.0, base) - log_z0
            log_w = ends + walk(machine, chains, path, rng, base, None)
            for r, each in enumerate(log_w.reshape(len(some), n_chains)):
                value[k + r], stderr[k + r], _ = log_mean_exp(each)
            update((k + len(some)) / len(rows), "")
    return RaiseRows(value, stderr, n_chains)
