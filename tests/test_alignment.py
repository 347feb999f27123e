"""Alignments: read letter by letter, cut, weighed, split; against definitions written out."""

import gzip
import itertools

import numpy as np
import pytest

import ebm
from ebm import EbmError
from ebm.datasets import Alignment, encoded, read_array, read_fasta, write_fasta
from ebm.inverse import homology_clusters, homology_split, sequence_weights


@pytest.fixture
def file(tmp_path):
    def write(text, name="family.fasta"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def family(m=60, n=23, q=21, seed=0, ancestors=6):
    """Sequences of a few ancestors, so that some are alike."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, q, (ancestors, n))[rng.integers(0, ancestors, m)]
    return np.where(rng.random((m, n)) < 0.6 * rng.random((m, 1)), rng.integers(0, q, (m, n)), rows)


# Reading.


def test_names_lines_and_letters(file):
    found = read_fasta(file(">one | of two\nACD\nEF-\n\n>two\n  ACDY-W\n"))
    assert found.names == ("one | of two", "two")
    assert found.sequences == ["ACDEF-", "ACDY-W"]
    assert found.alphabet == "-ACDEFGHIKLMNPQRSTVWY"
    assert found.states.dtype == np.uint8
    assert found.states[0].tolist() == [1, 2, 3, 4, 5, 0]
    assert repr(found) == "Alignment(2 sequences, 6 sites of -ACDEFGHIKLMNPQRSTVWY)"


@pytest.mark.parametrize(
    ("text", "letters"),
    [(">a\nACGT-\n", "dna"), (">a\nACGUNU\n", "rna"), (">a\nACGTKLV\n", "protein"), (">a\n--\n", "protein")],
)
def test_the_alphabet_is_found_by_the_letters(file, text, letters):
    assert read_fasta(file(text)).alphabet == ebm.datasets.alignment.ALPHABETS[letters]


def test_insertions(file):
    """Of an a3m the sequences have one length without them; kept, they are letters, and dots are gaps."""
    a3m = file(">a\nACaaD\n>b\nA-D\n>c\nACcD\n", "family.a3m")
    assert read_fasta(a3m, "protein").sequences == ["ACD", "A-D", "ACD"]
    with pytest.raises(EbmError, match=r"line 3, 'b': has 3 sites; expected 5, as the first"):
        read_fasta(a3m, "protein", insertions="keep")
    plain = file(">a\nac.D\n>b\nACD-\n")
    assert read_fasta(plain, "protein", insertions="keep").sequences == ["AC-D", "ACD-"]
    with pytest.raises(EbmError, match="all have 4 with lower case and dots, which insertions='keep' keeps"):
        read_fasta(plain, "protein")
    with pytest.raises(EbmError, match="line 1, 'a': holds insertions only"):
        read_fasta(file(">a\nacd\n"))
    own = read_fasta(file(">a\nhPh.\n"), "hP.")  # there they are letters
    assert own.sequences == ["hPh."]


def test_unknown_letters(file):
    path = file(">a\nAXBZ*\n>b\nACDEF\n")
    assert read_fasta(path, "protein").sequences == ["A----", "ACDEF"]
    with pytest.raises(EbmError, match="line 1, 'a': 'X' is none of -ACD"):
        read_fasta(path, "protein", unknown="refuse")
    with pytest.raises(EbmError, match="'N' is none of ACGT"):  # no gap to make of it
        read_fasta(file(">a\nACGN\n"), "ACGT")
    assert read_fasta(file(">a\nACTU\n"), "rna").sequences == ["ACUU"]


def test_files_of_other_systems(file):
    text = ">one\r\nAC\r\nGT\r\n>two\r\nA--T\r\n"
    plain = read_fasta(file(text), "dna")
    packed = read_fasta(file(gzip.compress(text.encode()), "family.fasta.gz"), "dna")
    marked = read_fasta(file(b"\xef\xbb\xbf" + text.encode()), "dna")
    mac = read_fasta(file(text.replace("\r\n", "\r")), "dna")
    for found in (plain, packed, marked, mac):
        assert found.sequences == ["ACGT", "A--T"]
        assert found.names == ("one", "two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; expected '>'"),
        ("\n \n", "is empty"),
        ("ACGT\n", "line 1: begins with 'ACGT'; expected '>' and a name"),
        ("# STOCKHOLM 1.0\nx ACD\n", "begins a Stockholm file"),
        ("CLUSTAL W\n\nx ACD\n", "begins a Clustal file"),
        (">a\n>b\nACD\n", "line 1, 'a': has no sequence"),
        (
            ">a\nACD\n>b\nAC\n",
            "line 3, 'b': has 2 sites; expected 3, as the first: sequences have to be aligned",
        ),
        (">a\nAC1\n", "'1' is none of"),
        (">a\nAC\xe9\n", "is none of"),
        (b"\xff\xfe>\0a\0", "is UTF-16"),
        (b"\x1f\x8b\x08\x00broken", "truncated, damaged"),
        (b"\x00\x01\x02", "expected '>'"),
    ],
)
def test_what_is_no_alignment_is_one_line(file, text, said):
    with pytest.raises(EbmError) as error:
        read_fasta(file(text), "protein")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "family.fasta" in str(error.value)


def test_missing_files_and_wrong_arguments(tmp_path, file):
    file(">a\nAC\n")
    with pytest.raises(EbmError, match=r"no such file; did you mean 'family.fasta'"):
        read_fasta(tmp_path / "famly.fasta")
    with pytest.raises(EbmError, match="is a directory"):
        read_fasta(tmp_path)
    with pytest.raises(EbmError, match="did you mean 'protein'"):
        read_fasta(tmp_path / "family.fasta", "protien")
    with pytest.raises(EbmError, match="each once"):
        read_fasta(tmp_path / "family.fasta", "AAC")
    with pytest.raises(EbmError, match="insertions: unknown"):
        read_fasta(tmp_path / "family.fasta", insertions="lower")


def test_a_small_file_that_expands_beyond_reason_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(ebm.files, "_SMALL", 2**16)
    path = tmp_path / "bomb.fasta.gz"
    path.write_bytes(gzip.compress(b">a\n" + b"A" * 10**7))
    with pytest.raises(EbmError, match="expected a smaller file"):
        read_fasta(path)


def test_written_is_read(tmp_path):
    rows = Alignment(family(5, 30), [f"s{i} x" for i in range(5)])
    write_fasta(tmp_path / "a.fasta", rows, energies=np.arange(5) / 2, width=7)
    found = read_fasta(tmp_path / "a.fasta", "protein")
    np.testing.assert_array_equal(found.states, rows.states)
    assert found.names[3] == "s3 x energy=1.5"
    assert max(len(line) for line in (tmp_path / "a.fasta").read_text().splitlines()) < 20
    with pytest.raises(EbmError, match="energies: expected shape"):
        write_fasta(tmp_path / "a.fasta", rows, energies=[1.0])


def test_rows_of_everything(file):
    """`read_array`, a run's [data] and all that takes rows read the states."""
    path = file(">a\nACGT\n>b\nAC-T\n>c\nGG-T\n")
    np.testing.assert_array_equal(read_array(path), read_fasta(path).states)
    data = ebm.datasets.File(str(path), test=0.34).load()
    assert (data.kind, data.n_states) == ("potts", 5)
    rows = read_fasta(path)
    machine = ebm.BoltzmannMachine.from_data(rows, units=ebm.Potts(rows.q))
    ebm.fit(machine, rows, rule=ebm.CD(), epochs=1, batch_size=3)
    assert machine.energy(rows).shape == (3,)
    with pytest.raises(EbmError, match="a FASTA file holds one table"):
        read_array(path, "X")


def test_encoded():
    assert encoded("acgu".upper(), "dna").tolist() == [1, 2, 3, 4]
    with pytest.raises(EbmError, match=r"sequence: 'b' at 1 \(from 0\) is none of -ACGT"):
        encoded("Ab", "dna")


# The type.


def test_cuts():
    rows = Alignment(
        [[1, 0, 2, 0], [1, 1, 0, 0], [2, 1, 0, 0]], ["ref one", "b", "c"], "dna", [1.0, 1.0, 2.0]
    )
    cut = rows.of_reference("ref")
    assert cut.columns.tolist() == [0, 2]
    assert cut.sites([1]).columns.tolist() == [2]
    assert rows.of_reference(-3).columns.tolist() == [0, 2]
    assert rows.without_gaps(sites=0.7).columns.tolist() == [0, 1]  # of site 2 three quarters, by weight
    assert rows.without_gaps(sites=0.75).columns.tolist() == [0, 1, 2]
    gappy = Alignment([[0, 0, 0, 1], [1, 1, 1, 0]], ["a", "b"], "dna")
    assert gappy.without_gaps(sequences=0.5).names == ("b",)
    assert rows.rows([2, 0]).names == ("c", "ref one")
    assert rows.rows([2, 0]).weights.tolist() == [2, 1]
    twice = Alignment([[1, 1], [2, 2], [1, 1]], alphabet="dna", weights=[1, 2, 3]).distinct()
    assert twice.states.tolist() == [[1, 1], [2, 2]]
    assert twice.weights.tolist() == [4, 2]
    assert twice.names == ("0", "1")
    np.testing.assert_array_equal(np.asarray(rows, float), rows.states)


def test_frequencies_and_entropy():
    rows = Alignment([[1, 1], [1, 2], [1, 3], [1, 4]], alphabet="dna", weights=[1, 1, 1, 1])
    np.testing.assert_allclose(rows.frequencies(), [[0, 1, 0, 0, 0], [0, 0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(rows.entropy(), [0, np.log(4)])
    weighted = Alignment(rows.states, alphabet="dna", weights=[3, 1, 0, 0]).frequencies()
    np.testing.assert_allclose(weighted[1], [0, 0.75, 0.25, 0, 0])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Alignment([[5]], alphabet="dna"), "row 0, column 0: 5; expected 0 to 4, places in -ACGT"),
        (lambda: Alignment([[0.5]], alphabet="dna"), "0.5; expected 0 to 4"),
        (lambda: Alignment([[np.nan]], alphabet="dna"), "nan; expected 0 to 4"),
        (lambda: Alignment(np.zeros((0, 3))), "expected rows of sites"),
        (lambda: Alignment([[1]], ["a", "b"]), "names: expected 1 texts, got 2"),
        (lambda: Alignment([[1]], [3]), "names: expected 1 texts"),
        (lambda: Alignment([[1]], ["a\nb"]), "names of one line"),
        (lambda: Alignment([[1]], weights=[-1.0]), "weights: expected 1 finite numbers >= 0"),
        (lambda: Alignment([[1], [1]], ["a x", "a y"]).row("a"), "sequences 0 and 1 have it"),
        (lambda: Alignment([[1]], ["alpha"]).row("alpa"), "did you mean 'alpha'"),
        (lambda: Alignment([[1]]).row(1), "reference: expected a number from -1 to 0"),
        (lambda: Alignment([[0]]).without_gaps(sites=0.5), "sites: all have more gaps than 0.5"),
        (lambda: Alignment([[0]], alphabet="AC").without_gaps(sites=0.5), "AC has no gap"),
        (lambda: Alignment([[0]]).sites([1]), "sites: expected numbers from 0 to 0, got 1 to 1"),
        (lambda: Alignment([[0]]).rows([False]), "rows: expected some numbers"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(EbmError) as error:
        call()
    assert said in str(error.value)


# Relatives.


def agreements(rows):
    return (rows[:, None] == rows[None]).mean(2)


@pytest.mark.parametrize(
    ("m", "n", "q"),
    [(60, 23, 21), (300, 64, 5), (700, 70, 21), (40, 129, 32), (50, 10, 64), (9, 1, 2), (1, 5, 3)],
)
@pytest.mark.parametrize("identity", [0.0, 0.3, 0.8, 1.0])
def test_weights_are_those_of_the_definition(m, n, q, identity):
    rows = family(m, n, q)
    expected = 1 / (agreements(rows) >= identity - 1e-12).sum(1)
    np.testing.assert_array_equal(sequence_weights(rows, identity), expected)


def test_a_share_that_floats_do_not_have_counts():
    rows = np.array([[0] * 10, [0] * 8 + [1, 1], [0] * 7 + [1, 1, 1]])
    assert sequence_weights(rows, 0.8).tolist() == [0.5, 1 / 3, 0.5]
    rows = np.array([[0] * 5, [0] * 3 + [1, 1]])
    assert sequence_weights(rows, 0.6).tolist() == [0.5, 0.5]


def test_two_threads_count_the_same():
    rows, before = family(1200, 40), ebm.get_num_threads()
    try:
        ebm.set_num_threads(1)
        one = sequence_weights(rows)
        ebm.set_num_threads(2)
        np.testing.assert_array_equal(sequence_weights(rows), one)
    finally:
        ebm.set_num_threads(before)


def linked(rows, identity):
    """Single linkage by walking."""
    near = agreements(rows) >= identity - 1e-12
    cluster, k = np.full(len(rows), -1), 0
    for i in range(len(rows)):
        if cluster[i] < 0:
            reached = {i}
            while True:
                grown = set(np.flatnonzero(near[sorted(reached)].any(0)))
                if grown == reached:
                    break
                reached = grown
            cluster[sorted(reached)] = k
            k += 1
    return cluster


@pytest.mark.parametrize("identity", [0.4, 0.6, 0.8])
def test_clusters_are_those_of_single_linkage(identity):
    rows = family(400, 30, seed=1, ancestors=40)
    found, expected = homology_clusters(rows, identity), linked(rows, identity)
    assert (
        len(set(zip(found.tolist(), expected.tolist(), strict=True))) == expected.max() + 1 == found.max() + 1
    )
    assert (np.diff(np.bincount(found)) <= 0).all()  # the largest is the first


def test_no_relative_on_the_other_side():
    rows = Alignment(family(400, 30, seed=2, ancestors=60))
    parts = {seed: homology_split(rows, 0.2, identity=0.6, seed=seed) for seed in range(3)}
    for training, validation in parts.values():
        assert sorted([*training, *validation]) == list(range(400))
        assert 40 <= len(validation) <= 80
        assert agreements(rows.states)[np.ix_(training, validation)].max() < 0.6
    first, again = parts[0], homology_split(rows, 0.2, identity=0.6, seed=0)
    np.testing.assert_array_equal(first[1], again[1])
    assert any(set(a[1]) != set(b[1]) for a, b in itertools.pairwise(parts.values()))


def test_one_cluster_that_swallows_nearly_all():
    rows = np.zeros((50, 10), int)
    rows[0] = 1
    with pytest.raises(EbmError, match="a cluster holds 49 of 50 sequences, 1 can be held out of 10"):
        homology_split(rows, 0.2)
    with pytest.raises(EbmError, match="a cluster holds 49 of 49 sequences, 0 can be held out"):
        homology_split(rows[1:], 0.2)


@pytest.mark.parametrize("function", [sequence_weights, homology_clusters, homology_split])
@pytest.mark.parametrize("rows", [[[0.5]], [[-1]], [[300]], [1, 2], np.zeros((0, 4)), [["A"]]], ids=str)
def test_rows_that_are_no_states(function, rows):
    with pytest.raises(EbmError):
        function(rows)
