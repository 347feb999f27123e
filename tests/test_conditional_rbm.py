"""Machines of v given inputs: each row an RBM of its own, judged by that RBM's exact sums."""

import numpy as np
import pytest
from laws import all_states, total_variation, tv_limit

import ebm
from ebm import (
    CD,
    PCD,
    SGD,
    Bernoulli,
    ConditionalRBM,
    EbmError,
    Exact,
    Gaussian,
    Ising,
    Mixed,
    NotSupported,
    Potts,
    ReLU,
    Stream,
)

MIXED = Mixed(((Bernoulli(), 2), (Potts(3), 1)))
PAIRS = {
    "bernoulli": (Bernoulli(), Bernoulli()),
    "ising-potts": (Ising(), Potts(2)),
    "potts": (Potts(3), Bernoulli()),
    "mixed": (MIXED, Bernoulli()),
    "gaussian": (Gaussian(), Bernoulli()),
    "normal": (Gaussian(), Gaussian()),
    "precision": (Gaussian(learn_precision=True), Bernoulli()),
    "relu-hidden": (Bernoulli(), ReLU()),
}
each = pytest.mark.parametrize("name", PAIRS)
each_finite = pytest.mark.parametrize("name", ["bernoulli", "ising-potts", "potts", "mixed"])


def machine_of(name, scale=0.4, seed=0):
    """Three outputs, two hidden units, two inputs, and no parameter that is zero."""
    visible, hidden = PAIRS[name]
    machine = ConditionalRBM.random(visible, hidden, 2, 3, 2, scale=scale, dtype="float64")
    rng = np.random.default_rng(seed)
    for key, value in machine.params.items():
        value += (
            abs(scale * rng.normal(size=value.shape)) if "." in key else scale * rng.normal(size=value.shape)
        )
    machine.project()
    return machine


def rows_of(machine, n=6, seed=1):
    x = np.random.default_rng(seed).normal(size=(n, 2))
    return machine.sweep(machine.sample0_given(x, Stream(seed)), Stream(seed + 1), 3)


def differences(machine, function, eps=1e-5):
    """∂ function(machine)/∂ params by central differences."""
    found = {}
    for key, value in machine.params.items():
        found[key] = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            ends = []
            for by in (eps, -2 * eps):
                value[place] += by
                machine.project()
                ends.append(function(machine))
            value[place] += eps
            machine.project()
            found[key][place] = (ends[0] - ends[1]) / (2 * eps)
    return found


@each
def test_a_row_is_the_rbm_of_its_inputs(name):
    machine = machine_of(name)
    rows = rows_of(machine)
    own = [machine.given(row[:2]) for row in rows]
    for beta in (1.0, 0.4):
        expected = [rbm.free_energy(row[None, 2:], beta)[0] for rbm, row in zip(own, rows, strict=True)]
        assert np.allclose(machine.free_energy(rows, beta), expected, atol=1e-10)
    exact = [rbm.exact() for rbm in own]
    w = np.linspace(0.2, 1.0, 6)
    log_z, stats = machine.exact_given(rows[:, :2], w)
    assert np.allclose(log_z, [value for value, _ in exact], atol=1e-9)
    for key in own[0].params:
        assert np.allclose(stats[key], sum(a * s[key] for a, (_, s) in zip(w, exact, strict=True)), atol=1e-8)
    assert np.allclose(machine.means(rows[:, :2]), [s["b"] for _, s in exact], atol=1e-8)
    assert np.allclose(
        machine.mean_h(rows), [r.mean_h(v[None, 2:])[0] for r, v in zip(own, rows, strict=True)]
    )


@each
def test_stats_are_slopes(name):
    machine = machine_of(name)
    rows, w = rows_of(machine), np.array([0.3, 1.7, -0.8, 0.0, 2.0, 0.1])
    slopes = differences(machine, lambda m: -w @ m.free_energy(rows))
    stats, other = machine.stats(rows, w), machine.stats(rows[:3])
    assert list(stats) == list(machine.params)
    for key, value in slopes.items():
        assert np.allclose(stats[key], value, atol=1e-6), key
        assert np.allclose(machine.contrast(rows, w, rows[:3])[0][key], stats[key] - other[key], atol=1e-10)


