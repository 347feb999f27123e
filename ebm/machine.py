"""The protocol that every sampler, rule and estimator of log Z is written against.

A machine's state is one array x, (n_chains, n_units); what it does not carry is summed out. An RBM's x is
its visible layer; a fully connected machine's x is all its units, visible first. Samplers and estimators
know two methods of a machine, `sweep` and `free_energy`, and no machine.

Temperature (docs/math.md, section 2): H is the energy without the potentials U, p_β(x) ∝ exp(−βH − U), and
the input of a unit is β·field + (1 − β)·base.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Protocol, Self, TypeAlias, TypeVar, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from ebm.arguments import as_array, as_choice, as_count, as_numbers
from ebm.arrays import sound
from ebm.errors import Diverged, EbmError, NotSupported, described, expect, short
from ebm.stream import Stream, as_stream
from ebm.units import Units

__all__ = ["Chains", "Machine"]

Array: TypeAlias = NDArray[Any]
Params: TypeAlias = dict[str, Array]
Scan: TypeAlias = Literal["auto", "systematic", "random", "chromatic"]
SCANS: tuple[Scan, ...] = get_args(Scan)
Base: TypeAlias = Array | None
Count: TypeAlias = Annotated[int, Field(ge=1, lt=2**31)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FloatType: TypeAlias = Literal["float32", "float64"] | type[np.floating] | np.dtype


def read_only(x: Array) -> Array:
    """A view that cannot be written to: what is derived from something would not follow."""
    view = x.view()
    view.flags.writeable = False
    return view


class Chains(Protocol):
    """Running chains: a state in its machine's own layout, with what can be kept between calls."""

    @property
    def x(self) -> Array:
        """The states, (n_chains, n_units), read-only: to change them, start other chains."""

    def __len__(self) -> int: ...

    def copy(self) -> Self:
        """Chains at the same states, which go their own way."""

    def take(self, rows: Array) -> Self:
        """New chains at the states of these rows, which may repeat; what was kept for them goes along."""


