"""The G-set reader: what is written comes back, what is broken is refused in one line; cuts by definition."""

import gzip
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ebm import Annealing, BoltzmannMachine, EbmError, Ising, sample
from ebm.datasets import cut_value, read_gset

GSET = Path("/work/shared/data/gset.npz")
GOOD = "4 3\n1 2 1\n3 1 -2\n4 3 1\n"


def matrix(n, edges):
    W = np.zeros((n, n))
    for i, j, w in edges:
        W[i, j] = W[j, i] = w
    return W


def text_of(n, edges):
    return f"{n} {len(edges)}\n" + "".join(f"{i + 1} {j + 1} {w!r}\n" for i, j, w in edges)


def cut_by_definition(W, x):
    return sum(W[i, j] for i, j in itertools.combinations(range(len(W)), 2) if x[i] != x[j])


INTEGERS = st.integers(-9, 9)


@st.composite
def graphs(draw, weights=INTEGERS):
    n = draw(st.integers(1, 8))
    pairs = list(itertools.permutations(range(n), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique_by=frozenset)) if pairs else []
    return n, [(i, j, draw(weights)) for i, j in chosen]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gset")


def refusal(path, name=None):
    """The one line with which a file is refused."""
    with pytest.raises(EbmError) as error:
        read_gset(path, name)
    line = str(error.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def refusal_of(folder, content):
    path = folder / "broken"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return refusal(path)


# Text.


@given(graphs(st.one_of(INTEGERS, st.floats(-1e6, 1e6))))
@settings(deadline=None)
def test_what_is_written_comes_back(folder, graph):
    n, edges = graph
    (folder / "plain").write_text(text_of(n, edges))
    (folder / "packed.gz").write_bytes(gzip.compress(text_of(n, edges).encode()))
    for name in ("plain", "packed.gz"):
        W = read_gset(folder / name)
        assert np.array_equal(W.toarray(), matrix(n, edges))
        assert W.dtype == np.float64
        assert W.has_sorted_indices
        assert np.all(W.data != 0)


def test_weights_left_out_are_one_and_spaces_do_not_matter(folder):
    (folder / "spaced").write_text("\n 3\t2 \r\n\n1 2\r\n 2  3 0.5\n\n")
    assert np.array_equal(read_gset(folder / "spaced").toarray(), matrix(3, [(0, 1, 1), (1, 2, 0.5)]))


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("", 1, "'n m'"),
        ("4\n", 1, "'n m'"),
        ("4 3 1\n", 1, "'n m'"),
        ("four 3\n", 1, "'n m'"),
        ("4.0 3\n", 1, "'n m'"),
        ("-4 3\n", 1, "expected 1 to"),
        ("0 0\n", 1, "expected 1 to"),
        ("99999999999 1\n1 2 1\n", 1, "expected 1 to"),
        ("4 -3\n", 1, "expected 0 to 6"),
        ("4 7\n", 1, "expected 0 to 6"),
        (GOOD.replace("3 1 -2", "3"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "3 1 -2 5"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "a 1 -2"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "3 1.5 -2"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "3 1_0 -2"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "3 " + "1" * 30 + " -2"), 3, "'i j w'"),
        (GOOD.replace("3 1 -2", "3 1 heavy"), 3, "finite number"),
        (GOOD.replace("3 1 -2", "3 1 nan"), 3, "finite number"),
        (GOOD.replace("3 1 -2", "3 1 1e999"), 3, "finite number"),
        (GOOD.replace("3 1 -2", "3 1 1_0"), 3, "finite number"),
        (GOOD.replace("3 1 -2", "3 0 -2"), 3, "vertices 1 to 4"),
        (GOOD.replace("3 1 -2", "5 1 -2"), 3, "vertices 1 to 4"),
        (GOOD.replace("3 1 -2", "-3 1 -2"), 3, "vertices 1 to 4"),
        (GOOD.replace("3 1 -2", "3 3 -2"), 3, "self-loop"),
        (GOOD.replace("3 1 -2", "1 2 1"), 3, "given before, line 2"),
        (GOOD.replace("3 1 -2", "2 1 -2"), 3, "given before, line 2"),
        (GOOD.replace("4 3 1", "1 3 1"), 4, "given before, line 3"),
        ("4 3\n1 2 1\n3 1 -2\n", 3, "ends after 2 edges; expected 3"),
        (GOOD + "\n2 4 1\n", 6, "expected 3"),
        ("4 3\n1 2 1\n" + "1 3 " + "0" * 2000, 3, "no text"),
        ("4 3\n1 2 1\n1 3 é\n", 3, "no text"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(folder, content, line, expected):
    said = refusal_of(folder, content)
    assert f": line {line}:" in said
    assert expected in said
    assert len(said) < 300


def test_the_last_edge_may_lack_its_newline_but_not_its_end(folder):
    (folder / "whole").write_text(GOOD.rstrip())
    assert read_gset(folder / "whole").nnz == 6
    for cut in range(len(GOOD) - len("\n4 3 1\n")):
        refusal_of(folder, GOOD[:cut])


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_noise_is_refused_in_one_line(folder, noise):
    refusal_of(folder, b"3 2\n1 2 1\n\x80" + noise)
    if not re.match(rb"\s*\d", noise):
        refusal_of(folder, noise)


@given(graphs(), st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_file_gives_one_line_or_a_graph(folder, graph, data):
    """A byte changed: whatever comes back is a symmetric matrix of finite numbers, or one line."""
    content = bytearray(text_of(*graph).encode())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.sampled_from(b"0159 -+.\n\te_x\x00\xff"))
    (folder / "damaged").write_bytes(content)
    try:
        W = read_gset(folder / "damaged")
    except EbmError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert str(folder / "damaged") in str(error)  # noqa: PT017
    else:
        assert np.isfinite(W.data).all()
        assert (W != W.T).nnz == 0
        assert not W.diagonal().any()


def test_a_damaged_archive_of_text_is_refused(folder):
    whole = gzip.compress((f"40 {39}\n" + "".join(f"{i} {i + 1} 1\n" for i in range(1, 40))).encode())
    path = folder / "damaged.gz"
    path.write_bytes(whole)
    assert read_gset(path).nnz == 78
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for content in (whole[:-12], whole[: len(whole) // 2], whole[:5], bytes(flipped), b"3 1\n1 2 1\n"):
        path.write_bytes(content)
        refusal(path)


def test_files_that_are_not_there(folder):
    assert "no such file" in refusal(folder / "nowhere")
    assert "directory" in refusal(folder)
    (folder / "one").write_text(GOOD)
    assert "expected no name" in refusal(folder / "one", "G1")


# Archives.


def archive(folder, **arrays):
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


def test_an_archive_counts_from_zero_and_its_index_says_how_many_vertices(folder):
    edges = {"G3_ij": np.array([[0, 1], [2, 1]], np.uint16), "G3_w": np.array([1, -1], np.int8)}
    expected = matrix(3, [(0, 1, 1), (1, 2, -1)])
    assert np.array_equal(read_gset(archive(folder, **edges), "G3").toarray(), expected)
    path = archive(folder, **edges, index=np.array([[1, 9, 2], [3, 5, 2]]))
    W = read_gset(path, "G3").toarray()
    assert W.shape == (5, 5)
    assert np.array_equal(W[:3, :3], expected)
    assert not W[3:].any()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"G3_ij": None}, "holds no array 'G3_ij'"),
        ({"G3_w": None}, "holds no array 'G3_w'"),
        ({"G3_w": np.ones(3, int)}, "expected 2 integers"),
        ({"G3_w": np.array([1, 0.5])}, "expected an integer"),
        ({"G3_ij": np.ones((2, 3), int)}, "expected 2"),
        ({"G3_ij": np.array([[0, 1], [2, 0.5]])}, "row 1 (from 0)"),
        ({"G3_ij": np.array([[0, 1], [2, 1e30]])}, "row 1 (from 0)"),
        ({"G3_ij": np.array([[0, 1], [2, 5]])}, "vertices 0 to 4"),
        ({"G3_ij": np.array([[0, 1], [-1, 2]])}, "vertices 0 to 4"),
        ({"G3_ij": np.array([[0, 1], [2, 2]])}, "self-loop"),
        ({"G3_ij": np.array([[0, 1], [1, 0]])}, "given before, G3_ij, row 0"),
        ({"G3_ij": np.array([[0, 1], [2, 2**40]]), "index": None}, "expected 1 to"),
        ({"index": np.array([[1, 9, 2]])}, "'G3'"),
        ({"index": np.array([[3, 0, 2]])}, "expected 1 to"),
        ({"index": np.array([[3], [4]])}, "'G3'"),
    ],
)
def test_a_broken_archive_is_refused(folder, change, expected):
    arrays = {
        "G3_ij": np.array([[0, 1], [2, 1]]),
        "G3_w": np.array([1, -1]),
        "index": np.array([[3, 5, 2]]),
    } | change
    path = archive(folder, **{key: array for key, array in arrays.items() if array is not None})
    assert expected in refusal(path, "G3")


