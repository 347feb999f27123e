"""Runs and commands about tables: in the user's columns, labels and units."""

import csv
import json
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment import read_config, resume, run
from ebm.experiment.proposal import propose

CONFIG = """
[data]
type = "Table"
path = "{path}"
target = "ill"
types = {{ grade = ["low", "mid", "high"] }}

[machine]
type = "RBM"
n_hidden = 3
spread = 1.0

[rule]
type = "PCD"
n_chains = 20

[train]
epochs = 4
batch_size = 20
log_likelihood = "exact"

[log_z]
method = "exact"

[sample]
n = 20

[plots]
enabled = false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    ill = rng.random(200) < 0.3
    columns = {
        "ill": np.where(ill, "yes", "no"), "fever": (37 + 2 * ill + 0.3 * rng.normal(size=200)).round(2),
        "grade": rng.choice(["low", "mid", "high"], 200), "visits": rng.poisson(2 + 3 * ill),
        "land": ["x"] * 200,
    }  # fmt: skip
    with (folder / "people.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    (folder / "people.toml").write_text(CONFIG.format(path=folder / "people.csv"))
    run(folder / "people.toml", out=folder / "run")
    return folder


def command(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_keeps_the_schema_and_scores_in_the_users_units(folder):
    model = ebm.load(folder / "run" / "model.npz")
    assert [c.kind for c in model.table.columns] == ["binary", "real", "ordered", "count", "constant"]
    assert model.target == "ill"
    summary = json.loads((folder / "run" / "summary.json").read_text())
    data = read_config(folder / "people.toml").data.load()
    test = model.table.decode(data.test)
    np.testing.assert_allclose(summary["log_likelihood_test"], model.score(test).mean(), rtol=1e-4)
    wrong = np.mean(model.predict(test) != test["ill"])
    assert summary["heldout_error"] == {"p(ill | the others)": pytest.approx(wrong)}
    last = json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    np.testing.assert_allclose(last["log_likelihood_heldout"], summary["log_likelihood_test"], rtol=1e-6)
    assert read_config(folder / "run" / "config.toml").data == read_config(folder / "people.toml").data


def test_a_run_of_a_table_is_resumed(folder):
    run(folder / "people.toml", out=folder / "half", pause=2)
    resume(folder / "half")
    whole, half = (ebm.load(folder / name / "model.npz") for name in ("run", "half"))
    np.testing.assert_array_equal(whole.machine.W, half.machine.W)
    assert half.table == whole.table


def test_a_run_takes_gaps(folder):
    lines = (folder / "people.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines]
    for k, row in enumerate(cells[1:]):
        row[k % 4] = "NA" if k % 3 == 0 else row[k % 4]
    (folder / "gaps.csv").write_text("\n".join(map(",".join, cells)))
    run(folder / "people.toml", [f"data.path={folder / 'gaps.csv'}"], out=folder / "gaps")
    model = ebm.load(folder / "gaps" / "model.npz")
    summary = json.loads((folder / "gaps" / "summary.json").read_text())
    data = read_config(folder / "gaps" / "config.toml").data.load()
    expected = model.score(model.table.decode(data.test)).mean()
    np.testing.assert_allclose(summary["log_likelihood_test"], expected, rtol=1e-4)


def test_commands_answer_in_the_users_columns(folder):
    model, data = folder / "run" / "model.npz", folder / "people.csv"
    own = ebm.load(model)
    rows = list(csv.DictReader(command("sample", model, "-n", 5, "--seed", 3).splitlines()))
    drawn = own.sample(5, seed=3)
    assert [row["grade"] for row in rows] == drawn["grade"].tolist()
    np.testing.assert_allclose([float(row["fever"]) for row in rows], drawn["fever"], rtol=1e-6)
    assert {row["land"] for row in rows} == {"x"}
    command("sample", model, "-n", 30, "-o", folder / "new.csv")
    said = command("score", model, folder / "new.csv", "-o", folder / "scores.csv")
    each = np.loadtxt(folder / "scores.csv", skiprows=1)
    np.testing.assert_allclose(each, own.score(folder / "new.csv"), rtol=1e-6)
    assert f"{each.mean():.4f} nats per row" in said
    command("predict", folder / "run", data, "-o", folder / "y.csv")
    found = list(csv.DictReader((folder / "y.csv").open()))
    assert [row["ill"] for row in found] == own.predict(data, "ill").tolist()
    said = command("predict", model, data, "--target", "fever", "-o", folder / "y.csv")
    assert "root mean square error" in said
    command("predict", model, data, "--proba", "-o", folder / "p.csv")
    first = next(csv.DictReader((folder / "p.csv").open()))
    np.testing.assert_allclose(float(first["ill=no"]) + float(first["ill=yes"]), 1.0, atol=1e-7)
    assert "log Z" in command("logz", model)
    text = data.read_text().splitlines()
    (folder / "gaps.csv").write_text("\n".join([text[0], f",{text[1].split(',', 1)[1]}", *text[2:5]]))
    filled = list(csv.DictReader(command("impute", model, folder / "gaps.csv").splitlines()))
    assert filled[0]["ill"] == own.predict(data, "ill")[0]
    assert [row["ill"] for row in filled[1:]] == [line.split(",")[0] for line in text[2:5]]


def test_scores_of_a_file_do_not_depend_on_how_it_was_standardised(folder):
    """File(standardise=true) keeps no means: its machine scores raw rows wrongly, a table's rightly."""
    rng = np.random.default_rng(1)
    x = 50 + 8 * rng.normal(size=(300, 2))
    np.savetxt(folder / "x.csv", x, delimiter=",", header="a,b", comments="", fmt="%.4f")
    model = ebm.TableModel.fit(folder / "x.csv", 1)
    truth = -np.log(2 * np.pi * 64) - 0.5 * np.square((x - 50) / 8).sum(1)
    assert abs(model.score(folder / "x.csv").mean() - truth.mean()) < 0.05
    data = ebm.datasets.File(str(folder / "x.csv"), kind="gaussian", standardise=True).load()
    plain = ebm.RBM.from_data(data.train, 1, visible=ebm.Gaussian(learn_precision=True))
    assert ebm.log_likelihood(plain, x).mean() < -100


