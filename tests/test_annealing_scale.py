"""Annealing that is told no temperatures takes them from the machine: its scale is nobody's business."""

import numpy as np
import pytest

import ebm
from ebm.datasets import lattice, sk


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("spacing", ["linear", "geometric", "harmonic"])
def test_the_lowest_state_is_found_whatever_the_scale(scale, spacing):
    machine = ebm.BoltzmannMachine(ebm.Ising(), scale * sk(16, seed=3))
    states = (np.arange(2**16)[:, None] >> np.arange(16) & 1) * 2.0 - 1
    lowest = machine.free_energy(states).min()
    found = ebm.sample(machine, 20, sampler=ebm.Annealing(n_steps=40, spacing=spacing), seed=1)
    assert found.diagnostics["best_energy"].min() == pytest.approx(lowest, rel=1e-5)


def test_the_range_is_that_of_the_size_of_inputs():
    """√Σ_j J_ij² is 1 in an SK glass and 2 in a square lattice of ±1; a unit's bias counts too."""
    glass = ebm.BoltzmannMachine(ebm.Ising(), 3 * sk(400, seed=0))
    square = ebm.BoltzmannMachine(ebm.Ising(), lattice((16, 16), disorder="binary", seed=0))
    single = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((50, 50)), np.full(50, 4.0))
    for machine, size in ((glass, 3.0), (square, 2.0), (single, 4 * np.sqrt(2))):
        state = ebm.Annealing().init(machine, 2, ebm.Stream(0))
        np.testing.assert_allclose(state.betas[[0, -1]], [0.2 / size, 10 / size], rtol=0.2)


def test_what_is_given_stands_and_a_machine_without_energies_has_a_range():
    flat = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((4, 4)))
    assert ebm.Annealing(start=0.3).init(flat, 2, ebm.Stream(0)).betas[[0, -1]].tolist() == [0.3, 10.0]
    glass = ebm.BoltzmannMachine(ebm.Ising(), 100 * sk(20, seed=0))
    betas = ebm.Annealing(0.1, 5.0).init(glass, 2, ebm.Stream(0)).betas
    assert betas[[0, -1]].tolist() == [0.1, 5.0]


def test_it_goes_on_from_what_was_stored_with_the_same_bits():
    machine = ebm.BoltzmannMachine(ebm.Ising(), 7 * sk(20, seed=0))
    sampler, rng = ebm.Annealing(n_steps=10), ebm.Stream(0)
    state = sampler.init(machine, 3, rng)
    for _ in range(4):
        sampler.step(machine, state, rng)
    again = sampler.resume(machine, state.pack())
    assert (again.betas == state.betas).all()
