"""`health`: distances are those of their definition, verdicts those of machines whose history is known."""

import importlib
import json
import math

import laws
import numpy as np
import pytest
from click.testing import CliRunner

import ebm
from ebm import RBM, Bernoulli, BoltzmannMachine, Gaussian, Ising, Potts, Stream
from ebm.checkup import reference as references
from ebm.checkup.approach import Approach, looks
from ebm.checkup.copies import memorised
from ebm.checkup.distances import KINDS, Distance, Yardstick
from ebm.checkup.reference import Reference, reference
from ebm.checkup.verdict import judge
from ebm.cli import main

SMALL = {"n_chains": 60, "progress": False}


def by_definition(machine, data, x):
    """Squared norms of differences of means of centred products, over all pairs of different rows."""
    encode = machine.visible.encode if isinstance(machine, RBM) else machine.units.encode
    V, W = encode(data), encode(x[:, : machine.n_visible])
    mu = V.mean(0)
    V, W = V - mu, W - mu
    if isinstance(machine, RBM):
        H, G = machine.mean_h(data), machine.mean_h(x)
        lam = H.mean(0)
        H, G = H - lam, G - lam
    else:
        H, G = V, W
    second, other = (np.einsum("ni,nj->nij", A, A).reshape(len(A), -1) for A in (V, W))
    own, theirs = (np.einsum("ni,nj->nij", A, B).reshape(len(A), -1) for A, B in ((V, H), (W, G)))

    def square(a, b):
        parts = [((s.sum(0) ** 2).sum() - (s**2).sum()) / (len(s) * (len(s) - 1)) for s in (a, b)]
        return sum(parts) - 2 * a.mean(0) @ b.mean(0)

    def size(a):
        return ((a.sum(0) ** 2).sum() - (a**2).sum()) / (len(a) * (len(a) - 1))

    means = square(W, V) / (V**2).sum(1).mean()
    return means, square(other, second) / size(second), square(theirs, own) / size(own) + means


@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "potts-gaussian", "ising", "gaussian-bernoulli"])
def test_distances_are_those_of_their_definition(name):
    machine, rng = laws.MACHINES[name](), np.random.default_rng(0)
    data, x = (laws.states_of(machine.units, n, machine.n_units, rng) for n in (40, 25))
    data[:, 0] = data[:, 1]  # what has no correlations has nothing to compare with
    found = Yardstick(machine, data).distances(x)
    for kind, expected in zip(KINDS, by_definition(machine, data, x), strict=True):
        np.testing.assert_allclose(found[kind].square, expected, rtol=1e-4)
        assert found[kind].value == pytest.approx(math.sqrt(max(0, found[kind].square)))


def test_distances_of_one_distribution_are_noise_of_the_size_that_is_said():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x, p = laws.distribution(machine)
    rng, z = np.random.default_rng(1), []
    for _ in range(60):
        data, rows = (x[rng.choice(len(x), n, p=p)] for n in (100, 60))
        z += [d.square / d.square_stderr for d in Yardstick(machine, data).distances(rows).values()]
    assert abs(np.mean(z)) < 0.5
    assert 0.4 < np.sqrt(np.mean(np.square(z))) < 1.3


