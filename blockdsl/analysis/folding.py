"""The rows of a summary: layers grouped by their blocks, repeated blocks folded into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from blockdsl.blocktree.nesting import Nest, fold, nest
from blockdsl.blocktree.runs import runs
from blockdsl.ir import Segment, module_name
from blockdsl.ops import Shape


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer of a summary; `shape` without the batch axis, `memory` in bytes, `line` from 1.

    `wiring` says how many layers back each input was made.
    """

    name: str
    path: tuple[Segment, ...]
    op: str
    text: str
    shape: Shape
    params: int
    macs: int
    memory: int
    receptive_field: tuple[int, int] | None
    line: int
    training_only: bool
    wiring: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Its numbers are those of one of `times` instances.

    `level` is the indentation; a block's row sums up the rows below it.
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

    Identical neighbours (the same operations, arguments, shapes, counts and wiring, row for row) become
    one with the number of `times`, unless `expand`.
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
            if isinstance(item, _Group):
                last = _last(item)
                only = last.training_only
                yield Row(inner, name, shown, "", last.shape, item.params, item.macs, item.memory, only)
                yield item, inner + 1
            else:
                yield Row(
                    inner, name, shown, item.text, item.shape,
                    item.params, item.macs, item.memory, item.training_only,
                )  # fmt: skip


def _last(group: _Group) -> LayerCost:
    item: _Group | LayerCost = group
    while isinstance(item, _Group):
        item = item.items[-1]
    return item


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
                key: Any = (item.text, item.shape, item.params, item.macs, item.wiring)
            else:
                key = (item.path[-1].name, *item.kinds)
                if len(item.items) == 1 and isinstance(item.items[0], _Group):
                    item = item.items[0]
            made.items.append(item)
            made.kinds.append(known.setdefault(key, len(known)))
        return made

    return fold(nest(layers, lambda layer: layer.path), group)
