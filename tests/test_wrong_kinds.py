"""Arguments of a wrong kind: whatever is public answers with one line, and none goes through in silence."""

import numpy as np
import pytest
import scipy.sparse
from calls import LEFT_OUT, NAMED, called, public

import ebm
from ebm import RBM, Bernoulli, BoltzmannMachine, EbmError, Ising


def rbm():
    return RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")


def network():
    return ebm.Network([ebm.Layer.random(Ising(), 4, 3)], Bernoulli())


DATA = np.eye(4)
WRONG = {
    "text": "Gibbs",
    "class": ebm.Gibbs,
    "number": 0.1,
    "None": None,
    "words": ["a", "b"],
    "function": len,
    "network": network(),
    "dict": {"a": 1},
}
# A call with one argument left open, and which of WRONG are right there.
OPEN = {
    "fit: machine": (lambda x: ebm.fit(x, DATA, epochs=1), ()),
    "fit: data": (lambda x: ebm.fit(rbm(), x, epochs=1), ()),
    "fit: rule": (lambda x: ebm.fit(rbm(), DATA, rule=x, epochs=1), ("None",)),
    "fit: optimiser": (lambda x: ebm.fit(rbm(), DATA, optimiser=x, epochs=1), ("None",)),
    "fit: epochs": (lambda x: ebm.fit(rbm(), DATA, epochs=x), ()),
    "fit: batch_size": (lambda x: ebm.fit(rbm(), DATA, batch_size=x, epochs=1), ()),
    "fit: weights": (lambda x: ebm.fit(rbm(), DATA, weights=x, epochs=1), ("None",)),
    "fit: penalties": (lambda x: ebm.fit(rbm(), DATA, penalties=x, epochs=1), ()),
    "fit: constraints": (lambda x: ebm.fit(rbm(), DATA, constraints=x, epochs=1), ()),
    "fit: validation": (lambda x: ebm.fit(rbm(), DATA, validation=x, epochs=1), ("None",)),
    "fit: stopping": (lambda x: ebm.fit(rbm(), DATA, validation=DATA, stopping=x, epochs=1), ("None",)),
    "fit: seed": (lambda x: ebm.fit(rbm(), DATA, seed=x, epochs=1), ()),
    "train: rule": (lambda x: next(ebm.train(ebm.begin(rbm(), x, ebm.SGD()), DATA, x, ebm.SGD(), 2, 0)), ()),
    "partial_fit: data": (lambda x: ebm.partial_fit(state(), x, ebm.PCD(), ebm.SGD()), ()),
    "partial_fit: state": (lambda x: ebm.partial_fit(x, DATA, ebm.PCD(), ebm.SGD()), ()),
    "sample: machine": (lambda x: ebm.sample(x, 3), ()),
    "sample: n": (lambda x: ebm.sample(rbm(), x), ()),
    "sample: sampler": (lambda x: ebm.sample(rbm(), 3, sampler=x), ("None",)),
    "sample: given": (lambda x: ebm.sample(rbm(), 3, given=x), ("None",)),
    "sample: seed": (lambda x: ebm.sample(rbm(), 3, seed=x), ()),
    "log_z: machine": (lambda x: ebm.log_z(x), ()),
    "log_z: method": (lambda x: ebm.log_z(rbm(), x), ()),
    "log_likelihood: machine": (lambda x: ebm.log_likelihood(x, DATA), ()),
    "log_likelihood: data": (lambda x: ebm.log_likelihood(rbm(), x), ()),
    "log_likelihood: log_z": (lambda x: ebm.log_likelihood(rbm(), DATA, x), ("None", "number")),
    "log_z_ratio: machine": (lambda x: ebm.log_z_ratio(rbm(), x, DATA, DATA), ()),
    "thermodynamics: machine": (lambda x: ebm.thermodynamics(x, budget=0.1), ()),
    "thermodynamics: temperatures": (lambda x: ebm.thermodynamics(rbm(), x, budget=0.1), ("None", "number")),
    "thermodynamics: sampler": (lambda x: ebm.thermodynamics(rbm(), sampler=x, budget=0.1), ("None",)),
    "pseudo_likelihood: machine": (lambda x: ebm.pseudo_likelihood(x, DATA), ()),
    "pseudo_likelihood: data": (lambda x: ebm.pseudo_likelihood(rbm(), x), ()),
    "kl_divergence: machine": (lambda x: ebm.kl_divergence(x, DATA), ()),
    "kl_divergence: data": (lambda x: ebm.kl_divergence(rbm(), x), ()),
    "reconstruction_error: machine": (lambda x: ebm.reconstruction_error(x, DATA), ()),
    "free_energy_gap: machine": (lambda x: ebm.free_energy_gap(x, DATA, DATA), ()),
    "maximise: machine": (lambda x: ebm.maximise(x, DATA), ()),
    "maximise: data": (lambda x: ebm.maximise(rbm(), x), ()),
    "readout: machine": (lambda x: ebm.readout(x, DATA, [0, 1, 0, 1], epochs=1), ("None", "network")),
    "readout: labels": (lambda x: ebm.readout(rbm(), DATA, x, epochs=1), ()),
    "fine_tune: network": (lambda x: ebm.fine_tune(x, DATA, DATA, epochs=1), ("network",)),
    "fine_tune: optimiser": (
        lambda x: ebm.fine_tune(network(), DATA, DATA, optimiser=x, epochs=1),
        ("None",),
    ),
    "RBM: visible": (lambda x: RBM(x, Bernoulli(), np.zeros((2, 2)), [0, 0], [0, 0]), ()),
    "RBM: W": (lambda x: RBM(Bernoulli(), Bernoulli(), x, [0.0], [0.0]), ()),
    "RBM: b": (lambda x: RBM(Bernoulli(), Bernoulli(), np.zeros((2, 2)), x, [0, 0]), ()),
    "RBM.random: hidden": (lambda x: RBM.random(Bernoulli(), x, 2, 2, dtype="float64"), ()),
    "RBM.random: n_visible": (lambda x: RBM.random(Bernoulli(), Bernoulli(), x, 2, dtype="float64"), ()),
    "RBM.random: scale": (
        lambda x: RBM.random(Bernoulli(), Bernoulli(), 2, 2, scale=x, dtype="float64"),
        ("number",),
    ),
    "RBM.from_data: data": (lambda x: RBM.from_data(x, 2), ()),
    "RBM.from_data: n_hidden": (lambda x: RBM.from_data(DATA, x), ()),
    "RBM.from_data: visible": (lambda x: RBM.from_data(DATA, 2, visible=x), ()),
    "BoltzmannMachine: units": (lambda x: BoltzmannMachine(x, np.zeros((2, 2))), ()),
    "BoltzmannMachine: J": (lambda x: BoltzmannMachine(Ising(), x), ()),
    "BoltzmannMachine: b": (lambda x: BoltzmannMachine(Ising(), np.zeros((2, 2)), x), ("None",)),
    "DBM.from_data: data": (lambda x: ebm.DBM.from_data(x, [2, 2]), ()),
    "DBN.greedy: data": (lambda x: ebm.DBN.greedy(x, [2], epochs=1), ()),
    "DBN.greedy: sizes": (lambda x: ebm.DBN.greedy(DATA, x, epochs=1), ()),
    "save: object": (lambda x: ebm.save("/tmp/never.npz", x), ("network",)),
    "load: path": (lambda x: ebm.load(x), ()),
    "RBM: theta": (
        lambda x: RBM(Bernoulli(), Bernoulli(), np.zeros((2, 2)), [0, 0], [0, 0], theta=x),
        ("None",),
    ),
    "RBM.random: dtype": (
        lambda x: RBM.random(Bernoulli(), Bernoulli(), 2, 2, dtype=x),
        ("network",),
    ),  # it has a dtype
    "RBM.free_energy: beta": (lambda x: rbm().free_energy(DATA, x), ("number", "None")),
    "RBM.free_energy: base": (lambda x: rbm().free_energy(DATA, base=x), ("None",)),
    "RBM.exact: beta": (lambda x: rbm().exact(x), ("number",)),
    "RBM.sweep: rng": (lambda x: rbm().sweep(DATA, x), ()),
    "RBM.sweep: scan": (lambda x: rbm().sweep(DATA, ebm.Stream(0), scan=x), ()),
    "readout: units": (lambda x: ebm.readout(None, DATA, [0, 1, 0, 1], units=x, epochs=1), ("None",)),
    "save: path": (lambda x: ebm.save(x, rbm()), ("text",)),
    "autocorrelation_time: series": (lambda x: ebm.diagnostics.autocorrelation_time(x), ("number",)),
    "fit: progress": (lambda x: ebm.fit(rbm(), DATA, epochs=1, progress=x), ("None", "function")),
    "PCD: n_chains": (lambda x: ebm.PCD(n_chains=10**15 if x == 0.1 else x), ()),
    "SGD: rate": (lambda x: ebm.SGD(x), ("number",)),
    "PCD: sampler": (lambda x: ebm.PCD(sampler=x), ("None",)),
}


