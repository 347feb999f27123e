"""Bugs that were found once, by review or in other toolkits: each must stay dead."""

import json
import math
import re
from pathlib import Path

import laws
import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import CD, PCD, RBM, SGD, Bernoulli, BoltzmannMachine, EbmError, Exact, Gaussian, Ising, Stream
from ebm.cli import main
from ebm.datasets import sk
from ebm.diagnostics import autocorrelation_time
from ebm.experiment import resume, run
from ebm.experiment.directory import RunDirectory

TINY = Path(__file__).parents[1] / "configs" / "tiny.toml"
FAST = ("plots.enabled=false", "sample.n=10", "train.evaluate_every=1", "train.epochs=4")


def call(*args):
    result = CliRunner().invoke(main, [str(a) for a in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


# Sampling and sums.


@pytest.mark.parametrize("layout", ["one row", "Fortran"])
def test_states_given_are_never_changed(layout):
    machine = BoltzmannMachine(Ising(), sk(20))
    x = np.ones((1, 20)) if layout == "one row" else np.asfortranarray(np.ones((5, 20)))
    machine.sweep(x, Stream(0), 3)
    assert np.all(x == 1)
    chains = machine.start(x[:1])
    before = chains.x
    kept = before.copy()
    machine.sweep(chains, Stream(0), 5)
    assert np.array_equal(before, kept)


def test_layers_of_more_than_1023_bits_are_counted():
    wide = RBM.random(Bernoulli(), Bernoulli(), 1100, 4, scale=0.05, dtype="float64")
    assert ebm.log_z(wide).method == "exact"
    glass = BoltzmannMachine(Ising(), sk(1100))
    with pytest.raises(ebm.TooLarge):
        glass.exact()


def test_sample_weights_count_in_batches_of_one_row():
    """An epoch of single rows at a tiny rate moves the parameters as one batch of all rows does."""
    rows, weights = laws.all_states(Bernoulli(), 3)[:4], np.array([100.0, 1.0, 2.0, 3.0])
    moved = []
    for size, rate in ((1, 1e-7), (4, 4e-7)):
        machine = BoltzmannMachine(Bernoulli(), 0.3 * (1 - np.eye(3)))
        before = machine.b.copy()
        ebm.fit(machine, rows, rule=Exact(), optimiser=SGD(rate), epochs=1, batch_size=size, weights=weights)
        moved.append(machine.b - before)
    np.testing.assert_allclose(*moved, rtol=1e-4)


def test_one_seed_for_everything_gives_independent_numbers():
    machine = RBM.random(Bernoulli(), Bernoulli(), 30, 20, seed=0, dtype="float64")
    chains = PCD(n_chains=20).init(machine, Stream(0)).x
    agree = np.mean((machine.W.T > 0) == (chains > 0))
    assert abs(agree - 0.5) < 5 * 0.5 / math.sqrt(chains.size)


@pytest.mark.parametrize(
    "sampler",
    [
        ebm.Gibbs(beta=3.0), ebm.Annealing(), ebm.Tempering(stop=3.0), ebm.Tempering(betas=(0.0, 1.0, 3.0)),
        ebm.Metropolis(beta=3.0), ebm.Gibbs(beta=-3.0), ebm.Direct(beta=3.0),
    ],
)  # fmt: skip
def test_no_sampler_goes_where_there_is_no_density(sampler):
    """Normal units with couplings of norm ½ have a density below |β| = 2, and 1e90 for a sample above it."""
    machine = ebm.RBM(ebm.Gaussian(), ebm.Gaussian(), 0.5 * np.eye(2), np.zeros(2), np.zeros(2))
    with pytest.raises(EbmError, match=r"not normalisable"):
        ebm.sample(machine, 20, sampler=sampler)
    assert machine.normalisable(1.99)
    assert not machine.normalisable(2.0)


def test_machines_that_are_not_normalisable_give_inf_and_no_samples():
    machine = RBM(Gaussian(), Gaussian(), np.full((2, 2), 1.5), np.zeros(2), np.zeros(2))
    with pytest.warns(RuntimeWarning, match="not normalisable"):
        assert ebm.log_z(machine, "ais").value == math.inf
    with pytest.raises(EbmError, match="not normalisable"):
        ebm.sample(machine, 3)


def test_annealing_with_conditions_keeps_every_best_state():
    machine = BoltzmannMachine(Ising(), sk(6))
    given = np.full((4, 6), np.nan)
    given[np.arange(4), np.arange(4)] = 1
    drawn = ebm.sample(machine, 4, sampler=ebm.Annealing(n_steps=5), given=given)
    best = drawn.diagnostics["best_x"]
    assert best.shape == (4, 6)
    assert np.all(best[np.arange(4), np.arange(4)] == 1)
    np.testing.assert_allclose(drawn.diagnostics["best_energy"], machine.energy(best))


def test_the_autocorrelation_time_of_a_constant_is_one():
    assert autocorrelation_time(np.full((2, 4096), 0.1)) == 1
    assert math.isnan(autocorrelation_time([1.0, math.nan, 2.0]))


def test_float32_statistics_of_many_rows_keep_their_digits():
    machine = RBM.random(Bernoulli(), Bernoulli(), 4, 3, dtype=np.float32)
    rows = np.random.default_rng(0).integers(0, 2, (200_000, 4)).astype(np.float32)
    found, exact = machine.stats(rows), rows.astype(np.float64).mean(0)
    np.testing.assert_allclose(found["b"], exact, rtol=1e-6)
    expected = machine.mean_h(rows).astype(np.float64).mean(0)
    np.testing.assert_allclose(found["c"], expected, rtol=1e-6)


def test_states_outside_the_domain_are_refused():
    machine = laws.FULLY["potts"]()
    for bad in (np.full((1, 4), 3), np.full((1, 4), np.nan), np.full((1, 4), 0.5)):
        for method in (machine.start, machine.free_energy, machine.stats):
            with pytest.raises(EbmError):
                method(bad)


def test_means_have_no_likelihood():
    machine = RBM.random(Bernoulli(), Bernoulli(), 3, 2, dtype="float64")
    with pytest.raises(EbmError, match="0 and 1"):
        ebm.log_likelihood(machine, [[0.5, 0.0, 1.0]])
    with pytest.raises(EbmError, match="weights"):
        ebm.kl_divergence(machine, [[0, 0, 1]], [0.0])


# Runs.


def test_the_last_step_is_evaluated_when_it_is_interrupted(tmp_path, monkeypatch):
    from ebm.experiment import runner

    real, asked = runner.RunDirectory.append_metrics, []

    def append(directory, row):
        real(directory, row)
        if row["step"] == 8:
            asked.append(True)
            runner.signal.raise_signal(runner.signal.SIGINT)

    monkeypatch.setattr(runner.RunDirectory, "append_metrics", append)
    with pytest.raises(KeyboardInterrupt):
        run(TINY, FAST, out=tmp_path / "run")
    assert asked
    monkeypatch.setattr(runner.RunDirectory, "append_metrics", real)
    directory = resume(tmp_path / "run")
    steps = [json.loads(line)["step"] for line in directory.metrics.read_text().splitlines()]
    assert steps == [0, 2, 4, 6, 8]


def test_a_foreign_config_toml_is_never_overwritten(tmp_path):
    (tmp_path / "config.toml").write_text(TINY.read_text())
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_text("mine")
    with pytest.raises(EbmError, match="not a run of ebm"):
        run(tmp_path / "config.toml", FAST, out=tmp_path, overwrite=True)
    assert (tmp_path / "figures" / "mine.png").read_text() == "mine"
    assert (tmp_path / "config.toml").read_text() == TINY.read_text()


def test_what_cannot_be_done_is_refused_before_a_finished_run_is_cleared(tmp_path):
    done = run(TINY, FAST, out=tmp_path / "run")
    for setting in ("completion.given=9", "readout.epochs=1"):
        with pytest.raises(EbmError):
            run(TINY, (*FAST, setting), out=done.path, overwrite=True)
    wide = ("machine.n_hidden=60", "data.n=8", "log_z.method=exact")
    with pytest.raises(ebm.EbmError, match=r"\[(log_z|train)\]"):
        run(TINY, (*FAST, *wide), out=done.path, overwrite=True)
    assert done.finished


def test_a_run_whose_learning_was_edited_is_not_resumed(tmp_path):
    done = run(TINY, FAST, out=tmp_path / "run")
    (done.path / "summary.json").unlink()
    config = done.path / "config.toml"
    config.write_text(config.read_text().replace("momentum = 0.0", "momentum = 0.9"))
    with pytest.raises(EbmError, match=r"\[optimiser\] momentum was 0.0 .* now 0.9"):
        resume(done.path)


def test_checkpoints_that_do_not_read_are_not_started_over(tmp_path):
    done = run(TINY, FAST, out=tmp_path / "run")
    (done.path / "summary.json").unlink()
    for path in done.checkpoints():
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EbmError, match="truncated"):
        resume(done.path)


def test_two_processes_do_not_share_a_directory(tmp_path):
    done = run(TINY, FAST, out=tmp_path / "run")
    other = RunDirectory(done.path)
    other.lock()
    (done.path / "summary.json").unlink()
    with pytest.raises(EbmError, match="another ebm is running"):
        resume(done.path)
    other.unlock()
    resume(done.path)


def test_leftovers_of_a_kill_do_not_block_a_directory(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".ebm-abc.tmp").write_text("half")
    assert run(TINY, FAST, out=folder).finished


def test_infinities_are_no_json(tmp_path):
    RunDirectory(tmp_path).write_json("x.json", {"a": math.inf, "b": [math.nan, 1.0]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [None, 1.0]}


# The command line.


def test_thresholds_follow_the_units(tmp_path):
    model, data = tmp_path / "m.npz", tmp_path / "x.npy"
    ebm.save(model, BoltzmannMachine(Ising(), sk(5)))
    np.save(data, np.random.default_rng(0).random((6, 5)))
    assert call("score", model, data).exit_code == 1  # numbers are no spins
    spins = np.where(np.load(data) >= 0.5, 1.0, -1.0)
    expected = ebm.log_likelihood(ebm.load(model), spins).mean()
    assert f"log-likelihood {expected:.4f}" in call("score", model, data, "--threshold", 0.5).output
    assert "finite" in call("score", model, data, "--threshold", "nan").stderr


def test_a_checkpoint_is_a_model_and_a_network_is_none(tmp_path):
    machine = RBM.random(Bernoulli(), Bernoulli(), 3, 2, dtype="float64")
    ebm.save(tmp_path / "s.npz", ebm.begin(machine, CD(), SGD()))
    assert call("logz", tmp_path / "s.npz").exit_code == 0
    ebm.save(tmp_path / "n.npz", ebm.readout(None, np.eye(2), [0, 1], epochs=1))
    assert "a Network; expected a machine" in call("logz", tmp_path / "n.npz").stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("train.seed.x=3",), "integer"),
        (('data.type=["Digits"]',), "unknown type"),
        (("machine.n_hidden=100000000000000000000",), "less than"),
        (("annealing.sampler.stop=inf",), "finite"),
        (("readout.epochs=3",), "labels"),
        (("completion.given=20",), "completion"),
    ],
    ids=str,
)
def test_nasty_settings_are_one_line(settings, said, tmp_path):
    args = [x for s in settings for x in ("--set", s)]
    result = call("run", TINY, "--out", tmp_path / "run", *args)
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 1
    assert len(lines) == 1
    assert re.search(said, lines[0]), lines[0]
    assert not (tmp_path / "run").exists()


def test_site_contrasts_of_no_rows_are_zero():
    machine = ebm.BoltzmannMachine(ebm.Ising(), np.zeros((3, 3)))
    found = machine.site_contrast(np.zeros((0, 3)), np.zeros((0, 3, 2)))
    assert all(not np.asarray(value).any() for value in found.values())
