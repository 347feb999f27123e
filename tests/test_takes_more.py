"""What was refused though it could be done: exact chains, early stopping of all, plots of a history."""

import functools

import laws
import numpy as np
import pytest
import scipy.sparse
from click.testing import CliRunner
from scipy.special import logsumexp

import ebm
from ebm.cli import main
from ebm.errors import EbmError, NotSupported, TooLarge

ROWS = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 0]] * 5)


def test_chains_of_exact_states_have_the_exact_gradient():
    """PCD whose chains are drawn anew from the machine as it is: its mean gradient is the exact one."""
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, scale=1.0, seed=1, dtype=np.float64)
    batch, rule = (ROWS, np.ones(len(ROWS))), ebm.PCD(n_chains=20000, sampler=ebm.Direct())
    carried = rule.init(machine, ebm.Stream(0))
    machine.params["b"] += 1.0  # what was drawn at the start is not of this machine
    machine.project()
    found, carried = rule.gradient(machine, batch, carried, ebm.Stream(1))
    exact, _ = ebm.Exact().gradient(machine, batch, ebm.Exact().init(machine, ebm.Stream(2)), ebm.Stream(3))
    for key in machine.params:
        assert np.allclose(found[key], exact[key], atol=0.02), key
    assert carried.states.shape == (20000, 4)


def test_learning_with_exact_chains_is_saved_and_goes_on(tmp_path):
    rule, optimiser = ebm.PCD(n_chains=10, sampler=ebm.Direct()), ebm.SGD(0.1)

    def learn(state, steps):
        learning = ebm.train(state, ROWS, rule, optimiser, 5)
        while state.step < steps:
            next(learning)
        return state

    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 3, dtype="float64")
    whole = learn(ebm.begin(machine.copy(), rule, optimiser), 6)
    ebm.save(tmp_path / "s.npz", learn(ebm.begin(machine.copy(), rule, optimiser), 3))
    again = learn(ebm.load(tmp_path / "s.npz"), 6)
    assert np.array_equal(again.machine.W, whole.machine.W)


@pytest.mark.parametrize("sampler", [ebm.Annealing(), ebm.PopulationAnnealing()])
def test_chains_that_end_are_refused(sampler):
    with pytest.raises(EbmError, match="go on for ever, or draws exact states"):
        ebm.PCD(sampler=sampler)


STOPPED = {
    "real units": lambda: ebm.RBM.random(ebm.Gaussian(), ebm.Bernoulli(), 4, 2, dtype="float64"),
    "DBM": lambda: ebm.DBM.random([4, 3, 2], dtype="float64"),
    "hidden units in the state": lambda: ebm.BoltzmannMachine(ebm.Bernoulli(), np.zeros((6, 6)), n_visible=4),
    "too large for sums": lambda: ebm.RBM.random(ebm.Gaussian(), ebm.Bernoulli(), 4, 60, dtype="float64"),
    "bits": lambda: ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2, dtype="float64"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", STOPPED)
def test_every_machine_has_a_default_early_stopping(kind):
    machine = STOPPED[kind]()
    first = {key: value.copy() for key, value in machine.params.items()}
    stopping = ebm.EarlyStopping(patience=3)
    history = ebm.fit(machine, ROWS, validation=ROWS, stopping=stopping, epochs=6, optimiser=ebm.SGD(0.1))
    assert 3 <= len(history) <= 6
    assert any(not np.array_equal(machine.params[key], value) for key, value in first.items())


@pytest.mark.filterwarnings("ignore")
def test_the_gains_that_stop_are_those_of_the_likelihood(monkeypatch):
    """Where exact sums are refused the score rises by the gain of the held-out likelihood, to its error."""
    from ebm.selection import EarlyStopping, scored
    from ebm.stream import Stream
    from ebm.training import begin

    machine = ebm.RBM.random(ebm.Gaussian(), ebm.Bernoulli(), 4, 3, scale=0.3, seed=2, dtype=np.float64)
    rows = machine.sample0(300, Stream(5))
    state, stopping = begin(machine, ebm.CD(), ebm.SGD(0.1)), EarlyStopping()

    def refuse():
        raise TooLarge("no")

    scores, exact = [], []
    for shift in (0.0, 0.2, 0.4):
        machine.params["b"][:] = shift
        machine.params["W"][:] *= 1 + shift
        machine.project()
        exact.append(float(ebm.log_likelihood(machine, rows).mean()))
        monkeypatch.setattr(machine, "require_exact", refuse, raising=False)
        monkeypatch.setattr(ebm.RBM, "require_exact", lambda self: refuse())
        scores.append(scored(stopping, state, rows, rows, Stream(7)))
        monkeypatch.undo()
        if shift == 0.0:
            stopping.note(state, scores[0])
    assert np.allclose(np.diff(scores), np.diff(exact), atol=0.1)


@pytest.mark.parametrize(
    "how", [{"optimiser": ebm.Averaged(ebm.SGD(0.1))}, {"stopping": ebm.EarlyStopping()}]
)
def test_what_cannot_be_compared_is_refused_before_learning(how):
    machine, seen = ebm.BoltzmannMachine(ebm.Bernoulli(), np.zeros((30, 30)), n_visible=4), []
    with pytest.raises(TooLarge, match="summing over the hidden units"):
        ebm.fit(machine, ROWS, validation=ROWS, epochs=4, progress=lambda *a: seen.append(a), **how)
    assert seen == []


def test_plots_take_a_history():
    pytest.importorskip("matplotlib")
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2, dtype="float64")
    history = ebm.fit(machine, ROWS, epochs=3)
    assert history.columns[:3] == ["epoch", "step", "rate"]
    (axes,) = np.ravel(ebm.plots.energy_curves(history))
    assert any(np.array_equal(line.get_ydata(), history["free_energy_train"]) for line in axes.lines)


