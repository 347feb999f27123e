"""Machines whose units have slopes and curvatures of their own: each energy is that of its definition."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import ebm
from ebm import interchange
from ebm.interchange.records import Record, as_array, recorded

FIXTURES = Path(__file__).parent / "fixtures" / "interchange"
POINTS = (-1.3, 0.0, 0.4, 2.0)  # of real units


def values(kind):
    """States that are tried of a unit of theirs."""
    discrete = {"Binary": (0, 1), "Bernoulli": (0, 1), "Spin": (-1, 1), "Potts": (0, 1, 2), "Potts2": (0, 1)}
    return discrete.get(kind, (0.0, 0.4, 2.0) if kind == "ReLU+" else POINTS)


def pairs(visible, hidden, n=4, m=2, count=60):
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield rng.choice(values(visible), n), rng.choice(values(hidden), m)


# RestrictedBoltzmannMachines.jl, from its documentation: a unit's energy, and the interaction.


def unit_of_julia(kind, par, x):
    if kind in ("Binary", "Spin"):
        return -par[0] * x
    if kind == "Potts":
        return -par[int(x), 0]
    if kind in ("Gaussian", "ReLU"):
        return abs(par[1]) * x * x / 2 - par[0] * x
    if kind == "xReLU":
        theta, gamma, delta, xi = par
        share = xi / (1 + abs(xi))  # in (−1, 1): γ₊ = γ/(1 + η), θ₊ = θ + Δ/(1 + η), below with −
        sign = 1 if x >= 0 else -1
        return abs(gamma) * x * x / 2 / (1 + sign * share) - (theta + sign * delta / (1 + sign * share)) * x
    above, below, gamma_above, gamma_below = par
    return (gamma_above * x * x / 2 - above * x) if x >= 0 else (gamma_below * x * x / 2 - below * x)


def phi(kind, x, q):
    return np.concatenate([np.eye(q)[int(a)] for a in x]) if kind == "Potts" else np.asarray(x, float)


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("rbmjl.*")), ids=lambda p: p.name)
def test_energies_of_julia(path, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        found = {key: value[()] for key, value in file.items()}
    kinds = [found[f"{side}_type"].decode() for side in ("visible", "hidden")]
    par = [found[f"{side}_par"] for side in ("visible", "hidden")]
    w = found["weights"].reshape(par[1][..., 0].size, par[0][..., 0].size)

    def theirs(v, h):
        total = sum(unit_of_julia(kinds[0], p, x) for p, x in zip(par[0], v, strict=True))
        total += sum(unit_of_julia(kinds[1], p, x) for p, x in zip(par[1], h, strict=True))
        a, b = (phi(kind, x, 3) for kind, x in zip(kinds, (v, h), strict=True))
        if "offset_v" in found:
            a, b = a - found["offset_v"].ravel(), b - found["offset_h"].ravel()
        if "scale_v" in found:
            a, b = a / found["scale_v"].ravel(), b / found["scale_h"].ravel()
        return total - b @ w @ a

    scale = np.sqrt(np.abs(par[1][:, 1])) if kinds[1] in ("Gaussian", "ReLU") else 1.0
    hidden = "ReLU+" if kinds[1] == "ReLU" else kinds[1]
    for machine in (interchange.read(path), again(interchange.read(path), tmp_path / "m.h5")):
        constants = [
            theirs(v, h) - machine.energy(v[None], (h * scale)[None])[0] for v, h in pairs(kinds[0], hidden)
        ]
        assert np.ptp(constants) < 1e-10
        said = interchange.formats()["rbmjl"].facts(path).get("offset", "0").split()[-1]
        assert constants[0] == pytest.approx(float(said), abs=1e-9)


def again(machine, path):
    interchange.write(path, machine, "rbmjl")
    return interchange.read(path)


def test_what_julia_does_not_have(tmp_path):
    pytest.importorskip("h5py")
    with pytest.raises(ebm.EbmError, match="RestrictedBoltzmannMachines"):
        again(ebm.RBM.random(ebm.Bernoulli(), ebm.Binomial(3), 4, 2, dtype="float64"), tmp_path / "m.h5")


def test_a_layer_of_two_axes_is_in_the_order_of_vec(tmp_path):
    """Julia's pixel (i, j) of a 2 × 3 image is number i + 2j, and h5py's [j, i]."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "m.h5"
    theta = np.arange(6.0).reshape(3, 2)  # [j, i]
    with h5py.File(path, "w") as file:
        file["rbm_hdf5_file_format_version"], file["rbm_type"] = "1.0.0", "RBM"
        file["visible_type"] = file["hidden_type"] = "Binary"
        file["visible_par"], file["hidden_par"] = theta[..., None], np.zeros((4, 1))
        file["weights"] = np.arange(24.0).reshape(4, 3, 2)
    machine = interchange.read(path)
    assert np.array_equal(machine.b, np.arange(6.0))
    assert np.array_equal(machine.W, np.arange(24.0).reshape(4, 6).T)


