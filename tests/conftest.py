"""Nothing global is drawn from: a test that finds numpy's global generator moved says so."""

import json

import numpy as np
import pytest
from fakes import fake_arrays, fake_metrics, write_metrics


@pytest.fixture(autouse=True)
def _global_generator_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert np.array_equal(before, np.random.get_state()[1]), "something drew from numpy's global generator"  # noqa: NPY002


@pytest.fixture
def run(tmp_path):
    """A run directory made up by numpy."""
    folder = tmp_path / "run"
    write_metrics(folder, fake_metrics())
    np.savez(folder / "samples.npz", **fake_arrays())
    baselines = {"uniform": -210.0, "marginals": -150.0, "tree": -148.0}
    (folder / "summary.json").write_text(json.dumps({"baselines": baselines}))
    return folder
