"""Tables: schemas, rows of units and back, questions by name, files."""

import itertools
import json

import numpy as np
import pytest

import ebm
from ebm import EbmError, Table, TableModel
from ebm.table.columns import Binary, Categorical, Constant, Count, Ordered, Real, column_from_dict
from ebm.table.mixture import Mixture
from ebm.table.observed import slopes

COLUMNS = (
    Real("height", 170.0, 10.0), Binary("smokes", ("no", "yes")), Categorical("blood", ("A", "B", "0")),
    Constant("country", "nowhere"), Ordered("health", (1, 2, 3, 4)), Binary("urban", (False, True)),
    Count("teeth", 3, True), Count("visits", 5, False), Categorical("pet", ("cat", "dog"), other=True),
)  # fmt: skip
TABLE = Table(COLUMNS)
DATA = {
    "height": [165.0, None, 180.5], "smokes": ["yes", "no", ""], "blood": ["0", "A", "NA"],
    "country": ["nowhere", None, "nowhere"], "health": [4, 1, 2], "urban": [True, None, False],
    "teeth": [3, 0, 1], "visits": [0, float("nan"), 5], "pet": ["dog", "emu", "cat"],
}  # fmt: skip


class Frame:
    """What of a DataFrame is used: names, columns that turn into arrays, and a constructor from a dict."""

    class Series:
        def __init__(self, values):
            self._values = values

        def to_numpy(self):
            kinds = {type(v) for v in self._values}
            return np.array(self._values, None if kinds in ({float}, {int}, {bool}) else object)

    def __init__(self, data):
        self.data = dict(data)

    @property
    def columns(self):
        return list(self.data)

    def __getitem__(self, name):
        return self.Series(self.data[name])


def model(seed=0, n_hidden=3):
    """A random machine of the table."""
    units, rng = TABLE.units, np.random.default_rng(seed)
    n = units.columns(TABLE.n_units)
    theta = {"v.precision": [2.0]}
    W, b, c = rng.normal(size=(n, n_hidden)), rng.normal(size=n), rng.normal(size=n_hidden)
    return TableModel(ebm.RBM(units, ebm.Bernoulli(), W, b, c, theta=theta), TABLE)


def same(found, expected):
    for name, values in expected.items():
        for a, b in zip(found[name], values, strict=True):
            assert a == b or (a in (None, "NA") and b is None) or (a != a and b != b), (name, a, b)


def test_rows_and_back():
    rows = TABLE.encode(DATA)
    assert rows.shape == (3, 8)
    expected = DATA | {
        "height": [165.0, np.nan, 180.5], "smokes": ["yes", "no", None], "blood": ["0", "A", None],
        "country": ["nowhere"] * 3, "visits": [0, np.nan, 5], "pet": ["dog", "other", "cat"],
    }  # fmt: skip
    same(TABLE.decode(rows), expected)
    assert list(TABLE.decode(rows)) == [c.name for c in COLUMNS]


