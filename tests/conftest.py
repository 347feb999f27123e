"""Nothing global is drawn from: a test that finds numpy's global generator moved says so."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _global_generator_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert np.array_equal(before, np.random.get_state()[1]), "something drew from numpy's global generator"  # noqa: NPY002
