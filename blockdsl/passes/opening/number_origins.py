"""From where a number is used - as channels, repetitions, a kernel - to where it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from blockdsl.lowering import arithmetic
from blockdsl.lowering.values import Place
from blockdsl.passes.opening.edits import inside
from blockdsl.passes.opening.forms import is_net
from blockdsl.passes.opening.frames import Bound, Callee, Frame, Thunk, stands_for
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, name_of
from blockdsl.syntax.names import Names
from blockdsl.syntax.traversal import walk

MAX_STEPS = 60
"""Calls inside calls that a number is followed through."""

SMALL = 8
"""Lesser factors of a product of several are no widths by themselves."""


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
        if steps > MAX_STEPS or _is_size(expr) or is_net(expr, self.names, frame):
            return  # the size of a tensor follows what is opened before it
        if multiplier := self._multiplier(expr, frame, 0):
            yield Site(role, multiplier, True)
        elif is_closed(expr, self.names):
            yield from self._closed(expr, frame, role)
        else:
            sources = self._sources(expr, frame)
            found = [site for e, f in sources for site in self.sites(e, f, role, steps + 1)]
            factor = self._factor(expr, frame) if all(_is_small(site.expr) for site in found) else None
            yield from found if factor is None or not _is_size_of_layer(role) else [Site(role, factor)]

    def _closed(self, expr: nodes.Expr, frame: Frame, role: Role) -> Iterator[Site]:
        found = self.lone(expr, frame)
        if role in (Role.DEPTH, Role.KERNEL) and (parts := self._items(expr, frame)):
            for part, inner in parts:
                yield from self.sites(part, inner, role)
        elif role in (Role.DEPTH, Role.KERNEL) and isinstance(found, Thunk):
            yield from self.sites(found.expr, found.frame, role)
        elif _is_size_of_layer(role) and self._varies(expr):
            yield Site(role, self._factor(expr, frame) or expr)
        else:
            yield Site(role, expr)

    def _varies(self, expr: nodes.Expr) -> bool:
        """Whether an expression uses the variable of a loop that is around it."""
        found = (self.names.definition(node) for node in walk(expr))
        return any(definition is not None and definition.is_variable for definition in found)

    def _factor(self, expr: nodes.Expr, frame: Frame) -> nodes.Expr | None:
        """The factor of a product that is a width by itself: `width` of `width*2**i`."""
        if not isinstance(expr, nodes.Product):
            return None
        for part in expr.parts:
            value, home = bare(part), frame
            while is_closed(value, self.names) and isinstance(found := self.lone(value, home), Thunk):
                if self._varies(value):
                    break
                value, home = bare(found.expr), found.frame
            if isinstance(value, nodes.Number) and isinstance(value.value, int) and not _is_small(value):
                return part
        return None

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
        found = self.lone(bare(expr), frame)
        while isinstance(found, Thunk):
            value: nodes.Expr = bare(found.expr)
            if found.param and isinstance(value, nodes.Number) and value.value == 1:
                return value
            found = self.lone(value, found.frame)
        return None

    def _items(self, expr: nodes.Expr, frame: Frame) -> list[tuple[nodes.Expr, Frame]]:
        """The items of the list that an expression takes one of: `depths[i]`."""
        if not isinstance(expr, nodes.Path) or not expr.steps[0].indices:
            return []
        found = stands_for(expr, self.names, frame)
        if not isinstance(found, Thunk) or not isinstance(items := bare(found.expr), nodes.ListOf):
            return []
        return [(item, found.frame) for item in items.items]

    def lone(self, expr: nodes.Expr, frame: Frame) -> Bound | None:
        """What an expression stands for if it is a name and nothing else."""
        is_word = isinstance(expr, nodes.Path) and name_of(expr)
        return stands_for(expr, self.names, frame) if is_word else None

    def _reads_stream(self, expr: nodes.Expr) -> bool:
        found = (self.names.definition(node) for node in walk(expr))
        return any(definition is not None and definition.is_stream for definition in found)


def scaled_once(sites: Mapping[Place, Site], names: Names) -> dict[Place, Site]:
    """The sites without the widths that use what another of these widths is in: that scales them already."""
    spans = [site.expr.span for site in sites.values() if site.role is Role.WIDTH]

    def reaches(expr: nodes.Node, seen: set[int]) -> bool:
        for node in walk(expr):
            definition = names.definition(node)
            if definition is None or id(definition.node) in seen:
                continue
            seen.add(id(definition.node))
            if not isinstance(definition.node, nodes.Let | nodes.Param) or not definition.of_file:
                continue
            if any(inside(span, definition.node.span) for span in spans) or reaches(definition.node, seen):
                return True
        return False

    return {
        key: site
        for key, site in sites.items()
        if site.role is not Role.WIDTH or not reaches(site.expr, set())
    }


def _is_size_of_layer(role: Role) -> bool:
    return role in (Role.WIDTH, Role.OUTPUT)


def _is_size(expr: nodes.Expr) -> bool:
    """Whether an expression is the size of a tensor, such as `x.c`."""
    return isinstance(expr, nodes.Path) and len(expr.steps) > 1


def _is_small(expr: nodes.Expr) -> bool:
    """Whether an expression is a number too small for a width: how often one is taken, or which."""
    return isinstance(expr, nodes.Number) and expr.value < SMALL


def is_closed(expr: nodes.Expr, names: Names) -> bool:
    """Whether an expression uses literals, names of the file and variables of loops, none of a call."""
    if any(isinstance(node, nodes.Path) and _is_size(node) for node in walk(expr)):
        return False
    found = (names.definition(node) for node in walk(expr))
    return all(d is None or d.of_file or d.is_variable for d in found)
