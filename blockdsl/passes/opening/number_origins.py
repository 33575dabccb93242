"""From where a number is used - as channels, repetitions, a kernel - to where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from blockdsl.lowering import arithmetic
from blockdsl.passes.opening.frames import Bound, Callee, Frame, Thunk, stands_for
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
from blockdsl.syntax.names import Names
from blockdsl.syntax.traversal import walk

MAX_STEPS = 60
"""Calls inside calls that a number is followed through."""


class Role(Enum):
    """What a number is used for."""

    WIDTH = "width"
    DEPTH = "depth"
    KERNEL = "kernel"
    OUTPUT = "output"


@dataclass(frozen=True)
class Site:
    """A place where a number of the network is written, as an expression of literals and names of the file.

    `multiplier` says that it is a parameter of 1 that multiplies others.
    """

    role: Role
    expr: nodes.Expr
    multiplier: bool = False


Enter = Callable[[nodes.Call, Callee, Frame], Frame]


class Demands:
    """Follows numbers to where they are written; `enter` gives the frame of a call."""

    def __init__(self, names: Names, enter: Enter) -> None:
        self.names, self.enter = names, enter

    def sites(self, expr: nodes.Expr, frame: Frame, role: Role, steps: int = 0) -> Iterator[Site]:
        """Where the number that an expression yields is written."""
        expr = bare(expr)
        if steps > MAX_STEPS:
            return
        if multiplier := self._multiplier(expr, frame, 0):
            yield Site(role, multiplier, True)
        elif is_closed(expr, self.names):
            yield from self._closed(expr, frame, role)
        else:
            for part, inner in self._sources(expr, frame):
                yield from self.sites(part, inner, role, steps + 1)

    def _closed(self, expr: nodes.Expr, frame: Frame, role: Role) -> Iterator[Site]:
        found = self._lone(expr, frame)
        if role in (Role.DEPTH, Role.KERNEL) and (parts := self._items(expr, frame)):
            for part, inner in parts:
                yield from self.sites(part, inner, role)
        elif role in (Role.DEPTH, Role.KERNEL) and isinstance(found, Thunk):
            yield from self.sites(found.expr, found.frame, role)
        else:
            yield Site(role, expr)

    def _sources(self, expr: nodes.Expr, frame: Frame) -> Iterator[tuple[nodes.Expr, Frame]]:
        """The parts of an open expression that it grows with."""
        match expr:
            case nodes.Path():
                found = stands_for(expr, self.names, frame)
                if isinstance(found, Thunk):
                    yield from self._items(expr, frame) or [(found.expr, found.frame)]
            case nodes.Chain(parts=parts) | nodes.Sum(parts=parts):
                yield parts[0], frame
            case nodes.Product(parts=parts) if not any(self._reads_stream(p) for p in parts):
                yield [p for p in parts if not is_closed(p, self.names)][-1], frame
            case nodes.Binary(op=op, left=left) if op != "**" and not is_closed(left, self.names):
                yield left, frame
            case nodes.If(then=then, otherwise=otherwise):
                yield then, frame
                yield otherwise, frame
            case nodes.Call(name=name, args=args):
                found = stands_for(expr, self.names, frame)
                if isinstance(found, Callee) and isinstance(found.node, nodes.Let):
                    yield found.node.value, self.enter(expr, found, frame)
                elif name in arithmetic.FUNCTIONS:
                    yield from ((a.value, frame) for a in args if not is_closed(a.value, self.names))

    def _multiplier(self, expr: nodes.Expr, frame: Frame, steps: int) -> nodes.Expr | None:
        """The 1 of a parameter of the file that a product in an expression has as a factor."""
        if steps > MAX_STEPS:
            return None
        for node in walk(expr):
            if isinstance(node, nodes.Product):
                for part in node.parts:
                    if unit := self._unit(part, frame):
                        return unit
            if isinstance(node, nodes.Call):
                found = stands_for(node, self.names, frame)
                if isinstance(found, Callee) and isinstance(found.node, nodes.Let):
                    inner = self.enter(node, found, frame)
                    if unit := self._multiplier(found.node.value, inner, steps + 1):
                        return unit
        return None

    def _unit(self, expr: nodes.Expr, frame: Frame) -> nodes.Expr | None:
        """The 1 that is the default of a parameter of the file, where an expression names that."""
        found = self._lone(bare(expr), frame)
        while isinstance(found, Thunk):
            value: nodes.Expr = bare(found.expr)
            if found.param and isinstance(value, nodes.Number) and value.value == 1:
                return value
            found = self._lone(value, found.frame)
        return None

    def _items(self, expr: nodes.Expr, frame: Frame) -> list[tuple[nodes.Expr, Frame]]:
        """The items of the list that an expression takes one of: `depths[i]`."""
        if not isinstance(expr, nodes.Path) or not expr.steps[0].indices:
            return []
        found = stands_for(expr, self.names, frame)
        if not isinstance(found, Thunk) or not isinstance(items := bare(found.expr), nodes.ListOf):
            return []
        return [(item, found.frame) for item in items.items]

    def _lone(self, expr: nodes.Expr, frame: Frame) -> Bound | None:
        is_word = isinstance(expr, nodes.Path) and name_of(expr)
        return stands_for(expr, self.names, frame) if is_word else None

    def _reads_stream(self, expr: nodes.Expr) -> bool:
        found = (self.names.definition(node) for node in walk(expr))
        return any(definition is not None and definition.is_stream for definition in found)


def is_closed(expr: nodes.Expr, names: Names) -> bool:
    """Whether an expression uses literals, names of the file and variables of loops, none of a call."""
    found = (names.definition(node) for node in walk(expr))
    return all(d is None or d.of_file or d.is_variable for d in found)
