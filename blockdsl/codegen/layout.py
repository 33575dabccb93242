"""Whether a network runs faster with channels last in memory."""

from __future__ import annotations

from blockdsl.ir import Graph


def prefers_channels_last(graph: Graph) -> bool:
    """Whether most multiplications are in ungrouped convolutions, which are faster with channels last."""
    total = convolved = 0
    for layer in graph.layers():
        if layer.id:
            macs = layer.operation.macs(*graph.input_shapes(layer))
            total += macs
            convolved += macs if layer.operation.name in {"CONV", "DWCONV", "DECONV", "UP"} else 0
    return 2 * convolved > total