@runtime_checkable
class Parametrised(Protocol):
    """What an optimiser moves, penalties act on and a checkpoint holds: machines, and networks too."""

    @property
    def params(self) -> Params:
        """Live arrays, updated in place; whoever changes them calls `project`."""

    @property
    def couplings(self) -> tuple[str, ...]:
        """The parameters that penalties act on: weights, not biases."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""

    def copy(self) -> Self:
        """An independent one with the same parameters."""

    def project(self) -> None:
        """Restore the constraints of the parameters and drop what is derived from them."""


@runtime_checkable
class Machine(Parametrised, Protocol):
    """What a machine offers. Wherever a method takes states x it takes `Chains`, then works in place.

    What only some machines can do is in protocols of their own, below, which `require` asks for.
    """

    @property
    def biases(self) -> tuple[str, ...]:
        """The parameters that centring has offsets for."""

    @property
    def share(self) -> float:
        """Of a coupling's slope that belongs to an entry: ½ where J_ij and J_ji are one parameter, else 1."""

    @property
    def sums_out(self) -> bool:
        """Whether `free_energy` sums units out, so that it is not an energy and not linear in β."""

    @property
    def scans(self) -> tuple[Scan, ...]:
        """The orders in which `sweep` can visit units."""

    @property
    def units(self) -> Units:
        """The type of the units in x."""

    @property
    def n_units(self) -> int:
        """Units in x."""

    @property
    def n_visible(self) -> int:
        """Units in a row of data."""

    def start(self, x: ArrayLike) -> Chains:
        """Make running chains from states; x is copied."""

    def carry(self, chains: Any, rng: Stream) -> tuple[Array, Array | None]:
        """What learning keeps of running chains: states, and what the next sweep begins with, if any."""

    def restart(self, x: Array, ahead: Array | None = None) -> Chains:
        """Running chains from what `carry` returned; the sweep that follows is one at β = 1."""

    def free_energy(self, x: Array | Chains, beta: ArrayLike = 1.0, base: Base = None) -> Array:
        """−log of the unnormalised p_β(x), nats; beta scalar, (n,) or (k, n) gives (n,) or (k, n)."""

    def sweep(
        self,
        x: Any,
        rng: Stream,
        n: int = 1,
        beta: ArrayLike = 1.0,
        base: Base = None,
        free: Array | None = None,
        scan: Scan = "auto",
    ) -> Any:
        """n Gibbs sweeps, which leave p_β invariant; units outside the mask `free` stay as they are."""

    def stats(self, x: Array | Chains, weights: Array | None = None) -> Params:
        """−∂ free_energy/∂ params, the weighted sum over rows (None: the mean)."""

    def contrast(
        self, x: Array | Chains, weights: Array | None, y: Array | Chains, others: Array | None = None
    ) -> tuple[Params, Params]:
        """stats(x, weights) − stats(y, others) in one pass, and the first of the biases alone."""

    def store(self, data: Array) -> Any:
        """Rows of data in a form of the machine's own: learning takes batches of them by index."""

    def clamp(self, v: Array, rng: Stream, n: int = 10) -> Array:
        """Complete rows of data to states: hidden units in x are swept n times, the data held."""

    def require_exact(self) -> None:
        """Raise `TooLarge` if `exact` would; cheap."""

    def normalisable(self, beta: float = 1.0, free: Array | None = None) -> bool:
        """Whether p_β, with only the units of a mask `free`, has a finite integral.

        Only real units in both layers can make it false.
        """

    def exact(self, beta: float = 1.0, *, stats: bool = True) -> tuple[float, Params]:
        """(log Z_β, expected stats under p_β) by the cheapest enumeration or formula, else TooLarge."""

    def sample0(self, n: int, rng: Stream, base: Base = None) -> Array:
        """Draw n exact states at β = 0: independent units with inputs `base`."""

    def log_z0(self, base: Base = None) -> float:
        """log Z at β = 0, nats."""

    def visible_free_energy(self, v: Array) -> Array:
        """−log Σ over everything but v of exp(−E), nats, (n,): all hidden units summed exactly."""

    def posterior_stats(self, v: Array, weights: Array | None = None) -> Params:
        """`stats` averaged exactly over p(hidden | v), the weighted sum over rows."""

    def site_energies(self, x: Array | Chains, i: int) -> Array:
        """free_energy of x with unit i set to each of its states, (n, n_states), up to a constant per row."""

    def site_contrast(self, x: Array | Chains, weights: Array) -> Params:
        """Σ weights (stats of x with one unit changed − stats of x), weights (n, n_units, n_states)."""

    def centre(self, gradient: Params, offsets: Params) -> Params:
        """The gradient in centred coordinates, docs/math.md (5.4)–(5.5)."""

    def standardise(self, gradient: Params, offsets: Params) -> Params:
        """Of a gradient in centred coordinates, the step that it is in standardised ones, math.md (5.6a)."""

    def uncentre(self, step: Params, offsets: Params) -> Params:
        """A step in centred coordinates as a step of the parameters, docs/math.md (5.4)–(5.5)."""


@runtime_checkable
class Pairwise(Machine, Protocol):
    """All units in the state, coupled by a matrix.

    E = −b·φ − ½ φ·J·φ, docs/math.md (3.1).
    """

    @property
    def J(self) -> Any:
        """Couplings, dense or scipy.sparse, (n_units·width, n_units·width)."""

    @property
    def b(self) -> Array:
        """Biases, (n_units·width,)."""

    @property
    def sparse(self) -> bool:
        """Whether J is stored sparse."""

    def inputs(self, x: Any, beta: ArrayLike = 1.0) -> Array:
        """Input of each unit given all others, β(b + J·φ), (n, n_units·width)."""

    def site_changes(self, x: Any, change: Array) -> Params:
        """What changes of φ, each of one unit alone, (n, n_units·width), add to `stats`, summed over rows."""


@runtime_checkable
class Mirrored(Parametrised, Protocol):
    """Couplings stand twice, as J_ij and J_ji."""

    def take_lesser(self) -> None:
        """Give J_ij and J_ji the one of their values that is nearer to zero."""


@runtime_checkable
class Conditionable(Machine, Protocol):
    """Given some units, the others are a machine again."""

    def condition(self, given: ArrayLike) -> tuple[Machine, float]:
        """The machine of the free units (NaN in `given`), and what the others add to its energy, nats."""


