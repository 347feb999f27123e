"""The laws of `ebm.testing`: all of our parts keep them, each named in a registry; broken toys do not."""

import dataclasses

import laws
import numpy as np
import pytest

import ebm
from ebm import SGD, Gibbs, Ising, Optimiser, Rule, Sampler, Tempering
from ebm.partition.estimate import LogZ
from ebm.partition.logz import METHODS, settings_of
from ebm.testing import (
    check_estimator_of_log_z,
    check_machine,
    check_optimiser,
    check_rule,
    check_sampler,
    check_units,
)
from ebm.testing.samplers import small_machine

LADDER = Tempering(betas=(0.0, 0.5, 1.0), n_adapt=4)


def _spins():
    return laws.boltzmann(Ising(), 4, scale=0.15)


def _restricted():
    return ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, scale=0.5, seed=1, dtype="float64")


def _weaker():
    machine = small_machine()
    machine.params["J"] *= 0.3
    machine.project()
    return machine


def _labelled():
    return laws.restricted(laws.LABELLED, ebm.Bernoulli(), 4, 3, scale=0.9)


def public(protocol):
    """The package's own classes of a kind."""
    each = (getattr(ebm, name) for name in ebm.__all__)
    return {c.__name__ for c in each if isinstance(c, type) and isinstance(c, protocol) and c is not protocol}


def public_units():
    """The package's own unit types that need no settings."""
    each = (getattr(ebm, name) for name in ebm.__all__)
    kinds = {c for c in each if isinstance(c, type) and issubclass(c, ebm.Units)}
    return {c.__name__ for c in kinds} - {"Units", "Mixed"}  # Mixed: laws.MIXED


# What stands here is what the defaults do not show; a class that is in neither fails.
SETTINGS = {
    "Annealing": [(ebm.Annealing(0.1, 1.0, n_steps=40), 1.0)],
    "Direct": [(ebm.Direct(), 1.0), (ebm.Direct(beta=0.3), 0.3)],
    "Gibbs": [(Gibbs(), 1.0), (Gibbs(3, "chromatic", beta=0.5), 0.5)],
    "Metropolis": [(ebm.Metropolis(2, beta=0.6), 0.6)],
    "SwendsenWang": [(ebm.SwendsenWang(beta=0.7), 0.7)],
    "TemperedTransitions": [(ebm.TemperedTransitions(n_temperatures=4, start=0.3), 1.0)],
    "Tempering": [(LADDER, 1.0)],
    "TrajectoryTempering": [(ebm.TrajectoryTempering((_weaker(), small_machine())), 1.0)],
    "Wolff": [(ebm.Wolff(beta=1.0), 1.0)],
}
RULES = {
    "CD": [(ebm.CD(k=2), {}), (ebm.CD(centred=True), {"machine": laws.MACHINES["bernoulli-hidden"]()})],
    "PCD": [(ebm.PCD(), {}), (ebm.PCD(sampler=LADDER, n_chains=30), {})],
    "Exact": [(ebm.Exact(centred=True, standardised=True), {})],
    "RandomStart": [(ebm.RandomStart(k=10), {})],
    "TAP": [(ebm.TAP(n_iterations=3), {"machine": _spins(), "order": 2})],
    "MeanField": [(ebm.MeanField(n_iterations=3), {"machine": _restricted(), "order": 1})],
    "SparseHidden": [(ebm.SparseHidden(ebm.CD(), strength=0.0), {})],
    "Discriminative": [(ebm.Discriminative(), {"machine": _labelled()})],
    "Hybrid": [(ebm.Hybrid(), {"machine": _labelled()})],
}
NO_RULES = {
    "BackPropagation",  # of networks
    "UpDown",  # of stacks
}
OPTIMISERS = {
    "Averaged": [ebm.Averaged(SGD(0.1))],
    "Clipped": [ebm.Clipped(SGD(0.1), 1.0)],
    "SGD": [SGD(0.05), SGD(0.05, momentum=0.9, nesterov=True)],
    "Scaled": [ebm.Scaled(SGD(0.1), {"W": 2.0})],
}


@pytest.mark.parametrize("name", sorted(public_units() - {type(u).__name__ for u in laws.UNITS}))
def test_units_that_are_in_no_catalogue_keep_the_laws(name):
    check_units(getattr(ebm, name)())


class Nothing(ebm.Units):
    """A unit type that defines nothing."""


def test_a_unit_type_that_defines_nothing_fails():
    with pytest.raises(AssertionError, match="neither states nor cgf is defined"):
        check_units(Nothing())


@pytest.mark.parametrize("name", sorted(public(Sampler)))
def test_samplers_keep_the_laws(name):
    for sampler, beta in SETTINGS.get(name) or [(getattr(ebm, name)(), 1.0)]:
        check_sampler(sampler, beta=beta)


@pytest.mark.some(3)
@pytest.mark.parametrize("name", sorted(public(Rule) - NO_RULES))
def test_rules_keep_the_laws(name):
    for rule, how in RULES.get(name) or [(getattr(ebm, name)(), {})]:
        check_rule(rule, **how)


