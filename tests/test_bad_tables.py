"""Tables as users have them: each gets the right answer, or one line that says where and what."""

import datetime
import decimal

import numpy as np
import pytest
import scipy.sparse

from ebm import EbmError, Table
from ebm.table.columns import Binary, Real

GOOD = {"sex": ["f", "m", "f", "m"], "age": [31.5, 44.0, 59.25, 27.0], "blood": ["A", "B", "0", "A"]}
TABLE = Table.from_frame(GOOD, {"blood": "categorical"})
MANY = [f"n{k}" for k in range(10**4)]


class Broken:
    """Says that it is a DataFrame, and fails."""

    columns = ("a", "b")

    def __getitem__(self, name):
        raise RuntimeError("no such thing\nat all")


class Doubled(Broken):
    columns = ("a", "b", "a")


class Unsorted:
    """Columns whose index is in no order: what counts is where a cell stands."""

    def __init__(self, values, index):
        self.values, self.index = values, index

    def to_numpy(self):
        return np.array(self.values)


def csv(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


# Of a schema that is made: what is given, and of the line what it says.
REFUSED = {
    "no table": (7, "expected a DataFrame"),
    "a list of rows": ([[1, 2], [3, 4]], "expected a DataFrame"),
    "a plain array": (np.zeros((3, 2)), "expected a DataFrame"),
    "a scipy.sparse matrix": (scipy.sparse.csr_array(np.eye(3)), "expected a DataFrame"),
    "a DataFrame that fails": (Broken(), "cannot be read"),
    "a class": (Unsorted, "expected a DataFrame"),
    "duplicated names": (Doubled(), "2 columns are named 'a'"),
    "a name that is a number": ({0: [1, 2]}, "expected text, such as '0'"),
    "no columns": ({}, "no columns"),
    "no rows": ({"a": [], "b": []}, "no rows"),
    "columns of different lengths": ({"a": [1, 2, 5], "b": [1, 2]}, "'a' has 3 rows, column 'b' 2"),
    "a column of two axes": ({"a": np.zeros((3, 2))}, r"shape \(3, 2\)"),
    "all cells missing": ({"a": [None, None], "b": [1, 2]}, "column 'a': all cells are missing"),
    "all cells missing, as NaN": ({"a": [np.nan] * 3, "b": [1, 2, 2]}, "'a': all cells are missing"),
    "nothing varies": ({"a": [1, 1], "b": ["x", "x"]}, "no column varies"),
    "one row": ({"a": [1.5], "b": ["x"]}, "no column varies"),
    "10^4 texts": ({"id": MANY}, "10000 different texts in 10000 rows"),
    "names": ({"id": ["p", "q", "r", "s"]}, "4 different texts in 4 rows"),
    "dates": ({"when": np.array(["2020-01-01", "2021-01-01"], "M8[D]")}, "'when': dates or times"),
    "dates as objects": ({"d": [datetime.date(2020, 1, 1), None]}, "column 'd', row 0: a date"),
    "dates as text": ({"d": ["2020-01-01", "2020-01-02", "2020-01-01"]}, "looks like a date"),
    "spans of time": ({"d": np.array([1, 2], "m8[s]")}, "'d': dates or times"),
    "text among numbers": ({"a": [1.0, "abc", 3.0, 2.5]}, "column 'a', row 1: 'abc' is a text among numbers"),
    "a number among texts": ({"a": ["x", "y", 3, "x"]}, "row 2: 3 is a number among texts"),
    "an infinity": ({"a": [1.0, 2.5, np.inf]}, "column 'a', row 2: inf is not finite"),
    "an infinity as text": ({"a": ["1.5", "2.5", "-inf"]}, "row 2: -inf is not finite"),
    "integers beyond 2^53": ({"id": [2**60, 2**60 + 1, 3]}, "beyond 2"),
    "an array of integers beyond 2^53": ({"id": np.array([2**62, 2**62 + 1])}, "beyond 2"),
    "numbers whose squares are infinite": ({"a": [1e200, -1e200, 3.5]}, "whose squares no float holds"),
    "complex numbers": ({"a": np.array([1j, 2j])}, "cells of complex128"),
    "bytes": ({"a": [b"x", b"y"]}, "row 0: a bytes"),
    "lists in cells": ({"a": [[1], [2, 3], [4]]}, "column 'a', row 0: a list"),
    "labels that differ by case": ({"a": ["Yes", "yes", "no", "no"]}, "'Yes' and 'yes' differ by case"),
    "labels that differ by space": ({"a": ["new york", "new  york", "x", "x"]}, "differ by case or space"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_in_one_line(case):
    data, said = REFUSED[case]
    with pytest.raises(EbmError, match=said) as error:
        Table.from_frame(data)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


FILES = {
    "no file": (None, "no such file"),
    "an empty file": ("", "is empty"),
    "names and no row": ("a,b\n", "no row"),
    "no names": ("1.5,2\n3,4\n", "line 1 holds numbers"),
    "a name that is missing": ("a,,b\n1,2,3\n4,5,6\n", "column 1 .from 0. has no name"),
    "a name twice": ("a,b,a\n1,2,3\n2,5,6\n", "2 columns are named 'a'"),
    "ragged": ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells; expected 2"),
    "short": ("a,b,c\n1,2,3\n1,2\n", "line 3 has 2 cells; expected 3"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text"),
    "bad bytes further on": (b"a,b\n" + b"1,2\n" * 30000 + b"\xff\xfe,3\n", "no text in utf-8"),
    "text in a real column": ("a\n" + "1.5\n2.5\n" * 3 + "3,5\n", "line 8 has 2 cells|text among numbers"),
    "an infinity": ("a,b\n1.5,x\ninf,y\n2.5,x\n", "column 'a', line 3: inf is not finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_refused_in_one_line(case, tmp_path):
    text, said = FILES[case]
    path = tmp_path / "none.csv" if text is None else csv(tmp_path, text)
    with pytest.raises(EbmError, match=said) as error:
        Table.from_frame(path)
    assert "\n" not in str(error.value)


ASKED = {
    "an unknown column": ({"agee": "real"}, "did you mean 'age'"),
    "an unknown type": ({"age": "float"}, "unknown type 'float'"),
    "an unknown setting": ({"age": {"type": "count", "max": 3}}, "unknown setting 'max'"),
    "text as real": ({"sex": "real"}, "column 'sex', row 0: 'f' is no number"),
    "real as counts": ({"age": "count"}, "31.5 is no count"),
    "three labels as two": ({"blood": "binary"}, "3 different values"),
    "texts without an order": ({"blood": "ordered"}, "the order of texts is not known"),
    "a label that the list lacks": ({"blood": ["A", "B"]}, "unknown label"),
    "a label listed twice": ({"sex": ["f", "m", "f"]}, "that differ"),
    "counts beyond most": ({"age": {"type": "count", "most": 0}}, "most: expected an integer"),
    "what is not constant": ({"sex": "constant"}, "2 different values"),
    "all skipped": (dict.fromkeys(GOOD, "skip"), "all columns are skipped"),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_types_that_do_not_fit_are_refused_in_one_line(case):
    types, said = ASKED[case]
    with pytest.raises(EbmError, match=said) as error:
        Table.from_frame(GOOD, {"blood": "categorical"} | types).encode(GOOD)
    assert "\n" not in str(error.value)


SCORED = {
    "a column is missing": ({"sex": ["f"], "age": [3.0]}, "no column 'blood'"),
    "a column is spelt otherwise": (GOOD | {"agee": GOOD["age"], "age": None}, "that cannot be|one value"),
    "a new label": (GOOD | {"blood": ["A", "B", "AB", "A"]}, "column 'blood', row 2: unknown label 'AB'"),
    "a label in capitals": (GOOD | {"sex": ["f", "F", "m", "m"]}, "did you mean 'f'"),
    "text in a real column": (GOOD | {"age": [1.0, 2.0, "old", 3.0]}, "'age', row 2: 'old' is no number"),
    "an infinity": (GOOD | {"age": [1.0, np.inf, 2.0, 3.0]}, "row 1: inf is not finite"),
    "a number as label": (GOOD | {"sex": [0, 1, 1, 0]}, "row 0: unknown label 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORED)
def test_tables_that_do_not_fit_the_schema_are_refused_in_one_line(case):
    data, said = SCORED[case]
    with pytest.raises(EbmError, match=said) as error:
        TABLE.encode(data)
    assert "\n" not in str(error.value)


def labels(values, **how):
    table = Table.from_frame({"a": values}, **how)
    return table.decode(table.encode({"a": values}))["a"].tolist()


X = [3.5, None, 1.25]
RIGHT = {
    "flags with gaps": ([True, None, False, True], [True, None, False, True]),
    "objects with None": (np.array(["x", None, "y", "x"], object), ["x", None, "y", "x"]),
    "gaps in words": (["x", "NA", "y", "?", "", "x"], ["x", None, "y", None, None, "x"]),
    "numbers as text": (["1.5", "2.5", "NA", "10"], [1.5, 2.5, np.nan, 10.0]),
    "labels that are numbers": (["007", "012", "007"], ["007", "012", "007"]),
    "numpy scalars": ([np.int64(3), np.int64(1), np.int64(3)], [3, 1, 3]),
    "decimal numbers": ([decimal.Decimal("1.5"), decimal.Decimal("2.25"), 4.5], [1.5, 2.25, 4.5]),
    "a masked array": (np.ma.array([1.5, 9e9, 2.5, 4.5], mask=[0, 1, 0, 0]), [1.5, np.nan, 2.5, 4.5]),
    "an index in no order": (Unsorted([3.5, 1.5, 2.25], [2, 0, 1]), [3.5, 1.5, 2.25]),
    "words of several letters": (["ä ö", "ß", "ä ö"], ["ä ö", "ß", "ä ö"]),
    "small and large numbers": ([1e-12, 2.5e12, 3.0], [1e-12, 2.5e12, 3.0]),
    "a column of numpy texts": (np.array(["x", "y", "x"]), ["x", "y", "x"]),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_odd_columns_come_back_as_they_were(case):
    values, expected = RIGHT[case]
    for found, own in zip(labels(values), expected, strict=True):
        assert found == own or found != found or abs(found - own) <= 1e-3 * abs(own) + 1e-3, (found, own)


def test_a_constant_column_is_kept_and_held():
    data = GOOD | {"land": ["x", "x", None, "x"], "zero": [0.0] * 4}
    table = Table.from_frame(data, {"blood": "categorical"})
    assert table.n_units == 3
    decoded = table.decode(table.encode(data))
    assert decoded["land"].tolist() == ["x"] * 4
    assert decoded["zero"].tolist() == [0] * 4
    with pytest.raises(EbmError, match="column 'land', row 1: 'y'; all rows"):
        table.encode(data | {"land": ["x", "y", "x", "x"]})


def test_ten_thousand_categories_are_taken_if_asked_for():
    table = Table.from_frame({"id": MANY}, {"id": "categorical"})
    assert table.columns[0].units.q == 10**4
    states = [sorted(MANY).index(name) for name in MANY[:20]]
    np.testing.assert_array_equal(table.encode({"id": MANY[:20]})[:, 0], states)


def test_integers_beyond_floats_are_labels_if_asked_for():
    values = [2**60, 2**60 + 1, 2**60]
    assert labels(values, types={"a": "categorical"}) == values


def test_unseen_labels_have_a_state_of_their_own_if_asked_for():
    table = Table.from_frame(GOOD, {"blood": "categorical"}, unseen="other")
    rows = table.encode(GOOD | {"blood": ["AB", "A", "0", None]})
    assert table.decode(rows)["blood"].tolist() == ["other", "A", "0", None]


def test_columns_are_found_by_name_in_any_order():
    other = {"more": [1, 2, 3, 4], "blood": GOOD["blood"], "age": GOOD["age"], "sex": GOOD["sex"]}
    np.testing.assert_array_equal(TABLE.encode(other), TABLE.encode(GOOD))


def test_other_units_are_noticed():
    metres = Table((Real("height", 170.0, 8.0),))
    with pytest.warns(UserWarning, match="column 'height': half of the values lie ten deviations"):
        metres.encode({"height": [1.7, 1.65, 1.8]})


def test_numbers_that_stand_for_gaps():
    table = Table.from_frame({"a": [1.5, -999, 2.5, -999.0]}, missing=[-999])
    assert np.isnan(table.encode({"a": [-999, 1.0]})[0, 0])
    assert "2 (-999 2)" in str(table)


def test_labels_alike_are_two_if_both_are_listed():
    types = {"a": {"type": "binary", "labels": ["Yes", "yes"]}}
    assert labels(["Yes", "yes", "Yes"], types=types) == ["Yes", "yes", "Yes"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_and_marks(encoding, tmp_path):
    table = Table.from_frame(csv(tmp_path, "größe;ort\n1,5;köln\n2,5;ulm\n1,25;köln\n", encoding=encoding))
    assert table.names == ("größe", "ort")
    assert table.columns[0] == Real("größe", 1.75, float(np.std([1.5, 2.5, 1.25])))
    assert table.columns[1] == Binary("ort", ("köln", "ulm"))


def test_quoted_cells_and_gaps_in_a_file(tmp_path):
    text = 'name,"a, b",x\none,"p, q",1.5\ntwo,r,\nthree,"p, q",NA\nfour, r ,2.5\n'
    table = Table.from_frame(csv(tmp_path, text), {"name": "skip"})
    assert table.columns[0] == Binary("a, b", ("p, q", "r"))
    assert np.isnan(table.encode(csv(tmp_path, text))[:, 1]).tolist() == [False, True, True, False]


def test_there_are_forty_cases():
    assert sum(map(len, (REFUSED, FILES, ASKED, SCORED, RIGHT))) >= 70