def test_a_rule_of_networks_is_refused_for_machines():
    with pytest.raises(EbmError, match="BackPropagation: machine: got an RBM; expected a Network"):
        ebm.fit(
            ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 4, 2, dtype="float64"),
            ROWS,
            rule=ebm.BackPropagation(),
        )


def test_a_normal_layer_over_a_hidden_one_is_summed_out():
    """An even layer of normal units has infinitely many states, and log p(v) is exact all the same."""
    machine = ebm.DBM.random(
        [4, 3, 2], [ebm.Bernoulli(), ebm.Bernoulli(), ebm.Gaussian()], scale=0.5, seed=1, dtype="float64"
    )
    (W, V), (b, c, d) = machine.layers()
    v = np.eye(4)
    h = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(float)
    top = d + h @ V  # of the normal units given h: log of the integral is half their input's square
    terms = v @ b[:, None] + (h @ c)[None] + v @ W @ h.T + (0.5 * top**2 + 0.5 * np.log(2 * np.pi)).sum(1)
    found = machine.visible_free_energy(v)
    np.testing.assert_allclose(
        found - found[0], -(logsumexp(terms, axis=1) - logsumexp(terms[0])), atol=1e-10
    )


LABELLED = np.column_stack([ROWS, ROWS[:, 0] + ROWS[:, 1]]).astype(float)
LABELLED[::2, -1] = np.nan
RULES = [ebm.Hybrid(0.1), ebm.Hybrid(0.1, ebm.PCD(n_chains=4)), ebm.Discriminative()]


def labelled():
    units = ebm.Mixed(((ebm.Bernoulli(), 4), (ebm.Potts(3), 1)))
    return ebm.RBM.random(units, ebm.Bernoulli(), 5, 3, seed=1, dtype=np.float64)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_rows_without_labels_are_learnt_from(rule):
    machine = labelled()
    history = ebm.fit(machine, LABELLED, rule=rule, epochs=2, batch_size=4, validation=LABELLED[1::2])
    assert np.isfinite(history["free_energy_train"]).all()
    alike = labelled()
    steps = ebm.train(ebm.begin(alike, rule, ebm.SGD(0.05), 0), LABELLED, rule, ebm.SGD(0.05), 4, 0)
    for _ in range(10):
        next(steps)
    assert np.array_equal(machine.W, alike.W)
    other = ebm.partial_fit(ebm.begin(labelled(), rule, ebm.SGD(0.1)), LABELLED, rule, ebm.SGD(0.1))
    assert np.isfinite(other.machine.W).all()


