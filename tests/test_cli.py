"""The command line as a user meets it: what works, and one clear line for what does not."""

import json
import os
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.experiment.config import samplers
from ebm.partition.logz import METHODS

TINY = Path(__file__).parents[1] / "configs" / "tiny.toml"


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a finished run of configs/tiny.toml."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    result = call("run", TINY, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def test_run_makes_figures_and_a_table(run):
    drawn = {path.stem for path in run.joinpath("figures").iterdir()}
    assert drawn >= {"energy_curves", "likelihood", "kl", "moments", "samples", "weights", "energy_histogram"}
    table = json.loads((run / "summary.json").read_text())["table"]
    assert all(row["unit"] for row in table)


def test_plot_draws_again(run):
    before = {path.name for path in run.joinpath("figures").iterdir()}
    for path in run.joinpath("figures").iterdir():
        path.unlink()
    result = call("plot", run)
    assert result.exit_code == 0
    assert {Path(line).name for line in result.output.split()} == before


def test_resume_of_a_finished_run_says_so(run):
    result = call("resume", run)
    assert result.exit_code == 0
    assert "finished" in result.output


def test_sample_writes_all_formats_the_same(run, tmp_path):
    files = [tmp_path / f"x.{suffix}" for suffix in ("npy", "npz", "csv")]
    for file in files:
        assert call("sample", run / "model.npz", "-n", 7, "-o", file).exit_code == 0
    as_npy, as_csv = np.load(files[0]), np.loadtxt(files[2], delimiter=",")
    as_npz = np.load(files[1])["x"]
    assert np.array_equal(as_npy, as_npz)
    assert np.array_equal(as_npy, as_csv)
    printed = call("sample", run / "model.npz", "-n", 7).output
    assert printed == files[2].read_text()


def test_logz_exact_and_ais_agree(run):
    exact = json.loads(call("logz", run / "model.npz", "--json").output)
    ais = json.loads(call("logz", run / "model.npz", "--method", "ais", "--json").output)
    assert exact["method"] == "exact"
    assert ais["stderr"] > 0
    assert abs(exact["value"] - ais["value"]) < 5 * ais["stderr"]
    assert "nats" in call("logz", run / "model.npz").output


def test_score_is_the_log_likelihood(run, tmp_path):
    rows = ebm.datasets.BarsAndStripes(3).load().train
    np.savetxt(tmp_path / "rows.csv", rows, fmt="%d", delimiter=",")
    result = call("score", run / "model.npz", tmp_path / "rows.csv", "-o", tmp_path / "scores.npy")
    assert result.exit_code == 0
    expected = ebm.log_likelihood(ebm.load(run / "model.npz"), rows)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, atol=1e-5)
    said = float(re.search(r"log-likelihood (\S+)", result.output)[1])
    assert abs(said - expected.mean()) < 1e-3


@pytest.mark.parametrize("command", ["run", "resume", "plot", "sample", "logz", "score"])
def test_help_has_an_example(command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"ebm {command} " in result.output.split("Example")[1]


@pytest.mark.parametrize(("command", "names"), [("logz", METHODS), ("sample", samplers())])
def test_help_names_what_there_is(command, names):
    text = " ".join(call(command, "--help").output.split())
    for name in names:
        assert name in text


def test_version():
    assert call("--version").output.strip() == f"ebm, version {ebm.__version__}"


# Bad input: one clear line, a non-zero exit, no traceback.


def config(folder, text="", **changes):
    """A copy of tiny.toml with lines replaced or text appended."""
    content = TINY.read_text()
    for old, new in changes.items():
        content = re.sub(rf"(?m)^{old} = .*$", new, content)
    path = folder / "c.toml"
    path.write_text(content + text)
    return path


def data_run(folder, rows, suffix=".npy", extra=""):
    """A config whose data are a file of the user's."""
    path = folder / f"rows{suffix}"
    if isinstance(rows, bytes):
        path.write_bytes(rows)
    elif rows is not None:
        np.save(path, rows)
    text = TINY.read_text().replace(
        'type = "BarsAndStripes"\nn = 3', f'type = "File"\npath = "{path}"\n{extra}'
    )
    (folder / "c.toml").write_text(text)
    return folder / "c.toml"


BITS = np.random.default_rng(0).integers(0, 2, (20, 5)).astype(float)


def with_value(value):
    rows = BITS.copy()
    rows[3, 2] = value
    return rows


def asymmetric_machine(path):
    machine = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    machine.params["J"][0, 1] = 5.0
    ebm.save(path, machine)
    return path


def truncated_model(path):
    ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 5, 3, dtype="float64"))
    path.write_bytes(path.read_bytes()[:-300])
    return path


def good_model(path):
    ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 5, 3, dtype="float64"))
    return path


def written(path, content):
    with open(path, "wb") as file:
        file.write(content) if isinstance(content, bytes) else np.save(file, content)
    return path