@each
def test_the_exact_gradient_is_the_slope_of_the_conditional_log_likelihood(name):
    machine = machine_of(name)
    rows, w = rows_of(machine), np.array([0.3, 1.7, 0.8, 0.0, 2.0, 0.1])
    gradient, _ = Exact().gradient(machine, (rows, w), Exact().init(machine, Stream(0)), Stream(0))
    p = w / w.sum()
    slopes = differences(machine, lambda m: p @ ebm.log_likelihood(m, rows))
    for key, value in slopes.items():
        assert np.allclose(gradient[key], value, atol=2e-6), key


@each_finite
def test_sweeps_given_inputs_do_not_drift(name):
    machine = machine_of(name, scale=0.9)
    x = np.array([0.8, -1.1])
    rbm, states = machine.given(x), all_states(machine.visible, 3)
    p = np.exp(-rbm.free_energy(states) - rbm.exact()[0])
    n = 20_000
    start = states[np.random.default_rng(0).choice(len(p), n, p=p)]
    rows = np.concatenate([np.repeat(x[None], n, 0), start], 1)
    for free in (None, np.array([True, True, True, False, True])):
        y = machine.sweep(rows, Stream(3), 4, free=free)
        assert np.array_equal(y[:, :2], rows[:, :2])
        assert free is None or np.array_equal(y[:, 3], rows[:, 3])
        assert total_variation(rbm, y[:, 2:], p) < tv_limit(p, n)
    drawn = machine.sample_given(np.repeat(x[None], n, 0), Stream(4))
    assert total_variation(rbm, drawn, p) < tv_limit(p, n)
    hot = machine.sweep(rows, Stream(5), 30, beta=0.3)
    q = np.exp(-rbm.free_energy(states, 0.3) - rbm.exact(0.3)[0])
    assert total_variation(rbm, hot[:, 2:], q) < tv_limit(q, n)


@pytest.mark.parametrize("name", ["gaussian", "precision"])
def test_draws_of_real_units_have_the_exact_moments(name):
    machine = machine_of(name, scale=0.7)
    x = np.repeat([[0.8, -1.1]], 20_000, 0)
    drawn = machine.sample_given(x, Stream(0))
    swept = machine.sweep(np.concatenate([x, drawn], 1), Stream(1), 5)[:, 2:]
    mean = machine.means(x[:1])[0]
    for v in (drawn, swept):
        assert np.all(np.abs(v.mean(0) - mean) < 5 * v.std(0) / np.sqrt(len(v)))


@each
def test_annealing_agrees_with_the_exact_sum(name):
    machine = machine_of(name)
    x = rows_of(machine)[:, :2]
    log_w = machine.annealed_given(x, np.linspace(0, 1, 51), 400, Stream(2))
    top = log_w.max(1)
    w = np.exp(log_w - top[:, None])
    z = (top + np.log(w.mean(1)) - machine.exact_given(x, stats=False)[0]) / (w.std(1) / w.mean(1) / 20)
    assert np.abs(z).max() < 4.5


def test_errors_of_annealed_log_z_are_true(monkeypatch):
    machine = machine_of("potts", scale=1.0)
    x = np.random.default_rng(0).normal(size=(60, 2))
    exact = ebm.log_z_given(machine, x)
    assert exact.exact
    assert not exact.stderr.any()

    def refuse(self):
        raise ebm.TooLarge("no")

    monkeypatch.setattr(ConditionalRBM, "require_exact", refuse)
    found = ebm.log_z_given(machine, np.repeat(x, 2, 0), n_temperatures=20, n_chains=50)
    assert np.array_equal(found.value[::2], found.value[1::2])
    z = (found.value[::2] - exact.value) / found.stderr[::2]
    assert 0.75 < np.sqrt((z**2).mean()) < 1.25


