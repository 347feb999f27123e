"""Exact transforms: -F of the machine given is that of the new one plus the shift, at every state."""

import itertools

import laws
import numpy as np
import pytest
from laws import MACHINES, all_states, boltzmann, restricted, visible_log_sum
from oracles import sites

import ebm
from ebm import RBM, Bernoulli, Binomial, BoltzmannMachine, Gaussian, Ising, Mixed, Potts, transforms
from ebm.errors import NotSupported, TooLarge
from ebm.transforms import TRANSFORMS

TWO = Mixed(((Ising(), 2), (Bernoulli(), 1), (Potts(2), 1)))
MORE = {
    "two": lambda: boltzmann(TWO, 4, n_visible=3, scale=0.7),
    "two-sparse": lambda: boltzmann(TWO, 4, sparse=True, scale=0.7),
    "two-rbm": lambda: restricted(TWO, TWO, 4, 4),
    "ising-gaussian": lambda: restricted(Ising(), Gaussian(), 4, 2),
    "spins-mixed-gaussian": lambda: restricted(TWO, Mixed(((Gaussian(), 2), (Ising(), 2))), 4, 4),
    "gaussian-mixed": lambda: restricted(Mixed(((Gaussian(True), 2), (Bernoulli(), 1))), Ising(), 3, 2),
    "bipartite": lambda: bipartite(),
}
ALL = MACHINES | MORE


def bipartite():
    """Couplings from visible to hidden units alone."""
    J = np.zeros((5, 5))
    J[:3, 3:] = np.random.default_rng(0).normal(size=(3, 2))
    return BoltzmannMachine(Ising(), J + J.T, np.linspace(-1, 1, 5), n_visible=3)


def log_sum(machine, v):
    """-F; the oracle knows no precisions of a part of a layer, those are what learnt machines have."""
    if isinstance(machine.units, Mixed) and machine.units.learns:
        return -machine.free_energy(v)
    return visible_log_sum(machine, v)


def states(machine):
    """All states v, or rows of numbers of real units."""
    if machine.units.finite:
        return all_states(machine.units, machine.n_visible)
    return laws.states_of(machine.units, 20, machine.n_visible, np.random.default_rng(1))


def renamed(v, old, new):
    """States by their numbers, in the types that units have now."""
    columns = []
    for x, a, b in zip(v.T, sites(old, v.shape[1]), sites(new, v.shape[1]), strict=False):
        columns.append(x if a.states is None else np.array(b.states)[np.searchsorted(a.states, x)])
    return np.stack(columns, 1)


def keeps(machine, found, v=None, new=None):
    """The law, at states v that are `new` now; and log Z moves by the shift."""
    v = states(machine) if v is None else v
    new = v if new is None else new
    before, after = log_sum(machine, v), log_sum(found.machine, new)
    np.testing.assert_allclose(before - after, found.shift, atol=1e-10, rtol=0)
    assert found.machine.dtype == np.float64
    log_z = [m.exact(stats=False)[0] for m in (machine, found.machine)]
    np.testing.assert_allclose(log_z[0] - log_z[1], found.shift, atol=1e-8)


@pytest.mark.parametrize("to", ["bernoulli", "ising", "potts"])
@pytest.mark.parametrize("name", ALL)
def test_recoded_states_have_the_same_energies(name, to):
    machine = ALL[name]()
    try:
        found = TRANSFORMS[to](machine)
    except NotSupported:
        types = sites(machine.units, machine.n_units) + sites(machine.hidden, machine.n_hidden)
        assert not any(u.finite if to == "potts" else u.finite and len(u.states) == 2 for u in types)
        return
    keeps(machine, found, new=renamed(states(machine), machine.units, found.machine.units))
    target = {"bernoulli": (0, 1), "ising": (-1, 1)}.get(to)
    for own in sites(found.machine.units, machine.n_units):
        assert own.states is None or isinstance(own, Potts) or own.states == target or len(own.states) > 2
    if isinstance(machine, BoltzmannMachine):
        assert found.machine.sparse == machine.sparse
        assert found.machine.n_visible == machine.n_visible


