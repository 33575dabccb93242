"""From where a number is used - as channels, repetitions, a kernel - to where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from blockdsl.lowering import arithmetic
from blockdsl.passes.opening.names import Bound, Defined, Names, Opaque, Thunk
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
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
    names: Names
    multiplier: bool = False


Bind = Callable[[nodes.Call, Defined, Names], Names]


class Demands:
    """Follows numbers to where they are written; `bind` gives the names that a call's body sees."""

    def __init__(self, bind: Bind) -> None:
        self.bind = bind

    def sites(self, expr: nodes.Expr, names: Names, role: Role, steps: int = 0) -> Iterator[Site]:
        """Where the number that an expression yields is written."""
        expr = bare(expr)
        if steps > MAX_STEPS:
            return
        if multiplier := self._multiplier(expr, names, 0):
            yield Site(role, multiplier.expr, multiplier.names, True)
        elif is_closed(expr, names):
            yield from self._closed(expr, names, role)
        else:
            for part, inner in self._sources(expr, names):
                yield from self.sites(part, inner, role, steps + 1)

    def _closed(self, expr: nodes.Expr, names: Names, role: Role) -> Iterator[Site]:
        bound = _lone(expr, names)
        if role in (Role.DEPTH, Role.KERNEL) and (parts := _items(expr, names)):
            for part, inner in parts:
                yield from self.sites(part, inner, role)
        elif role in (Role.DEPTH, Role.KERNEL) and isinstance(bound, Thunk):
            yield from self.sites(bound.expr, bound.names, role)
        else:
            yield Site(role, expr, names)

    def _sources(self, expr: nodes.Expr, names: Names) -> Iterator[tuple[nodes.Expr, Names]]:
        """The parts of an open expression that it grows with."""
        match expr:
            case nodes.Path(steps=steps):
                bound, _ = names.find(steps[0].name)
                if isinstance(bound, Thunk):
                    yield from _items(expr, names) or [(bound.expr, bound.names)]
            case nodes.Chain(parts=parts) | nodes.Sum(parts=parts):
                yield parts[0], names
            case nodes.Product(parts=parts) if not any(_reads_stream(p) for p in parts):
                yield [p for p in parts if not is_closed(p, names)][-1], names
            case nodes.Binary(op=op, left=left) if op != "**" and not is_closed(left, names):
                yield left, names
            case nodes.If(then=then, otherwise=otherwise):
                yield then, names
                yield otherwise, names
            case nodes.Call(name=name, args=args):
                bound, _ = names.find(name)
                if isinstance(bound, Defined) and isinstance(bound.node, nodes.Let):
                    yield bound.node.value, self.bind(expr, bound, names)
                elif name in arithmetic.FUNCTIONS:
                    yield from ((a.value, names) for a in args if not is_closed(a.value, names))

    def _multiplier(self, expr: nodes.Expr, names: Names, steps: int) -> Thunk | None:
        """The parameter of the file, by default 1, that a product in an expression has as a factor."""
        if steps > MAX_STEPS:
            return None
        for node in walk(expr):
            if isinstance(node, nodes.Product):
                for part in node.parts:
                    if found := _unit_parameter(part, names):
                        return found
            if isinstance(node, nodes.Call):
                bound, _ = names.find(node.name)
                if isinstance(bound, Defined) and isinstance(bound.node, nodes.Let):
                    inner = self.bind(node, bound, names)
                    if found := self._multiplier(bound.node.value, inner, steps + 1):
                        return found
        return None


def _unit_parameter(expr: nodes.Expr, names: Names) -> Thunk | None:
    bound = _lone(bare(expr), names)
    while isinstance(bound, Thunk):
        value = bare(bound.expr)
        if bound.param and isinstance(value, nodes.Number) and value.value == 1:
            return Thunk(value, bound.names, True)
        bound = _lone(value, bound.names)
    return None


def _items(expr: nodes.Expr, names: Names) -> list[tuple[nodes.Expr, Names]]:
    """The items of the list that an expression takes one of: `depths[i]`."""
    if not isinstance(expr, nodes.Path) or expr.steps[0].index is None:
        return []
    bound, _ = names.find(expr.steps[0].name)
    if not isinstance(bound, Thunk) or not isinstance(items := bare(bound.expr), nodes.ListOf):
        return []
    return [(item, bound.names) for item in items.items]


def _lone(expr: nodes.Expr, names: Names) -> Bound | None:
    return names.find(name_of(expr))[0] if isinstance(expr, nodes.Path) and name_of(expr) else None


def is_closed(expr: nodes.Expr, names: Names) -> bool:
    """Whether an expression uses literals, names of the file and variables of loops, none of a call."""
    for node in walk(expr):
        if isinstance(node, nodes.Path) and node.steps[0].name == "in":
            return False
        name = node.steps[0].name if isinstance(node, nodes.Path) else name_of(node)
        bound, local = names.find(name) if name else (None, False)
        if local and not isinstance(bound, Opaque):
            return False
    return True


def _reads_stream(expr: nodes.Expr) -> bool:
    return any(isinstance(node, nodes.Path) and node.steps[0].name == "in" for node in walk(expr))
