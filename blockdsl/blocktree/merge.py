"""Runs of layers that people draw as one: a convolution with its normalisation and activation."""

from __future__ import annotations

from collections import Counter

from blockdsl.blocktree.tree import BlockNode, LayerNode, role
from blockdsl.ir import Graph, Layer

_WEIGHTED = {"conv", "linear", "attention"}


def merge(block: BlockNode, graph: Graph, detail: bool) -> None:
    """Merge runs inside a block and all blocks in it; a box around one thing alone is left out.

    With `detail` no layers are merged.
    """
    _merge(block, _Uses(graph), detail)


class _Uses:
    """Which layers feed one other layer and nothing else."""

    def __init__(self, graph: Graph) -> None:
        self.count = Counter(value.node for layer in graph.layers() for value in layer.sources)
        self.count.update(value.node for value in graph.results())

    def follows(self, before: Layer, after: Layer) -> bool:
        """Whether `after` reads `before` alone, and nothing else does."""
        return (
            len(after.sources) == 1
            and after.sources[0].node == before.id
            and self.count[before.id] == 1
            and before.training_only == after.training_only
        )


def _merge(block: BlockNode, uses: _Uses, detail: bool) -> None:
    items: list[BlockNode | LayerNode] = []
    ends: dict[int, LayerNode] = {}
    for item in block.items:
        if isinstance(item, BlockNode):
            _merge(item, uses, detail)
            item = _without_needless_boxes(item)
        if isinstance(item, LayerNode) and not detail:
            first = item.layers[0]
            before = ends.get(first.sources[0].node) if len(first.sources) == 1 else None
            if before and uses.follows(before.layers[-1], first) and _go_together(before, item):
                before.layers += item.layers
                before.label = before.label or item.label
                ends[before.layers[-1].id] = before
                continue
        if isinstance(item, LayerNode):
            ends[item.layers[-1].id] = item
        items.append(item)
    block.items = items


def _without_needless_boxes(block: BlockNode) -> BlockNode | LayerNode:
    """What a box holds, if that is one thing; labels, alternatives and what is shared stay visible."""
    if len(block.items) != 1 or block.choice:
        return block
    only = block.items[0]
    shared = block.shared or only.shared
    if isinstance(only, LayerNode):
        only.label, only.shared = block.label or only.label, shared
        return only
    if only.choice:
        return block
    # The outer path stays: it is what the file's points and choices are called by.
    return BlockNode(block.path, only.call or block.call, only.items, choice=block.choice, shared=shared)


def _go_together(run: LayerNode, item: LayerNode) -> bool:
    """Whether the layers of `item` belong to the run that they follow, neither of them labelled twice.

    An input stands alone, and so does a layer that shares its weights.
    """
    if run.layers[0].is_input or run.shared or item.shared or (run.label and item.label):
        return False
    before, after = [role(x) for x in run.layers], [role(x) for x in item.layers]
    if "core" not in before:
        leads = item.layers[after.index("core")].operation.family in _WEIGHTED if "core" in after else True
        return leads and not (item.label and "core" not in after)
    if "core" in after or "lead" in after or item.label:
        return False
    core = run.layers[before.index("core")].operation
    leading = set(before[: before.index("core")])
    if core.family in _WEIGHTED:
        return not leading & set(after)
    # A sum is activated (ResNet), a pooled map is activated or dropped; more is drawn apart.
    return not {"norm", "scale"} & set(after) and core.name != "CAT"