@pytest.mark.parametrize("name", ["two", "two-sparse", "two-rbm", "gaussian-bernoulli", "mixed-mixed"])
def test_flipped_units_take_each_others_states(name):
    machine, rng = ALL[name](), np.random.default_rng(2)
    two = np.array(
        [u.states is not None and len(u.states) == 2 for u in sites(machine.units, machine.n_units)]
    )
    where = two & (rng.random(machine.n_units) < 0.7)
    hidden = None
    if isinstance(machine, RBM):
        of_two = [len(u.states) == 2 for u in sites(machine.hidden, machine.n_hidden)]
        hidden = np.array(of_two) & (np.arange(machine.n_hidden) % 2 == 0)
    v = states(machine)
    new = v.copy()
    for i in np.flatnonzero(where[: v.shape[1]]):
        new[:, i] = sum(sites(machine.units, machine.n_units)[i].states) - v[:, i]
    found = transforms.flipped(machine, where, hidden)
    keeps(machine, found, v, new)
    again = transforms.flipped(found.machine, where, hidden)
    assert again.shift == pytest.approx(-found.shift)
    for key, value in machine.params.items():
        np.testing.assert_allclose(again.machine.params[key], value, atol=1e-12)


GAUSSIAN = [
    "bernoulli-gaussian",
    "potts-gaussian",
    "potts-mixed-gaussian",
    "ising-gaussian",
    "spins-mixed-gaussian",
]


@pytest.mark.parametrize("name", [*GAUSSIAN, "bernoulli-bernoulli", "binomial-poisson", "mixed-mixed"])
def test_hidden_units_become_couplings_or_stay(name):
    machine = ALL[name]()
    found = transforms.to_fully_connected(machine)
    keeps(machine, found)
    assert found.machine.n_hidden == sum(u.finite for u in sites(machine.hidden, machine.n_hidden))
    keeps(found.machine, transforms.to_rbm(found.machine))


@pytest.mark.parametrize(
    "name", ["bernoulli", "bernoulli-sparse", "ising", "potts", "potts-sparse", "mixed", "bipartite"]
)
def test_couplings_become_hidden_units(name):
    machine = ALL[name]()
    found = transforms.to_rbm(machine)
    keeps(machine, found)
    kinds = {type(u) for u in sites(found.machine.hidden, found.machine.n_hidden)}
    assert kinds == ({Ising} if name == "bipartite" else {Gaussian})
    assert found.machine.n_hidden < len(found.machine.b)  # the diagonal is free, and with it one of them


@pytest.mark.parametrize("name", [*laws.RESTRICTED, "gaussian-mixed"])
def test_turned_machines_have_the_same_sum(name):
    if name in ("bernoulli-relu", "precise-gaussian", "gaussian-gaussian"):
        atol = 1e-6  # whose sums are quadratures
    else:
        atol = 1e-8
    machine = ALL[name]()
    found = transforms.turned(machine)
    log_z = [m.exact(stats=False)[0] for m in (machine, found.machine)]
    np.testing.assert_allclose(log_z[0] - log_z[1], found.shift, atol=atol)
    back = transforms.turned(found.machine)
    assert back.shift == 0
    if not machine.visible.learns:
        np.testing.assert_array_equal(back.machine.W, machine.W)
    if machine.hidden.finite:  # p(h) is what it was: the joint energy, with v summed out
        h = all_states(machine.hidden, machine.n_hidden)
        if machine.visible.finite:
            v = all_states(machine.visible, machine.n_visible)
            joint = -np.stack([machine.energy(v, np.tile(row, (len(v), 1))) for row in h])
            before = np.log(np.exp(joint).sum(1))
            np.testing.assert_allclose(before, visible_log_sum(found.machine, h) + found.shift, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["bernoulli-hidden", "mixed", "potts-sparse", "two-rbm", "gaussian-mixed", "binomial-poisson"]
)
def test_what_is_given_is_gone(name):
    machine = ALL[name]()
    n = machine.n_units
    all_of = laws.states_of(machine.units, 12, n, np.random.default_rng(3))
    free = np.arange(n) % 2 == 0
    all_of[:, ~free] = all_of[0, ~free]
    found = transforms.conditioned(machine, np.where(free, np.nan, all_of[0]))
    before = -machine.free_energy(all_of)
    np.testing.assert_allclose(before + found.machine.free_energy(all_of[:, free]), found.shift, atol=1e-10)