def test_rows_without_labels_are_gaps_to_other_rules():
    ebm.fit(labelled(), LABELLED, epochs=1)  # to a rule that predicts nothing they are gaps
    more = LABELLED.copy()
    more[2, 1] = np.nan  # not the label
    for rule in RULES:
        ebm.fit(labelled(), more, rule=rule, epochs=1)
        with pytest.raises(EbmError, match="no row has a label"):
            ebm.fit(labelled(), LABELLED[::2], rule=rule, epochs=1)


def said(*args):
    found = CliRunner().invoke(main, [str(arg) for arg in args])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.filterwarnings("ignore")
def test_commands_take_estimators_and_stacks(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    x, path = tmp_path / "x.npy", tmp_path / "m.npz"
    density = ebm.estimators.BoltzmannMachineDensity(n_components=2, n_iter=2, random_state=0).fit(ROWS)
    ebm.save(path, density)
    assert f"log-likelihood {density.score(ROWS):.4f} nats" in said("score", path, x)
    drawn = np.array([line.split(",") for line in said("sample", path, "-n", 5).split()], float)
    assert np.array_equal(drawn, density.sample(5, random_state=0))
    assert f"log Z = {ebm.log_z(density.machine_).value:.4f}" in said("logz", path)
    stack = ebm.DBN.greedy(ROWS, [3, 2], epochs=1)
    ebm.save(path, stack)
    top = ebm.log_z(stack.top)
    assert f"log Z = {top.value:.4f}" in said("logz", path)
    bound = stack.log_likelihood_bound(ROWS, top).mean()
    assert f"lower bound of the log-likelihood {bound:.4f}" in said("score", path, x)
    ebm.save(path, ebm.estimators.RBMTransformer(2, n_iter=1, random_state=0).fit(ROWS))
    assert "log-likelihood" in said("score", path, x)
    ebm.save(path, stack.unfold(ebm.Potts(2)))
    found = CliRunner().invoke(main, ["logz", str(path)])
    assert found.output == f"ebm: {path}: a Network; expected a machine, a stack or an estimator of one\n"


def test_score_of_layers_of_several_types(tmp_path):
    machine = ebm.DBM.random(
        [3, 3, 2], [ebm.Gaussian(), ebm.Bernoulli(), ebm.Bernoulli()], scale=0.3, dtype="float64"
    )
    ebm.save(tmp_path / "m.npz", machine)
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    expected = ebm.log_likelihood(machine, np.zeros((2, 3))).mean()
    assert f"log-likelihood {expected:.4f}" in said("score", tmp_path / "m.npz", tmp_path / "x.npy")


def test_a_machine_of_the_marginals_of_data():
    for units, data in ((ebm.Bernoulli(), ROWS), (ebm.Ising(), 2 * ROWS - 1), (ebm.Potts(3), ROWS + 1)):
        machine = ebm.BoltzmannMachine.from_data(data, 2, units=units, scale=1e-9)
        assert (machine.n_visible, machine.n_hidden, machine.dtype) == (4, 2, np.float32)
        _, stats = machine.exact()
        means = units.encode(data).mean(0)
        assert np.allclose(stats["b"][: len(means)], means, atol=0.05)
        ebm.fit(machine, data, epochs=1)
    with pytest.raises(EbmError, match=r"legal under Bernoulli\(\)"):
        ebm.BoltzmannMachine.from_data(ROWS, units=ebm.Ising())


SEVERAL = ebm.Mixed(((ebm.Bernoulli(), 2), (ebm.Potts(3), 1)))
ON_TOP = {
    "visible units of several types": lambda: ebm.RBM.random(
        SEVERAL, ebm.Bernoulli(), 3, 4, scale=1.0, dtype="float64"
    ),
    "hidden units of several types": lambda: ebm.RBM.random(
        ebm.Bernoulli(), SEVERAL, 4, 3, scale=1.0, dtype="float64"
    ),
    "DBM": lambda: ebm.DBM.random([4, 3, 2], scale=1.0, dtype="float64"),
    "DBN": lambda: ebm.DBN.greedy(ROWS, [3, 2], epochs=1),
}


@pytest.mark.parametrize("kind", ON_TOP)
def test_readouts_stand_on_any_layers(kind):
    """The network's hidden layers are those of the machine, and its gradient is that of its loss."""
    machine = ON_TOP[kind]()
    first = machine.layer_units[0] if "D" in kind else machine.visible
    rows = np.random.default_rng(0).integers(0, 2, (6, machine.n_visible))
    y = np.array([0, 1, 2, 0, 1, 2])
    net = ebm.readout(machine, rows, y, epochs=1)
    if kind == "DBN":
        np.testing.assert_allclose(net.transform(rows), machine.transform(rows), rtol=1e-6)
    elif kind != "DBM":
        np.testing.assert_allclose(net.transform(rows), machine.mean_h(rows), rtol=1e-12)
    net = ebm.Network([ebm.Layer(a.units, a.W.astype(float), a.b.astype(float)) for a in net.layers()], first)
    net.params[f"W{len(net.layer_units) - 1}"] += 0.3 * np.random.default_rng(1).normal(
        size=net.params[f"W{len(net.layer_units) - 1}"].shape
    )
    before = {key: value.copy() for key, value in net.params.items()}
    ebm.fine_tune(net, rows, y, epochs=1, batch_size=6, optimiser=ebm.SGD(1.0))
    moved = {key: net.params[key] - before[key] for key in before}
    for key in ("W0", "b0"):
        for place in list(np.ndindex(moved[key].shape))[::3]:
            losses = []
            for sign in (1, -1):
                for name, value in before.items():
                    net.params[name][:] = value
                net.params[key][place] += sign * 1e-5
                losses.append(net.loss(rows, y))
            assert moved[key][place] == pytest.approx(-(losses[0] - losses[1]) / 2e-5, abs=1e-8)


def test_a_readout_of_several_types():
    """Its loss is the sum of those of its parts, and each is predicted by its own rule."""
    x, y = np.eye(3), np.array([[0.0, 1, 2], [1, 1, 0], [0, 0, 1]])
    net = ebm.readout(None, x, y, units=SEVERAL, optimiser=ebm.Adam(0.3), epochs=60)
    bits = ebm.Network([ebm.Layer(ebm.Bernoulli(), net.params["W0"][:, :2], net.params["b0"][:2])])
    label = ebm.Network([ebm.Layer(ebm.Potts(3), net.params["W0"][:, 2:], net.params["b0"][2:])])
    assert net.loss(x, y) == pytest.approx(bits.loss(x, y[:, :2]) + label.loss(x, y[:, 2].astype(int)))
    assert np.array_equal(net.predict(x), y)
    assert (net.error(x, y), net.n_outputs) == (0, 3)


def test_text_for_classes_is_told_what_to_do():
    with pytest.raises(EbmError, match=r"text.*np.unique\(y, return_inverse=True\)"):
        ebm.readout(None, np.eye(2), ["cat", "dog"])


def test_sparse_targets_of_several_types():
    """Of a Potts unit the first state has the rest, wherever in the layer it stands."""
    machine = ebm.RBM.random(ebm.Bernoulli(), SEVERAL, 4, 3, dtype="float64")
    carried = (rule := ebm.SparseHidden(ebm.CD(), target=0.2, decay=0.0)).init(machine, ebm.Stream(0))
    batch = (ROWS, np.ones(len(ROWS)))
    found, after = rule.gradient(machine, batch, carried, ebm.Stream(1))
    plain, _ = rule.rule.gradient(machine, batch, carried.inner, ebm.Stream(1))
    np.testing.assert_allclose(
        found["c"] - plain["c"], 0.1 * ([0.2, 0.2, 0.6, 0.2, 0.2] - after.mean), atol=1e-7
    )


def test_stacks_reconstruct():
    """By the definitions: mean fields up and one step down; means up and means down."""
    deep = ebm.DBM.random([4, 3, 2], scale=1.0, seed=2, dtype="float64")
    x, _ = deep.mean_field(ROWS, tolerance=1e-12)
    (W, _), (b, c, _) = deep.layers()
    odd = 1 / (1 + np.exp(-(x @ deep.params["W"] + c)))
    down = 1 / (1 + np.exp(-(odd @ W.T + b)))
    assert ebm.reconstruction_error(deep, ROWS) == pytest.approx(np.square(ROWS - down).mean(), abs=1e-4)
    dbn = ebm.DBN.greedy(ROWS, [3, 2], epochs=1)
    expected = np.square(ROWS - dbn.reconstruct(ROWS)).mean()
    assert ebm.reconstruction_error(dbn, ROWS) == pytest.approx(expected, rel=1e-6)


def test_the_zero_sum_gauge_of_a_stack():
    deep = ebm.DBM.random(
        [2, 2, 1], [ebm.Potts(3), ebm.Bernoulli(), ebm.Potts(2)], scale=1.0, dtype="float64"
    )
    v = np.array([[i, j] for i in range(3) for j in range(3)])
    before = deep.visible_free_energy(v)
    ebm.zero_sum(deep)
    after = deep.visible_free_energy(v)
    np.testing.assert_allclose(after - after[0], before - before[0], atol=1e-12)
    assert np.abs(deep.layers()[0][0].reshape(2, 3, 2).sum(1)).max() < 1e-14


def test_what_is_clamped_counts_for_no_density():
    """W = diag(1.5, 0.3): no density of both units, but one of the second given the first, normal."""
    machine = ebm.RBM(ebm.Gaussian(), ebm.Gaussian(), np.diag([1.5, 0.3]), np.zeros(2), np.zeros(2))
    given = [1.0, np.nan]
    x = ebm.sample(machine, 4000, given=given, sampler=ebm.Metropolis(3)).x[:, 1]
    assert x.var() == pytest.approx(1 / (1 - 0.09), abs=0.15)
    assert ebm.sample(machine, 5, given=given, sampler=ebm.Annealing(stop=3.0)).x.shape == (5, 2)
    for call in (
        lambda: ebm.sample(machine, 5),
        lambda: ebm.sample(machine, 5, given=[np.nan, 1.0]),
        lambda: ebm.sample(machine, 5, given=given, sampler=ebm.Annealing(stop=5.0)),
    ):
        with pytest.raises(EbmError, match="not normalisable"):
            call()


@pytest.mark.parametrize("name", ["mixed-bernoulli", "gaussian-potts", "precise-gaussian", "bernoulli-drelu"])
def test_an_rbm_given_some_units_is_an_rbm_again(name):
    machine = laws.RESTRICTED[name]()
    x = laws.states_of(machine.units, 4, machine.n_units, np.random.default_rng(0))
    given = np.where(np.arange(machine.n_units) % 2, x[0], np.nan)
    rest, energy = machine.condition(given)
    full = np.where(np.isnan(given), x, given)
    free = full[:, np.isnan(given)]
    np.testing.assert_allclose(rest.free_energy(free) + energy, machine.free_energy(full), rtol=1e-12)


DEEP = {
    "several types": lambda: ebm.DBM.random(
        [3, 2, 3], [SEVERAL, ebm.Ising(), SEVERAL], scale=0.6, dtype="float64"
    ),
    "Gaussian on top": lambda: ebm.DBM.random(
        [3, 3, 2], [SEVERAL, ebm.Ising(), ebm.Gaussian()], scale=0.6, dtype="float64"
    ),
}


@pytest.mark.parametrize("kind", DEEP)
def test_stacks_of_any_even_layers_are_summed(kind):
    """p(v) of all states of the data sums to 1, and the machine keeps the laws of machines."""
    machine = DEEP[kind]()
    v = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in range(3)])
    log_p = ebm.log_likelihood(machine, v)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-9)
    assert ebm.kl_divergence(machine, v, np.exp(log_p)) == pytest.approx(0, abs=1e-9)
    rows = np.array([v[5], v[7]])
    ebm.fit(machine, rows, epochs=1)
    if kind == "several types":
        ebm.testing.check_machine(machine)


