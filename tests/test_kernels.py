"""Compiled code against its definitions: random numbers, draws, sums of cgf, any split of the work."""

import importlib
import pkgutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import laws
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from ebm import Bernoulli, Gaussian, Potts, Stream, kernels
from ebm.kernels import cache
from ebm.kernels.layers.potts import draw_potts_rows
from ebm.kernels.layers.states import cgf_state_rows, draw_state_rows
from ebm.kernels.numbers.functions import normal_quantile
from ebm.kernels.numbers.random import LANES, TILE, philox, uniform_row, uniform_rows, uniform_tile
from ebm.kernels.units.cgf import cgf_rows
from ebm.kernels.units.draw import draw, draw_rows

KEY = np.uint64(0x299F31D0A4093822)
DTYPES = [np.float32, np.float64]
# Kernels know some types, and Gaussian units of variance 1 only: of learnt precisions, see test_precision.
TABLED = [u for u in laws.UNITS if u.drawn_by_table]
each_unit = pytest.mark.parametrize(
    "units", [u for u in laws.UNITS if u.kind is not None and not u.learns], ids=str
)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


def uniforms(dtype, n_chains, n, *, key=KEY, sweep=0, chain=0, first=0):
    u = np.empty((n_chains, n), dtype)
    uniform_rows(key, sweep, chain, first, u)
    return u


# Random numbers.


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_philox_known_answers(counter, key, expected):
    """The vectors that Salmon et al. publish with Random123."""
    words = [np.uint64(int(w, 16)) for w in (counter + " " + key).split()]
    assert [f"{int(w) & 0xFFFFFFFF:08x}" for w in philox(*words)] == expected.split()


def test_uniforms_are_the_philox_words_of_the_documented_layout():
    """Position i = 64 g + 16 w + l is word w of block 16 g + l at counter (block, chain, sweep).

    Its upper 23 bits k give u = (k + 1/2) / 2^23 in float32, so that u is never 0 or 1.
    """
    sweep, chain = 2**35 + 5, 3
    u, single = np.empty(130), np.empty(130, np.float32)
    uniform_row(KEY, sweep, chain, 0, u)
    uniform_row(KEY, sweep, chain, 0, single)
    low_half = 0xFFFFFFFF
    k0, k1, t0, t1 = int(KEY) & low_half, int(KEY) >> 32, sweep & low_half, sweep >> 32
    for i in (0, 15, 16, 63, 64, 129):
        g, w, l = i // 64, i % 64 // 16, i % 16
        word, low = (
            int(philox(*(np.uint64(z) for z in (16 * g + l, chain, t0, high, k0, k1)))[w]) & low_half
            for high in (t1, t1 | 1 << 31)
        )
        assert u[i] == (((word >> 9) << 29 | low >> 3) + 0.5) / 2**52
        assert single[i] == ((word >> 9) + 0.5) / 2**23


def test_both_precisions_see_the_same_uniform():
    single, double = uniforms(np.float32, 300, 200), uniforms(np.float64, 300, 200)
    assert np.abs(single - double).max() <= 2.0**-23
    for u in (single, double):
        assert u.min() > 0
        assert u.max() < 1


@each_dtype
def test_uniforms_do_not_depend_on_how_chains_or_positions_are_split(dtype):
    whole = uniforms(dtype, 100, 150)
    assert np.array_equal(whole[:40], uniforms(dtype, 40, 150))
    assert np.array_equal(whole[40:], uniforms(dtype, 60, 150, chain=40))
    assert np.array_equal(whole[:, TILE:], uniforms(dtype, 100, 150 - TILE, first=TILE))
    for first in (0, TILE):
        for chain in (0, 36):
            tile = np.empty((TILE, 4 * LANES), dtype)
            uniform_tile(KEY, 0, chain, first, tile)
            rows = whole[chain : chain + 4 * LANES, first : first + TILE]
            assert np.array_equal(tile[:64], rows.T)


def test_two_threads_make_the_same_uniforms():
    whole = uniforms(np.float64, 100, 150)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda c: uniforms(np.float64, 50, 150, chain=c), (0, 50)))
    assert np.array_equal(whole, np.concatenate(parts))