def state():
    return ebm.begin(rbm(), ebm.PCD(), ebm.SGD())


def is_one_line(error, kind):
    assert "\n" not in str(error.value), kind
    assert 15 < len(str(error.value)) < 300, kind


@pytest.mark.parametrize("name", OPEN)
def test_one_line(name):
    call, right = OPEN[name]
    for kind, value in WRONG.items():
        if kind not in right:
            with pytest.raises(EbmError) as error:
                call(value)
            is_one_line(error, kind)


def test_a_frame_with_text():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [0, 1], "colour": ["red", "blue"]})
    with pytest.raises(EbmError) as error:
        RBM.from_data(frame, 2)
    is_one_line(error, "frame")


@pytest.mark.parametrize("given", ["ebm.SGD", "PCD"])
def test_what_was_given_is_said(given):
    with pytest.raises(EbmError, match="optimiser: got"):
        ebm.fit(rbm(), DATA, optimiser=ebm.SGD if given == "ebm.SGD" else given)


ITSELF = [1]
ITSELF.append(ITSELF)


class Alien:
    """Says that it has an array, and raises what others' packages raise."""

    def __array__(self, *_):
        raise RuntimeError("these numbers are elsewhere")


def astray():
    """A sparse matrix whose rows end outside it: scipy follows them."""
    matrix = scipy.sparse.csr_array(np.eye(4))
    matrix.indptr[-1] = -1
    return matrix


