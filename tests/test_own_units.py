"""Units of one's own, written as a user would: right wherever they are taken, else refused in one line."""

import itertools
from dataclasses import dataclass

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

import ebm
from ebm import (
    RBM,
    SGD,
    Bernoulli,
    BoltzmannMachine,
    EbmError,
    Exact,
    Gaussian,
    Metropolis,
    Mixed,
    NotSupported,
    Potts,
    Stream,
    Units,
    begin,
    train,
)
from ebm.elimination import log_z_by_elimination
from ebm.testing import check_units
from ebm.testing.exactly import states_of
from ebm.testing.machines import stats_are_slopes
from ebm.units.tables import units_to_dict


@dataclass(frozen=True)
class Uneven(Units):
    """Three states, not evenly spaced: nothing but the states is given."""

    states = (-1.0, 0.0, 2.0)


@dataclass(frozen=True)
class Pair(Units):
    """The sum of two bits: three states with a potential."""

    states = (0.0, 1.0, 2.0)

    def potential(self, x):
        return np.where(x == 1, -np.log(2), 0.0)


@dataclass(frozen=True)
class Corner(Units):
    """Three states on the corners of a triangle: two columns."""

    width = 2
    states = (0.0, 1.0, 2.0)

    def encode(self, x):
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.3, 0.8]])
        return corners[np.asarray(x).astype(int)].reshape(*np.shape(x)[:-1], -1)

    def decode(self, phi):
        corners, own = self.encode(np.array(self.states)[:, None]), phi.reshape(*phi.shape[:-1], -1, 1, 2)
        return np.square(own - corners).sum(-1).argmin(-1).astype(float)


@dataclass(frozen=True)
class OneHot(Units):
    """Potts(3) by its states: three columns, of which two would do."""

    width = 3
    states = (0.0, 1.0, 2.0)

    def encode(self, x):
        return Potts(3).encode(np.asarray(x).astype(int))


@dataclass(frozen=True)
class Segment(Units):
    """Real x in [0, 1] with U = 0: A(I) = log((e^I - 1)/I)."""

    interval = (0.0, 1.0)

    def potential(self, x):
        return np.zeros(np.shape(x))

    def cgf(self, I):
        I = np.where(np.abs(I) < 1e-3, 1e-3, I)
        return np.maximum(I, 0) + np.log(-np.expm1(-np.abs(I)) / np.abs(I))

    def mean(self, I):
        small, J = np.abs(I) < 1e-2, np.where(np.abs(I) < 1e-2, 1.0, I)
        return np.where(small, 0.5 + I / 12 - I**3 / 720, -1 / np.expm1(-J) - 1 / J)

    def var(self, I):
        small, J = np.abs(I) < 1e-1, np.where(np.abs(I) < 1e-1, 1.0, I)
        series = 1 / 12 - I * I / 240 + I**4 / 6048 - I**6 / 172800
        return np.where(small, series, 1 / J**2 - 0.25 / np.sinh(J / 2) ** 2)

    def sample(self, I, u):
        J = np.where(np.abs(I) < 1e-9, 1e-9, I)
        return np.log1p(u * np.expm1(J)) / J


OWN = [Uneven(), Pair(), Corner(), Segment()]
each_own = pytest.mark.parametrize("units", OWN, ids=str)
each_finite = pytest.mark.parametrize("units", OWN[:3], ids=str)
GAUSS = np.polynomial.legendre.leggauss(40)


def table(units):
    """Values of one unit, their phi, and the logarithms of exp(-U) times weights of a quadrature."""
    if units.states is None:
        x, w = (GAUSS[0] + 1) / 2, np.log(GAUSS[1] / 2)
        return x, x[:, None], w
    x = np.array(units.states)
    return x, units.encode(x[:, None]), -units.potential(x[:, None])[:, 0]


def layer(units, n):
    """All values of n units: phi (k, n width) and the log-weights (k,)."""
    x, phi, w = table(units)
    pick = np.array(list(itertools.product(range(len(x)), repeat=n)))
    return phi[pick].reshape(len(pick), -1), w[pick].sum(1), x[pick]


def joint(machine):
    """log p(v, h) up to log Z over all values of both layers, (k_v, k_h); and the values and phi of v."""
    f, w, v = layer(machine.visible, machine.n_visible)
    g, w_h, _ = layer(machine.hidden, machine.n_hidden)
    log_p = w[:, None] + w_h + (f @ machine.b)[:, None] + g @ machine.c + f @ machine.W @ g.T
    return log_p, v, f


def machine_of(visible, hidden, n_v=2, n_h=2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(n_v * visible.width, n_h * hidden.width))
    b, c = (0.5 * rng.normal(size=k) for k in W.shape)
    return RBM(visible, hidden, *(a.astype(dtype) for a in (W, b, c)))


