"""Data and machines at their edges, on which other toolkits' learning broke: no NaN, and the right answer."""

import laws
import numpy as np
import pytest

import ebm
from ebm import (
    CD,
    PCD,
    RBM,
    SGD,
    Bernoulli,
    BoltzmannMachine,
    Exact,
    FastPCD,
    Gaussian,
    GroupLasso,
    Mask,
    MaxNorm,
    MinimumProbabilityFlow,
    NaturalGradient,
    Potts,
    PseudoLikelihood,
    RandomStart,
    RatioMatching,
    begin,
    fit,
    train,
    zero_sum,
)

SAMPLED = [CD(), CD(centred=True), PCD(centred=True), FastPCD(), RandomStart()]
RULES = [
    *SAMPLED,
    Exact(centred=True),
    NaturalGradient(),
    PseudoLikelihood(),
    RatioMatching(),
    MinimumProbabilityFlow(),
]
each_rule = pytest.mark.parametrize("rule", RULES, ids=repr)


def finite(machine):
    return all(np.isfinite(value).all() for value in machine.params.values())


# Batches.


def test_a_last_batch_of_one_row_counts_by_its_weight():
    """501 rows in batches of 500: in an epoch the row that is left moves the machine as its weight says."""
    rows = np.random.default_rng(0).integers(2, size=(501, 3)).astype(float)
    rule, optimiser, rate = Exact(), SGD(1e-6), 1e-6
    order = np.random.default_rng(np.random.SeedSequence(ebm.Stream(0).key, spawn_key=(0,))).permutation(501)

    def moved(weight):
        """What the epoch adds up to, as the sum of gradients of its batches with their own weights."""
        machine, weights = BoltzmannMachine(Bernoulli(), 0.3 * (1 - np.eye(3))), np.ones(501)
        weights[order[-1]] = weight
        before = machine.b.copy()
        fit(machine, rows, rule=rule, optimiser=optimiser, epochs=1, batch_size=500, weights=weights)
        return (machine.b - before) * weights.mean() / rate

    machine = BoltzmannMachine(Bernoulli(), 0.3 * (1 - np.eye(3)))
    model = machine.exact()[1]["b"]
    many, one = rows[order[:-1]].mean(0) - model, rows[order[-1]] - model
    for weight in (0.0, 1.0, 7.0):
        np.testing.assert_allclose(moved(weight), many + weight * one, atol=1e-4)


# Features without variance.


@each_rule
def test_columns_that_never_change_are_learnt(rule):
    """The second column is always 0, the third always 1; so they are in the machine's own distribution."""
    rows = np.random.default_rng(0).integers(2, size=(60, 4)).astype(float)
    rows[:, 1], rows[:, 2] = 0, 1
    machine = RBM.random(Bernoulli(), Bernoulli(), 4, 3, dtype=np.float64)
    fit(machine, rows, rule=rule, optimiser=SGD(0.1), epochs=150, batch_size=20)
    assert finite(machine)
    v, p = laws.visible_distribution(machine)
    assert (p @ v)[1] < 0.1
    assert (p @ v)[2] > 0.9


@pytest.mark.parametrize("rule", SAMPLED, ids=repr)
def test_gaussian_columns_that_never_change_are_learnt(rule):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows[:, 1] = 2.5
    machine = RBM.random(Gaussian(), Bernoulli(), 3, 3, dtype=np.float64)
    fit(machine, rows, rule=rule, optimiser=SGD(0.05), epochs=150, batch_size=20)
    assert finite(machine)
    np.testing.assert_allclose(machine.exact()[1]["b"][1], 2.5, atol=0.3)


def test_a_maximum_at_infinity_ends_in_finite_numbers():
    """Columns without variance, and one that copies another: the supremum is the entropy of the rows."""
    rows = np.random.default_rng(0).integers(2, size=(40, 4)).astype(float)
    rows[:, 1], rows[:, 2] = 0, rows[:, 3]
    machine = BoltzmannMachine(Bernoulli(), np.zeros((4, 4)))
    found = ebm.maximise(machine, rows)
    q = np.unique(rows, axis=0, return_counts=True)[1] / 40
    assert finite(machine)
    np.testing.assert_allclose(found.log_likelihood, (q * np.log(q)).sum(), atol=1e-6)


def test_rows_without_weight_are_no_rows_for_the_maximum():
    rows, weights = laws.all_states(Bernoulli(), 3), np.array([1.0, 2, 0, 1, 3, 1, 0, 1])
    machines = [BoltzmannMachine(Bernoulli(), np.zeros((3, 3))) for _ in range(2)]
    ebm.maximise(machines[0], rows, weights=weights, penalties=[ebm.L2(0.01)])
    ebm.maximise(machines[1], rows[weights > 0], weights=weights[weights > 0], penalties=[ebm.L2(0.01)])
    for key in "Jb":
        np.testing.assert_allclose(machines[0].params[key], machines[1].params[key], atol=1e-7)


# Potts units.


