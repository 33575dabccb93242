"""One of two networks that are compared: its tree of blocks, with costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blockdsl.analysis.changes import Delta
from blockdsl.analysis.costs import Cost, costs_of
from blockdsl.blocktree.merge import merge
from blockdsl.blocktree.tree import BlockNode, LayerNode, outside_inputs, tree
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer, Path, module_name, path_text
from blockdsl.ops import Shape

Item = BlockNode | LayerNode


class CostedTree:
    """One network as a tree, with costs, and a number for the content of each item.

    `known` is shared by both sides, so that equal content has equal numbers.
    """

    def __init__(self, graph: Graph, known: dict[object, int]) -> None:
        self.graph, self._known = graph, known
        self.root = tree(graph, {})
        merge(self.root, graph, detail=True)
        self.costs = costs_of(graph)
        self.owner = {layer.id: node for node in self.root.nodes() for layer in node.layers}
        self.kinds: dict[Item, int] = {}
        self._layers: dict[BlockNode, Counter[str]] = {}
        self._sharing: dict[Path, list[LayerNode]] = {}
        for node in self.root.nodes() if graph.shared else ():
            first = self.costs[graph.owner(node.core).id]
            if first.params or first.buffers:
                self._sharing.setdefault(graph.module_path(node.core), []).append(node)
        self._number(self.root)

    def _number(self, item: Item) -> int:
        key: object
        if isinstance(item, LayerNode):
            key = (item.training_only, *(str(layer.operation) for layer in item.layers))
        else:
            key = (None, *(self._number(inner) for inner in item.items))
        self.kinds[item] = self._known.setdefault(key, len(self._known))
        return self.kinds[item]

    def layers(self, block: BlockNode) -> Counter[str]:
        """How often each layer is in a block."""
        if block not in self._layers:
            found = (str(layer.operation) for node in block.nodes() for layer in node.layers)
            self._layers[block] = Counter(found)
        return self._layers[block]

    def inputs(self, node: LayerNode) -> tuple[Shape, ...]:
        """Shapes of what flows into a layer; of an input itself its own."""
        return tuple(self.graph.shape_of(v) for v in outside_inputs(node)) or (node.shape,)

    def sources(self, node: LayerNode) -> list[tuple[LayerNode, int]]:
        """The layers, and which of their outputs, that a layer reads."""
        return [(self.owner[value.node], value.port) for value in outside_inputs(node)]

    def sharing(self, node: LayerNode) -> list[LayerNode]:
        """The layers with the same weights, this one among them; those of the first count."""
        return self._sharing.get(self.graph.module_path(node.core), [node])

    def weights(self, node: LayerNode) -> str:
        """Whose weights a layer uses, in words."""
        sharing = self.sharing(node)
        if len(sharing) == 1:
            return "own weights"
        application = self.graph.application(node.core.path)
        assert application is not None
        module = module_name(self.graph.shared[application])
        return f"{module} (shared)" if sharing[0] is node else f"shares {module}"

    def delta(self, item: Item, sign: int) -> Delta:
        """The cost of all layers inside, added or taken away."""
        total = [0, 0, 0]
        for node in [item] if isinstance(item, LayerNode) else item.nodes():
            for layer in node.layers:
                for index, count in enumerate(_counted(layer, self.costs[layer.id])):
                    total[index] += sign * count
        return Delta(*total)


def _counted(layer: Layer, cost: Cost) -> Delta:
    """What a layer adds to the totals of a summary; training's heads run in no inference."""
    if layer.is_input:
        return Delta()
    runs = not layer.training_only
    return Delta(cost.params, cost.macs * runs, cost.activations * runs)


def is_input(item: Item) -> bool:
    """Whether an item is an input of the network."""
    return isinstance(item, LayerNode) and item.core.is_input


def says(item: Item) -> str:
    """A layer with its arguments, a block as it is called; of an input its shape."""
    if is_input(item):
        return shape_text(item.shape)
    if isinstance(item, LayerNode):
        return "-".join(str(layer.operation) for layer in item.layers)
    return str(item.call) if item.call else item.path[-1].name


def tells(item: Item) -> str:
    """As `says`, and whose weights it shares where they are counted elsewhere."""
    if item.shared and not item.shared.first:
        return f"{says(item)}, shares {item.shared.module}"
    return says(item)


def names_of(sources: Sequence[tuple[LayerNode, int]]) -> str:
    """Where tensors come from."""
    return ", ".join(path_text(node.core.path) for node, _ in sources)