def walked(machine, sampler, n=4000):
    """n walkers after 40 steps."""
    rng = Stream(2)
    state = sampler.init(machine, n, rng)
    for _ in range(40):
        state, _ = sampler.step(machine, state, rng)
    return state.x


@each_own
def test_functions_are_those_of_the_exponential_family(units):
    check_units(units)
    I = np.random.default_rng(0).normal(size=(9, 3 * units.width))
    _, phi, w = table(units)
    expected = logsumexp(I.reshape(9, 3, units.width) @ phi.T + w, axis=-1)
    np.testing.assert_allclose(units.cgf(I), expected, atol=1e-6)


PAIRS = [(a, b) for a in OWN for b in (Bernoulli(), Potts(3), *OWN[1:]) if a != b]


@pytest.mark.parametrize("pair", [*PAIRS, *((b, a) for a, b in PAIRS[:3])], ids=str)
def test_restricted_machines_are_sums_over_both_layers(pair):
    """log Z, free energies, statistics and sweeps of machines with units of one's own on either side."""
    machine = machine_of(*pair)
    log_p, v, f = joint(machine)
    log_z, stats = machine.exact()
    np.testing.assert_allclose(log_z, logsumexp(log_p), rtol=1e-6)
    if machine.visible.finite:
        np.testing.assert_allclose(-machine.free_energy(v), logsumexp(log_p, 1) + 0 * v[:, 0], rtol=1e-6)
    p = np.exp(logsumexp(log_p, 1) - logsumexp(log_p))
    np.testing.assert_allclose(stats["b"], p @ f, atol=1e-6)
    for key in machine.params:
        for places in laws.moves(machine, key):
            slope = laws.derivative(machine, key, places, lambda m: m.exact(stats=False)[0])
            np.testing.assert_allclose(stats[key][places[0]], slope, atol=1e-6)
    x = v[np.random.default_rng(1).choice(len(v), 20_000, p=p)]
    if machine.visible.states is None:
        x = x + 0 * x  # nodes stand for densities: only their moments are compared
    stats_are_slopes(machine, states_of(machine))
    y = machine.sweep(x, Stream(0), 3)
    sigma = np.sqrt((p @ f**2 - (p @ f) ** 2) / len(x))
    drift = machine.visible.encode(y).mean(0) - p @ f
    assert np.all(np.abs(drift) < 4 * np.sqrt(2) * sigma)
    assert np.mean(y != x) > 0.1


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "pair",
    [(Pair(), Uneven()), (Bernoulli(), Segment()), (Segment(), Pair()), (Corner(), Corner())],
    ids=str,
)
def test_estimates_and_learning_go_through_them(pair):
    machine = machine_of(*pair, n_v=3)
    exact = machine.exact()[0]
    ais = ebm.log_z(machine, "ais", seed=1)
    assert abs(ais.value - exact) < 5 * ais.stderr + 1e-3
    offers = walked(machine, Metropolis(5))
    mean, second = (np.mean(machine.visible.encode(offers) ** k, axis=0) for k in (1, 2))
    assert np.all(np.abs(mean - machine.exact()[1]["b"]) < 8 * np.sqrt((second - mean**2) / 4000) + 1e-9)
    data = ebm.sample(machine, 300, seed=3).x
    student = RBM.from_data(data, 2, visible=pair[0], hidden=pair[1], dtype=np.float64, scale=0.1)
    student.params["b"] -= 0.5
    student.project()
    before = ebm.log_likelihood(student, data).mean()
    rule, optimiser = Exact(centred=True), SGD(0.1)
    for state in train(begin(student, rule, optimiser), data, rule, optimiser, 300):
        if state.step == 100:
            break
    assert ebm.log_likelihood(student, data).mean() > before + 0.01


@pytest.mark.parametrize("units", [Uneven(), Corner()], ids=str)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_fully_connected_machines_sweep_by_the_units_functions(units, sparse):
    machine = laws.boltzmann(units, 4, sparse=sparse)
    f, _, x = layer(units, 4)
    J = laws.dense(machine)
    log_p = f @ machine.b + 0.5 * np.einsum("ni,ij,nj->n", f, J, f)
    np.testing.assert_allclose(machine.exact()[0], logsumexp(log_p), rtol=1e-12)
    np.testing.assert_allclose(machine.energy(x), -log_p, atol=1e-12)
    p = np.exp(log_p - logsumexp(log_p))
    for beta, scan in ((1.0, "auto"), (0.5, "random"), (1.0, "chromatic")):
        p = np.exp(beta * log_p - logsumexp(beta * log_p))
        start = x[np.random.default_rng(0).choice(len(x), 20_000, p=p)]
        y = machine.sweep(start, Stream(1), 3, beta, scan=scan)
        assert np.all((y != start).any(0))
        place = np.searchsorted(units.states, y) @ 3 ** np.arange(3, -1, -1)
        tv = 0.5 * np.abs(np.bincount(place, minlength=81) / len(y) - p).sum()
        assert tv < laws.tv_limit(p, len(y))
    moved = walked(machine, Metropolis(10, beta=0.3))
    assert np.isin(moved, units.states).all()
    assert np.abs(units.encode(moved).mean(0) - machine.exact(0.3)[1]["b"]).max() < 0.1


