"""Files: what is saved comes back bit for bit; anything else is refused in one line; writes are atomic."""

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass, field

import joblib
import laws
import numpy as np
import pytest

import ebm
from ebm import (
    PCD,
    SGD,
    Adam,
    Bernoulli,
    EbmError,
    Gaussian,
    Layer,
    Network,
    Poisson,
    Potts,
    begin,
    load,
    save,
    train,
)
from ebm.checkpoint import load_machine, read_arrays, write_arrays
from ebm.files import write_atomic
from ebm.parts import Part

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
PRECISE = Gaussian(learn_precision=True).bound(np.array([0.5, 1.0, 3.0]))
RULE, OPTIMISER = PCD(n_chains=5, centred=True), Adam(0.01)


def networks():
    layers = [Layer.random(Potts(3), 4, 2, seed=1), Layer.random(Gaussian(), 6, 2, seed=2)]
    return {
        "two": Network(layers, Potts(2)),
        "one": Network([Layer.random(Bernoulli(), 4, 2)], Bernoulli()),
        "counts": Network([*layers, Layer.random(Poisson(), 2, 3)], Potts(2)),
        "precise": Network([*layers, Layer.random(PRECISE, 2, 3)], Potts(2)),
    }


def state_of(machine, step=3, rule=RULE, optimiser=OPTIMISER):
    rows = machine.sample0(8, ebm.Stream(0))[:, : machine.n_visible]
    for state in train(begin(machine, rule, optimiser, 2**60), rows, rule, optimiser, 4):
        if state.step == step:
            return state


def same_arrays(one, other):
    assert list(one) == list(other)
    for key in one:
        assert one[key].dtype == other[key].dtype
        assert np.array_equal(one[key], other[key])


def assert_refused(path, match=None):
    with pytest.raises(EbmError, match=match) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)


# Round trips.


@pytest.mark.parametrize("name", laws.MACHINES)
@DTYPES
def test_machines_come_back(name, dtype, tmp_path):
    machine = laws.MACHINES[name](dtype=dtype)
    save(tmp_path / "m.npz", machine)
    back = load(tmp_path / "m.npz")
    assert repr(back) == repr(machine)
    same_arrays(machine.params, back.params)
    x = machine.sample0(7, ebm.Stream(0))
    assert np.array_equal(machine.sweep(x, ebm.Stream(1), 3), back.sweep(x, ebm.Stream(1), 3))
    assert np.array_equal(machine.free_energy(x), back.free_energy(x))


def stacks():
    machines = [
        ebm.RBM.random(Bernoulli(), Bernoulli(), n, n - 1, scale=1.0, seed=n, dtype="float64") for n in (4, 3)
    ]
    return {"dbm": ebm.DBM.random([4, 3, 2], scale=1.0, dtype="float64"), "dbn": ebm.DBN(machines)}


EVERY = laws.MACHINES | {name: lambda own=own: own.copy() for name, own in (networks() | stacks()).items()}


