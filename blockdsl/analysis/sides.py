"""Two networks as trees of blocks, with costs, and how the items of one level are paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from blockdsl.analysis.changes import Delta
from blockdsl.analysis.costs import Cost, costs_of
from blockdsl.analysis.table import shape_text
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.render.merge import merge
from blockdsl.render.scene import Block, Node, outside_inputs, tree

Item = Block | Node
_LONG = 3000
_AKIN = 0.5
"""Share of their layers that two blocks of different names have in common, to be one that was changed."""
_MOST_PAIRS = 2500


class Side:
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
        self._number(self.root)

    def _number(self, item: Item) -> int:
        key: object
        if isinstance(item, Node):
            key = tuple(str(layer.operation) for layer in item.layers)
        else:
            key = (None, *(self._number(inner) for inner in item.items))
        self.kinds[item] = self._known.setdefault(key, len(self._known))
        return self.kinds[item]

    def inputs(self, node: Node) -> tuple[tuple[int, ...], ...]:
        """Shapes of what flows into a layer; of the input itself its own."""
        return tuple(self.graph.shape_of(v) for v in outside_inputs(node)) or (node.shape,)

    def sources(self, node: Node) -> list[tuple[Node, int]]:
        """The layers, and which of their outputs, that a layer reads."""
        return [(self.owner[value.node], value.port) for value in outside_inputs(node)]

    def delta(self, item: Item, sign: int) -> Delta:
        """The cost of all layers inside, added or taken away."""
        total = [0, 0, 0]
        for node in [item] if isinstance(item, Node) else item.nodes():
            for layer in node.layers:
                for index, count in enumerate(_counted(layer, self.costs[layer.id])):
                    total[index] += sign * count
        return Delta(*total)


def _counted(layer: Layer, cost: Cost) -> Delta:
    """What a layer adds to the totals of a summary; training's heads run in no inference."""
    if not layer.inputs:
        return Delta()
    runs = not layer.training_only
    return Delta(cost.params, cost.macs * runs, cost.activations * runs)


def aligned(one: Sequence[object], two: Sequence[object]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Stretches of both sequences, equal or not; what is repeated more often is longer at its end.

    In very long flat sequences what comes often is no anchor, or the time would be quadratic.
    """
    begin = 0
    while begin < min(len(one), len(two)) and one[begin] == two[begin]:
        begin += 1
    yield True, 0, begin, 0, begin
    matcher = SequenceMatcher(None, one[begin:], two[begin:], autojunk=len(two) > _LONG)
    for tag, i, j, k, m in matcher.get_opcodes():
        yield tag == "equal", i + begin, j + begin, k + begin, m + begin


def name_of(item: Item) -> str:
    """What two items share that were written for the same purpose."""
    if isinstance(item, Node):
        return item.core.operation.name
    return item.path[-1].name


def says(item: Item) -> str:
    """A layer with its arguments, a block as it is called; of the input its shape."""
    if isinstance(item, Node) and not item.core.inputs:
        return shape_text(item.shape)
    if isinstance(item, Node):
        return "-".join(str(layer.operation) for layer in item.layers)
    return str(item.call) if item.call else item.path[-1].name


def names_of(sources: Sequence[tuple[Node, int]]) -> str:
    """Where tensors come from."""
    return ", ".join(path_text(node.core.path) for node, _ in sources)


def akin(before: Sequence[Item], after: Sequence[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    """Blocks of other names that hold mostly the same layers, in order; what is left has no partner."""
    if len(before) * len(after) > _MOST_PAIRS:
        yield from ((item, None) for item in before)
        yield from ((None, item) for item in after)
        return
    layers = [[_layers(item) for item in side] for side in (before, after)]
    alike = [[_share(a, b) for b in layers[1]] for a in layers[0]]
    # best[i][j]: the largest sum of shares that pairs of before[i:] and after[j:] have.
    best = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(after))):
            paired = alike[i][j] + best[i + 1][j + 1] if alike[i][j] else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    i = j = 0
    while i < len(before) or j < len(after):
        if i < len(before) and best[i][j] == best[i + 1][j]:
            yield before[i], None
            i += 1
        elif j < len(after) and best[i][j] == best[i][j + 1]:
            yield None, after[j]
            j += 1
        else:
            yield before[i], after[j]
            i, j = i + 1, j + 1


def _layers(item: Item) -> Counter[str]:
    """How often each layer stands in a block; nothing for what is no block."""
    if isinstance(item, Node):
        return Counter()
    return Counter(str(layer.operation) for node in item.nodes() for layer in node.layers)


def _share(one: Counter[str], two: Counter[str]) -> float:
    """The share of layers that two blocks have in common; 0 where they are not akin."""
    total = one.total() + two.total()
    share = 2 * (one & two).total() / total if total else 0.0
    return share if share >= _AKIN else 0.0
