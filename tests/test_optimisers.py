"""Optimisers by their definitions, averages of iterates, penalties and constraints."""

import laws
import numpy as np
import pytest
from scipy.sparse import csr_array

from ebm import (
    L1,
    L2,
    SGD,
    Adam,
    AdamW,
    Averaged,
    BoltzmannMachine,
    Clipped,
    Constant,
    EbmError,
    Exact,
    GroupLasso,
    InverseTime,
    Ising,
    Linear,
    Mask,
    MaxNorm,
    NonNegative,
    PerEpoch,
    RMSprop,
    Scaled,
    begin,
    fit,
    train,
)
from ebm.errors import NotSupported
from ebm.optimisers.schedules import rate_at


def run(optimiser, gradients, start=1.0, per_epoch=2):
    """The iterates of one parameter."""
    params = {"w": np.full(3, start)}
    memory, seen = optimiser.init(params), []
    for k, g in enumerate(gradients):
        optimiser.update(params, {"w": np.full(3, g)}, memory, k / per_epoch)
        seen.append(params["w"][0])
    return np.array(seen), memory


GRADIENTS = np.array([1.0, -0.5, 2.0, 0.25, 3.0])


def test_schedules_by_definition():
    epochs = [0.0, 0.5, 1.0, 3.9, 10.0, 1000.0]
    linear = [0.2 + (0.1 - 0.2) * min(1, e / 10) for e in epochs]
    np.testing.assert_allclose([Linear(0.2, 0.1, epochs=10).at(e) for e in epochs], linear)
    np.testing.assert_allclose(
        [InverseTime(0.3, 4).at(e) for e in epochs], [0.3 / (1 + e / 4) for e in epochs]
    )
    assert [PerEpoch([3, 2, 1]).at(e) for e in epochs] == [3, 3, 2, 1, 1, 1]
    assert [rate_at(Constant(0.7), e) for e in epochs] == [rate_at(0.7, e) for e in epochs] == [0.7] * 6


def quadratic(optimiser, steps, dtype=np.float64):
    """The path of an optimiser on -1/2 (p - 3)^2."""
    params = {"p": np.array([0.0, 1.0], dtype)}
    memory, path = optimiser.init(params), []
    for _ in range(steps):
        optimiser.update(params, {"p": 3 - params["p"]}, memory)
        path.append(params["p"].copy())
    return np.array(path)


def test_sgd_with_momentum_is_its_recursion():
    """v <- m v + rate g; p <- p + v, docs/math.md (5.7)."""
    p, v, expected = np.array([0.0, 1.0]), np.zeros(2), []
    for _ in range(10):
        v = 0.8 * v + 0.1 * (3 - p)
        p = p + v
        expected.append(p)
    np.testing.assert_allclose(quadratic(SGD(0.1, momentum=0.8), 10), expected, rtol=1e-13)


def test_adam_is_kingma_and_ba():
    """Algorithm 1 of the paper, with the bias corrections on both averages."""
    p, m, v, expected = np.array([0.0, 1.0]), np.zeros(2), np.zeros(2), []
    for t in range(1, 11):
        g = 3 - p
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p + 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(p)
    np.testing.assert_allclose(quadratic(Adam(0.1), 10), expected, rtol=1e-6)


def test_nesterov_steps_from_where_the_velocity_leads():
    """In the variables θ̂ = θ + α z it is: z ← α z + η g(θ̂), θ ← θ + z (Sutskever et al. 2013)."""
    found, _ = run(SGD(0.1, momentum=0.8, nesterov=True), GRADIENTS)
    theta, z, seen = 1.0, 0.0, []
    for g in GRADIENTS:
        z = 0.8 * z + 0.1 * g
        theta += z
        seen.append(theta + 0.8 * z)
    np.testing.assert_allclose(found, seen)


