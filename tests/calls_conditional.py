"""Calls of conditional machines and of time series, for `calls`."""

import numpy as np

import ebm
from ebm import Bernoulli

X = np.eye(4)


def conditional():
    """A machine of two inputs and two outputs."""
    return ebm.ConditionalRBM.random(Bernoulli(), Bernoulli(), 2, 2, 2, dtype="float64")


def functions():
    """Functions and constructors."""
    return {
        "lagged": {
            "series": np.ones((9, 2)),
            "lags": 2,
            "inputs": np.ones((9, 1)),
            "start": 3,
            "stop": 8,
            "units": Bernoulli(),
        },
        "forecast": {
            "machine": conditional,
            "history": np.ones((3, 2)),
            "n_steps": 2,
            "lags": 1,
            "n_paths": 3,
            "inputs": None,
            "units": Bernoulli(),
            "seed": 0,
        },
        "log_z_given": {"machine": conditional, "x": X[:, :2], "n_temperatures": 3, "n_chains": 2, "seed": 0},
        "ConditionalRBM": {
            "visible": Bernoulli(),
            "hidden": Bernoulli(),
            "W": np.zeros((2, 2)),
            "b": [0, 0],
            "c": [0, 0],
            "A": np.zeros((3, 2)),
            "B": np.zeros((3, 2)),
            "theta": None,
        },
        "ConditionalRBM.random": {
            "visible": Bernoulli(),
            "hidden": Bernoulli(),
            "n_inputs": 2,
            "n_outputs": 2,
            "n_hidden": 2,
            "scale": 0.1,
            "seed": 0,
            "dtype": "float32",
        },
        "ConditionalRBM.from_data": {
            "rows": X,
            "n_inputs": 2,
            "n_hidden": 2,
            "visible": Bernoulli(),
            "hidden": Bernoulli(),
            "scale": 0.1,
            "seed": 0,
            "dtype": "float32",
        },
    }


def methods(stream):
    """Methods of `conditional`."""
    return {
        "ConditionalRBM.means": {"x": X[:, :2]},
        "ConditionalRBM.start": {"x": X},
        "ConditionalRBM.mean_h": {"x": X},
        "ConditionalRBM.free_energy": {"x": X, "beta": 1.0, "base": np.zeros(2)},
        "ConditionalRBM.sweep": {
            "x": X,
            "rng": stream,
            "n": 1,
            "beta": 1.0,
            "base": np.zeros(2),
            "free": np.ones(4, bool),
        },
        "ConditionalRBM.stats": {"x": X, "weights": np.ones(4)},
        "ConditionalRBM.contrast": {"x": X, "weights": np.ones(4), "y": X, "others": np.ones(4)},
        "ConditionalRBM.site_energies": {"x": X, "i": 2},
        "ConditionalRBM.site_contrast": {"x": X, "weights": np.zeros((4, 2, 2))},
        "ConditionalRBM.given": {"x": [1.0, 0.0]},
        "ConditionalRBM.condition": {"given": np.array([1, 0, np.nan, np.nan])},
        "ConditionalRBM.exact_given": {"x": X[:, :2], "weights": np.ones(4), "beta": 1.0, "stats": True},
        "ConditionalRBM.sample0_given": {"x": X[:, :2], "rng": stream, "base": np.zeros(2)},
        "ConditionalRBM.sample_given": {"x": X[:, :2], "rng": stream, "n": 1},
        "ConditionalRBM.curvature": {"v": X},
    }
