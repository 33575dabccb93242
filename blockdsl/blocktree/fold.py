"""Repetitions drawn once: neighbours that read alike, each fed by the one before it."""

from __future__ import annotations

from collections.abc import Iterator

from blockdsl.blocktree.runs import runs
from blockdsl.blocktree.tree import BlockNode, LayerNode, outside_inputs
from blockdsl.ir import Graph


def fold(root: BlockNode, graph: Graph) -> dict[LayerNode, LayerNode]:
    """Fold the repetitions inside a block; which node each of the former nodes is drawn as.

    Only what looks the same is folded: the same blocks, operations, arguments, layout and positions, wiring,
    and shared weights. Channels that grow from one instance to the next (DenseNet) do not hinder it.
    """
    folding = _Folding(root, graph)
    folding.fold(root)
    return {node: folding.drawn_as(place) for place, node in enumerate(folding.nodes)}


class _Folding:
    """Nodes are counted in the order of the tree, so that an instance is a range of places."""

    def __init__(self, root: BlockNode, graph: Graph) -> None:
        self.nodes = list(root.nodes())
        place_of = {layer.id: place for place, node in enumerate(self.nodes) for layer in node.layers}
        self.sources = [
            [(place_of[value.node], value.port) for value in outside_inputs(node)] for node in self.nodes
        ]
        self.furthest = list(range(len(self.nodes)))
        for place, sources in enumerate(self.sources):
            for source, _ in sources:
                self.furthest[source] = max(self.furthest[source], place)
        for value in graph.results():
            self.furthest[place_of[value.node]] = len(self.nodes)
        self.begin: dict[BlockNode | LayerNode, int] = {}
        self.end: dict[BlockNode | LayerNode, int] = {}
        self.kind: dict[BlockNode | LayerNode, int] = {}
        self._known: dict[object, int] = {}
        self._first: dict[int, int] = {}
        self._number(root, 0)

    def _number(self, item: BlockNode | LayerNode, place: int) -> int:
        """Give an item its range of places and its kind, which is equal for what reads the same."""
        self.begin[item] = place
        key: object
        if isinstance(item, LayerNode):
            operations = [str(layer.operation) for layer in item.layers]
            key = (item.label, type(item.shape), item.shape.positions, _module(item), *operations)
            place += 1
        else:
            for inner in item.items:
                place = self._number(inner, place)
            name = item.path[-1].name if item.path else ""
            kinds = [self.kind[inner] for inner in item.items]
            key = (name, item.label, item.choice, _module(item), *kinds, None)
        self.kind[item] = self._known.setdefault(key, len(self._known))
        self.end[item] = place
        return place

    def drawn_as(self, place: int) -> LayerNode:
        """The node that stands for the one at a place."""
        while place in self._first:
            place = self._first[place]
        return self.nodes[place]

    def fold(self, block: BlockNode) -> None:
        """Fold a block's own items, then what is inside of those that stay."""
        items: list[BlockNode | LayerNode] = []
        for start, period, times in runs([self.kind[item] for item in block.items], False):
            end = start + period * times
            # An instance that something else reads, too, ends a chain; another may begin after it.
            while (same := self._alike(block.items, start, period, (end - start) // period)) > 1:
                one = block.items[start : start + period]
                self._draw_once(self.begin[one[0]], self.end[one[-1]], same)
                items.append(_repeated(one, same))
                start += period * same
            items += block.items[start:end]
        block.items = items
        for item in _blocks(items):
            self.fold(item)

    def _alike(self, items: list[BlockNode | LayerNode], start: int, period: int, times: int) -> int:
        """How many instances of a run, from its first on, form a chain of equal links."""
        if times <= 1:
            return 1
        begin, end = self.begin[items[start]], self.end[items[start + period - 1]]
        size, same = end - begin, 1
        while same < times and self._link(begin + same * size, size, same == 1):
            same += 1
        return same

    def _link(self, begin: int, size: int, second: bool) -> bool:
        """Whether the instance at `begin` is wired as the one before it, and that one feeds it alone."""
        before = begin - size
        if any(self.furthest[place] >= begin + size for place in range(before, begin)):
            return False
        for place in range(begin, begin + size):
            mine, others = self.sources[place], self.sources[place - size]
            if len(mine) != len(others):
                return False
            for (source, port), (other, its_port) in zip(mine, others, strict=True):
                moved = source == other + size and before <= source < begin + size
                chained = second and before <= source < begin and not before <= other < begin
                if port != its_port or not (moved or chained):
                    return False
        return True

    def _draw_once(self, begin: int, end: int, times: int) -> None:
        size = end - begin
        for place in range(end, begin + size * times):
            self._first[place] = begin + (place - begin) % size


def _module(item: BlockNode | LayerNode) -> str:
    """The module of a shared network that is applied."""
    return item.shared.module if item.shared else ""


def _repeated(one: list[BlockNode | LayerNode], times: int) -> BlockNode | LayerNode:
    """One instance marked with how often it comes; several items get a box around them."""
    if len(one) > 1:
        return BlockNode((), items=list(one), times=times)
    one[0].times = times
    return one[0]


def _blocks(items: list[BlockNode | LayerNode]) -> Iterator[BlockNode]:
    """The blocks whose items are still to be folded: of a nameless box those inside of it."""
    for item in items:
        if isinstance(item, BlockNode):
            if item.path:
                yield item
            else:
                yield from _blocks(item.items)