@pytest.mark.parametrize("name", sorted(public(Optimiser) - {"LBFGS"}))
def test_optimisers_keep_the_laws(name):
    for optimiser in OPTIMISERS.get(name) or [getattr(ebm, name)()]:
        check_optimiser(optimiser)


ALIKE = {"bennett", "thermodynamic", "population", "report"}  # as mbar and ais are, or made of them


@pytest.mark.some(5)
@pytest.mark.parametrize(
    "method", [pytest.param(m, marks=pytest.mark.slow) if m in ALIKE else m for m in METHODS]
)
def test_estimators_of_log_z_keep_the_laws(method):
    """With little effort: an error bar has to be right whatever the effort."""
    little = {"n_temperatures": 60, "n_chains": 60, "rounds": 1}
    settings = {key: value for key, value in little.items() if key in settings_of(method)}
    check_estimator_of_log_z(METHODS[method](**settings), runs=4 if method in ("report", "tap") else 10)


@pytest.mark.some(5)
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_estimators_of_log_z_keep_the_laws_at_their_defaults(method):
    check_estimator_of_log_z(METHODS[method]())


# Broken toys.


@dataclasses.dataclass(frozen=True)
class Hot:
    """A sampler that ignores beta."""

    beta: float = 1.0
    length = None

    def init(self, machine, n_chains, rng, given=None):
        return Gibbs().init(machine, n_chains, rng, given)

    def step(self, machine, state, rng):
        return Gibbs().step(machine, state, rng)


class Forgetful(Hot):
    """A sampler that moves what is given."""

    def init(self, machine, n_chains, rng, given=None):
        return Gibbs().init(machine, n_chains, rng)


def test_a_sampler_that_ignores_beta_fails():
    check_sampler(Hot())
    with pytest.raises(AssertionError, match=r"walkers: total variation .* beta 0\.5"):
        check_sampler(Hot(0.5), beta=0.5)
    with pytest.raises(AssertionError, match="clamped unit"):
        check_sampler(Forgetful())


@pytest.fixture
def breakable(monkeypatch):
    """Replace one function of Ising units in place: they are final."""

    def put(name, wrong):
        own = getattr(Ising, name)
        monkeypatch.setattr(Ising, name, lambda self, *args: wrong(own(self, *args)))

    return put


@pytest.mark.parametrize(
    ("name", "wrong", "law"),
    [
        ("var", lambda a: 1.1 * a, "var = d mean"),
        ("mean", lambda a: a + 1e-4, "mean = d cgf"),
        ("cgf", lambda a: a + 1e-6, "cgf = log sum"),
        ("sample", lambda a: -a, "does not rise"),
        ("encode", lambda a: 2 * a, "cgf = log sum|averages to another mean"),
        ("pull", lambda a: 2 * a, "pull"),
        ("link", lambda a: a + 0.1, "link"),
        ("dot", lambda a: a + 1, "dot"),
    ],
)
def test_units_with_one_wrong_function_fail(breakable, name, wrong, law):
    breakable(name, wrong)
    with pytest.raises(AssertionError, match=law) as error:
        check_units(Ising())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "wrong", "law"),
    [
        ("stats", lambda found: {k: 1.01 * v for k, v in found.items()}, "stats"),
        ("log_z0", lambda found: found + 0.01, "log_z0"),
        ("visible_free_energy", lambda found: found + 0.01, "visible_free_energy"),
        ("sweep", lambda found: -found if isinstance(found, np.ndarray) else found, "sweep"),
        ("exact", lambda found: (found[0] + 0.01, found[1]), "exact"),
        ("sample0", lambda found: 0 * found - 1, "sample0"),
        ("site_energies", lambda found: 2 * found, "site_energies"),
        ("posterior_stats", lambda found: {k: 2 * v for k, v in found.items()}, "posterior_stats"),
    ],
)
def test_machines_with_one_wrong_method_fail(monkeypatch, name, wrong, law):
    own = getattr(ebm.RBM, name)
    monkeypatch.setattr(ebm.RBM, name, lambda self, *args, **more: wrong(own(self, *args, **more)))
    with pytest.raises(AssertionError, match=law) as error:
        check_machine(laws.MACHINES["ising-bernoulli"]())
    assert "\n" not in str(error.value)


class Backwards:
    """A rule with the wrong sign."""

    def init(self, machine, rng):
        return ebm.Exact().init(machine, rng)

    def gradient(self, machine, batch, chains, rng):
        found, chains = ebm.Exact().gradient(machine, batch, chains, rng)
        return {key: -value for key, value in found.items()}, chains


class Biased(Backwards):
    """A rule that is off by a little everywhere."""

    def gradient(self, machine, batch, chains, rng):
        found, chains = ebm.Exact().gradient(machine, batch, chains, rng)
        return {key: value + 0.05 * bool(batch[-1].any()) for key, value in found.items()}, chains


