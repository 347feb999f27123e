"""The peers, as contenders. A peer that cannot be imported is left out.

Each is driven through its own public functions, with what its training loop does besides (progress bars,
metrics, files) left out where it can be: learnergy's loop also computes a pseudo-likelihood, which is not
left out because it has no other.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import scipy.sparse

from experiments.speed.timing import Contender, at_one_and_two, blas, threads


def optional(name: str) -> Any:
    """A module, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def torch_threads(n: int) -> Any:
    """torch's own pool at n threads."""
    return threads(importlib.import_module("torch"), n)


def dwave(J: Any, beta: float, x: np.ndarray, n: int) -> list[Contender]:
    """dwave-samplers, Gibbs and Metropolis: sweeps from states x, one thread (it has no others)."""
    module = optional("dwave.samplers.sa.simulated_annealing")
    if module is None:
        return []
    upper = scipy.sparse.triu(scipy.sparse.coo_array(J), 1).tocoo()
    starts, ends = upper.coords
    n_chains, n_units = x.shape
    problem = [0.0] * n_units, starts.tolist(), ends.tolist(), (-upper.data.astype(float)).tolist()
    work = float(n_units * n_chains)

    def run(rule: str, sweeps: int) -> None:
        states = x.astype(np.int8)
        module.simulated_annealing(
            n_chains, *problem, sweeps, np.array([beta]), 1, states, proposal_acceptance_criteria=rule
        )

    return [
        Contender(f"dwave-samplers {rule}", lambda k, r=rule: run(r, k), n + 1, work, 1)
        for rule in ("Gibbs", "Metropolis")
    ]


def thrml(
    J: scipy.sparse.csr_array, colours: np.ndarray, n_chains: int, n: int, base: int
) -> list[Contender]:
    """thrml: sweeps, colour by colour, compiled by JAX for all cores."""
    module = optional("thrml")
    if module is None:
        return []
    import jax
    import jax.numpy as jnp
    from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

    nodes = [module.SpinNode() for _ in range(J.shape[0])]
    upper = scipy.sparse.triu(J, 1).tocoo()
    edges = [(nodes[i], nodes[j]) for i, j in zip(*upper.coords, strict=True)]
    model = IsingEBM(nodes, edges, jnp.zeros(len(nodes)), jnp.asarray(upper.data), jnp.array(1.0))
    blocks = [
        module.Block([nodes[i] for i in np.flatnonzero(colours == c)]) for c in range(colours.max() + 1)
    ]
    program = IsingSamplingProgram(model, blocks, clamped_blocks=[])
    states = hinton_init(jax.random.key(0), model, blocks, (n_chains,))
    compiled = {}

    def run(sweeps: int) -> None:
        if sweeps not in compiled:
            schedule = module.SamplingSchedule(n_warmup=sweeps, n_samples=1, steps_per_sample=1)

            def one(key: Any, state: Any) -> Any:
                return module.sample_states(key, program, schedule, state, [], [module.Block(nodes[:1])])

            compiled[sweeps] = jax.jit(jax.vmap(one))
        keys = jax.random.split(jax.random.key(sweeps), n_chains)
        jax.block_until_ready(compiled[sweeps](keys, states))

    run(n + base)
    return [Contender("thrml", run, n + base, float(len(nodes) * n_chains), base)]


def scikit_learn(X: np.ndarray, n_hidden: int, batch: int, n: int) -> list[Contender]:
    """scikit-learn's BernoulliRBM, which is PCD-1: updates."""
    module = optional("sklearn.neural_network")
    if module is None:
        return []
    rbm = module.BernoulliRBM(n_components=n_hidden, batch_size=batch, learning_rate=0.01, random_state=0)
    rbm.n_iter = 0
    rbm.fit(X[:batch])
    rbm.h_samples_ = np.zeros((batch, n_hidden), np.float32)
    random = np.random.RandomState(0)

    def run(updates: int) -> None:
        for u in range(updates):
            start = u * batch % (len(X) - batch + 1)
            rbm._fit(X[start : start + batch], random)

    return at_one_and_two("scikit-learn", run, n, batch, blas)


def rbms(X: np.ndarray, n_hidden: int, batch: int, n: int, kind: str, potts: bool = False) -> list[Contender]:
    """rbms (torch): updates of CD-1 or PCD-1, not centred."""
    if optional("rbms") is None:
        return []
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.potts_bernoulli.classes import PBRBM
    from torch.optim import SGD

    data = torch.from_numpy(X.astype(np.float32))

    class Dataset:
        pass

    dataset = Dataset()
    dataset.data, dataset.weights = data, torch.ones(len(data), 1)  # type: ignore[attr-defined]
    machine = (PBRBM if potts else BBRBM).init_parameters(
        num_hiddens=n_hidden, dataset=dataset, device=torch.device("cpu"), dtype=torch.float32
    )
    for p in machine.parameters():
        p.grad = torch.zeros_like(p)
    machine.init_grad()
    optimiser = SGD(machine.parameters(), lr=0.01, maximize=True)
    state = {"chains": machine.init_chains(num_samples=batch, start_v=data[:batch])}
    weights = torch.ones(batch)

    @torch.no_grad()
    def run(updates: int) -> None:
        for _ in range(updates):
            rows = torch.randperm(len(data))[:batch]
            current = machine.init_chains(num_samples=batch, weights=weights, start_v=data[rows])
            chains = current if kind == "CD" else state["chains"]
            chains = machine.sample_state(chains=chains, n_steps=1)
            optimiser.zero_grad(set_to_none=False)
            machine.compute_gradient(data=current, chains=chains, centered=False)
            optimiser.step()
            state["chains"] = chains

    return at_one_and_two("rbms", run, n, batch, torch_threads)


def learnergy(X: np.ndarray, n_hidden: int, batch: int, n: int) -> list[Contender]:
    """learnergy (torch): updates of CD-1."""
    if optional("learnergy") is None:
        return []
    import logging

    import torch

    logging.disable(logging.INFO)
    from learnergy.models.bernoulli import RBM

    machine = RBM(n_visible=X.shape[1], n_hidden=n_hidden, steps=1, learning_rate=0.01)

    def run(updates: int) -> None:
        rows = torch.from_numpy(X[: updates * batch])
        machine.fit(torch.utils.data.TensorDataset(rows, torch.zeros(len(rows))), batch_size=batch, epochs=1)

    return at_one_and_two("learnergy", run, n, batch, torch_threads)


def rbms_ais(
    W: np.ndarray, b: np.ndarray, c: np.ndarray, n_temperatures: int, n_chains: int
) -> list[Contender]:
    """rbms: annealed importance sampling; a unit of work is the whole."""
    if optional("rbms") is None:
        return []
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.partition_function.ais import compute_partition_function_ais

    machine = BBRBM(*(torch.from_numpy(a) for a in (W, b, c)))

    @torch.no_grad()
    def run(_: int) -> float:
        return compute_partition_function_ais(n_chains, n_temperatures, machine)

    return at_one_and_two("rbms", run, 1, 1.0, torch_threads)
