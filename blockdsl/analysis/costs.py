"""What each layer costs: parameters, multiply-accumulates, bytes of activations; depth."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from blockdsl.ir import Graph, Layer
from blockdsl.ops import Ids, Operation, Shape
from blockdsl.ops.tie import tie_of

BYTES = 4
"""Bytes of a number: float32, the type in which networks are published and counted."""


def bytes_of(shape: Shape) -> int:
    """Bytes of a tensor for one sample: whole numbers that are ids are int64, all others float32."""
    return prod(shape) * (8 if isinstance(shape, Ids) else BYTES)


class Cost(NamedTuple):
    """The cost of one layer for one sample.

    Attributes:
        params: trainable values. Those of a shared network count at its first application alone.
        buffers: values of the `state_dict` that are not trained (running means, fixed codes), as `params`.
        macs: multiply-accumulates of convolutions and matrix products.
        activations: bytes of the tensors that the layer makes; 0 for a view.
        kernels: whether it applies a weight of two or more axes, which is what papers count as a layer.
    """

    params: int
    buffers: int
    macs: int
    activations: int
    kernels: bool


def costs_of(graph: Graph) -> dict[int, Cost]:
    """Count every layer of a graph, by node id; what stands there many times is counted once."""
    known: dict[tuple[Operation, tuple[Shape, ...]], Cost] = {}
    costs: dict[int, Cost] = {}
    for layer in graph.layers():
        key = layer.operation, graph.input_shapes(layer)
        if (cost := known.get(key)) is None:
            cost = known[key] = _count(layer, key[1])
        first = graph.owner(layer) is layer
        costs[layer.id] = cost if first else cost._replace(params=0, buffers=0)
    return costs


def _count(layer: Layer, inputs: tuple[Shape, ...]) -> Cost:
    operation = layer.operation
    activations = 0 if operation.view else sum(map(bytes_of, layer.shapes))
    if layer.is_input:
        return Cost(0, 0, 0, activations, False)
    weights = operation.weights(*inputs).values()
    return Cost(
        params=sum(map(prod, weights)),
        buffers=sum(map(prod, operation.buffers(*inputs).values())),
        macs=operation.macs(*inputs),
        activations=activations,
        kernels=operation.reads_values
        and (tie_of(operation) is not None or any(len(shape) > 1 for shape in weights)),
    )


def depth(graph: Graph, costs: dict[int, Cost]) -> int:
    """Layers with a kernel or matrix on the longest path from an input to an output.

    This is the number in ResNet-50's name (He et al., 2015): normalisations and activations do not
    count, neither do projections that lie beside a longer branch, nor auxiliary heads. A shared layer counts
    as often as the path goes through it.
    """
    longest: dict[int, int] = {}
    for layer in graph.layers():
        before = max([longest[value.node] for value in layer.sources], default=0)
        longest[layer.id] = before + costs[layer.id].kernels
    return max(longest[port.value.node] for port in graph.outputs)
