"""log Z along learning: right at every look within its error, which is less than that of a look by itself."""

import laws
import numpy as np
import pytest

from ebm import PCD, RBM, SGD, Bernoulli, Stream, begin, train
from ebm.partition import base_rate, tracked_log_z
from ebm.partition.multistate import bennett_step


@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "potts-bernoulli", "ising", "gaussian-bernoulli"])
def test_the_track_follows_a_machine_that_learns(name):
    """z scores of looks along two runs, with a rate so high that the machine moves far between them."""
    v = laws.exact_draws(laws.MACHINES[name](seed=11), 60, np.random.default_rng(3))
    rule, optimiser = PCD(n_chains=50), SGD(0.02 if name.startswith("gaussian") else 0.2)
    z, values, ratios = [], [], []
    for seed in range(2):
        machine = laws.MACHINES[name]()
        base, state, memory = base_rate(machine, v), begin(machine, rule, optimiser, seed), {}
        for state in train(state, v, rule, optimiser, 20, seed):  # noqa: B020
            if state.step % 15 == 0:
                look = Stream(1000 * seed + state.step)
                found, memory = tracked_log_z(machine, memory, look, base=base)
                assert found.stderr < 0.2
                z.append((found.value - machine.exact(stats=False)[0]) / found.stderr)
                values.append(found.value)
                ratios.append(found.stderr / found.facts["fresh_stderr"])
            if state.step == 300:
                break
    assert np.ptp(values) > 0.3, "the machine should have moved"
    assert np.abs(z).max() < 4.5
    assert 0.7 < np.std(z) < 1.4
    assert abs(np.mean(z)) < 0.6  # scores of a run are correlated: 40 are worth some 10
    assert np.mean(ratios) < 0.9


def learned(scale=0.8):
    """Twelve units and six hidden ones, and the memory of three looks at them."""
    machine, memory = RBM.random(Bernoulli(), Bernoulli(), 12, 6, scale=scale, dtype=np.float64), {}
    for k in range(3):
        found, memory = tracked_log_z(machine, memory, Stream(k))
    return machine, found, memory


def test_a_machine_that_stands_still_is_measured_again_and_again():
    """The error falls about as one over the root of the number of looks."""
    machine, memory, errors = RBM.random(Bernoulli(), Bernoulli(), 12, 6, scale=0.8, dtype=np.float64), {}, []
    for k in range(12):
        found, memory = tracked_log_z(machine, memory, Stream(k))
        errors.append(found.stderr)
    fresh = found.facts["fresh_stderr"]
    assert 0.12 * fresh < errors[-1] < 0.5 * fresh
    assert abs(found.value - machine.exact(stats=False)[0]) < 4 * found.stderr


@pytest.mark.parametrize("step", [0.1, 0.3, 1.0, 3.0, 5.0])
def test_a_jump_too_far_for_bennett_leaves_the_measurement(step):
    """The share of the prediction falls as the machines come to overlap less; the answer stays right."""
    machine, _, memory = learned()
    other = RBM.random(Bernoulli(), Bernoulli(), 12, 6, scale=step, seed=5, dtype=np.float64)
    for key, value in other.params.items():
        machine.params[key] += value
    machine.params["b"] += step * np.linspace(-1, 1, 12)
    machine.project()
    found, after = tracked_log_z(machine, memory, Stream(9))
    assert abs(found.value - machine.exact(stats=False)[0]) < 4 * found.stderr
    if step <= 0.3:
        assert found.facts["weight"] < 0.7
        assert found.stderr < found.facts["fresh_stderr"]
    if step >= 3:
        assert found.facts["weight"] == 1
        assert found.value == found.facts["fresh"]
    assert float(after["past.looks"]) == (4 if found.facts["weight"] < 1 else 1)


def test_a_prediction_that_the_measurement_contradicts_is_dropped():
    machine, _, memory = learned()
    memory["past.value"] = memory["past.value"] + 1.0
    found, _ = tracked_log_z(machine, memory, Stream(9))
    assert found.facts["weight"] == 1
    assert abs(found.value - machine.exact(stats=False)[0]) < 4 * found.stderr


def test_nothing_goes_into_or_out_of_a_look_in_trouble():
    """In four records ladders seem to disagree."""
    machine, _, memory = learned()
    found, memory = tracked_log_z(machine, memory, Stream(9), n_records=5)
    assert found.trouble
    assert found.facts["weight"] == 1
    assert not [key for key in memory if key.startswith("past.")]
    found, memory = tracked_log_z(machine, memory, Stream(10))
    assert not found.trouble
    assert found.facts["weight"] == 1
    assert [key for key in memory if key.startswith("past.")]


def test_replicas_that_follow_a_machine_need_no_round_trip_in_each_look():
    """A ladder too long for one in 48 steps: looks are believed, and better than a look by itself."""
    machine, memory = RBM.random(Bernoulli(), Bernoulli(), 64, 48, scale=0.6, seed=1, dtype="float64"), {}
    for k in range(3):
        found, memory = tracked_log_z(machine, memory, Stream(k))
        assert not found.trouble
    assert found.facts["round_trips"] < 1
    assert found.stderr < 0.8 * found.facts["fresh_stderr"]


def test_the_error_of_a_ratio_counts_ladders_not_samples():
    """60 repetitions, each sample five times over: the error is that of the samples once, and covers."""
    one = laws.MACHINES["bernoulli-bernoulli"]()
    other, z = one.copy(), []
    other.params["W"] *= 0.7
    other.project()
    exact = other.exact(stats=False)[0] - one.exact(stats=False)[0]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = [laws.exact_draws(m, 16 * n, rng) for m, n in ((one, 10), (other, 25))]
        up, down = (
            (there.free_energy(rows) - here.free_energy(rows)).reshape(16, -1)
            for here, there, rows in ((one, other, x[0]), (other, one, x[1]))
        )
        f, influence, ess = bennett_step(up, down)
        often = bennett_step(np.repeat(up, 5, axis=1), np.repeat(down, 5, axis=1))
        np.testing.assert_allclose(often[0], f, atol=1e-9)
        np.testing.assert_allclose(often[1], influence, atol=1e-9)
        assert 8 < ess <= 16
        z.append((-f - exact) / np.linalg.norm(influence))
    assert 0.7 < np.std(z) < 1.35
    assert abs(np.mean(z)) < 4 / np.sqrt(60)


def test_what_is_kept_are_arrays_that_give_the_same_look():
    machine, _, memory = learned()
    copies = {key: np.array(value) for key, value in memory.items()}
    (one, left), (other, right) = (tracked_log_z(machine, kept, Stream(1)) for kept in (memory, copies))
    assert one.value == other.value
    assert one.facts["weight"] < 1
    assert left.keys() == right.keys()
    for key in left:
        np.testing.assert_array_equal(left[key], right[key])
