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


Expressions = dict[str, Callable[[Span], Any]]
"""By name, what yields the expression that stands for it at a place."""


def indexed(of: nodes.Path, at: int) -> nodes.Path:
    """An item of what a path names, counted from 1: `x[2]`; of a slice the item that it begins with."""
    *before, step = of.steps
    *outer, last = step.indices or (None,)
    first = last.first if isinstance(last, nodes.Slice) else None
    if isinstance(first, nodes.Number):
        indices = (*outer, nodes.Number(of.span, first.value + at - 1))
    else:
        indices = (*step.indices, nodes.Number(of.span, at))
    return nodes.Path(of.span, (*before, nodes.Step(of.span, step.name, indices)))


def inline(node: Any, values: Mapping[str, Any]) -> Any:
    """The node with names replaced by expressions.

    Raises:
        ArchError: an item of a name is taken that is not written as such, or a loop's variable has the
            name of something in a value.
    """
    expressions = {name: lambda _, value=value: value for name, value in values.items()}
    return _Substitution(expressions, "the call that yields").rewrite(node)


def substitute(node: Any, values: Expressions) -> Any:
    """The node with the variables of a loop replaced by what they stand for in one round.

    Raises:
        ArchError: an item of a value is taken whose index is no plain number.
    """
    return _Substitution(values, "the rounds that take").rewrite(node)


class _Substitution(Rewriter):
    """Replaces names by expressions, but not where a loop gives them another meaning.

    `values` yield the expression for a place, `what` says what cannot be written out where this fails.
    """

    def __init__(self, values: Mapping[str, Callable[[Span], Any]], what: str) -> None:
        self.values, self.what = values, what

    def rewrite_path(self, path: nodes.Path) -> Any:
        """The value of a name, or its item, or a size of it."""
        path = self.rewrite_children(path)
        step, *sizes = path.steps
        if step.name not in self.values:
            return path
        value = bare(self.values[step.name](path.span))
        for index in step.indices:
            value = self._item(value, index, path)
        if not sizes:
            return grouped(value)
        if isinstance(value, nodes.Path) and len(value.steps) == 1:
            return nodes.Path(path.span, (*value.steps, *sizes))
        raise self._refused(path)

    def _item(self, value: Any, index: nodes.Expr | nodes.Slice, path: nodes.Path) -> Any:
        if isinstance(value, nodes.Path) and len(value.steps) == 1:
            step = value.steps[0]
            return nodes.Path(path.span, (replace(step, indices=(*step.indices, index)),))
        items = value.items if isinstance(value, nodes.ListOf) else ()
        is_plain = not any(isinstance(item, nodes.For) for item in items)
        if is_plain and isinstance(index, nodes.Number) and 1 <= index.value <= len(items):
            return bare(items[int(index.value) - 1])
        raise self._refused(path)

    def rewrite_call(self, call: nodes.Call) -> nodes.Call:
        """A call of what a name stands for: of another name."""
        made = self.rewrite_children(call)
        if call.name not in self.values:
            return made
        if name := name_of(self.values[call.name](call.span)):
            return replace(made, name=name)
        raise self._refused(call)

    def rewrite_for(self, loop: nodes.For) -> nodes.For:
        """A loop, whose variable is a name of its own in the body."""
        inner = {name: value for name, value in self.values.items() if name not in loop.variables}
        if any(_begins_with(n) in loop.variables for value in inner.values() for n in walk(value(loop.span))):
            raise self._refused(loop)
        body = _Substitution(inner, self.what).rewrite(loop.body)
        first, last = self.rewrite(loop.first), loop.last and self.rewrite(loop.last)
        same = body is loop.body and first is loop.first and last is loop.last
        return loop if same else replace(loop, body=body, first=first, last=last)

    def _refused(self, node: nodes.Node) -> ArchError:
        return error("freeze", f"cannot write out {self.what} {node.span.text}", node.span)


def _begins_with(node: nodes.Node) -> str:
    """The name that a path begins with, or a call calls."""
    return node.steps[0].name if isinstance(node, nodes.Path) else name_of(node)
