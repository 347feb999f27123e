"""Runs beside each other: what differs, means over seeds, paired differences, and what cannot be read."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from fake_runs import fake_run, fake_sweep, row, summary, tables
from fakes import fake_metrics

from ebm import plots
from ebm.cli import main
from ebm.errors import EbmError
from ebm.experiment import compare
from ebm.experiment.axes import is_repetition
from ebm.experiment.differing import changed, differing
from ebm.experiment.reporting import page
from ebm.experiment.results import read_results
from ebm.experiment.tabling import grids


def call(*args):
    return CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return fake_sweep(tmp_path_factory.mktemp("sweeps") / "tiny")


# --- settings --------------------------------------------------------------------------------------------


def test_only_what_differs_is_a_column():
    runs = [tables(), tables(machine__n_hidden=4), tables(train__seed=7)]
    assert differing(runs) == {"machine.n_hidden": [8, 4, 8], "train.seed": [0, 0, 7]}


def test_what_another_type_lacks_is_no_difference():
    cd = {"type": "CD", "k": 1}
    found = differing([tables(), tables(rule=cd), tables(rule={**cd, "k": 5})])
    assert found["rule.type"] == ["PCD", "CD", "CD"]
    assert found["rule.k"] == [1, 1, 5]
    assert not [key for key in found if key.startswith("rule.") and key not in ("rule.type", "rule.k")]


def test_a_table_in_the_place_of_a_number_differs():
    linear = {"type": "Linear", "start": 0.3, "stop": 0.0, "epochs": 9.0}
    found = differing([tables(optimiser__rate=rate) for rate in (0.1, linear, {**linear, "start": 0.2})])
    assert found == {"optimiser.rate": [0.1, "Linear", "Linear"], "optimiser.rate.start": [None, 0.3, 0.2]}


def test_a_stage_and_a_setting_that_only_some_have_differ():
    without = tables()
    del without["sample"]
    stopping = tables(train__stopping={"type": "EarlyStopping", "patience": 3})
    found = differing([tables(), without, stopping])
    assert found["sample"] == ["given", None, "given"]
    assert found["train.stopping.type"] == [None, None, "EarlyStopping"]
    assert "sample.n" not in found


def test_what_goes_along_tells_nothing(tmp_path):
    """Epochs that go with the rule are in the table, behind the scores, and in no label."""
    paths = []
    for rule, epochs in (("CD", 9), ("PCD", 7)):
        for rate in (0.1, 0.3):
            made = {"type": rule, "k": 1}
            config = tables(rule=made, train__epochs=epochs, optimiser__rate=rate)
            paths.append(fake_run(tmp_path / f"{rule}{rate}{'-' * 60}", config, summary()))
    found = compare(paths)
    assert sorted(group.label for group in found.groups)[0] == "rule=CD, rate=0.1"
    sampled = tables(rule={"type": "PCD", "k": 1, "sampler": {"type": "Gibbs"}})
    plain = tables(rule={"type": "PCD", "k": 1})
    paths_too = [fake_run(tmp_path / f"{i}{'-' * 60}", c, summary()) for i, c in enumerate((sampled, plain))]
    assert [group.label for group in compare(paths_too).groups] == ["sampler=Gibbs", "sampler=—"]
    heads = [column.key for column in grids(found)[0].columns]
    assert heads.index("rule.type") < heads.index("log_likelihood_test") < heads.index("train.epochs")


def test_changed_are_those_that_no_default_has():
    found = {key: (value, default) for key, value, default in changed(tables())}
    assert found["optimiser.rate"] == (0.1, 0.05)
    assert found["train.epochs"] == (60, 10)
    assert not {"rule.k", "train.repeat", "machine.hidden", "machine.seed"} & found.keys()
    assert changed({"rule": {"type": "of tomorrow", "k": 3}, "fold": 1}) == [
        ("rule.type", "of tomorrow", None),
        ("rule.k", 3, None),
    ]


def test_seeds_and_folds_repeat():
    assert is_repetition("machine.seed")
    assert not is_repetition("train.epochs")


# --- means and differences -------------------------------------------------------------------------------


def test_means_are_over_seeds(sweep):
    found = compare([sweep])
    assert found.by == ("machine.n_hidden",)
    assert found.score == "log_likelihood_test"
    for group in found.groups:
        scores = [run.scores[found.score].value for run in group.runs if run.state == "finished"]
        if not scores:
            assert found.score not in group.scores
            continue
        mean = group.scores[found.score]
        assert mean.n == 3
        assert math.isclose(mean.value, np.mean(scores))
        assert math.isclose(mean.stderr, np.std(scores, ddof=1) / np.sqrt(3))


def test_differences_are_paired(sweep):
    """Seeds shift all sizes alike by 1.5 nats: of pairs the error is a tenth of that."""
    found = compare([sweep])
    assert found.against == "n_hidden=64"
    by_label = {difference.label: difference for difference in found.differences}
    for n in (16, 256):
        difference = by_label[f"n_hidden={n}"]
        assert difference.n == 3
        assert abs(difference.value + 2) < 0.4
        assert difference.stderr < 0.2 < found.groups[0].scores["log_likelihood_test"].stderr
    assert by_label["n_hidden=512"].value is None
    other = compare([sweep], against="machine.n_hidden=16,train.seed=1")
    assert other.against == "n_hidden=16"
    opposite = {d.label: d.value for d in other.differences}["n_hidden=64"]
    assert math.isclose(opposite, -by_label["n_hidden=16"].value)


def test_other_rows_are_no_pairs(tmp_path):
    for n, data in ((8, "one"), (16, "other")):
        fake_run(tmp_path / str(n), tables(machine__n_hidden=n), summary(), data=data)
    found = compare([tmp_path / "8", tmp_path / "16"])
    assert [difference.n for difference in found.differences] == [0]
    assert "no pairs" in str(found)


def test_by_one_setting_the_others_repeat(tmp_path):
    paths = []
    for n in (8, 16):
        for k in (1, 5):
            config = tables(machine__n_hidden=n, rule__k=k)
            paths.append(fake_run(tmp_path / f"{n}-{k}", config, summary(-n - 0.1 * k)))
    found = compare(paths, by="n_hidden")
    assert [group.label for group in found.groups] == ["n_hidden=8", "n_hidden=16"]
    (difference,) = found.differences
    assert difference.n == 2
    assert math.isclose(difference.value, -8)
    assert difference.stderr < 1e-9


def test_one_run_keeps_its_own_error(tmp_path):
    found = compare([fake_run(tmp_path / "one", found=summary())])
    mean = found.groups[0].scores["log_likelihood_test"]
    assert (mean.n, mean.stderr) == (1, 0.02)
    assert found.differences == ()


def test_means_are_of_all_digits(tmp_path):
    """What is printed as 0.0001 twice is not without error."""
    for seed, error in enumerate((0.00008, 0.00012)):
        table = [
            row("reconstruction error", "0.0001", "squared", number=error),
            row("gap", "1.0 ± 0.5", "nats"),
        ]
        found = {"seconds": 1.0, "table": table}
        fake_run(tmp_path / str(seed), tables(train__seed=seed), found)
    scores = compare([tmp_path / "0", tmp_path / "1"]).groups[0].scores
    assert math.isclose(scores["reconstruction_error"].value, 0.0001)
    assert math.isclose(scores["reconstruction_error"].stderr, 0.00002)
    assert (scores["gap"].value, scores["gap"].stderr) == (1.0, 0.0)


def test_sorted_by_any_column(sweep):
    assert [g.settings["machine.n_hidden"] for g in compare([sweep], sort="n_hidden").groups] == [
        16,
        64,
        256,
        512,
    ]
    assert compare([sweep]).groups[0].label == "n_hidden=64"
    assert compare([sweep], sort="seconds").groups[0].label == "n_hidden=16"
    runs = compare([sweep], sort="train.seed").runs
    seeds = [run.tables["train"]["seed"] for run in runs if run.tables]
    assert seeds == sorted(seeds)
    with pytest.raises(EbmError, match="sort: unknown column 'secunds'; did you mean 'seconds'"):
        compare([sweep], sort="secunds")
    with pytest.raises(EbmError, match="against: unknown 'n_hidden=65'; did you mean 'n_hidden=64'"):
        compare([sweep], against="n_hidden=65")
    with pytest.raises(EbmError, match=r"score: 'log' may be one of: log_likelihood_test, .*, log_z"):
        compare([sweep], score="log")


def test_what_is_not_to_be_trusted_is_marked(tmp_path):
    fake_run(tmp_path / "good", tables(machine__n_hidden=4), summary())
    fake_run(tmp_path / "bad", tables(machine__n_hidden=5), summary(-15, "do not trust"))
    text = str(compare([tmp_path / "good", tmp_path / "bad"]))
    assert "−15.000 ± 0.020 (?)" in text
    assert "-20.562 (?)" not in text.replace("−", "-")  # of the tree no log Z is estimated
    assert "not to be trusted" in text


# --- states and bad input --------------------------------------------------------------------------------


def test_the_state_of_every_task(sweep):
    found = {run.name: (run.state, run.line) for run in read_results([sweep])}
    assert found["machine.n_hidden=64,train.seed=0"] == ("finished", "")
    assert found["machine.n_hidden=512,train.seed=0"] == ("unfinished", "at epoch 55 of 60")
    assert found["machine.n_hidden=512,train.seed=1"] == ("not begun", "")
    state, line = found["machine.n_hidden=0,train.seed=0"]
    assert state == "failed"
    assert line.startswith("[machine] n_hidden")
    assert compare([sweep]).failures[0].line == line


def test_runs_of_the_same_name_go_by_their_paths(tmp_path):
    for sweep in "ab":
        fake_run(tmp_path / sweep / "train.seed=0", tables(machine__n_hidden=ord(sweep)), summary())
        (tmp_path / sweep / "sweep.json").write_text('{"tasks": ["train.seed=0"]}')
    a, b = (tmp_path / sweep for sweep in "ab")
    assert [run.name for run in read_results([a])] == ["train.seed=0"]
    found = [run.name for run in read_results([a, b, a / "train.seed=0"])]
    assert found == [str(a / "train.seed=0"), str(b / "train.seed=0")]


def test_a_finished_run_that_once_failed_is_finished(tmp_path):
    fake_run(tmp_path / "run", found=summary(), error="an earlier try")
    fake_run(tmp_path / "other", error="two\nlines")
    assert [run.state for run in read_results([tmp_path / "run", tmp_path / "other"])] == [
        "finished",
        "failed",
    ]
    assert read_results([tmp_path / "other"])[0].line == "two lines"


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(EbmError, match="no such directory"):
        compare([tmp_path / "nowhere"])
    (tmp_path / "file").write_text("")
    with pytest.raises(EbmError, match="a file; expected the directory"):
        compare([tmp_path / "file"])
    fake_run(tmp_path / "runs" / "one")
    with pytest.raises(EbmError, match=r"neither a run .* nor a sweep .*; it holds 1 runs, such as .*one"):
        compare([tmp_path / "runs"])
    with pytest.raises(EbmError, match="no runs"):
        compare([])
    with pytest.raises(EbmError, match="nowhere: no such directory"):
        compare(str(tmp_path / "nowhere"))
    assert [run.name for run in compare(tmp_path / "runs" / "one").runs] == ["one"]
    for wrong in ({"by": 3}, {"by": [3]}, {"score": 3}, {"sort": ["seconds"]}, {"against": 0}):
        with pytest.raises(EbmError, match=f"^{next(iter(wrong))}: got .*; expected "):
            compare([tmp_path / "runs" / "one"], **wrong)
    with pytest.raises(EbmError, match="runs: got the number 3"):
        compare([3])
    with pytest.raises(EbmError, match="runs: got the number 3; expected the paths"):
        page(3)
    for runs in (3, {"a": 3}, [3], {"a": [3]}):
        with pytest.raises(EbmError):
            plots.compare_curves(runs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": 1, "tasks": []}', "a sweep without tasks"),
        ('{"format": 1, "tasks": ["a"', "not a whole JSON file"),
        ("[1]", "got a list, expected a JSON object"),
        ('{"tasks": 3}', "tasks: got the number 3"),
        ('{"tasks": ["../elsewhere"]}', "expected a list of names"),
    ],
)
def test_a_sweep_that_is_none(tmp_path, text, said):
    (tmp_path / "sweep.json").write_text(text)
    result = call("compare", tmp_path)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr


def test_files_that_are_cut_short_stop_nothing(tmp_path):
    paths = [
        fake_run(tmp_path / name, tables(machine__n_hidden=n), summary()) for n, name in enumerate("abcd", 4)
    ]
    (tmp_path / "a" / "summary.json").write_text('{"seconds": 12.5, "tab')
    (tmp_path / "b" / "metrics.jsonl").write_text('{"step": 0}\n{"st\n{"step": 2}\n')
    (tmp_path / "c" / "config.toml").write_text("# Resolved by ebm run\n[data")
    found = compare(paths)
    states = {run.name: (run.state, run.notes) for run in found.runs}
    assert states["a"] == ("damaged", ["summary.json: not a whole JSON file"])
    assert states["b"][0] == "finished"
    assert "line 2" in states["b"][1][0]
    assert states["c"] == ("finished", ["config.toml: not a whole TOML file"])
    text = str(found)
    assert "a: damaged: summary.json" in text
    assert "c: config.toml" in text


def test_values_of_other_kinds_stop_nothing(tmp_path):
    """What no float holds, tables where numbers are expected, and so on: what tools or hands may write."""
    huge = 10**400
    paths = [fake_run(tmp_path / "good", found=summary())]
    wrong = {
        "seconds": huge,
        "log_z": [],
        "table": [row("a", "1.0", "b", number=huge), {"quantity": 3}],
        "baselines": 7,
    }
    paths.append(fake_run(tmp_path / "numbers", tables(machine__n_hidden=huge), wrong))
    config = tables(machine=3, data=[1], rule={"type": {"a": 1}}, optimiser={"type": ["SGD"]})
    paths.append(fake_run(tmp_path / "tables", config, summary(sampling=4, kept=[1])))
    (tmp_path / "tables" / "environment.json").write_text('{"data": {"a": [1]}, "packages": 3}')
    (tmp_path / "numbers" / "metrics.jsonl").write_text(f'{{"step": 1, "kl": {huge}}}\n{{"step": {huge}}}\n')
    found = compare(paths)
    assert [run.state for run in found.runs] == ["finished"] * 3
    assert "numbers" in str(found)
    assert "tables" in page(paths)
    assert all(path.name in page(path) for path in paths)


def test_other_machines_and_runs_without_scores_are_an_honest_table(tmp_path):
    bare = {"step": np.arange(2)}
    energy = {"seconds": 3.0, "table": [row("lowest energy", "-0.71", "per unit")]}
    fake_run(tmp_path / "glass", tables("spin-glass"), energy, metrics=bare)
    fake_run(tmp_path / "bars", tables("bars"), {"seconds": 5.0, "table": []}, metrics=bare)
    odd = {"table": [3, {"quantity": "a"}], "log_z": 7, "seconds": True}
    fake_run(tmp_path / "odd", tables(), odd, metrics=bare)
    found = compare([tmp_path / name for name in ("glass", "bars", "odd")])
    assert "machine.type" in found.settings
    assert len(found.runs) == 3
    assert found.differences == ()
    assert "−0.71" in str(found)
    assert "<td>" in found._repr_html_()


# --- what is written -------------------------------------------------------------------------------------


def test_csv_and_json_hold_all(sweep, tmp_path):
    found = compare([sweep])
    found.to_csv(tmp_path / "c.csv")
    with open(tmp_path / "c.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.runs) == 12
    for line, run in zip(rows, found.runs, strict=True):
        assert line["name"] == run.name
        assert line["state"] == run.state
        if run.state == "finished":
            assert float(line["log_likelihood_test"]) == run.scores["log_likelihood_test"].value
            assert float(line["log_likelihood_test_stderr"]) == 0.02
            assert int(line["machine.n_hidden"]) == run.tables["machine"]["n_hidden"]
    found.to_json(tmp_path / "c.json")
    told = json.loads((tmp_path / "c.json").read_text())
    assert told["against"] == "n_hidden=64"
    assert [group["label"] for group in told["groups"]] == [group.label for group in found.groups]
    assert told["differences"][0]["value"] == found.differences[0].value


def test_the_command(sweep, tmp_path):
    result = call(
        "compare",
        sweep,
        "--csv",
        tmp_path / "c.csv",
        "--json",
        tmp_path / "c.json",
        "--plot",
        tmp_path / "c.svg",
    )
    assert result.exit_code == 0, result.output
    assert "12 runs: 9 finished, 1 failed, 1 unfinished, 1 not begun" in result.output
    assert "n_hidden=0,train.seed=0: failed: [machine] n_hidden" in result.output
    assert all((tmp_path / f"c.{suffix}").stat().st_size > 100 for suffix in ("csv", "json", "svg"))
    for option, file in (("--csv", "c.txt"), ("--plot", "c.pdf"), ("--json", "no/c.json")):
        assert call("compare", sweep, option, tmp_path / file).exit_code == 1


def test_two_runs_too_wide_for_a_terminal_are_turned(tmp_path):
    for n in (8, 16):
        fake_run(tmp_path / f"hidden-{n}", tables(machine__n_hidden=n), summary(-n))
    text = call("compare", tmp_path / "hidden-8", tmp_path / "hidden-16").output
    head = next(line for line in text.splitlines() if "hidden-8" in line)
    assert "hidden-16" in head
    assert "time, s" in text


# --- curves ----------------------------------------------------------------------------------------------


def test_curves_of_several_runs(sweep, tmp_path):
    axes = compare([sweep]).plot()
    assert [ax.get_ylabel().split()[0] for ax in axes] == [
        "log-likelihood,",
        "KL(data",
        "free-energy",
        "held-out",
    ]
    assert axes[1].get_yscale() == "log"
    texts = [text.get_text() for text in axes[0].figure.legends[0].get_texts()]
    assert "n_hidden=64 (mean of 3)" in texts
    assert "n_hidden=512" in texts
    result = call("plot", sweep, "--out", tmp_path / "curves.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_mean_is_where_all_have_a_value():
    one, two = fake_metrics(0), {key: value[:-2] for key, value in fake_metrics(1).items()}
    (panel,) = [p for p in plots.several.panels({"a": [one, two]}) if p.key == "free_energy_gap"]
    x, y = panel.series[0].mean
    assert len(x) == len(one["step"]) - 2
    np.testing.assert_allclose(y, (one["free_energy_gap"][:-2] + two["free_energy_gap"]) / 2)


def test_nothing_to_draw_is_said(tmp_path):
    fake_run(tmp_path / "run", metrics={"step": np.arange(3)})
    fake_run(tmp_path / "same", metrics={"step": np.arange(3)})
    result = call("plot", tmp_path / "run", tmp_path / "same", "--out", tmp_path / "c.png")
    assert result.exit_code == 1
    assert "no curves" in result.stderr


def test_options_of_plot_that_go_elsewhere(sweep, tmp_path):
    one = sweep / "machine.n_hidden=16,train.seed=0"
    assert "goes with --thermo" in call("plot", one, "--out", tmp_path / "c.png").stderr
    assert "goes with --thermo" in call("plot", one, one, "--seed", "1").stderr
    assert "one MODEL" in call("plot", "--thermo", one, one).stderr
