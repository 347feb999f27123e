"""Data tables, files and couplings: counts, laws of symmetry and degree, and refusals of one line."""

import itertools
import pickle
import re

import numpy as np
import pytest

from ebm import datasets as ds
from ebm.errors import EbmError


def refusal(call, *parts):
    """Return the one line of a refusal, which must hold all the parts."""
    with pytest.raises(EbmError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    for part in parts:
        assert part in line, line
    return line


# ---------------------------------------------------------------- tables


def test_digits_are_scikit_learns_split():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    a, b, ya, yb = train_test_split(x, y, test_size=0.2, stratify=y, random_state=3)
    bits, grey = ds.Digits(threshold=5, seed=3).load(), ds.Digits(grey=True, seed=3).load()
    np.testing.assert_array_equal(bits.train, a >= 5)
    np.testing.assert_array_equal(bits.test, b >= 5)
    np.testing.assert_array_equal(grey.test * 16, b)
    np.testing.assert_array_equal(bits.train_labels, ya)
    np.testing.assert_array_equal(grey.test_labels, yb)
    assert grey.train.dtype == np.float32
    assert not np.array_equal(ds.Digits(threshold=5, seed=4).load().train, bits.train)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_bars_and_stripes_are_all_and_only_those(n):
    images = np.array(list(itertools.product((0, 1), repeat=n * n))).reshape(-1, n, n)
    rows = (images == images[:, :, :1]).all((1, 2))
    columns = (images == images[:, :1, :]).all((1, 2))
    data = ds.BarsAndStripes(n=n).load()
    np.testing.assert_array_equal(data.train, images[rows | columns].reshape(-1, n * n))
    np.testing.assert_array_equal(data.test, data.train)
    assert len(data.train) == 2 ** (n + 1) - 2


def test_encoder_halves_agree():
    data = ds.Encoder(n=5).load()
    np.testing.assert_array_equal(data.train[:, :5], data.train[:, 5:])
    np.testing.assert_array_equal(data.train[:, :5].argmax(1), data.train_labels)
    assert (data.train.sum(1) == 2).all()
    assert len(np.unique(data.train, axis=0)) == 5


def test_shifter_rows_are_shifted_by_their_label():
    data = ds.Shifter(n=7, rows=3000, seed=2).load()
    for x, y in ((data.train, data.train_labels), (data.test, data.test_labels)):
        np.testing.assert_array_equal(np.eye(3)[y], x[:, 14:])
        for row, label in zip(x, y, strict=True):
            np.testing.assert_array_equal(np.roll(row[:7], label - 1), row[7:14])
    counts = np.bincount(np.r_[data.train_labels, data.test_labels])
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(3000 * 2 / 9)
    assert np.abs(data.train[:, :7].mean() - 0.5) < 5 * 0.5 / np.sqrt(2400 * 7)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: ds.BarsAndStripes(n=9), "BarsAndStripes: n:"),
        (lambda: ds.Digits(threshold=0), "Digits: threshold:"),
        (lambda: ds.Digits(threshold=17), "Digits: threshold:"),
        (lambda: ds.Digits(treshold=3), "did you mean 'threshold'?"),
        (lambda: ds.Digits(test=1.0), "Digits: test:"),
        (lambda: ds.Shifter(n=2), "Shifter: n:"),
        (lambda: ds.Shifter(rows=2, test=0.9).load(), "none to train on"),
        (lambda: ds.Encoder(n="4"), "Encoder: n:"),
        (lambda: ds.File("a.npy", kind="gausian"), "File: kind:"),
    ],
)
def test_settings_are_refused(call, part):
    refusal(call, part)


# ---------------------------------------------------------------- files


@pytest.fixture
def write(tmp_path):
    """Write a file by its suffix and return its path: text, bytes, an array, or a dict of arrays."""

    def put(name, content):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, dict):
            np.savez(path, **content)
        else:
            np.save(path, content)
        return str(path)

    return put


def together(data):
    """Return the rows of train and test, sorted, with the labels as last column if there are any."""
    x = np.concatenate([data.train, data.test])
    if data.train_labels is not None:
        x = np.column_stack([x, np.r_[data.train_labels, data.test_labels]])
    return x[np.lexsort(x.T[::-1])]


