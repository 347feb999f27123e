"""log Z as a user asks for it: every method against enumeration, bounds, the registry, what is refused."""

import importlib
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import laws
import numpy as np
import pytest

from ebm import RBM, Bernoulli, EbmError, Gaussian, Stream, log_z
from ebm.experiment import Workers
from ebm.partition import EstimatorOfLogZ, LogZ, tap
from ebm.partition.estimate import Estimate, log_mean_exp
from ebm.partition.logz import METHODS, settings_of, summaries

STOCHASTIC = ("ais", "reverse_ais", "mbar", "bennett", "thermodynamic", "population")
FEW = ("bernoulli-hidden", "ising-sparse-hidden", "potts", "bernoulli-bernoulli", "gaussian-potts")


def settings_for(method, **given):
    """Those of the given settings that a method has."""
    return {key: value for key, value in given.items() if key in settings_of(method)}


@pytest.mark.some(4)
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


@pytest.mark.some(2)
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
    assert found.method in ("mbar", "mbar_uniform")
    assert found.stderr >= found.estimates[found.method]["stderr"]
    assert (found.lower, found.upper) == (found.estimates["ais"]["value"], np.inf)
    log_w = found.log_weights["ais"]
    np.testing.assert_allclose(log_mean_exp(log_w)[0], found.estimates["ais"]["value"])


DEAR = pytest.param("report", marks=pytest.mark.slow)


@pytest.mark.parametrize("method", ["ais", "reverse_ais", "mbar", "population", DEAR])
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
    machine = RBM.random(Bernoulli(), Bernoulli(), 40, 36, scale=0.05, seed=2, dtype="float64")
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

    def drifting(run, methods, **settings):
        found = estimates_of(run, methods, **settings)
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


