"""Averages of functions of states over temperature, and their errors, against enumeration."""

import laws
import numpy as np
import pytest

from ebm import (
    Binder,
    BoltzmannMachine,
    Correlations,
    EbmError,
    Ising,
    Magnetisation,
    StructureFactor,
    Susceptibility,
    Tempering,
    thermodynamics,
)
from ebm.datasets import lattice
from ebm.thermal.observables import propagated

T = np.array([1.3, 2.5, 5.0])
ONE_ROUND = {"accuracy": 1e9, "budget": 1e-9}
SHORT = Tempering(betas=(0.0, 0.35, 0.7, 1.0), n_adapt=30)
ALL = {
    "m": Magnetisation(),
    "signed": Magnetisation(absolute=False),
    "chi": Susceptibility(),
    "binder": Binder(),
    "c": Correlations((3, 3), connected=True),
    "s": StructureFactor((3, 3)),
    "own": lambda x: x[:, 0] * x[:, 4],
}


def grid():
    """A lattice in a field, so that nothing is zero by symmetry."""
    return BoltzmannMachine(Ising(), lattice((3, 3), J=0.5).toarray(), np.full(9, 0.1))


def exact(machine, observable, temperature):
    """By enumeration at one temperature."""
    x = laws.all_states(machine.units, machine.n_units)
    w = laws.minus_free_energy(machine, x, 1 / temperature)
    w = np.exp(w - w.max())
    return observable.value(w / w.sum() @ observable.measure(x), 1 / temperature)


def z_of(machine, found, observables):
    """Errors of all observables at all temperatures, in units of their standard errors."""
    zs = []
    for name, observable in observables.items():
        got = found.observables[name]
        true = np.array([exact(machine, observable, t) for t in found.temperature])
        sigma = got.stderr.reshape(true.shape)
        sure = sigma < 1e-12  # C(0) is one
        np.testing.assert_allclose(got.value.reshape(true.shape)[sure], true[sure], atol=1e-9)
        zs.append(((got.value.reshape(true.shape) - true) / sigma)[~sure])
    return np.concatenate(zs)


def rms_over(n_seeds, machine, observables, **settings):
    zs = [
        z_of(machine, thermodynamics(machine, T, observables=observables, seed=seed, **settings), observables)
        for seed in range(n_seeds)
    ]
    return np.sqrt((np.concatenate(zs) ** 2).mean())


MEASURED = {name: observable for name, observable in ALL.items() if name != "own"}


def test_observables_are_those_of_enumeration():
    assert 0.5 < rms_over(3, grid(), MEASURED, sampler=SHORT, **ONE_ROUND) < 1.6


def test_observables_of_an_rbm():
    """Hidden units are summed out; states are the visible ones, of bits."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    observables = {"m": Magnetisation(), "chi": Susceptibility(absolute=False)}
    assert 0.3 < rms_over(3, machine, observables, sampler=SHORT, **ONE_ROUND) < 1.8


@pytest.mark.slow
def test_errors_over_many_seeds():
    assert 0.75 < rms_over(20, grid(), MEASURED, **ONE_ROUND) < 1.25


def test_shapes_names_and_own_functions():
    machine = grid()
    found = thermodynamics(machine, T, observables=ALL, sampler=SHORT, **ONE_ROUND)
    assert found.observables["m"].value.shape == (3,)
    assert found.observables["c"].value.shape == (3, 2)
    assert {"m", "m_stderr", "own"} <= set(found.arrays())
    assert "binder" in found._repr_html_()
    plain = thermodynamics(machine, T, sampler=SHORT, **ONE_ROUND)
    np.testing.assert_array_equal(plain.energy, found.energy)  # who looks on changes nothing
    np.testing.assert_array_equal(plain.overlap.density, found.overlap.density)


def test_the_response_to_a_field():
    """χ of ⟨m⟩ is the slope of the magnetisation by a field on all units."""
    step, free = 1e-4, Susceptibility(absolute=False)
    sides = []
    for h in (-step, step):
        machine = grid()
        machine.params["b"][:] += h
        sides.append(exact(machine, Magnetisation(absolute=False), 2.0)[0])
    np.testing.assert_allclose(exact(grid(), free, 2.0)[0], (sides[1] - sides[0]) / (2 * step), rtol=1e-6)


def test_correlations_and_structure_factor_are_transforms():
    """In one dimension S(k) is the sum of C(r) cos kr round the ring."""
    x = laws.all_states(Ising(), 6)
    C, S = Correlations((6,)).measure(x), StructureFactor((6,)).measure(x)
    r = np.array([0, 1, 2, 3, 2, 1])
    for n in range(4):
        wave = np.cos(2 * np.pi * n * np.arange(6) / 6)
        np.testing.assert_allclose(S[:, n], C[:, r] @ wave, atol=1e-12)


def test_correlations_of_an_open_chain():
    x = np.array([[1.0, 1.0, -1.0, -1.0]])
    np.testing.assert_allclose(Correlations((4,), periodic=False).measure(x), [[1, 1 / 3, -1]])


def test_configurations_are_of_their_temperature():
    machine = grid()
    found = thermodynamics(machine, T, configurations=400, sampler=SHORT, **ONE_ROUND)
    assert found.configurations.shape == (3, 400, 9)
    for t, states in zip(T, found.configurations, strict=True):
        energy = machine.energy(states.astype(float))
        x = laws.all_states(machine.units, 9)
        p = np.exp(-machine.energy(x) / t)
        p /= p.sum()
        mean = p @ machine.energy(x)
        sigma = np.sqrt(p @ (machine.energy(x) - mean) ** 2 / 100)  # of a quarter as many
        assert abs(energy.mean() - mean) < 4 * sigma


def test_errors_are_carried_through():
    """The slope of the cumulant, by hand."""
    mean, influence = np.array([0.4, 0.3]), np.array([[0.01, 0.0], [0.0, 0.02]])
    value, stderr = propagated(Binder(), mean, influence, 1.0)
    assert value[0] == pytest.approx(1 - 0.3 / 0.48)
    assert stderr[0] == pytest.approx(np.hypot(2 * 0.3 / (3 * 0.4**3) * 0.01, 0.02 / 0.48), rel=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        [Magnetisation()],
        {"m": Magnetisation},
        {"m": 3},
        {3: Magnetisation()},
        {"c": Correlations((2, 2))},
        {"f": lambda x: x.mean()},
        {"f": lambda x: np.full(len(x), np.nan)},
        {"f": lambda x: "text"},
    ],
    ids=lambda w: str(w)[:20],
)
def test_what_is_no_observable(wrong):
    with pytest.raises(EbmError) as error:
        thermodynamics(grid(), T, observables=wrong, **ONE_ROUND)
    assert "observables" in str(error.value)
    assert "\n" not in str(error.value)


def test_unequal_sides_have_no_single_wave():
    with pytest.raises(EbmError, match="equal sides"):
        StructureFactor((2, 3))