def without(machine, units):
    """States of the units that are left, and the log of the sum over the others."""
    units = np.sort(units)
    rest = np.setdiff1d(np.arange(machine.n_units), units)
    v, gone = (
        all_states(machine.units.taken(rest), len(rest)),
        all_states(machine.units.taken(units), len(units)),
    )
    sums = []
    for row in v:
        x = np.empty((len(gone), machine.n_units))
        x[:, rest], x[:, units] = row, gone
        sums.append(np.logaddexp.reduce(laws.minus_free_energy(machine, x)))
    return v, np.array(sums)


def tree(units, n, sparse=False):
    """A chain with a side branch."""
    rng, pattern = np.random.default_rng(4), np.zeros((n, n), bool)
    for i, j in [(i, i + 1) for i in range(n - 2)] + [(1, n - 1)]:
        pattern[i, j] = True
    machine = boltzmann(units, n, sparse=sparse)
    owners = laws.owners(units, n)
    J = laws.dense(machine) * (pattern | pattern.T)[np.ix_(owners, owners)]
    import scipy.sparse

    b = rng.normal(size=len(owners))
    return BoltzmannMachine(units, scipy.sparse.csr_array(J) if sparse else J, b)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("units", [Ising(), Bernoulli(), Potts(3), TWO], ids=str)
def test_units_that_are_summed_out_leave_couplings(units, sparse):
    n = 4 if units is TWO else 5
    machine = tree(units, n, sparse)
    for gone in ([0], [2], [n - 1, 0], [0, 2, n - 1]):
        found = transforms.summed_out(machine, gone)
        v, sums = without(machine, np.array(gone))
        np.testing.assert_allclose(sums - laws.minus_free_energy(found.machine, v), found.shift, atol=1e-10)
        assert found.machine.sparse == sparse


def test_units_of_more_states_may_go_and_must_not_stay_next_to_them():
    machine = tree(Mixed(((Binomial(2), 1), (Bernoulli(), 1), (Ising(), 1), (Potts(3), 1))), 4)
    found = transforms.summed_out(machine, [3, 0])
    v, sums = without(machine, np.array([0, 3]))
    np.testing.assert_allclose(sums - laws.minus_free_energy(found.machine, v), found.shift, atol=1e-10)
    with pytest.raises(NotSupported, match="unit 1 has 3 neighbours and leaves couplings of three"):
        transforms.summed_out(machine, [1])
    with pytest.raises(NotSupported, match=r"Binomial.* expected neighbours of two states"):
        transforms.summed_out(machine, [3, 2, 1])


def test_a_star_without_a_field_becomes_a_triangle():
    J = np.zeros((4, 4))
    J[0, 1:] = J[1:, 0] = 0.7, -0.4, 1.1
    star = BoltzmannMachine(Ising(), J, [0, 0.1, 0.2, 0.3])
    found = transforms.summed_out(star, [0])
    v, sums = without(star, np.array([0]))
    np.testing.assert_allclose(sums - laws.minus_free_energy(found.machine, v), found.shift, atol=1e-10)
    assert (np.abs(found.machine.J) > 0.1).sum() == 6
    with pytest.raises(NotSupported, match="couplings of three or more"):
        transforms.summed_out(BoltzmannMachine(Ising(), J, [0.5, 0, 0, 0]), [0])


def test_hidden_units_can_be_summed_out():
    machine = tree(Ising(), 5)
    machine = BoltzmannMachine(Ising(), machine.J, machine.b, n_visible=4)
    found = transforms.summed_out(machine, [4])
    assert found.machine.n_hidden == 0
    keeps(machine, found)


