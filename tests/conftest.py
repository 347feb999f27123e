"""Nothing global is drawn from: a test that finds numpy's global generator moved says so.

Tests run in a process for each core, so every process keeps to one thread, of kernels and of BLAS.
"""

import collections
import json
import os
import zlib

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("EBM_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from fakes import fake_arrays, fake_metrics, write_metrics


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of a test marked ``some(k)`` every k-th case is run by default, the others with the slow ones.

    Which is the first depends on the name of the test, so that of one machine not all tests are left out.
    """
    seen = collections.Counter()
    for item in items:
        mark = item.get_closest_marker("some")
        if mark is not None:
            name = item.nodeid.partition("[")[0]
            if (seen[name] + zlib.crc32(name.encode())) % mark.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


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
