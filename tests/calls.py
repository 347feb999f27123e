"""A valid call of everything public: `test_wrong_kinds` replaces its arguments one by one.

Each entry is a function and its arguments by name; an argument that is a function in `made` is called first,
so that what a call changes is new every time.
"""

import functools
import inspect
import tempfile
from pathlib import Path

import numpy as np
from calls_conditional import conditional, functions, methods
from calls_inverse import INVERSE
from calls_settings import UNITS, WITHOUT_MACHINES
from calls_tables import TABLES
from uncalled import WITHOUT

import ebm
from ebm import SGD, Bernoulli, Gaussian, Ising

X, Y = np.eye(4), np.array([0, 1, 0, 1])
FOLDER = Path(tempfile.mkdtemp(prefix="ebm-calls-"))
MADE = []


def call(**arguments):
    """The arguments of a call."""
    return arguments


def made(function):
    """Mark what is made anew for each call."""
    MADE.append(function)
    return function


@made
def rbm():
    return ebm.RBM.random(Bernoulli(), Bernoulli(), 4, 2, dtype="float64")


@made
def spins():
    return ebm.BoltzmannMachine.random(Ising(), 3, dtype="float64")


@made
def hidden():
    return ebm.BoltzmannMachine.random(Bernoulli(), 4, 1, dtype="float64")


@made
def network():
    return ebm.Network([ebm.Layer.random(Bernoulli(), 4, 1)])


@made
def dbm():
    return ebm.DBM.random([4, 2, 2], dtype="float64")


@functools.cache
def _dbn():
    return ebm.DBN.greedy(X, [2, 2], epochs=1)


@made
def dbn():
    return _dbn().copy()


@made
def state():
    return ebm.begin(rbm(), ebm.CD(), SGD())


@made
def stream():
    return ebm.Stream(0)


@made
def graph():
    return spins().graph()


