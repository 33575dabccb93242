"""What can be said of a network before it is trained: the features of the sampler's kernel."""

from __future__ import annotations

from collections import defaultdict
from math import log1p, log2, prod

from blockdsl.analysis import Summary
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Image


def features(graph: Graph, summary: Summary) -> dict[str, float]:
    """Named numbers that describe a network's size and form; none of them names a space.

    Costs are in log2, so that a doubling counts alike at every size. What varies along a network is
    given by its resolution: the octave of the input's side over the layer's (0: as large as the input).
    """
    found: dict[str, float] = defaultdict(float)
    found["params"] = log2(1 + summary.params)
    found["macs"] = log2(1 + summary.macs)
    found["activations"] = log2(1 + summary.memory.activations)
    found["training memory"] = log2(1 + summary.memory.training)
    found["depth"] = log2(1 + summary.depth)
    side = graph.shape_of(graph.inputs[0].value)[-1]
    for layer in graph.layers():
        if not layer.inputs or layer.training_only:
            continue
        _count(layer, graph, side, found)
    return {
        name: log1p(value) if name.startswith(("count", "macs at", "weights at")) else value
        for name, value in found.items()
    }


def _count(layer: Layer, graph: Graph, side: int, found: dict[str, float]) -> None:
    operation, shapes = layer.operation, graph.input_shapes(layer)
    weights = operation.weights(*shapes)
    octave = round(log2(max(1, side / layer.shape[-1]))) if isinstance(layer.shape, Image) else "end"
    if operation.family in ("conv", "linear", "attention", "pool"):
        kernel = getattr(operation, "kernel", None)
        kind = f"{operation.name} {shape_text(kernel)}" if kernel else operation.name
        found[f"count {kind}"] += 1
    elif operation.inputs is None or operation.family in ("activation", "gating"):
        found[f"count {operation.name}"] += 1
    if operation.inputs is None:
        found[f"count {operation.name} at {octave}"] += 1
    if not weights:
        return
    window = operation.window(*shapes)
    if window is not None and max(window.size) > 1:
        found[f"reach at {octave}"] += max(window.size) - 1
    found[f"count weighted at {octave}"] += 1
    found[f"macs at {octave}"] += operation.macs(*shapes)
    found[f"weights at {octave}"] += sum(prod(s) for s in weights.values())
    width = f"width at {octave}"
    found[width] = max(found[width], log2(layer.shape[0]))
