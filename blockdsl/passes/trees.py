"""Making new syntax nodes: words, chains, data as it is written, names replaced by what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from blockdsl.diagnostics import ArchError, error
from blockdsl.lowering.values import Evaluated
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, is_identity, name_of
from blockdsl.syntax.traversal import Rewriter, walk

_COMPOSITE = (
    nodes.Chain, nodes.Sum, nodes.Concat, nodes.Product, nodes.Binary, nodes.Unary, nodes.If, nodes.Label,
)  # fmt: skip


def path(span: Span, name: str) -> nodes.Path:
    """A lone word."""
    return nodes.Path(span, (nodes.Step(span, name),))


def grouped(expr: Any) -> Any:
    """In brackets, where it could need them."""
    return nodes.Group(expr.span, expr) if isinstance(expr, _COMPOSITE) else expr


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
        ArchError: an item of a name is taken that is not written as such, or a loop's variable has the
            name of something in a value.
    """
    expressions = {name: lambda _, value=value: value for name, value in values.items()}
    return _Substitution(expressions, "the call that yields").rewrite(node)


def substitute(node: Any, name: str, value: Evaluated) -> Any:
    """The node with a name replaced by its value.

    Raises:
        ArchError: an item of the value is taken whose index is no plain number.
    """
    return _Substitution({name: lambda span: literal(span, value)}, "the rounds that take").rewrite(node)


class _Substitution(Rewriter):
    """Replaces names by expressions, but not where a loop gives them another meaning.

    `values` yield the expression for a place, `what` says what cannot be written out where this fails.
    """

    def __init__(self, values: Mapping[str, Callable[[Span], Any]], what: str) -> None:
        self.values, self.what = values, what

    def rewrite_path(self, path: nodes.Path) -> Any:
        """The value of a name, or its item."""
        step = path.steps[0]
        if step.name not in self.values:
            return self.rewrite_children(path)
        value = self.values[step.name](path.span)
        if name_of(path):
            return grouped(value)
        items = value.items if isinstance(value, nodes.ListOf) and len(path.steps) == 1 else ()
        is_plain = not any(isinstance(item, nodes.For) for item in items)
        index = step.indices[0] if len(step.indices) == 1 else None
        if is_plain and isinstance(index, nodes.Number) and 1 <= index.value <= len(items):
            return grouped(items[int(index.value) - 1])
        raise self._refused(path)

    def rewrite_for(self, loop: nodes.For) -> nodes.For:
        """A loop, whose variable is a name of its own in the body."""
        inner = {name: value for name, value in self.values.items() if name not in loop.variables}
        if any(name_of(n) in loop.variables for value in inner.values() for n in walk(value(loop.span))):
            raise self._refused(loop)
        body = _Substitution(inner, self.what).rewrite(loop.body)
        first, last = self.rewrite(loop.first), loop.last and self.rewrite(loop.last)
        same = body is loop.body and first is loop.first and last is loop.last
        return loop if same else replace(loop, body=body, first=first, last=last)

    def _refused(self, node: nodes.Node) -> ArchError:
        return error("freeze", f"cannot write out {self.what} {node.span.text}", node.span)