def told(machine):
    """Numbers that depend on every parameter."""
    if isinstance(machine, Network):
        x = np.ones((2, machine.n_in // machine.inputs.width), int)
        return machine.gradient(x, np.ones((2, machine.n_outputs)))["b0"]
    if isinstance(machine, ebm.DBN):
        return machine.reconstruct(np.eye(4))
    x = machine.sample0(50, ebm.Stream(0))
    return np.append(machine.sweep(x, ebm.Stream(1), 2).ravel(), machine.free_energy(x))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("way", ["pickle", "joblib", "mapped"])
def test_copies_that_others_make_follow_their_parameters(name, way, tmp_path):
    """What works with an array works with the one in `params`, though joblib writes every array apart."""
    machine = EVERY[name]()
    if way == "pickle":
        back = pickle.loads(pickle.dumps(machine))
    else:
        joblib.dump(machine, tmp_path / "m.joblib")
        back = joblib.load(tmp_path / "m.joblib", mmap_mode="c" if way == "mapped" else None)
    before = told(machine)
    assert np.array_equal(told(back), before)
    for own in (machine, back):
        for value in own.params.values():
            value *= 1.5
    assert np.array_equal(told(back), told(machine))
    assert not np.array_equal(told(back), before)
    for own in (machine, back):
        own.project()
    assert np.array_equal(told(back), told(machine))


@pytest.mark.parametrize("way", ["r", None])
def test_machines_in_memory_that_is_mapped_to_read_can_be_used(way, tmp_path):
    joblib.dump(EVERY["precise-bernoulli"](), tmp_path / "m.joblib")
    machine = joblib.load(tmp_path / "m.joblib", mmap_mode=way)
    assert np.isfinite(told(machine)).all()


@pytest.mark.parametrize("name", networks())
def test_networks_come_back(name, tmp_path):
    net = networks()[name]
    save(tmp_path / "n.npz", net)
    back = load(tmp_path / "n.npz")
    assert repr(back) == repr(net)
    assert back.inputs == net.inputs
    same_arrays(net.params, back.params)
    x = np.array([[0, 1], [1, 1]]) if name != "one" else np.eye(4)[:2]
    assert np.array_equal(back.predict_variance(x), net.predict_variance(x))


@pytest.mark.parametrize("name", ["bernoulli-bernoulli", "ising-sparse-hidden", "potts", "precise-bernoulli"])
@DTYPES
def test_states_come_back(name, dtype, tmp_path):
    """Chains, memory, stream and step. (That they go on the same: test_resume.)"""
    state = state_of(laws.MACHINES[name](dtype=dtype))
    save(tmp_path / "s.npz", state)
    back = load(tmp_path / "s.npz")
    assert (back.step, back.rng.key, back.rng.counter) == (state.step, state.rng.key, state.rng.counter)
    for part in ("chains", "memory", "watch"):
        one, other = getattr(state, part), getattr(back, part)
        assert type(one) is type(other)
        same_arrays(dict(sorted(one.pack().items())), dict(sorted(other.pack().items())))
    same_arrays(state.machine.params, back.machine.params)


def test_a_loaded_machine_is_live(tmp_path):
    """Its arrays can be written to, and the file does not follow."""
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    save(tmp_path / "m.npz", machine)
    back = load(tmp_path / "m.npz")
    back.params["W"] += 1
    same_arrays(load(tmp_path / "m.npz").params, machine.params)


def test_saving_twice_replaces(tmp_path):
    first, second = laws.MACHINES["potts"](), laws.MACHINES["ising"]()
    save(tmp_path / "m.npz", first)
    save(tmp_path / "m.npz", second)
    assert repr(load(tmp_path / "m.npz")) == repr(second)
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_the_header_says_what_the_numbers_mean(tmp_path):
    save(tmp_path / "m.npz", laws.MACHINES["potts-bernoulli"]())
    header = json.loads(read_arrays(tmp_path / "m.npz")["header"].tobytes())
    assert header["format"] == 2
    assert header["machine"]["visible"] == {"type": "Potts", "q": 3}
    assert "phi(v).W.phi(h)" in header["machine"]["energy"]


# What is no such file.


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.05, 0.3, 0.6, 0.9, 0.99, 0.999])
def test_truncated_files_are_refused(fraction, tmp_path):
    path = tmp_path / "cut.npz"
    save(path, state_of(laws.MACHINES["bernoulli-bernoulli"]()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(fraction * len(whole))])
    assert_refused(path)


