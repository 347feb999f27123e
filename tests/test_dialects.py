"""Tables as other programs write them by default are read as they are meant, or refused."""

import csv

import numpy as np
import pytest

from ebm import EbmError
from ebm.datasets import File, read_array

X = np.array([[0.5, 1, 0], [1, 0, 0.25], [0, 0, 1], [1, 1.5, 0]])
COMMA = [[str(value).replace(".", ",") for value in row] for row in X]


def text(rows, delimiter=",", header=None):
    lines = [header] if header else []
    return "\n".join(lines + [delimiter.join(map(str, row)) for row in rows]) + "\n"


WRITTEN = {
    "plain": text(X),
    "a header": text(X, header="a,b,c"),
    "Excel, German": text(COMMA, ";", "a;b;c"),
    "Excel, German, without a header": text(COMMA, ";"),
    "tabs": text(X, "\t", "a\tb\tc"),
    "tabs and decimal commas": text(COMMA, "\t"),
    "bars": text(X, "|", "a|b|c"),
    "numpy.savetxt": text(X.tolist(), " "),
    "numpy.savetxt, a header": text(X.tolist(), " ", "# a b c"),
    "numpy.savetxt, commas and a header": text(X, ",", "# a,b,c"),
    "aligned by spaces": text(X, "   "),
    "a space after the comma": text(X, ", "),
    "pandas": text([[k, *row] for k, row in enumerate(X)], header=",a,b,c"),
    "R, write.csv": text([[f'"{k + 1}"', *row] for k, row in enumerate(X)], header='"","a","b","c"'),
    "R, write.csv2": text([[f'"{k + 1}"', *row] for k, row in enumerate(COMMA)], ";", '"";"a";"b";"c"'),
    "R, write.table": text([[f'"{k + 1}"', *row] for k, row in enumerate(X)], " ", '"a" "b" "c"'),
    "R, names of rows": text([[f'"car {k}"', *row] for k, row in enumerate(X)], header='"","a","b","c"'),
    "names with commas": text(X, header='"a, m",b,c'),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("program", WRITTEN)
def test_tables_of_other_programs_are_read_as_they_are_meant(program, end, encoding, tmp_path):
    written = WRITTEN[program].replace("\n", end)
    (tmp_path / "x.csv").write_bytes(written.encode(encoding))
    assert np.array_equal(read_array(tmp_path / "x.csv"), X)


def test_names_in_western_letters(tmp_path):
    (tmp_path / "x.csv").write_bytes("größe;höhe\n0,5;1\n1;0\n".encode("cp1252"))
    assert np.array_equal(read_array(tmp_path / "x.csv"), [[0.5, 1], [1, 0]])


@pytest.mark.parametrize("labels", ["c", -1, 2])
def test_labels_are_found_beside_the_numbers_of_rows(labels, tmp_path):
    rows = [[k, k % 2, 1 - k % 2, k % 3] for k in range(12)]
    (tmp_path / "x.csv").write_text(text(rows, header=",a,b,c"))
    data = File(str(tmp_path / "x.csv"), labels=labels).load()
    assert data.train.shape[1] == 2
    both = np.concatenate([data.train_labels, data.test_labels])
    assert np.array_equal(np.bincount(both), [4, 4, 4])


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (",a,b\n7,0,1\n9,1,0\n", "column 0 .* has no name and does not count the rows"),
        ("a;b\n1,000;2\n3,500;4\n", "comma stands before three digits"),
        ("a,b\n1,NA\n", r"line 2, column 'b': 'NA' is no number: fill what is missing, or leave its row out"),
        ("a,b\n1,\n", "the cell is empty: fill what is missing"),
        ("a,b\n1,setosa\n", r"'setosa' is no number: number the classes 0, 1, \.\.\."),
        ("a,b\n1,2\n1\n", "line 3 has 1 columns; expected 2"),
    ],
)
def test_what_has_two_readings_or_none_is_refused(written, what, tmp_path):
    (tmp_path / "x.csv").write_text(written)
    with pytest.raises(EbmError, match=what):
        read_array(tmp_path / "x.csv")


def test_a_delimiter_that_is_given_is_taken(tmp_path):
    (tmp_path / "x.csv").write_text("1;2\n3;4\n")
    with pytest.raises(EbmError, match="is the delimiter ';'"):
        read_array(tmp_path / "x.csv", delimiter=",")


def test_our_own_tables_are_read_again(tmp_path):
    with open(tmp_path / "x.csv", "w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(X)
    assert np.array_equal(read_array(tmp_path / "x.csv"), X)
