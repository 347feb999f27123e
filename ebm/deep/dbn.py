"""Deep belief networks: an RBM on top of directed layers, learnt greedily."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from ebm.arguments import as_count, as_flag, as_function
from ebm.arrays import Owned
from ebm.deep.unfolding import autoencoder, with_readout
from ebm.errors import EbmError, NotSupported, expect, expect_all, printable
from ebm.learning import CD, Rule
from ebm.machine import Array, Count, Machine, Params, as_rows, put
from ebm.network import Layer, Network
from ebm.optimisers import Optimiser
from ebm.partition import LogZ, log_z
from ebm.partition.likelihood import as_log_z
from ebm.penalties import Penalty
from ebm.progress import Progress, Update, showing
from ebm.rbm import RBM
from ebm.samplers import sample
from ebm.stream import SAMPLE, Seed, Stream
from ebm.training import fit
from ebm.training.pace import steady
from ebm.units import Bernoulli, Units
from ebm.units.family import as_units

__all__ = ["DBN"]

_BLOCK = 4096  # rows that go up together


class DBN:
    """A deep belief network: p(v, h₁, …) = p(v | h₁) … p(h_{L−2} | h_{L−1}) p(h_{L−1}, h_L), math.md (4.19).

    The top two layers are an RBM; below, each layer is drawn given the one above with its generative weights,
    and guessed given the one below with its recognition weights. Stacked from RBMs, both are theirs;
    `up_down` unties them.

    Parameters
    ----------
    machines : sequence of RBM
        From the data up; the hidden layer of each is the visible one of the next. Copied.

    Attributes
    ----------
    top : RBM
    params : dict of str to ndarray
        Live: "R0", "r0" (recognition: layer 0 to 1), "G0", "g0" (generative: layer 1 to 0), …, and "W", "b",
        "c" of the top.

    Raises
    ------
    EbmError
        Layers that do not fit.
    NotSupported
        Visible units that learn a precision, below the top.

    References
    ----------
    Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets" (2006).

    Examples
    --------
    >>> import numpy as np, ebm
    >>> data = np.array([[0, 0, 1, 1], [1, 1, 0, 0]] * 20)
    >>> dbn = ebm.DBN.greedy(data, [3, 2], epochs=2)
    >>> dbn
    DBN(4 × Bernoulli() - 3 × Bernoulli() - 2 × Bernoulli(), float32)
    >>> dbn.transform(data).shape, dbn.sample(5).shape
    ((40, 2), (5, 4))
    """

    def __init__(self, machines: Sequence[RBM]) -> None:
        machines = expect_all(machines, RBM, "DBN: machines", "a sequence of RBMs")
        if not machines:
            raise EbmError("DBN: expected at least one RBM")
        for k, (low, high) in enumerate(pairwise(machines)):
            if low.hidden != high.visible or low.n_hidden != high.n_visible:
                layers = f"{low.n_hidden} × {low.hidden} below {high.n_visible} × {high.visible}"
                raise EbmError(f"DBN: machines {k} and {k + 1} do not fit: {layers}")
            if low.visible.learns or low.hidden.learns:
                layer = low.visible if low.visible.learns else low.hidden
                raise NotSupported(f"DBN: machine {k}: {layer}: expected units that learn no potential")
        if len({m.dtype for m in machines}) > 1:
            dtypes = ", ".join(str(m.dtype) for m in machines)
            raise EbmError(f"DBN: machines of {dtypes}; expected one dtype")
        self.layer_units = (*(m.visible for m in machines), machines[-1].hidden)
        self.sizes = (*(m.n_visible for m in machines), machines[-1].n_hidden)
        self.top = machines[-1].copy()
        params: Params = {}
        for k, machine in enumerate(machines[:-1]):
            params |= {f"R{k}": machine.W.copy(), f"r{k}": machine.c.copy()}
            params |= {f"G{k}": machine.W.T.copy(), f"g{k}": machine.b.copy()}
        self._params = Owned(params | self.top.params)

    def _tie(self) -> None:
        """Let the top work with the arrays of `params`: new ones, or written apart, as joblib does."""
        self.top.params.share({key: self._params[key] for key in self.top.params})
        self.top.project()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._tie()

    @classmethod
    def greedy(
        cls,
        data: ArrayLike,
        sizes: Annotated[Sequence[Count], Field(min_length=1)],
        *,
        visible: Units = Bernoulli(),
        hidden: Units = Bernoulli(),
        rule: Rule[Machine] | None = None,
        optimiser: Optimiser | Sequence[Optimiser] | None = None,
        epochs: int | Sequence[int] = 10,
        batch_size: int = 100,
        penalties: Sequence[Penalty] = (),
        seed: Seed = 0,
        learnt: Sequence[RBM] = (),
        progress: Progress = None,
        each: Callable[[int, RBM], object] | None = None,
    ) -> DBN:
        """Learn a stack layer by layer: each RBM on the hidden means of the one below.

        Means are what the data of the next layer are; of Potts units, whose means are none, draws.

        Parameters
        ----------
        data : (n, n_visible)
        sizes : sequence of int
            Units of the hidden layers.
        visible, hidden : Units
        rule : Rule, optional
            ``CD()`` when left out.
        optimiser : Optimiser or one for each layer, optional
            ``SGD(0.05, momentum=0.5)`` when left out, of real units at what is stable, as in `ebm.fit`.
        epochs : int or one for each layer
        batch_size, penalties, seed
            As in `ebm.fit`.
        learnt : sequence of RBM
            The lowest layers, as an earlier call with the same arguments had learnt them: it goes on above.
        progress : callable, bool or None
            As in `ebm.fit`, of all layers.
        each : callable, optional
            Called with the number of each layer and its machine when it has been learnt.

        Returns
        -------
        DBN
            float32.
        """
        layers = len(expect(sizes, Sequence, "greedy: sizes", "numbers of hidden units such as [500, 200]"))
        if not layers:
            raise EbmError("greedy: sizes: expected at least one hidden layer")
        learnt = expect_all(learnt, RBM, "learnt", "a sequence of RBMs")
        as_function(each, "each", "a number and an RBM")
        optimisers = _each(optimiser, layers, "optimiser")
        lengths = _each(epochs, layers, "epochs")
        machines: list[RBM] = []
        rows, units, stream = as_units(visible, "visible").check(data), visible, Stream(seed)
        with showing(progress, "greedy") as update:
            for k, size in enumerate(sizes):
                key = stream.split(k).key
                if k < len(learnt):
                    machine = learnt[k]
                else:
                    n = as_count(size, "sizes")
                    machine = RBM.from_data(rows, n, visible=units, hidden=hidden, seed=key)
                    fit(
                        machine, rows, rule=CD() if rule is None else rule,
                        optimiser=steady(machine, rows, 0.05, 0.5) if optimiser is None else optimisers[k],
                        epochs=lengths[k], batch_size=batch_size, penalties=penalties, seed=key,
                        progress=_of_layer(update, k, layers),
                    )  # fmt: skip
                    if each is not None:
                        each(k, machine)
                machines.append(machine)
                if k + 1 < layers:
                    rows, units = _raised(machine, rows, stream.split(k).split(SAMPLE)), hidden
        return cls(machines)

    @classmethod
    def restored(cls, units: Sequence[Units], sizes: Sequence[int], params: Params) -> DBN:
        """The network with these parameters, as a file has them."""
        types, counts, dtype = pairwise(units), pairwise(sizes), params["W"].dtype
        dbn = cls([RBM.random(*u, *n, dtype=dtype) for u, n in zip(types, counts, strict=True)])
        put(dbn, params)
        return dbn

    def __repr__(self) -> str:
        own = " - ".join(f"{n} × {u}" for n, u in zip(self.sizes, self.layer_units, strict=True))
        return printable(f"DBN({own}, {self.dtype})")

    @property
    def params(self) -> Owned:
        """R, r up and G, g down of each directed layer, and W, b, c of the top: live arrays."""
        return self._params

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.top.dtype

    @property
    def n_visible(self) -> int:
        """Units in a row of data."""
        return self.sizes[0]

    @property
    def couplings(self) -> tuple[str, ...]:
        """The parameters that penalties act on."""
        return tuple(key for key in self.params if key[0] in "RGW")

    @property
    def depth(self) -> int:
        """Directed layers below the top RBM."""
        return len(self.sizes) - 2

    def copy(self) -> DBN:
        """An independent network with the same parameters."""
        return DBN.restored(self.layer_units, self.sizes, self.params)

    def project(self) -> None:
        """Drop what the top keeps of its parameters: called by whoever changes them."""
        self._params.check()
        self._tie()

    def inputs_up(self, x: Array, k: int) -> Array:
        """Inputs of layer k + 1 given states or means of layer k, by the recognition weights."""
        return self.params[f"r{k}"] + self.layer_units[k].dot(x, self.params[f"R{k}"])

    def inputs_down(self, x: Array, k: int) -> Array:
        """Inputs of layer k given states of layer k + 1, by the generative weights."""
        return self.params[f"g{k}"] + self.layer_units[k + 1].dot(x, self.params[f"G{k}"])

    def _data(self, v: ArrayLike, *, strict: bool = False) -> Array:
        rows = as_rows(v, self.layer_units[0], self.n_visible, "v", strict=strict)
        return self.layer_units[0].as_states(rows, self.dtype)

    def transform(self, v: ArrayLike) -> Array:
        """Means of the top hidden layer, (n, n·width): those of each layer given the means of the one below.

        Raises
        ------
        NotSupported
            Potts units in a layer between.
        """
        for units, n in zip(self.layer_units[1:-1], self.sizes[1:-1], strict=True):
            if units.columns(n) > n:
                raise NotSupported(
                    f"transform: means of {units} units are no states; expected Bernoulli layers between"
                )
        rows = self._data(v)
        blocks = []
        for start in range(0, max(1, len(rows)), _BLOCK):
            x = rows[start : start + _BLOCK]
            for k in range(self.depth):
                x = self.layer_units[k + 1].mean(self.inputs_up(x, k))
            blocks.append(self.top.mean_h(x))
        return np.concatenate(blocks)

    def reconstruct(self, v: ArrayLike) -> Array:
        """Means of v by way of the top: means up by the recognition weights, down by the generative ones."""
        return self.autoencoder().predict_mean(self._data(v))

    def draw_up(self, v: ArrayLike, rng: Stream) -> list[Array]:
        """States of the layers 0 to L − 1: each drawn given the one below, by the recognition weights."""
        states = [self._data(v)]
        for k in range(self.depth):
            I = self.inputs_up(states[-1], k)
            states.append(
                self.layer_units[k + 1].sample(I, rng.uniform(len(I), self.sizes[k + 1], self.dtype))
            )
        return states

    def draw_down(self, x: Array, rng: Stream) -> list[Array]:
        """States of the layers L − 1 to 0, reversed: 0 first; each drawn given the one above."""
        states = [x]
        for k in range(self.depth - 1, -1, -1):
            I = self.inputs_down(states[0], k)
            states.insert(0, self.layer_units[k].sample(I, rng.uniform(len(I), self.sizes[k], self.dtype)))
        return states

    def sample(self, n: int, *, seed: Seed = 0, means: bool = False, **settings: Any) -> Array:
        """Draw rows of data: of the top RBM, as `ebm.sample` does, then down.

        Parameters
        ----------
        n : int
        means : bool
            Means of the data given the layer above, (n, n_visible·width), instead of draws.
        **settings
            Of `ebm.sample`: sampler, burn_in, thin, n_chains; given, where all of the network is its top.

        Returns
        -------
        ndarray, (n, n_visible)
        """
        if self.depth and settings.get("given") is not None:
            top = "ebm.sample(dbn.top, n, given=…) clamps units of the top"
            raise NotSupported(f"sample: given: data are drawn down from the top, unclamped; {top}")
        rng = Stream(seed).split(SAMPLE).split(self.depth)  # others than those of the top
        x = np.asarray(sample(self.top, n, seed=seed, **settings).x)
        if not self.depth:
            return x
        states = self.draw_down(self.top.visible.as_states(x, self.dtype), rng)
        return (
            self.layer_units[0].mean(self.inputs_down(states[1], 0)) if as_flag(means, "means") else states[0]
        )

    def log_likelihood_bound(
        self, v: ArrayLike, log_z_of: LogZ | float | None = None, *, n_draws: int = 10, seed: Seed = 0
    ) -> Array:
        """A lower bound on log p(v): ⟨log p(v, h) − log q(h | v)⟩, h drawn up from v, math.md (4.20).

        Parameters
        ----------
        v : (n, n_visible)
            States.
        log_z_of : LogZ, float or None
            log Z of the top RBM, nats; None: ``ebm.log_z(dbn.top)``.
        n_draws : int
            Of h for each row; the mean over them is unbiased.

        Returns
        -------
        ndarray, (n,) float64
            Nats per sample. For a single RBM it is the log-likelihood.
        """
        value = as_log_z(log_z(self.top, seed=seed) if log_z_of is None else log_z_of)
        rows, rng = self._data(v, strict=True), Stream(seed).split(SAMPLE)
        total = np.zeros(len(rows))
        draws = as_count(n_draws, "n_draws") if self.depth else 1
        for _ in range(draws):
            states = self.draw_up(rows, rng)
            for k in range(self.depth):
                total += _log_p(self.layer_units[k], self.inputs_down(states[k + 1], k), states[k])
                total -= _log_p(self.layer_units[k + 1], self.inputs_up(states[k], k), states[k + 1])
            total -= self.top.free_energy(states[-1]) + value
        return total / draws

    def recognition(self) -> list[Layer]:
        """The layers on the way up, with copies of their arrays."""
        pairs = [(self.params[f"R{k}"], self.params[f"r{k}"]) for k in range(self.depth)]
        pairs.append((self.top.W, self.top.c))
        return [Layer(u, W.copy(), c.copy()) for u, (W, c) in zip(self.layer_units[1:], pairs, strict=True)]

    def unfold(self, readout: Units, n_outputs: int = 1) -> Network:
        """A network of the layers on the way up and a readout that says nothing yet; for `fine_tune`."""
        return with_readout(self.recognition(), self.layer_units[0], readout, n_outputs)

    def autoencoder(self) -> Network:
        """A network of the layers on the way up and back down to the data, whose loss is −log p(v | code)."""
        down = [Layer(self.top.visible, self.top.W.T.copy(), self.top.b.copy())]
        for k in range(self.depth - 1, -1, -1):
            arrays = (self.params[f"{name}{k}"].copy() for name in "Gg")
            down.append(Layer(self.layer_units[k], *arrays))
        return autoencoder(self.recognition(), down)


def _each(value: Any, n: int, name: str) -> list[Any]:
    """One value for each of n layers."""
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise EbmError(f"greedy: {name}: expected one, or one for each of {n} layers, got {len(value)}")
    return list(value)


def _of_layer(update: Update, k: int, layers: int) -> Update:
    """What is called for layer k of so many."""
    return lambda done, line: update((k + done) / layers, f"layer {k + 1}/{layers}, {line}")


def _raised(machine: RBM, rows: Array, rng: Stream) -> Array:
    """The data of the next layer."""
    wide = len(machine.c) > machine.n_hidden
    up = (lambda x: machine.sample_h(x, rng)) if wide else machine.mean_h
    return np.concatenate([up(rows[k : k + _BLOCK]) for k in range(0, len(rows), _BLOCK)])


def _log_p(units: Units, I: Array, x: Array) -> Array:
    """log p(x | I) of a layer: I·φ(x) − U(x) − A(I), (n,) float64."""
    I = I.astype(np.float64)
    return (I * units.encode(x)).sum(1) - units.potential(x).sum(1) - units.cgf(I).sum(1)