def test_rmsprop_divides_by_the_root_of_the_mean_square():
    found, _ = run(RMSprop(0.1, decay=0.5, epsilon=1e-3), GRADIENTS)
    second, w, seen = 0.0, 1.0, []
    for g in GRADIENTS:
        second = 0.5 * second + 0.5 * g * g
        w += 0.1 * g / (np.sqrt(second) + 1e-3)
        seen.append(w)
    np.testing.assert_allclose(found, seen)


def test_decay_beside_the_gradient_shrinks_by_the_scheduled_rate():
    rate = Linear(0.1, 0.0, epochs=2)
    plain, _ = run(AdamW(rate, decay=0.0), GRADIENTS)
    adam, _ = run(Adam(rate), GRADIENTS)
    np.testing.assert_array_equal(plain, adam)
    decayed, _ = run(AdamW(rate, decay=0.5), np.zeros(5))
    np.testing.assert_allclose(decayed, np.cumprod([1 - 0.5 * rate.at(k / 2) for k in range(5)]))


@pytest.mark.parametrize("optimiser", [SGD(0.1), SGD(0.1, momentum=0.9)], ids=repr)
def test_clipping_bounds_the_norm_over_all_parameters(optimiser):
    params = {"w": np.zeros(4), "b": np.zeros(1)}
    clipped, memory = Clipped(optimiser, norm=0.5), optimiser.init(params)
    clipped.update(params, {"w": np.full(4, 3.0), "b": np.full(1, 8.0)}, memory)
    np.testing.assert_allclose(np.concatenate([params["w"], params["b"]]), 0.05 * np.array([0.3] * 4 + [0.8]))
    before = params["w"].copy()
    memory = optimiser.init(params)
    clipped.update(params, {"w": np.full(4, 0.1), "b": np.zeros(1)}, memory)
    np.testing.assert_allclose(params["w"] - before, 0.01)
    assert clipped.rate == 0.1


@pytest.mark.parametrize("every", [1, 2])
def test_averages_are_means_of_the_iterates_since_their_start(every):
    plain, _ = run(SGD(0.1), GRADIENTS)
    found, memory = run(Averaged(SGD(0.1), start=1.0, every=every), GRADIENTS)
    np.testing.assert_array_equal(found, plain)
    entered = plain[2:] if every == 1 else plain[3::2]  # two updates an epoch
    np.testing.assert_allclose(memory.average["w"], entered.mean())
    _, none = run(Averaged(SGD(0.1), start=9.0), GRADIENTS)
    assert none.average == {}
    assert SGD(0.1).init({"w": np.zeros(1)}).average == {}


def test_averages_that_forget():
    plain, _ = run(SGD(0.1), GRADIENTS)
    _, memory = run(Averaged(SGD(0.1), decay=0.75), GRADIENTS)
    mean = plain[0]
    for k, w in enumerate(plain[1:], 2):
        mean += max(0.25, 1 / k) * (w - mean)
    np.testing.assert_allclose(memory.average["w"], mean)


@pytest.mark.parametrize("penalty", [L1(0.3), L2(0.3), GroupLasso(0.3)], ids=repr)
def test_penalties_have_the_gradients_of_their_sums(penalty):
    w, eps = np.random.default_rng(0).normal(size=(4, 3)), 1e-6
    for place in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[place] = eps
        slope = (penalty.value(w + step) - penalty.value(w - step)) / (2 * eps)
        np.testing.assert_allclose(penalty.gradient(w)[place], slope, atol=1e-8)
    down = np.ones_like(w)
    penalty.subtract(down, w)
    np.testing.assert_allclose(down, 1 - penalty.gradient(w), atol=1e-12)
    assert not penalty.gradient(np.zeros((4, 3))).any()


def test_penalties_are_the_sums_that_they_say():
    w = np.array([[3.0, 0.0], [-4.0, 1.0]])
    assert L1(0.5).value(w) == 4.0
    assert L2(0.5).value(w) == 6.5
    assert GroupLasso(0.5).value(w) == 3.0


