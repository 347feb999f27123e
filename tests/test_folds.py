"""Folds: the parts of a table that are held out in turn."""

import numpy as np
import pytest

from ebm import datasets as ds
from ebm.errors import EbmError


@pytest.mark.parametrize("made", [ds.Digits, ds.Diabetes, ds.Shifter])
def test_folds_hold_every_row_once(made):
    parts = [made(fold=f"{k}:4").load() for k in range(4)]
    whole = made().load()
    n = len(whole.train) + len(whole.test)
    assert sum(len(part.test) for part in parts) == n
    assert all(len(part.train) + len(part.test) == n for part in parts)
    assert np.ptp([len(part.test) for part in parts]) <= 1
    if made is ds.Digits:  # stratified: of each class as many in each part, but for one
        counts = np.array([np.bincount(part.test_labels) for part in parts])
        assert np.ptp(counts, axis=0).max() <= 1
        rows = np.sort(np.concatenate([part.test_labels for part in parts]))
        assert np.array_equal(rows, np.sort(np.concatenate([whole.train_labels, whole.test_labels])))
    again, other = made(fold="1:4").load(), made(fold="1:4", seed=5).load()
    assert np.array_equal(again.test, parts[1].test)
    assert not np.array_equal(other.test, parts[1].test)


def test_folds_of_a_file(tmp_path):
    path = str(tmp_path / "a.npy")
    np.save(path, np.arange(10.0)[:, None] / 10)
    held = [ds.File(path, fold=f"{k}:3").load().test for k in range(3)]
    assert np.array_equal(np.sort(np.concatenate(held).ravel()), np.arange(10, dtype=np.float32) / 10)


@pytest.mark.parametrize("fold", ["3:3", "0:1", "0:2000", "a:b", "0", "-1:3", 0])
def test_folds_that_there_are_not_are_refused(fold):
    with pytest.raises(EbmError, match="fold"):
        ds.Digits(fold=fold).load()
