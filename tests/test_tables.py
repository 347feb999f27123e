"""A config table is the constructor: same keys, same defaults, same checks; what is exported can be named."""

import dataclasses
import datetime
import inspect
import math
from pathlib import Path

import numpy as np
import pytest

import ebm
from ebm import experiment
from ebm.errors import EbmError, settings
from ebm.experiment import calls, read_config
from ebm.experiment.config import MOVED, TABLES, resolved
from ebm.experiment.stages import STAGES
from ebm.partition.growing import Effort
from ebm.units.family import TYPES

CONFIGS = Path(__file__).parents[1] / "configs"
RBM = '[data]\ntype = "BarsAndStripes"\n[machine]\ntype = "RBM"\nn_hidden = 4\n'
TRAIN = RBM + "[train]\nepochs = 1\n"


@pytest.fixture
def read(tmp_path):
    def go(text):
        (tmp_path / "c.toml").write_text(text)
        return read_config(tmp_path / "c.toml")

    return go


def test_keys_and_defaults_are_those_of_the_functions():
    for types in TABLES.values():
        for table in types.values():
            for method in table.methods or [None]:
                check_keys(table, method)


def check_keys(table, method):
    own = dict(inspect.signature(table.function).parameters)
    if method is not None:
        own |= inspect.signature(table.methods[method]).parameters
        del own["settings"]  # those of the method
    others = {key for how in table.methods.values() for key in inspect.signature(how).parameters}
    assert set(table.given) <= own.keys() | others | {"budget"}, table.given
    parameters = table.parameters({"method": method})
    assert set(parameters) == set(own) - set(table.given)
    for key, (_, default) in parameters.items():
        assert default is own[key].default or key in table.defaults or default == own[key].default


def test_training_has_the_defaults_of_fit():
    fit = inspect.signature(ebm.fit).parameters
    own = {f.name: f for f in dataclasses.fields(TABLES["train"]["Train"].function)}
    shared = fit.keys() & own.keys()
    assert shared == {"epochs", "batch_size", "seed", "penalties", "constraints", "stopping"}
    assert {key: fit[key].default for key in shared} == {key: own[key].default for key in shared}


def test_every_default_that_a_table_leaves_out_is_what_python_takes(read):
    config = read(TRAIN + "[log_z]\n[sample]\nn = 3\n[readout]\n[annealing]\n")
    for name, function in (("log_z", ebm.log_z), ("sample", ebm.sample), ("readout", ebm.readout)):
        for key, value in config.stages[name].arguments.items():
            if name == "log_z" and key in ("accuracy", "rounds"):
                assert value == {"accuracy": Effort().accuracy, "rounds": 4}[key]
            else:
                default = inspect.signature(function).parameters[key].default
                assert value == default or (name, key) == ("sample", "n")
    assert config.stages["annealing"].arguments["sampler"] == ebm.Annealing()
    assert resolved(config)["machine"]["dtype"] == "float32"


@pytest.mark.parametrize("method", ["raise", "mean_field", "tap"])
def test_every_method_of_log_z_can_be_named(read, method):
    assert read(RBM + f'[log_z]\nmethod = "{method}"\n').stages["log_z"].arguments["method"] == method


def test_nested_tables_are_what_annotations_ask_for(read):
    config = read(
        TRAIN.replace("n_hidden = 4", 'n_hidden = 4\nhidden = { type = "Potts", q = 3 }')
        + 'constraints = [{ type = "MaxNorm", limit = 2.0 }]\nstopping = { patience = 2 }\n'
        + '[rule]\ntype = "PCD"\nsampler = { type = "Tempering", n_sweeps = 2 }\n'
        + '[optimiser]\ntype = "Averaged"\noptimiser = { type = "Scaled", factors = { b = 0.5 }, '
        + 'optimiser = { type = "Adam", rate = { type = "PerEpoch", rates = [0.1, 0.05] } } }\n'
        + '[annealing]\nsampler = { spacing = "harmonic" }\n'
    )
    assert config.machine.arguments["hidden"] == ebm.Potts(3)
    assert config.train.constraints == [ebm.MaxNorm(2.0)]
    assert config.train.stopping == ebm.EarlyStopping(patience=2)
    assert config.rule == ebm.PCD(sampler=ebm.Tempering(n_sweeps=2))
    inner = ebm.Scaled(ebm.Adam(ebm.PerEpoch([0.1, 0.05])), {"b": 0.5})
    assert config.optimiser == ebm.Averaged(inner)
    assert config.stages["annealing"].arguments["sampler"] == ebm.Annealing(spacing="harmonic")


def test_every_unit_and_sampler_can_be_named():
    own = set(TYPES) & set(ebm.units.__all__)  # a doctest of ebm.units has a unit of its own
    assert set(calls.kinds(ebm.Units)) == own
    assert {"Gibbs", "Tempering", "Annealing", "Direct", "Wolff"} < set(calls.kinds(ebm.Sampler | None))


