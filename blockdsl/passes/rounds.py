"""What the variables of a loop stand for in one of its rounds, where the rounds are written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blockdsl.lowering.values import BlockValue, Evaluated, NoData, Scope, Tensors, items_of
from blockdsl.passes.trees import Expressions, indexed, literal, path
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare

Bind = Callable[[nodes.Expr], nodes.Path]
"""Binds an expression to a name of its own by a `let`, and yields the name."""


def variables(
    loop: nodes.For, over: nodes.Expr, index: int, value: Evaluated, scope: Scope, bind: Bind
) -> Expressions:
    """The expressions that stand for a loop's variables in one round, by name.

    Numbers stand for themselves, a block for its name. A tensor or a network is an item of what the loop
    runs over, since it is evaluated once.

    Args:
        loop: the loop.
        over: what it runs over, without choices.
        index: of the round, from 0.
        value: of the loop in this round.
        scope: the names that the round sees.
        bind: gives a name to what items can be taken of only by name.
    """

    def item(of: nodes.Expr, at: int, *, is_tensor: bool) -> nodes.Expr:
        of = bare(of)
        if isinstance(of, nodes.ListOf) and not any(isinstance(part, nodes.For) for part in of.items):
            part: nodes.Expr | None = bare(of.items[at]) if at < len(of.items) else None
            if part is not None and (not is_tensor or isinstance(part, nodes.Path)):
                return part
        return indexed(of if isinstance(of, nodes.Path) else bind(of), at + 1)

    def expression(name: str, number: int, one: Evaluated) -> Callable[[Span], Any]:
        if _is_data(one):
            return lambda span: literal(span, one)
        if isinstance(one, BlockValue) and scope.find(one.block.name) == one:
            return lambda span: path(span, one.block.name)
        found = item(over, index, is_tensor=isinstance(one, Tensors) and not apart)
        found = item(found, number, is_tensor=isinstance(one, Tensors)) if apart else found
        return lambda _: found

    apart = len(loop.variables) > 1 and isinstance(value, tuple | Tensors)
    values = items_of(value) if apart else (value,)  # type: ignore[arg-type]
    named = zip(loop.variables, values, strict=True)
    return {name: expression(name, number, one) for number, (name, one) in enumerate(named)}


def _is_data(value: Evaluated) -> bool:
    """Whether a value is a number, a word, or a list of such values."""
    return all(map(_is_data, value)) if isinstance(value, tuple) else not isinstance(value, NoData)
