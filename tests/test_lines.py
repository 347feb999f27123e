"""What is said is one line that the terminal can show; what files hold cannot break it."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.errors import EbmError, described, one_line, short
from ebm.experiment import run
from ebm.experiment.directory import RunDirectory

SHOWN = """
import sys
import numpy as np, ebm
b = ebm.BoltzmannMachine(ebm.Ising(), 0.3 * (np.ones((4, 4)) - np.eye(4)))
x = ebm.sample(b, 200)
r = ebm.RBM.random(ebm.Mixed(((ebm.Bernoulli(), 2), (ebm.Ising(), 1))), ebm.Bernoulli(), 3, 2)
d = ebm.DBN.greedy(np.eye(4), [3, 2], epochs=1)
shown = [b, x, r, d, d.unfold(ebm.Potts(2)), ebm.DBM.random([4, 3, 2]), ebm.log_z(r, "ais"), ebm.log_z(r)]
shown += [r.graph(), ebm.diagnostics.estimate_beta(b, x.x), ebm.diagnostics.summarise(np.random.rand(4, 50))]
shown += [ebm.fit(b, x.x, epochs=1), ebm.thermodynamics(b, [1.0, 2.0], accuracy=0.5)]
for encoding in sys.argv[1:]:
    sys.stdout.reconfigure(encoding=encoding)
    for one in shown:
        print(one, repr(one))
    try: ebm.log_likelihood(b, (x.x + 1) / 2)
    except ebm.EbmError as error: print(error)
    print("end of", encoding)