# PGM: fields enter as −fields·x, the θ of rectified halves have two signs.


def unit_of_pgm(layer, i, x):
    kind = layer.attribute("nature")

    def of(name):
        return float(as_array(layer.attribute(name), name)[i])

    if kind in ("Bernoulli", "Spin"):
        return -of("fields") * x
    if kind == "Potts":
        return -as_array(layer.attribute("fields"), "fields")[i, int(x)]
    if kind == "Gaussian":
        return of("gamma") * x * x / 2 + of("theta") * x
    gamma = ("gamma_plus", "gamma_minus") if kind == "dReLU" else ("gamma", "gamma")
    plus, minus = max(x, 0), max(-x, 0)
    halves = of(gamma[0]) * plus**2 / 2 + of(gamma[1]) * minus**2 / 2
    return halves + of("theta_plus") * plus + of("theta_minus") * minus


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("pgm.*")), ids=lambda p: p.name)
def test_energies_of_pgm(path):
    from ebm.interchange.pgm import _NAMES

    record = recorded(path.read_bytes(), _NAMES, "test")
    layers = [record.attribute("vlayer"), record.attribute("hlayer")]
    weights = as_array(record.attribute("weights"), "weights")
    q, p = record.attribute("n_cv"), record.attribute("n_ch")
    machine = interchange.read(path)
    kinds = [layer.attribute("nature") for layer in layers]
    gamma = as_array(layers[1].attribute("gamma"), "gamma")
    scale = np.sqrt(gamma) if kinds[1] == "Gaussian" else 1.0
    hidden = "Potts2" if kinds[1] == "Potts" else kinds[1]
    for v, h in pairs(kinds[0], hidden, count=30):
        theirs = sum(unit_of_pgm(layers[0], i, x) for i, x in enumerate(v))
        theirs += sum(unit_of_pgm(layers[1], i, x) for i, x in enumerate(h))
        for (j, y), (i, x) in product(enumerate(h), enumerate(v)):
            place = (j, i, *((int(y),) if p > 1 else ()), *((int(x),) if q > 1 else ()))
            theirs -= weights[place] * (1 if p > 1 else y) * (1 if q > 1 else x)
        assert machine.energy(v[None], (h * scale)[None])[0] == pytest.approx(theirs, abs=1e-5)


