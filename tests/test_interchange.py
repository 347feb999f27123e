"""Models of other programs: the energies are equal, what is written is read again, damage is one line."""

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
        assert interchange.recognised(path).name == path.name.split(".")[0], path.name


def test_our_own_files_are_a_format(tmp_path):
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2)
    interchange.write(tmp_path / "m.npz", machine, "ebm")
    assert interchange.recognised(tmp_path / "m.npz").name == "ebm"
    assert np.array_equal(interchange.read(tmp_path / "m.npz").W, machine.W)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04.", b"hello\n"])
def test_what_is_no_format_is_one_line(tmp_path, content):
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(EbmError, match="expected a file of"):
        interchange.read(tmp_path / "m.npz")


def test_an_option_that_is_none(tmp_path):
    ebm.save(tmp_path / "m.npz", ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2))
    with pytest.raises(EbmError, match="ebm: unknown option 'update'; it has none"):
        interchange.read(tmp_path / "m.npz", update=3)
