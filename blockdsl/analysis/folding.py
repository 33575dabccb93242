"""The rows of a summary: layers grouped by their blocks, repeated blocks folded into one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blockdsl.blocktree.nesting import Nest, fold, nest
from blockdsl.blocktree.runs import runs
from blockdsl.blocktree.sharing import Application
from blockdsl.ir import Segment, module_name
from blockdsl.ops import Shape, Sizes


class LayerCost(NamedTuple):
    """One layer of a summary; `shape` without the batch axis, `memory` in bytes, `line` from 1.

    `receptive_field` has the size by the name of each input, `wiring` how many layers back each tensor that
    flows in was made. `shares` is the application of a shared network that the layer is in, where it has its
    weights from an earlier one.
    """

    name: str
    path: tuple[Segment, ...]
    op: str
    text: str
    shape: Shape
    params: int
    macs: int
    memory: int
    receptive_field: Mapping[str, Sizes | None]
    line: int
    training_only: bool
    wiring: tuple[int, ...]
    shares: Application | None = None


class Row(NamedTuple):
    """One line of the table. Its numbers are those of one of `times` instances.

    `level` is the indentation; a block's row sums up the rows below it. `shares` is the name of the module
    whose weights it uses, where they count in an earlier row.
    """

    level: int
    name: str
    times: int = 1
    text: str = ""
    shape: Shape | None = None
    params: int = 0
    macs: int = 0
    memory: int = 0
    training_only: bool = False
    shares: str = ""


@dataclass(slots=True)
class _Group:
    """A block's layers and inner blocks in order; `kind` is equal for what reads the same."""

    path: tuple[Segment, ...]
    items: list[_Group | LayerCost] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    params: int = 0
    macs: int = 0
    memory: int = 0


def rows(layers: Sequence[LayerCost], *, expand: bool = False) -> Iterator[Row]:
    """The table's rows in execution order.

    Identical neighbours (the same operations, arguments, shapes, counts, wiring and shared weights, row for
    row) become one with the number of `times`, unless `expand`.
    """
    stack = [_plan(_grouped(layers), 0, expand)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif isinstance(step, Row):
            yield step
        else:
            group, level = step
            stack.append(_plan(group, level, expand))


def _plan(group: _Group, level: int, expand: bool) -> Iterator[Row | tuple[_Group, int]]:
    """The rows of a group's own items, and which groups to go into."""
    for start, period, times in runs(group.kinds, expand):
        inner = level + (period > 1)
        if period > 1:
            yield Row(level, "", times)
        for item in group.items[start : start + period]:
            shown = times if period == 1 else 1
            name = module_name(item.path[len(group.path) :])
            last, shares = _layer(item, -1), _shares(item, group)
            text = item.text if isinstance(item, LayerCost) else ""
            yield Row(
                inner, name, shown, text, last.shape, item.params, item.macs, item.memory,
                last.training_only, shares,
            )  # fmt: skip
            if isinstance(item, _Group):
                yield item, inner + 1


def _layer(item: _Group | LayerCost, place: int) -> LayerCost:
    """The first layer (0) or the last one (-1)."""
    while isinstance(item, _Group):
        item = item.items[place]
    return item


def _shares(item: _Group | LayerCost, around: _Group) -> str:
    """The module whose weights an item uses, told where its application begins and not again inside of it."""
    application = _layer(item, 0).shares
    told = application and len(around.path) < len(application.path) <= len(item.path)
    return application.module if application and told else ""


def _grouped(layers: Sequence[LayerCost]) -> _Group:
    """The tree of blocks; a chain of blocks that hold nothing but the next one is one block."""
    known: dict[Any, int] = {}

    def group(block: Nest[LayerCost], items: list[LayerCost | _Group]) -> _Group:
        made = _Group(block.path)
        for item in items:
            made.params += item.params
            made.macs += item.macs
            made.memory += item.memory
            if isinstance(item, LayerCost):
                shares = item.shares and item.shares.module
                key: Any = (item.text, item.shape, item.params, item.macs, item.wiring, shares)
            else:
                key = (item.path[-1].name, *item.kinds)
                if len(item.items) == 1 and isinstance(item.items[0], _Group):
                    item = item.items[0]
            made.items.append(item)
            made.kinds.append(known.setdefault(key, len(known)))
        return made

    return fold(nest(layers, lambda layer: layer.path), group)
