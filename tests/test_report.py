"""log Z as a user asks for it: every method against enumeration, bounds, verdicts, and what is refused."""

import importlib
import itertools
import re
import warnings
from dataclasses import dataclass, replace

import laws
import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Gaussian, Ising, Stream, log_z
from ebm.partition import EstimatorOfLogZ, LogZ, annealed_log_weights, tap
from ebm.partition.annealed import even_betas, reverse_log_weights
from ebm.partition.estimate import Estimate, log_mean_exp
from ebm.partition.logz import METHODS, settings_of, summaries
from ebm.partition.raised import raise_log_likelihood
from ebm.partition.report import judge

each_machine = pytest.mark.parametrize("name", laws.MACHINES)
STOCHASTIC = ("ais", "reverse_ais", "mbar", "bennett", "thermodynamic", "population")
FEW = ("bernoulli-hidden", "ising-sparse-hidden", "potts", "bernoulli-bernoulli", "gaussian-potts")


def settings_for(method, **given):
    """Those of the given settings that a method has."""
    return {key: value for key, value in given.items() if key in settings_of(method)}


def base_of(machine):
    return 0.4 * np.random.default_rng(2).normal(size=len(machine.params["b"]))


# Annealing in both directions.


@each_machine
@pytest.mark.parametrize("with_base", [False, True], ids=["uniform", "base"])
def test_the_reverse_walk_estimates_one_over_z(name, with_base):
    """E exp(−log w) = 1/Z from exact draws, however coarse and uneven the path."""
    machine = laws.MACHINES[name]()
    x = laws.exact_draws(machine, 8000, np.random.default_rng(0)).astype(machine.dtype)
    base = base_of(machine) if with_base else None
    log_w = reverse_log_weights(machine, x, base=base, betas=[0, 0.15, 0.5, 0.8, 1], seed=2)
    value, stderr, _ = log_mean_exp(-log_w)
    assert stderr < 0.2
    assert abs(-value - machine.exact(stats=False)[0]) < 4 * stderr


