"""How much of a scene is open: which blocks show what is inside, which are one box."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.ir import Value, find_path
from blockdsl.ops import Shape
from blockdsl.render.scene import Output, Scene

COMFORTABLE = 40
"""Boxes that one looks at with ease; blocks are closed until there are no more of them."""

MOST = 600
"""Boxes that are drawn at all."""


class Arrow(NamedTuple):
    """An edge between what is visible.

    `input` counts the inputs of a target that is a node. It is None where the target is a closed block:
    a tensor has one arrow into it, however often it is read inside.
    """

    source: BlockNode | LayerNode
    target: BlockNode | LayerNode
    shape: Shape
    tensor: Value
    input: int | None


@dataclass(frozen=True)
class View:
    """A scene with blocks opened: the visible boxes, `opened` blocks around them, arrows and outputs.

    `said` tells what was folded away although it was not asked for.
    """

    scene: Scene
    opened: frozenset[BlockNode]
    boxes: tuple[BlockNode | LayerNode, ...]
    arrows: tuple[Arrow, ...]
    outputs: tuple[Output, ...]
    depth: int
    said: str = ""


def view(scene: Scene, depth: int | None = None, names: Collection[str] = ()) -> View:
    """Open the blocks of `depth` levels, and those of the given names with what is around and inside.

    Without a depth, as many levels as make a picture of comfortable size. A scene that is too large at
    the depth asked for is closed as far as needed, and `said` tells so.

    Raises:
        ArchError: there is no block of a given name.
    """
    blocks = dict(_blocks(scene.root, 1))
    named = _named(scene, blocks, names)
    deepest = max(blocks.values(), default=0)
    asked = deepest if depth is None else min(depth, deepest)
    limit = COMFORTABLE if depth is None else MOST
    level = asked
    while level > 0 and _count(scene.root, _open(blocks, level, named)) > limit:
        level -= 1
    shown = _view(scene, _open(blocks, level, named), level)
    if level == asked:
        return shown
    every = _count(scene.root, frozenset(blocks))
    return replace(shown, said=f"folded to depth {level} of {deepest}: open, it has {every} boxes")


def _blocks(block: BlockNode, level: int) -> Iterator[tuple[BlockNode, int]]:
    for item in block.items:
        if isinstance(item, BlockNode):
            # A nameless box that shows a repetition is as open as what is around it.
            own = level if item.path or item.times == 1 else level - 1
            yield item, own
            yield from _blocks(item, own + 1)


def _named(scene: Scene, blocks: dict[BlockNode, int], names: Collection[str]) -> frozenset[BlockNode]:
    around = {item: block for block in (scene.root, *blocks) for item in block.items}
    by_name = {block.name: block for block in blocks if block.path}
    opened: set[BlockNode] = set()
    for name in names:
        hint = "a repeated block is drawn once: name its first instance"
        wanted = find_path(name, by_name, "block of the picture", help=hint)
        block: BlockNode | None = by_name[wanted]
        opened.update(inner for inner, _ in _blocks(by_name[wanted], 0))
        while block is not None and block is not scene.root:
            opened.add(block)
            block = around.get(block)
    return frozenset(opened)


def _open(blocks: dict[BlockNode, int], level: int, named: frozenset[BlockNode]) -> frozenset[BlockNode]:
    return frozenset(block for block, own in blocks.items() if own <= level) | named


def _count(block: BlockNode, opened: frozenset[BlockNode]) -> int:
    return sum(
        _count(item, opened) if isinstance(item, BlockNode) and item in opened else 1 for item in block.items
    )


def _view(scene: Scene, opened: frozenset[BlockNode], depth: int) -> View:
    shown_as: dict[BlockNode | LayerNode, BlockNode | LayerNode] = {}
    boxes: list[BlockNode | LayerNode] = []

    def visit(block: BlockNode) -> None:
        for item in block.items:
            if isinstance(item, BlockNode) and item in opened:
                visit(item)
                continue
            boxes.append(item)
            shown_as.update(
                (node, item) for node in ([item] if isinstance(item, LayerNode) else item.nodes())
            )

    visit(scene.root)
    arrows = []
    for edge in scene.edges:
        source, target = shown_as[edge.source], shown_as[edge.target]
        index = None if isinstance(target, BlockNode) else edge.input
        arrows.append(Arrow(source, target, edge.shape, edge.tensor, index))
    seen = dict.fromkeys(arrow for arrow in arrows if arrow.source is not arrow.target)
    outputs = [output._replace(source=shown_as[output.source]) for output in scene.outputs]
    return View(
        scene, opened, tuple(boxes), tuple(seen),
        tuple(outputs), depth,
    )  # fmt: skip
