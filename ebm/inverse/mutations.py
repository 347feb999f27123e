"""What mutations cost: changes of the energy of a sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ebm.arguments import as_array, as_flag
from ebm.boltzmann import BoltzmannMachine
from ebm.datasets.alignment import encoded
from ebm.errors import EbmError, expect
from ebm.files import refuse_beyond_memory
from ebm.machine import Array, as_rows
from ebm.states import site_states

__all__ = ["mutation_scan"]


def mutation_scan(
    machine: BoltzmannMachine, sequence: ArrayLike | str, *, alphabet: str = "protein", double: bool = False
) -> Array:
    """Changes of the energy by all single mutations of a sequence, or by all pairs: docs/math.md (16.6).

    Parameters
    ----------
    machine : BoltzmannMachine
    sequence : (L,) array or str
        States of the units, or letters.
    alphabet : str
        Of the letters: "protein", "rna", "dna" or your own, see `ebm.datasets.Alignment`.
    double : bool
        Pairs, and not single mutations.

    Returns
    -------
    (L, q) float64, or (L, q, L, q)
        E(mutant) − E(sequence) with site i in state a, or site i in state a and j in b, nats: what is
        positive costs. 0 where nothing changes; NaN for states that a unit of `Mixed` units lacks, and on the
        blocks i = j of pairs, but where a = b: the single mutation.

    Raises
    ------
    EbmError
        A sequence that is no state of the machine.

    Examples
    --------
    >>> import ebm
    >>> machine = ebm.BoltzmannMachine(ebm.Potts(3), [[0.0] * 6] * 6, [0.0, 1.0, 2.0, 0.0, 0.0, 0.5])
    >>> mutation_scan(machine, [2, 0]).tolist()
    [[2.0, 1.0, 0.0], [0.0, 0.0, -0.5]]
    """
    expect(machine, BoltzmannMachine, "machine", "a BoltzmannMachine, such as infer(rows).machine")
    double, n = as_flag(double, "double"), machine.n_units
    x = encoded(sequence, alphabet) if isinstance(sequence, str) else sequence
    row = as_rows(np.atleast_2d(as_array(x, "sequence")), machine.units, n, "sequence", strict=True)
    if len(row) != 1:
        raise EbmError(f"sequence: expected one, got {len(row)}")
    values = site_states(machine.units, n)
    there, q = ~np.isnan(values), values.shape[1]
    columns = machine.units.columns(n)
    if double:
        refuse_beyond_memory(32.0 * (n * q) ** 2, f"double: {n} sites of {q} states", "single mutations")
    phi = machine.units.encode(row)[0]
    changes = np.zeros((n, q, columns))  # of the encoded sequence
    for i in range(n):
        own = machine.units.own(i)
        states = machine.units.one(i).encode(values[i][there[i]][:, None])
        changes[i, there[i], own] = states - phi[own]
    field = (machine.J @ phi + machine.b).astype(np.float64)
    flat = changes.reshape(n * q, columns)
    single = (flat @ -field).reshape(n, q) + 0.0  # + 0: no -0
    single[~there] = np.nan
    if not double:
        return single
    pairs = -np.asarray(machine.J @ flat.T, np.float64).T @ flat.T
    pairs = pairs.reshape(n, q, n, q) + single[:, :, None, None] + single
    for i in range(n):
        pairs[i, :, i] = np.where(np.eye(q, dtype=bool), single[i], np.nan)
    return pairs
