"""ONNX of a `Network`, for whatever runs ONNX: written, not read.

The graph has one input ``x``, (n, n_in) states, and one output ``mean``, (n, n_outputs·width), as
`Network.predict_mean` gives: probabilities of classes of Potts readouts, of bits of Bernoulli ones, means of
the others. A layer is a matrix product, a bias, and the means of its units: sigmoid, tanh, softmax, or none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ebm.errors import EbmError, NotSupported, expect
from ebm.files import write_atomic
from ebm.interchange.formats import Format
from ebm.network import Network
from ebm.units import Bernoulli, Binomial, Gaussian, Ising, Poisson, Potts, Units

__all__ = ["FORMAT", "to_onnx", "write"]

_OPSET, _IR = 17, 8  # of 2022: what runs ONNX today takes them


class _Graph:
    """Nodes and constants as they are added; every result has a name of its own."""

    def __init__(self, dtype: np.dtype) -> None:
        import onnx

        self.onnx, self.dtype = onnx, dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any, dtype: Any = None) -> str:
        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(value, self.dtype if dtype is None else dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def reshaped(self, name: str, *shape: int) -> str:
        return self.add("Reshape", name, self.constant(shape, np.int64))

    def part(self, name: str, place: slice) -> str:
        """Some columns."""
        ends = (self.constant([k], np.int64) for k in (place.start, place.stop, 1))
        return self.add("Slice", name, *ends)

    def joined(self, parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def encoded(self, units: Units, n: int, name: str) -> str:
        """φ(x): one-hot of Potts units, x of others of one column."""
        if not isinstance(units, Potts):
            if units.width != 1:
                raise NotSupported(
                    f"ONNX: inputs of {units!r} are not written; expected Potts, or one column"
                )
            return name
        index = self.add("Cast", name, to=self.onnx.TensorProto.INT64)
        ends = self.constant([0.0, 1.0], np.float32)  # onnxruntime has no other one-hot
        hot = self.add("OneHot", index, self.constant([units.q], np.int64), ends, axis=-1)
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        return self.reshaped(self.add("Cast", hot, to=kind), -1, n * units.q)

    def mean(self, units: Units, n: int, name: str) -> str:
        """The means of n units given their inputs."""
        if isinstance(units, Bernoulli):
            return self.add("Sigmoid", name)
        if isinstance(units, Ising):
            return self.add("Tanh", name)
        if isinstance(units, Poisson):
            return self.add("Exp", name)
        if isinstance(units, Binomial):
            return self.add("Mul", self.add("Sigmoid", name), self.constant(units.n))
        if isinstance(units, Gaussian):
            shared = np.ndim(units.precision) == 0 and units.precision == 1
            return name if shared else self.add("Div", name, self.constant(units.precision))
        if isinstance(units, Potts):
            soft = self.add("Softmax", self.reshaped(name, -1, n, units.q), axis=-1)
            return self.reshaped(soft, -1, n * units.q)
        known = "Bernoulli, Ising, Potts, Gaussian, Binomial or Poisson units"
        raise NotSupported(f"ONNX: means of {units!r} are not written; expected {known}")


def to_onnx(network: object) -> Any:
    """The network as an ``onnx.ModelProto``.

    Raises
    ------
    EbmError
        onnx is not installed; what is no network.
    NotSupported
        Units whose means are not written.
    """
    net = expect(network, Network, "machine", "a Network")
    try:
        import onnx
    except ImportError:
        raise EbmError("ONNX needs onnx: pip install 'boltzmann-machines[interchange]'") from None
    graph = _Graph(net.dtype)
    y = "x"
    n_in = net.inputs.count(net.n_in)
    parts = net.inputs.parts(n_in)
    y = graph.joined(
        [
            graph.encoded(units, rows.stop - rows.start, graph.part(y, rows) if len(parts) > 1 else y)
            for units, rows, _ in parts
        ]
    )
    for layer in net.layers():
        I = graph.add("Add", graph.add("MatMul", y, graph.constant(layer.W)), graph.constant(layer.b))
        parts = layer.units.parts(layer.units.count(len(layer.b)))
        y = graph.joined(
            [
                graph.mean(units, rows.stop - rows.start, graph.part(I, columns) if len(parts) > 1 else I)
                for units, rows, columns in parts
            ]
        )
    graph.nodes.append(onnx.helper.make_node("Identity", [y], ["mean"]))
    kind = onnx.helper.np_dtype_to_tensor_dtype(net.dtype)
    n_out = len(net.layers()[-1].b)
    made = onnx.helper.make_graph(
        graph.nodes,
        "network",
        [onnx.helper.make_tensor_value_info("x", kind, ["n", n_in])],
        [onnx.helper.make_tensor_value_info("mean", kind, ["n", n_out])],
        graph.constants,
    )
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", _OPSET)])
    model.ir_version, model.producer_name = _IR, "ebm"
    onnx.checker.check_model(model)
    return model


def write(path: str | os.PathLike[str], machine: object) -> None:
    """Write a network as ONNX, whole or not at all."""
    data = to_onnx(machine).SerializeToString()
    write_atomic(path, lambda file: file.write(data))


def _read(path: Path) -> Any:
    raise EbmError(f"{path}: ONNX is only written; expected a file of another format")


FORMAT = Format(
    name="onnx",
    title="ONNX of a network",
    suffixes=(".onnx",),
    recognise=lambda path, head: False,
    read=_read,
    write=write,
    extra="interchange",
)
