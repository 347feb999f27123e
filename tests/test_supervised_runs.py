"""Runs that predict: machines with a label unit, stacks, regression, from config to figures."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import experiment
from ebm.cli import main
from ebm.errors import EbmError
from ebm.plots import predictions

DIGITS = '[data]\ntype = "Digits"\ngrey = true\n'
LABELLED = (
    DIGITS
    + '[machine]\ntype = "LabelledRBM"\nn_hidden = 20\n[rule]\ntype = "Discriminative"\ndropout = 0.1\n'
    '[optimiser]\ntype = "SGD"\nrate = 0.1\nmomentum = 0.9\n[train]\nepochs = 4\nbatch_size = 20\n'
)
STACK = (
    DIGITS + '[machine]\ntype = "DBN"\nsizes = [20, 10]\n[optimiser]\ntype = "SGD"\nrate = 0.1\n'
    "[train]\nepochs = 2\nbatch_size = 50\n"
    "[readout]\nepochs = 5\n[fine_tune]\nepochs = 4\ndropout = [0.1, 0.0, 0.0]\n[sample]\nn = 40\n"
)
DEEP = STACK.replace('"DBN"', '"DBM"').replace(
    "[optimiser]", '[rule]\ntype = "PCD"\npositive = "mean-field"\n[optimiser]'
)
NUMBERS = (
    '[data]\ntype = "Diabetes"\n[machine]\ntype = "RBM"\nn_hidden = 5\n[train]\nepochs = 2\n'
    "[readout]\nepochs = 200\nbatch_size = 50\n[fine_tune]\nepochs = 3\nbatch_size = 50\n"
)


@pytest.fixture
def run(tmp_path):
    def go(text, *settings, out="run"):
        (tmp_path / "c.toml").write_text(text)
        return experiment.run(tmp_path / "c.toml", settings, out=tmp_path / out).path

    return go


def arrays(path):
    with np.load(path / "samples.npz") as file:
        return {name: file[name] for name in file.files}


def figures(path):
    return {file.stem for file in (path / "figures").iterdir()}


def summary(path):
    return json.loads((path / "summary.json").read_text())


def test_a_machine_with_a_label_unit(run):
    path = run(LABELLED)
    machine, found = ebm.load(path / "model.npz"), arrays(path)
    assert repr(machine.visible) == "Mixed(64 × Bernoulli() + 1 × Potts(q=10))"
    data = ebm.datasets.Digits(grey=True).load()
    p = ebm.conditional_probabilities(machine, data.test)
    np.testing.assert_allclose(found["probabilities"], p)
    (error,) = summary(path)["heldout_error"].values()
    assert error == (p.argmax(1) != data.test_labels).mean()
    assert error < 0.2
    np.testing.assert_array_equal(found["label_weights"], machine.W[64:])
    assert np.array_equal(found["mistaken"], data.test[found["mistakes"]])
    assert figures(path) >= {
        "learning_curves", "confusion", "reliability", "misclassified", "features_by_class", "weights",
    }  # fmt: skip
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["error_heldout"] == error


def test_samples_of_a_machine_with_a_label_unit_are_images(run):
    path = run(LABELLED.replace('"Discriminative"\ndropout = 0.1', '"CD"') + "[sample]\nn = 30\n")
    assert arrays(path)["x"].shape == (30, 64)
    assert "samples" in figures(path)


def test_a_stack_is_learnt_layer_by_layer(run):
    path = run(STACK)
    dbn = ebm.load(path / "model.npz")
    assert dbn.sizes == (64, 20, 10)
    data = ebm.datasets.Digits(grey=True).load()
    alone = ebm.DBN.greedy(
        data.train, [20, 10], rule=ebm.PCD(), optimiser=ebm.SGD(0.1), epochs=2, batch_size=50, seed=0
    )
    for key, value in alone.params.items():
        assert np.array_equal(dbn.params[key], value)
    assert set(summary(path)["heldout_error"]) == {
        "softmax on the data", "softmax on hidden means", "all layers fine-tuned",
    }  # fmt: skip
    found = arrays(path)
    assert found["x"].shape == (40, 64)
    assert np.array_equal(found["weights"], dbn.params["R0"])
    assert len(found["tuning_loss_validation"]) == 4
    assert figures(path) >= {"fine_tuning", "confusion", "reliability", "samples", "weights"}
    network = ebm.load(path / "readout.npz")
    assert (
        network.error(data.test, data.test_labels) == summary(path)["heldout_error"]["all layers fine-tuned"]
    )


@pytest.mark.some(3)
@pytest.mark.parametrize("lost", [("1.npz",), ("0.npz", "1.npz")])
def test_a_stopped_stack_goes_on_with_the_layer_it_was_at(run, lost):
    path = run(STACK)
    before = ebm.load(path / "model.npz").params
    first = (path / "layers" / "0.npz").stat().st_mtime_ns
    for name in lost:
        (path / "layers" / name).unlink()
    (path / "summary.json").unlink()
    experiment.resume(path)
    for key, value in ebm.load(path / "model.npz").params.items():
        assert np.array_equal(before[key], value)
    assert ((path / "layers" / "0.npz").stat().st_mtime_ns == first) == ("0.npz" not in lost)


def test_a_new_run_learns_its_own_layers(run, tmp_path):
    path = run(STACK)
    (tmp_path / "c.toml").write_text(STACK.replace("sizes = [20, 10]", "sizes = [12, 10]"))
    experiment.run(tmp_path / "c.toml", out=path, overwrite=True)
    assert ebm.load(path / "model.npz").sizes == (64, 12, 10)


def test_a_stack_of_one_layer_is_an_rbm(run):
    path = run(STACK.replace("[20, 10]", "[20]").replace("[0.1, 0.0, 0.0]", "0.1"))
    dbn = ebm.load(path / "model.npz")
    assert np.array_equal(arrays(path)["weights"], dbn.top.W)
    assert (path / "figures" / "weights.png").exists()


def test_bounds_of_stacks(run):
    text = STACK.replace("grey = true\n", "").replace("[sample]", '[log_z]\nmethod = "ais"\n[sample]')
    path = run(text, "log_z.n_temperatures=50")
    found = summary(path)
    assert found["log_likelihood_bound_test"] < 0
    assert "baselines" in found
    deep = run(text.replace('"DBN"', '"DBM"'), "log_z.n_temperatures=50", out="deep")
    machine = ebm.load(deep / "model.npz")
    data = ebm.datasets.Digits().load()
    expected = machine.log_likelihood_bound(data.test, summary(deep)["log_z"]["value"]).mean()
    assert abs(summary(deep)["log_likelihood_bound_test"] - expected) < 1e-6


def test_a_deep_machine_runs(run):
    path = run(DEEP)
    assert ebm.load(path / "model.npz").sizes == (64, 20, 10)
    assert figures(path) >= {"energy_curves", "fine_tuning", "samples", "weights"}


def test_the_data_units_are_what_exact_stages_look_at(run, tmp_path):
    """Ising data of a deep machine whose other even layer is Bernoulli; of a stack, the top."""
    x = np.random.default_rng(0).choice([-1, 1], (40, 5))
    np.save(tmp_path / "x.npy", x)
    data = f'[data]\ntype = "File"\nkind = "ising"\npath = "{tmp_path / "x.npy"}"\n'
    train = "[train]\nepochs = 1\n"
    path = run(
        data + '[machine]\ntype = "DBM"\nsizes = [3, 2]\n' + train + "kl = true\n[completion]\ngiven = 2\n",
        out="dbm",
    )
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    machine = ebm.load(path / "model.npz")
    train_rows = ebm.datasets.File(str(tmp_path / "x.npy"), kind="ising").load().train
    assert abs(rows[-1]["kl"] - ebm.kl_divergence(machine, train_rows)) < 1e-6
    stack = '[machine]\ntype = "DBN"\nsizes = [3, 2]\n' + train + '[log_z]\nmethod = "exact"\n'
    path = run(data + stack, out="dbn")
    assert summary(path)["log_z"]["value"] == ebm.load(path / "model.npz").top.exact()[0]


def test_numbers_are_predicted(run):
    path = run(NUMBERS)
    found, data = arrays(path), ebm.datasets.Diabetes().load()
    errors = summary(path)["heldout_error"]
    assert errors["least squares on the data"] < 0.75
    network = ebm.load(path / "readout.npz")
    np.testing.assert_allclose(found["numbers_predicted"], network.predict_mean(data.test)[:, 0], atol=1e-6)
    left = data.train_labels - network.predict_mean(data.train)[:, 0]
    np.testing.assert_allclose(found["numbers_std"], np.sqrt(np.square(left).mean()), rtol=1e-4)
    np.testing.assert_allclose(
        network.predict_variance(data.test)[:, 0], found["numbers_std"] ** 2, rtol=1e-4
    )
    assert figures(path) >= {"predictions", "fine_tuning"}
    assert (
        "intervals" in predictions(*(found[f"numbers_{k}"] for k in ("true", "predicted", "std"))).get_title()
    )


def test_a_joint_machine_predicts_numbers(run):
    path = run(
        NUMBERS.split("[machine]")[0] + '[machine]\ntype = "LabelledRBM"\nn_hidden = 8\n[rule]\ntype = "CD"\n'
        '[optimiser]\ntype = "SGD"\nrate = 0.02\n[train]\nepochs = 30\n'
    )
    machine, data = ebm.load(path / "model.npz"), ebm.datasets.Diabetes().load()
    mean, variance = ebm.conditional_moments(machine, data.test)
    found = arrays(path)
    np.testing.assert_allclose(found["numbers_predicted"], mean)
    np.testing.assert_allclose(found["numbers_std"], np.sqrt(variance))


def test_a_saved_machine_with_a_label_unit_is_known(run, tmp_path):
    first = run(LABELLED)
    again = run(DIGITS + f'[machine]\ntype = "Saved"\npath = "{first / "model.npz"}"\n', out="again")
    assert summary(again)["heldout_error"] == summary(first)["heldout_error"]


def test_labels_that_are_numbers_come_from_files(tmp_path, run):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=200)
    np.savetxt(tmp_path / "a.csv", np.column_stack([x, y]), delimiter=",", header="a,b,c,y", comments="")
    path = run(
        f'[data]\ntype = "File"\npath = "{tmp_path / "a.csv"}"\nlabels = "y"\nnumbers = true\n'
        'kind = "gaussian"\n[machine]\ntype = "RBM"\nn_hidden = 3\n[train]\nepochs = 1\n'
        "[readout]\nepochs = 300\n"
    )
    assert summary(path)["heldout_error"]["least squares on the data"] < 0.15
    np.savez(tmp_path / "b.npz", X=x, y=np.where(y > 0, y, np.nan))
    with pytest.raises(EbmError, match="row 2: the label is nan; expected a finite number"):
        ebm.datasets.File(str(tmp_path / "b.npz"), labels="y", numbers=True, kind="gaussian").load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABELLED + "[readout]\n", "the machine's last unit is the label"),
        (STACK.replace("[train]\nepochs = 2\nbatch_size = 50\n", ""), "needs a"),
        (STACK.replace("epochs = 2\n", "epochs = 2\nkl = true\n", 1), "kl: a DBN learns layer by layer"),
        (STACK + "[traces]\nbetas = [1.0]\n", "traces.*one energy"),
        (STACK.replace("[optimiser]", '[rule]\ntype = "Discriminative"\n[optimiser]'), "have no label"),
        (LABELLED.replace("grey = true\n", "").replace('"Digits"', '"BarsAndStripes"'), "no labels"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_written(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    result = CliRunner().invoke(main, ["run", str(tmp_path / "c.toml"), "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert len(result.output.strip().splitlines()) == 1
    assert re.search(message, result.output)
    assert not (tmp_path / "out").exists()
