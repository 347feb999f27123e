"""Machines as a whole: a temperature taken in, a gauge, several side by side."""

from __future__ import annotations

import numpy as np

from ebm.arguments import as_number
from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError
from ebm.gauges import zero_sum
from ebm.machine import Array
from ebm.rbm import RBM
from ebm.stream import Stream
from ebm.transforms.result import Pairwise, Transformed, as_pairwise, layer, matrix64, numbers64
from ebm.units import Units

__all__ = ["absorbed", "merged", "zero_summed"]


def absorbed(machine: Pairwise, beta: float) -> Transformed:
    """The machine whose p is p_β of this one: an inverse temperature taken into the parameters.

    Potentials stay, docs/math.md (2.1). log Z_β of the machine given is log Z of the new one.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine
    beta : float

    Returns
    -------
    Transformed

    Examples
    --------
    >>> import ebm
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]])
    >>> ebm.transforms.absorbed(pair, 0.5).machine.J[0, 1]
    np.float64(0.5)
    """
    beta, machine = as_number(beta, "beta"), as_pairwise(machine)
    return Transformed(_scaled(machine, beta), 0.0)


def zero_summed(machine: Pairwise) -> Transformed:
    """The machine in the zero-sum gauge of its Potts units, `ebm.zero_sum`; log Z moves with the energies.

    Parameters
    ----------
    machine : RBM or BoltzmannMachine

    Returns
    -------
    Transformed

    Examples
    --------
    >>> import ebm
    >>> unit = ebm.BoltzmannMachine(ebm.Potts(2), [[0.0, 0.0], [0.0, 0.0]], [1.0, 3.0])
    >>> twin, shift = ebm.transforms.zero_summed(unit)
    >>> twin.b, shift
    (array([-1.,  1.]), 2.0)
    """
    before = _scaled(as_pairwise(machine), 1.0)
    after = _scaled(before, 1.0)
    zero_sum(after)
    x = before.sample0(1, Stream(0))  # any state: energies differ by the same everywhere
    return Transformed(after, float(after.free_energy(x)[0] - before.free_energy(x)[0]))


def merged(*machines: Pairwise) -> Transformed:
    """Machines side by side as one, without couplings between them: p is the product, log Z the sum.

    Parameters
    ----------
    *machines : RBM or BoltzmannMachine
        Two or more of one kind. The visible units of all come first, in their order, then the hidden ones.

    Returns
    -------
    Transformed

    Raises
    ------
    EbmError
        Fewer than two machines, or of both kinds.

    Examples
    --------
    >>> import ebm
    >>> one, other = (ebm.RBM.random(units, ebm.Bernoulli(), 2, 3) for units in (ebm.Ising(), ebm.Gaussian()))
    >>> ebm.transforms.merged(one, other).machine
    RBM(Mixed(2 × Ising() + 2 × Gaussian()), Bernoulli(), 4 × 6, float64)
    """
    parts = [as_pairwise(machine) for machine in machines]
    restricted = [part for part in parts if isinstance(part, RBM)]
    fully = [part for part in parts if isinstance(part, BoltzmannMachine)]
    if len(parts) < 2 or (restricted and fully):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise EbmError(f"merged: expected two or more machines of one kind, got {kinds or 'none'}")
    return Transformed(_restricted(restricted) if restricted else _fully(fully), 0.0)


def _scaled(machine: Pairwise, beta: float) -> Pairwise:
    """A copy in float64, its parameters but for those of potentials times β."""
    if isinstance(machine, RBM):
        W, b, c, theta = numbers64(machine)
        return RBM(machine.visible, machine.hidden, beta * W, beta * b, beta * c, theta=theta)
    J, b = matrix64(machine)
    return BoltzmannMachine(machine.units, beta * J, beta * b, n_visible=machine.n_visible)


def _blocks(units: Units, n: int) -> list[tuple[Units, int]]:
    return [(own, places.stop - places.start) for own, places, _ in units.parts(n)]


def _restricted(machines: list[RBM]) -> RBM:
    from scipy.linalg import block_diag

    numbers = [numbers64(machine) for machine in machines]
    theta: dict[str, list[Array]] = {}
    for _, _, _, own in numbers:
        for key, values in own.items():
            theta.setdefault(key, []).append(values)
    return RBM(
        layer(block for m in machines for block in _blocks(m.visible, m.n_visible)),
        layer(block for m in machines for block in _blocks(m.hidden, m.n_hidden)),
        block_diag(*(W for W, _, _, _ in numbers)),
        np.concatenate([b for _, b, _, _ in numbers]),
        np.concatenate([c for _, _, c, _ in numbers]),
        theta={key: np.concatenate(values) for key, values in theta.items()},
    )


def _fully(machines: list[BoltzmannMachine]) -> BoltzmannMachine:
    """Units of each machine, the visible ones of all first; sparse if any is."""
    from scipy.sparse import block_diag

    J = block_diag([matrix64(machine)[0] for machine in machines], format="csr")
    b = np.concatenate([matrix64(machine)[1] for machine in machines])
    hidden = [machine.units.owners(machine.n_units) >= machine.n_visible for machine in machines]
    order = np.argsort(np.concatenate(hidden), kind="stable")
    J = J[order][:, order]
    seen = [_blocks(m.units.taken(np.arange(m.n_units) < m.n_visible), m.n_visible) for m in machines]
    rest = [_blocks(m.hidden, m.n_hidden) for m in machines if m.n_hidden]
    return BoltzmannMachine(
        layer(block for own in (*seen, *rest) for block in own),
        J if any(machine.sparse for machine in machines) else J.toarray(),
        b[order],
        n_visible=sum(machine.n_visible for machine in machines),
    )