def test_units_of_one_type_stand_side_by_side():
    assert [c.name for c in TABLE.by_unit()] == [
        "height",
        "smokes",
        "urban",
        "blood",
        "pet",
        "health",
        "teeth",
        "visits",
    ]
    kinds = [
        ebm.Gaussian(True),
        ebm.Bernoulli(),
        ebm.Potts(3),
        ebm.Ordered(4),
        ebm.Binomial(3),
        ebm.TruncatedPoisson(5),
    ]
    assert TABLE.units == ebm.Mixed(tuple(zip(kinds, [1, 2, 2, 1, 1, 1], strict=True)))
    assert TABLE.unit("pet") == 4
    assert Table((COLUMNS[1], COLUMNS[5])).units == ebm.Bernoulli()


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_all_sources_are_one(tmp_path):
    names = ["height", "smokes", "health"]
    rows = [[165.0, "yes", 4], [170.5, "no", 1], [180.5, "yes", 2]]
    data = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    array = np.array([tuple(row) for row in rows], [("height", "f8"), ("smokes", "U3"), ("health", "i4")])
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    points = [";".join(str(v).replace(".", ",") for v in row) for row in [names, *rows]]
    sources = [
        data, Frame(data), array, written(tmp_path, "\n".join(lines)),
        str(written(tmp_path, "\n".join(points), "semi.csv")),
        written(tmp_path, "\r\n".join(line.replace(",", "\t") for line in lines), "t.tsv", "utf-8-sig"),
        written(tmp_path, "\n".join(f"{k - 1 if k else ''},{line}" for k, line in enumerate(lines)), "r.csv"),
    ]  # fmt: skip
    tables = [Table.from_frame(source) for source in sources]
    for table, source in itertools.product(tables, sources):
        assert table.columns == tables[0].columns
        np.testing.assert_array_equal(table.encode(source), tables[0].encode(data))
    decoded = tables[0].decode(tables[0].encode(data), like=Frame({}))
    assert isinstance(decoded, Frame)
    same(decoded.data, data)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_data_frames(package):
    frames = pytest.importorskip(package)
    data = {
        "a": [1.5, None, 2.25],
        "b": ["x", None, "y"],
        "c": [True, False, True],
        "d": [3, 1, 2],
        "e": [1, None, 0],
    }
    table, plain = Table.from_frame(frames.DataFrame(data)), Table.from_frame(data)
    assert table.columns == plain.columns
    np.testing.assert_array_equal(table.encode(frames.DataFrame(data)), plain.encode(data))
    decoded = table.decode(table.encode(data), like=frames.DataFrame({}))
    assert isinstance(decoded, frames.DataFrame)
    assert list(decoded.columns) == list(data)


def test_guesses_are_shown():
    text = str(Table.from_frame(DATA | {"id": ["p", "q", "r"]}, {"id": "skip", "pet": "categorical"}))
    lines = text.splitlines()
    assert len(lines) == 10
    assert "always nowhere" in text
    assert any(
        ("height" in line and "real" in line and "2 numbers" not in line) or "1 (" in line for line in lines
    )
    assert "'NA' 1" in text
    assert "as asked" in text


def test_heaps_in_real_columns_are_said_and_split():
    """Hours of those who do not work: a heap at 0. Split as is said, no draw lies between."""
    rng = np.random.default_rng(0)
    works = rng.random(200) < 0.6
    hours = np.where(works, 1500 + 300 * rng.normal(size=200), 0.0)
    age = 40 + 10 * rng.normal(size=200)
    said = str(Table.from_frame({"hours": hours, "age": age.round()}))
    (line,) = [line for line in said.splitlines() if "heap" in line]
    assert "hours" in line
    assert f"{(~works).mean():.0%} are 0, a heap: better a binary column of that" in line
    split = {"works": works, "hours": np.where(works, hours, np.nan), "age": age}
    model = ebm.TableModel.fit(split, n_hidden=1)
    assert "heap" not in str(model.table)
    drawn = model.given(works=True).sample(50)
    assert (np.asarray(drawn["hours"]) > 300).all()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
def test_a_column_is_kept_by_json(column):
    assert column_from_dict(json.loads(json.dumps(column.to_dict()))) == column


def test_densities_are_in_the_users_units():
    """In centimetres and in metres a row's log-densities differ by log 100, whatever is learnt."""
    rng = np.random.default_rng(0)
    data = {"height": 170 + 10 * rng.normal(size=50), "tall": rng.choice(["n", "y"], 50)}
    metres = data | {"height": data["height"] / 100}
    both = []
    for own in (data, metres):
        table = Table.from_frame(own)
        machine = ebm.RBM.from_data(table.encode(own), 2, visible=table.units, scale=0.5)
        both.append(TableModel(machine, table))
    np.testing.assert_allclose(both[1].score(metres) - both[0].score(data), np.log(100), rtol=1e-5)
    cells = [m.anomaly(d)[1] for m, d in zip(both, (data, metres), strict=True)]
    np.testing.assert_allclose(cells[0]["height"] - cells[1]["height"], np.log(100), rtol=1e-5)
    np.testing.assert_allclose(cells[0]["tall"], cells[1]["tall"], rtol=1e-4)
    gaps = {"height": [None, 180.0], "tall": ["y", None]}
    score = both[0].score(gaps)
    assert 0 < np.exp(score[0]) < 1
    low, high = both[0].table.columns[0].mean - 80, both[0].table.columns[0].mean + 80
    grid = np.linspace(low, high, 4001)
    density = np.exp(both[0].score({"height": grid, "tall": [None] * len(grid)}))
    np.testing.assert_allclose(density.sum() * (grid[1] - grid[0]), 1.0, rtol=1e-6)