made(conditional)
S = np.array([[1.0, -1, 1], [1, 1, 1]])  # states of `spins`
ESTIMATE = {"seed": 0, "progress": False}
LEARN = {"batch_size": 2, "weights": np.ones(4), "penalties": (), "seed": 0, "progress": False}
CALLS = {
    **functions(),
    "annealed_log_weights": call(
        machine=rbm, n_temperatures=3, n_chains=2, base=np.zeros(4), betas=[0, 1.0], **ESTIMATE
    ),
    "base_rate": call(machine=rbm, data=X),
    "begin": call(machine=rbm, rule=ebm.CD(), optimiser=SGD(), seed=0),
    "cell_scores": call(machine=rbm, rows=X),
    "conditional_log_likelihood": call(machine=rbm, rows=X, unit=0),
    "conditional_moments": call(machine=rbm, x=X[:, 1:], unit=0),
    "conditional_probabilities": call(machine=rbm, x=X[:, 1:], unit=0),
    "fine_tune": call(
        network=network,
        x=X,
        y=Y,
        optimiser=SGD(),
        epochs=1,
        constraints=(),
        dropout=0.0,
        rates=[1.0],
        validation=(X, Y),
        stopping=None,
        **LEARN,
    ),
    "fit": call(
        machine=rbm,
        data=X,
        rule=ebm.CD(),
        optimiser=SGD(),
        epochs=1,
        constraints=(),
        validation=X,
        stopping=None,
        **LEARN,
    ),
    "free_energy_gap": call(machine=rbm, train=X, heldout=X),
    "get_num_threads": {},
    "kl_divergence": call(machine=rbm, data=X, weights=np.ones(4), log_z=1.0),
    "load": call(path=FOLDER / "rbm.npz"),
    "log_likelihood": call(machine=rbm, data=X, log_z=1.0, seed=0),
    "log_z": call(
        machine=rbm, method="ais", base=np.zeros(4), data=X, n_chains=2, n_temperatures=3, **ESTIMATE
    ),
    "log_z_ratio": call(one=rbm, other=rbm, x_one=X, x_other=X),
    "marginal_free_energy": call(machine=rbm, x=X[:, 1:], unit=0),
    "maximise": call(
        machine=rbm, data=X, weights=np.ones(4), penalties=(), max_iterations=2, tolerance=1e-3, callback=None
    ),
    "mean_field": call(machine=spins, beta=1.0, n_starts=2, n_iterations=5, tolerance=1e-3, seed=0),
    "tap": call(machine=spins, beta=1.0, n_starts=2, n_iterations=5, tolerance=1e-3, seed=0),
    "partial_fit": call(
        state=state,
        data=X,
        rule=ebm.CD(),
        optimiser=SGD(),
        weights=np.ones(4),
        epoch=0.0,
        penalties=(),
        constraints=(),
    ),
    "pseudo_likelihood": call(machine=rbm, data=X, stochastic=False, seed=0, sites=np.zeros(4, int)),
    "readout": call(machine=rbm, x=X, y=Y, units=None, optimiser=SGD(), epochs=1, **LEARN),
    "reconstruction_error": call(machine=rbm, data=X),
    "rescaled": call(
        machine=made(lambda: ebm.RBM.random(Gaussian(True), Bernoulli(), 4, 2, dtype="float64")),
        shift=np.zeros(4),
        scale=np.ones(4),
    ),
    "health": call(
        machine=rbm,
        data=np.tile(X, (10, 1)),
        heldout=np.tile(X, (5, 1)),
        trajectory=(),
        n_chains=20,
        sweeps=2,
        budget=1.0,
        seed=0,
        progress=False,
    ),
    "sample": call(
        machine=rbm,
        n=2,
        sampler=ebm.Gibbs(),
        given=np.full(4, np.nan),
        n_chains=2,
        burn_in=1,
        thin=1,
        **ESTIMATE,
    ),
    "save": call(path=FOLDER / "saved.npz", what=rbm),
    "select_machines": call(
        machines=made(lambda: [rbm()]), target=rbm, least=0.25, n_chains=2, n_sweeps=1, seed=0
    ),
    "set_num_threads": call(n=1),
    "thermodynamics": call(
        machine=spins,
        temperatures=[1.0, 2.0],
        sampler=ebm.Tempering(betas=(0.0, 1.0), n_adapt=1),
        n_ladders=2,
        accuracy=0.5,
        budget=0.01,
        observables={"m": ebm.Magnetisation()},
        configurations=1,
        **ESTIMATE,
    ),
    "train": call(
        state=state,
        data=X,
        rule=ebm.CD(),
        optimiser=SGD(),
        batch_size=2,
        seed=0,
        weights=np.ones(4),
        penalties=(),
        constraints=(),
    ),
    "up_down": call(dbn=dbn, data=X, k=1, optimiser=SGD(), epochs=1, **LEARN),
    "zero_sum": call(machine=rbm),
    "RBM": call(visible=Bernoulli(), hidden=Bernoulli(), W=np.zeros((2, 2)), b=[0, 0], c=[0, 0], theta=None),
    "RBM.random": call(
        visible=Bernoulli(), hidden=Bernoulli(), n_visible=2, n_hidden=2, scale=0.1, seed=0, dtype="float32"
    ),
    "RBM.from_data": call(
        data=X, n_hidden=2, visible=Bernoulli(), hidden=Bernoulli(), scale=0.1, seed=0, dtype="float32"
    ),
    "BoltzmannMachine": call(units=Ising(), J=np.zeros((2, 2)), b=[0, 0], n_visible=2),
    "BoltzmannMachine.random": call(
        units=Ising(), n_visible=3, n_hidden=1, scale=0.1, cut=[[0, 1, 1, 2]], seed=0, dtype="float32"
    ),
    "DBM": call(units=[Bernoulli()] * 3, weights=[np.zeros((2, 2))] * 2, biases=[np.zeros(2)] * 3),
    "DBM.random": call(sizes=[4, 2, 2], units=[Bernoulli()] * 3, scale=0.1, seed=0, dtype="float32"),
    "DBM.from_data": call(data=X, sizes=[2, 2], visible=Bernoulli(), scale=0.1, seed=0, dtype="float32"),
    "DBN": call(machines=made(lambda: [rbm()])),
    "DBN.greedy": call(
        data=X,
        sizes=[2],
        visible=Bernoulli(),
        hidden=Bernoulli(),
        rule=ebm.CD(),
        optimiser=SGD(),
        epochs=1,
        batch_size=2,
        penalties=(),
        seed=0,
        learnt=(),
        progress=False,
        each=None,
    ),
    "Layer": call(units=Bernoulli(), W=np.zeros((2, 2)), b=np.zeros(2)),
    "Layer.random": call(units=Bernoulli(), n_in=2, n_units=2, seed=0, dtype="float32"),
    "Network": call(layers=made(lambda: network().layers()), inputs=Bernoulli()),
    "Graph": call(blocks=((Ising(), 2),), b=np.zeros(2), J=np.zeros((2, 2)), n_state=2),
    "Stream": call(seed=0),
    "State": call(
        machine=rbm,
        chains=ebm.Carried(),
        memory=ebm.Memory(),
        rng=stream,
        step=0,
    ),
    **UNITS,
    "History": call(rows=[]),
    "LogZ": call(
        value=1.0,
        stderr=0.1,
        method="mine",
        lower=0.0,
        upper=2.0,
        estimates={},
        verdict="unchecked",
        reason="",
        log_weights={},
    ),
}


