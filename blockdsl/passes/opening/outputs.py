"""The layers whose number of features is not free: the outputs, and what a table of connections names."""

from __future__ import annotations

from blockdsl.ir import BlockCall, Graph
from blockdsl.lowering.values import Place, place

Chain = tuple[Place, ...]
"""The calls that lead to a layer, the outermost first."""


def output_layers(graph: Graph) -> set[tuple[Place, Chain]]:
    """The last layers with features or channels of their own before each output: how they were reached.

    Those with a table of connections and those before them count as well: the table says their number.
    """
    waiting = [value.node for value in graph.results()]
    for layer in graph.layers():
        if getattr(layer.operation, "table", None) is not None:
            waiting += [layer.id, *(value.node for value in layer.sources)]
    found: set[tuple[Place, Chain]] = set()
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        layer = graph.layer(node)
        if {"channels", "features"} & layer.operation.arguments.keys():
            found.add((place(layer.span), _chain(layer.call)))
        else:
            waiting += [value.node for value in layer.sources]
    return found


def _chain(call: BlockCall | None) -> Chain:
    places: list[Place] = []
    while call is not None:
        places.append(place(call.span))
        call = call.outer
    return tuple(reversed(places))
