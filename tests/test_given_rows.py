"""What may be given as rows: states of these units, in any form that holds numbers, in every function."""

import numpy as np
import pytest
import scipy.sparse

import ebm
from ebm.errors import EbmError

try:
    import pandas
except ImportError:  # the package does not need it
    pandas = None

BITS = np.array([[0.0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]] * 4)
SPINS = 2 * BITS - 1

MACHINES = {
    "BM": lambda units: ebm.BoltzmannMachine(units, ebm.datasets.sk(4, 1)),
    "RBM": lambda units: ebm.RBM.random(units, ebm.Bernoulli(), 4, 2, scale=0.5, dtype=np.float64),
}

CALLS = {
    "fit": lambda m, x: ebm.fit(m, x, epochs=1) and m.b.copy(),
    "fit validation": lambda m, x: ebm.fit(m, np.ones((2, 4)), validation=x, epochs=2)["free_energy_heldout"],
    "train": lambda m, x: (
        next(ebm.train(ebm.begin(m, ebm.CD(), ebm.SGD(0.1)), x, ebm.CD(), ebm.SGD(0.1), 4)).machine.b
    ),
    "partial_fit": lambda m, x: (
        ebm.partial_fit(ebm.begin(m, ebm.CD(), ebm.SGD(0.1)), x, ebm.CD(), ebm.SGD(0.1)).machine.b
    ),
    "maximise": lambda m, x: ebm.maximise(m, x, max_iterations=3).log_likelihood,
    "log_likelihood": lambda m, x: ebm.log_likelihood(m, x),
    "pseudo_likelihood": lambda m, x: ebm.pseudo_likelihood(m, x),
    "free_energy_gap": lambda m, x: ebm.free_energy_gap(m, x, x),
    "kl_divergence": lambda m, x: ebm.kl_divergence(m, x),
    "free_energy": lambda m, x: m.free_energy(x),
    "visible_free_energy": lambda m, x: m.visible_free_energy(x),
    "stats": lambda m, x: m.stats(x)["b"],
    "sweep": lambda m, x: m.sweep(x, ebm.Stream(0), 2),
    "start": lambda m, x: np.array(m.start(x).x),
    "clamp": lambda m, x: m.clamp(x, ebm.Stream(0)),
    "posterior_stats": lambda m, x: m.posterior_stats(x)["b"],
    "reconstruction_error": lambda m, x: ebm.reconstruction_error(m, x),
    "mean_h": lambda m, x: m.mean_h(x),
    "readout": lambda m, x: ebm.readout(m, x, [0, 1, 0] * 4, epochs=1).params["W1"],
    "energy": lambda m, x: m.energy(x),
    "inputs": lambda m, x: m.inputs(x),
    "estimate_beta": lambda m, x: ebm.diagnostics.estimate_beta(m, x).value,
    "conditional_log_likelihood": lambda m, x: ebm.conditional_log_likelihood(m, x),
}
ONLY = {
    "BM": {"energy", "inputs", "clamp"},  # an RBM has nothing to complete
    "RBM": {"reconstruction_error", "mean_h", "readout", "conditional_log_likelihood"},
}
EVERY = [
    (kind, call)
    for kind in MACHINES
    for call in CALLS
    if not any(call in calls for other, calls in ONLY.items() if other != kind)
]


@pytest.mark.parametrize(("kind", "call"), EVERY)
def test_states_of_another_coding_are_refused_and_said_to_be(kind, call):
    with pytest.raises(EbmError, match=r"legal under Bernoulli\(\); or map x → 2x − 1") as refusal:
        CALLS[call](MACHINES[kind](ebm.Ising()), BITS)
    assert "\n" not in str(refusal.value)
    with pytest.raises(EbmError, match=r"legal under Ising\(\); or map x → \(x \+ 1\)/2"):
        CALLS[call](MACHINES[kind](ebm.Bernoulli()), SPINS)
    CALLS[call](MACHINES[kind](ebm.Ising()), SPINS)


@pytest.mark.parametrize(("kind", "call"), EVERY)
def test_masked_values_are_refused_and_a_mask_that_hides_nothing_is_not(kind, call):
    mask = np.zeros(BITS.shape, bool)
    mask[2, 1] = True
    with pytest.raises(EbmError, match="1 masked values, the first at row 2, column 1"):
        CALLS[call](MACHINES[kind](ebm.Bernoulli()), np.ma.masked_array(BITS, mask=mask))
    same = CALLS[call](MACHINES[kind](ebm.Bernoulli()), np.ma.masked_array(BITS))
    assert np.array_equal(same, CALLS[call](MACHINES[kind](ebm.Bernoulli()), BITS))


@pytest.mark.parametrize(("kind", "call"), EVERY)
def test_rows_of_every_form_give_equal_numbers(kind, call, tmp_path):
    np.save(tmp_path / "x.npy", BITS)
    forms = {
        "csr": scipy.sparse.csr_array(BITS),
        "coo matrix": scipy.sparse.coo_matrix(BITS),
        "memory map": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "list": BITS.tolist(),
        "integers": BITS.astype(np.int8),
        "Fortran": np.asfortranarray(BITS),
    }
    if pandas is not None:
        forms["table"] = pandas.DataFrame(BITS)
        forms["table whose columns could have gaps"] = pandas.DataFrame(BITS).astype("Int64")
    expected = CALLS[call](MACHINES[kind](ebm.Bernoulli()), BITS)
    for name, form in forms.items():
        assert np.array_equal(CALLS[call](MACHINES[kind](ebm.Bernoulli()), form), expected), name


