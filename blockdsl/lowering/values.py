"""What an expression can be while a file is lowered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from blockdsl import nodes
from blockdsl.ir import Value

if TYPE_CHECKING:
    from blockdsl.lowering.context import Scope, Trace

Data = int | float | bool | str | tuple[Any, ...]
"""Numbers, truth, words, and lists of them."""


class Kind(Enum):
    """What an expression will be, known before it is evaluated."""

    DATA = auto()
    TENSOR = auto()
    NET = auto()


@dataclass(frozen=True, slots=True)
class Tensors:
    """Tensors that exist: one, or a bundle of several."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Closure:
    """A network with the names it sees. Its choices are made once, under `path`, however often it is used."""

    expr: nodes.Expr
    scope: Scope
    path: tuple[Any, ...]
    trace: Trace


@dataclass(frozen=True, slots=True)
class Function:
    """`let width(i) = …`: a function of numbers."""

    let: nodes.Let
    scope: Scope


@dataclass(frozen=True, slots=True)
class BlockValue:
    """A block with the names of the file that defines it."""

    block: nodes.Block
    scope: Scope


Evaluated = Data | Tensors | Closure | Function | BlockValue


def kind_of_value(value: Evaluated) -> Kind:
    """The kind of something evaluated."""
    if isinstance(value, Tensors):
        return Kind.TENSOR
    return Kind.NET if isinstance(value, Closure | BlockValue) else Kind.DATA


def shown(value: Evaluated) -> str:
    """A value as a message shows it: `64`, `[1, 2]`, `yes`, `CONV(3,3)-BN`, `32x8x8`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, Closure):
        return " ".join(value.expr.span.text.split())
    if isinstance(value, Function):
        return f"{value.let.name}(…)"
    if isinstance(value, BlockValue):
        return value.block.name
    if isinstance(value, Tensors):
        return "a tensor" if len(value.values) == 1 else f"a bundle of {len(value.values)} tensors"
    return f"{value:g}" if isinstance(value, float) else str(value)