"""


def test_everything_can_be_printed():
    encodings = ["ascii", "cp1252", "utf-8"]
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", SHOWN, *encodings], capture_output=True)
    assert found.returncode == 0, found.stderr.decode()
    rest = found.stdout
    for encoding in encodings:
        part, rest = rest.split(f"end of {encoding}\n".encode())[:2]
        said = part.decode(encoding)
        assert (" +- 0." if encoding == "ascii" else " ± 0.") in said
        assert ("map x → 2x − 1" if encoding == "utf-8" else "map x -> 2x - 1") in said
        assert "?" not in said


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\r", "\x00", "\u2028", "\x7f", "x" * 5000])
def test_a_message_is_one_line_without_control_characters(text):
    for error in (EbmError(f"file: {text}"), ebm.errors.TooLarge(text)):
        assert str(error).isprintable()
        assert len(str(error)) < 650
    assert one_line("β × 2") == "β × 2"


def test_what_a_file_holds_cannot_move_the_cursor(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,\x1b[2J\n")
    found = CliRunner().invoke(main, ["transform", str(tmp_path / "x.csv"), str(tmp_path / "x.csv")])
    assert "\x1b" not in found.output
    with pytest.raises(EbmError, match=r"\\x1b") as refusal:
        ebm.datasets.read_array(tmp_path / "x.csv")
    assert "\x1b" not in str(refusal.value)


CONFIG = """
[data]
type = "File"
path = "a.csv"
labels = -1
[machine]
type = "RBM"
n_hidden = 4
[train]
epochs = 2
[readout]
epochs = 2
[plots]
enabled = false
"""


@pytest.fixture
def learnt(tmp_path, monkeypatch):
    """A run on a table whose last column is the label."""
    monkeypatch.chdir(tmp_path)
    x = (np.random.default_rng(0).random((60, 6)) < 0.4) * 1
    np.savetxt("a.csv", np.c_[x, x[:, 0] + 1], fmt="%d", delimiter=",")
    np.savetxt("x.csv", x, fmt="%d", delimiter=",")
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())  # as Notepad saves it
    return run("a.toml", out="r")


@pytest.mark.parametrize("how", [[], ["--labels", "-1"], ["--labels", "6"]])
def test_the_table_that_it_was_learnt_from_is_predicted(learnt, how):
    whole = CliRunner().invoke(main, ["predict", "r", "a.csv", *how])
    assert whole.exit_code == 0, whole.output
    assert "of 60 rows" in whole.output
    alone = CliRunner().invoke(main, ["predict", "r", "x.csv"])
    assert alone.exit_code == 0, alone.output
    assert alone.output.split() == whole.output.split()[:60]
    guesses = np.array(alone.output.split(), float)
    wrong = (guesses != np.loadtxt("a.csv", delimiter=",")[:, -1]).mean()
    assert f"error {wrong:.2%}" in whole.output


@pytest.mark.parametrize("line", ["5", "[1, 2]", "null", '"s"', '{"a": 1}', '{"step": "x"}', "\xff"])
def test_lines_of_metrics_that_are_no_rows(learnt, line):
    directory = RunDirectory("r")
    rows = directory.metrics.read_bytes().splitlines()
    directory.metrics.write_bytes(b"\n".join([*rows, line.encode("latin-1"), rows[-1]]) + b"\n")
    with pytest.raises(EbmError, match=rf"line {len(rows) + 1}: expected a JSON object with an integer"):
        directory.cut_metrics(10**6)
    directory.metrics.write_bytes(b"\n".join([*rows, line.encode("latin-1")]))  # cut off while it was written
    directory.cut_metrics(10**6)
    assert [json.loads(row) for row in directory.metrics.read_bytes().splitlines()] == list(
        map(json.loads, rows)
    )


@pytest.mark.parametrize(
    "value", [10**400, 10**5000, np.complex64(1), np.array([1.0]), object(), iter([])], ids=described
)
def test_numbers_that_are_none_are_said_in_a_line(value):
    """Integers that no float holds or Python writes out, complex numbers, things that have but an address."""
    for call in (
        lambda: ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2, scale=value),
        lambda: ebm.DReLU(theta_plus=value),
        lambda: ebm.SGD(value),
        lambda: ebm.estimators.RBMTransformer(learning_rate=value).fit(np.eye(4)),
    ):
        with pytest.raises(EbmError) as error:
            call()
        assert " at 0x" not in str(error.value)
        assert len(str(error.value)) < 300


def test_what_cannot_be_written_out_is_described():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert short(deep) == "a list"
    assert short(10**5000) == "an integer of 16610 bits"


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.eye(4), 3.0),  # scikit-learn says so in three lines
        (np.eye(4), np.ones(3)),
        (np.array(1.0), np.ones(4)),
        ([[1, [2]], [3, 4]], [0, 1]),
        (np.eye(4), np.array([np.inf, 0, 1, 0])),
    ],
)
def test_estimators_say_what_scikit_learn_refuses_in_their_own_words(X, y):
    for model in (ebm.estimators.RBMClassifier(n_iter=1), ebm.estimators.SoftmaxClassifier()):
        with pytest.raises(EbmError) as error:
            model.fit(X, y)
        assert "\n" not in str(error.value)


def test_single_sites_of_units_with_a_continuum_of_states_are_refused():
    machine = ebm.RBM.random(ebm.Gaussian(), ebm.Bernoulli(), 3, 2)
    x = np.zeros((2, 3))
    for call in (
        lambda: machine.site_energies(x, 0),
        lambda: machine.site_contrast(x, np.zeros((2, 3, 2))),
        lambda: machine.conditional(x, 0, np.ones(2)),
    ):
        with pytest.raises(ebm.NotSupported, match="continuum of states"):
            call()


def _archive(path, head):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)


def test_arrays_whose_size_no_integer_holds_are_refused(tmp_path):
    path = tmp_path / "m.npz"
    _archive(path, b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 30 + b",), }\n")
    for read in (ebm.load, lambda p: ebm.datasets.MNIST(path=str(p)).load(), ebm.datasets.read_array):
        with pytest.raises(EbmError, match=r"m\.npz"):
            read(path)


@pytest.mark.parametrize(
    "change", [{"visible": []}, {"visible": {"type": ["Ising"]}}, {"visible": 3}, {"type": {}}]
)
def test_headers_of_other_kinds_are_refused_without_names_of_errors(change, tmp_path):
    path = tmp_path / "m.npz"
    ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2))
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    header["machine"] |= change
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(EbmError) as error:
        ebm.load(path)
    assert "Error" not in str(error.value)


def test_rows_that_do_not_belong_together_are_refused():
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2)
    with pytest.raises(EbmError, match="h: expected 4 rows"):
        machine.energy(np.ones((4, 3)), np.ones((3, 2)))
    with pytest.raises(EbmError, match="ragged"):
        ebm.diagnostics.swap_rates([1, [2]], [3, 3])