def test_an_archive_needs_a_name_and_to_be_one(folder):
    path = archive(folder, G3_ij=np.array([[0, 1]]), G3_w=np.array([1]))
    assert "expected a name" in refusal(path)
    assert "G3_w" in refusal(path, "G4")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refusal(path, "G3")


@pytest.mark.skipif(not GSET.exists(), reason="the stored G-set is not here")
def test_the_stored_graphs_are_read_whole():
    with np.load(GSET, allow_pickle=False) as stored:
        index = stored["index"]
        totals = {n: int(stored[f"G{n}_w"].sum()) for n in index[:, 0]}
    for number, vertices, edges, *_ in index:
        W = read_gset(GSET, f"G{number}")
        assert W.shape == (vertices, vertices)
        assert W.nnz == 2 * edges
        assert W.sum() == 2 * totals[number]


# Cuts.


@given(graphs(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_cuts_are_what_their_definition_says_and_energies_of_the_ising_machine(graph, seed):
    n, edges = graph
    W = matrix(n, edges)
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (5, n))
    cuts = cut_value(csr_array(W), x)
    assert np.array_equal(cuts, [cut_by_definition(W, row) for row in x])
    assert np.array_equal(cuts, (W.sum() / 2 - BoltzmannMachine(Ising(), -W).energy(x)) / 2)
    assert np.array_equal(cuts, cut_value(W, (x + 1) / 2))
    assert cut_value(W, x[0]) == cuts[0]
    labels = rng.integers(0, 3, n)
    assert cut_value(W, labels) == cut_by_definition(W, labels)


def test_cuts_want_a_side_for_every_vertex():
    for shape in ((2,), (5, 4), (1, 2, 3), ()):
        with pytest.raises(EbmError, match="expected shape"):
            cut_value(np.zeros((3, 3)), np.zeros(shape))


def test_annealing_finds_maximum_cuts(folder):
    """Of random graphs of 12 vertices, whose 2^11 cuts are all looked at."""
    rng = np.random.default_rng(0)
    sides = np.array(list(itertools.product([-1, 1], repeat=11)))
    sides = np.c_[np.ones(len(sides)), sides]
    for seed in range(5):
        pairs = [pair for pair in itertools.combinations(range(12), 2) if rng.random() < 0.5]
        (folder / "random").write_text(text_of(12, [(*pair, int(rng.choice([-1, 1, 2]))) for pair in pairs]))
        W = read_gset(folder / "random")
        machine = BoltzmannMachine(Ising(), -W.astype(np.float32))
        found = sample(machine, 64, sampler=Annealing(0.3, 6.0, spacing="harmonic"), seed=seed)
        assert cut_value(W, found.diagnostics["best_x"]).max() == cut_value(W, sides).max()