def finite():
    """The model of the table's columns that have finitely many states, and all their rows."""
    columns = COLUMNS[1:3] + COLUMNS[4:5] + COLUMNS[6:7]
    table, rng = Table(columns), np.random.default_rng(1)
    units = table.units
    n = units.columns(table.n_units)
    machine = ebm.RBM(units, ebm.Potts(3), rng.normal(size=(n, 6)), rng.normal(size=n), rng.normal(size=6))
    states = [column.units.states for column in table.by_unit()]
    return TableModel(machine, table), np.array(list(itertools.product(*states)))


def test_mixtures_are_the_enumerated_distribution():
    own, rows = finite()
    p = np.exp(ebm.log_likelihood(own.machine, rows))
    np.testing.assert_allclose(p.sum(), 1)
    some = rows[[3, 40, 77]].copy()
    some[0, 1], some[1, [0, 2]] = np.nan, np.nan
    fits = [((rows == row) | np.isnan(row)).all(1) for row in some]
    mixture = own.mixture
    np.testing.assert_allclose(np.exp(mixture.log_likelihood(some)), [p[fit].sum() for fit in fits])
    for i in range(rows.shape[1]):
        others = some.copy()
        others[:, i] = np.nan
        for k, row in enumerate(others):
            fit = ((rows == row) | np.isnan(row)).all(1)
            states = np.unique(rows[:, i])
            expected = [p[fit & (rows[:, i] == s)].sum() / p[fit].sum() for s in states]
            np.testing.assert_allclose(mixture.probabilities(others[[k]], i)[0], expected)
            mean = np.dot(states, expected)
            np.testing.assert_allclose(
                np.ravel(mixture.moments(others[[k]], i)), [mean, np.dot(np.square(states - mean), expected)]
            )
            level = 0.6
            assert (
                mixture.quantile(others[[k]], i, level)[0] == states[(np.cumsum(expected) >= level).argmax()]
            )
            if not np.isnan(some[k, i]):
                cell = mixture.cells(some)[k, i]
                np.testing.assert_allclose(np.exp(cell), expected[int(np.searchsorted(states, some[k, i]))])


def test_mixtures_of_real_columns_are_the_quadrature():
    own = model()
    rows = np.asarray(own.machine.sample0(5, ebm.Stream(0)), np.float64)
    mixture = Mixture(own.machine)
    np.testing.assert_allclose(mixture.log_likelihood(rows), ebm.log_likelihood(own.machine, rows), rtol=1e-9)
    cells = mixture.cells(rows)
    for i in range(rows.shape[1]):
        np.testing.assert_allclose(
            cells[:, i], ebm.conditional_log_likelihood(own.machine, rows, unit=i), atol=1e-8
        )
    others = rows.copy()
    others[:, 0] = np.nan
    mean, variance = ebm.conditional_moments(own.machine, rows[:, 1:], unit=0)
    np.testing.assert_allclose(mixture.moments(others, 0), [mean, variance], rtol=1e-8)
    q = mixture.quantile(others, 0, [0.1, 0.9])
    grid = np.linspace(q[0, 0], q[0, 1], 4001)
    line = np.tile(rows[:1], (len(grid), 1))
    line[:, 0] = grid
    p = np.exp(mixture.log_likelihood(line) - mixture.log_likelihood(others[:1]))
    np.testing.assert_allclose(p.sum() * (grid[1] - grid[0]), 0.8, rtol=1e-3)