@pytest.mark.parametrize(
    "name", ["two", "two-sparse", "binomial-poisson", "gaussian-mixed", "potts-gaussian"]
)
def test_a_temperature_is_taken_in(name):
    machine = ALL[name]()
    found, v = transforms.absorbed(machine, 0.7), states(machine)
    rows = v if isinstance(machine, RBM) else all_states(machine.units, machine.n_units)
    np.testing.assert_allclose(
        laws.minus_free_energy(machine, rows, 0.7), laws.minus_free_energy(found.machine, rows), atol=1e-12
    )
    assert found.shift == 0


@pytest.mark.parametrize(
    "name", ["potts", "mixed", "potts-potts", "bernoulli", "potts-gaussian", "ising-bernoulli"]
)
def test_the_zero_sum_gauge_moves_log_z(name):
    machine = ALL[name]()
    before = {key: value.copy() for key, value in machine.params.items()}
    found = transforms.zero_summed(machine)
    keeps(machine, found)
    for key, value in machine.params.items():
        assert np.array_equal(value, before[key])
    assert (found.shift == 0) == (name in ("bernoulli", "ising-bernoulli"))


def test_machines_side_by_side():
    for names in (("bernoulli-hidden", "two"), ("ising", "bipartite"), ("two-sparse", "two")):
        parts = [ALL[name]() for name in names]
        found = transforms.merged(*parts)
        assert found.machine.sparse == any(part.sparse for part in parts)
        rows = [states(part)[:8] for part in parts]
        pairs = [np.concatenate(pair) for pair in itertools.product(*rows)]
        sums = [
            sum(pair)
            for pair in itertools.product(*(visible_log_sum(p, v) for p, v in zip(parts, rows, strict=True)))
        ]
        np.testing.assert_allclose(visible_log_sum(found.machine, np.array(pairs)), sums, atol=1e-10)
    for names in (
        ("bernoulli-bernoulli", "ising-gaussian"),
        ("gaussian-mixed", "precise-bernoulli", "two-rbm"),
    ):
        parts = [ALL[name]() for name in names]
        found = transforms.merged(*parts)
        rows = [states(part)[:8] for part in parts]
        sums = sum(log_sum(part, v) for part, v in zip(parts, rows, strict=True))
        np.testing.assert_allclose(log_sum(found.machine, np.hstack(rows)), sums, atol=1e-10)


# Effective couplings


def by_definition(log_p, base, signs):
    """Coefficients of all sets of units: Moebius sums from state 0, or means of products of spins."""
    n = log_p.ndim
    found = {}
    for size in range(4):
        for chosen in itertools.combinations(range(n), size):
            if base == "zero_sum":
                product = np.ones((2,) * n)
                for i in chosen:
                    product = product * signs.reshape([-1 if k == i else 1 for k in range(n)])
                found[chosen] = (log_p * product).mean()
            else:
                found[chosen] = sum(
                    (-1) ** (size - len(inner)) * log_p[tuple(int(i in inner) for i in range(n))]
                    for r in range(size + 1)
                    for inner in itertools.combinations(chosen, r)
                )
    return found


@pytest.mark.parametrize("hidden", [Bernoulli(), Ising(), Gaussian(), Potts(3)], ids=str)
@pytest.mark.parametrize(("visible", "gauge"), [(Bernoulli(), "reference"), (Ising(), "zero_sum")], ids=str)
def test_effective_couplings_are_those_of_their_definition(visible, gauge, hidden):
    machine = restricted(visible, hidden, 5, 3)
    found = transforms.effective_couplings(machine, 3, gauge=gauge)
    log_p = visible_log_sum(machine, states(machine)).reshape((2,) * 5)
    for chosen, value in by_definition(log_p, gauge, np.array(visible.states)).items():
        own = (found.constant, found.fields, found.pairs, found.triples)[len(chosen)]
        np.testing.assert_allclose(own[chosen] if chosen else own, value, atol=1e-11)
    assert np.array_equal(found.pairs, found.pairs.T)
    if gauge == "zero_sum":
        rest = -found.energy(states(machine)) - log_p.ravel()
        assert found.left_out == pytest.approx(np.sqrt(np.mean(rest**2)), abs=1e-9)