SETTINGS = WITHOUT_MACHINES | {
    "TrajectoryTempering": call(machines=(rbm(),), n_sweeps=1, scan="auto"),
}

MODELS = {
    "RBM": rbm,
    "ConditionalRBM": conditional,
    "BoltzmannMachine": hidden,
    "DBM": dbm,
    "DBN": dbn,
    "Network": network,
}
V, H = X, np.ones((4, 2))
STATES = {"RBM": X, "BoltzmannMachine": np.ones((4, 5)), "DBM": np.ones((4, 6))}


def machine_calls(name):
    """Methods that the machine protocol asks for, and what they are called with."""
    x = STATES[name]
    n = x.shape[1]
    w = np.ones(4)
    return {
        "start": call(x=x),
        "free_energy": call(x=x, beta=1.0, base=np.zeros(n)),
        "sweep": call(x=x, rng=stream, n=1, beta=1.0, base=np.zeros(n), free=np.ones(n, bool), scan="auto"),
        "stats": call(x=x, weights=w),
        "contrast": call(x=x, weights=w, y=x, others=w),
        "store": call(data=X),
        "clamp": call(v=X, rng=stream, n=1),
        "exact": call(beta=1.0, stats=True),
        "sample0": call(n=2, rng=stream, base=np.zeros(n)),
        "log_z0": call(base=np.zeros(n)),
        "visible_free_energy": call(v=X),
        "posterior_stats": call(v=X, weights=w),
        "site_energies": call(x=x, i=0),
        "site_contrast": call(x=x, weights=np.zeros((4, n, 2))),
        "normalisable": call(beta=1.0, free=np.ones(n, bool)),
        **{method: {} for method in ("require_exact", "copy", "project", "graph")},
    }