def test_what_a_package_exports_can_be_named(read, monkeypatch):
    """A new rule or sampler needs no line in ebm.experiment."""

    @settings
    class Lazy:
        n: int = 1

        def init(self, machine, rng):
            return {}

        def gradient(self, machine, batch, chains, rng):
            return {}, chains

    monkeypatch.setattr(ebm.learning, "Lazy", Lazy, raising=False)
    monkeypatch.setattr(ebm.learning, "__all__", [*ebm.learning.__all__, "Lazy"])
    calls.exported.cache_clear()
    try:
        assert isinstance(calls.build({"type": "Lazy", "n": 3}, calls.tables_of(ebm.Rule)), Lazy)
        hybrid = calls.build({"type": "Hybrid", "rule": {"type": "Lazy"}}, calls.tables_of(ebm.Rule))
        assert hybrid.rule == Lazy()
    finally:
        calls.exported.cache_clear()


def test_gaussian_units_learn_their_precision(tmp_path):
    """`visible` says more of the units than the data can."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(50, 3)))
    text = (
        f'[data]\ntype = "File"\nkind = "gaussian"\npath = "{tmp_path / "x.npy"}"\n[machine]\ntype = "RBM"\n'
        'n_hidden = 2\nvisible = { type = "Gaussian", learn_precision = true }\n[train]\nepochs = 1\n'
    )
    (tmp_path / "c.toml").write_text(text)
    run = experiment.run(tmp_path / "c.toml", ("plots.enabled=false",), out=tmp_path / "run")
    assert ebm.load(run.model).visible == ebm.Gaussian(learn_precision=True)
    again = resolved(read_config(run.path / "config.toml"))
    assert again["machine"]["visible"] == {"type": "Gaussian", "learn_precision": True}


def test_coupling_generators_make_machines(tmp_path):
    (tmp_path / "c.toml").write_text('[machine]\ntype = "RandomRegular"\nn = 10\ndegree = 3\nJ = -1.0\n')
    run = experiment.run(tmp_path / "c.toml", ("plots.enabled=false",), out=tmp_path / "run")
    expected = ebm.datasets.random_regular(10, 3, J=-1.0)
    assert np.array_equal(ebm.load(run.model).J.toarray(), expected.toarray())


def test_a_machine_with_couplings_that_are_cut():
    machine = ebm.BoltzmannMachine.random(
        ebm.Potts(3), 4, 2, scale=1.0, cut=[(0, 2, 2, 4)], seed=1, dtype="float64"
    )
    J = machine.J.toarray()
    assert machine.sparse
    assert not J[:6, 6:12].any()
    assert (J[:6, 12:] != 0).all()
    whole = ebm.BoltzmannMachine.random(ebm.Ising(), 300, scale=0.5, seed=2, dtype="float32")
    assert whole.dtype == np.float32
    assert abs(whole.J[np.triu_indices(300, 1)].std() - 0.5) < 4 * 0.5 / math.sqrt(2 * 300 * 299 / 2)
    with pytest.raises(EbmError, match="cut: expected"):
        ebm.BoltzmannMachine.random(ebm.Ising(), 4, cut=[(0, 2, 2, 9)], dtype="float64")


SGD = '[optimiser]\ntype = "SGD"\n'
LINES = {
    "unknown key of a nested table": (
        TRAIN + '[optimiser]\ntype = "Clipped"\nnorm = 1.0\noptimiser = { type = "SGD", rat = 0.1 }\n',
        r"\[optimiser\] optimiser: rat: unknown key of SGD; did you mean 'rate'\?",
    ),
    "unknown key of a schedule": (
        TRAIN + SGD + 'rate = { type = "Linear", start = 1.0, end = 0.0, epochs = 5 }\n',
        r"\[optimiser\] rate: end: unknown key of Linear",
    ),
    "a key left out of a schedule": (
        TRAIN + SGD + 'rate = { type = "Linear", start = 1.0, epochs = 5 }\n',
        r"\[optimiser\] rate: stop: missing; Linear needs it",
    ),
    "unknown key of a rule in a rule": (
        TRAIN + '[rule]\ntype = "Hybrid"\nrule = { type = "PCD", n_chain = 5 }\n',
        r"\[rule\] rule: n_chain: unknown key of PCD; did you mean 'n_chains'\?",
    ),
    "a class of another kind": (
        TRAIN + '[rule]\ntype = "Hybrid"\nrule = { type = "SGD" }\n',
        r"\[rule\] rule: type: unknown type 'SGD'",
    ),
    "a rule in place of an optimiser": (TRAIN + '[optimiser]\ntype = "PCD"\n', r"unknown type 'PCD'"),
    "a number for a table": (
        TRAIN + '[rule]\ntype = "Hybrid"\nrule = 3\n',
        r"\[rule\] rule: got the number 3; expected a table such as \{ type = \"CD\" \}",
    ),
    "a text for a penalty": (
        TRAIN + 'penalties = ["L2"]\n', r"\[train\] penalties: got 'L2'; expected a table",
    ),
    "a date": (RBM.replace("= 4", "= 2020-01-01"), r"\[machine\] n_hidden: .*integer, got .*date"),
    "true for a number": (RBM.replace("= 4", "= true"), r"\[machine\] n_hidden: .*integer, got True"),
    "a fraction for a count": (RBM.replace("= 4", "= 4.5"), r"\[machine\] n_hidden: .*integer, got 4\.5"),
    "a table for a number": (RBM.replace("= 4", "= { a = 1 }"), r"\[machine\] n_hidden: .*integer"),
    "an unknown dtype": (RBM + 'dtype = "float16"\n', r"\[machine\] dtype: .*'float32' or 'float64'"),
    "a negative seed": (RBM + "seed = -1\n", r"\[machine\] seed: .*greater than or equal to 0, got -1"),
    "an unknown method": (
        RBM + '[log_z]\nmethod = "aiss"\n', r"\[log_z\] method: unknown 'aiss'; did you mean 'ais'\?",
    ),
    "no chains": (RBM + '[log_z]\nmethod = "ais"\nn_chains = 0\n', r"\[log_z\] n_chains: .*greater"),
    "no samples": (RBM + "[sample]\nn = 0\n", r"\[sample\] n: .*greater than or equal to 1"),
    "a key that the run gives": (RBM + "[log_z]\nbudget = 3.0\n", r"\[log_z\] budget: unknown key of log_z"),
    "an unknown sampler": (
        RBM + '[sample]\nn = 3\nsampler = { type = "Gibs" }\n', r"sampler: type: .*did you mean 'Gibbs'",
    ),
    "a sampler without its machines": (
        RBM + '[sample]\nn = 3\nsampler = { type = "TrajectoryTempering" }\n', r"sampler: machines: missing",
    ),
    "a shape without sides": ('[machine]\ntype = "Lattice"\nshape = "big"\n', r"\[machine\] shape: "),
    "an unknown disorder": (
        '[machine]\ntype = "Lattice"\nshape = [3]\ndisorder = "x"\n', r"\[machine\] disorder: .*'gaussian'",
    ),
    "tuning without a readout": (TRAIN + "[fine_tune]\n", r"\[fine_tune\] needs a \[readout\] table"),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_what_is_wrong_is_one_line(read, name):
    text, expected = LINES[name]
    with pytest.raises(EbmError, match=expected) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    assert "c.toml: [" in str(caught.value)


ODD = [
    datetime.date(2020, 1, 1), True, "x", -1, 0, 2.5, math.nan, math.inf, 10**30, {}, {"a": 1}, {"type": 3},
    {"type": "SGD"}, {"type": "SGD", "rate": {"type": "Linear"}}, [], [1, "a"], [[1]], [{"type": "L2"}],
]  # fmt: skip
NEEDED = {
    "n_hidden": 3, "sizes": [3, 2], "n": 5, "shape": [3], "degree": 2, "path": "x.npz", "given": 2,
    "norm": 1.0, "betas": [1.0], "rule": {"type": "CD"}, "optimiser": {"type": "SGD"}, "factors": {"b": 1.0},
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_whatever_a_key_is_given_is_taken_or_refused_in_one_line(name):
    refusals = []
    for kind, table in TABLES[name].items():
        for method in table.methods or [None]:
            base = {"type": kind} | ({"method": method} if method else {})
            parameters = table.parameters(base)
            base |= {key: value for key, value in NEEDED.items() if key in parameters}
            for key in parameters:
                for value in ODD:
                    try:
                        calls.written(calls.build({**base, key: value}, TABLES[name]))
                    except EbmError as error:
                        refusals.append(str(error))
    assert len(refusals) > 10
    assert not [line for line in refusals if "\n" in line]


def test_another_method_comes_without_the_settings_of_the_first():
    def log_z(*overrides):
        return read_config(CONFIGS / "digits.toml", overrides).stages["log_z"].arguments

    assert set(log_z("log_z.method=exact")) == {"method", "seed"}
    assert log_z("log_z.method=mbar", "log_z.accuracy=0.1")["accuracy"] == 0.1
    assert log_z("log_z.seed=3")["n_temperatures"] == 3000
    with pytest.raises(EbmError, match="n_chains: unknown key"):
        log_z("log_z.method=exact", "log_z.n_chains=3")


@pytest.mark.parametrize("place", MOVED)
def test_old_keys_name_the_new_ones(read, place):
    table, key = place.split(".")
    text = TRAIN.replace(f"[{table}]\n", f"[{table}]\n{key} = 1\n")
    text += "" if f"[{table}]" in TRAIN else f"[{table}]\n{key} = 1\n"
    with pytest.raises(EbmError) as caught:
        read(text)
    assert f"[{table}] {key}: is now {MOVED[place]}" in str(caught.value)
    new = MOVED[place].split(" = ")[0].split("] ")
    where = new[0].strip("[") if len(new) == 2 else table
    tables = [(made, method) for made in TABLES[where].values() for method in made.methods or [None]]
    assert any(new[-1] in made.parameters({"method": method}) for made, method in tables)


def test_every_config_of_the_readme_says_what_there_is():
    for path in CONFIGS.glob("*.toml"):
        assert set(read_config(path).stages) <= set(STAGES)
