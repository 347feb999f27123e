"""The axes of a sweep: what values say, which combinations there are, what a task is called."""

import pytest

from ebm.errors import EbmError
from ebm.experiment import Between
from ebm.experiment.axes import combinations, name_of, overrides_of, read_axes
from ebm.experiment.config import parse_overrides


@pytest.mark.parametrize(
    ("item", "values"),
    [
        ("train.seed=0:3", [0, 1, 2]),
        ("train.seed=6:0:-2", [6, 4, 2]),
        ("data.fold=0:3", ["0:3", "1:3", "2:3"]),
        ("optimiser.rate=0.1, 0.01", [0.1, 0.01]),
        ("rule.type=CD,PCD", ["CD", "PCD"]),
        ("rule={type='CD',k=1},{type='PCD'}", [{"type": "CD", "k": 1}, {"type": "PCD"}]),
        ("network.sizes=[10],[10, 5]", [[10], [10, 5]]),
        ("train.kl=true,false", [True, False]),
        ("optimiser.rate=1e-4 .. 1", Between(1e-4, 1.0)),
        ("optimiser.rate=log 1e-4..1e-1", Between(1e-4, 1e-1, log=True)),
    ],
)
def test_the_values_of_an_axis(item, values):
    assert list(read_axes([item]).values()) == [values]


@pytest.mark.parametrize(
    ("grid", "match"),
    [
        (["machine.n_hidden"], "SETTING=VALUES"),
        (["machine.n_hidden="], "no values"),
        (["a b=1"], "expected a setting"),
        (["train.seed=1", "train.seed=2"], "given twice"),
        (["train.seed=1,1"], "value is given twice"),
        (["train.seed=0:5:0"], "range"),
        (["train.seed=0:99999999"], "range"),
        (["optimiser.rate=2..1"], "low < high"),
        (["optimiser.rate=log -1..1"], "0 < low"),
        ({"train.seed": 3}, "expected values"),
        ({"train.seed": [object()]}, "expected numbers"),
        ({3: [1]}, "expected a setting"),
        ([3], "SETTING=VALUES"),
    ],
)
def test_axes_that_make_no_sense_are_refused(grid, match):
    with pytest.raises(EbmError, match=match):
        read_axes(grid)


def test_settings_are_read_back_as_they_were_written():
    settings = (
        ("rule", {"type": "CD", "k": 5}),
        ("data.path", 'a "b".csv'),
        ("train.penalties", [True, 1e-3]),
    )
    read = [
        (f"{table}.{key}".rstrip("."), value) for table, key, value in parse_overrides(overrides_of(settings))
    ]
    assert tuple(read) == settings


def test_names_are_those_of_files_and_tell_settings_apart():
    values = ["a/b", "a\\b", 'a"b', "ab", "a:b", "..", "x" * 500, "x" * 501, "ü"]
    names = [name_of((("data.path", value),)) for value in values]
    assert len(set(names)) == len(values)
    for name in names:
        assert len(name) < 200
        assert not set(name) & set('/\\:*?"<>| ')
    assert name_of(()) == "only"


def test_random_combinations_are_different_and_repeated_for_every_seed():
    axes = read_axes(["optimiser.rate=log 1e-3..1", "train.seed=0:3", "machine.n_hidden=4,8"])
    found = combinations(axes, random=5, seed=1)
    assert found == combinations(axes, random=5, seed=1)
    assert found != combinations(axes, random=5, seed=2)
    assert len(set(found)) == 15
    assert len({settings[0] for settings in found}) == 5
    assert [settings[1][1] for settings in found[:3]] == [0, 1, 2]
    assert all(1e-3 <= settings[0][1] <= 1 for settings in found)
    assert len(combinations(read_axes(["machine.n_hidden=4,8"]), random=50)) == 2
    with pytest.raises(EbmError, match="--random"):
        combinations(axes)
    with pytest.raises(EbmError, match="at most"):
        combinations(read_axes(["train.seed=0:1000", "data.seed=0:1000"]))