# Every argument of a valid call of everything public, replaced by each of these: a sensible result, or one
# line. A function is not among them where the call is to call it.
KINDS = {
    "text": "text",
    "number": 3,
    "negative": -1,
    "fraction": 0.5,
    "nan": float("nan"),
    "complex": 1j,
    "huge": 10**15,
    "None": None,
    "class": ebm.Gibbs,
    "rule": ebm.Exact(),
    "list": [],
    "dict": {},
    "objects": np.array([object()] * 4),
    "strings": np.array(["a"] * 4),
    "array": np.ones((4, 3)),
    "function": len,
    "ragged": [1, [2, 3], 4],
    "itself": ITSELF,
    "axes": np.zeros((1,) * 40),
    "half": np.ones(4, np.float16),
    "long": np.ones(4, np.longdouble),
    "unsigned": np.uint64(3),
    "far": np.full((4, 4), 2**63, np.uint64),
    "astray": astray(),
    "alien": Alien(),
}
CALLED = ("progress", "callback", "each", "fit")


def test_nothing_public_is_without_a_call():
    inside = {name.rpartition(".")[0] for name in NAMED} | set(NAMED)  # fit of a class, its methods
    assert public() <= inside | LEFT_OUT
    assert not LEFT_OUT & set(NAMED)
    assert public() >= LEFT_OUT


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMED)
def test_wrong_kinds_of_every_argument(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # "text" is a path, too
    how = NAMED[name]
    if name not in ("datasets.File", "datasets.MNIST"):  # files are looked for when loaded
        called(name, how)
    for argument in how:
        for kind, value in KINDS.items():
            if (kind == "function" and argument in CALLED) or (kind == "huge" and argument == "budget"):
                continue
            try:
                called(name, how | {argument: value})
            except EbmError as error:
                line = str(error)
                assert "\n" not in line, f"{argument}: {kind}"
                assert 15 < len(line) < 300, f"{argument}: {kind}: {line}"
            except Exception as error:
                raise AssertionError(f"{name}: {argument}: {kind}: {error!r}") from error