def test_ais_and_its_reverse_bracket_log_z_on_average():
    """Four chains along three temperatures: the logarithm is biased, downwards and upwards."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    exact, n = machine.exact(stats=False)[0], 400
    up = annealed_log_weights(machine, 3, 4 * n, seed=1).reshape(n, 4)
    x = laws.exact_draws(machine, 4 * n, np.random.default_rng(1))
    down = reverse_log_weights(machine, x, 3, seed=2).reshape(n, 4)
    low = np.array([log_mean_exp(w)[0] for w in up]) - exact
    high = -np.array([log_mean_exp(-w)[0] for w in down]) - exact
    assert low.mean() < -4 * low.std() / np.sqrt(n)
    assert high.mean() > 4 * high.std() / np.sqrt(n)
    for b in (0.5, 1.0, 2.0):  # Markov: beyond b with probability below e^-b
        assert np.mean(low > b) <= np.exp(-b)
        assert np.mean(-high > b) <= np.exp(-b)


@pytest.mark.parametrize("name", ["bernoulli", "potts", "ising-bernoulli"])
def test_even_betas_spread_the_variance_of_the_weights(name):
    """The standard deviations of the steps, by enumeration, vary half as much as those of equal steps."""
    machine = laws.MACHINES[name]()
    machine.params[machine.couplings[0]][:] *= 2
    machine.project()
    x = laws.all_states(machine.units, machine.n_units)

    def spread(betas):
        F = [-laws.minus_free_energy(machine, x, b) for b in betas]
        steps = [(f, g - f, np.exp(-f - logsumexp(-f))) for f, g in itertools.pairwise(F)]
        sigma = np.array([np.sqrt(p @ np.square(d) - (p @ d) ** 2) for _, d, p in steps])
        return sigma.std() / sigma.mean()

    betas = even_betas(machine, 12, seed=1)
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 13)
    assert np.all(np.diff(betas) > 0)
    assert spread(betas) < spread(np.linspace(0, 1, 13)) / 2


# Every method.


@pytest.mark.parametrize("method", STOCHASTIC)
@pytest.mark.parametrize("name", FEW)
def test_every_method_agrees_with_enumeration(name, method):
    """Within 4 sigma, with a small sigma; bounds where there are bounds; nothing is claimed of agreement."""
    machine = laws.MACHINES[name]()
    exact = machine.exact(stats=False)[0]
    found = log_z(machine, method, seed=3, **settings_for(method, n_temperatures=200, n_chains=200, rounds=1))
    assert found.method == method
    assert found.verdict == "unchecked"
    assert 0 < found.stderr < 0.1
    assert abs(found.value - exact) < 4 * found.stderr
    assert found.lower == (found.value if method == "ais" else -np.inf)
    assert found.upper == (found.value if method == "reverse_ais" else np.inf)
    entry = found.estimates[method]
    assert (entry["value"], entry["stderr"], entry["trouble"]) == (found.value, found.stderr, "")
    assert float(found) == found.value
    assert method in str(found)


@pytest.mark.parametrize("name", FEW)
def test_raise_with_many_temperatures_gives_log_z(name):
    machine = laws.MACHINES[name]()
    x = laws.exact_draws(machine, 50, np.random.default_rng(2))
    found = log_z(machine, "raise", data=x[:, : machine.n_visible], n_temperatures=300, n_chains=200, seed=3)
    assert abs(found.value - machine.exact(stats=False)[0]) < 4 * found.stderr + 0.02
    assert (found.lower, found.upper) == (-np.inf, np.inf)


@pytest.mark.parametrize("name", laws.CLOSED)
def test_mean_field_is_a_bound(name):
    machine = laws.MACHINES[name]()
    exact = log_z(machine, "exact")
    assert (exact.value, exact.stderr, exact.verdict) == (exact.lower, 0, "exact")
    assert exact.upper == exact.value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = log_z(machine, "mean_field")
        other = log_z(machine, "tap")
    assert found.lower == found.value <= exact.value + 1e-9
    assert found.upper == np.inf
    assert (other.lower, other.upper) == (-np.inf, np.inf)
    assert abs(other.value - exact.value) < 1.5
    assert np.isnan(found.stderr)


@pytest.mark.parametrize("name", FEW)
def test_the_report_agrees(name):
    """Its value within 4 sigma, every trouble-free estimate too; only AIS bounds."""
    machine = laws.MACHINES[name]()
    exact = machine.exact(stats=False)[0]
    found = log_z(machine, "report", seed=1, rounds=1)
    assert found.verdict == "agree"
    assert abs(found.value - exact) < 4 * found.stderr
    assert set(found.estimates) >= {*STOCHASTIC, "mbar_uniform", "population_uniform"}
    for entry in found.estimates.values():
        assert entry["trouble"] or abs(entry["value"] - exact) < 4.5 * entry["stderr"]
    assert found.stderr == min(e["stderr"] for k, e in found.estimates.items() if k == found.method)
    assert (found.lower, found.upper) == (found.estimates["ais"]["value"], np.inf)
    log_w = found.log_weights["ais"]
    np.testing.assert_allclose(log_mean_exp(log_w)[0], found.estimates["ais"]["value"])


@pytest.mark.parametrize("method", ["ais", "reverse_ais", "mbar", "population", "report"])
def test_seeds_repeat(method):
    """For work that the clock does not change: one round."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    limits = settings_for(method, n_temperatures=30, n_chains=30, rounds=1, budget=np.inf)

    def run(seed):
        return log_z(machine, method, seed=seed, **limits).value

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_a_run_grows_until_it_is_accurate():
    machine = laws.MACHINES["ising"]()
    first, more = (log_z(machine, "mbar", seed=1, accuracy=a, budget=np.inf, rounds=9) for a in (0.1, 0.01))
    assert first.stderr <= 0.1
    assert more.stderr <= 0.01
    n, m = (e.estimates["mbar"]["n_records"] for e in (first, more))
    assert m / n in (2, 4, 8, 16, 32)


def test_reverse_ais_from_samples_that_are_not_exact_is_no_bound():
    """A machine too large for exact draws; from data and from tempered samples."""
    machine = RBM.random(Bernoulli(), Bernoulli(), 40, 36, scale=0.05, seed=2)
    data = Stream(0).uniform(60, 40).round()
    for given, said in ((data, "data"), (None, "tempered")):
        found = log_z(machine, "reverse_ais", n_temperatures=60, data=given, rounds=1)
        assert found.upper == np.inf
        assert found.reason.startswith(f"not a bound: started from {said} samples")
        assert abs(found.value - tap(machine).value) < 4 * found.stderr + 0.02


def test_reverse_ais_does_not_trust_what_tempering_does_not(monkeypatch):
    module = importlib.import_module("ebm.partition.tempered")
    machine = laws.MACHINES["ising"]()
    estimates_of, trouble = module.tempered_estimates, ["", "tempering: drifts"]

    def drifting(run, methods):
        found = estimates_of(run, methods)
        return {key: replace(e, trouble=trouble[0]) for key, e in found.items()}

    monkeypatch.setattr(module, "tempered_estimates", drifting)
    rounds = module.tempered(
        machine,
        machine.params["b"],
        Stream(0),
        ("mbar",),
        n_ladders=12,
        n_records=16,
        reverse=(Stream(1), 200),
    )
    assert not next(rounds)["reverse_ais"].trouble
    trouble.pop(0)
    assert next(rounds)["reverse_ais"].trouble == "reverse AIS: from tempering: drifts"


# The registry.


