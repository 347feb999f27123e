"""RBMs of scikit-learn and of rbms: equal energies, and what is written is what theirs loads."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import ebm
from ebm import interchange
from ebm.errors import EbmError

FIXTURES = Path(__file__).parent / "fixtures" / "interchange"


def all_states(units, n):
    return np.array(list(product(units.states, repeat=n)))


def energy(v, h, W, b, c):
    """E(v, h) term by term, of one state of the visible and one of the hidden units; Potts: W is (n, q,
    m)."""
    total = 0.0
    for i, x in enumerate(v):
        total -= b[i, int(x)] if W.ndim == 3 else b[i] * x
        for j, y in enumerate(h):
            total -= (W[i, int(x), j] if W.ndim == 3 else W[i, j] * x) * y
    return total - sum(c[j] * y for j, y in enumerate(h))


def has_energies(machine, W, b, c):
    """All states of a small machine against the definition."""
    for v in all_states(machine.visible, machine.n_visible)[::7]:
        for h in all_states(machine.hidden, machine.n_hidden)[::3]:
            ours = machine.energy(v[None], h[None])[0]
            assert ours == pytest.approx(energy(v, h, W, b, c), abs=1e-5)


# scikit-learn


def fitted(n=5, m=3):
    from sklearn.neural_network import BernoulliRBM

    rows = np.random.default_rng(0).integers(2, size=(40, n)).astype(float)
    return BernoulliRBM(n_components=m, n_iter=20, random_state=0).fit(rows)


def test_free_energies_are_those_of_scikit_learn():
    theirs = fitted()
    ours = interchange.sklearn.from_sklearn(theirs)
    v = all_states(ours.visible, 5)
    assert np.allclose(ours.free_energy(v), theirs._free_energy(v), atol=1e-10)


def test_a_machine_goes_to_scikit_learn_and_back():
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 5, 3, scale=0.7, seed=2, dtype="float64")
    theirs = interchange.sklearn.to_sklearn(machine)
    v = all_states(machine.visible, 5)
    assert np.allclose(theirs._free_energy(v), machine.free_energy(v), atol=1e-10)
    assert np.allclose(theirs.transform(v), machine.mean_h(v), atol=1e-10)
    back = interchange.sklearn.from_sklearn(theirs)
    assert np.array_equal(back.W, machine.W)
    before = theirs.components_.copy()
    theirs.partial_fit(v)
    assert not np.array_equal(theirs.components_, before)
    assert np.array_equal(back.W, machine.W)  # its arrays are its own


@pytest.mark.parametrize("given", [None, "rbm", 3.0, ebm.RBM])
def test_what_is_not_scikit_learns(given):
    with pytest.raises(EbmError, match="expected a sklearn"):
        interchange.sklearn.from_sklearn(given)


def test_an_unfitted_estimator_and_other_units():
    from sklearn.neural_network import BernoulliRBM

    with pytest.raises(EbmError, match="not fitted"):
        interchange.sklearn.from_sklearn(BernoulliRBM())
    with pytest.raises(EbmError, match="expected an RBM"):
        interchange.sklearn.to_sklearn(ebm.RBM.random(ebm.Ising(), ebm.Bernoulli(), 3, 2, dtype="float64"))


def test_a_file_of_skops(tmp_path):
    pytest.importorskip("skops")
    machine = interchange.read(FIXTURES / "sklearn.bernoulli.skops")
    assert machine.W.shape == (5, 3)
    interchange.write(tmp_path / "m.skops", machine)
    assert np.array_equal(interchange.read(tmp_path / "m.skops").W, machine.W)


def test_a_file_of_skops_that_could_run_code(tmp_path):
    skops = pytest.importorskip("skops.io")
    theirs = fitted()
    theirs.verbose = print  # a name that loading would have to import
    theirs.n_iter = Path
    skops.dump(theirs, tmp_path / "m.skops")
    with pytest.raises(EbmError, match="could run code"):
        interchange.read(tmp_path / "m.skops")


# rbms


@pytest.mark.parametrize("name", ["bernoulli", "potts", "torchrbm"])
def test_files_of_rbms(name):
    h5py = pytest.importorskip("h5py")
    path = FIXTURES / f"rbms.{name}.h5"
    for k in interchange.rbms.updates(path):
        machine = interchange.read(path, update=k)
        with h5py.File(path) as file:
            group = file[f"update_{k}"]
            W, b, c = (group[key][()] for key in ("weight_matrix", "vbias", "hbias"))
        has_energies(machine, W, b, c)


def test_updates_are_a_trajectory():
    pytest.importorskip("h5py")
    path = FIXTURES / "rbms.bernoulli.h5"
    assert interchange.rbms.updates(path) == [1, 10, 100]
    *easier, machine = interchange.rbms.trajectory(path)
    assert np.array_equal(machine.W, interchange.read(path).W)  # the last when none is named
    found = ebm.sample(machine, 200, sampler=ebm.TrajectoryTempering(easier), seed=0)
    exact = machine.exact()[1]["b"]
    assert np.abs(found.x.mean(0) - exact).max() < 4 * 0.5 / np.sqrt(100)
    with pytest.raises(EbmError, match="update: no 11; did you mean '1"):
        interchange.read(path, update=11)


def machines_of_rbms():
    yield ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 5, 3, scale=0.7, seed=2, dtype="float64")
    yield ebm.RBM.random(ebm.Potts(4), ebm.Bernoulli(), 3, 2, scale=0.7, seed=2, dtype="float64")
    yield ebm.RBM.random(ebm.Bernoulli(), ebm.Gaussian(), 4, 2, scale=0.7, seed=2, dtype="float64")
    yield ebm.RBM.random(ebm.Ising(), ebm.Gaussian(), 4, 2, scale=0.7, seed=2, dtype="float64")


@pytest.mark.parametrize("machine", list(machines_of_rbms()), ids=str)
def test_a_machine_goes_to_rbms_and_back(machine, tmp_path):
    pytest.importorskip("h5py")
    interchange.write(tmp_path / "m.h5", machine, "rbms", update=7)
    assert interchange.rbms.updates(tmp_path / "m.h5") == [7]
    back = interchange.read(tmp_path / "m.h5")
    v = all_states(machine.visible, machine.n_visible)
    assert (back.visible, back.hidden) == (machine.visible, machine.hidden)
    assert np.allclose(back.free_energy(v), machine.free_energy(v), atol=1e-12)


def test_normal_hidden_units_of_rbms(tmp_path):
    """Theirs: p(v) ∝ exp(b·v + |c + vW|² / 2n), hidden units of variance 1/n."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    W, b, c = rng.normal(size=(4, 2)), rng.normal(size=4), rng.normal(size=2)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["model_type"] = "BGRBM"
        for name, value in {"weight_matrix": W, "vbias": b, "hbias": c}.items():
            file[f"update_1/params/{name}"] = value
    machine = interchange.read(tmp_path / "m.h5")
    v = all_states(machine.visible, 4)
    theirs = -v @ b - ((c + v @ W) ** 2).sum(1) / 8
    constant = machine.free_energy(v) - theirs
    assert np.ptp(constant) < 1e-12


def test_what_rbms_does_not_have(tmp_path):
    with pytest.raises(EbmError, match="rbms: it has no"):
        interchange.write(
            tmp_path / "m.h5", ebm.RBM.random(ebm.Bernoulli(), ebm.Potts(3), 4, 2, dtype="float64"), "rbms"
        )


@pytest.mark.parametrize("machine", list(machines_of_rbms())[:2], ids=str)
def test_rbms_loads_what_was_written(machine, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("rbms")
    from rbms.io import load_model

    interchange.write(tmp_path / "m.h5", machine, "rbms", update=7)
    params, chains, _, _ = load_model(str(tmp_path / "m.h5"), 7, torch.device("cpu"), torch.float64)
    v = all_states(machine.visible, machine.n_visible)
    theirs = params.compute_energy_visibles(torch.from_numpy(v)).numpy()
    assert np.allclose(theirs, machine.free_energy(v), atol=1e-9)
    assert chains["visible"].shape == (100, machine.n_visible)
