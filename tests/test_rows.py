"""Data that are no array: the same rows give the same machine, whatever holds them."""

import laws
import numpy as np
import pytest
import scipy.sparse

import ebm
from ebm import CD, PCD, SGD, EbmError, Exact, begin, fit, partial_fit, train
from ebm.rows import FileRows, SparseRows, as_source


def rows_of(n=40, d=5, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (n, d)).astype(np.uint8)


def mapped(tmp_path, x, **settings):
    np.save(tmp_path / "x.npy", x)
    return np.load(tmp_path / "x.npy", mmap_mode=settings.get("mode", "r"))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("stride", [1, 7])
def test_rows_of_a_file_are_those_of_the_array(tmp_path, dtype, stride, monkeypatch):
    """Any order, repeated numbers, slices; near rows in one read, or each by itself."""
    monkeypatch.setattr("ebm.rows._TOGETHER", stride * 5 * np.dtype(dtype).itemsize)
    x = np.random.default_rng(0).integers(0, 200, (300, 5)).astype(dtype)
    rows = as_source(mapped(tmp_path, x))
    assert isinstance(rows, FileRows)
    assert (len(rows), rows.shape, rows.dtype) == (300, (300, 5), dtype)
    for numbers in (np.array([7, 3, 3, 299, 0]), np.random.default_rng(1).permutation(300), np.empty(0, int)):
        np.testing.assert_array_equal(rows[numbers], x[numbers])
    np.testing.assert_array_equal(rows[10:50:3], x[10:50:3])
    np.testing.assert_array_equal(rows[:], x)


def test_parts_of_a_memory_map_are_read_from_their_place(tmp_path):
    x = rows_of(5000, 64)
    whole = mapped(tmp_path, x)
    for start in (1, 1000, 4990):
        np.testing.assert_array_equal(as_source(whole[start:])[:], x[start:])
    with pytest.raises(EbmError, match="whole rows"):
        as_source(whole[:, :3])


def test_a_private_copy_is_taken_as_an_array(tmp_path):
    x = mapped(tmp_path, rows_of(), mode="c")
    x[0] = 1 - x[0]
    assert isinstance(as_source(x), np.ndarray)
    np.testing.assert_array_equal(as_source(x)[0], x[0])


def test_truncated_files_say_so(tmp_path):
    x = mapped(tmp_path, rows_of())
    rows = as_source(x)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-20])
    with pytest.raises(EbmError, match="truncated at row 36"):
        rows[:]
    with pytest.raises(EbmError, match="truncated"):
        FileRows(tmp_path / "x.npy", 128, (40, 5), np.uint8)


@pytest.mark.parametrize("rule", [CD(), PCD(n_chains=7, centred=True), Exact()], ids=repr)
@pytest.mark.parametrize("kind", ["map", "csr", "coo"])
def test_what_holds_the_rows_changes_nothing(tmp_path, rule, kind):
    x = rows_of()
    source = {
        "map": lambda: mapped(tmp_path, x),
        "csr": lambda: scipy.sparse.csr_matrix(x),
        "coo": lambda: scipy.sparse.coo_array(x.astype(np.float64)),
    }[kind]()
    machines = [laws.MACHINES["bernoulli-bernoulli"](dtype=np.float32) for _ in range(2)]
    histories = [
        fit(machine, data, rule=rule, optimiser=SGD(0.1), epochs=3, batch_size=7, validation=x[:9])
        for machine, data in zip(machines, (x, source), strict=True)
    ]
    for key, value in machines[0].params.items():
        np.testing.assert_array_equal(machines[1].params[key], value)
    np.testing.assert_array_equal(histories[0]["free_energy_train"], histories[1]["free_energy_train"])


def test_batches_by_hand_are_those_of_training():
    x, rule, optimiser = rows_of(20), PCD(n_chains=7), SGD(0.1, momentum=0.5)
    weights = np.linspace(0.5, 1.5, 20)
    one, other = (begin(laws.MACHINES["bernoulli-bernoulli"](), rule, optimiser, 1) for _ in range(2))
    for state in train(one, x, rule, optimiser, 20, 3, weights=weights):
        if state.step == 4:
            break
    for _ in range(4):
        partial_fit(other, x, rule, optimiser, weights=weights)
    assert other.step == 4
    for key, value in one.machine.params.items():
        np.testing.assert_allclose(other.machine.params[key], value, atol=1e-12)


def test_a_stream_of_rows_learns():
    rule, optimiser = PCD(n_chains=50), SGD(0.5)
    state = begin(
        ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, scale=0.1, dtype="float64"), rule, optimiser
    )
    rng = np.random.default_rng(0)
    for k in range(400):
        rows = np.repeat(rng.integers(0, 2, (20, 2)), 2, axis=1)
        partial_fit(state, rows, rule, optimiser, epoch=k / 100)
    rows = np.repeat(laws.all_states(ebm.Bernoulli(), 2), 2, axis=1)
    assert laws.log_likelihood_of(state.machine, rows, np.full(4, 0.25)) > -2.3  # independent bits: -2.77


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: scipy.sparse.csr_array(np.full((4, 5), 0.5) * 3), "1.5 at row 0"),
        (lambda: scipy.sparse.csr_array(np.ones((4, 3))), r"\(n, 5\)"),
        (lambda: SparseRows(scipy.sparse.csr_array((0, 5))), "at least one"),
    ],
)
def test_bad_rows_are_refused_in_one_line(data, said):
    with pytest.raises(EbmError, match=said) as error:
        fit(laws.MACHINES["bernoulli-bernoulli"](), data(), rule=CD(), epochs=1)
    assert "\n" not in str(error.value)


def test_a_bad_stream_is_refused_in_one_line():
    rule, optimiser = CD(), SGD(0.1)
    state = begin(laws.MACHINES["bernoulli-bernoulli"](), rule, optimiser)
    with pytest.raises(EbmError, match="data"):
        partial_fit(state, np.full((2, 5), 7), rule, optimiser)
    with pytest.raises(EbmError, match="weights"):
        partial_fit(state, np.ones((2, 5)), rule, optimiser, weights=[1.0])