METHODS = {
    **{f"{name}.{method}": how for name in STATES for method, how in machine_calls(name).items()},
    **{f"RBM.{method}": call(v=X) for method in ("inputs_h", "mean_h", "reconstruct")},
    **{f"{name}.{method}": call(v=X) for name in ("DBM", "DBN") for method in ("transform", "reconstruct")},
    **{f"Network.{method}": call(x=X) for method in ("predict", "predict_mean", "log_probabilities")},
    "RBM.energy": call(v=X, h=H),
    "RBM.inputs_v": call(h=H),
    "RBM.mean_v": call(h=H),
    "RBM.sample_h": call(v=X, rng=stream),
    "RBM.sample_v": call(h=H, rng=stream),
    "RBM.conditional": call(x=X, i=0, weights=np.ones(4), scale=np.ones((4, 4))),
    "RBM.condition": call(given=np.array([1, np.nan, np.nan, np.nan])),
    **methods(stream),
    "BoltzmannMachine.site_changes": call(x=STATES["BoltzmannMachine"], change=np.zeros((4, 5))),
    "BoltzmannMachine.energy": call(x=STATES["BoltzmannMachine"]),
    "BoltzmannMachine.inputs": call(x=STATES["BoltzmannMachine"], beta=1.0),
    "BoltzmannMachine.probability_on": call(x=STATES["BoltzmannMachine"], beta=1.0),
    "BoltzmannMachine.condition": call(given=np.array([1, np.nan, np.nan, np.nan, np.nan])),
    "DBM.condition": call(given=np.array([1, 0, 1, 0, np.nan, np.nan])),
    "DBM.mean_field": call(v=X, tolerance=1e-3),
    "DBM.log_likelihood_bound": call(v=X, log_z_of=1.0, seed=0),
    "DBM.unfold": call(readout=Bernoulli(), n_outputs=1),
    "DBN.log_likelihood_bound": call(v=X, log_z_of=1.0, n_draws=1, seed=0),
    "DBN.sample": call(n=2, seed=0, means=False),
    "DBN.unfold": call(readout=Bernoulli(), n_outputs=1),
    "Network.log_likelihood": call(x=X, y=Y),
    "Network.loss": call(x=X, y=Y, weights=np.ones(4)),
    "Network.error": call(x=X, y=Y),
    "Network.score": call(x=X, y=Y, weights=np.ones(4)),
    "Network.transform": call(x=X, layer=-1),
    "Network.gradient": call(x=X, y=Y, weights=np.ones(4)),
}


