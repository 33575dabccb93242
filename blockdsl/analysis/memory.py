"""Memory of a pass over one sample, in bytes: at the peak of inference, and for training.

Views own no memory: a tensor that only looks at another one keeps that one alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from blockdsl.analysis.costs import BYTES, Cost
from blockdsl.analysis.kept import kept_by
from blockdsl.ir import Graph, Layer, Value


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes for one sample in float32.

    Attributes:
        weights: parameters and buffers, auxiliary heads included.
        activations: every tensor that the forward pass of inference makes, the input included.
        inference: weights, and the most that is alive at once when a tensor is dropped right after
            its last use.
        training: weights, their gradients, and what the backward pass keeps; the gradients of
            activations, which come and go, and the optimizer's state are not in it (momentum takes
            the bytes of the parameters once more, Adam twice).
    """

    weights: int
    activations: int
    inference: int
    training: int


def memory_of(graph: Graph, costs: dict[int, Cost]) -> Memory:
    """Sum up the memory of a graph."""
    params = BYTES * sum(cost.params for cost in costs.values())
    weights = params + BYTES * sum(cost.buffers for cost in costs.values())
    running = [layer for layer in graph.layers() if not layer.training_only]
    return Memory(
        weights=weights,
        activations=sum(costs[layer.id].activations for layer in running),
        inference=weights + _peak(graph, running),
        training=weights + params + _kept(graph),
    )


def _owners(layers: Iterable[Layer]) -> dict[Value, Value]:
    """The tensor whose memory each tensor lies in: itself, or what its view looks at."""
    owner: dict[Value, Value] = {}
    for layer in layers:
        for port in range(len(layer.shapes)):
            value = Value(layer.id, port)
            owner[value] = owner[layer.inputs[0]] if layer.operation.view and layer.inputs else value
    return owner


def _bytes(graph: Graph, value: Value) -> int:
    return BYTES * prod(graph.shape_of(value))


def _peak(graph: Graph, layers: list[Layer]) -> int:
    """The most bytes of tensors alive at once, in execution order."""
    owner = _owners(layers)
    last_use = {own: own.node for own in owner.values()}
    for layer in layers:
        for value in layer.inputs:
            last_use[owner[value]] = layer.id
    last_use[owner[graph.output]] = layers[-1].id
    dropped: dict[int, int] = {}
    for own, node in last_use.items():
        dropped[node] = dropped.get(node, 0) + _bytes(graph, own)
    alive = peak = 0
    for layer in layers:
        made = (Value(layer.id, port) for port in range(len(layer.shapes)))
        alive += sum(_bytes(graph, value) for value in made if owner[value] == value)
        peak = max(peak, alive)
        alive -= dropped.get(layer.id, 0)
    return peak


def _kept(graph: Graph) -> int:
    """Bytes of what the backward pass of every layer keeps, each tensor once."""
    owner = _owners(graph.layers())
    tensors: set[Value] = set()
    extra = 0
    for layer in graph.layers():
        if not layer.inputs:
            continue
        kept = kept_by(layer.operation.name)
        if kept.inputs:
            tensors.update(owner[value] for value in layer.inputs)
        if kept.output:
            tensors.update(owner[Value(layer.id, port)] for port in range(len(layer.shapes)))
        extra += kept.extra * sum(map(prod, layer.shapes))
    return extra + sum(_bytes(graph, value) for value in tensors)
