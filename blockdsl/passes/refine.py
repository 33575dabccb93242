"""A dense network -> the same with the stride of one pooling layer undone: its answers lie closer.

OverFeat pools its last maps once for each offset of the window, runs the classifier on each, and
interleaves what comes out (Sermanet et al. 2013, section 3.3, figure 3). The same numbers come of
one pass in which the window moves by one and every later kernel is dilated by the old stride
(Giusti et al. 2013, "Fast image scanning with deep max-pooling convolutional neural networks";
Chen et al. 2015, "DeepLab", section 3.1).
"""

from __future__ import annotations

from dataclasses import replace

from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph, Layer, Value
from blockdsl.ops import OpError
from blockdsl.ops.sliding import strides_of, with_strides
from blockdsl.ops.values import ONE
from blockdsl.passes.densify import refuse_unequal_applications
from blockdsl.verifier import verify


def refine(graph: Graph, at: Value) -> Graph:
    """The graph in which the layer that yields `at`, the last with a stride, moves by one.

    The output map (C, H, W) becomes about stride times as long on each side; the answers that were
    there are every stride-th of it. Weights are the same.

    Raises:
        ArchError: the layer has no stride, or something after it cannot be dilated.
    """
    target = graph.layer(at.node)
    before = graph.input_shapes(target)
    rate = strides_of(target.operation, before[0]) if before else None
    if rate is None or max(rate) == 1:
        raise error("dense", f"{target.operation} ({target.name}) has no stride to undo", target.span)
    new = Graph(
        inputs=graph.inputs, outputs=graph.outputs, blocks=dict(graph.blocks), points=dict(graph.points),
        shared=dict(graph.shared), ties=dict(graph.ties),
    )  # fmt: skip
    after: set[int] = set()
    for layer in graph.layers():
        operation = layer.operation
        behind = {operation.reads_values and value.node in after for value in layer.inputs}
        if layer.id == target.id:
            operation = with_strides(operation, ONE, before[0])
        elif behind == {True}:
            try:
                operation = operation.dilated(rate, *graph.input_shapes(layer))
            except OpError as refusal:
                raise _refused(layer, refusal.message) from None
        elif len(behind) > 1:
            raise _refused(layer, "it joins maps of two strides")
        if layer.id == target.id or True in behind:
            after.add(layer.id)
        try:
            operation.check()
            shapes = operation.shapes(*(new.shape_of(value) for value in layer.inputs))
        except OpError as refusal:
            raise _refused(layer, refusal.message) from None
        new.add(replace(layer, operation=operation, shapes=shapes))
    refuse_unequal_applications(new, "be evaluated at a finer step")
    verify(new)
    return new


def _refused(layer: Layer, reason: str) -> ArchError:
    return error(
        "dense", f"{layer.operation} ({layer.name}) cannot take maps at a finer step: {reason}", layer.span,
        calls=layer.calls,
    )  # fmt: skip
