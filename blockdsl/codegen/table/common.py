"""What the families of the table share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from blockdsl.ops import Operation, Shape

Maker = Callable[..., nn.Module]
"""From an operation and the shapes of its inputs to a module."""


def plain(module: Callable[..., nn.Module], *arguments: str) -> Maker:
    """A maker that hands over these arguments of the operation in turn, whatever the shapes."""

    def make(op: Operation, *shapes: Shape) -> nn.Module:
        return module(*(getattr(op, name) for name in arguments))

    return make


def axis(shape: Shape) -> int:
    """The axis of the channels, the batch axis counted: 1 for images and vectors, 2 for tokens."""
    return 2 if len(shape) == 2 else 1


def after(shape: Shape) -> int:
    """How many axes come after that of the channels: 2 for images, none otherwise."""
    return len(shape) - axis(shape)


def brief(size: tuple[int, int] | str) -> Any:
    """3 for (3, 3), as one writes it by hand."""
    return size[0] if not isinstance(size, str) and size[0] == size[1] else size
