"""Small tools for syntax trees: going through them, and making new nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from blockdsl.diagnostics import error
from blockdsl.lowering.values import Evaluated
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

_COMPOSITE = (
    nodes.Chain, nodes.Sum, nodes.Concat, nodes.Product, nodes.Binary, nodes.Unary, nodes.If, nodes.Label,
)  # fmt: skip


def walk(node: Any) -> Iterator[nodes.Node]:
    """A syntax node and all nodes below it."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item
        elif isinstance(item, nodes.Node):
            yield item
            waiting += [getattr(item, f.name) for f in fields(item) if f.name != "span"]


def is_choice(node: object) -> bool:
    """Whether a node is a choice itself."""
    return isinstance(node, nodes.Choice | nodes.RangeChoice | nodes.Optional)


def has_choice(node: Any) -> bool:
    """Whether a choice is written anywhere in a syntax node."""
    return any(is_choice(n) for n in walk(node))


def name_of(node: object) -> str:
    """The name that a call or a lone word uses; nothing for other nodes."""
    if isinstance(node, nodes.Call):
        return node.name
    if isinstance(node, nodes.Path) and len(node.steps) == 1 and node.steps[0].index is None:
        return node.steps[0].name
    return ""


def path(span: Span, name: str) -> nodes.Path:
    """A lone word."""
    return nodes.Path(span, (nodes.Step(span, name),))


def is_identity(expr: object) -> bool:
    """Whether an expression is `ID`."""
    return isinstance(expr, nodes.Path) and name_of(expr) == "ID"


def grouped(expr: Any) -> Any:
    """In brackets, where it could need them."""
    return nodes.Group(expr.span, expr) if isinstance(expr, _COMPOSITE) else expr


def bare(value: Any) -> Any:
    """Without the brackets that nothing needs."""
    while isinstance(value, nodes.Group):
        value = value.body
    return value


def chain(span: Span, parts: list[Any]) -> Any:
    """Networks one after the other: identities left out, chains inside taken apart."""
    flat: list[Any] = []
    for part in parts:
        inner = bare(part)
        if isinstance(inner, nodes.Chain):
            flat += inner.parts
        elif not is_identity(inner):
            flat.append(part)
    if not flat:
        return path(span, "ID")
    return flat[0] if len(flat) == 1 else nodes.Chain(span, tuple(flat))


def literal(span: Span, value: Evaluated) -> Any:
    """Data as it is written; a negative number in brackets."""
    if isinstance(value, bool):
        return nodes.Bool(span, value)
    if isinstance(value, int | float):
        number = nodes.Number(span, abs(value))
        return number if value >= 0 else grouped(nodes.Unary(span, "-", number))
    if isinstance(value, str):
        return nodes.String(span, value)
    assert isinstance(value, tuple), f"{value} is no data"
    return nodes.ListOf(span, tuple(bare(literal(span, item)) for item in value))


def inline(node: Any, values: Mapping[str, Any]) -> Any:
    """The node with names replaced by expressions.

    Raises:
        ArchError: an item of a name is taken, or a loop's variable has the name of something in a value.
    """
    if isinstance(node, tuple):
        return tuple(inline(item, values) for item in node)
    if isinstance(node, nodes.Path) and name_of(node) in values:
        return grouped(values[name_of(node)])
    clash = isinstance(node, nodes.Path) and node.steps[0].name in values
    if isinstance(node, nodes.For):
        clash = any(name_of(n) == node.variable for value in values.values() for n in walk(value))
        values = {name: value for name, value in values.items() if name != node.variable}
    if clash:
        raise error("freeze", f"cannot write out the call that yields {node.span.text}", node.span)
    if not isinstance(node, nodes.Node):
        return node
    changes = {f.name: inline(getattr(node, f.name), values) for f in fields(node) if f.name != "span"}
    return replace(node, **changes)


def substitute(node: Any, name: str, value: Evaluated) -> Any:
    """The node with a name replaced by its value.

    Raises:
        ArchError: an item of the value is taken whose index is no plain number.
    """
    if isinstance(node, tuple):
        return tuple(substitute(item, name, value) for item in node)
    if isinstance(node, nodes.Path) and name_of(node) == name:
        return literal(node.span, value)
    if isinstance(node, nodes.Path) and node.steps[0].name == name and isinstance(value, tuple):
        index = node.steps[0].index
        if not isinstance(index, nodes.Number):
            raise error("freeze", f"cannot write out the rounds that take {node.span.text}", node.span)
        return literal(node.span, value[int(index.value) - 1])
    if isinstance(node, nodes.For) and node.variable == name:
        outside = {key: substitute(getattr(node, key), name, value) for key in ("first", "last")}
        return replace(node, **outside)
    if not isinstance(node, nodes.Node):
        return node
    changes = {
        f.name: substitute(getattr(node, f.name), name, value) for f in fields(node) if f.name != "span"
    }
    return replace(node, **changes)
