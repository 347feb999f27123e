"""A machine's graph is the same model: its energies, tempered and conditioned, are the machine's."""

import laws
import numpy as np
import pytest
from scipy.special import logsumexp

from ebm import RBM, EbmError, NotSupported
from ebm.graph import graph_of

each_machine = pytest.mark.parametrize("name", laws.MACHINES)
FINITE = [k for k in laws.FINITE if k in laws.CLOSED and "gaussian" not in k]
each_enumerable = pytest.mark.parametrize("name", FINITE)


def all_units(machine, n=7, seed=0):
    """Rows of states of all units of the machine."""
    rng = np.random.default_rng(seed)
    parts = [(u, k) for u, k in machine.graph().blocks]
    columns = [
        np.maximum(rng.normal(size=(n, k)), u.interval[0])
        if u.states is None
        else rng.choice(u.states, (n, k))
        for u, k in parts
    ]
    return np.concatenate(columns, 1)


def machine_energy(machine, x):
    """The machine's own energy of all its units."""
    if isinstance(machine, RBM):
        return machine.energy(x[:, : machine.n_visible], x[:, machine.n_visible :])
    return machine.energy(x)


@each_machine
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_energies_are_the_machines(name, dtype):
    machine = laws.MACHINES[name](dtype=dtype)
    graph, x = machine.graph(), all_units(machine)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(graph.energy(x), machine_energy(machine, x), rtol=rtol, atol=10 * rtol)
    assert graph.n_state == machine.n_units
    assert graph.J.dtype == graph.b.dtype == np.float64
    assert abs(graph.J - graph.J.T).max() == 0
    before = graph.energy(x)
    for value in machine.params.values():
        value[...] = 0
    assert np.array_equal(graph.energy(x), before), "the graph shares memory with the machine"


@each_enumerable
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_tempered_graphs_are_p_beta(name, beta):
    """Summed over what is not in x, e^-E of the tempered graph is the oracle's p_beta, base included."""
    machine = laws.MACHINES[name]()
    x = laws.all_states(machine.units, machine.n_units)
    base = np.random.default_rng(1).normal(size=len(machine.params["b"]))
    hidden = np.zeros((1, 0))
    if isinstance(machine, RBM):
        hidden = laws.all_states(machine.hidden, machine.n_hidden)
    both = np.concatenate([np.repeat(x, len(hidden), 0), np.tile(hidden, (len(x), 1))], 1)
    for given in (None, base):
        found = -machine.graph().tempered(beta, given).energy(both)
        expected = laws.minus_free_energy(machine, x, beta, given)
        np.testing.assert_allclose(logsumexp(found.reshape(len(x), -1), axis=1), expected, atol=1e-11)


@each_machine
def test_conditioned_graphs_have_the_energy_that_is_left(name):
    machine = laws.MACHINES[name]()
    graph, x = machine.graph(), all_units(machine)
    given = np.where(np.arange(graph.n_units) % 3 == 1, x[0], np.nan)
    free = np.isnan(given)
    rest, energy = graph.condition(graph.as_given(given))
    whole = np.where(free, x, given)
    np.testing.assert_allclose(rest.energy(whole[:, free]) + energy, graph.energy(whole), atol=1e-12)
    assert rest.n_state == free[: graph.n_state].sum()


@each_machine
def test_pairs_are_the_couplings(name):
    graph = laws.MACHINES[name]().graph()
    start = np.concatenate([[0], np.cumsum(graph.widths)])
    J = np.zeros(graph.J.shape)
    for pairs in graph.pairs():
        assert np.all(pairs.i < pairs.j)
        for i, j, block in zip(pairs.i, pairs.j, pairs.J, strict=True):
            assert np.any(block != 0)
            J[start[i] : start[i + 1], start[j] : start[j + 1]] = block
    assert np.array_equal(J + J.T, graph.J.toarray())


def test_zeros_are_no_couplings():
    """A chain stored as a dense J has the couplings of a chain; zeros of a sparse pattern are none."""
    machine = laws.FULLY["ising"]()
    machine.params["J"] *= np.abs(np.subtract.outer(np.arange(6), np.arange(6))) == 1
    assert machine.graph().J.nnz == 10
    sparse = laws.FULLY["ising-sparse-hidden"]()
    before = sparse.graph().J.nnz
    sparse.params["J"][:] = np.where(np.abs(sparse.params["J"]) < 0.2, 0, sparse.params["J"])
    assert sparse.graph().J.nnz == np.count_nonzero(sparse.params["J"]) < before


@pytest.mark.parametrize(
    "make",
    [
        lambda g: g.as_given([0.0]),
        lambda g: g.as_given([0.5, *[np.nan] * 4]),
        lambda g: g.as_given([*[np.nan] * 7, 3.0]),
        lambda g: g.tempered(np.inf),
        lambda g: g.tempered(0.5, np.zeros(3)),
        lambda g: graph_of("a machine", "Direct"),
    ],
)
def test_refusals_are_one_line(make):
    with pytest.raises(EbmError) as error:
        make(laws.MACHINES["bernoulli-ising"]().graph())
    assert "\n" not in str(error.value)
    assert isinstance(error.value, NotSupported) == ("Direct" in str(error.value))