@pytest.mark.parametrize(
    "rule",
    [CD(k=10), PCD(k=2, renew=0.05, n_chains=1000), ebm.RandomStart(k=10), ebm.PseudoLikelihood(),
     ebm.RatioMatching(), ebm.MinimumProbabilityFlow(), CD(k=10, centred=True), Exact()],
    ids=lambda rule: type(rule).__name__,
)  # fmt: skip
def test_rules_vanish_at_the_truth_and_find_back(rule):
    truth = machine_of("mixed" if not isinstance(rule, PCD) else "bernoulli", scale=0.8)
    rng = np.random.default_rng(0)

    def drawn(n):
        x = rng.normal(size=(n, 2))
        return np.concatenate([x, truth.sample_given(x, Stream(int(rng.integers(2**30))))], 1)

    stream, found = Stream(3), []
    for _ in range(16):
        carried = rule.init(truth, stream)  # chains that went on would be correlated
        for _ in range(3):
            gradient, carried = rule.gradient(truth, (drawn(500), np.ones(500)), carried, stream)
        found.append(np.concatenate([np.asarray(g).ravel() for g in gradient.values()]))
    sigma = np.std(found, 0, ddof=1) / 4
    assert np.all(np.abs(np.mean(found, 0)) < 6 * sigma + 1e-9)
    rows, student = drawn(2000), truth.copy()
    for value in student.params.values():
        value += 0.5 * rng.normal(size=value.shape)
    student.project()
    start, best = (ebm.log_likelihood(m, rows).mean() for m in (student, truth))
    ebm.fit(student, rows, rule=rule, optimiser=SGD(0.1), epochs=15)
    assert ebm.log_likelihood(student, rows).mean() > start + (best - start) / 2


@pytest.mark.parametrize("rule", [CD(centred=True), PCD(renew=0.2, n_chains=9), Exact(standardised=True)])
def test_learning_resumes_to_the_same_bits(rule, tmp_path):
    machine, optimiser = machine_of("precision"), SGD(0.05, momentum=0.5)
    rows = rows_of(machine, 40)
    state = ebm.begin(machine, rule, optimiser, 3)
    steps = ebm.train(state, rows, rule, optimiser, 7)
    for _ in range(4):
        next(steps)
    ebm.save(tmp_path / "state.npz", state)
    other = ebm.load(tmp_path / "state.npz")
    again = ebm.train(other, rows, rule, optimiser, 7)
    for _ in range(4):
        next(steps)
        next(again)
    assert list(other.machine.params) == list(machine.params)
    for key, value in machine.params.items():
        assert np.array_equal(value, other.machine.params[key]), key
    assert repr(other.machine) == repr(machine)


def test_parameters_are_live_and_copies_are_not(tmp_path):
    import joblib

    machine = machine_of("gaussian")
    joblib.dump(machine, tmp_path / "m.joblib")
    rows, twin, read = rows_of(machine), machine.copy(), joblib.load(tmp_path / "m.joblib")
    before = machine.free_energy(rows)
    for other in (twin, read):
        assert np.array_equal(other.free_energy(rows), before)
        chains = other.start(rows)
        other.free_energy(chains)
        other.params["W"] = np.zeros((3, 2))
        other.params["B"][:] = 0
        other.project()
        assert not np.allclose(other.free_energy(chains), before)
        assert np.array_equal(other.free_energy(chains), other.free_energy(rows))
    assert np.array_equal(machine.free_energy(rows), before)


@each
def test_pseudo_likelihood_is_a_sum_of_conditionals(name):
    machine = machine_of(name)
    rows = rows_of(machine)
    if not machine.visible.finite:
        with pytest.raises(NotSupported, match="continuum"):
            ebm.pseudo_likelihood(machine, rows)
        return
    expected = [ebm.pseudo_likelihood(machine.given(r[:2]), r[None, 2:])[0] for r in rows]
    assert np.allclose(ebm.pseudo_likelihood(machine, rows), expected)


def test_real_units_start_at_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)) * [1, 10, 0.1] + [5, 0, 1]
    v = x @ rng.normal(size=(3, 2)) + 0.3 * rng.normal(size=(400, 2))
    fit, *_ = np.linalg.lstsq(np.c_[np.ones(400), x], v, rcond=None)
    for units in (Gaussian(), Gaussian(learn_precision=True)):
        machine = ConditionalRBM.from_data(np.c_[x, v], 3, 4, visible=units, scale=1e-6, dtype="float64")
        residual = machine.means(x) - np.c_[np.ones(400), x] @ fit
        assert np.abs(residual).max() < 0.02 * v.std()
    left = (v - np.c_[np.ones(400), x] @ fit).var(0)
    assert np.allclose(1 / machine.params["v.precision"], left, rtol=0.02)


def test_samples_given_inputs():
    machine = machine_of("bernoulli")
    rows = np.concatenate([np.random.default_rng(0).normal(size=(5, 2)), np.full((5, 3), np.nan)], 1)
    rows[:, 3] = 1
    x = ebm.sample(machine, 5, given=rows).x
    assert np.array_equal(x[:, [0, 1, 3]], rows[:, [0, 1, 3]])
    assert machine.condition(rows[0])[0].n_visible == 2