@runtime_checkable
class HasInputs(Machine, Protocol):
    """A machine of some units given others, its inputs, which are in every row and never move."""

    @property
    def n_inputs(self) -> int:
        """How many: the first units of a row."""

    def exact_given(
        self, x: ArrayLike, weights: Array | None = None, beta: float = 1.0, *, stats: bool = True
    ) -> tuple[Array, Params]:
        """log Z(x) of each row of inputs, (n,), and the weighted sum of the expected stats; or `TooLarge`."""

    def annealed_given(self, x: ArrayLike, path: Array, n_chains: int, rng: Stream) -> Array:
        """Log-weights of annealing, (n, n_chains): log Z(x) is the log of the mean of their exponentials."""

    def sample0_given(self, x: ArrayLike, rng: Stream, base: Base = None) -> Array:
        """States with these inputs, the other units drawn at β = 0."""


@runtime_checkable
class Conditional(Machine, Protocol):
    """With slopes of log p(v_i | the other visible units), docs/math.md (4.11)."""

    def conditional(self, x: Any, i: int, weights: Array, scale: Array | None = None) -> tuple[Params, Array]:
        """∂/∂params of Σ weights log p(v_i | the others), and log p of each row, nats."""


@runtime_checkable
class HasHidden(Machine, Protocol):
    """With hidden units that have biases of their own."""

    @property
    def hidden(self) -> Units:
        """Their type."""

    @property
    def n_hidden(self) -> int:
        """How many there are."""

    @property
    def hidden_biases(self) -> tuple[str, slice]:
        """The parameter that holds their biases, and where in it."""


@runtime_checkable
class Reconstructs(Parametrised, Protocol):
    """Gives data back from their hidden means."""

    @property
    def n_visible(self) -> int:
        """Units in a row of data."""

    def reconstruct(self, v: ArrayLike) -> Array:
        """Means of v given the hidden means of v, (n, n_visible·width)."""


@runtime_checkable
class HasFeatures(Machine, Reconstructs, Protocol):
    """With exact hidden means given the data: features, and a reconstruction."""

    def mean_h(self, v: ArrayLike) -> Array:
        """⟨φ(h)⟩ given v, (n, n_hidden·width)."""


@runtime_checkable
class Curved(HasHidden, Protocol):
    """That knows how far a step of learning may go."""

    @property
    def visible(self) -> Units:
        """The type of the visible units."""

    def curvature(self, v: ArrayLike) -> dict[str, float]:
        """Of each parameter, what no eigenvalue of its Fisher matrix is much above, docs/math.md (5.7a)."""


@runtime_checkable
class TwoLayers(HasFeatures, HasHidden, Protocol):
    """With visible and hidden units that one matrix couples, the hidden ones summed out."""

    @property
    def visible(self) -> Units:
        """The type of the visible units."""

    @property
    def W(self) -> Array:
        """Couplings, (n_visible·width, n_hidden·width)."""

    @property
    def b(self) -> Array:
        """Visible biases."""

    @property
    def c(self) -> Array:
        """Hidden biases."""

    def site_energies(self, x: Any, i: int, states: Array | None = None) -> Array:
        """As of any machine; or with unit i set to the given states instead of all that it has."""


@runtime_checkable
class MeanFielded(Machine, Protocol):
    """Completes rows of data by means that satisfy its mean-field equations."""

    def mean_field(self, v: ArrayLike, *, tolerance: float = 1e-4) -> tuple[Array, Array]:
        """Rows with the means of the other units in the state, and the entropies, nats."""


@runtime_checkable
class Layered(Parametrised, Protocol):
    """A stack of layers.

    The data's is the first.
    """

    @property
    def layer_units(self) -> tuple[Units, ...]:
        """The type of each layer."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer."""


@runtime_checkable
class Bounded(Parametrised, Protocol):
    """With a lower bound on the log-likelihood."""

    def log_likelihood_bound(self, v: ArrayLike, log_z_of: Any = None) -> Array:
        """A lower bound on log p(v) of each row, nats, (n,)."""


T = TypeVar("T")


_OFFERS: dict[tuple[type, type], bool] = {}


def offers(thing: object, ability: type) -> bool:
    """isinstance of a protocol, asked once for each class: it takes 0.1 ms, and steps of learning as long."""
    key = type(thing), ability
    if key not in _OFFERS:
        _OFFERS[key] = isinstance(thing, ability)
    return _OFFERS[key]


