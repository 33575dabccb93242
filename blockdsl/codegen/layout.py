"""Whether a network runs faster with channels last in memory."""

from __future__ import annotations

from math import prod

from blockdsl.ir import Graph, Layer
from blockdsl.ops import Image

FEW = 8
"""On fewer output positions, laying out the weights takes longer than channels last saves."""


NARROW = 16
"""With fewer channels between layers, strided convolutions of PyTorch 2.13's CPU build, channels last,
give other gradients from run to run, and at times crash."""


def prefers_channels_last(graph: Graph) -> bool:
    """Whether channels last makes a network's training step faster: `module.to(memory_format=…)`.

    It does (by 1% to 40% on a CPU, float32) where most multiplications are in convolutions that see more
    than a few positions of an image, dense or depthwise. Groups of several channels (AlexNet) gain nothing
    from it, linear layers have no layout, and a ResNet-50 on 32x32 images, which soon are 1x1, loses a third.
    Networks with narrow layers stay as they are, since PyTorch computes them wrongly (see `NARROW`).
    """
    total = helped = 0
    for layer in graph.layers():
        shapes = graph.input_shapes(layer)
        macs = layer.operation.macs(*shapes)
        total += macs
        if layer.operation.family == "conv" and _width(graph, layer) < NARROW:
            return False
        if layer.operation.prefers_channels_last() and isinstance(layer.shape, Image):
            weights = prod(layer.operation.weights(*shapes)["weight"])
            helped += macs if macs >= FEW * weights else 0
    return 2 * helped > total


def _width(graph: Graph, layer: Layer) -> int:
    """The fewest channels that go in or come out; those of the network's own input do not count."""
    inner = [graph.shape_of(value).channels for value in layer.inputs if not graph.layer(value.node).is_input]
    return min([layer.shape.channels, *inner])