SERIES = np.random.default_rng(0).normal(size=(4, 60))
ROWS = np.random.default_rng(1).integers(0, 2, (30, 4))
COUPLINGS = np.array([[0.0, 1.0], [1.0, 0.0]])
IN_MODULES = {
    **INVERSE,
    **TABLES,
    "baselines.Independent.fit": call(X=ROWS, pseudocount=1.0),
    "baselines.ChowLiu.fit": call(X=ROWS, pseudocount=1.0),
    "transforms.absorbed": call(machine=rbm, beta=0.5),
    "transforms.conditioned": call(machine=spins, given=[1, np.nan, np.nan]),
    "transforms.effective_couplings": call(machine=rbm, order=2, gauge="reference"),
    "transforms.flipped": call(machine=rbm, where=np.ones(4, bool), hidden=np.ones(2, bool)),
    "transforms.summed_out": call(machine=spins, units=[0]),
    "transforms.to_bernoulli": call(machine=spins),
    "transforms.to_fully_connected": call(machine=rbm),
    "transforms.to_ising": call(machine=rbm),
    "transforms.to_potts": call(machine=rbm),
    "transforms.to_rbm": call(machine=spins),
    "transforms.turned": call(machine=rbm),
    "transforms.zero_summed": call(machine=rbm),
    "datasets.BarsAndStripes": call(n=3),
    "datasets.Diabetes": call(test=0.2, seed=0),
    "datasets.Digits": call(threshold=8.0, grey=False, test=0.2, seed=0),
    "datasets.Encoder": call(n=4),
    "datasets.LSAT": call(test=0.2, seed=0, fold=None),
    "datasets.File": call(
        path="rows.npy", key=None, labels=None, numbers=False, threshold=None, test=0.2, seed=0
    ),
    "datasets.MNIST": call(path="folder", held_out="test", threshold=None, labels_per_class=None, seed=0),
    "datasets.Shifter": call(n=8, rows=20, test=0.2, seed=0),
    "datasets.cut_value": call(W=COUPLINGS, x=np.ones((1, 2))),
    "datasets.from_edges": call(edges=[[0, 1, 1.0]], n=2, sparse=True),
    "datasets.lattice": call(shape=(2, 2), J=1.0, periodic=True, disorder="none", seed=0),
    "datasets.random_regular": call(n=4, degree=2, J=1.0, disorder="none", seed=0),
    "datasets.sk": call(n=3, seed=0),
    "datasets.read_array": call(path=FOLDER / "rows.npy", key=None, delimiter=","),
    "interchange.formats": {},
    "interchange.read": call(path=FOLDER / "rbm.npz", format="ebm"),
    "interchange.read_named": call(
        path=Path(__file__).parent / "fixtures/interchange/dimod.spins.bqm", format="dimod"
    ),
    "interchange.recognised": call(path=FOLDER / "rbm.npz"),
    "interchange.write": call(path=FOLDER / "written.npz", machine=rbm, format="ebm"),
    "diagnostics.agreement": call(one=SERIES, other=SERIES, names=None, level=0.01, warn=False),
    "diagnostics.autocorrelation_time": call(series=SERIES, window=5.0, warn=False),
    "diagnostics.ess_bulk": call(series=SERIES),
    "diagnostics.ess_tail": call(series=SERIES),
    "diagnostics.r_hat": call(series=SERIES),
    "diagnostics.relaxation_time": call(series=SERIES, warn=False),
    "diagnostics.summarise": call(series=SERIES, names=None, warn=False),
    "diagnostics.estimate_beta": call(machine=spins, x=S),
    "diagnostics.principal_directions": call(data=ROWS, k=2, units=Bernoulli()),
    "diagnostics.projections": call(
        x=ROWS, directions=np.ones((4, 2)), centre=np.zeros(4), units=Bernoulli()
    ),
    "diagnostics.round_trips": call(levels=np.zeros((5, 3), int), n_levels=3),
    "diagnostics.swap_rates": call(accepted=[1, 2], tried=[3, 3]),
    "elimination.eliminate": call(
        graph=graph, beta=1.0, base=np.zeros(3), given=np.full(3, np.nan), limit=22.0
    ),
    "elimination.log_z_by_elimination": call(machine=spins, beta=1.0, base=np.zeros(3)),
}

# Public names without a call here, and why.
np.save(FOLDER / "rows.npy", ROWS)
ebm.save(FOLDER / "rbm.npz", rbm())


def public():
    """The names of all public functions and classes, those of public modules as ``module.name``."""
    names = {}
    for name in dir(ebm):
        value = getattr(ebm, name)
        if inspect.ismodule(value):
            names |= {f"{name}.{inner}": getattr(value, inner) for inner in value.__all__}
        else:
            names[name] = value
    return {name for name, value in names.items() if callable(value)}


def defaults(name):
    """The arguments of settings whose every field has a default."""
    fields = inspect.signature(getattr(ebm, name)).parameters.values()
    return {field.name: field.default for field in fields}


NAMED = {**CALLS, **SETTINGS, **IN_MODULES, **METHODS}
LEFT_OUT = {name for names in WITHOUT.values() for name in names}
NAMED |= {name: defaults(name) for name in sorted(public() - set(NAMED) - LEFT_OUT) if "." not in name}


def bound(name):
    """What a name stands for; a machine's method, of a machine made anew."""
    if name in METHODS:
        made, method = name.split(".")
        return getattr(MODELS[made](), method)
    value = ebm
    for part in name.split("."):
        value = getattr(value, part)
    return value


def called(name, how):
    """Make a call; of a generator, take the first."""
    given = {key: value() if callable(value) and value in MADE else value for key, value in how.items()}
    result = bound(name)(**given)
    return next(result) if inspect.isgenerator(result) else result
