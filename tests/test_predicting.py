"""ebm predict and ebm transform, as a user meets them."""

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.estimators import DBNClassifier, DBNRegressor, RBMTransformer


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows whose class is their first bit, as .npy, .csv and .npz."""
    folder = tmp_path_factory.mktemp("data")
    x = np.random.default_rng(0).integers(2, size=(60, 4)).astype(float)
    y = np.array(["no", "yes"])[x[:, 0].astype(int)]
    np.save(folder / "x.npy", x)
    np.savetxt(folder / "x.csv", x, delimiter=",", header="a,b,c,d", comments="")
    np.savez(folder / "all.npz", rows=x, truth=y, numbers=x[:, 0].astype(int))
    return folder, x, y


def labelled(x):
    units = ebm.Mixed(((ebm.Bernoulli(), 4), (ebm.Potts(2), 1)))
    rows = np.column_stack([x, x[:, 0]])
    machine = ebm.RBM.from_data(rows, 5, visible=units, scale=0.5)
    ebm.fit(machine, rows, rule=ebm.Discriminative(), optimiser=ebm.SGD(0.5), epochs=200, batch_size=20)
    return machine


def test_classifiers_of_every_kind_predict(data, tmp_path):
    folder, x, y = data
    net = ebm.readout(None, x, x[:, 0].astype(int), optimiser=ebm.Adam(0.1))
    models = {
        "estimator": (DBNClassifier((8,), learning_rate_init=0.05, random_state=0).fit(x, y), y, "truth"),
        "network": (net, x[:, 0], "numbers"),
        "machine": (labelled(x), x[:, 0], "numbers"),
    }
    for name, (model, truth, labels) in models.items():
        ebm.save(tmp_path / f"{name}.npz", model)
        said = call("predict", tmp_path / f"{name}.npz", folder / "x.csv")
        assert said.exit_code == 0, said.output
        assert [str(v) for v in said.output.split()] == [
            str(v) for v in truth.astype(y.dtype if name == "estimator" else int)
        ]
        out = tmp_path / f"{name}.npy"
        said = call(
            "predict",
            tmp_path / f"{name}.npz",
            folder / "all.npz",
            "--key",
            "rows",
            "--labels",
            labels,
            "-o",
            out,
        )
        assert said.exit_code == 0, said.output
        assert said.output == "error 0.00% ± 0.00% of 60 rows\n"
        assert np.array_equal(np.load(out), truth)
        said = call(
            "predict", tmp_path / f"{name}.npz", folder / "x.npy", "--proba", "-o", tmp_path / "p.csv"
        )
        assert said.exit_code == 0, said.output
        p = np.loadtxt(tmp_path / "p.csv", delimiter=",")
        np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
        assert np.array_equal(p.argmax(1), x[:, 0])


def test_runs_predict_by_their_readout_or_their_label_unit(data, tmp_path):
    """And give features by their machine; a stack is drawn from as a machine is."""
    folder, x, _ = data
    dbn = ebm.DBN.greedy(x, [6, 5], epochs=2)
    net = ebm.readout(None, x, x[:, 0].astype(int), optimiser=ebm.Adam(0.1))
    ebm.save(tmp_path / "model.npz", dbn)
    said = call("predict", tmp_path, folder / "x.npy")
    assert "predicts nothing" in said.output
    ebm.save(tmp_path / "readout.npz", net)
    assert np.array_equal(np.loadtxt(call("predict", tmp_path, folder / "x.npy").output.split()), x[:, 0])
    said = call("transform", tmp_path, folder / "x.npy")
    features = np.loadtxt(said.output.splitlines(), delimiter=",")
    np.testing.assert_allclose(features, dbn.transform(x), atol=1e-6)
    said = call("sample", tmp_path / "model.npz", "-n", 7, "-o", tmp_path / "s.npz")
    assert said.output.startswith("7 samples in")
    with np.load(tmp_path / "s.npz") as file:
        assert np.array_equal(file["x"], dbn.sample(7))


def test_numbers_have_a_root_mean_square_error(data, tmp_path):
    folder, x, _ = data
    y = x @ [0.5, 1.0, 0.0, 0.0]
    np.savez(folder / "numbers.npz", rows=x, y=y)
    units = ebm.Mixed(((ebm.Bernoulli(), 4), (ebm.Gaussian(), 1)))
    machine = ebm.RBM.random(units, ebm.Bernoulli(), 5, 3, scale=0.5, seed=1, dtype="float64")
    expected = ebm.conditional_moments(machine, x)[0]
    ebm.save(tmp_path / "joint.npz", machine)
    said = call(
        "predict", tmp_path / "joint.npz", folder / "numbers.npz", "--key", "rows", "--labels", "y",
        "-o", tmp_path / "y.npy",
    )  # fmt: skip
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected)
    off = np.sqrt(np.square(expected - y).mean())
    assert said.output == f"root mean square error {off:.6g} of 60 rows\n"
    net = ebm.readout(None, x, y, units=ebm.Gaussian(), epochs=2)
    for name, model in (("joint", machine), ("net", net)):
        ebm.save(tmp_path / f"{name}.npz", model)
        said = call("predict", tmp_path / f"{name}.npz", folder / "x.npy", "--proba")
        assert said.exit_code != 0
        assert "gives no probabilities" in said.output


def test_regressors_and_features(data, tmp_path):
    folder, x, _ = data
    model = DBNRegressor(random_state=0).fit(x, x @ [1.0, 2.0, 3.0, 4.0])
    ebm.save(tmp_path / "r.npz", model)
    said = call("predict", tmp_path / "r.npz", folder / "x.npy")
    np.testing.assert_allclose(np.loadtxt(said.output.splitlines()), model.predict(x), rtol=1e-6)
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, scale=1.0, dtype="float64")
    dbn = ebm.DBN.greedy(x, [3, 2], epochs=1)
    transformer = RBMTransformer(3, random_state=0).fit(x)
    for found, expected in (
        (machine, machine.mean_h(x)),
        (dbn, dbn.transform(x)),
        (transformer, transformer.transform(x)),
    ):
        ebm.save(tmp_path / "m.npz", found)
        said = call("transform", tmp_path / "m.npz", folder / "x.npy", "-o", tmp_path / "h.npy")
        assert said.exit_code == 0, said.output
        assert np.array_equal(np.load(tmp_path / "h.npy"), expected)


def test_what_cannot_be_done_is_one_line(data, tmp_path):
    folder, x, y = data
    ebm.save(tmp_path / "m.npz", ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, dtype="float64"))
    ebm.save(tmp_path / "b.npz", ebm.BoltzmannMachine(ebm.Ising(), np.zeros((4, 4)), np.zeros(4)))
    ebm.save(tmp_path / "c.npz", DBNClassifier((3,), max_iter=1, random_state=0).fit(x, y))
    ebm.save(tmp_path / "r.npz", DBNRegressor(random_state=0).fit(x, x[:, 0]))
    np.save(tmp_path / "wide.npy", np.zeros((2, 5)))
    (tmp_path / "bad.npz").write_bytes(b"PK no archive")
    for args, words in (
        (("predict", tmp_path / "m.npz", folder / "x.npy"), "predicts nothing"),
        (("predict", tmp_path / "r.npz", folder / "x.npy", "--proba"), "no probabilities"),
        (("transform", tmp_path / "b.npz", folder / "x.npy"), "no features"),
        (("transform", tmp_path / "m.npz", tmp_path / "wide.npy"), "expected shape"),
        (("predict", tmp_path / "c.npz", tmp_path / "wide.npy"), "5 features"),
        (("predict", tmp_path / "c.npz", folder / "none.npy"), "none.npy"),
        (("predict", tmp_path / "bad.npz", folder / "x.npy"), "bad.npz"),
        (("predict", tmp_path / "c.npz", folder / "x.npy", "-o", tmp_path / "y.txt"), "unknown file type"),
        (("predict", tmp_path / "c.npz", folder / "x.npy", "--labels", "y"), "has no column names"),
        (("predict", tmp_path / "c.npz", folder / "all.npz", "--key", "rows", "--labels", "why"), "'why'"),
    ):
        said = call(*args)
        assert said.exit_code == 1
        assert len(said.output.strip().splitlines()) == 1
        assert words in said.output