def test_metropolis_steps_follow_what_the_data_are_measured_in():
    """The same machine in other units of measurement: the same offers, taken as often."""
    machine = laws.RESTRICTED["precise-bernoulli"]()
    turned = ebm.rescaled(machine, [10.0, -3.0], [4.0, 0.125])
    sampler, found = ebm.Metropolis(5), []
    for m, shift, by in ((machine, 0.0, 1.0), (turned, np.array([10.0, -3.0]), np.array([4.0, 0.125]))):
        state = sampler.init(m, 50, ebm.Stream(0))
        x = shift + by * np.random.default_rng(0).normal(size=(50, 2))
        state.chains = m.start(x)
        state, info = sampler.step(m, state, ebm.Stream(1))
        found.append(((state.x - shift) / by, info["acceptance"]))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-9)
    assert found[0][1] == found[1][1]


def test_a_stack_does_not_take_clamped_data_for_its_top():
    """Layers of equal widths: what was to clamp the data clamped the top, in silence."""
    dbn = ebm.DBN.greedy(ROWS, [4, 2], epochs=1)
    with pytest.raises(NotSupported, match=r"dbn\.top"):
        dbn.sample(5, given=[1, 1, 1, 1])
    alone = ebm.DBN.greedy(ROWS, [3], epochs=1)
    assert alone.sample(5, given=[1, 1, 1, 1]).all()


