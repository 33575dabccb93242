"""What names stand for in one call of a block or a function, as it is written: nothing is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare
from blockdsl.syntax.names import Definition, Names


@dataclass(frozen=True, eq=False)
class Frame:
    """A call of a block or a function, or a round of a loop.

    Attributes:
        callee: the block, the `let` of the function, or the loop; None at the top, in a file and its net.
        arguments: those that are written in the call, by parameter; what the loop's variables stand for.
        caller: the frame in which they are written.
        outer: the frame in which the callee is defined.
    """

    callee: nodes.Block | nodes.Let | nodes.For | None = None
    arguments: Mapping[str, nodes.Expr] = field(default_factory=dict)
    caller: Frame | None = None
    outer: Frame | None = None

    def of(self, definition: Definition) -> Frame:
        """The frame that a definition in sight belongs to."""
        frame = self
        while frame.outer is not None and frame.callee is not definition.owner:
            frame = frame.outer
        return frame


TOP = Frame()


@dataclass(frozen=True)
class Thunk:
    """An expression and the frame in which it is written; `param` for the default of a file's parameter."""

    expr: nodes.Expr
    frame: Frame
    param: bool = False


@dataclass(frozen=True)
class Callee:
    """A block, or a function of numbers, and the frame in which it is defined."""

    node: nodes.Block | nodes.Let
    frame: Frame


Bound = Thunk | Callee


def bound(definition: Definition | None, frame: Frame) -> Bound | None:
    """What a definition stands for in a frame; None for tensors and what is counted."""
    if definition is None or definition.is_stream:
        return None
    home = frame.of(definition)
    match definition.node:
        case nodes.Block() as block:
            return Callee(block, home)
        case nodes.Let(params=None, value=value) as let:
            if len(let.names) == 1:
                return Thunk(value, home)
            written = bare(value)
            if not isinstance(written, nodes.ListOf) or len(written.items) != len(let.names):
                return None
            return Thunk(written.items[let.names.index(definition.name)], home)
        case nodes.Let() as function:
            return Callee(function, home)
        case nodes.Param(name=name, default=default):
            if name in home.arguments and home.caller is not None:
                return Thunk(home.arguments[name], home.caller)
            return Thunk(default, home, definition.of_file) if default is not None else None
        case nodes.For() as loop if home.callee is loop and definition.name in home.arguments:
            return Thunk(home.arguments[definition.name], home.caller or home)
    return None


def stands_for(use: nodes.Expr, names: Names, frame: Frame) -> Bound | None:
    """What the name that an expression begins with, or calls, stands for in a frame."""
    return bound(names.definition(use), frame)


def values(expr: nodes.Expr, names: Names, frame: Frame) -> list[Thunk]:
    """What an expression may be once names, and items of lists that are written, are looked up."""
    expr = bare(expr)
    if not isinstance(expr, nodes.Path) or len(expr.steps) > 1:
        return [Thunk(expr, frame)]
    found = stands_for(expr, names, frame)
    if not isinstance(found, Thunk):
        return [Thunk(expr, frame)]
    taken = values(found.expr, names, found.frame)
    for index in expr.steps[0].indices:
        if isinstance(index, nodes.Slice):
            continue
        parts = [items(one.expr, names, one.frame) for one in taken]
        at = int(index.value) - 1 if isinstance(index, nodes.Number) else -1
        taken = [t for part in parts for t in ([part[at]] if 0 <= at < len(part) else part)]
    return taken


def items(expr: nodes.Expr, names: Names, frame: Frame) -> list[Thunk]:
    """The items of a list that is written, or of those that a name may stand for."""
    found = values(expr, names, frame)
    lists = [(one, bare(one.expr)) for one in found]
    return [
        Thunk(item, one.frame) for one, expr in lists if isinstance(expr, nodes.ListOf) for item in expr.items
    ]