REFUSED = {
    "log_z": (lambda m: ebm.log_z(m), "a machine for every x; expected exact_given"),
    "sample": (lambda m: ebm.sample(m, 3), "expected rows of inputs"),
    "pcd": (lambda m: PCD().init(m, Stream(0)), "renew=0.05 or so; or CD"),
    "tempering": (
        lambda m: PCD(sampler=ebm.Tempering()).init(m, Stream(0)),
        "expected a number k, and renew",
    ),
    "fast": (lambda m: ebm.FastPCD().init(m, Stream(0)), "expected rows of inputs"),
    "tap": (lambda m: ebm.TAP().init(m, Stream(0)), "HasGraph"),
    "one unit": (lambda m: ebm.Discriminative().init(m, Stream(0)), "not Conditional"),
    "inputs": (lambda m: m.given([1.0]), r"x: expected shape \(2,\)"),
    "rows": (lambda m: m.free_energy(np.zeros((2, 3))), r"expected shape \(n, 5\)"),
    "nan": (lambda m: m.means([[np.nan, 0]]), "finite inputs"),
    "free inputs": (lambda m: m.condition(np.full(5, np.nan)), "all 2 inputs among them"),
    "an input's states": (lambda m: m.site_energies(np.zeros((1, 5)), 0), "unit i"),
    "no inputs": (lambda m: ebm.log_z_given(m.given([0, 0]), [[0.0]]), "not HasInputs"),
    "log Z": (lambda m: ebm.log_likelihood(m, np.zeros((1, 5)), 1.0), "one for every row"),
    "A": (
        lambda m: ConditionalRBM(m.visible, m.hidden, *(m.params[k] for k in "Wbc"), [1.0], [[1.0]]),
        "A: ",
    ),
    "B": (lambda m: ConditionalRBM(m.visible, m.hidden, *(m.params[k] for k in "WbcA"), [[1.0]]), "B: "),
    "few": (lambda m: ConditionalRBM.from_data(np.zeros((5, 2)), 2, 3), "2 inputs and some outputs"),
    "both": (lambda m: PCD(renew=0.5, sampler=ebm.Tempering()), "renew"),
}


def _gapped(machine, n=8, seed=1):
    """Rows of whose outputs about half were not observed, some in every row."""
    rows = rows_of(machine, n, seed).astype(np.float64)
    gaps = np.random.default_rng(seed).random((n, 3)) < 0.5
    gaps[np.arange(n), np.arange(n) % 3] = False
    rows[:, 2:][gaps] = np.nan
    return rows


@pytest.mark.parametrize("name", ["bernoulli", "mixed", "precision"])
def test_rows_with_gaps_are_judged_and_filled_as_by_the_rbm_of_their_inputs(name):
    machine = machine_of(name)
    rows = _gapped(machine)
    found = ebm.log_likelihood(machine, rows)
    filled = ebm.impute(machine, rows, n_sweeps=200)
    for n, row in enumerate(rows):
        own = machine.given(row[:2])
        assert np.isclose(found[n], ebm.log_likelihood(own, row[None, 2:])[0], atol=1e-9)
        said = ebm.impute(own, row[None, 2:], n_sweeps=200)
        error = 5 * np.hypot(said.stderr[0], filled.stderr[n, 2:]) + 1e-9
        assert (abs(said.mean[0] - filled.mean[n, 2:]) <= error).all()
        if name == "precision":
            assert np.allclose(said.variance[0], filled.variance[n, 2:], rtol=0.4)
    assert np.array_equal(filled.completed[0][~np.isnan(rows)], rows[~np.isnan(rows)])
    rows[0, 2:] = np.nan
    assert ebm.log_likelihood(machine, rows)[0] == 0


@each_finite
def test_filled_outputs_do_not_drift(name):
    machine, n = machine_of(name, 0.8), 20_000
    x = np.array([0.7, -1.1])
    rows = machine.sample_given(np.repeat(x[None], n, 0), Stream(1))
    rows = np.concatenate([np.repeat(x[None], n, 0), rows], axis=1)
    gaps = np.random.default_rng(2).random(rows.shape) < 0.5
    gaps[:, :2] = False
    y = machine.fill(rows, gaps, Stream(3), 2)
    assert np.array_equal(y[~gaps], rows[~gaps])
    assert (y[gaps] != rows[gaps]).mean() > 0.05
    states = all_states(machine.visible, 3)
    log_p = ebm.log_likelihood(machine.given(x), states)
    places = {tuple(state): k for k, state in enumerate(states.tolist())}
    counts = np.bincount([places[tuple(v)] for v in y[:, 2:].tolist()], minlength=len(states))
    p = np.exp(log_p)
    assert 0.5 * abs(counts / n - p).sum() < tv_limit(p, n)