def test_file_keeps_every_row_with_its_label_and_stratifies(write):
    x = np.arange(40.0)[:, None] / np.array([40, 80])
    y = np.repeat([7, 9], [30, 10])
    cases = [
        ds.File(write("a.npy", np.column_stack([y, x])), labels=0),
        ds.File(write("a.npz", {"X": x, "y": y}), labels="y"),
        ds.File(write("b.npz", {"pixels": x, "digit": y}), labels="digit"),
        ds.File(
            write("a.csv", "a,y,b\n" + "".join(f"{p},{k},{q}\n" for (p, q), k in zip(x, y, strict=True))),
            labels="y",
        ),
    ]
    for case in cases:
        data = case.load()
        np.testing.assert_allclose(together(data), np.column_stack([x, y]), rtol=1e-6)
        assert (data.test_labels == 9).sum() == 2  # of 8, where a quarter of all rows are nines
        assert data.kind == "bernoulli"
        np.testing.assert_array_equal(case.load().train, data.train)


def test_file_with_a_rare_class_is_split_all_the_same(write):
    data = ds.File(write("a.npy", np.array([[0, 5], [1, 5], [0, 5], [1, 6]])), labels=-1, test=0.5).load()
    assert sorted(np.r_[data.train_labels, data.test_labels]) == [5, 5, 5, 6]


