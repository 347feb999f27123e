"""log Z along learning: right at every look within its error, and the same after a resume."""

import laws
import numpy as np
import pytest

from ebm import PCD, SGD, Stream, begin, train
from ebm.partition import base_rate, tracked_log_z


@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "potts-bernoulli", "ising", "gaussian-bernoulli"])
def test_the_ladder_follows_a_machine_that_learns(name):
    """z scores of looks along a run, with a rate so high that the machine moves far between them."""
    machine = laws.MACHINES[name]()
    v = laws.exact_draws(laws.MACHINES[name](seed=11), 60, np.random.default_rng(3))
    base = base_rate(machine, v)
    rule, optimiser = PCD(n_chains=50), SGD(0.02 if name.startswith("gaussian") else 0.2)
    state, memory, z, values = begin(machine, rule, optimiser), {}, [], []
    for state in train(state, v, rule, optimiser, 20):  # noqa: B020
        if state.step % 15 == 0:
            found, memory = tracked_log_z(machine, memory, Stream(state.step), base=base)
            assert found.stderr < 0.2
            z.append((found.value - machine.exact(stats=False)[0]) / found.stderr)
            values.append(found.value)
        if state.step == 300:
            break
    assert np.ptp(values) > 0.3, "the machine should have moved"
    assert np.abs(z).max() < 4.5
    assert np.sqrt(np.mean(np.square(z))) < 1.7


def test_what_is_kept_are_arrays_that_give_the_same_look():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    _, memory = tracked_log_z(machine, {}, Stream(0))
    copies = {key: np.array(value) for key, value in memory.items()}
    one, other = (tracked_log_z(machine, kept, Stream(1))[0] for kept in (memory, copies))
    assert one.value == other.value
