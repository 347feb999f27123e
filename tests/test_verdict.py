"""Whether estimates of log Z are to be trusted: who agrees with whom, and a machine of two phases."""

import warnings

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

from ebm import RBM, Bernoulli, BoltzmannMachine, Ising, log_z
from ebm.partition.estimate import Estimate
from ebm.partition.report import judge


def estimates(**values):
    return {k: e if isinstance(e, Estimate) else Estimate(*e) for k, e in values.items()}


def test_agreement_is_that_of_sound_estimates():
    found = judge(estimates(ais=(10.0, 0.1), mbar=(10.2, 0.05), population=(9.0, 0.01, "few families")))
    assert (found.verdict, found.method, found.value) == ("agree", "mbar", 10.2)
    assert found.stderr == pytest.approx(0.05 * np.sqrt(0.2**2 / (0.1**2 + 0.05**2)))  # Birge
    assert (found.lower, found.upper) == (10.0, np.inf)
    assert "ais" in found.reason
    assert "population" not in found.reason
    assert found.estimates["population"]["trouble"] == "few families"
    assert "accuracy" not in found.reason
    assert "accuracy of 0.01" in judge(estimates(ais=(10.0, 0.1), mbar=(10.2, 0.05)), 0.01).reason


def test_a_sound_ladder_leads_whatever_the_others_claim():
    """Who misses a part of Z does not see it in the spread of what it has."""
    found = judge(
        estimates(ais=(9.95, 0.01), mbar=(10.0, 0.05), mbar_uniform=(10.02, 0.1), population=(9.9, 0.04))
    )
    assert (found.verdict, found.method, found.value) == ("agree", "mbar", 10.0)
    assert found.stderr > 0.05
    found = judge(estimates(ais=(9.95, 0.01), mbar=(10.0, 0.05, "R-hat"), population=(9.96, 0.04)))
    assert (found.verdict, found.method) == ("agree", "ais")


def test_what_is_not_certain_to_a_third_of_a_nat_agrees_with_nothing():
    found = judge(estimates(ais=(10.0, 0.4), mbar=(10.0, 0.05)))
    assert (found.verdict, found.method) == ("do not trust", "mbar")


def test_disagreement_names_the_worst_pair():
    found = judge(
        estimates(ais=(10.0, 0.1), mbar=(10.2, 0.1), mbar_uniform=(12.0, 0.1), population=(10.1, 0.1))
    )
    assert found.verdict == "do not trust"
    assert found.reason == "ais and mbar_uniform differ by 2.00 ± 0.14 nats"
    assert "DO NOT TRUST" in str(found)


@pytest.mark.parametrize(("apart", "verdict"), [(0.43, "agree"), (0.46, "do not trust")])
def test_estimates_may_differ_by_three_sigma_and_a_little(apart, verdict):
    found = judge(estimates(ais=(10.0, 0.1), mbar=(10.0 + apart, 0.1)))
    assert found.verdict == verdict


def test_one_sound_estimate_is_not_enough():
    found = judge(estimates(ais=(10.0, 0.1, "ESS 2"), mbar=(10.2, 0.1)))
    assert (found.verdict, found.method) == ("do not trust", "mbar")
    assert "mbar" in found.reason
    assert "ESS 2" in found.reason


def test_reverse_ais_is_not_independent_of_mbar_over_the_same_run():
    found = judge(estimates(reverse_ais=(10.0, 0.1), mbar=(10.0, 0.1), ais=(9.0, 2.0, "ESS 1")))
    assert found.verdict == "do not trust"
    assert judge(estimates(reverse_ais=(10.0, 0.1), mbar_uniform=(10.0, 0.1))).verdict == "agree"


def test_bennett_over_the_same_samples_adds_no_agreement():
    assert judge(estimates(bennett=(10.0, 0.1), mbar=(10.0, 0.1))).verdict == "do not trust"


@pytest.mark.parametrize(("value", "verdict"), [(13.0, "do not trust"), (9.0, "agree")])
def test_a_doubtful_estimate_from_the_uniform_measure_is_heard_if_it_is_higher(value, verdict):
    found = judge(
        estimates(ais=(10.0, 0.1), mbar=(10.0, 0.1), population_uniform=(value, 0.4, "few families"))
    )
    assert (found.verdict, found.value) == (verdict, 10.0)
    assert ("population_uniform" in found.reason) == (verdict == "do not trust")


@pytest.mark.parametrize(("value", "verdict"), [(12.0, "agree"), (14.0, "do not trust")])
def test_annealed_weights_are_heard_from_three_nats_on(value, verdict):
    """Whatever is doubtful about them, they exceed log Z by b with probability e^-b at most."""
    found = judge(estimates(mbar=(10.0, 0.1), mbar_uniform=(10.0, 0.1), ais=(value, 0.3, "ESS 2")))
    assert found.verdict == verdict