def require(machine: object, ability: type[T], who: str, instead: str = "") -> T:
    """The machine, as one with an ability, or one line that it has not.

    Parameters
    ----------
    machine : object
    ability : protocol
        Such as `Pairwise`; its first line says what it is.
    who : str
        What needs it.
    instead : str
        What to use instead.

    Raises
    ------
    NotSupported

    Examples
    --------
    >>> import ebm
    >>> rbm = ebm.RBM.random(ebm.Ising(), ebm.Ising(), 2, 2)
    >>> require(rbm, Layered, "figure")
    Traceback (most recent call last):
    ebm.errors.NotSupported: figure: RBM(Ising(), Ising(), 2 × 2, float32) is not Layered (a stack of layers)
    """
    if not isinstance(machine, ability):
        what = (ability.__doc__ or "").splitlines()[0].rstrip(".")
        what = what[:1].lower() + what[1:]
        use = f"; use {instead}" if instead else ""
        raise NotSupported(f"{who}: {short(machine)} is not {ability.__name__} ({what}){use}")
    return machine


def as_machine(machine: object, name: str) -> Machine:
    """The machine, or one line that it is none."""
    expected = "a machine such as RBM.random(Bernoulli(), Bernoulli(), 6, 4)"
    if isinstance(machine, type):
        pass  # a class has the attributes of what it makes
    elif isinstance(machine, Bounded):
        expected = "a machine: its top is one (.top); or use its own sample, log_likelihood_bound, transform"
    elif isinstance(machine, Parametrised):
        expected = "a machine, which has an energy; or use its own predict, predict_mean, error"
    return expect(machine, Machine, name, expected)


def require_density(machine: Machine, betas: ArrayLike, who: str, free: Array | None = None) -> None:
    """Refuse a machine of which some p_β has no finite integral: the coldest has one, or not all have.

    Where only the units of a mask `free` may move, it is that over them.
    """
    for beta in sorted({float(np.max(betas)), float(np.min(betas))}):
        if not 0 <= beta < 1 and not machine.normalisable(beta, free):
            at = "" if beta == 1 else f" at β = {beta:g}"
            given = "" if free is None or free.all() else ", given what is clamped"
            raise EbmError(f"{who}: {machine} is not normalisable{at}{given}")


def as_beta(beta: ArrayLike, n: int, dtype: Any = np.float64, *, levels: bool = True) -> Array:
    """Broadcast inverse temperatures to (n,), or with `levels` also (k, n), checked to be finite."""
    if isinstance(beta, float) and math.isfinite(beta):  # the usual case, thrice as fast
        return np.full(n, beta, dtype)
    array = as_numbers(beta, "beta").astype(dtype)
    if not np.isfinite(array).all():
        raise EbmError("beta: expected finite inverse temperatures")
    try:
        shape = np.broadcast_shapes(array.shape, (n,)) if array.ndim < 3 else ()
    except ValueError:
        shape = ()
    if shape not in ((n,), (*shape[:1], n) if levels else (n,)):
        allowed = f"a scalar, ({n},) or (k, {n})" if levels else f"a scalar or ({n},)"
        raise EbmError(f"beta: expected {allowed}, got {array.shape}")
    return sound(np.broadcast_to(array, shape), dtype)


def as_base(base: Base, n: int, dtype: Any) -> Array:
    """The base inputs as an (n,) array; None is zero."""
    if base is None:
        return np.zeros(n, dtype)
    base = sound(as_numbers(base, "base"), dtype)
    if base.shape != (n,) or not np.isfinite(base).all():
        raise EbmError(f"base: expected {n} finite inputs, got shape {base.shape}")
    return base


def as_free(free: Array | None, n: int) -> Array | None:
    """The mask of units that may change, checked; None when all may."""
    if free is None:
        return None
    free = as_array(free, "free")
    if free.shape != (n,) or free.dtype != np.bool_:
        raise EbmError(f"free: expected a bool mask of {n} units, got {free.dtype} {free.shape}")
    return None if free.all() else free


def as_sweeps(
    machine: Machine,
    b: Array,
    n: int,
    n_rows: int,
    beta: ArrayLike,
    base: Base,
    free: Array | None,
    rng: Stream,
    scan: Scan,
) -> tuple[int, Array, Array, Array | None]:
    """The arguments of a sweep, checked: how often, β of the rows, base inputs, who may change.

    `b` are the biases of the state.

    Raises
    ------
    EbmError
        They are none of this machine.
    NotSupported
        A scan that the machine does not know.
    """
    if type(n) is not int or not 0 <= n < 2**31:  # else the usual case
        n = as_count(n, "n", 0)
    if type(rng) is not Stream or type(scan) is not str or scan != "auto":  # else the usual case
        as_stream(rng)
        if as_choice(scan, SCANS, "scan") not in machine.scans:
            raise NotSupported(f"scan {scan!r}: {machine!r} knows {' and '.join(machine.scans)}")
    hot = as_beta(beta, n_rows, b.dtype, levels=False)
    if base is None and free is None:  # the usual case
        return n, hot, np.zeros(len(b), b.dtype), None
    return n, hot, as_base(base, len(b), b.dtype), as_free(free, machine.n_units)


