"""MNIST from files of every form, and what is wrong with files."""

import gzip

import numpy as np
import pytest

from ebm import EbmError
from ebm.datasets import MNIST, read_idx

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def parts():
    rng = np.random.default_rng(0)
    x = rng.integers(256, size=(80, 4, 4), dtype=np.uint8)
    y = np.arange(80, dtype=np.uint8) % 10
    return x[:60], y[:60], x[60:], y[60:]


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return head + array.tobytes()


def folder_of(tmp_path, dot="-", zipped=False):
    for name, part in zip(NAMES, parts(), strict=True):
        name = name.replace("-idx", f"{dot}idx")
        raw = idx(part)
        (tmp_path / (name + ".gz" * zipped)).write_bytes(gzip.compress(raw) if zipped else raw)
    return tmp_path


@pytest.mark.parametrize("form", ["plain", "dots", "gzipped", "npz", "keras"])
def test_all_forms_hold_the_same(form, tmp_path):
    x, y, x_test, y_test = parts()
    path = tmp_path / "m.npz"
    if form == "npz":
        np.savez(path, X_train=x.reshape(60, 16), y_train=y, X_test=x_test.reshape(20, 16), y_test=y_test)
    elif form == "keras":
        np.savez(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    else:
        path = folder_of(tmp_path, "." if form == "dots" else "-", form == "gzipped")
    data = MNIST(str(path), held_out="test").load()
    np.testing.assert_allclose(data.train, x.reshape(60, 16) / 255, rtol=1e-6)
    np.testing.assert_allclose(data.test, x_test.reshape(20, 16) / 255, rtol=1e-6)
    assert np.array_equal(data.train_labels, y)
    assert np.array_equal(data.test_labels, y_test)
    assert data.image_shape == (4, 4)
    assert data.train.dtype == np.float32
    bits = MNIST(str(path), threshold=128).load()
    assert np.array_equal(bits.train, x.reshape(60, 16)[:50] >= 128)
    assert np.array_equal(bits.test, x.reshape(60, 16)[50:] >= 128)
    assert np.array_equal(bits.test_labels, y[50:])


def test_few_labels_are_balanced(tmp_path):
    path = str(folder_of(tmp_path))
    few = MNIST(path, labels_per_class=2, seed=1).load()
    assert np.array_equal(np.bincount(few.train_labels), [2] * 10)
    assert not np.array_equal(few.train, MNIST(path, labels_per_class=2, seed=2).load().train)
    with pytest.raises(EbmError, match="class 0 has 5 rows"):
        MNIST(path, labels_per_class=6).load()


def test_bad_files_are_one_line(tmp_path):
    folder = folder_of(tmp_path)
    image = folder / NAMES[0]
    whole = image.read_bytes()
    for raw, words in (
        (whole[:-1], "expected 976"),
        (whole[:6], "bytes"),
        (b"PNG" + whole, "expected an IDX file"),
        (gzip.compress(whole)[:-20], "gzipped or not"),
        (b"", "begins with"),
    ):
        image.write_bytes(raw)
        with pytest.raises(EbmError, match=words) as error:
            MNIST(str(folder)).load()
        assert "\n" not in str(error.value)
        assert NAMES[0] in str(error.value)
    image.write_bytes(idx(parts()[0][:59]))
    with pytest.raises(EbmError, match="a label for each row"):
        MNIST(str(folder)).load()
    image.unlink()
    with pytest.raises(EbmError, match=f"no file {NAMES[0]}"):
        MNIST(str(folder)).load()
    with pytest.raises(EbmError, match="no such file or folder"):
        MNIST(str(folder / "nowhere")).load()
    with pytest.raises(EbmError, match="no such file"):
        read_idx(folder / "nothing")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(EbmError, match="holds a; expected X_train"):
        MNIST(str(tmp_path / "other.npz")).load()
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(EbmError, match="cannot be read"):
        MNIST(str(tmp_path / "bad.npz")).load()


def test_without_a_network_it_says_so(monkeypatch):
    import sklearn.datasets

    def fail(*args, **kwargs):
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fail)
    with pytest.raises(EbmError, match=r"openml.org: Name or service not known; expected a network") as error:
        MNIST().load()
    assert "\n" not in str(error.value)
