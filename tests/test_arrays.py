"""Whoever owns an array checks it where it comes in: parameters, memories, chains, patterns."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse

import ebm
from ebm.checkpoint import read_arrays, write_arrays
from ebm.datasets import lattice

B, I = ebm.Bernoulli(), ebm.Ising()
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("batch", [["float32", "gaussian"], ["potts", "states"], ["sparse", "deep"]])
def test_any_layout_gives_equal_numbers_or_one_line(batch):
    """In a process of its own: what is wrong here crashes it."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.layouts", "--quick", *batch], capture_output=True, text=True, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "equal" in ran.stdout
    assert "refused" in ran.stdout


def small(dtype=np.float64):
    return ebm.RBM.random(B, B, 5, 3, scale=0.5, dtype=dtype)


def test_names_are_fixed():
    params = small().params
    with pytest.raises(ebm.EbmError, match="'w': no such parameter"):
        params["w"] = np.zeros((5, 3))
    for lose in (params.clear, params.popitem, lambda: params.pop("W"), lambda: params.__delitem__("W")):
        with pytest.raises(ebm.EbmError, match="names are fixed"):
            lose()
    with pytest.raises(ebm.EbmError, match=r"b: expected shape \(5,\)"):
        params |= {"b": np.zeros(3)}
    with pytest.raises(ebm.EbmError, match=r"c: inf at \(0,\)"):
        params.update(c=np.full(3, np.inf))


def test_what_is_put_in_place_is_copied_and_in_place_stays_live():
    machine, b = small(), np.ones(5)
    own = machine.params["b"]
    machine.params["b"] = b
    b[:] = 7
    assert machine.b.tolist() == [1] * 5
    live = machine.params["b"]
    machine.params["b"] += 1
    assert machine.params["b"] is live is not own
    assert live[0] == 2


def test_an_array_made_read_only_is_copied():
    machine = small()
    machine.params["W"].setflags(write=False)
    ebm.fit(machine, np.eye(5), epochs=1)
    assert machine.W.flags.writeable


def test_a_shape_changed_behind_the_back_is_refused():
    machine = small()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy 2.5
        machine.params["W"].shape = (3, 5)
    with pytest.raises(ebm.EbmError, match=r"W: expected float64 \(5, 3\), got float64 \(3, 5\)"):
        machine.project()


@pytest.mark.parametrize(
    "machine", [small(), ebm.BoltzmannMachine(I, lattice((3, 3))), ebm.DBM.random([5, 4, 3], dtype="float64")]
)
def test_read_only_maps_of_joblib_learn(machine, tmp_path):
    joblib.dump(machine, tmp_path / "m.joblib")
    mapped = joblib.load(tmp_path / "m.joblib", mmap_mode="r")
    rows = np.ones((4, machine.n_visible))
    for one in (machine, mapped):
        ebm.fit(one, rows, epochs=1, batch_size=2, optimiser=ebm.SGD(0.1, momentum=0.5))
    assert all(np.array_equal(mapped.params[key], value) for key, value in machine.params.items())


def test_a_pickle_has_the_same_owner():
    machine = pickle.loads(pickle.dumps(ebm.BoltzmannMachine(I, lattice((3, 3)))))
    machine.params["J"][:] *= 2
    machine.project()
    assert machine.J.data.max() == 2
    assert machine.energy(np.ones((1, 9)))[0] == machine.J.sum() / -2


def test_the_top_of_a_stack_follows_its_owner():
    stack = ebm.DBN.greedy(np.eye(4), [3, 2], epochs=1)
    stack.params["W"] = np.ones((3, 2))
    stack.project()
    assert np.array_equal(stack.top.W, np.ones((3, 2)))
    stack.params["W"][0, 0] = 5
    assert stack.top.W[0, 0] == 5


def test_the_precision_of_a_readout_follows_its_owner():
    layer = ebm.Layer.random(ebm.Gaussian(learn_precision=True), 3, 1)
    net = ebm.Network([layer])
    net.params["y.precision"] = [4]
    net.project()
    assert net.predict_variance(np.zeros((1, 3)))[0, 0] == 0.25


# Optimisers