def test_questions_by_name_are_those_of_samples():
    own = model()
    known = own.given(smokes="yes", health=3)
    drawn = known.sample(4000, seed=1)
    assert set(drawn["smokes"]) == {"yes"}
    assert set(drawn["health"]) == {3}
    assert set(drawn["country"]) == {"nowhere"}
    for label, p in known.probabilities("blood").items():
        assert abs(np.mean(drawn["blood"] == label) - p) < 4 * (p * (1 - p) / 4000) ** 0.5
    assert abs(np.mean(drawn["height"]) - known.mean("height")) < 4 * known.std("height") / 4000**0.5
    low, high = known.interval("height", 0.5)
    assert abs(np.mean((low < drawn["height"]) & (drawn["height"] < high)) - 0.5) < 4 * 0.5 / 4000**0.5
    np.testing.assert_allclose(known.probability("urban") + known.probability("urban", False), 1.0)
    np.testing.assert_allclose(sum(known.probabilities("visits").values()), 1.0)
    assert known.mean("visits").stderr == 0


def test_answers_by_draws_say_their_error():
    own = model()
    known, drawn = own.given(smokes="yes"), model()
    vars(drawn)["mixture"] = None
    rough = drawn.given(smokes="yes")
    for a, b in (
        (known.mean("height"), rough.mean("height")),
        (known.probability("pet", "dog"), rough.probability("pet", "dog")),
    ):
        assert b.stderr > 0
        assert abs(a - b) < 4 * b.stderr
    np.testing.assert_allclose(
        rough.interval("height"), known.interval("height"), atol=0.3 * known.std("height")
    )
    rows = own.sample(6)
    np.testing.assert_allclose(drawn.score(rows), own.score(rows), atol=0.1)
    np.testing.assert_allclose(drawn.predict(rows, "height"), own.predict(rows, "height"))
    assert (drawn.predict(rows, "blood") == own.predict(rows, "blood")).all()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m: m.given(smoke="yes"), "did you mean 'smokes'"),
        (lambda m: m.given(smokes="Yes"), "did you mean 'yes'"),
        (lambda m: m.given(smokes="yes").probability("smokes"), "is given"),
        (lambda m: m.given().probability("blood"), "one of its labels"),
        (lambda m: m.given().probability("height"), "is real"),
        (lambda m: m.given().mean("smokes"), "is binary"),
        (lambda m: m.given().mean("country"), "is given"),
        (lambda m: m.given(teeth=4), "0 to 3"),
        (lambda m: m.predict_proba(m.sample(2), "height"), "is real"),
        (lambda m: m.predict_interval(m.sample(2), "pet"), "is categorical"),
        (lambda m: m.predict(m.sample(2), "country"), "is constant"),
        (lambda m: TableModel(m.machine, Table(COLUMNS[:3])), "8 visible units, the table 3"),
    ],
)
def test_refusals_are_one_line(ask, said):
    with pytest.raises(EbmError, match=said) as error:
        ask(model())
    assert "\n" not in str(error.value)


def test_files_keep_the_table(tmp_path):
    own = model()
    ebm.save(tmp_path / "m.npz", own)
    back = ebm.load(tmp_path / "m.npz")
    assert isinstance(back, TableModel)
    assert back.table == own.table
    rows = own.sample(4)
    np.testing.assert_array_equal(back.score(rows), own.score(rows))
    from ebm.checkpoint import load_machine

    assert isinstance(load_machine(tmp_path / "m.npz"), ebm.RBM)


def test_gaps_are_filled_as_the_user_has_them():
    own = model()
    whole = {name: values.tolist() for name, values in own.sample(60, seed=4).items()}
    rng = np.random.default_rng(0)
    data = {name: [None if rng.random() < 0.3 else v for v in values] for name, values in whole.items()}
    plain = model()
    vars(plain)["mixture"] = None
    rows = TABLE.encode(data)
    filled = {kind: own.impute(data, kind) for kind in ("mode", "mean", "draw")}
    assert set(filled["mean"]["smokes"]) == {"no", "yes"}
    for kind in ("mode", "draw"):
        again = TABLE.encode(filled[kind])
        assert not np.isnan(again).any()
        np.testing.assert_allclose(again[~np.isnan(rows)], rows[~np.isnan(rows)])
    rough, gaps = plain.impute(data), np.isnan(rows[:, TABLE.unit("smokes")])
    p = own.predict_proba(data, "smokes")["yes"]
    sure = gaps & (np.abs(p - 0.5) > 0.1)
    assert sure.any()
    assert (rough["smokes"] == filled["mode"]["smokes"])[sure].all()
    np.testing.assert_allclose(rough["height"], filled["mode"]["height"], atol=2.0)
    draws = np.array([own.impute(data, "draw", seed=s)["smokes"] == "yes" for s in range(300)])
    np.testing.assert_allclose(draws.mean(0)[gaps], p[gaps], atol=4 * 0.5 / 300**0.5)
    np.testing.assert_allclose(plain.predict(data, "height"), own.predict(data, "height"), atol=2.0)
    np.testing.assert_allclose(plain.score(data)[:5], own.score(data)[:5], atol=0.3)


