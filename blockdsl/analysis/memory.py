"""Memory of a pass over one sample, in bytes: at the peak of inference, and for training.

Views own no memory: a tensor that only looks at another one keeps that one alive, one that looks at weights
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from blockdsl.analysis.costs import BYTES, Cost, bytes_of
from blockdsl.ir import Graph, Layer, Value


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes for one sample in float32; ids are int64.

    Attributes:
        weights: parameters and buffers, auxiliary heads included; those that are shared once.
        activations: every tensor that the forward pass of inference makes, the inputs included.
        inference: weights, and the most that is alive at once when a tensor is dropped right after
            its last use. All inputs are there at the beginning, all outputs at the end.
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
    layers = list(graph.layers())
    running = [layer for layer in layers if not layer.training_only]
    tensors = _Tensors(layers)
    return Memory(
        weights=weights,
        activations=sum(costs[layer.id].activations for layer in running),
        inference=weights + _peak(graph, running, tensors, costs),
        training=weights + params + _kept(layers, tensors),
    )


class _Tensors:
    """Every tensor's owner (itself, or what its view looks at) and the bytes of the owners.

    `owned` are the owners of what each layer yields.
    """

    def __init__(self, layers: list[Layer]) -> None:
        self.owner: dict[Value, Value] = {}
        self.bytes: dict[Value, int] = {}
        self.owned: dict[int, list[Value]] = {}
        for layer in layers:
            views = layer.operation.view and bool(layer.inputs)
            looks_at = layer.inputs[0] if views and layer.operation.reads_values else None
            owned = self.owned[layer.id] = []
            for port, shape in enumerate(layer.shapes):
                value = Value(layer.id, port)
                if looks_at is None:
                    self.bytes[value] = 0 if views else bytes_of(shape)
                owner = self.owner[value] = value if looks_at is None else self.owner[looks_at]
                owned.append(owner)


def _peak(graph: Graph, layers: list[Layer], tensors: _Tensors, costs: dict[int, Cost]) -> int:
    """The most bytes of tensors alive at once, in execution order."""
    inputs = [port.value for port in graph.inputs]
    last_use = dict.fromkeys(inputs, inputs[-1].node)
    for layer in layers:
        for owner in tensors.owned[layer.id]:
            last_use.setdefault(owner, layer.id)
        for value in layer.inputs:
            last_use[tensors.owner[value]] = layer.id
    last_use.update({tensors.owner[port.value]: layers[-1].id for port in graph.outputs})
    dropped: dict[int, int] = {}
    for value, node in last_use.items():
        dropped[node] = dropped.get(node, 0) + tensors.bytes[value]
    alive = peak = 0
    for layer in layers:
        alive += costs[layer.id].activations
        peak = max(peak, alive)
        alive -= dropped.get(layer.id, 0)
    return peak


def _kept(layers: list[Layer], tensors: _Tensors) -> int:
    """Bytes of what the backward pass of every layer keeps, each tensor once."""
    kept: set[Value] = set()
    extra = 0
    for layer in layers:
        keeps = layer.operation.saved_for_backward
        if keeps.inputs:
            kept.update([tensors.owner[value] for value in layer.inputs])
        if keeps.output:
            kept.update(tensors.owned[layer.id])
        if keeps.extra:
            extra += keeps.extra * sum(map(prod, layer.shapes))
    return extra + sum(tensors.bytes[value] for value in kept)