def test_a_gradient_or_a_memory_of_another_shape_is_refused():
    params, adam = {"W": np.zeros((2, 3))}, ebm.Adam(0.1)
    memory = adam.init(params)
    adam.update(params, {"W": np.ones((3, 2)).T}, memory)  # any layout
    with pytest.raises(ebm.EbmError, match=r"gradient of W: expected float64 \(2, 3\), got float64 \(1,\)"):
        adam.update(params, {"W": np.ones(1)}, memory)
    with pytest.raises(ebm.EbmError, match="W: expected shape"):
        memory.first["W"] = np.zeros(1)
    memory.first = {"W": np.zeros(1)}
    with pytest.raises(ebm.EbmError, match="W: expected C order"):
        adam.update(params, {"W": np.ones((2, 3))}, memory)
    with pytest.raises(ebm.EbmError, match="W: expected C order"):
        ebm.SGD(0.1).update({"W": np.ones((2, 3)).T}, {"W": np.ones((3, 2))}, ebm.SGD(0.1).init(params))
    with pytest.raises(ebm.EbmError, match="without momentum"):
        ebm.SGD(0.1, momentum=0.5).update(params, {"W": np.ones((2, 3))}, ebm.SGD(0.1).init(params))


@pytest.mark.parametrize(
    ("optimiser", "key"),
    [
        (ebm.Adam(0.1), "memory/first/W"),
        (ebm.SGD(0.1, momentum=0.5), "memory/velocity/b"),
        (ebm.Averaged(ebm.Adam(0.1)), "memory/inner/second/c"),
        (ebm.Averaged(ebm.SGD(0.1)), "memory/mean/W"),
        (ebm.SGD(0.1), "chains/offsets/b"),
        (ebm.SGD(0.1), "chains/x"),
    ],
)
def test_arrays_of_a_file_that_do_not_fit_are_refused(optimiser, key, tmp_path):
    path = tmp_path / "s.npz"
    ebm.save(path, ebm.begin(small(np.float32), ebm.PCD(n_chains=5, centred=True), optimiser))
    arrays = read_arrays(path)
    write_arrays(path, arrays | {key: np.zeros((1,) * arrays[key].ndim, np.float32)})
    with pytest.raises(ebm.EbmError, match=r"s\.npz: (memory|chains): .*expected"):
        ebm.load(path)
    write_arrays(path, arrays | {key: arrays[key].astype(">f8")})
    ebm.load(path)


@pytest.mark.parametrize("value", [7, -1, 0.5])
def test_chains_of_a_file_hold_states(value, tmp_path):
    path = tmp_path / "s.npz"
    machine = ebm.RBM.random(ebm.Potts(3), B, 5, 3, dtype="float64")
    ebm.save(path, ebm.begin(machine, ebm.PCD(n_chains=5), ebm.SGD(0.1)))
    arrays = read_arrays(path)
    write_arrays(path, arrays | {"chains/x": np.full((5, 5), value)})
    with pytest.raises(ebm.EbmError, match=r"chains: .* at row 0"):
        ebm.load(path)


# Sparse patterns


def broken(how):
    J = lattice((4, 4)).tocsr()
    data, indices, indptr = J.data.astype(float), J.indices.copy(), J.indptr.astype(np.int64)
    if how == "ends below 0":
        indptr[-1] = -1
    if how == "falls":
        indptr[1:-1] = 2**40
    if how == "far columns":
        indices[:] = 10**8
    if how == "negative columns":
        indices[3] = -1
    if how == "does not begin at 0":
        indptr[0] = 1
    if how == "short":
        indptr = indptr[:-1]
    if how == "floats":
        indices = indices.astype(float)
    return data, indices, indptr


HOWS = ["ends below 0", "falls", "far columns", "negative columns", "does not begin at 0", "short", "floats"]


@pytest.mark.parametrize("how", HOWS)
def test_patterns_that_are_none_are_refused(how, tmp_path):
    path = tmp_path / "m.npz"
    ebm.save(path, ebm.BoltzmannMachine(I, lattice((4, 4))))
    data, indices, indptr = broken(how)
    write_arrays(path, read_arrays(path) | {"params.J": data, "J.indices": indices, "J.indptr": indptr})
    with pytest.raises(ebm.EbmError, match=r"m\.npz: J: (indptr|indices)"):
        ebm.load(path)
    J = scipy.sparse.csr_array(lattice((4, 4)))
    J.data, J.indices, J.indptr = data, indices, indptr
    with pytest.raises(ebm.EbmError, match=r"J: (indptr|indices)"):
        ebm.BoltzmannMachine(I, J)