@pytest.mark.slow
def test_the_slow_part_of_a_ladder_goes_on_alone(monkeypatch):
    """Told that the lower levels have settled, in parts: right within its error, and both parts grow."""
    module = importlib.import_module("ebm.partition.tempered")
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    exact, estimates_of, seen = machine.exact(stats=False)[0], module.tempered_estimates, []

    def doubtful(run, methods, *, below=None, **settings):
        found = estimates_of(run, methods, below=below, **settings)
        seen.append((len(run.state.betas), len(run), below))
        return found if below is not None else {k: replace(e, trouble="slow") for k, e in found.items()}

    monkeypatch.setattr(module, "tempered_estimates", doubtful)
    monkeypatch.setattr(module, "_LEAST_SPLIT", 32)
    monkeypatch.setattr(module, "settled_below", lambda run, at=None: at or len(run.state.betas) // 2)
    methods, z = ("mbar", "thermodynamic"), []
    for seed in range(6):
        rounds = module.tempered(machine, None, Stream(seed), methods, n_records=64, split=True)
        for _ in range(5):
            found = next(rounds)
        z += [(found[method].value - exact) / found[method].stderr for method in methods]
    assert np.abs(z).max() < 4
    levels = {n for n, _, below in seen if below is not None}
    assert max(levels) < seen[0][0]
    assert len({len(below.f["mbar"][1]) for _, _, below in seen if below is not None}) == 1


def test_reverse_ais_takes_its_share_of_the_work(monkeypatch):
    """Its temperatures follow the work of the run; a part that goes on alone starts small again."""
    module = importlib.import_module("ebm.partition.tempered")
    machine, asked = laws.MACHINES["bernoulli-bernoulli"](), []
    estimates_of, down = module.tempered_estimates, module.reversed_estimate

    def slow(run, methods, *, below=None, **settings):
        found = estimates_of(run, methods, below=below, **settings)
        return {key: replace(e, trouble="slow") for key, e in found.items()}

    def noted(run, n_each, n_temperatures, betas, rng):
        asked.append((n_temperatures, len(run.state.betas)))
        return down(run, n_each, n_temperatures, betas, rng)

    monkeypatch.setattr(module, "tempered_estimates", slow)
    monkeypatch.setattr(module, "reversed_estimate", noted)
    monkeypatch.setattr(module, "_LEAST_SPLIT", 128)
    monkeypatch.setattr(module, "settled_below", lambda run, at=None: at or len(run.state.betas) // 2)
    rounds = module.tempered(
        machine, None, Stream(1), ("mbar",), n_ladders=8, n_records=64, split=True, reverse=(Stream(2), 40)
    )
    for _ in range(4):
        next(rounds)
    (first, levels), (second, _), (third, above), (fourth, _) = asked
    assert (first, second) == (40, 80)
    assert above < levels
    share = above / levels  # of the work of 64 records of the whole ladder
    assert third == pytest.approx(80 + 40 * share, abs=1)
    assert fourth == pytest.approx(80 + 80 * share, abs=1)


def test_time_goes_where_the_doubt_is(monkeypatch):
    """On all while they do not agree; then on the one that leads; then on a path from the uniform measure."""
    module = importlib.import_module("ebm.partition.report")
    grown = []

    def member(name, values, of):
        def rounds(ground):
            for value, stderr, trouble in values:
                grown.append(name)
                yield {name: Estimate(value, stderr, trouble, {"apart": 1.0})}

        return replace(module.MEMBERS[of], grow=rounds)

    table = {
        "ais": member("ais", [(9.0, 0.2, "ESS 2")] * 9, "ais"),
        "tempering": member(
            "mbar", [(10.0, 0.2, "slow")] * 2 + [(10.0, 0.2, ""), (10.0, 0.04, "")], "tempering"
        ),
        "tempering_uniform": member(
            "mbar_uniform", [(8.0, 0.2, "frozen")] * 2 + [(10.0, 0.2, "")] * 9, "tempering_uniform"
        ),
    }
    monkeypatch.setattr(module, "MEMBERS", table)
    monkeypatch.setattr(module, "_WIDE", ["tempering_uniform"])
    monkeypatch.setattr(module, "near", lambda *_: None)
    found = module.Report(accuracy=0.05).estimate(laws.MACHINES["bernoulli-bernoulli"](), Stream(0))
    assert (found.verdict, found.value, found.stderr) == ("agree", 10.0, 0.04)
    agreed = [k for k, name in enumerate(grown) if name == "mbar"][2]
    rest = grown[agreed + 1 :]
    assert rest[0] == "mbar"
    assert rest[1:]
    assert set(rest[1:]) == {"mbar_uniform"}


class Ticking:
    """A clock of ours in place of `time`: each look takes a second."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


def test_the_last_round_of_a_ladder_ends_with_the_time(monkeypatch):
    """A round that does not fit is cut short, not left out, and its records count."""
    growing = importlib.import_module("ebm.partition.growing")
    tempered = importlib.import_module("ebm.partition.tempered")
    monkeypatch.setattr(growing, "time", ticking := Ticking())
    machine, lengths = laws.MACHINES["bernoulli-bernoulli"](), []
    estimates_of = tempered.tempered_estimates

    def noted(run, methods, **settings):
        lengths.append(len(run))
        return estimates_of(run, methods, **settings)

    monkeypatch.setattr(tempered, "tempered_estimates", noted)
    found = log_z(machine, "mbar", accuracy=1e-9, budget=200.0, seed=1)
    assert lengths[0] == 64
    assert 128 < lengths[-1] < 256  # the third round would have taken 128 looks more
    assert ticking.now < 230
    assert abs(found.value - machine.exact(stats=False)[0]) < 4 * found.stderr


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


def test_estimators_side_by_side_are_the_same_for_any_executor():
    machine = RBM.random(Bernoulli(), Bernoulli(), 8, 5, scale=0.5, seed=3, dtype="float64")
    how = {"rounds": 1, "budget": np.inf, "seed": 4}
    with Workers(2) as workers:
        found = log_z(machine, "report", executor=workers, **how)
    alone = log_z(machine, "report", **how)
    assert found.estimates == alone.estimates
    assert found.verdict == "agree"
    assert abs(found.value - log_z(machine).value) < 4 * found.stderr + 0.01
    with ThreadPoolExecutor(1) as one, pytest.raises(EbmError, match="executor: method"):
        log_z(machine, "ais", executor=one)
    with pytest.raises(EbmError, match="executor: got"):
        log_z(machine, executor="two")