def test_rules_that_are_wrong_fail():
    with pytest.raises(AssertionError, match="learning took the objective from"):
        check_rule(Backwards())
    with pytest.raises(AssertionError, match="at the truth averages to"):
        check_rule(Biased())
    with pytest.raises(AssertionError, match="with half the couplings"):
        check_rule(ebm.MeanField(n_iterations=3), order=2)


class Loose(Backwards):
    """A rule that carries a plain dict."""

    def init(self, machine, rng):
        return {"calls": 0}

    def gradient(self, machine, batch, chains, rng):
        return super().gradient(machine, batch, ebm.Exact().init(machine, rng), rng)[0], chains


@dataclasses.dataclass
class Calls(ebm.learning.Carried):
    """How often a rule was asked, and by whom."""

    calls: int = 0
    who: object = None


class Fading(Backwards):
    """A rule whose gradient fades with the calls that it counts."""

    who = None

    def init(self, machine, rng):
        return Calls(who=self.who)

    def gradient(self, machine, batch, chains, rng):
        found, _ = ebm.Exact().gradient(machine, batch, ebm.Exact().init(machine, rng), rng)
        factor = 0.5 + 0.5 / (1 + chains.calls)
        return {key: factor * value for key, value in found.items()}, Calls(chains.calls + 1, chains.who)


class Secretive(Fading):
    """A rule that counts where no file sees it."""

    def __init__(self):
        self.calls = 0

    def gradient(self, machine, batch, chains, rng):
        found, _ = super().gradient(machine, batch, Calls(self.calls), rng)
        self.calls += bool(len(batch[-1]) < 20)
        return found, chains


class Signed(Fading):
    """A rule that carries an object of its own."""

    who = Backwards()


def test_what_a_rule_carries_can_be_saved():
    check_rule(Fading())
    with pytest.raises(AssertionError, match="got a dict; expected a Carried"):
        check_rule(Loose())
    with pytest.raises(AssertionError, match="Calls: who: a Backwards has no place in a file"):
        check_rule(Signed())
    with pytest.raises(AssertionError, match="learnt after saving and loading"):
        check_rule(Secretive())


def test_a_state_whose_part_was_replaced_by_another_kind_is_not_saved(tmp_path):
    state = ebm.begin(laws.MACHINES["ising-bernoulli"](), ebm.CD(), SGD())
    state.chains = {}
    with pytest.raises(ebm.EbmError, match="chains of the state: got a dict"):
        ebm.save(tmp_path / "s.npz", state)


@dataclasses.dataclass(frozen=True)
class Toy:
    """An estimator whose error is 0.1, and said to be a multiple of that."""

    factor: float

    def estimate(self, machine, rng, context=None):
        error = 0.1 * np.random.default_rng(rng.key).normal()
        value = machine.exact(stats=False)[0] + error
        return LogZ(value=value, stderr=0.1 * self.factor, method="toy")


class NoError(Toy):
    """An estimator that says nothing of its error."""

    def estimate(self, machine, rng, context=None):
        return LogZ(value=machine.exact(stats=False)[0] + 5, stderr=np.nan, method="none")


def test_an_estimate_without_error_bound_or_reason_fails():
    with pytest.raises(AssertionError, match="neither an error nor a bound"):
        check_estimator_of_log_z(NoError(1.0))


class Refusing(Hot):
    """A sampler that refuses everything."""

    def init(self, machine, n_chains, rng, given=None):
        raise ebm.NotSupported("nothing")


def test_a_part_that_refuses_everything_fails():
    with pytest.raises(AssertionError, match="refuses the first law"):
        check_sampler(Refusing())


class Lying(ebm.Units):
    """Normal units that are declared narrower than they are."""

    normal = 3.0

    def potential(self, x):
        return 0.5 * x * x

    def cgf(self, I):
        return ebm.Gaussian().cgf(I)

    def mean(self, I):
        return ebm.Gaussian().mean(I)

    def var(self, I):
        return ebm.Gaussian().var(I)

    def sample(self, I, u):
        return ebm.Gaussian().sample(I, u)


def test_a_declaration_that_lies_fails():
    with pytest.raises(AssertionError, match="units that are normal"):
        check_units(Lying())


@pytest.mark.parametrize(("factor", "law"), [(0.4, "too small"), (3.0, "too large")])
def test_an_estimate_with_a_wrong_error_fails(factor, law):
    check_estimator_of_log_z(Toy(1.0))
    with pytest.raises(AssertionError, match=law):
        check_estimator_of_log_z(Toy(factor))


class Lazy(type(SGD())):
    """An optimiser that keeps time by itself: what it remembers is not in its memory."""

    seen = 0

    def update(self, params, gradient, memory, epoch=0.0, factors=None):
        type(self).seen += 1
        scaled = {key: value / (1 + 0.1 * self.seen) for key, value in gradient.items()}
        super().update(params, scaled, memory, epoch, factors)


def test_an_optimiser_with_a_memory_of_its_own_fails():
    with pytest.raises(AssertionError):
        check_optimiser(Lazy(0.05))
