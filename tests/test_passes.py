"""The passes through a network: dropout, and inputs that are mostly zeros."""

import numpy as np
import pytest
from networks import HIDDEN, READOUTS, gradient_by_definition, network, pairs

from ebm import Bernoulli, Ising, Layer, Network, Potts, Stream, get_num_threads, set_num_threads
from ebm.kernels.layers import nonzero
from ebm.kernels.learning import ascend
from ebm.kernels.units import activation
from ebm.network import BackPropagation
from ebm.network.passes import draw_masks

each_readout = pytest.mark.parametrize("units", READOUTS, ids=str)


@pytest.mark.parametrize("hidden", [u for u in HIDDEN if u is not None], ids=str)
@each_readout
def test_dropout_is_the_exact_gradient_of_the_network_that_is_left(units, hidden):
    """With the masks held, the rule's gradient is the slope of the masked network's log p."""
    net, (x, y) = network(units, hidden), pairs(units)
    rule, seed = BackPropagation(dropout=(0.3, 0.5, 0.4)), Stream(3)
    masks = draw_masks(net, 6, rule.dropout, Stream(3))
    assert all(0 < np.mean(m == 0) < 1 for m in masks)
    found, _ = rule.gradient(net, (x, y, np.array([1.0, 0, 3, 1, 2, 1])), {}, seed)
    w = np.array([1.0, 0, 3, 1, 2, 1]) / 8
    for key in ("W0", "b0", "W1", "W2", "b2"):
        value = net.params[key]
        for place in np.ndindex(value.shape):
            kept, ends = value[place], []
            for step in (1e-5, -1e-5):
                value[place] = kept + step
                ends.append(gradient_by_definition(net, x, y, w, masks)[0])
            value[place] = kept
            slope = (ends[0] - ends[1]) / 2e-5
            assert abs(-np.asarray(found[key])[place] - slope) < 1e-6 * max(1, abs(slope))


def test_masks_keep_the_mean_and_are_a_function_of_the_stream():
    net = network(Potts(3), Bernoulli())
    masks = draw_masks(net, 20_000, (0.2, 0.5, 0.0), Stream(1))
    assert masks[2] is None
    for mask, p in zip(masks, (0.2, 0.5), strict=False):
        assert set(np.unique(mask)) == {0.0, 1 / (1 - p)}
        sigma = np.sqrt(p / (1 - p) / mask.size)
        assert abs(mask.mean() - 1) < 5 * sigma
        assert np.all(np.abs(mask.mean(0) - 1) < 5 * np.sqrt(p / (1 - p) / len(mask)))
    again = draw_masks(net, 20_000, (0.2, 0.5, 0.0), Stream(1))
    other = draw_masks(net, 20_000, (0.2, 0.5, 0.0), Stream(2))
    assert np.array_equal(masks[0], again[0])
    assert not np.array_equal(masks[0], other[0])
    first, second, _ = draw_masks(net, 20_000, (0.5, 0.5, 0.0), Stream(1))
    assert 0.45 < np.mean(first[:, :2] == second) < 0.55


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [31, 32, 64, 65, 100, 143])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_rows_of_zeros_are_multiplied_without_them(share, columns, dtype):
    """Few nonzero inputs or many, wide layers or narrow: the gradient is the same sum."""
    rng = np.random.default_rng(4)
    layers = [
        Layer.random(Ising(), 70, columns, dtype=dtype),
        Layer.random(Potts(3), columns, 1, dtype=dtype),
    ]
    net = Network(layers)
    x = rng.normal(size=(90, 70)) * (rng.random((90, 70)) < share)
    y, w = rng.integers(3, size=(90, 1)), rng.random(90) / 45
    loss, expected = gradient_by_definition(net, x.astype(dtype).astype(float), y, w, [None, None])
    tol = 1e-13 if dtype == np.float64 else 3e-6
    found = net.gradient(x, y, w)
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], atol=tol)
    assert abs(net.loss(x, y, w) - loss) < 10 * tol
    # and added to what an optimiser keeps
    slopes, _ = net.slopes(x, y, w)
    out = np.ones_like(net.params["W0"])
    slopes["W0"].add_to(out, 0.5, -2.0)
    np.testing.assert_allclose(out, 0.5 - 2 * expected["W0"], atol=3 * tol)


@pytest.mark.slow  # compiles every kernel for threads; tests/test_fast_paths.py has learning and sampling
def test_kernels_give_the_same_numbers_on_two_threads():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(150, 300)) * (rng.random((150, 300)) < 0.2)
    A, count = rng.normal(size=(300, 70)), x.size + 1
    starts, columns, values = np.empty(151, np.int64), np.empty(count, np.int32), np.empty(count)
    nonzero.find(x, starts, columns, values)

    def results(worth):
        product, means, slopes = np.ones((150, 70)), A.copy(), A.copy()
        nonzero.add_product(worth, starts, columns, values, A, 0.5, 2.0, product)
        activation.activate(worth, Potts.kind, 7, means, A[0])
        activation.pull_rows(worth, Potts.kind, 7, means, slopes)
        many = [rng.normal(size=40_000) ** 2 for rng in map(np.random.default_rng, range(4))]
        ascend.adam(worth, *many, 0.1, 0.9, 0.99, 1e-8)
        ascend.blend(worth, *many[:2], 0.3)
        return [product, means, slopes, *many]

    before = get_num_threads()
    set_num_threads(2)
    try:
        for one, two in zip(results(False), results(True), strict=True):
            assert np.array_equal(one, two)
    finally:
        set_num_threads(before)
