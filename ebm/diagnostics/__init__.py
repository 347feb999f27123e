"""Diagnostics of Markov chains: how long they remember, whether they mix, whether two sets of them agree.

Everything here takes numbers along chains, (n_chains, n_steps): energies, or the projections of
`projections`, stacked along a last axis. Chains are taken as they come: what is burn-in must be cut off
before. A result that the chains are too short for is not handed out in silence: it is an error, or comes
with a RuntimeWarning.
"""

from ebm.diagnostics.agreement import Agreement, agreement
from ebm.diagnostics.autocorrelation import autocorrelation_time
from ebm.diagnostics.convergence import Summary, ess_bulk, ess_tail, r_hat, summarise
from ebm.diagnostics.exchange import RoundTrips, round_trips, swap_rates
from ebm.diagnostics.projection import principal_directions, projections
from ebm.diagnostics.relaxation import relaxation_time
from ebm.diagnostics.temperature import Beta, estimate_beta

__all__ = [
    "Agreement",
    "Beta",
    "RoundTrips",
    "Summary",
    "agreement",
    "autocorrelation_time",
    "ess_bulk",
    "ess_tail",
    "estimate_beta",
    "principal_directions",
    "projections",
    "r_hat",
    "relaxation_time",
    "round_trips",
    "summarise",
    "swap_rates",
]
