"""networkx graphs with the parameters at nodes and edges: E(x) = −Σ b_i x_i − Σ J_ij x_i x_j.

Node attributes are fields b, edge attributes couplings J, with our signs: they are not to be turned. Nodes
may have any name; those without edges are units like others. networkx is an optional package, imported when
it is used.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ebm.arguments import is_finite
from ebm.errors import EbmError, expect, imported, nearest, short
from ebm.graph import HasGraph
from ebm.interchange.quadratic import Named, Quadratic, of_machine
from ebm.units import Bernoulli, Ising, Units

__all__ = ["from_networkx", "to_networkx"]

_KINDS: dict[str, Units] = {"Ising": Ising(), "Bernoulli": Bernoulli()}


def from_networkx(
    graph: Any, *, edge: str | None = "J", node: str | None = "b", units: Units | None = None
) -> Named:
    """The machine of an undirected graph, the nodes by column, and a constant of the energy.

    Parameters
    ----------
    graph : networkx.Graph or networkx.MultiGraph
        Parallel edges are added. An edge of a node with itself, −J x², is a constant of spins, which
        goes to the offset, and a field of bits.
    edge : str, optional
        The attribute of edges that is J; every edge has to have it. None: each is 1.
    node : str, optional
        The attribute of nodes that is b; 0 where a node lacks it. None: all are 0.
    units : Ising() or Bernoulli(), optional
        As ``graph.graph["units"]`` says, "Ising" or "Bernoulli", when left out; else Ising.

    Returns
    -------
    Named
        ``machine, names, offset``; the offset includes ``graph.graph["offset"]``.

    Raises
    ------
    EbmError
        A directed graph; an edge without the attribute; values that are no finite numbers.

    Examples
    --------
    >>> import pytest
    >>> networkx = pytest.importorskip("networkx")
    >>> graph = networkx.Graph()
    >>> graph.add_node("alone", b=0.5)
    >>> graph.add_edge("a", ("b", 1), J=2.0)
    >>> machine, names, offset = from_networkx(graph)
    >>> names, machine.energy([[1, 1, 1]])
    (('alone', 'a', ('b', 1)), array([-2.5]))
    """
    networkx = imported("networkx", "from_networkx", "interchange")
    expect(graph, networkx.Graph, "graph", "a networkx.Graph or MultiGraph")
    if graph.is_directed():
        raise EbmError("graph: is directed; couplings have no direction: expected graph.to_undirected()")
    spin = isinstance(_units(graph, units), Ising)
    names = list(graph.nodes)
    b = [
        0.0 if node is None else _value(values, node, f"node {short(k)}", 0.0)
        for k, values in graph.nodes(data=True)
    ]
    place = {name: k for k, name in enumerate(names)}
    ends, J = np.zeros((graph.number_of_edges(), 2), np.int64), np.ones(graph.number_of_edges())
    for k, (one, other, values) in enumerate(graph.edges(data=True)):
        ends[k] = place[one], place[other]
        if edge is not None:
            J[k] = _value(values, edge, f"edge {short(one)}, {short(other)}", None)
    offset = _value(graph.graph, "offset", "graph", 0.0)
    return Quadratic.of_terms(
        spin, -np.array(b), (ends[:, 0], ends[:, 1]), -J, offset, names, "graph"
    ).named()


def _units(graph: Any, units: Units | None) -> Units:
    if units is not None:
        return expect(units, (Ising, Bernoulli), "units", "Ising() or Bernoulli()")
    said = graph.graph.get("units", "Ising")
    if said not in _KINDS:
        raise EbmError(f"graph: units: {short(said)}; {nearest(str(said), _KINDS)}")
    return _KINDS[said]


def _value(values: Any, key: str, where: str, default: float | None) -> float:
    if key not in values and default is None:
        raise EbmError(f"{where}: no attribute {key!r}; {nearest(key, map(str, values))}, or edge=None")
    value = values.get(key, default)
    if not is_finite(value):
        raise EbmError(f"{where}: {key}: {short(value)}; expected a finite number")
    return float(value)


def to_networkx(
    machine: HasGraph | Named,
    *,
    names: Sequence[Hashable] | None = None,
    offset: float = 0.0,
    edge: str = "J",
    node: str = "b",
) -> Any:
    """The graph of a machine of spins and bits, with its parameters at nodes and edges.

    Parameters
    ----------
    machine : Machine or Named
        With a coupling graph; hidden units are nodes like others, the last ones. Spins and bits together
        become spins.
    names : sequence, optional
        Of the nodes; 0, 1, … when left out.
    offset : float
        Added to the energy: ``graph.graph["offset"]``.
    edge, node : str
        Attributes that couplings and fields become.

    Returns
    -------
    networkx.Graph
        ``graph.graph["units"]`` says "Ising" or "Bernoulli".

    Examples
    --------
    >>> import pytest, ebm
    >>> _ = pytest.importorskip("networkx")
    >>> pair = ebm.BoltzmannMachine(ebm.Ising(), [[0.0, 1.0], [1.0, 0.0]], [0.5, 0.0])
    >>> to_networkx(pair, names="xy").edges(data=True)
    EdgeDataView([('x', 'y', {'J': 1.0})])
    """
    networkx = imported("networkx", "to_networkx", "interchange")
    form = of_machine(machine, "a networkx graph", names=names, offset=offset)
    graph = networkx.Graph(units="Ising" if form.spin else "Bernoulli", offset=form.offset)
    graph.add_nodes_from((name, {node: b}) for name, b in zip(form.names, form.b.tolist(), strict=True))
    graph.add_edges_from(
        (form.names[i], form.names[j], {edge: value})
        for i, j, value in zip(form.i.tolist(), form.j.tolist(), form.J.tolist(), strict=True)
    )
    return graph