@dataclass(frozen=True)
class Twice:
    """A user's own: twice the first of its settings."""

    half: float = 1.0

    def estimate(self, machine, rng, context):
        return LogZ(value=2 * self.half + rng.uniform(1, 1)[0, 0], stderr=0.1, method="twice")


def test_an_estimator_of_ones_own(monkeypatch):
    """As an object, and under a name of the table."""
    machine = laws.MACHINES["ising"]()
    one = log_z(machine, Twice(3.0), seed=2)
    assert (one.method, one.lower, one.upper) == ("twice", -np.inf, np.inf)
    assert isinstance(Twice(), EstimatorOfLogZ)
    monkeypatch.setitem(METHODS, "twice", Twice)
    assert log_z(machine, "twice", half=3.0, seed=2).value == one.value != log_z(machine, "twice").value
    assert settings_of("twice") == ("half",)
    assert summaries()["twice"] == "A user's own: twice the first of its settings."


def test_methods_are_listed_where_they_are_asked_for():
    for name, line in summaries().items():
        assert line
        assert f"{name:14}  {line}" in log_z.__doc__


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("aiss", {}, "did you mean 'ais'"),
        ("ais", {"n_temperature": 3}, "did you mean 'n_temperatures'"),
        ("exact", {"n_chains": 3}, "unknown setting"),
        (METHODS["ais"], {}, "AIS()"),
        (METHODS["ais"](), {"n_chains": 3}, "setting of AIS"),
        (3, {}, "ais, reverse_ais"),
    ],
)
def test_unknown_methods_and_settings_are_one_line(method, arguments, expected):
    with pytest.raises(EbmError, match=re.escape(expected)) as error:
        log_z(laws.MACHINES["ising"](), method, **arguments)
    assert "\n" not in str(error.value)


# The verdict.


def estimates(**values):
    return {k: e if isinstance(e, Estimate) else Estimate(*e) for k, e in values.items()}


def test_agreement_is_that_of_sound_estimates():
    found = judge(estimates(ais=(10.0, 0.1), mbar=(10.2, 0.05), population=(99.0, 0.01, "few families")))
    assert (found.verdict, found.method, found.value, found.stderr) == ("agree", "mbar", 10.2, 0.05)
    assert (found.lower, found.upper) == (10.0, np.inf)
    assert "ais" in found.reason
    assert "population" not in found.reason
    assert found.estimates["population"]["trouble"] == "few families"
    assert "accuracy" not in found.reason
    assert "accuracy of 0.01" in judge(estimates(ais=(10.0, 0.1), mbar=(10.2, 0.05)), 0.01).reason


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


# What is refused.


@pytest.mark.parametrize("method", ["auto", "exact", "ais", "mbar", "report"])
def test_a_machine_that_is_not_normalisable_has_no_log_z(method):
    machine = RBM(Gaussian(), Gaussian(), 1.5 * np.eye(2), np.zeros(2), np.zeros(2))
    with pytest.warns(RuntimeWarning, match="not normalisable"):
        assert log_z(machine, method).value == np.inf


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "aiss"},
        {"method": "report", "accuracy": 0.0},
        {"method": "report", "accuracy": np.nan},
        {"method": "mbar", "budget": -1},
        {"method": "mbar", "rounds": 0},
        {"method": "mbar", "budget": "60s"},
        {"method": "ais", "n_temperatures": 0},
        {"method": "reverse_ais", "n_chains": 0},
        {"method": "ais", "n_chains": 2.5},
        {"method": "ais", "base": np.zeros(3)},
        {"method": "raise"},
        {"method": "raise", "data": np.zeros((4, 3))},
        {"method": "ais", "data": np.full((4, 5), 0.5)},
        {"method": "ais", "seed": -1},
    ],
    ids=str,
)
def test_refusals_are_one_line(arguments):
    with pytest.raises(EbmError) as error:
        log_z(laws.MACHINES["bernoulli-bernoulli"](), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("betas", [[0.1, 1], [0, 0.9], [0, 0.6, 0.5, 1], [0], [0, np.nan, 1], [[0, 1]]])
def test_paths_go_from_zero_to_one(betas):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x = np.zeros((2, 5))
    for walk in (
        lambda: annealed_log_weights(machine, n_chains=2, betas=betas),
        lambda: reverse_log_weights(machine, x, betas=betas),
        lambda: raise_log_likelihood(machine, x, n_chains=2, betas=betas),
    ):
        with pytest.raises(EbmError, match="betas") as error:
            walk()
        assert "\n" not in str(error.value)


def test_where_sound_estimates_differ_the_highest_is_given():
    """A path that misses a phase falls short."""
    found = judge(estimates(ais=(10.0, 0.01), population=(10.0, 0.02), population_uniform=(11.5, 0.1)))
    assert (found.verdict, found.method, found.value) == ("do not trust", "population_uniform", 11.5)