def test_damaged_files_never_raise_anything_but_one_line(tmp_path):
    """Single bytes changed all over a file: an EbmError, or (in padding, names, times) the right machine."""
    path = tmp_path / "bad.npz"
    machine = laws.MACHINES["bernoulli-bernoulli"]()
    save(path, machine)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(whole), size=300, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            same_arrays(machine.params, load(path).params)
        except Exception as error:
            refused += 1
            lines = str(error).count("\n")
            what = f"byte {place}: {error!r}"
            raised = isinstance(error, EbmError)
            if not raised or lines:
                pytest.fail(what)
    assert refused > 180


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, W=np.zeros((2, 2)))
    assert_refused(path, "header")
    np.savez(path, header=np.frombuffer(b"[1, 2]", np.uint8))
    assert_refused(path)
    np.savez(path, header=np.frombuffer(b"\xff{", np.uint8))
    assert_refused(path)
    np.savez(path, header=np.frombuffer(json.dumps({"format": 1}).encode(), np.uint8))
    assert_refused(path)
    np.savez(path, header=np.frombuffer(json.dumps({"format": 1, "machine": 3}).encode(), np.uint8))
    assert_refused(path)
    path.write_text("hello\n")
    assert_refused(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert_refused(path)
    assert_refused(tmp_path / "absent.npz", "no such file")
    assert_refused(tmp_path, "directory")


class Trap:
    """Unpickling it would leave a mark."""

    def __reduce__(self):
        return (print, ("executed",))


def test_pickles_are_not_executed(tmp_path, capsys):
    path = tmp_path / "trap.npz"
    path.write_bytes(pickle.dumps(Trap()))
    assert_refused(path)
    np.savez(path, header=np.array([Trap()], dtype=object), allow_pickle=True)
    assert_refused(path, "Python objects")
    assert capsys.readouterr().out == ""


def edited(path, change):
    arrays = read_arrays(path)
    header = json.loads(arrays["header"].tobytes())
    change(header, arrays)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    write_arrays(path, arrays)


CHANGES = {
    "later format": lambda h, a: h.update(format=3),
    "unknown machine": lambda h, a: h["machine"].update(type="DBM"),
    "unknown units": lambda h, a: h["machine"].update(visible={"type": "Spin"}),
    "units of other width": lambda h, a: h["machine"].update(visible={"type": "Potts", "q": 4}),
    "wrong setting of units": lambda h, a: h["machine"].update(visible={"type": "Potts", "q": "3"}),
    "no units": lambda h, a: h["machine"].pop("visible"),
    "no machine": lambda h, a: h.pop("machine"),
    "missing W": lambda h, a: a.pop("params.W"),
    "missing c": lambda h, a: a.pop("params.c"),
    "b of another size": lambda h, a: a.update({"params.b": np.zeros(2)}),
    "NaN in W": lambda h, a: a["params.W"].__setitem__((0, 0), np.nan),
    "text in W": lambda h, a: a.update({"params.W": np.full((9, 3), "a")}),
    "no counter": lambda h, a: h["state"].pop("counter"),
    "text for step": lambda h, a: h["state"].update(step="three"),
    "missing chains": lambda h, a: a.pop("chains/x"),
    "missing memory": lambda h, a: a.pop("memory/first/W"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_incomplete_or_later_files_are_refused(change, tmp_path):
    path = tmp_path / "edited.npz"
    save(path, state_of(laws.MACHINES["potts-bernoulli"]()))
    edited(path, lambda h, a: None)
    load(path)
    edited(path, CHANGES[change])
    assert_refused(path, "format 3" if change == "later format" else None)


def test_states_of_the_first_format_are_refused_and_their_machines_read(tmp_path):
    """It had the same machines, and states of another layout."""
    machine, path, state = laws.MACHINES["potts"](), tmp_path / "m.npz", tmp_path / "s.npz"
    save(path, machine)
    save(state, state_of(machine.copy()))
    for file in (path, state):
        edited(file, lambda h, a: h.update(format=1))
        assert load_machine(file).params.keys() == machine.params.keys()
    same_arrays(load(path).params, machine.params)
    assert_refused(state, r"format 1\b.*reads format 2: start the run anew")


@dataclass
class Tally(Part):
    """A part of one's own, with others in it."""

    seen: int
    share: float = 0.5
    inner: Part | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@pytest.mark.parametrize(
    "part",
    [
        Tally(3),
        Tally(
            0,
            -np.inf,
            Tally(1, arrays={"v.precision": np.ones(2)}),
            {"a": np.zeros((2, 1)), "b": np.arange(3)},
        ),
        Tally(2, 1.0, PCD(k="auto").init(laws.MACHINES["potts"](), ebm.Stream(0))),
    ],
)
def test_parts_come_back(part):
    """Numbers as numbers, parts as parts, whatever stands in them."""
    back = Tally.unpack(part.pack())
    assert [type(a) for a in vars(back).values()] == [type(a) for a in vars(part).values()]
    same_arrays(dict(sorted(part.pack().items())), dict(sorted(back.pack().items())))


def test_parts_that_are_not_known_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    save(path, state_of(laws.MACHINES["potts"]()))
    for name, words in (("Tally", "expected a Carried"), ("Persistant", "did you mean 'Persistent'")):
        edited(path, lambda h, a, name=name: a.update({"chains/type": np.array(name)}))
        assert_refused(path, words)


SPARSE_CHANGES = {
    "no indices": lambda h, a: a.pop("J.indices"),
    "short indptr": lambda h, a: a.update({"J.indptr": a["J.indptr"][:-1]}),
    "asymmetric": lambda h, a: a["params.J"].__setitem__(0, 7.0),
    "n_visible": lambda h, a: h["machine"].update(n_visible=99),
    "no sparse": lambda h, a: h["machine"].pop("sparse"),
}


@pytest.mark.parametrize("change", SPARSE_CHANGES)
def test_sparse_patterns_that_do_not_fit_are_refused(change, tmp_path):
    path = tmp_path / "sparse.npz"
    save(path, laws.MACHINES["ising-sparse-hidden"]())
    edited(path, SPARSE_CHANGES[change])
    assert_refused(path)


@pytest.mark.parametrize("index", [99, -1, 10**9])
def test_an_index_out_of_range_is_refused_and_not_followed(index, tmp_path):
    """In a process of its own: compiled code that follows it writes into foreign memory."""
    path = tmp_path / "sparse.npz"
    save(path, laws.MACHINES["ising-sparse-hidden"]())
    edited(path, lambda h, a: a["J.indices"].__setitem__(0, index))
    code = "import ebm, sys\ntry: ebm.load(sys.argv[1])\nexcept ebm.EbmError: print('refused')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused")


def test_only_what_can_be_saved_is_saved(tmp_path):
    with pytest.raises(EbmError, match="expected"):
        save(tmp_path / "x.npz", {"W": 1})
    assert list(tmp_path.iterdir()) == []


# Atomic writes.


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "m.npz"
    save(path, laws.MACHINES["potts"]())
    before = path.read_bytes()

    def half(file):
        file.write(b"half of it")
        file.flush()
        raise RuntimeError("the disk is full")

    for error in (RuntimeError, KeyboardInterrupt):

        def write(file, error=error):
            file.write(b"x" * 100_000)
            raise error

        with pytest.raises(error):
            write_atomic(path, write)
    with pytest.raises(RuntimeError, match="disk"):
        write_atomic(path, half)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]
    with pytest.raises(RuntimeError):
        write_atomic(tmp_path / "new.npz", half)
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    write_atomic(path, write)
    assert path.read_bytes() == b"new"


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        save(tmp_path / "nowhere" / "m.npz", laws.MACHINES["potts"]())
    assert SGD().momentum == 0