class Trap:
    """Unpickling it would create a file."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


BAD = {  # name -> (arguments, what the line must say)
    "broken TOML": (lambda d: ["run", config(d, "x = = 3")], r"not valid TOML.*line 32"),
    "missing config": (lambda d: ["run", d / "none.toml"], r"none\.toml: no such file"),
    "unknown table": (lambda d: ["run", config(d, "[trian]\n")], r"\[trian\].*did you mean 'train'"),
    "unknown key": (lambda d: ["run", config(d, n_chains="n_chain = 5")], r"\[rule\] n_chain: .*'n_chains'"),
    "unknown type": (
        lambda d: ["run", config(d), "--set", "rule.type=PDC"],
        r"\[rule\] .*'PDC'; did you mean 'PCD'",
    ),
    "wrong type": (
        lambda d: ["run", config(d, epochs='epochs = "many"')],
        r"\[train\].*epochs.*integer.*'many'",
    ),
    "wrong range": (lambda d: ["run", config(d, n_hidden="n_hidden = 0")], r"\[machine\].*n_hidden.*greater"),
    "negative rate": (
        lambda d: ["run", config(d, rate="rate = -0.1")],
        r"\[optimiser\].*rate.*greater than 0",
    ),
    "bad override": (
        lambda d: ["run", config(d), "--set", "epochs=3"],
        r"--set epochs=3: expected table\.key=value",
    ),
    "no machine": (
        lambda d: ["run", written(d / "c.toml", b"[data]\ntype='Digits'\n")],
        r"no \[machine\] table",
    ),
    "NaN in data": (lambda d: ["run", data_run(d, with_value(np.nan))], r"rows\.npy: row 3, column 2.*nan"),
    "a 2 among bits": (
        lambda d: ["run", data_run(d, with_value(2))],
        r"rows\.npy: row 3, column 2.*found 2.*threshold",
    ),
    "missing data": (lambda d: ["run", data_run(d, None)], r"rows\.npy: .*no such file"),
    "empty data": (lambda d: ["run", data_run(d, np.empty((0, 5)))], r"rows\.npy.*(empty|no rows|0)"),
    "one row": (lambda d: ["run", data_run(d, BITS[:1])], r"rows\.npy.*(one|1|single) row"),
    "one dimension": (lambda d: ["run", data_run(d, BITS[0])], r"rows\.npy.*(2-D|two|rows)"),
    "text in csv": (lambda d: ["run", data_run(d, b"0,1\n1,x\n0,0\n", ".csv")], r"rows\.csv.*'x'"),
    "pickled data": (lambda d: ["run", data_run(d, pickle.dumps(Trap()))], r"rows\.npy"),
    "missing model": (lambda d: ["sample", d / "none.npz"], r"none\.npz: no such file"),
    "truncated model": (lambda d: ["logz", truncated_model(d / "m.npz")], r"m\.npz: truncated"),
    "pickle renamed .npz": (lambda d: ["logz", written(d / "m.npz", pickle.dumps(Trap()))], r"m\.npz"),
    "foreign npz": (lambda d: ["logz", written(d / "m.npz", BITS)], r"m\.npz: .*npz"),
    "asymmetric J": (lambda d: ["logz", asymmetric_machine(d / "m.npz")], r"m\.npz: J: .*symmetric"),
    "wrong width": (
        lambda d: ["score", good_model(d / "m.npz"), written(d / "x.npy", BITS[:, :3])],
        r"x\.npy: 3 columns.*5 visible",
    ),
    "scores of a 2": (
        lambda d: ["score", good_model(d / "m.npz"), written(d / "x.npy", with_value(2))],
        r"x\.npy: 2.0 at row 3, column 2",
    ),
    "unknown output type": (
        lambda d: ["sample", good_model(d / "m.npz"), "-o", d / "x.txt"],
        r"x\.txt: unknown file type; expected \.npy",
    ),
    "folder missing": (
        lambda d: ["sample", good_model(d / "m.npz"), "-o", d / "no" / "x.npy"],
        r"x\.npy: no such folder",
    ),
    "resume of no run": (lambda d: ["resume", d], r"not a run directory"),
    "plot of no run": (lambda d: ["plot", d], r"not a run directory"),
    "run onto a file": (
        lambda d: ["run", TINY, "--out", written(d / "f", b"")],
        r"f: a file; expected a directory",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, expected = BAD[name]
    result = CliRunner().invoke(main, [str(a) for a in make(tmp_path)])
    assert result.exit_code != 0
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.output
    assert lines[0].startswith("ebm: ")
    assert re.search(expected, lines[0]), lines[0]
    assert not Path("unpickled").exists()
    assert not Path("runs").exists()  # refused before anything was written


def test_a_read_only_directory_is_one_line(run):
    """Root may write anywhere, so root becomes nobody for the call; `run` has imported all that it needs."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.toml")
        path.write_text(TINY.read_text())
        os.chmod(folder, 0o555)
        try:
            if user == 0:
                os.seteuid(65534)
            result = call("run", path, "--out", Path(folder, "run"))
        finally:
            if user == 0:
                os.seteuid(0)
            os.chmod(folder, 0o755)
    assert result.exit_code == 1
    assert "ermission denied" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = call("run", TINY, "--out", tmp_path / "file" / "run")
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_full_disk_is_one_line_and_leaves_the_old_file(run, tmp_path, monkeypatch):
    target = tmp_path / "x.npy"
    target.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = call("sample", run / "model.npz", "-n", 3, "-o", target)
    assert result.exit_code == 1
    assert result.stderr.strip() == f"ebm: {target}: No space left on device"
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