@each_finite
def test_the_exact_gradient_with_gaps_is_the_slope_of_what_was_observed(name):
    machine = machine_of(name)
    rows = _gapped(machine)
    weights = np.random.default_rng(0).random(len(rows))
    state = ebm.begin(machine.copy(), Exact(), SGD(1.0))
    ebm.partial_fit(state, rows, Exact(), SGD(1.0), weights=weights)
    share = weights / weights.sum()
    slopes = differences(machine, lambda m: share @ ebm.log_likelihood(m, rows))
    for key, slope in slopes.items():
        step = state.machine.params[key] - machine.params[key]
        assert np.allclose(step, slope, atol=1e-6), key


@pytest.mark.parametrize("rule", [CD(), PCD(renew=0.2), ebm.PseudoLikelihood()])
def test_what_was_not_observed_does_not_stop_learning(rule):
    truth = machine_of("ising-potts", 0.7)
    rows = rows_of(truth, 1500)
    lacking = np.where(np.random.default_rng(0).random(rows.shape) < 0.3, np.nan, rows)
    lacking[:, :2] = rows[:, :2]
    learnt = ConditionalRBM.from_data(lacking, 2, 2, visible=Ising(), hidden=Potts(2))
    before = ebm.log_likelihood(learnt, rows).mean()
    ebm.fit(learnt, lacking, rule=rule, optimiser=SGD(ebm.Linear(0.05, 0.0, 10)), epochs=10)
    after = ebm.log_likelihood(learnt, rows).mean()
    assert before - 0.01 < after
    assert ebm.log_likelihood(truth, rows).mean() - after < 0.05


def test_real_units_with_gaps_start_at_their_own_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    v = x @ rng.normal(size=(2, 2)) + 0.1 * rng.normal(size=(400, 2))
    rows = np.concatenate([x, v], axis=1)
    rows[:150, 3] = np.nan

    def start(rows):
        return ConditionalRBM.from_data(
            rows, 2, 1, visible=Gaussian(learn_precision=True), dtype=np.float64
        ).params

    made = start(rows)
    for i, known in ((0, slice(None)), (1, slice(150, None))):
        alone = start(np.column_stack([x, v[:, i]])[known])
        for key in ("b", "v.precision"):
            assert np.isclose(made[key][i], alone[key][0], rtol=1e-6)
        assert np.allclose(made["A"][:, i], alone["A"][:, 0], rtol=1e-6)


def test_inputs_have_no_gaps():
    machine = machine_of("bernoulli")
    rows = _gapped(machine)
    rows[3, 1] = np.nan
    for call in (
        lambda: ebm.fit(machine, rows, rule=CD()),
        lambda: ebm.log_likelihood(machine, rows),
        lambda: ebm.impute(machine, rows),
        lambda: ConditionalRBM.from_data(rows, 2, 2),
    ):
        with pytest.raises(EbmError, match="row 3 lacks input 1; expected inputs without gaps"):
            call()


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_line(case):
    call, line = REFUSED[case]
    with pytest.raises(EbmError, match=line) as refused:
        call(machine_of("bernoulli"))
    assert "\n" not in str(refused.value)


def test_the_machine_that_held_out_rows_prefer_is_kept():
    machine = machine_of("gaussian")
    rows = rows_of(machine, 300)
    stopping = ebm.EarlyStopping(patience=2)
    history = ebm.fit(
        machine, rows[:200], rule=CD(), optimiser=ebm.Averaged(SGD(0.5)), epochs=30, validation=rows[200:],
        stopping=stopping,
    )  # fmt: skip
    assert len(history) < 30


def test_fit_without_a_rule_learns_a_machine_with_inputs():
    """PCD, the rule of all others, has no chains that could go on: inputs differ from row to row."""
    rows = (np.random.default_rng(0).random((60, 5)) < 0.5).astype(float)
    machine = ConditionalRBM.from_data(rows, 2, 2)
    other = ConditionalRBM.from_data(rows, 2, 2)
    ebm.fit(machine, rows, epochs=1)
    ebm.fit(other, rows, rule=ebm.CD(), epochs=1)
    assert np.array_equal(machine.params["W"], other.params["W"])