def test_constraints_put_couplings_into_their_sets_and_leave_what_is_inside():
    w = np.array([[3.0, 0.3, -1.0], [4.0, 0.4, 0.0]])
    short = w.copy()
    MaxNorm(1.0).restrict(short)
    np.testing.assert_allclose(short, [[0.6, 0.3, -1.0], [0.8, 0.4, 0.0]])
    positive = w.copy()
    NonNegative().restrict(positive)
    np.testing.assert_array_equal(positive, np.where(w > 0, w, 0))
    kept = w > 0.35
    masked = w.copy()
    Mask(kept).restrict(masked)
    np.testing.assert_array_equal(masked, np.where(kept, w, 0))


@pytest.mark.parametrize(
    "constraint", [MaxNorm(0.5), NonNegative(), Mask(np.tri(5, 3, dtype=bool))], ids=repr
)
def test_constraints_hold_after_every_update(constraint):
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    rule, optimiser = Exact(), SGD(0.5)
    rows = np.random.default_rng(0).integers(0, 2, (8, 5))
    for state in train(begin(machine, rule, optimiser), rows, rule, optimiser, 4, constraints=[constraint]):
        before = machine.W.copy()
        constraint.restrict(machine.W)
        np.testing.assert_allclose(machine.W, before, atol=1e-15)
        if state.step == 5:
            break


def test_group_lasso_empties_useless_hidden_units():
    """Rows of fair independent bits need no hidden unit."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    rows = laws.all_states(machine.units, 5)
    fit(
        machine,
        rows,
        rule=Exact(),
        optimiser=SGD(0.1),
        epochs=500,
        batch_size=32,
        penalties=[GroupLasso(0.1)],
    )
    assert np.linalg.norm(machine.W, axis=0).max() < 0.02


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SGD(0.1, nesterov=True), "nesterov"),
        (lambda: Clipped(SGD(0.1), norm=0.0), "norm"),
        (lambda: Averaged(SGD(0.1), decay=1.0), "decay"),
        (lambda: RMSprop(decay=1.0), "decay"),
        (lambda: Mask(np.ones((2, 2))).restrict(np.ones((2, 2))), "expected bool"),
        (lambda: Mask(np.ones((2, 3), bool)).restrict(np.ones((2, 2))), r"\(2, 2\)"),
    ],
)
def test_bad_settings_are_one_line(make, said):
    with pytest.raises(EbmError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_sparse_couplings_have_no_columns():
    machine = BoltzmannMachine(Ising(), csr_array(np.ones((3, 3)) - np.eye(3)))
    for each in (
        lambda: GroupLasso(0.1).gradient(machine.params["J"]),
        lambda: MaxNorm(1.0).restrict(machine.params["J"]),
    ):
        with pytest.raises(NotSupported, match="sparse"):
            each()


def test_scaled_rates_stand_within_and_around_other_optimisers():
    """The same factors in any order; they multiply; a name that is none is refused in one line."""
    rng = np.random.default_rng(0)
    gradient = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}

    def after(optimiser):
        params = {"W": np.ones((3, 2)), "b": np.ones(2)}
        memory = optimiser.init(params)
        for _ in range(3):
            optimiser.update(params, gradient, memory)
        return params

    inner = Adam(0.1)
    for wrap in (Averaged, lambda o: Clipped(o, 0.5)):
        one, other = after(wrap(Scaled(inner, {"b": 0.5}))), after(Scaled(wrap(inner), {"b": 0.5}))
        assert all(np.array_equal(one[key], other[key]) for key in one)
    twice, once = after(Scaled(Scaled(inner, {"b": 0.5}), {"b": 0.5})), after(Scaled(inner, {"b": 0.25}))
    assert np.array_equal(twice["b"], once["b"])
    assert np.array_equal(once["W"], after(inner)["W"])
    with pytest.raises(EbmError, match="'c': no such parameter") as error:
        after(Scaled(inner, {"c": 0.5}))
    assert "\n" not in str(error.value)
