"""dimod's BinaryQuadraticModel, and `Sampler`: the samplers of `ebm` where Ocean expects one of its own.

A model minimises E(x) = offset + Σ h_i x_i + Σ Q_ij x_i x_j: b = −h, J = −Q. SPIN variables are `Ising`
units, BINARY ones `Bernoulli` units; labels are kept. dimod is an optional package, imported when it is used.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any

from ebm.arguments import as_choice
from ebm.errors import expect, imported
from ebm.graph import HasGraph
from ebm.interchange.dimod_json import vartype_of
from ebm.interchange.quadratic import Named, Quadratic, of_machine

__all__ = ["Sampler", "from_dimod", "to_dimod"]  # noqa: F822 - Sampler below, made where dimod is installed


def from_dimod(bqm: Any) -> Named:
    """The machine of a binary quadratic model, the labels of its variables, and its offset.

    Parameters
    ----------
    bqm : dimod.BinaryQuadraticModel
        Or a view of one.

    Returns
    -------
    Named
        ``machine, names, offset``: column k of states is the variable ``names[k]``, and the model's energy is
        ``machine.energy(x) + offset``.

    Raises
    ------
    EbmError
        Something else; a model without variables; coefficients that are not finite.

    Examples
    --------
    >>> import pytest
    >>> dimod = pytest.importorskip("dimod")
    >>> bqm = dimod.BQM({"a": 0.5}, {("a", "b"): -1.0}, 2.0, "SPIN")
    >>> machine, names, offset = from_dimod(bqm)
    >>> machine.energy([[1, 1]]) + offset, bqm.energy({"a": 1, "b": 1}), names
    (array([1.5]), np.float64(1.5), ('a', 'b'))
    """
    return quadratic_of(bqm).named()


def quadratic_of(bqm: Any) -> Quadratic:
    """The quadratic form of a model."""
    import numpy as np

    dimod = imported("dimod", "from_dimod", "interchange")
    expect(bqm, dimod.BinaryQuadraticModel, "bqm", "a dimod.BinaryQuadraticModel")
    names = list(bqm.variables)
    h, (i, j, Q), offset = bqm.to_numpy_vectors(names)
    spin = bqm.vartype is dimod.SPIN
    fields, values = np.asarray(h, np.float64), np.asarray(Q, np.float64)
    return Quadratic.of_terms(spin, fields, (i, j), values, float(offset), names, "bqm")


def to_dimod(
    machine: HasGraph | Named,
    *,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
    vartype: str | None = None,
) -> Any:
    """The binary quadratic model of a machine: all its units, hidden ones last.

    Parameters
    ----------
    machine : Machine or Named
        Of spins and bits, with a coupling graph: a `BoltzmannMachine`, an `RBM`, a `DBM`; or what
        `from_dimod` returned, with its names and its offset.
    names : sequence, optional
        Labels of the variables; 0, 1, … when left out.
    offset : float
        Added to the energy.
    vartype : {"SPIN", "BINARY"}, optional
        As the units are when left out, spins where both occur. The energies of states are the same.

    Returns
    -------
    dimod.BinaryQuadraticModel

    Examples
    --------
    >>> import pytest, ebm
    >>> _ = pytest.importorskip("dimod")
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> to_dimod(pair, names=["a", "b"]).energy({"a": 1, "b": -1})
    np.float64(0.5)
    """
    dimod = imported("dimod", "to_dimod", "interchange")
    if vartype is not None:
        as_choice(vartype, ("SPIN", "BINARY"), "vartype")
    spin = None if vartype is None else vartype == "SPIN"
    form = of_machine(machine, "a BinaryQuadraticModel", spin=spin, names=names, offset=offset)
    return dimod.BinaryQuadraticModel.from_numpy_vectors(
        form.h, (form.i, form.j, form.Q), form.offset, vartype_of(form), variable_order=list(form.names)
    )


@functools.cache
def _sampler() -> type:
    """The class `Sampler`, made once: its bases are dimod's."""
    dimod = imported("dimod", "ebm.interchange.dimod.Sampler", "interchange")
    from ebm.interchange.dimod_sampler import Draws

    named = {"__module__": __name__, "__doc__": Draws.__doc__}
    return type(dimod.Sampler)("Sampler", (Draws, dimod.Sampler, dimod.Initialized), named)


def __getattr__(name: str) -> Any:
    if name != "Sampler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _sampler()
