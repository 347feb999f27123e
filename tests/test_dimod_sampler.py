"""dimod's own conformance tests on our sampler, its composites around it, and its distribution."""

import pickle
import unittest

import numpy as np
import pytest

import ebm
from ebm.errors import EbmError

dimod = pytest.importorskip("dimod")
pytest.importorskip("dimod.testing")

from ebm.interchange.dimod import Sampler  # noqa: E402

FAST = ebm.Annealing(n_steps=3, n_sweeps=2)


def fast():
    return Sampler(FAST)


@dimod.testing.load_sampler_bqm_tests(fast)
class TestConforms(unittest.TestCase):
    def test_api(self):
        dimod.testing.assert_sampler_api(Sampler())


def frustrated(vartype="SPIN"):
    bqm = dimod.BQM.from_ising(
        {"a": 0.4, 2: -0.3}, {("a", 2): -1.0, (2, ("t", 1)): 0.7, ("a", ("t", 1)): 0.9}, 1.5
    )
    return bqm.change_vartype(vartype, inplace=False)


def test_it_is_a_class_that_can_be_named_and_sent():
    assert ebm.interchange.dimod.Sampler is Sampler
    sent = pickle.loads(pickle.dumps(Sampler(FAST, seed=2)))
    one, two = (s.sample(frustrated(), num_reads=2) for s in (sent, Sampler(FAST, seed=2)))
    assert np.array_equal(one.record.sample, two.record.sample)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_reads_are_drawn_from_the_distribution(vartype, beta):
    bqm, reads = frustrated(vartype), 1000
    found = Sampler(ebm.Direct()).sample(bqm, num_reads=reads, beta=beta)
    dimod.testing.assert_sampleset_energies(found, bqm)
    exact = dimod.ExactSolver().sample(bqm)
    p = np.exp(-beta * exact.record.energy)
    p /= p.sum()
    counts = found.aggregate()
    order = list(exact.variables)
    seen = {
        tuple(row[[counts.variables.index(v) for v in order]]): n
        for row, n in zip(counts.record.sample, counts.record.num_occurrences, strict=True)
    }
    freq = np.array([seen.get(tuple(row), 0) for row in exact.record.sample]) / reads
    assert np.abs(freq - p).max() < 4 * np.sqrt(0.25 / reads)
    assert found.vartype is bqm.vartype


def test_info_says_what_was_done():
    sampler = Sampler(FAST, seed=3)
    one, two = (sampler.sample(frustrated(), num_reads=2) for _ in range(2))
    assert (one.info["seed"], two.info["seed"]) == ([3, 0], [3, 1])
    assert set(one.info["timing"]) == {"preprocessing_ns", "sampling_ns", "postprocessing_ns"}
    assert all(isinstance(v, int) and v >= 0 for v in one.info["timing"].values())
    assert one.info["beta"] == 1.0
    assert one.info["sampler"].startswith("Annealing(")
    assert one.info["diagnostics"]["n_chains"] == 2


def test_calls_differ_programs_repeat_and_a_seed_of_a_call_decides():
    bqm = dimod.BQM(dict.fromkeys(range(40), 0.0), {}, 0.0, "SPIN")
    rows = lambda s, **k: s.sample(bqm, num_reads=3, burn_in=0, sampler=ebm.Gibbs(), **k).record.sample  # noqa: E731
    sampler, again = Sampler(), Sampler()
    first, second = rows(sampler), rows(sampler)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, rows(again))
    assert np.array_equal(rows(sampler, seed=7), rows(again, seed=7))


def test_initial_states_are_where_reads_start():
    bqm = dimod.BQM.from_ising({}, {("a", "b"): -50.0, ("b", "c"): -50.0})  # two frozen states
    up, down = dict.fromkeys("abc", 1), dict.fromkeys("cba", -1)
    for sampler in (ebm.Gibbs(), ebm.Annealing(1.0, 2.0, n_steps=2)):
        found = Sampler(sampler).sample(bqm, initial_states=[up, down], initial_states_generator="none")
        assert found.record.sample[:, 0].tolist() == [1, -1]
        assert (found.record.energy == -100).all()
    bits = Sampler(ebm.Gibbs()).sample(
        bqm.change_vartype("BINARY", inplace=False), num_reads=3, initial_states=down,
        initial_states_generator="tile", burn_in=0,
    )  # fmt: skip
    assert (bits.record.sample == 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_reads": 0}, "num_reads: expected an integer"),
        ({"beta": "hot"}, "beta"),
        ({"sampler": 3}, "sampler: got the number 3"),
        ({"initial_states": {"a": 1, 2: 1, ("t", 1): 1}, "sampler": ebm.Direct()}, "draws its own"),
        ({"initial_states": {"a": 1, 2: 1, ("t", 1): 1}, "burn_in": 3}, "burn_in does not apply"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_arguments_are_one_line(options, words):
    with pytest.raises(EbmError, match=words) as caught:
        fast().sample(frustrated(), **options)
    assert "\n" not in str(caught.value)


def test_unknown_arguments_are_warned_of():
    with pytest.warns(dimod.exceptions.SamplerUnknownArgWarning, match="answer_mode"):
        fast().sample(frustrated(), answer_mode="raw")


def conforms(composite, **options):
    bqm = frustrated()
    found = composite.sample(bqm, **options)
    dimod.testing.assert_sampleset_energies(found, bqm)
    assert set(found.variables) == set(bqm.variables)
    return found


def test_inside_the_composites_of_dimod():
    assert len(conforms(dimod.TruncateComposite(fast(), 2), num_reads=5)) == 2
    tracking = dimod.TrackingComposite(fast())
    conforms(tracking, num_reads=2)
    assert tracking.input["num_reads"] == 2
    bqm = frustrated()
    conforms(dimod.StructureComposite(fast(), list(bqm.variables), list(bqm.quadratic)), num_reads=2)
    cubic = {("a", "b", "c"): -1.0}
    found = dimod.HigherOrderComposite(fast()).sample_poly(dimod.BinaryPolynomial(cubic, "SPIN"), num_reads=2)
    assert found.record.energy.min() >= -1


def test_inside_the_composites_of_dwave_preprocessing():
    others = pytest.importorskip("dwave.preprocessing.composites")
    found = conforms(others.FixVariablesComposite(fast()), fixed_variables={"a": -1})
    assert (found.samples()[0]["a"],) == (-1,)
    conforms(others.SpinReversalTransformComposite(fast()), num_spin_reversal_transforms=2, num_reads=2)
    conforms(others.ScaleComposite(fast()), scalar=0.5)
    conforms(others.ConnectedComponentsComposite(fast()))


def test_inside_dwave_hybrid():
    hybrid = pytest.importorskip("hybrid")
    bqm = frustrated()
    state = hybrid.State.from_sample(hybrid.min_sample(bqm), bqm)

    class Branch(hybrid.Runnable):
        def next(self, state):
            return state.updated(samples=fast().sample(state.problem, num_reads=2))

    found = hybrid.LoopUntilNoImprovement(Branch(), max_iter=2).run(state).result()
    assert found.samples.first.energy == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)