def test_uniforms_are_uniform_and_uncorrelated_along_every_axis():
    """Mean, variance, and the correlations of neighbours in chain, position, tile and sweep, to 4.5 sigma."""
    u = np.stack([uniforms(np.float64, 200, 4 * TILE, sweep=t) for t in range(8)]) - 0.5
    assert abs(u.mean()) < 4.5 * np.sqrt(1 / 12 / u.size)
    assert abs((u**2).mean() - 1 / 12) < 4.5 * np.sqrt(1 / 180 / u.size)
    shifts = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 16), (0, 0, TILE), (1, 0, TILE)]
    for t, c, i in shifts:
        a = u[t:, c:, i:]
        b = u[: u.shape[0] - t, : u.shape[1] - c, : u.shape[2] - i]
        assert abs((a * b).mean()) < 4.5 / 12 / np.sqrt(a.size)


def test_streams_differ_by_seed_key_and_counter():
    seen = [Stream(0), Stream(1), Stream(0).split(0), Stream(0).split(1), Stream(2**40)]
    rows = [s.uniform(1, 8).tobytes() for s in seen] + [
        Stream.restore(Stream(0).key, 1).uniform(1, 8).tobytes()
    ]
    assert len(set(rows)) == len(rows)
    stream = Stream(0)
    stream.advance(1)
    assert stream.uniform(1, 8).tobytes() == rows[-1]
    assert sorted(Stream(3).permutation(50)) == list(range(50))
    kinds = [7, np.random.SeedSequence(7), np.random.default_rng(7)]
    assert Stream(kinds[0]).key == Stream(kinds[1]).key != Stream(kinds[2]).key


# Draws.