def test_ladders_whose_ends_have_met_are_two_looks():
    met = Estimate(10.0, 0.1, facts={"apart": 1.2})
    found = judge(estimates(mbar=met, ais=(9.0, 2.0, "ESS 1")))
    assert (found.verdict, found.method) == ("agree", "mbar")
    assert found.reason == "mbar: ladders started from both ends agree"
    assert judge(estimates(mbar=(10.0, 0.1), ais=(9.0, 2.0, "ESS 1"))).verdict == "do not trust"


@pytest.mark.parametrize("annealed", ["ais", "population", "population_uniform"])
def test_annealed_paths_that_fall_short_of_ladders_that_have_met_say_nothing(annealed):
    met = Estimate(10.0, 0.1, facts={"apart": 1.2})
    found = judge(estimates(mbar=met, **{annealed: (8.5, 0.2)}))
    assert (found.verdict, found.method, found.value, found.stderr) == ("agree", "mbar", 10.0, 0.1)
    assert found.reason == "mbar: ladders started from both ends agree"
    assert judge(estimates(mbar=met, **{annealed: (11.5, 0.2)})).verdict == "do not trust"
    assert judge(estimates(mbar=(10.0, 0.1), **{annealed: (8.5, 0.2)})).verdict == "do not trust"
    assert judge(estimates(mbar=met, mbar_uniform=(8.5, 0.2))).verdict == "do not trust"
    within = judge(estimates(mbar=met, **{annealed: (9.9, 0.2)}))
    assert (within.verdict, within.stderr) == ("agree", 0.1)
    assert annealed in within.reason


def test_nothing_sound_still_gives_the_best_number():
    found = judge(
        estimates(ais=(10.0, 3.0, "ESS 2"), mbar=(9.0, 0.1, "R-hat 2"), population=(np.nan, np.nan, "none"))
    )
    assert (found.verdict, found.method) == ("do not trust", "mbar")


def test_few_effective_weights_are_a_trouble():
    """Two temperatures through a strong ferromagnet: a single weight carries the mean."""
    machine = BoltzmannMachine(Ising(), 3 * (1 - np.eye(24)), np.full(24, 0.2))
    with pytest.warns(RuntimeWarning, match="effective sample size.*do not trust"):
        found = log_z(machine, "ais", n_temperatures=2, n_chains=20, base=np.zeros(24))
    assert found.estimates["ais"]["ess"] < 10
    assert found.verdict == "do not trust"
    assert found.lower == found.value


def test_where_sound_estimates_differ_the_highest_is_given():
    """A path that misses a phase falls short."""
    found = judge(estimates(ais=(10.0, 0.01), population=(10.0, 0.02), population_uniform=(11.5, 0.1)))
    assert (found.verdict, found.method, found.value) == ("do not trust", "population_uniform", 11.5)


# Two phases.


def constant_rbm(n_v, n_h, w, a, c):
    """All weights and all biases equal, and its log Z: a sum over the number of ones."""
    k = np.arange(n_v + 1)
    log_p = (
        gammaln(n_v + 1) - gammaln(k + 1) - gammaln(n_v - k + 1) + a * k + n_h * np.logaddexp(0, c + w * k)
    )
    machine = RBM(Bernoulli(), Bernoulli(), np.full((n_v, n_h), w), np.full(n_v, a), np.full(n_h, c))
    return machine, logsumexp(log_p), np.exp(logsumexp(log_p[n_v // 2 :]) - logsumexp(log_p))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_phases_are_right_or_not_trusted(seed):
    """40 × 40 is too large to be exact; phases of weight 0.22 and 0.78 that Gibbs sampling does not leave."""
    machine, exact, upper = constant_rbm(60, 40, 0.2, -3.978, -6.0)
    assert abs(upper - 0.78) < 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = log_z(machine, seed=seed, accuracy=0.2, rounds=2)
    assert found.verdict in ("agree", "do not trust")
    if found.verdict == "agree":
        assert abs(found.value - exact) < 4 * found.stderr + 0.02
    for key in ("mbar_uniform", "population_uniform"):
        entry = found.estimates[key]
        assert entry["trouble"] or abs(entry["value"] - exact) < 4.5 * entry["stderr"]


def test_one_phase_that_everything_sees_is_agreed_on():
    machine, exact, _ = constant_rbm(60, 40, 0.02, -0.4, -0.3)
    found = log_z(machine, seed=1, rounds=1)
    assert found.verdict == "agree"
    assert abs(found.value - exact) < 4 * found.stderr
