"""Models of other programs: the energies are equal, what is written is read again, damage is one line."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import ebm
from ebm import interchange
from ebm.errors import EbmError
from ebm.interchange.formats import Format

FIXTURES = Path(__file__).parent / "fixtures" / "interchange"


def test_every_format_has_a_name_of_its_own():
    from ebm.interchange import _MODULES

    found = interchange.formats()
    assert len(found) == len(_MODULES)
    for name, entry in found.items():
        assert isinstance(entry, Format)
        assert entry.name == name
        assert entry.suffixes == tuple(s.lower() for s in entry.suffixes)
        assert entry.title


def test_every_fixture_is_recognised():
    """Files are named FORMAT.anything, and are of that format."""
    for path in sorted(FIXTURES.iterdir()):
        if path.suffix == ".h5" and importlib.util.find_spec("h5py") is None:
            with pytest.raises(EbmError, match="pip install"):
                interchange.read(path)
            continue
        assert interchange.recognised(path).name == path.name.split(".")[0], path.name


def test_our_own_files_are_a_format(tmp_path):
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2, dtype="float64")
    interchange.write(tmp_path / "m.npz", machine, "ebm")
    assert interchange.recognised(tmp_path / "m.npz").name == "ebm"
    assert np.array_equal(interchange.read(tmp_path / "m.npz").W, machine.W)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04.", b"hello\n"])
def test_what_is_no_format_is_one_line(tmp_path, content):
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(EbmError, match=r"expected an \.npz archive written by ebm"):
        interchange.read(tmp_path / "m.npz")
    (tmp_path / "m.xyz").write_bytes(content)
    with pytest.raises(EbmError, match="expected a file of: "):
        interchange.read(tmp_path / "m.xyz")


def test_an_option_that_is_none(tmp_path):
    ebm.save(tmp_path / "m.npz", ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2, dtype="float64"))
    with pytest.raises(EbmError, match="ebm: unknown option 'update'; it has none"):
        interchange.read(tmp_path / "m.npz", update=3)


def ebm_command(*words):
    from click.testing import CliRunner

    from ebm.cli import main

    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_command_that_converts(tmp_path):
    """As another form of the same distribution; the constant that it says is that between the two log Z."""
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Gaussian(), 4, 2, scale=0.5, dtype="float64")
    ebm.save(tmp_path / "m.npz", machine)
    said = ebm_command("convert", tmp_path / "m.npz", tmp_path / "j.npz", "--as", "fully_connected")
    assert said.exit_code == 0, said.output
    moved = float(said.output.split("written")[1].replace(" ", ""))
    found = interchange.read(tmp_path / "j.npz")
    assert isinstance(found, ebm.BoltzmannMachine)
    assert machine.exact()[0] == pytest.approx(found.exact()[0] + moved, abs=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "absorbd"], "did you mean 'absorbed'"),
        (["--as", "absorbed"], "a number is missing"),
        (["--as", "absorbed:gamma=2"], "unknown option 'gamma'"),
        (["--to", "ebn"], "unknown 'ebn'; did you mean 'ebm'"),
        (["--set", "update=3"], "unknown option 'update'"),
    ],
)
def test_what_cannot_be_converted(tmp_path, words, said):
    ebm.save(tmp_path / "m.npz", ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2, dtype="float64"))
    result = ebm_command("convert", tmp_path / "m.npz", tmp_path / "n.npz", *words)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2, dtype="float64"), "2 units, Potts(q=3)"),
        (lambda: ebm.BoltzmannMachine.random(ebm.Ising(), 4, dtype="float64"), "6 that are not 0, dense"),
        (lambda: ebm.DBM.random([4, 3, 2], dtype="float64"), "layer 1"),
        (lambda: ebm.Network([ebm.Layer.random(ebm.Potts(3), 4, 1)]), "Potts(q=3)"),
    ],
)
def test_the_command_that_says_what_a_file_is(tmp_path, made, said):
    ebm.save(tmp_path / "m.npz", made())
    result = ebm_command("info", tmp_path / "m.npz")
    assert result.exit_code == 0, result.output
    assert said in result.output
    assert "parameters" in result.output
    assert ebm_command("info", tmp_path / "m.npz", "--json").output.startswith("{")


def test_a_run_of_a_file(tmp_path):
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2, dtype="float64")
    ebm.save(tmp_path / "m.npz", machine)
    config = tmp_path / "c.toml"
    config.write_text(f'[machine]\ntype = "File"\npath = "{tmp_path / "m.npz"}"\nformat = "ebm"\n[log_z]\n')
    said = ebm_command("run", config, "--out", tmp_path / "run")
    assert said.exit_code == 0, said.output
    assert f"{machine.exact()[0]:.3f}" in said.output


def test_a_sample_of_the_campaign():
    """Damaged files of every format: one line, or a machine of finite numbers; the campaign tries more."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))  # where experiments are, beside a checkout
    campaign = pytest.importorskip("experiments.campaigns.interchange")
    formats = campaign.cases()
    outcomes = [campaign.attempt(5, number) for number in range(10 * len(formats))]
    assert [words for _, outcome, words in outcomes if outcome == "failed"] == []
    assert {outcome for _, outcome, _ in outcomes} == {"refused", "right"}