def test_the_pattern_handed_out_is_read_only():
    machine = ebm.BoltzmannMachine(I, lattice((3, 3)))
    for array in (machine.J.indices, machine.J.indptr):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 10**9
    machine.J.data[:] = 2  # live
    assert machine.params["J"][0] == 2


# Chains


def test_states_put_into_chains_are_looked_at():
    chains = ebm.BoltzmannMachine(ebm.Potts(3), np.zeros((15, 15))).start(np.full((50, 5), 2))
    with pytest.raises(ebm.EbmError, match="x: 1000000000 at row 0"):
        chains.x = np.full((50, 5), 10**9)
    with pytest.raises(ebm.EbmError, match=r"x: expected shape \(n, 5\), got \(50, 4\)"):
        chains.x = np.zeros((50, 4))


@pytest.mark.parametrize(
    ("machine", "other"),
    [
        (small(), ebm.RBM.random(B, B, 200, 3, dtype="float64")),
        (small(), ebm.RBM.random(I, B, 5, 3, dtype="float64")),
        (small(), small(np.float32)),
        (
            ebm.RBM.random(ebm.Potts(3), B, 5, 3, dtype="float64"),
            ebm.RBM.random(ebm.Potts(30), B, 5, 3, dtype="float64"),
        ),
        (ebm.BoltzmannMachine(I, np.zeros((5, 5))), ebm.BoltzmannMachine(I, np.zeros((500, 500)))),
        (ebm.BoltzmannMachine(I, np.zeros((5, 5))), ebm.BoltzmannMachine(B, np.zeros((5, 5)))),
        (ebm.BoltzmannMachine(I, np.zeros((9, 9))), ebm.BoltzmannMachine(I, lattice((3, 3)))),
        (ebm.BoltzmannMachine(I, lattice((3, 3))), ebm.BoltzmannMachine(I, np.zeros((9, 9)))),
    ],
)
def test_chains_of_another_machine_are_refused(machine, other):
    foreign = other.start(np.asarray(other.sample0(70, ebm.Stream(0))))
    for use in (
        lambda: machine.sweep(foreign, ebm.Stream(1)),
        lambda: machine.free_energy(foreign),
        lambda: machine.stats(foreign),
    ):
        with pytest.raises(ebm.EbmError, match=r"chains of .* expected those that start of"):
            use()


def test_chains_of_a_copy_run_on():
    machine = ebm.RBM.random(ebm.Gaussian(learn_precision=True), B, 5, 3, dtype="float64")
    chains = machine.start(np.zeros((4, 5)))
    machine.project()
    machine.copy().sweep(chains, ebm.Stream(1))


# Constraints of couplings that stand twice


def test_of_one_entry_of_two_the_mean_is_taken_with_a_warning():
    for machine in (
        ebm.BoltzmannMachine(I, lattice((3, 3))),
        ebm.BoltzmannMachine(I, lattice((3, 3)).toarray()),
    ):
        value = machine.params["J"]
        value[1 if value.ndim == 1 else (0, 1)] = 5
        with pytest.warns(RuntimeWarning, match=r"J: 5 at .* and 1 at .* their mean, 3, was taken; set both"):
            machine.project()


def test_max_norm_and_masks_hold_where_couplings_stand_twice():
    rng = np.random.default_rng(0)
    hub = rng.choice([-1, 1], 300)
    x = np.column_stack([hub] + [hub * rng.choice([-1, 1], 300, p=[0.15, 0.85]) for _ in range(8)])
    machine = ebm.BoltzmannMachine(I, np.zeros((9, 9)))
    kept = np.ones((9, 9), bool)
    kept[0, 1] = False
    ebm.fit(
        machine, x, rule=ebm.PseudoLikelihood(), optimiser=ebm.SGD(0.2), epochs=20, batch_size=300,
        constraints=[ebm.MaxNorm(0.5), ebm.Mask(kept)],
    )  # fmt: skip
    norms = np.linalg.norm(machine.J, axis=0)
    assert norms.max() <= 0.5 + 1e-12
    assert norms[0] > 0.45
    assert machine.J[0, 1] == machine.J[1, 0] == 0
