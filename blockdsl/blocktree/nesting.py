"""Layers inside the blocks that their paths name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from blockdsl.ir import Segment

_T = TypeVar("_T")
_R = TypeVar("_R")
_END = object()


@dataclass(eq=False, slots=True)
class Nest(Generic[_T]):
    """What a block holds, in order: items, and blocks. The path of the outermost is empty."""

    path: tuple[Segment, ...]
    items: list[_T | Nest[_T]] = field(default_factory=list)


def fold(block: Nest[_T], make: Callable[[Nest[_T], list[_T | _R]], _R]) -> _R:
    """What `make` makes of a block, given its items with each inner block as `make` made it.

    Inner blocks come first. There is no recursion: blocks may be nested hundreds deep.
    """
    open_blocks: list[tuple[Nest[_T], Iterator[_T | Nest[_T]], list[_T | _R]]] = [
        (block, iter(block.items), [])
    ]
    while True:
        around, items, made = open_blocks[-1]
        item = next(items, _END)
        if item is _END:
            open_blocks.pop()
            result = make(around, made)
            if not open_blocks:
                return result
            open_blocks[-1][2].append(result)
        elif isinstance(item, Nest):
            open_blocks.append((item, iter(item.items), []))
        else:
            made.append(item)  # type: ignore[arg-type]


def nest(items: Iterable[_T], path_of: Callable[[_T], tuple[Segment, ...]]) -> Nest[_T]:
    """Put items into the blocks that their paths name.

    Items of a block stand one after the other. A block that is left and entered again comes twice.

    >>> steps = [(Segment("stage", 1), Segment("conv", 1)), (Segment("stage", 1), Segment("conv", 2))]
    >>> [[inner[-1].index for inner in block.items] for block in nest(steps, lambda path: path).items]
    [[1, 2]]
    """
    around: list[Nest[_T]] = [Nest(())]
    for item in items:
        path = path_of(item)[:-1]
        while around[-1].path != path[: len(around[-1].path)]:
            around.pop()
        for length in range(len(around[-1].path) + 1, len(path) + 1):
            inner: Nest[_T] = Nest(path[:length])
            around[-1].items.append(inner)
            around.append(inner)
        around[-1].items.append(item)
    return around[0]
