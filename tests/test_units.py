"""Unit types: everything follows from one cgf."""

import laws
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from scipy.stats import poisson

from ebm import (
    RBM,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Gaussian,
    Ising,
    Mixed,
    NotSupported,
    Poisson,
    Potts,
)
from ebm.testing import check_units
from ebm.testing.units import log_sum
from ebm.units.tables import units_from_dict, units_to_dict

each_layer = pytest.mark.parametrize("units", [*laws.UNITS, *laws.MIXED, Poisson()], ids=str)
each_bounded = pytest.mark.parametrize("units", laws.UNITS, ids=str)  # a count's mean is e^I
each_discrete = pytest.mark.parametrize("units", laws.DISCRETE, ids=str)


@each_layer
def test_units_keep_the_laws(units):
    check_units(units)


@each_bounded
@settings(derandomize=True, max_examples=30, deadline=None)
@given(data=st.data())
def test_cgf_is_log_sum_over_the_whole_range(units, data):
    value = st.floats(-1e4, 1e4, allow_nan=False, width=32)
    I = np.array([data.draw(st.lists(value, min_size=units.width, max_size=units.width))])
    tolerance = 1e-10 if units.states is None else 1e-13
    np.testing.assert_allclose(units.cgf(I), log_sum(units, I), rtol=tolerance, atol=tolerance)


@each_bounded
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_stay_finite_and_saturate(units, dtype):
    """No overflow, no NaN, no warning at |I| = 1e4; the mean of a discrete unit is one of its states."""
    I = np.zeros((2, units.width), dtype)
    I[:, -1] = 1e4, -1e4
    with np.errstate(all="raise", under="ignore"):
        parts = [units.cgf(I), units.mean(I), units.var(I), units.pull(I, I)]
        x = [units.sample(I, np.full((2, 1), u, dtype)) for u in (0.001, 0.999)]
    assert all(np.isfinite(p).all() for p in parts)
    if units.states is not None and units.width == 1:
        assert parts[1].ravel().tolist() == [units.states[-1], units.states[0]]
        assert x[0].ravel().tolist() == x[1].ravel().tolist() == [units.states[-1], units.states[0]]
        assert np.all(parts[2] == 0)