def test_slopes_of_rows_with_gaps_are_those_of_what_is_known():
    own, rng = model(), np.random.default_rng(0)
    rows = np.asarray(own.machine.sample0(6, ebm.Stream(0)), np.float64)
    rows[rng.random(rows.shape) < 0.4] = np.nan
    machine = own.machine
    _, found = slopes(machine, rows)
    assert set(found) == set(machine.params)
    for key, slope in found.items():
        for place in rng.permutation(list(np.ndindex(slope.shape)))[:12].tolist():
            both = []
            for sign in (1, -1):
                moved = machine.copy()
                moved.params[key][tuple(place)] += sign * 1e-5
                moved.project()
                both.append(Mixture(moved).log_likelihood(rows).mean())
            np.testing.assert_allclose(slope[tuple(place)], (both[0] - both[1]) / 2e-5, atol=1e-7)


def test_rows_with_gaps_are_learnt_by_their_sums():
    rng = np.random.default_rng(0)
    ill = rng.random(600) < 0.3
    data = {"ill": np.where(ill, "yes", "no"), "fever": 37 + 2 * ill + 0.3 * rng.normal(size=600)}
    gaps = {name: [None if rng.random() < 0.3 else v for v in own.tolist()] for name, own in data.items()}
    learnt = TableModel.fit(gaps, 2)
    truth = np.where(ill, np.log(0.3), np.log(0.7)) - 0.5 * ((data["fever"] - 37 - 2 * ill) / 0.3) ** 2
    truth -= 0.5 * np.log(2 * np.pi * 0.09)
    assert learnt.score(data).mean() > truth.mean() - 0.03


def test_learning_finds_what_two_columns_share():
    rng = np.random.default_rng(0)
    ill = rng.random(600) < 0.3
    data = {"ill": np.where(ill, "yes", "no"), "fever": 37 + 2 * ill + 0.3 * rng.normal(size=600)}
    learnt = TableModel.fit(data, 2)
    assert learnt.given(ill="yes").mean("fever") > 38.7
    assert learnt.given(fever=39.2).probability("ill") > 0.95
    truth = np.where(ill, np.log(0.3), np.log(0.7)) - 0.5 * ((data["fever"] - 37 - 2 * ill) / 0.3) ** 2
    truth -= 0.5 * np.log(2 * np.pi * 0.09)
    assert learnt.score(data).mean() > truth.mean() - 0.03
    rows, cells = learnt.anomaly({"ill": ["no", "yes"], "fever": [39.0, 39.0]})
    assert rows[0] > rows[1] + 3
    assert cells["ill"][0] > cells["ill"][1] + 3
    assert (learnt.predict(data, "ill") == data["ill"]).mean() > 0.98


def test_few_rows_with_gaps_are_not_learnt_by_heart():
    """Columns that have nothing to do with each other; without rows held out it would lose .78 nats."""
    rng = np.random.default_rng(0)
    bits, names = (rng.random((2150, 6)) < 0.5).astype(str), "abcdef"
    some = np.where(rng.random((150, 6)) < 0.3, "", bits[:150])
    model = TableModel.fit(dict(zip(names, some.T, strict=True)), n_hidden=8)
    fresh = dict(zip(names, bits[150:].T, strict=True))
    assert model.score(fresh).mean() > -6 * np.log(2) - 0.45