def test_constructors_say_their_dtype():
    """`from_data` makes what learns, float32; `random` what is summed exactly, float64."""
    bits = ebm.Bernoulli()
    learn = ebm.RBM.from_data(ROWS, 2), ebm.BoltzmannMachine.from_data(ROWS), ebm.DBM.from_data(ROWS, [2, 2])
    exact = (
        ebm.RBM.random(bits, bits, 4, 2, dtype="float64"),
        ebm.BoltzmannMachine.random(bits, 4, dtype="float64"),
        ebm.DBM.random([4, 2, 2], dtype="float64"),
    )
    assert {m.dtype for m in learn} == {np.dtype("float32")}
    assert {m.dtype for m in exact} == {np.dtype("float64")}
    for machine in exact:
        assert "float32" in type(machine).random.__doc__


def test_a_stack_too_large_for_sums_has_a_likelihood(monkeypatch):
    machine = ebm.DBM.random([4, 3, 3], scale=1.0, dtype="float64")
    exact = ebm.log_likelihood(machine, ROWS[:3])
    monkeypatch.setattr("ebm.deep.dbm._MOST_STATES", 1)
    np.testing.assert_allclose(ebm.log_likelihood(machine, ROWS[:3]), exact, atol=0.1)


def test_stacks_and_networks_say_what_to_use_instead():
    stack = ebm.DBN.greedy(ROWS, [3, 2], epochs=1)
    for call in (ebm.log_z, ebm.thermodynamics, lambda m: ebm.sample(m, 3), lambda m: ebm.fit(m, ROWS)):
        with pytest.raises(EbmError, match=r"got a DBN; expected a machine: its top is one"):
            call(stack)
        with pytest.raises(EbmError, match=r"got a Network; expected a machine, .*predict"):
            call(stack.unfold(ebm.Potts(2)))