def test_counts_are_poisson():
    """cgf is the log of the sum over all counts; draws are scipy's quantiles; the loss is its log pmf."""
    units, counts = Poisson(), np.arange(400)
    I = np.linspace(-6, 4.5, 22)
    expected = logsumexp(I[:, None] * counts - gammaln(counts + 1), axis=1)
    np.testing.assert_allclose(units.cgf(I), expected, rtol=1e-12)
    u = np.random.default_rng(10).random((2000, len(I)))
    assert np.array_equal(units.sample(np.tile(I, (2000, 1)), u), poisson.ppf(u, np.exp(I)))
    steps = poisson.cdf(counts[:40], np.exp(1.0))  # at a step of the cdf: the smaller count
    assert np.array_equal(units.sample(np.ones(12), steps[:12]), counts[:12])
    log_p = I * 3 - units.potential(np.array(3)) - units.cgf(I)
    np.testing.assert_allclose(log_p, poisson.logpmf(3, np.exp(I)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_of_counts_stay_finite(dtype):
    I = np.array([[1e4, -1e4]], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert all(np.isfinite(f(I)).all() for f in (Poisson().cgf, Poisson().mean, Poisson().var))
    assert Poisson().mean(I)[0, 1] == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: RBM.random(Poisson(), Bernoulli(), 3, 2, dtype="float64"),
        lambda: RBM.random(Bernoulli(), Poisson(), 3, 2, dtype="float64"),
        lambda: BoltzmannMachine(Poisson(), np.zeros((3, 3))),
    ],
)
def test_machines_refuse_counts(make):
    with pytest.raises(EbmError, match=r"Poisson\(\)") as error:
        make()
    assert "\n" not in str(error.value)


@each_discrete
def test_the_link_of_the_ends_is_finite(units):
    ends = laws.phi(units, np.array(units.states)[:, None])
    assert np.isfinite(units.link(ends)).all()
    np.testing.assert_allclose(units.mean(units.link(ends, floor=1e-9)), ends, atol=1e-7)


def test_one_potts_unit_is_a_softmax_and_two_states_are_a_bernoulli():
    """Potts(2) with inputs (0, I) is a Bernoulli with input I, in every function."""
    I = np.linspace(-5, 5, 11)[:, None]
    two = np.concatenate([np.zeros_like(I), I], 1)
    np.testing.assert_allclose(Potts(2).cgf(two), Bernoulli().cgf(I), atol=1e-14)
    np.testing.assert_allclose(Potts(2).mean(two)[:, 1:], Bernoulli().mean(I), rtol=1e-14)
    u = np.random.default_rng(8).random((11, 1))
    assert np.array_equal(Potts(2).sample(two, u), Bernoulli().sample(I, u))


def test_an_ising_spin_is_a_bernoulli_of_twice_the_input():
    I = np.linspace(-5, 5, 11)[:, None]
    np.testing.assert_allclose(Ising().mean(I), 2 * Bernoulli().mean(2 * I) - 1, atol=1e-15)
    u = np.random.default_rng(9).random((11, 1))
    assert np.array_equal(Ising().sample(I, u), 2 * Bernoulli().sample(2 * I, u) - 1)


@pytest.mark.parametrize(
    ("units", "bad", "strict"),
    [
        (Bernoulli(), 1.01, False),
        (Bernoulli(), -0.01, False),
        (Bernoulli(), 0.5, True),
        (Ising(), 1.5, False),
        (Ising(), 0.0, True),
        (Potts(3), 3, False),
        (Potts(3), -1, False),
        (Potts(3), 0.5, False),
        (Poisson(), 0.5, False),
        (Poisson(), -1, True),
        (Gaussian(), np.inf, False),
        (Bernoulli(), np.nan, False),
    ],
    ids=str,
)
def test_check_names_the_value_and_its_place(units, bad, strict):
    x = np.full((3, 4), units.states[0] if units.states else 0.0)
    units.check(x, strict=strict)
    x[1, 2] = bad
    with pytest.raises(EbmError, match="row 1, column 2") as error:
        units.check(x, strict=strict)
    assert "\n" not in str(error.value)
    assert str(x[1, 2]) in str(error.value)
    x[:, 3], beside = 0, Mixed(((units, 3), (Bernoulli(), 1)))
    with pytest.raises(EbmError, match="row 1, column 2"):
        beside.check(x, strict=strict)
    x[1, 2] = x[0, 2]
    assert beside.check(x, strict=strict) is x
    for wrong in (np.inf, -np.inf, np.nan):
        x[2, 1] = wrong
        with pytest.raises(EbmError, match="row 2, column 1"):
            beside.check(x, strict=strict)


def test_check_takes_means_and_refuses_text():
    assert np.array_equal(Bernoulli().check([[0.25, 1]]), [[0.25, 1]])
    assert np.array_equal(Ising().check([[-0.25, 1]]), [[-0.25, 1]])
    with pytest.raises(EbmError, match="numbers"):
        Bernoulli().check([["a"]])


@each_layer
def test_units_survive_their_table(units):
    assert units_from_dict(units_to_dict(units)) == units


@pytest.mark.parametrize(
    "table", [{"type": "Pots"}, {"type": "Potts", "k": 3}, {"type": "Potts", "q": 1}, {}]
)
def test_wrong_tables_are_one_line(table):
    with pytest.raises(EbmError) as error:
        units_from_dict(table)
    assert "\n" not in str(error.value)


def test_a_mixed_layer_says_what_it_does_not_take():
    for blocks in ((), ((Bernoulli(), 0),), ((Bernoulli(),),), (("Bernoulli", 2),), 3):
        with pytest.raises(EbmError) as error:
            Mixed(blocks)
        assert "\n" not in str(error.value)
    with pytest.raises(NotSupported, match="expected units of one type"):
        Mixed(((laws.LABELLED, 2),))
    for name in ("width", "states", "kind"):
        with pytest.raises(NotSupported, match=f"no common {name}"):
            getattr(laws.LABELLED, name)
    with pytest.raises(EbmError, match=r"4.0 at row 0, column 3; Potts\(q=3\) takes integers 0 to 2"):
        laws.LABELLED.check([[0, 1, 0.5, 4]])
    with pytest.raises(EbmError, match="rows of 4 units"):
        laws.LABELLED.check([[0, 1, 0]])
    with pytest.raises(EbmError, match="pairs"):
        units_from_dict({"type": "Mixed", "blocks": [3]})


@pytest.mark.parametrize("units", laws.MIXED, ids=str)
def test_some_units_of_a_mixed_layer_are_a_layer(units):
    rng = np.random.default_rng(7)
    n = units.n_units
    x, kept = units.sample(rng.normal(size=(6, units.n_columns)), rng.random((6, n))), rng.random(n) < 0.7
    some = units.taken(kept)
    assert laws.sites(some, int(kept.sum())) == [
        u for u, k in zip(laws.sites(units, n), kept, strict=True) if k
    ]
    columns = [j for i in np.flatnonzero(kept) for j in range(units.own(i).start, units.own(i).stop)]
    assert np.array_equal(some.encode(x[:, kept]), units.encode(x)[:, columns])