@pytest.mark.parametrize(
    "visible", [Bernoulli(), Ising(), Potts(3), Mixed(((Bernoulli(), 1), (Potts(3), 2)))], ids=str
)
def test_up_to_as_many_units_as_there_are_they_are_everything(visible):
    machine = restricted(visible, Bernoulli(), 3, 4)
    found = transforms.effective_couplings(
        machine, 3, gauge="zero_sum" if visible == Ising() else "reference"
    )
    np.testing.assert_allclose(
        -found.energy(states(machine)), visible_log_sum(machine, states(machine)), atol=1e-10
    )


def test_pairs_are_the_hopfield_network_of_gaussian_units():
    machine = restricted(Ising(), Gaussian(), 5, 2)
    pairs = transforms.effective_couplings(machine, gauge="zero_sum")
    hopfield = transforms.to_fully_connected(machine).machine
    np.testing.assert_allclose(pairs.machine().J, hopfield.J, atol=1e-10)
    np.testing.assert_allclose(pairs.fields, hopfield.b, atol=1e-10)
    assert pairs.left_out < 1e-6


def test_machines_of_float32_are_transformed_as_they_are():
    machine = RBM.random(Bernoulli(), Bernoulli(), 3, 2, scale=1.0, dtype="float32")
    found = transforms.to_ising(machine)
    keeps(machine, found, new=2 * states(machine) - 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: transforms.to_ising(boltzmann(Potts(3), 3)), "units of two states"),
        (lambda: transforms.to_fully_connected(MACHINES["gaussian-bernoulli"]()), "turned first"),
        (
            lambda: transforms.to_fully_connected(MACHINES["bernoulli-relu"]()),
            "expected Gaussian or finitely",
        ),
        (lambda: transforms.to_rbm(boltzmann(Ising(), 4, n_visible=2)), "coupled to each other"),
        (lambda: transforms.to_rbm(boltzmann(Binomial(2), 3)), "two states or one-hot"),
        (lambda: transforms.to_rbm(MACHINES["bernoulli-bernoulli"]()), "expected a BoltzmannMachine"),
        (lambda: transforms.turned(boltzmann(Ising(), 3)), "expected an RBM"),
        (lambda: transforms.turned(ebm.DBM.random([2, 2, 2], dtype="float64")), "expected an RBM"),
        (lambda: transforms.flipped(boltzmann(Ising(), 3), [True, False]), "where: expected 3 of True"),
        (lambda: transforms.flipped(boltzmann(Potts(3), 3), [True] * 3), "two states"),
        (lambda: transforms.summed_out(boltzmann(Ising(), 3), [0, 0]), "none twice"),
        (lambda: transforms.summed_out(boltzmann(Ising(), 3), [3]), "0 to 2, got 3"),
        (lambda: transforms.summed_out(boltzmann(Ising(), 2), [0, 1]), "no unit is left"),
        (lambda: transforms.merged(boltzmann(Ising(), 3)), "two or more machines of one kind"),
        (lambda: transforms.merged(boltzmann(Ising(), 3), MACHINES["bernoulli-ising"]()), "of one kind"),
        (
            lambda: transforms.effective_couplings(MACHINES["ising-bernoulli"]()),
            "expected Bernoulli or Potts",
        ),
        (lambda: transforms.effective_couplings(MACHINES["bernoulli-ising"](), 4), "order: .* from 2 to 3"),
    ],
)
def test_what_cannot_be_transformed_is_one_line(call, said):
    with pytest.raises(ebm.EbmError, match=said) as error:
        call()
    assert "\n" not in str(error.value)


def test_many_spins_are_too_many():
    with pytest.raises(TooLarge, match="reference"):
        transforms.effective_couplings(RBM.random(Ising(), Ising(), 21, 2, dtype="float64"), gauge="zero_sum")