def test_estimators_learn_the_same_from_sparse_rows():
    kinds = ebm.estimators.RBMTransformer, ebm.estimators.BoltzmannMachineDensity
    for make in (functools.partial(kind, n_components=3, n_iter=2, random_state=0) for kind in kinds):
        one, other = make().fit(ROWS), make().fit(scipy.sparse.csr_array(ROWS))
        for key, value in one.machine_.params.items():
            assert np.array_equal(other.machine_.params[key], value), key


def test_the_natural_gradient_of_a_stack_with_layers_of_several_types():
    """F⁻¹ of the exact slope; F is the covariance of the slopes of log p(v), over all v."""
    layers = [ebm.Bernoulli(), ebm.Bernoulli(), ebm.Potts(3)]
    machine = ebm.DBM.random([4, 3, 2], layers, scale=0.3, dtype=np.float64)
    rule = ebm.NaturalGradient(damping=1e-2)
    batch = (ROWS[:8].astype(float), np.ones(8))
    found, _ = rule.gradient(machine, batch, rule.init(machine, ebm.Stream(0)), ebm.Stream(1))
    exact, _ = ebm.Exact().gradient(machine, batch, ebm.Exact().init(machine, ebm.Stream(0)), ebm.Stream(1))
    assert sum(float((found[key] * exact[key]).sum()) for key in exact) > 0  # uphill
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in machine.params.items()
    }