def test_new_proposes_a_table_for_columns_of_several_kinds(folder):
    tables, said = propose(str(folder / "people.csv"), labels="ill")
    assert tables["data"] == {"type": "Table", "path": str(folder / "people.csv"), "target": "ill"}
    assert any("visits" in line and "count" in line for line in said)
    command("new", "--data", folder / "people.csv", "--labels", "ill", "-o", folder / "new.toml")
    assert read_config(folder / "new.toml").data.target == "ill"
    assert tomllib.loads((folder / "new.toml").read_text())["machine"]["n_hidden"] == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('data.target="il"', "did you mean 'ill'"),
        ('data.types={agee="real"}', "no column 'agee'"),
        ('data.types={fever="number"}', "unknown type 'number'"),
        ('data.unseen="drop"', "unseen"),
        ('machine.visible={type="Bernoulli"}', "takes 0 and 1"),
        ('machine={type="DBN", sizes=[3, 2]}', "learn no potential"),
        ("data.test=0.999", "leave none to train on"),
    ],
)
def test_configs_that_do_not_fit_are_refused_in_one_line(folder, change, said):
    with pytest.raises(EbmError, match=said) as error:
        run(folder / "people.toml", [change], out=folder / "bad")
    assert "\n" not in str(error.value)
    assert not (folder / "bad").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sample", "-o", "x.npy"), "expected a .csv file"),
        (("predict", "people.csv", "--target", "fevers"), "did you mean 'fever'"),
        (("score", "none.csv"), "no such file"),
    ],
)
def test_commands_refuse_in_one_line(folder, words, said):
    model = folder / "run" / "model.npz"
    done = CliRunner().invoke(
        main, [words[0], str(model), *(str(folder / w) if "." in w else w for w in words[1:])]
    )
    assert done.exit_code == 1
    assert said in done.output
    assert done.output.count("\n") == 1