def at_least_one(n: int, what: str = "rows") -> int:
    """The number of rows, of which there has to be one: a mean of none is nothing."""
    if n == 0:
        raise EbmError(f"{what}: expected at least one row, got none")
    return n


def as_weights(weights: ArrayLike | None, n: int) -> Array:
    """Row weights as (n,) float64; None is 1/n each. They are used as they are: they may be negative."""
    if weights is None:
        return np.full(n, 1.0 / at_least_one(n))
    if type(weights) is not np.ndarray or weights.dtype != np.float64 or not weights.flags.carray:
        weights = sound(as_numbers(weights, "weights"), np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all():
        raise EbmError(f"weights: expected {n} finite numbers, got shape {weights.shape}")
    return weights


def as_rows(x: Any, units: Units, n_units: int, what: str = "x", *, strict: bool = False) -> Array:
    """Rows of n_units states (or means, unless `strict`), checked for shape and domain."""
    x = as_array(x, what)
    if x.ndim != 2 or x.shape[1] != n_units:
        got = x.shape if x.ndim else described(x.item())
        raise EbmError(f"{what}: expected shape (n, {n_units}), got {got}")
    return units.check(x, what, strict=strict)


def as_data(machine: Machine, data: Any, what: str = "data", *, strict: bool = False) -> Array:
    """Rows of data of a machine, checked for shape and domain."""
    units = visible_units(as_machine(machine, "machine"))
    return as_rows(data, units, machine.n_visible, what, strict=strict)


def visible_units(machine: Machine) -> Units:
    """The type of the units in a row of data: of those in the state, the first."""
    own = np.arange(machine.n_units) < machine.n_visible
    return machine.units if own.all() else machine.units.taken(own)


def inputs_of(machine: Machine) -> int:
    """How many of the first units of a row are inputs, which are given and never move."""
    return machine.n_inputs if isinstance(machine, HasInputs) else 0


def moving_units(machine: Machine) -> Units:
    """The type of the units in the state that are no inputs."""
    first = inputs_of(machine)
    return machine.units.taken(np.arange(first, machine.n_units)) if first else machine.units


def site_differences(machine: Machine, chains: Chains, own: Array) -> Array:
    """Free energies with one unit put into each of its states, minus that of the row itself, nats.

    Parameters
    ----------
    chains : Chains
    own : bool, (n, n_units, n_states)
        The states that the units are in, among those of `site_states`. Inputs are left out.

    Returns
    -------
    ndarray, (n, n_units, n_states)
        Infinite where a unit has fewer states.
    """
    energies = np.full(own.shape, np.inf)
    if isinstance(machine, Pairwise):  # one product for all of them
        I = machine.inputs(chains).astype(np.float64)
        for units, places, columns in machine.units.parts(machine.n_units):
            _, phi, log_weights = units.table()
            inputs = I[:, columns].reshape(len(I), -1, units.width)
            energies[:, places, : len(phi)] = -(inputs @ phi.T + log_weights)
    else:
        for i, unit in enumerate(range(inputs_of(machine), machine.n_units)):
            found = machine.site_energies(chains, unit)
            energies[:, i, : found.shape[1]] = found
    return energies - np.sum(energies, axis=-1, where=own)[..., None]


def check_finite(machine: Parametrised, step: int) -> None:
    """Raise `Diverged` if a parameter is NaN or infinite."""
    for key, value in machine.params.items():
        if not np.isfinite(value).all():
            raise Diverged(f"parameter {key} became non-finite by step {step}: lower the rate")


def put(machine: Parametrised, params: Params) -> None:
    """Give a machine other parameters: their values, in the arrays that it has."""
    try:
        for key, value in params.items():
            machine.params[key][:] = value
    finally:  # whatever interrupts, the machine follows its parameters
        machine.project()
