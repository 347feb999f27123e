"""What an estimate from below has still to rise by, told by runs of less work."""

import laws
import numpy as np
import pytest

from ebm import RBM, Bernoulli, BoltzmannMachine, Ising, log_z
from ebm.datasets import lattice
from ebm.partition.estimate import Estimate
from ebm.partition.rising import Rounds, covering


def grown(law, stderr, work=(8, 64, 512, 1024), noise=0.0, seed=0):
    """The last of rounds whose values follow a law, with their noise."""
    rounds, rng = Rounds(), np.random.default_rng(seed)
    for w in work:
        sigma = stderr * np.sqrt(work[-1] / w)
        last = rounds.add(w, Estimate(law(w) + noise * sigma * rng.normal(), sigma))
    return last


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_what_is_to_come_of_a_law_without_noise(power):
    """Each law is recognised, and the value itself stays what it is."""
    last = grown(lambda w: 10 - 30 * w**-power, 1e-5)
    assert last.facts["to_come"] == pytest.approx(30 * 1024**-power, rel=0.05)
    assert last.value == pytest.approx(10 - 30 * 1024**-power)
    assert last.stderr >= last.facts["to_come"]


def test_rounds_that_have_arrived_keep_about_their_error():
    """Over many repetitions z has a spread near 1, a little below: the price of asking."""
    z = [
        (last.value - 10) / last.stderr
        for seed in range(400)
        for last in [grown(lambda w: 10.0, 0.1, noise=1.0, seed=seed)]
    ]
    assert 0.8 < np.sqrt(np.mean(np.square(z))) < 1.0


def test_an_error_falls_no_faster_than_the_root_of_the_work():
    """Whoever has not met the tail of the weights states the least error."""
    rounds = Rounds()
    rounds.add(50, Estimate(9.0, 5.0), trial=True)
    stated = [
        rounds.add(w, Estimate(10.0, s)).stderr for w, s in ((100, 0.4), (200, 0.1), (400, 0.3), (1600, 0.1))
    ]
    np.testing.assert_allclose(stated, [0.4, 0.4 / np.sqrt(2), 0.3, 0.15], rtol=0.02)


def test_one_round_says_nothing_of_the_next():
    only = Rounds().add(10, Estimate(3.0, 0.1))
    assert (only.value, only.facts) == (3.0, {"to_come": 0.0})
    assert only.stderr == pytest.approx(0.1)


def test_what_comes_from_above_mirrors():
    up, down = Rounds(), Rounds(sign=-1)
    for w in (1, 8, 64):
        one, other = up.add(w, Estimate(-1 / w, 0.01)), down.add(w, Estimate(1 / w, 0.01))
    assert one.stderr == other.stderr > 0.01


def test_ais_takes_the_path_that_misses_less():
    """Many wells, of which paths from the marginals of short chains meet a half."""
    rng = np.random.default_rng(0)
    W = 1.5 * rng.normal(size=(60, 16))
    machine = RBM(Bernoulli(), Bernoulli(), W, -W.sum(1) / 2, -W.sum(0) / 2 + rng.normal(size=16))
    exact = machine.exact(stats=False)[0]
    z = []
    for seed in range(6):
        found = log_z(machine, "ais", n_temperatures=64, n_chains=100, seed=seed)
        z.append((found.value - exact) / found.stderr)
    assert np.sqrt(np.mean(np.square(z))) < 2


def test_reverse_ais_and_raise_count_it_too():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x = laws.exact_draws(machine, 30, np.random.default_rng(1))[:, : machine.n_visible]
    assert "to_come" in log_z(machine, "reverse_ais", n_temperatures=64, n_chains=20).estimates["reverse_ais"]
    assert "to_come" in log_z(machine, "raise", data=x, n_temperatures=64, n_chains=20).estimates["raise"]


def test_the_error_from_above_covers_what_the_way_up_does_not_confirm():
    down = Estimate(3.0, 0.1, facts={"ess": 50.0})
    up = Estimate(2.0, 0.1)
    found = covering(down, up)
    assert found.value == 3.0
    assert found.facts == {"ess": 50.0, "to_come": pytest.approx(1 - 0.05 * np.sqrt(2))}
    assert found.stderr == pytest.approx(np.hypot(0.1, 1 - 0.05 * np.sqrt(2)))
    assert covering(up, down).stderr == 0.1  # from below, nothing is to come
    assert covering(down, Estimate(-np.inf, np.inf)).stderr == 0.1


@pytest.mark.filterwarnings("ignore:log_z:RuntimeWarning")
def test_the_error_of_reverse_ais_holds_on_a_glass():
    """Its weights alone say too little: rms z 3.9 without the way up."""
    machine = BoltzmannMachine(Ising(), 3 * lattice((6, 6), disorder="gaussian", seed=4))
    exact = float(log_z(machine, "exact"))
    runs = [log_z(machine, "reverse_ais", n_temperatures=100, n_chains=50, seed=seed) for seed in range(6)]
    assert np.sqrt(np.mean([((run.value - exact) / run.stderr) ** 2 for run in runs])) < 2