def test_rows_of_one_chain_say_as_much_as_one():
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    x, p = laws.distribution(machine)
    rng = np.random.default_rng(2)
    data, rows = (x[rng.choice(len(x), n, p=p)] for n in (100, 30))
    yardstick = Yardstick(machine, data)
    once = yardstick.distances(rows)
    often = yardstick.distances(np.tile(rows, (5, 1)), np.tile(np.arange(30), 5))
    for kind in KINDS:
        np.testing.assert_allclose(often[kind].square, once[kind].square, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(often[kind].square_stderr, once[kind].square_stderr, rtol=1e-3)


# Verdicts of courses that are known


def course(noise, data=None, error=0.02, energy=0.0):
    """An approach with these distances at 1, 2, 4, …, and energies so far above those of the data."""
    found = Approach(times=[2**k for k in range(len(noise))])
    for start, values in (("noise", noise), ("data", noise if data is None else data)):
        own = [Distance(v, error, v * v, 2 * error * max(v, error)) for v in values]
        found.distances[start] = dict.fromkeys(KINDS, own)
        found.energies[start] = [np.linspace(-1, 1, 50) + energy] * len(values)
    return found


def said(found, truth=0.0, trouble="", energy=0.0, error=0.02):
    known = Reference(np.zeros((1, 1)), np.zeros(1), "exact draws", trouble)
    of_truth = Distance(truth, error, truth**2, 2 * error * max(truth, error))
    spread = np.linspace(-1, 1, 50)
    return judge(found, known, of_truth, spread, spread + energy)


def test_verdicts_of_known_courses():
    falls = [1.0, 0.6, 0.3, 0.1, 0.0, 0.0]
    stays = [0.0] * 6
    leaves = [0.0, 0.0, 0.02, 0.3, 0.6, 0.7]
    returns = [1.0, 0.5, 0.1, 0.1, 0.5, 0.8]
    assert said(course(falls, stays)).word == "equilibrium"
    assert math.isnan(said(course(falls, stays)).k)
    assert said(course(falls, leaves), truth=0.7).word == "memory of k ≈ 4"
    assert said(course(falls, leaves), trouble="no").word == "memory of k ≈ 4"
    assert said(course(returns), truth=0.8).word == "memory of k ≈ 8"
    assert said(course(falls, stays), trouble="ladders differ").word == "do not trust"
    assert "ladders differ" in said(course(falls, stays), trouble="ladders differ").reason
    # chains stay at the data for as long as they were run, and equilibrium is elsewhere
    assert said(course(falls, stays), truth=0.7).word == "memory of k ≈ 32"
    # noise, a penalty, and too short a climb are no memory
    assert said(course(falls, leaves, error=0.3), truth=0.7, error=0.3).word == "equilibrium"
    assert said(course(falls, [0.0, 0.05, 0.1, 0.15, 0.15, 0.15]), truth=0.15).word == "equilibrium"
    few = said(course([1.0, 0.8, 0.7, 0.7, 0.7, 0.7], leaves, energy=2.0), truth=0.7, energy=2.0)
    assert few.word == "equilibrium"
    assert "fits little" in few.reason


# Machines whose history is known


def teacher(n=6, scale=1.0):
    return RBM.random(Bernoulli(), Bernoulli(), n, 3, scale=scale, seed=2, dtype="float64")


@pytest.mark.parametrize(
    "name", ["bernoulli-bernoulli", "potts-bernoulli", "ising-sparse-hidden", "gaussian-bernoulli"]
)
def test_a_machine_is_in_equilibrium_with_its_own_samples(name):
    machine = laws.MACHINES[name]()
    rng = np.random.default_rng(3)
    rows = laws.exact_draws(machine, 600, rng)[:, : machine.n_visible]
    found = ebm.health(machine, rows[:400], heldout=rows[400:], sweeps=256, **SMALL)
    assert found.verdict == "equilibrium"
    assert found.reference.method == "exact draws"
    assert found.log_z.verdict == "exact"
    assert abs(found.scores["overfitting"]) < 4 * found.scores["overfitting_stderr"]
    expected = ebm.log_likelihood(machine, rows[400:]).mean()
    assert found.scores["log_likelihood_heldout"] == pytest.approx(expected)
    assert found.scores["memorised"] < 0.2
    assert {row[0] for row in found.rows} >= {"verdict", "relaxation time", "log Z", "free energy"}


def test_a_machine_whose_data_are_short_chains_remembers_them():
    """Its data are its own chains after two sweeps from noise, far from equilibrium: one well is deeper."""
    n = 14
    machine = BoltzmannMachine(Ising(), 0.1 * (1 - np.eye(n)), np.full(n, 0.2))
    x = machine.sweep(machine.sample0(3000, Stream(5)), Stream(6), 2)
    found = ebm.health(machine, x, n_chains=1000, sweeps=128, progress=False)
    assert found.verdict.startswith("memory of k ≈ ")
    assert 2 <= found.k <= 4
    assert "from noise" in found.reason


def test_without_data_nothing_is_said_of_training():
    found = ebm.health(teacher(), sweeps=64, **SMALL)
    assert found.verdict == "unchecked"
    assert found.distance is None
    assert "log_likelihood" not in found.scores


def test_copies_are_seen():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 2, size=(400, 30)).astype(float)
    new = rng.integers(0, 2, size=(300, 30)).astype(float)
    assert memorised(Bernoulli(), new, train, new[::-1]) <= 0.01
    assert memorised(Bernoulli(), new, train, None) < 0.1
    both = np.concatenate([new, train[:100]])
    assert memorised(Bernoulli(), both, train, new) == pytest.approx(0.25, abs=0.02)


def test_dead_units_are_counted():
    machine = teacher()
    machine.params["c"][0] = -50.0
    machine.project()
    rows = laws.exact_draws(machine, 100, np.random.default_rng(0))
    found = ebm.health(machine, rows, sweeps=16, **SMALL)
    assert found.scores["dead"] == 1
    assert ("dead, saturated units", "1, 0 of 3", "say the same of all rows") in found.rows