def test_kinds(write):
    grey, symbols = np.array([[0, 4], [2, 1], [3, 3]]), write("s.npy", np.array([[0, 4], [2, 1], [3, 3]]))
    spins = ds.File(write("i.csv", "1,-1\n-1,-1\n1,1\n")).load()
    assert spins.kind == "ising"
    potts = ds.File(symbols, kind="potts").load()
    assert (potts.n_states, potts.train.dtype) == (5, np.int64)
    real = ds.File(symbols, kind="gaussian", image_shape=[1, 2]).load()
    np.testing.assert_array_equal(together(real), grey)
    assert real.image_shape == (1, 2)
    bits = ds.File(symbols, threshold=3).load()
    np.testing.assert_array_equal(together(bits), [[0, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(
        together(ds.File(symbols, threshold=3, kind="ising").load()), [[-1, -1], [-1, 1], [1, 1]]
    )


def test_values_of_no_kind_name_the_cell_and_the_choices(write):
    path = write("a.csv", "a,k,b\n0,1,1\n\n1,0,17\n-3,1,0\n")
    line = refusal(ds.File(path, labels="k").load, path, "line 4, column 'b': found 17", "from -3 to 17")
    assert all(choice in line for choice in ("threshold", "'gaussian'", "'potts'"))
    refusal(ds.File(path, labels=1, kind="ising").load, "line 2, column 'a': found 0", "-1 and +1")
    refusal(ds.File(path, kind="potts").load, "line 5, column 'a': found -3", "integers")
    spins = write("a.npy", np.array([[1, -1], [-1, 2]]))
    refusal(ds.File(spins).load, "row 1, column 1 (from 0): found 2")


def test_labels_refused(write):
    path = write("a.csv", "x,label\n0,1\n1,2.5\n")
    refusal(ds.File(path, labels="label").load, path, "line 3, column 'label'", "2.5", "integer")
    refusal(ds.File(path, labels="lable").load, path, "did you mean 'label'?")
    refusal(ds.File(path, labels=2).load, path, "expected 0 to 1")
    refusal(ds.File(write("b.csv", "0,1\n1,2\n"), labels="y").load, "no column names")
    refusal(ds.File(write("c.csv", "0\n1\n"), labels=0).load, "only column")
    archive = write("a.npz", {"X": np.eye(3), "y": np.arange(2), "z": np.array([0, 1, np.nan])})
    refusal(ds.File(archive, labels="yy").load, archive, "did you mean 'y'?")
    refusal(ds.File(archive, labels="y").load, archive, "(2,)", "3 integers")
    refusal(ds.File(archive, labels="z").load, archive, "row 2", "nan")


def test_missing_foreign_and_damaged_files_are_refused(write, tmp_path):
    good = write("train.npy", np.eye(9))
    whole = (tmp_path / "train.npy").read_bytes()
    archive = write("b.npz", {"X": np.eye(9)})
    zipped = (tmp_path / "b.npz").read_bytes()
    read = ds.read_array
    refusal(lambda: read(tmp_path / "trian.npy"), "trian.npy", "did you mean 'train.npy'?")
    refusal(lambda: read(tmp_path / "nowhere" / "a.npy"), "no such directory")
    refusal(lambda: read(tmp_path), str(tmp_path), "is a directory")
    refusal(lambda: read(write("a.txt", "1,2")), "a.txt", "'.txt'", ".csv")
    for k in (0, 3, 40, len(whole) // 2, len(whole) - 1):
        refusal(lambda k=k: read(write("cut.npy", whole[:k])), "cut.npy", "truncated")
    for k in (0, 3, 40, len(zipped) // 2, len(zipped) - 1):
        refusal(lambda k=k: read(write("cut.npz", zipped[:k])), "cut.npz", "truncated")
    spoilt = bytearray(zipped)
    spoilt[300] ^= 255  # among the numbers: the archive's checksum must notice
    refusal(lambda: read(write("spoilt.npz", bytes(spoilt))), "spoilt.npz", "damaged")
    refusal(lambda: read(write("png.npy", b"\x89PNG\r\n\x1a\n")), "png.npy", "PNG")
    refusal(lambda: read(write("png.csv", b"\x89PNG\r\n\x1a\n")), "png.csv", "damaged")
    refusal(lambda: read(write("renamed.npy", zipped)), "it is a .npz file")
    np.testing.assert_array_equal(read(good), read(archive))


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_pickles_are_never_executed(write, tmp_path):
    for suffix in (".npy", ".npz"):
        path = write("p" + suffix, pickle.dumps(_Bomb()))
        refusal(lambda path=path: ds.read_array(path), path, "pickle")
    objects = write("o.npy", np.array([[_Bomb()]], object))
    refusal(lambda: ds.read_array(objects), objects, "objects", "pickle")
    archive = write("o.npz", {"X": np.array([[_Bomb()]], object)})
    refusal(lambda: ds.read_array(archive), archive, "objects")


def test_contents_refused(write):
    read = ds.read_array
    hole = np.zeros((5, 4))
    hole[3, 2] = np.nan
    refusal(lambda: read(write("a.npy", hole)), "a.npy", "row 3, column 2", "nan")
    refusal(lambda: read(write("a.csv", "a,b\n1,2\n3,-inf\n")), "a.csv", "line 3, column 'b'", "-inf")
    refusal(lambda: read(write("b.npy", np.array([[0, 1e300]]))), "column 1", "1e+300")
    refusal(lambda: read(write("c.npy", np.arange(3))), "c.npy", "(3,)", "2-D")
    refusal(lambda: read(write("d.npy", np.zeros((0, 3)))), "d.npy", "empty")
    refusal(lambda: read(write("d.csv", "a,b\n")), "d.csv", "empty")
    refusal(lambda: read(write("e.npy", np.array([["a", "b"]]))), "e.npy", "<U1")
    refusal(ds.File(write("f.npy", np.ones((1, 4)))).load, "f.npy", "one row")
    refusal(ds.File(write("g.npy", np.ones((9, 4))), image_shape=[3, 3]).load, "g.npy", "[3, 3]", "4")
    refusal(ds.File(write("h.npy", np.ones((3, 4))), test=0.9).load, "h.npy", "none to train on")
    refusal(lambda: read(write("i.npy", np.eye(2)), key="X"), "i.npy", "no key")


def test_csv_refusals_name_line_and_column(write):
    read = ds.read_array
    refusal(lambda: read(write("a.csv", "1,2\n3,4\n5,six\n")), "a.csv", "line 3, column 1", "'six'")
    refusal(lambda: read(write("b.csv", "1,2\n\n3,4,5\n")), "b.csv", "line 3 has 3 columns", "expected 2")
    refusal(lambda: read(write("c.csv", "x,y,z\n1,2\n")), "c.csv", "line 2 has 2 columns", "expected 3")
    refusal(lambda: read(write("d.csv", "x,y\n1,\n")), "d.csv", "line 2, column 'y'", "empty")
    refusal(lambda: read(write("e.csv", "0.1,NA,0.3\n1,2,3\n")), "e.csv", "line 1, column 1", "'NA'")
    refusal(lambda: read(write("f.csv", "1;2\n3;4\n"), delimiter=","), "f.csv", "is the delimiter ';'?")
    np.testing.assert_array_equal(read(write("f.csv", "1;2\n3;4\n"), delimiter=";"), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(read(write("g.csv", "label,0,1\n5,6,7\n")), [[5, 6, 7]])
    np.testing.assert_array_equal(read(write("h.csv", b"\xef\xbb\xbf1,2e3\r\n3,4\r\n")), [[1, 2000], [3, 4]])


def test_array_of_an_archive(write):
    one, two = np.eye(2), np.zeros((2, 3))
    path = write("a.npz", {"first": one, "second": two})
    refusal(lambda: ds.read_array(path), path, "first, second", "key")
    refusal(lambda: ds.read_array(path, "secnod"), path, "did you mean 'second'?")
    np.testing.assert_array_equal(ds.read_array(path, "second"), two)
    np.testing.assert_array_equal(ds.read_array(write("b.npz", {"X": two, "other": one})), two)


# ---------------------------------------------------------------- couplings


def check_couplings(J):
    """Hold a sparse J to its laws and return its degrees."""
    assert J.has_sorted_indices
    assert (J.data != 0).all()
    assert (abs(J - J.T)).nnz == 0
    assert not J.diagonal().any()
    assert J.dtype == np.float64
    keys = np.repeat(np.arange(J.shape[0]), np.diff(J.indptr)) * J.shape[0] + J.indices
    assert (np.diff(keys) > 0).all()  # no entry is stored twice
    return np.diff(J.indptr)


def test_sk_has_variance_one_over_n():
    n = 300
    J = ds.sk(n, seed=5)
    np.testing.assert_array_equal(J, J.T)
    assert not J.diagonal().any()
    z = J[np.triu_indices(n, 1)] * np.sqrt(n)
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / len(z))
    np.testing.assert_array_equal(J, ds.sk(n, seed=np.random.default_rng(5)))
    assert not np.array_equal(J, ds.sk(n, seed=6))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 2), (2, 5), (1, 4), (1,), (3, 4, 2), (2, 2, 2, 3)])
def test_lattice_bonds_are_the_pairs_at_distance_one(shape, periodic):
    sites = np.array(list(itertools.product(*map(range, shape))))
    apart = np.abs(sites[:, None] - sites[None])
    if periodic:
        apart = np.minimum(apart, np.array(shape) - apart)
    J = ds.lattice(shape, J=-0.5, periodic=periodic)
    check_couplings(J)
    np.testing.assert_array_equal(J.toarray(), np.where(apart.sum(-1) == 1, -0.5, 0.0))


def test_disorder():
    m = 2 * 60 * 60
    for maker in (lambda **k: ds.lattice((60, 60), **k), lambda **k: ds.random_regular(3600, 4, **k)):
        bimodal, normal = maker(disorder="binary", J=2, seed=1), maker(disorder="gaussian", J=2, seed=1)
        for J in (bimodal, normal):
            check_couplings(J)
            assert J.nnz == 2 * m
            assert abs(J.data.mean()) < 4 * 2 / np.sqrt(m)
        np.testing.assert_array_equal(np.unique(bimodal.data), [-2, 2])
        assert abs(normal.data.var() / 4 - 1) < 4 * np.sqrt(2 / m)
        assert abs(maker(disorder="binary", J=2, seed=1) - bimodal).nnz == 0
        assert abs(maker(disorder="binary", J=2, seed=2) - bimodal).nnz > 0


def test_disorder_follows_the_seed_where_the_graph_cannot():
    a, b = (ds.random_regular(6, 5, disorder="gaussian", seed=seed) for seed in (1, 2))
    assert not np.isclose(a.data, b.data).any()


def test_random_regular_has_its_degree_wherever_one_exists():
    for n in range(1, 14):
        for degree in range(n):
            if n * degree % 2 == 0:
                J = ds.random_regular(n, degree, seed=n)
                assert (check_couplings(J) == degree).all()
    for n, degree in ((20_000, 3), (2000, 20), (200, 99)):
        assert (check_couplings(ds.random_regular(n, degree, seed=1)) == degree).all()


@pytest.mark.parametrize(("n", "degree", "triangle_free"), [(6, 3, 10 / 70), (6, 2, 60 / 70)])
def test_small_random_regular_graphs_are_uniform(n, degree, triangle_free):
    """Without triangles are 10 of the 70 cubic graphs on 6 labels (K33), and 60 of their 70 complements."""
    rng, draws = np.random.default_rng(0), 1500
    found = 0
    for _ in range(draws):
        A = ds.random_regular(n, degree, seed=rng).toarray()
        found += np.trace(A @ A @ A) == 0
    sigma = np.sqrt(draws * triangle_free * (1 - triangle_free))
    assert abs(found - draws * triangle_free) < 4 * sigma


def test_from_edges_is_symmetric_and_drops_zeros():
    edges = [(0, 3, 0.5), (3, 1, -2), (4, 0, 1e-9), (1, 2, 0.0)]
    J = ds.from_edges(edges, n=6)
    assert check_couplings(J).tolist() == [2, 1, 0, 2, 1, 0]
    expected = np.zeros((6, 6))
    for i, j, w in edges:
        expected[i, j] = expected[j, i] = w
    np.testing.assert_array_equal(ds.from_edges(np.array(edges), n=6, sparse=False), expected)
    assert ds.from_edges(edges).shape == (5, 5)
    assert ds.from_edges([], n=3).nnz == 0


@pytest.mark.parametrize(
    ("edges", "n", "parts"),
    [
        ([(0, 1, 1), (2, 2, 1)], None, ("edge 1", "(2, 2, 1)", "self-loop")),
        ([(0, 1, 1), (1, 2, 1), (1, 0, 2)], None, ("edge 2", "given before")),
        ([(0, 1, 1), (0, 1, 1)], None, ("edge 1", "given before")),
        ([(0, 1, 1), (0, 5, 1)], 5, ("edge 1", "outside 0..4")),
        ([(0, 1, 1), (-1, 2, 1)], None, ("edge 1", "outside 0..2")),
        ([(0, 1, np.nan)], None, ("edge 0", "not finite")),
        ([(0, 1.5, 1)], None, ("edge 0", "no integer")),
        ([(0, 1, 1), (0, 2)], None, ("edge 1", "expected (i, j, w)")),
        ([(0, "b", 1)], None, ("no number",)),
        (np.zeros((3, 2)), None, ("(3, 2)", "(m, 3)")),
        ([], None, ("no edges and no n",)),
    ],
)
def test_edges_refused(edges, n, parts):
    refusal(lambda: ds.from_edges(edges, n), "from_edges", *parts)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: ds.random_regular(5, 3), "odd"),
        (lambda: ds.random_regular(4, 4), "at most 3"),
        (lambda: ds.random_regular(4.0, 2), "random_regular: n"),
        (lambda: ds.random_regular(4, 2, disorder="gausian"), "did you mean 'gaussian'?"),
        (lambda: ds.lattice((3, 0)), "lattice: shape"),
        (lambda: ds.lattice(()), "at least one side"),
        (lambda: ds.lattice(3, J=np.inf), "lattice: J"),
        (lambda: ds.sk(0), "sk: n"),
    ],
)
def test_couplings_refused(call, part):
    assert re.match(r"(sk|lattice|random_regular): ", refusal(call, part))


def test_lsat_has_the_published_answers():
    """Bock & Lieberman (1970): 1000 people, the share that got each question right."""
    data = ds.LSAT(test=0.001).load()
    whole = np.concatenate([data.train, data.test])
    assert whole.shape == (1000, 5)
    np.testing.assert_array_equal(whole.sum(0), [924, 709, 553, 763, 870])
    assert (whole.sum(1) == 5).sum() == 298