def potts_rows():
    """Two units of three states with different marginals, and each unit's marginals."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.choice(3, size=400, p=p) for p in ([0.7, 0.2, 0.1], [0.1, 0.3, 0.6])], 1)
    return rows, np.eye(3)[rows].mean(0).ravel()


@pytest.mark.parametrize("gauge", [False, True], ids=["as learnt", "zero-sum"])
@pytest.mark.parametrize("rule", [CD(), PCD(centred=True), Exact(), PseudoLikelihood()], ids=repr)
@pytest.mark.parametrize("kind", ["restricted", "full"])
def test_the_fields_of_potts_units_learn(kind, rule, gauge):
    """From zero to the marginals of the data, every state of every unit; also with a gauge at every step.

    Couplings are held at zero: those between one-hot units could stand in for fields that are frozen.
    """
    rows, marginals = potts_rows()
    if kind == "full":
        machine = BoltzmannMachine(Potts(3), np.zeros((6, 6)))
    else:
        machine = RBM.random(Potts(3), Bernoulli(), 2, 2, dtype=np.float64)
    optimiser, held = SGD(0.3), [Mask(np.zeros(machine.params[machine.couplings[0]].shape, bool))]
    start = begin(machine, rule, optimiser)
    for state in train(start, rows, rule, optimiser, 200, constraints=held):
        if gauge:
            zero_sum(machine)
        if state.step == 200:
            break
    np.testing.assert_allclose(machine.exact()[1]["b"], marginals, atol=0.08)


@each_rule
def test_states_that_no_row_has_are_learnt_to_be_rare(rule):
    rows = np.random.default_rng(0).integers(2, size=(60, 2)) * 2  # of 0, 1, 2 never 1
    machine = RBM.random(Potts(3), Bernoulli(), 2, 2, dtype=np.float64)
    fit(machine, rows, rule=rule, optimiser=SGD(0.2), epochs=100, batch_size=20)
    assert finite(machine)
    assert machine.exact()[1]["b"].reshape(2, 3)[:, 1].max() < 0.1


@pytest.mark.parametrize(
    "machine", [None, RBM.random(Bernoulli(), Bernoulli(), 4, 3, scale=2.0, dtype="float64")], ids=str
)
def test_classes_that_no_row_has_are_never_read(machine):
    """Of four classes only 0 and 2 are there; batches have one of them each."""
    x, y = np.repeat(np.eye(4)[:2], 50, axis=0), np.repeat([0, 2], 50)
    net = ebm.readout(machine, x, y, units=Potts(4), epochs=60, batch_size=50, optimiser=ebm.Adam(0.1))
    ebm.fine_tune(net, x, y, epochs=5, batch_size=50)
    p = net.predict_mean(x)
    assert np.isfinite(p).all()
    assert p[:, [1, 3]].max() < 0.05
    assert net.error(x, y) == 0


# Hidden units without weights.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e3])
def test_columns_of_zeros_stay_numbers(dtype, limit):
    """Norms of zero, under penalties and constraints that divide by them; no warning either."""
    zeros = np.zeros((4, 3), dtype)
    with np.errstate(all="raise"):
        MaxNorm(limit).restrict(zeros)
        assert not zeros.any()
        assert not GroupLasso(limit).gradient(zeros).any()
    machine = RBM(Bernoulli(), Bernoulli(), zeros, np.zeros(4, dtype), np.zeros(3, dtype))
    rows = np.random.default_rng(0).integers(2, size=(40, 4))
    extra = {"penalties": [GroupLasso(0.01)], "constraints": [MaxNorm(limit)]}
    fit(machine, rows, rule=PCD(centred=True), epochs=5, batch_size=20, **extra)
    assert finite(machine)
    assert np.sqrt(np.square(machine.W).sum(0)).max() <= limit * (1 + 1e-5)


@pytest.mark.parametrize("units", [ebm.Bernoulli(), ebm.Potts(3), ebm.Gaussian()], ids=repr)
def test_of_no_rows_there_are_no_numbers_and_no_mean(units):
    machine, none = ebm.RBM.random(units, ebm.Bernoulli(), 4, 3, scale=0.3, dtype="float64"), np.empty((0, 4))
    assert machine.free_energy(none).shape == machine.visible_free_energy(none).shape == (0,)
    assert machine.mean_h(none).shape == (0, 3)
    for mean in (
        lambda: machine.stats(none),
        lambda: ebm.reconstruction_error(machine, none),
        lambda: ebm.free_energy_gap(machine, none, none),
    ):
        with pytest.raises(ebm.EbmError, match="at least one row"):
            mean()


def test_penalties_may_come_in_any_sequence():
    machine, rows = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, dtype="float64"), np.eye(4)
    rule, optimiser = ebm.CD(), ebm.SGD(0.1)
    for penalties in ((), [], np.array([]), np.array([ebm.L2(0.1)], object), iter([ebm.L2(0.1)])):
        state = ebm.begin(machine.copy(), rule, optimiser)
        ebm.partial_fit(state, rows, rule, optimiser, penalties=penalties)


def test_an_address_is_nothing_to_read():
    assert str(ebm.EbmError(f"no node: {object()!r}")) == "no node: <object>"


def test_what_does_not_fit_into_memory_says_what():
    class Long:
        def __len__(self):
            raise MemoryError

        def __array__(self, dtype=None, copy=None):
            raise MemoryError

    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, dtype="float64")
    with pytest.raises(MemoryError, match="x: a Long: more numbers than the memory holds"):
        machine.free_energy(Long())