@pytest.mark.skipif(pandas is None, reason="pandas is not installed")
def test_a_gap_of_a_table_is_no_number():
    table = pandas.DataFrame({"a": [1, None], "b": [0, 1], "c": [0, 1], "d": [0, 1]}).astype("Int64")
    with pytest.raises(EbmError, match="nan at row 1, column 0"):
        ebm.log_likelihood(MACHINES["RBM"](ebm.Bernoulli()), table)


def test_spins_that_are_means_or_miss_a_value_are_taken():
    machine = MACHINES["BM"](ebm.Ising())
    assert machine.energy([[0.0, 0.5, 1, 1]]).shape == machine.energy([[0, -1, 1, 1]]).shape == (1,)


def test_states_numbered_from_one_are_said_to_be():
    machine = ebm.RBM.random(ebm.Potts(3), ebm.Bernoulli(), 2, 2, dtype="float64")
    with pytest.raises(EbmError, match="numbered from 1: map x → x − 1"):
        ebm.log_likelihood(machine, [[1, 3], [2, 2]])


def test_the_coding_is_that_of_a_block():
    units = ebm.Mixed(((ebm.Gaussian(), 1), (ebm.Ising(), 3)))
    with pytest.raises(EbmError, match=r"legal under Bernoulli\(\)"):
        ebm.RBM.from_data([[0.3, 0, 1, 1]], 2, visible=units)


def test_what_a_mask_hides_is_free():
    machine = MACHINES["BM"](ebm.Ising())
    given = np.ma.masked_array([1.0, 7, 7, 7], mask=[False, True, True, True])
    told = ebm.sample(machine, 20, given=[1, np.nan, np.nan, np.nan], seed=3).x
    assert np.array_equal(ebm.sample(machine, 20, given=given, seed=3).x, told)
    assert (told[:, 1:] != told[0, 1:]).any()
    rest, _ = machine.condition(given)
    assert rest.n_units == 3


def test_other_arrays_keep_their_mask_too():
    masked = np.ma.masked_equal([1.0, 2, 3, 4], 3)
    with pytest.raises(EbmError, match="b: 1 masked values"):
        ebm.BoltzmannMachine(ebm.Ising(), np.zeros((4, 4)), masked)
    with pytest.raises(EbmError, match="J: 1 masked values"):
        ebm.BoltzmannMachine(ebm.Ising(), np.ma.masked_equal(np.zeros((1, 1)), 0))
    with pytest.raises(EbmError, match="weights: 1 masked values"):
        ebm.fit(MACHINES["RBM"](ebm.Bernoulli()), BITS[:4], weights=masked, epochs=1)
    for estimator in (ebm.estimators.RBMTransformer(2, n_iter=1), ebm.estimators.RBMClassifier(2, n_iter=1)):
        with pytest.raises(EbmError, match="X: 24 masked values"):
            estimator.fit(np.ma.masked_equal(BITS, 0), [0, 1, 0] * 4)


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("half", [np.triu, np.tril])
def test_a_triangle_of_couplings_is_to_be_added_to_its_transpose(form, half):
    J = ebm.datasets.sk(4, 2)
    triangle = half(J, 1 if half is np.triu else -1)
    with pytest.raises(EbmError, match=r"(upper|lower) triangle; expected a symmetric J: use J \+ J\.T$"):
        ebm.BoltzmannMachine(ebm.Ising(), form(triangle))
    asked = ebm.BoltzmannMachine(ebm.Ising(), form(triangle + triangle.T))
    assert ebm.log_z(asked).value == pytest.approx(ebm.log_z(ebm.BoltzmannMachine(ebm.Ising(), J)).value)
    J[0, 1] = 0  # both triangles hold something
    with pytest.raises(EbmError, match=r"use \(J \+ J\.T\) / 2"):
        ebm.BoltzmannMachine(ebm.Ising(), form(J))


def test_sparse_rows_whose_indices_lie_are_refused():
    rows = scipy.sparse.csr_array(BITS)
    rows.indptr[-1] = 2**30  # scipy would read as far
    for call in ("log_likelihood", "fit", "free_energy"):
        with pytest.raises(EbmError, match=r"indptr: expected 13 numbers that rise"):
            CALLS[call](MACHINES["RBM"](ebm.Bernoulli()), rows)


def test_blocks_of_many_rows_are_those_of_the_rows_given(monkeypatch):
    monkeypatch.setattr("ebm.arrays._AT_ONCE", 8)
    machine = MACHINES["RBM"](ebm.Bernoulli())
    assert np.array_equal(machine.free_energy(scipy.sparse.csr_array(BITS)), machine.free_energy(BITS))
    with pytest.raises(EbmError, match="masked"):
        machine.free_energy(np.ma.masked_equal(BITS, 0))
