"""Running chains: rows taken from them are chains of their own."""

import laws
import numpy as np
import pytest

from ebm import Stream

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