def hard_inputs(units, n, dtype, seed):
    """Inputs from small to saturating, (n, width)."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.uniform(np.log(0.01), np.log(1e4), size=(n, 1)))
    I = scale * rng.uniform(-1, 1, size=(n, units.width))
    I[: n // 2] = 3 * rng.normal(size=(n // 2, units.width))
    I[0], I[1] = 1e4, -1e4
    return I.astype(dtype)


@each_unit
@each_dtype
def test_compiled_draw_is_sample(units, dtype):
    I = hard_inputs(units, 20_000, dtype, 0)
    u = uniforms(dtype, 1, len(I))
    out = np.empty(len(I), dtype)
    draw(units.kind, np.ascontiguousarray(I.T), u[0], out)
    laws.draws_agree(units, I, u.T, out[:, None])


@pytest.mark.parametrize("units", [u for u in laws.DISCRETE if u.kind is not None], ids=str)
@each_dtype
def test_compiled_draw_beside_every_step(units, dtype):
    """At u just below and just above each step of the cdf the states differ: exp is right to rounding."""
    gap = 2e-6 if dtype == np.float32 else 2e-12
    I = np.random.default_rng(2).uniform(-4, 4, size=(4000, units.width)).astype(dtype)
    table = laws.phi(units, np.array(units.states)[:, None])
    log_p = I.astype(float) @ table.T
    cdf = np.cumsum(np.exp(log_p - np.logaddexp.reduce(log_p, axis=1, keepdims=True)), 1)
    out = np.empty(len(I), dtype)
    for k in range(len(units.states) - 1):
        wide = (np.diff(cdf, axis=1) > 4 * gap).all(1) & (cdf[:, 0] > 4 * gap)
        for side, state in ((-gap, units.states[k]), (gap, units.states[k + 1])):
            draw(units.kind, np.ascontiguousarray(I.T), (cdf[:, k] + side).astype(dtype), out)
            assert np.all(out[wide] == state)


@each_unit
@each_dtype
def test_compiled_draw_at_the_ends_of_u(units, dtype):
    """The smallest and the largest uniform give states, finite ones, and the ends of the domain."""
    u = np.array([2.0**-24, 1 - 2.0**-24] if dtype == np.float32 else [2.0**-53, 1 - 2.0**-53], dtype)
    I, out = np.zeros((units.width, 2), dtype), np.empty(2, dtype)
    draw(units.kind, I, u, out)
    laws.draws_agree(units, np.ascontiguousarray(I.T), u[:, None], out[:, None])
    if units.states is not None:
        assert out.tolist() == [units.states[0], units.states[-1]]


@each_unit
@each_dtype
def test_draw_rows_is_sample_of_the_tempered_input(units, dtype):
    """Input beta (bias + product) + (1 - beta) base, uniforms of the given sweep and positions."""
    rng = np.random.default_rng(1)
    n, m = 300, 70
    w, first, sweep = units.width, TILE, 17
    product, bias, base = ((2 * rng.normal(size=s)).astype(dtype) for s in ((n, m * w), m * w, m * w))
    beta = rng.random(n).astype(dtype)
    out = np.empty((n, m), np.int32 if w > 1 else dtype)
    rest = product, bias, base, beta, KEY, sweep, first, out
    if isinstance(units, Potts):
        draw_potts_rows(False, w, *rest)
    else:
        draw_rows(False, units.kind, *rest)
    hot = beta[:, None]
    I = hot * (bias + product) + (1 - hot) * base
    laws.draws_agree(units, I, uniforms(dtype, n, m, sweep=sweep, first=first), out)


@pytest.mark.parametrize("units", TABLED, ids=str)
@each_dtype
def test_draw_state_rows_is_sample_of_the_tempered_input(units, dtype):
    """`draw_rows` of units that are given by a table of their states."""
    rng = np.random.default_rng(3)
    n, m, w = 300, 70, units.width
    product, bias, base = ((2 * rng.normal(size=s)).astype(dtype) for s in ((n, m * w), m * w, m * w))
    beta, out = rng.random(n).astype(dtype), np.empty((n, m), dtype)
    draw_state_rows(False, units.table(), product, bias, base, beta, KEY, 17, TILE, out)
    hot = beta[:, None]
    I = hot * (bias + product) + (1 - hot) * base
    laws.draws_agree(units, I, uniforms(dtype, n, m, sweep=17, first=TILE), out)


@pytest.mark.parametrize("units", TABLED, ids=str)
@each_dtype
@pytest.mark.parametrize("m", [1, 64, 130])
def test_cgf_state_rows_is_the_sum_of_cgf(units, dtype, m):
    rng, n = np.random.default_rng(m), 9
    scale = np.array([0.01, 1.0, 10.0, 1e4, 1e4, 100.0, 1.0, 3.0, 0.0])[:, None]
    product = (scale * rng.uniform(-1, 1, size=(n, m * units.width + 3))).astype(dtype)
    bias = rng.normal(size=m * units.width).astype(dtype)
    beta, out = np.array([[1.0] * n, [0.0] * n, list(np.linspace(0.1, 0.9, n))]), np.empty((3, n))
    cgf_state_rows(False, units.table(), product, bias, beta, out)
    I = beta[..., None] * (bias.astype(float) + product[:, : len(bias)].astype(float))
    size = np.abs(I).sum(-1) * np.abs(units.table().values).max()
    assert np.all(np.abs(out - units.cgf(I).sum(-1)) < 1e-14 * (size + 20 * m))


def test_normal_quantile_inverts_the_cdf():
    """Against scipy over the whole range of uniforms, and back through the normal cdf."""
    u = np.concatenate(
        [np.logspace(-300, -1, 500), np.linspace(0.001, 0.999, 999), 1 - np.logspace(-15, -1, 99)]
    )
    z = np.array([normal_quantile(float(a)) for a in u])
    np.testing.assert_allclose(z, ndtri(u), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(ndtr(z), u, rtol=2e-12)


# Sums of cgf.


@each_unit
@each_dtype
@pytest.mark.parametrize("m", [1, 16, 33, 961, 2000])
def test_cgf_rows_is_the_sum_of_cgf(units, dtype, m):
    """To rounding, over lane and chunk boundaries, all temperatures, and inputs up to 1e4."""
    rng = np.random.default_rng(m)
    n = 6
    scale = np.array([0.01, 1.0, 10.0, 1e4, 1e4, 100.0])[:, None]
    product = (scale * rng.uniform(-1, 1, size=(n, m * units.width))).astype(dtype)
    product[4] = np.abs(product[4])
    bias = rng.normal(size=m * units.width).astype(dtype)
    beta = np.array([[1.0] * n, [0.0] * n, list(np.linspace(0.1, 0.9, n))])
    out = np.empty((3, n))
    cgf_rows(False, units.kind, units.width, product, bias, beta, out)
    I = beta[..., None] * (bias.astype(float) + product.astype(float))
    expected = units.cgf(I).sum(-1)
    size = np.abs(I).sum(-1) if units.states is not None else np.square(I).sum(-1)
    assert np.all(np.abs(out - expected) < 1e-14 * (size + 20 * m))


# Sweeps.


@pytest.mark.parametrize("name", laws.FULLY)
@each_dtype
def test_sweeps_do_not_depend_on_the_split_of_chains(name, dtype):
    """The first chains of 150 are the same numbers as those chains alone, across tiles of chains."""
    machine = laws.FULLY[name](dtype=dtype)
    x = machine.sample0(150, Stream(1))
    whole = machine.sweep(x, Stream(2), 5)
    assert np.array_equal(machine.sweep(x[:70], Stream(2), 5), whole[:70])
    assert np.array_equal(machine.sweep(x, Stream(2), 5), whole)
    rng = Stream(2)
    assert np.array_equal(machine.sweep(machine.sweep(x, rng, 2), rng, 3), whole)
    running = machine.start(x)
    assert machine.sweep(running, Stream(2), 5) is running
    alike = machine.sweep(np.repeat(x[:1], 150, 0), Stream(2), 9)
    assert np.any(alike[:64] != alike[64:128]), "chains of two tiles share their uniforms"
    assert np.array_equal(running.x, whole)


@pytest.mark.parametrize(
    "name", ["bernoulli", "ising-sparse-hidden", "potts", "bernoulli-bernoulli", "potts-bernoulli"]
)
def test_two_threads_sweep_the_same_numbers(name):
    machine = laws.MACHINES[name]()
    starts = [machine.sample0(200, Stream(k)) for k in (1, 2)]

    def work(k):
        return machine.sweep(starts[k], Stream(10 + k), 200)

    alone = [work(0), work(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, (0, 1)))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@each_dtype
def test_units_beyond_one_tile_have_uniforms_of_their_own(dtype):
    """Pairs (i, i + 64) coupled to nothing else keep their joint law; shared uniforms would break it."""
    J = np.zeros((70, 70), dtype)
    pairs = [(i, i + TILE) for i in range(6)] + [(i, i + 16) for i in range(20, 26)]
    for i, j in pairs:
        J[i, j] = J[j, i] = 2
    machine = laws.BoltzmannMachine(Bernoulli(), J, np.full(70, -0.5, dtype))
    pair = laws.BoltzmannMachine(Bernoulli(), 2 * (1 - np.eye(2)), [-0.5, -0.5])
    x = machine.sample0(40_000, Stream(0))
    rng = np.random.default_rng(0)
    for i, j in pairs:
        x[:, [i, j]] = laws.exact_draws(pair, len(x), rng)
    y = machine.sweep(x, Stream(1), 3)
    for i, j in pairs:
        laws.is_sample(pair, y[:, [i, j]])


@pytest.mark.parametrize("name", laws.RESTRICTED)
def test_running_chains_of_an_rbm_follow_their_array(name):
    """Chains and an array give the same states, and a kept product never outlives its v."""
    machine = laws.RESTRICTED[name]()
    x = machine.sample0(30, Stream(1))
    whole = machine.sweep(x, Stream(2), 4)
    running, rng = machine.start(x), Stream(2)
    for _ in range(4):
        machine.free_energy(running)
        machine.sweep(running, rng)
    assert np.array_equal(running.x, whole) or isinstance(machine.units, Gaussian)
    np.testing.assert_allclose(running.x, whole, rtol=1e-12)
    np.testing.assert_allclose(machine.free_energy(running), machine.free_energy(whole), rtol=1e-12)
    machine.params["W"] *= 0.5
    machine.project()
    np.testing.assert_allclose(machine.free_energy(running), machine.free_energy(whole), rtol=1e-12)


# numba's cache.


def test_cached_code_goes_when_any_source_has_changed(tmp_path, monkeypatch):
    """A source in a package below counts, and every directory of cached code is looked after."""
    source, index = tmp_path / "kernels" / "layers" / "bits.py", tmp_path / "cache" / "any-1.py311.nbi"
    for path in (source, index):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(cache, "SOURCES", tmp_path / "kernels")
    directories = [Path("/dev/null/nowhere"), index.parent]  # the first cannot be written: no error
    cache.drop_stale(directories)
    assert not index.exists()  # nobody knows which sources it came from
    index.touch()
    cache.drop_stale(directories)
    assert index.exists()
    source.write_text("changed")
    cache.drop_stale(directories)
    assert not index.exists()


def test_kernels_are_looked_after_where_numba_keeps_them():
    for module in pkgutil.walk_packages(kernels.__path__, "ebm.kernels."):
        for kernel in vars(importlib.import_module(module.name)).values():
            if hasattr(kernel, "stats"):
                assert (Path(kernel.stats.cache_path) / cache.NAME).exists(), kernel
