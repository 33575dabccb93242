"""What a picture shows: boxes inside boxes, and the tensors that flow between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from blockdsl.analysis.costs import costs_of
from blockdsl.blocktree.fold import fold
from blockdsl.blocktree.merge import merge
from blockdsl.blocktree.tree import NOTHING, BlockCost, BlockNode, LayerNode, outside_inputs, tree
from blockdsl.ir import Graph, Value
from blockdsl.ops import Shape

_MOST_ITEMS = 400
_AT_ONCE = 20


class Edge(NamedTuple):
    """A tensor that one node reads from another: `tensor`, as the `input`-th that flows into the target."""

    source: LayerNode
    target: LayerNode
    shape: Shape
    tensor: Value
    input: int


class Output(NamedTuple):
    """What leaves the network, with a name where there are several; an auxiliary one in `training` only."""

    source: BlockNode | LayerNode
    shape: Shape
    name: str = ""
    training: bool = False


@dataclass
class Scene:
    """A network ready to be drawn.

    `notes` are said beside the picture; `choices` counts those of a search space, 0 for a network.
    """

    title: str
    graph: Graph
    root: BlockNode
    edges: list[Edge]
    outputs: list[Output]
    notes: tuple[str, ...] = ()
    choices: int = 0


def scene(
    graph: Graph, title: str = "", *, detail: bool = False, choices: Mapping[str, str] | None = None
) -> Scene:
    """Lay a graph out as boxes: runs merged unless `detail`, repetitions folded.

    `choices` has, by the module name of a block around alternatives, what is chosen there.
    """
    root = tree(graph, choices or {})
    merge(root, graph, detail)
    drawn_as = fold(root, graph)
    _gather(root)
    owner = {layer.id: node for node in drawn_as for layer in node.layers}
    _add_costs(root, graph, drawn_as)
    return Scene(
        title, graph, root, list(_edges(graph, owner, drawn_as)), list(_outputs(graph, owner, drawn_as))
    )


def _gather(block: BlockNode) -> None:
    """Put what is too much for one box into boxes of neighbours, so that it can be closed."""
    for item in block.items:
        if isinstance(item, BlockNode):
            _gather(item)
    if len(block.items) > _MOST_ITEMS:
        size = max(_AT_ONCE, -(-len(block.items) // _MOST_ITEMS))
        parts = [block.items[start : start + size] for start in range(0, len(block.items), size)]
        block.items = [BlockNode((), items=part) if len(part) > 1 else part[0] for part in parts]


def _add_costs(root: BlockNode, graph: Graph, drawn_as: dict[LayerNode, LayerNode]) -> None:
    costs = costs_of(graph)
    for node, shown in drawn_as.items():
        for layer in node.layers:
            if not layer.is_input:
                cost = costs[layer.id]
                shown.cost = shown.cost.plus(BlockCost(cost.params, cost.macs, cost.activations))
    _sum_up(root)


def _sum_up(block: BlockNode) -> BlockCost:
    block.cost = NOTHING
    for item in block.items:
        block.cost = block.cost.plus(_sum_up(item) if isinstance(item, BlockNode) else item.cost)
    return block.cost


def _edges(graph: Graph, owner: dict[int, LayerNode], drawn_as: dict[LayerNode, LayerNode]) -> Iterator[Edge]:
    for node, shown in drawn_as.items():
        if node is shown:
            for index, value in enumerate(outside_inputs(node)):
                yield Edge(drawn_as[owner[value.node]], node, graph.shape_of(value), value, index)


def _outputs(
    graph: Graph, owner: dict[int, LayerNode], drawn_as: dict[LayerNode, LayerNode]
) -> Iterator[Output]:
    several = len(graph.outputs) > 1
    for port in graph.outputs:
        source = drawn_as[owner[port.value.node]]
        yield Output(source, graph.shape_of(port.value), port.name if several else "")
    for auxiliary in graph.auxiliaries:
        source = drawn_as[owner[auxiliary.value.node]]
        yield Output(source, graph.shape_of(auxiliary.value), auxiliary.name, training=True)
