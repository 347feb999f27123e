"""What is asked of a run before its numbers are believed, for log Z and for thermodynamics alike."""

LEAST_LADDERS = 8  # the spread of fewer gives an error that is itself off by a quarter or more
LEAST_SWAP_RATE = 0.01  # of neighbouring levels: below it a ladder is cut in two
LEAST_ROUND_TRIPS = 1  # of all replicas: without one no sample is known to have met the hot end
MOST_R_HAT = (
    1.05  # of energies: of chains that mix sqrt(1 + 2τ/n), so they are 20 τ long, after as much burn-in
)
MOST_R_HAT_CHECKED = 1.1  # where estimates of another kind must agree, or replicas follow a machine: 10 τ
MOST_R_HAT_BELOW = 1.02  # of levels that have settled, 50 τ: the slow ones above go on alone
MOST_APART = 3.2  # standard errors by which ladders started from opposite ends may differ
MOST_DRIFT = 4.0  # standard errors by which the two halves of a run may differ
MOST_ASIDE = 5.0  # standard errors by which estimates that share samples may differ
LEAST_ESS = 10.0  # effective sample size of weights below which their mean is no estimate
LEAST_FAMILIES = 100  # n / ρ_t of a population, Wang, Machta & Katzgraber (2015)
MOST_STDERR = 0.3  # nats