def test_elimination_and_layers_of_several_types_take_them():
    mixed = Mixed(((Bernoulli(), 1), (Pair(), 1), (Segment(), 1)))
    machine = machine_of(Potts(3), Uneven(), n_v=2)
    np.testing.assert_allclose(log_z_by_elimination(machine), machine.exact()[0], rtol=1e-12)
    machine = machine_of(Pair(), Bernoulli(), n_v=3)
    np.testing.assert_allclose(log_z_by_elimination(machine), machine.exact()[0], rtol=1e-12)
    rng = np.random.default_rng(0)
    machine = RBM(Bernoulli(), mixed, rng.normal(size=(3, 3)), np.zeros(3), np.zeros(3))
    v = layer(Bernoulli(), 3)[2]
    I = machine.inputs_h(v)
    cgf = sum(u.cgf(I[:, [k]])[:, 0] for k, (u, _) in enumerate(mixed.blocks))
    np.testing.assert_allclose(machine.free_energy(v), -cgf, rtol=1e-12)
    np.testing.assert_allclose(machine.exact()[0], logsumexp(cgf), rtol=1e-12)


def test_a_deep_machine_takes_them():
    machine = ebm.DBM.random([3, 2, 2], [Bernoulli(), Pair(), Uneven()], scale=0.8, seed=1, dtype="float64")
    W, _ = machine.layers()
    (f, _, v), (g, w_g, _), (k, w_k, _) = (
        layer(u, n) for u, n in zip(machine.layer_units, machine.sizes, strict=True)
    )
    log_p = (f @ W[0] @ g.T)[:, :, None] + w_g[:, None] + (g @ W[1] @ k.T)[None] + w_k
    np.testing.assert_allclose(machine.exact()[0], logsumexp(log_p), rtol=1e-12)
    expected = logsumexp(log_p.reshape(len(v), -1), axis=1)
    np.testing.assert_allclose(-machine.visible_free_energy(v), expected, rtol=1e-12)
    y = ebm.sample(machine, 500, seed=0).x
    assert set(np.unique(y[:, 3:])) <= set(Uneven.states)
    with pytest.raises(NotSupported, match=r"Uneven\(\)"):
        machine.mean_field(v[:1])


