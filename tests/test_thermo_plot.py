"""Thermodynamics as a figure, and as a command."""

import re

import laws
import numpy as np
import pytest
from click.testing import CliRunner
from test_plots_layout import overlaps
from test_thermodynamics import CURVES, ONE_ROUND, T, exact_curves

import ebm
from ebm import EbmError, plots, thermodynamics
from ebm.cli import main

# The figure.


def fake(n=12, bins=9):
    rng = np.random.default_rng(0)
    temperature = np.linspace(1, 5, n)
    arrays = {name: rng.normal(size=n) for name in CURVES}
    arrays |= {f"{name}_stderr": rng.random(n) for name in CURVES}
    arrays |= {"overlap_q": np.linspace(-1, 1, bins), "overlap_edges": np.linspace(-1.1, 1.1, bins + 1)}
    arrays |= {f"overlap_{name}": rng.random((n, bins)) for name in ("density", "density_stderr")}
    return {"temperature": temperature, **arrays}


def test_the_figure_shows_the_numbers():
    arrays = fake()
    axes = plots.thermo(arrays, sites=4)
    shown = dict(zip(("free_energy", "energy", "heat_capacity", "entropy"), axes[:4], strict=True))
    for name, ax in shown.items():
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), arrays["temperature"])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), arrays[name] / 4)
        band = ax.collections[0].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(band.max(), (arrays[name] + arrays[f"{name}_stderr"]).max() / 4)
        np.testing.assert_allclose(band.min(), (arrays[name] - arrays[f"{name}_stderr"]).min() / 4)
        assert "per site" in ax.get_ylabel()
        assert "temperature" in ax.get_xlabel()
    chosen = sorted({0, int(arrays["heat_capacity"].argmax()), 11})
    assert len(axes[4].lines) == len(chosen)
    for line, k in zip(axes[4].lines, chosen, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), arrays["overlap_density"][k])
    looks = {(line.get_linestyle(), line.get_marker()) for line in axes[4].lines}
    assert len(looks) == len(chosen)


def test_the_figure_takes_a_result_with_or_without_overlaps():
    found = thermodynamics(laws.MACHINES["gaussian-bernoulli"](), T, **ONE_ROUND)
    axes = plots.thermo(found)
    assert len(axes) == 4
    np.testing.assert_array_equal(axes[1].lines[0].get_ydata(), found.energy)
    assert "per site" not in axes[1].get_ylabel()
    for given in (found, found.arrays(), fake()):
        assert overlaps(plots.thermo(given)[0].figure) == []
    large = {name: array * (1 if name == "temperature" else -1e6) for name, array in fake().items()}
    assert overlaps(plots.thermo(large)[0].figure) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": None}, "no energy; expected"),
        ({"overlap_density_stderr": None}, "no overlap_density_stderr"),
        ({"entropy": np.zeros(3)}, r"entropy: expected shape \(12,\), got \(3,\)"),
        ({"overlap_density": np.zeros((12, 2))}, r"overlap_density: expected shape \(12, 9\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, said):
    arrays = fake() | change
    with pytest.raises(EbmError, match=said):
        plots.thermo({name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(EbmError, match="sites"):
        plots.thermo(fake(), sites=0)


# The command.


def call(*args):
    return CliRunner().invoke(main, ["plot", *map(str, args)])


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.npz"
    ebm.save(path, laws.MACHINES["ising"]())
    return path


def test_the_command_draws_and_writes_arrays(model):
    result = call("--thermo", model, "--temperatures", 0.8, 4, "--budget", "1s", "--seed", 3)
    assert result.exit_code == 0, result.output
    figure, arrays = (model.with_name(f"model-thermo.{suffix}") for suffix in ("png", "npz"))
    assert result.stdout.split() == [str(figure), str(arrays)]
    assert "heat capacity" in result.stderr
    assert figure.read_bytes().startswith(b"\x89PNG")
    found = np.load(arrays)
    temperature = found["temperature"]
    assert (temperature[0], temperature[-1], len(temperature)) == (0.8, pytest.approx(4), 60)
    exact = exact_curves(ebm.load(model), temperature)
    error = [(found[name] - row) / found[f"{name}_stderr"] for name, row in zip(CURVES, exact, strict=True)]
    assert np.abs(error).max() < 4
    assert sorted(p.name for p in model.parent.iterdir()) == [
        "model-thermo.npz",
        "model-thermo.png",
        "model.npz",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda m: ["--thermo", m, "--out", m.with_suffix(".png")], "overwrite"),
        (lambda m: ["--thermo", m, "--out", m.with_suffix(".pdf")], r"unknown file type; expected \.png"),
        (lambda m: ["--thermo", m, "--out", m.parent / "no" / "f.png"], "no such folder"),
        (lambda m: ["--thermo", m, "--temperatures", 4, 1], "temperatures: expected two positive numbers"),
        (lambda m: ["--thermo", m, "--temperatures", 0, 1], "temperatures: expected two positive numbers"),
        (
            lambda m: ["--thermo", m, "--temperatures", "nan", 1],
            "temperatures: expected two positive numbers",
        ),
        (lambda m: ["--thermo", m, "--budget", "soon"], "--budget soon: expected a time"),
        (lambda m: ["--thermo", m.parent / "none.npz"], "none.npz: no such file"),
        (lambda m: [m.parent, "--seed", 3], "--seed goes with --thermo"),
        (lambda m: [m.parent, "--budget", "3s"], "--budget goes with --thermo"),
    ],
)
def test_the_command_refuses_in_one_line(model, arguments, said):
    before = model.read_bytes()
    result = call(*arguments(model))
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert re.search(f"^ebm: .*{said}", result.stderr)
    assert model.read_bytes() == before
    assert [p.name for p in model.parent.iterdir()] == ["model.npz"]
