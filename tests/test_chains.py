"""Running chains: rows taken from them are chains of their own."""

import laws
import numpy as np
import pytest

from ebm import EbmError, Potts, Stream

each_machine = pytest.mark.parametrize("name", laws.MACHINES)


@each_machine
def test_taken_chains_are_chains_started_there(name):
    """Rows in another order, some twice: the same states, free energies and, from there on, the same path."""
    machine = laws.MACHINES[name]()
    chains = machine.start(machine.sweep(machine.sample0(70, Stream(0)), Stream(1), 3))
    machine.free_energy(chains)  # so that something is kept
    before, rows = chains.x.copy(), np.random.default_rng(0).integers(0, 70, 90)
    taken, fresh = chains.take(rows), machine.start(before[rows])
    assert len(taken) == 90
    for _ in range(2):
        assert np.array_equal(taken.x, fresh.x)
        np.testing.assert_allclose(machine.free_energy(taken), machine.free_energy(fresh), rtol=1e-12)
        taken, fresh = machine.sweep(taken, Stream(2)), machine.sweep(fresh, Stream(2))
    assert np.array_equal(chains.x, before), "the chains taken from were changed"


@pytest.mark.parametrize("name", sorted(laws.MACHINES))
def test_states_of_chains_are_not_written_in_silence(name):
    """What is kept beside them would not follow; the array that a sweep returns is one's own."""
    machine = laws.MACHINES[name]()
    x = machine.sample0(3, Stream(0))
    chains = machine.start(x)
    with pytest.raises(ValueError, match="read-only"):
        chains.x[0, 0] = 0
    machine.sweep(x, Stream(0))[0, 0] = x[0, 0]
    assert "3 chains" in repr(chains)


@pytest.mark.parametrize("wrong", [10**9, -1])
def test_states_out_of_range_reach_no_kernel(wrong):
    machine = laws.boltzmann(Potts(3), 5)
    chains = machine.start(np.full((50, 5), 2))
    chains.data[:] = wrong
    with pytest.raises(EbmError, match="chains: a unit is in state"):
        machine.sweep(chains, Stream(0), 2)
    with pytest.raises(EbmError, match="chains: a unit is in state"):
        machine.free_energy(chains)