def test_inputs_of_several_columns_are_found_from_means():
    """Inside, at a corner and on an edge, where the mean is nearly met."""
    units = Corner()
    corners = units.encode(np.array(units.states)[:, None])
    p = np.array([[0.2, 0.3, 0.5], [1e-4, 1 - 2e-4, 1e-4], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    I = units.link(p @ corners)
    np.testing.assert_allclose(units.mean(I[:2]), p[:2] @ corners, atol=1e-9)
    np.testing.assert_allclose(units.mean(I[2:]), p[2:] @ corners, atol=2e-6)
    assert np.abs(I).max() < 100
    np.testing.assert_allclose(OneHot().link(p[:2]), Potts(3).link(p[:2]), atol=1e-8)


@each_own
def test_readouts_and_layers_of_networks(units):
    rng = np.random.default_rng(0)
    hidden = ebm.Layer.random(units if units.width == 1 else Segment(), 4, 3, seed=1)
    top = ebm.Layer(units, rng.normal(size=(3, 2 * units.width)), np.zeros(2 * units.width))
    net, x = ebm.Network([hidden, top]), rng.normal(size=(6, 4))
    y = rng.choice(table(units)[0], size=(6, 2))
    found = net.gradient(x, y)
    for key, value in net.params.items():
        for place in np.ndindex(value.shape):
            losses = []
            for sign in (1, -1):
                moved = net.copy()
                moved.params[key][place] += sign * 1e-5
                losses.append(moved.loss(x, y))
            np.testing.assert_allclose(found[key][place], (losses[0] - losses[1]) / 2e-5, atol=1e-7)
    if units.states is None:
        return
    log_p = net.log_probabilities(x)
    np.testing.assert_allclose(logsumexp(log_p, axis=-1), 0, atol=1e-12)  # potentials and all
    best = np.array(units.states)[log_p.argmax(-1)]
    if units.width == 1:
        assert np.array_equal(net.predict(x), best)


# What is refused, in one line.


class Empty(Units):
    def __repr__(self):
        return "Empty()"


@dataclass(frozen=True)
class Half(Units):
    """No tails: whether it has a density beside another real unit is not known."""

    def potential(self, x):
        return 0.5 * x * x


def final():
    class Mine(Bernoulli):
        pass


def numbered(number):
    class Mine(Units):
        kind = number


@dataclass(frozen=True)
class Counting(Units):
    whole = True


@dataclass(frozen=True)
class Shuffled(Units):
    states = (1.0, 0.0)


def one_by_one(visible, hidden):
    return RBM(visible, hidden, np.full((1, 1), 0.5), np.zeros(1), np.zeros(1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (final, "Bernoulli is final"),
        (lambda: numbered(0), "kind"),
        (lambda: numbered(17), "kind"),
        (lambda: one_by_one(Empty(), Bernoulli()).free_energy([[0.5]]), "Empty.*potential"),
        (lambda: one_by_one(Bernoulli(), Empty()).free_energy([[1]]), "Empty.*cgf"),
        (lambda: one_by_one(Bernoulli(), Empty()).sweep([[1]], Stream(0)), "Empty.*sample"),
        (lambda: one_by_one(Half(), Gaussian()).exact(), "Half.*tails"),
        (lambda: one_by_one(Half(), Gaussian()).normalisable(), "Half.*tails"),
        (lambda: log_z_by_elimination(one_by_one(Bernoulli(), Half())), "Half"),
        (lambda: BoltzmannMachine(Segment(), np.zeros((2, 2))), "finitely many"),
        (lambda: laws.boltzmann(Uneven(), 3).probability_on([[0, 0, 0]]), "Uneven"),
        (lambda: ebm.log_z(one_by_one(Bernoulli(), Segment()), "tap"), "Segment"),
        (lambda: one_by_one(Counting(), Bernoulli()), "Counting.*counts"),
        (lambda: one_by_one(Shuffled(), Bernoulli()), "Shuffled.*ascending"),
        (lambda: one_by_one(3, Bernoulli()), "expected units"),
        (lambda: ebm.rescaled(one_by_one(Segment(), Bernoulli()), 0.0, 2.0), "Segment"),
        (lambda: one_by_one(Segment(), Bernoulli()).start([[1.5]]), "from 0 up to 1"),
        (lambda: one_by_one(Uneven(), Bernoulli()).start([[3.0]]), "-1, 0 and 2"),
        (lambda: units_to_dict(Uneven()), "Uneven"),
    ],
)  # fmt: skip
def test_refusals_are_one_line(make, said):
    with pytest.raises(EbmError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_files_refuse_them(tmp_path):
    with pytest.raises(NotSupported, match="Uneven"):
        ebm.save(tmp_path / "m.npz", machine_of(Uneven(), Bernoulli()))


def test_compiled_code_draws_nothing_for_a_kind_that_it_does_not_know():
    from ebm.kernels.units.activation import activate, pull_rows
    from ebm.kernels.units.cgf import cgf_rows
    from ebm.kernels.units.draw import draw_rows

    I, b, out, one = np.ones((2, 3)), np.zeros(3), np.ones((2, 3)), np.ones(2)
    draw_rows(False, 17, I, b, b, one, np.uint64(1), 0, 0, out)
    assert np.isnan(out).all()
    sums = np.ones((1, 2))
    cgf_rows(False, 17, 1, I, b, np.ones((1, 2)), sums)
    assert np.isnan(sums).all()
    pull_rows(False, 17, 1, I, out := np.ones((2, 3)))
    activate(False, 17, 1, I, b)
    assert np.isnan(I).all()
    assert np.isnan(out).all()


class Counts(Units):
    """Whole numbers from 0 that are not declared whole: U = x²/4."""

    interval = (0.0, np.inf)
    tails = (np.inf, 0.5)
    _every = np.arange(60.0)

    def potential(self, x):
        return x * x / 4

    def cgf(self, I):
        return logsumexp(I[..., None] * self._every - self.potential(self._every), axis=-1)

    def _p(self, I):
        return np.exp(I[..., None] * self._every - self.potential(self._every) - self.cgf(I)[..., None])

    def mean(self, I):
        return self._p(I) @ self._every

    def var(self, I):
        return self._p(I) @ self._every**2 - self.mean(I) ** 2

    def sample(self, I, u):
        return (np.cumsum(self._p(I), -1) < u[..., None]).sum(-1).astype(float)


def test_whole_numbers_are_not_integrated_over():
    machine = RBM.random(Gaussian(), Counts(), 2, 2, scale=0.3, seed=1, dtype="float64")
    with pytest.raises(NotSupported, match="whole = True"):
        machine.exact()