class Danger:
    """Would run a command when unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/ebm-was-here",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_code_is_refused(protocol, tmp_path):
    import pickle

    path = tmp_path / "m.data"
    path.write_bytes(pickle.dumps({"rbm": Danger(), "RBM": 1}, protocol))
    with pytest.raises(ebm.EbmError, match="system', which is not run"):
        interchange.read(path, "pgm")
    assert not Path("/tmp/ebm-was-here").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_are_what_pickle_makes_of_them(protocol):
    import pickle

    rows = np.arange(6.0).reshape(2, 3)
    tree = {
        "a": [1, -(2**70), 2.5, None, True, "é"],
        "b": (b"\x00\xff", (), {1: {2: []}}),
        "c": rows.T,
        "d": {3},
    }
    found = recorded(
        pickle.dumps(tree, protocol), interchange.records.NUMPY | {"builtins.set", "__builtin__.set"}, "t"
    )
    assert found["a"] == tree["a"]
    assert found["b"] == tree["b"]
    assert np.array_equal(as_array(found["c"], "c"), rows.T)
    assert found["d"] == {3} or isinstance(found["d"], Record)


# ONNX


def networks():
    from ebm import Bernoulli, Binomial, Gaussian, Ising, Layer, Mixed, Network, Poisson, Potts

    mixed = Mixed(((Potts(3), 2), (Bernoulli(), 1)))
    yield Network([Layer.random(Bernoulli(), 4, 3), Layer.random(Potts(3), 3, 1)])
    yield Network([Layer.random(Ising(), 7, 4), Layer.random(mixed, 4, 3)], mixed)
    yield Network([Layer.random(Gaussian(), 4, 3), Layer.random(Poisson(), 3, 2)])
    yield Network([Layer.random(Binomial(3), 4, 3), Layer.random(Gaussian(learn_precision=True), 3, 2)])
    sizes = ((Bernoulli(), 6, 3), (Potts(2), 3, 1))
    yield Network([Layer.random(*size, dtype=np.float32) for size in sizes], Potts(3))


@pytest.mark.parametrize("network", list(networks()), ids=str)
def test_onnxruntime_gives_the_means_of_a_network(network, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    if "y.precision" in network.params:
        network.params["y.precision"] = [0.5, 3.0]
    interchange.write(tmp_path / "m.onnx", network)
    x = (
        np.random.default_rng(0)
        .integers(2, size=(7, network.inputs.count(network.n_in)))
        .astype(network.dtype)
    )
    (theirs,) = runtime.InferenceSession(tmp_path / "m.onnx").run(["mean"], {"x": x})
    assert np.allclose(theirs, network.predict_mean(x), atol=1e-6)


def test_what_onnx_does_not_have(tmp_path):
    pytest.importorskip("onnx")
    network = ebm.Network([ebm.Layer.random(ebm.ReLU(), 4, 3)])
    with pytest.raises(ebm.EbmError, match="means of ReLU"):
        interchange.write(tmp_path / "m.onnx", network)
    with pytest.raises(ebm.EbmError, match="expected a Network"):
        interchange.write(
            tmp_path / "m.onnx", ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2, dtype="float64")
        )


# torch


def test_a_file_of_qucumber():
    torch = pytest.importorskip("torch")
    path = FIXTURES / "qucumber.positive.pt"
    theirs = torch.load(path, weights_only=True)["rbm_am"]
    machine = interchange.read(path)
    v = torch.tensor(list(product((0.0, 1.0), repeat=4)), dtype=torch.double)
    inputs = torch.nn.functional.linear(v, theirs["weights"], theirs["hidden_bias"])
    energy = -(v @ theirs["visible_bias"]) - torch.nn.functional.softplus(inputs).sum(1)
    assert np.allclose(machine.free_energy(v.numpy()), energy.numpy(), atol=1e-12)
    with pytest.raises(ebm.EbmError, match="network: no 'rbm_ph'"):
        interchange.read(path, network="rbm_ph")


def test_a_file_of_learnergy():
    torch = pytest.importorskip("torch")
    path = FIXTURES / "learnergy.rbm.pth"
    theirs = torch.load(path, weights_only=True)
    v = torch.tensor(list(product((0.0, 1.0), repeat=4)))
    inputs = torch.nn.functional.linear(v, theirs["W"].t(), theirs["b"])
    energy = -(v @ theirs["a"]) - torch.nn.functional.softplus(inputs).sum(1)
    assert np.allclose(interchange.read(path).free_energy(v.numpy()), energy.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["first", "hidden"])
def test_a_file_of_the_grbm(name):
    path = FIXTURES / f"grbm.{name}.pt"
    edges = [[0, 1], [0, 2], [1, 3], [2, 3]]
    found = interchange.torch.read_tensors(path)
    machine = interchange.read(path, **({"edges": edges} if name == "first" else {}))
    order = interchange.grbm.order(path)
    assert machine.n_visible == (4 if name == "first" else 3)
    for s in product((-1.0, 1.0), repeat=4):
        theirs = found["_linear"] @ np.array(s)
        theirs += sum(J * s[i] * s[j] for J, (i, j) in zip(found["_quadratic"], edges, strict=True))
        assert machine.energy(np.array(s)[order][None])[0] == pytest.approx(theirs, abs=1e-5)


def test_qucumber_and_learnergy_have_these_energies():
    """They themselves load the fixtures that they wrote."""
    torch = pytest.importorskip("torch")
    states = pytest.importorskip("qucumber.nn_states")
    models = pytest.importorskip("learnergy.models.bernoulli")
    v = torch.tensor(list(product((0.0, 1.0), repeat=4)), dtype=torch.double)
    theirs = states.PositiveWaveFunction.autoload(str(FIXTURES / "qucumber.positive.pt"))
    ours = interchange.read(FIXTURES / "qucumber.positive.pt")
    assert np.allclose(ours.free_energy(v.numpy()), theirs.effective_energy(v).detach(), atol=1e-12)
    machine = models.RBM(n_visible=4, n_hidden=2)
    machine.load_state_dict(torch.load(FIXTURES / "learnergy.rbm.pth"))
    ours = interchange.read(FIXTURES / "learnergy.rbm.pth")
    assert np.allclose(ours.free_energy(v.numpy()), machine.energy(v.float()).detach(), atol=1e-5)


def test_a_graph_that_is_not_there_is_asked_for():
    with pytest.raises(ebm.EbmError, match="it has no graph; expected edges"):
        interchange.read(FIXTURES / "grbm.first.pt")
    with pytest.raises(ebm.EbmError, match="expected \\(4, 2\\)"):
        interchange.read(FIXTURES / "grbm.first.pt", edges=[[0, 1]])


def test_a_file_of_torch_that_runs_code_is_refused(tmp_path):
    import pickle
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps(Danger(), 2))
    with pytest.raises(ebm.EbmError, match="system', which is not run"):
        interchange.read(tmp_path / "m.pt", "qucumber")


def test_tensors_of_every_type_and_stride(tmp_path):
    torch = pytest.importorskip("torch")
    whole = torch.arange(12).reshape(3, 4)
    made = {str(kind): whole.to(kind) for kind in (torch.float64, torch.float32, torch.float16, torch.int64)}
    made |= {
        "part": whole[1:, ::2].double(),
        "turned": whole.T,
        "one": torch.tensor(2.5),
        "none": torch.zeros(0),
    }
    made["part"] = whole.double()[1:, ::2]
    torch.save(made, tmp_path / "m.pt")
    found = interchange.torch.read_tensors(tmp_path / "m.pt")
    for name, value in made.items():
        assert np.array_equal(found[name], value.numpy()), name