@pytest.mark.parametrize("way", ["tempering", "trajectory tempering"])
def test_references_are_of_the_machine(way):
    J = 0.25 * (1 - np.eye(8))
    machine = BoltzmannMachine(Ising(), J, np.full(8, 0.05))
    saved = [BoltzmannMachine(Ising(), s * J, np.full(8, 0.05)) for s in (0.0, 0.4, 0.7)]
    found = reference(
        machine,
        400,
        saved if "along" not in way and "traj" in way else (),
        None,
        Stream(1),
        400,
        lambda d: None,
    )
    assert found.method == way
    assert found.trouble == ""
    x, p = laws.distribution(machine)
    each = np.array([found.x[found.chain == c].mean() for c in np.unique(found.chain)])
    z = (each.mean() - p @ x.mean(1)) / (each.std(ddof=1) / math.sqrt(len(each)))
    assert abs(z) < 4


def test_ladders_that_do_not_mix_say_so():
    frozen = BoltzmannMachine(Ising(), 5 * (1 - np.eye(8)))
    easy = BoltzmannMachine(Ising(), np.zeros((8, 8)))
    found = reference(frozen, 100, [easy], None, Stream(1), 40, lambda d: None)
    assert "do not swap" in found.trouble or "round trips" in found.trouble


def test_where_there_are_no_exact_draws_plain_chains_or_tempering_serve(monkeypatch):
    monkeypatch.setattr(importlib.import_module("ebm.checkup.health"), "exactly", lambda *args: None)
    machine = teacher()
    rows = laws.exact_draws(machine, 300, np.random.default_rng(4))
    found = ebm.health(machine, rows, **SMALL)
    assert found.reference.method.startswith("plain Gibbs, 256 sweeps")
    assert found.verdict == "equilibrium"
    assert references.exactly(machine, 10, Stream(0)).x.shape == (10, 6)
    found = ebm.health(machine, rows, sweeps=16, trajectory=[teacher(scale=0.01)], **SMALL)
    assert found.reference.method == "trajectory tempering"


def test_looks_double_in_two_steps():
    assert looks(1) == [1]
    assert looks(16) == [1, 2, 3, 4, 6, 8, 12, 16]


def test_the_page_and_its_figures(tmp_path):
    machine = teacher()
    rows = laws.exact_draws(machine, 200, np.random.default_rng(5))
    found = ebm.health(machine, rows, heldout=rows[:50], sweeps=32, **SMALL)
    page = str(found)
    assert "equilibrium" in page
    assert max(map(len, page.splitlines())) <= 126
    assert len(page.splitlines()) < 40
    assert repr(found).startswith("Health(equilibrium: RBM(")
    assert found._repr_html_().count("<tr>") == len(found.rows) + 1
    files = found.figures(str(tmp_path / "figures"))
    names = ["energies.png", "means.png", "second-moments.png", "statistics.png"]
    assert sorted(file.name for file in files) == names
    assert all(file.stat().st_size > 5000 for file in files)


def test_the_command(tmp_path):
    machine = teacher()
    rows = laws.exact_draws(machine, 200, np.random.default_rng(6))
    ebm.save(tmp_path / "m.npz", machine)
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "grey.npy", 100 * rows + 50)

    def call(*args, code=0):
        done = CliRunner().invoke(main, ["health", str(tmp_path / "m.npz"), *map(str, args)])
        assert done.exit_code == code, done.output
        return done.output

    page = call(tmp_path / "rows.npy", "--chains", 60, "--sweeps", 32, "--figures", tmp_path / "f")
    assert "verdict" in page
    assert "4 figures in" in page
    few = ("--chains", 60, "--sweeps", 32)
    grey = tmp_path / "grey.npy"
    found = json.loads(call(grey, "--threshold", 100, "--heldout", grey, *few, "--json"))
    assert found["verdict"] == "equilibrium"
    assert found["k"] is None
    assert found["scores"]["n_hidden"] == 3
    line = call(tmp_path / "grey.npy", code=1)
    assert line.startswith("ebm: ")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"data": np.zeros((10, 6))}, "data: expected 40 rows or more, got 10"),
        ({"data": np.full((50, 6), 0.5)}, "takes 0 and 1"),
        ({"data": np.zeros((50, 5))}, r"data: .*5"),
        ({"n_chains": 5}, "n_chains: expected an integer >= 20"),
        ({"trajectory": ["m.npz"]}, "trajectory: got 'm.npz'; expected a sequence of machines"),
    ],
)
def test_what_cannot_be_checked_is_one_line(how, said):
    with pytest.raises(ebm.EbmError, match=said) as error:
        ebm.health(teacher(), **({"progress": False} | how))
    assert "\n" not in str(error.value)


def test_real_and_potts_units_without_data():
    for machine in (
        RBM.random(Gaussian(), Bernoulli(), 3, 2, dtype="float64"),
        RBM.random(Potts(3), Bernoulli(), 3, 2, dtype="float64"),
    ):
        assert ebm.health(machine, sweeps=16, **SMALL).verdict == "unchecked"
