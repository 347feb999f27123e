"""Resume is bitwise: every rule with every optimiser, stopped in mid-epoch; evaluating changes nothing."""

import numpy as np
import pytest
from test_training import MACHINES, OPTIMISERS, rows_of, run_to

import ebm
from ebm import (
    CD,
    L1,
    L2,
    PCD,
    SGD,
    TAP,
    Bernoulli,
    Discriminative,
    Exact,
    FastPCD,
    Gibbs,
    Hybrid,
    Layer,
    Network,
    Potts,
    RandomStart,
    SparseHidden,
    Tempering,
    begin,
)
from ebm.learning import tuning
from ebm.network import BackPropagation
from ebm.training.judges import evaluate

RULES = [
    CD(),
    CD(k=2, centred=True),
    PCD(n_chains=7),
    PCD(k=2, n_chains=5, centred=True),
    PCD(n_chains=6, centred=True, offsets="average"),
    PCD(n_chains=4, sampler=Gibbs(2)),
    PCD(k="auto", n_chains=5, centred=True),
    PCD(n_chains=3, sampler=Tempering(n_replicas=3, n_adapt=4), centred=True, offsets="model"),
    Exact(),
    PCD(n_chains=6, standardised=True),
    Exact(centred=True),
    FastPCD(n_chains=5),
    RandomStart(k=2, n_chains=5),
    TAP(n_iterations=2, n_copies=3),
    SparseHidden(PCD(n_chains=4, centred=True), target=0.2),
    Discriminative(),
    Hybrid(0.1, PCD(n_chains=4, centred=True)),
]


def everything(state):
    arrays = {f"params.{k}": v for k, v in state.machine.params.items()}
    for part in ("chains", "memory", "watch"):
        arrays |= {f"{part}/{k}": v for k, v in getattr(state, part).pack().items()}
    return arrays | {"numbers": np.array([state.step, state.rng.counter, state.rng.key], dtype=np.uint64)}


def same(one, other):
    one, other = everything(one), everything(other)
    assert set(one) == set(other)
    for key in one:
        assert one[key].dtype == other[key].dtype, key
        assert np.array_equal(one[key], other[key]), key


@pytest.mark.parametrize("j", range(len(OPTIMISERS)), ids=[repr(o) for o in OPTIMISERS])
@pytest.mark.parametrize("i", range(len(RULES)), ids=[repr(r) for r in RULES])
def test_resume_is_bitwise(i, j, tmp_path, monkeypatch):
    """Stop in the middle of the second epoch, save, load in place of the state, go on into the third.

    Every rule with every optimiser, the kinds of machine in turn.
    """
    monkeypatch.setattr(tuning, "_EVERY", 4)  # so that k is measured before the stop and after it
    rule, optimiser = RULES[i], OPTIMISERS[j]
    refused = {TAP: ["rbm-precise"]}  # and a unit of finitely many states is needed, and nothing clamped:
    refused |= {rule: ["rbm-precise", "bm32", "bm64"] for rule in (Discriminative, Hybrid)}
    kinds = [k for k in MACHINES if k not in refused.get(type(rule), ())]
    kind = kinds[(i + j) % len(kinds)]
    settings = {"weights": np.linspace(0.5, 1.5, 20), "penalties": [L1(1e-3), L2(1e-2)]}
    machine = MACHINES[kind]()
    rows = rows_of(machine)
    whole = run_to(begin(machine, rule, optimiser, 5), 10, rows, rule, optimiser, 6, 3, **settings)
    half = run_to(begin(MACHINES[kind](), rule, optimiser, 5), 6, rows, rule, optimiser, 6, 3, **settings)
    ebm.save(tmp_path / "state.npz", half)
    loaded = ebm.load(tmp_path / "state.npz")
    same(loaded, half)
    same(run_to(loaded, 10, rows, rule, optimiser, 6, 3, **settings), whole)


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=repr)
def test_resume_of_a_network_is_bitwise(optimiser, tmp_path):
    def make():
        return Network([Layer.random(Bernoulli(), 4, 3, seed=1), Layer.random(Potts(3), 3, 1, seed=2)])

    rng = np.random.default_rng(0)
    data, rule = (rng.normal(size=(20, 4)), rng.integers(3, size=(20, 1))), BackPropagation()
    whole = run_to(begin(make(), rule, optimiser), 10, data, rule, optimiser, 6)
    half = run_to(begin(make(), rule, optimiser), 6, data, rule, optimiser, 6)
    ebm.save(tmp_path / "state.npz", half)
    same(run_to(ebm.load(tmp_path / "state.npz"), 10, data, rule, optimiser, 6), whole)


@pytest.mark.parametrize("kind", MACHINES)
def test_evaluating_changes_nothing(kind):
    rule, optimiser = PCD(n_chains=7), SGD(0.1)
    states = [begin(MACHINES[kind](), rule, optimiser, 1) for _ in range(2)]
    rows = rows_of(states[0].machine)
    for k in range(1, 5):
        for state in states:
            run_to(state, k, rows, rule, optimiser, 6)
        evaluate(states[0], rows, rows[:5])
    same(*states)
