"""A run that is resumed is the run that began: other data and settings are refused, other versions said."""

import json

import numpy as np
import pytest

import ebm
from ebm.datasets.tables import Data
from ebm.experiment import resume, run
from ebm.experiment.directory import RunDirectory
from ebm.experiment.origin import fingerprint
from ebm.experiment.report import Report

CONFIG = """
[data]
type = "File"
path = "x.npy"
[machine]
type = "RBM"
n_hidden = 3
[train]
epochs = 4
[sample]
n = 5
[plots]
enabled = false
"""
ROWS = (np.random.default_rng(0).random((40, 6)) < 0.4).astype(np.int8)


@pytest.fixture
def halfway(tmp_path, monkeypatch):
    """A run that was stopped after two of its four epochs; the lines that resuming it reports."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", ROWS)
    (tmp_path / "a.toml").write_text(CONFIG)
    whole = run("a.toml", out="whole")
    saves = []

    def save_state(self, state):
        saves.append(real(self, state))
        if len(saves) == 2:
            raise KeyboardInterrupt
        return saves[-1]

    real = RunDirectory.save_state
    monkeypatch.setattr(RunDirectory, "save_state", save_state)
    with pytest.raises(KeyboardInterrupt):
        run("a.toml", out="half")
    monkeypatch.setattr(RunDirectory, "save_state", real)
    return whole, tmp_path / "half"


def lines_of_resuming(path):
    said = []

    class Lines(Report):
        def line(self, text):
            said.append(text)

    resume(path, report=Lines())
    return [line for line in said if "when the run began" in line]


def edit(path, change):
    origin = json.loads((path / "environment.json").read_text())
    change(origin)
    (path / "environment.json").write_text(json.dumps(origin))


def test_nothing_is_said_where_nothing_has_changed(halfway):
    whole, half = halfway
    assert lines_of_resuming(half) == []
    for key, value in ebm.load(whole.model).params.items():
        assert np.array_equal(ebm.load(half / "model.npz").params[key], value)


@pytest.mark.parametrize("place", [(3, 2), (-1, -1)])
def test_other_rows_are_refused(halfway, place):
    rows = ROWS.copy()
    rows[place] = 1 - rows[place]
    np.save("x.npy", rows)
    with pytest.raises(ebm.EbmError, match=r"config.toml: \[data\]: the rows are not those that"):
        resume(halfway[1])
    np.save("x.npy", ROWS)
    lines_of_resuming(halfway[1])


@pytest.mark.parametrize("found", ["[]", "3", '{"learning": []}', '{"rest": {"plots": 1}}', "[" * 9999])
def test_an_origin_of_another_shape_is_none(halfway, found):
    (halfway[1] / "environment.json").write_text(found)
    with pytest.raises(ebm.EbmError, match=r"environment\.json is not there or not as ebm writes it"):
        resume(halfway[1])


def test_other_versions_and_another_processor_are_said(halfway):
    def change(origin):
        origin["packages"]["numpy"] = "1.0"
        origin["packages"]["matplotlib"] = "1.0"  # no number depends on it
        origin["processor"] = "an abacus"

    edit(halfway[1], change)
    said = lines_of_resuming(halfway[1])
    assert [line.split(" was ")[0].split(": ")[1] for line in said] == ["numpy", "processor"]
    assert all("last bits may differ" in line and "\n" not in line for line in said)


def test_other_settings_of_what_comes_after_learning_are_said(halfway):
    config = halfway[1] / "config.toml"
    config.write_text(config.read_text().replace("n = 5\n", "n = 7\n"))
    (line,) = lines_of_resuming(halfway[1])
    assert line.endswith("[sample] n was 5 when the run began, now 7, which is taken")


def test_what_the_run_began_with_has_to_be_known(halfway):
    (halfway[1] / "environment.json").unlink()
    with pytest.raises(ebm.EbmError, match=r"environment.json is not there.*start a new run"):
        resume(halfway[1])


def test_the_origin_is_written_before_anything_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", ROWS)
    (tmp_path / "a.toml").write_text(CONFIG)
    real = RunDirectory.write_text

    def write_text(self, name, text):
        if name == "config.toml":
            raise KeyboardInterrupt
        real(self, name, text)

    monkeypatch.setattr(RunDirectory, "write_text", write_text)
    with pytest.raises(KeyboardInterrupt):
        run("a.toml", out="killed")
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == ["environment.json"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run("a.toml", out="killed").finished, "what a kill leaves is in nobody's way"


def test_a_fingerprint_is_that_of_all_numbers():
    x, y = np.zeros((3, 2), np.float32), np.arange(3)
    data = Data(x, x, y, y)
    others = [
        Data(x + np.float32(1e-7) * (np.arange(2) == 1), x, y, y), Data(x, x, y, y[::-1]), Data(x, x),
        Data(x.reshape(2, 3), x, y, y), Data(x.astype(np.float64), x, y, y),
    ]  # fmt: skip
    assert fingerprint(data) == fingerprint(Data(x.copy(), x[:], y, y))
    assert len({fingerprint(one) for one in [data, *others]}) == len(others) + 1
    big = np.arange(2**23, dtype=np.float64).reshape(-1, 4)
    assert fingerprint(Data(big, big)) == fingerprint(Data(np.asfortranarray(big), big))


@pytest.mark.parametrize("at", range(1, 9))
def test_a_machine_follows_its_parameters_wherever_learning_is_interrupted(at, monkeypatch):
    """Ctrl-C may fall between an update and `project`; chains then swept with a stale copy of W."""
    rng = np.random.default_rng(0)
    rows = (rng.random((200, 60)) < 0.4).astype(float)
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 60, 40, scale=0.1, dtype="float64")
    x = machine.sample0(500, ebm.Stream(0))
    machine.sweep(x, ebm.Stream(1), 20)  # makes what is derived from W
    calls, real = [], ebm.SGD.update

    def update(self, params, *rest):
        real(self, params, *rest)
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(ebm.SGD, "update", update)
    with pytest.raises(KeyboardInterrupt):
        ebm.fit(machine, rows, epochs=10, rule=ebm.PCD(k=12), optimiser=ebm.SGD(1.0))
    assert np.array_equal(machine.sweep(x, ebm.Stream(2), 3), machine.copy().sweep(x, ebm.Stream(2), 3))
