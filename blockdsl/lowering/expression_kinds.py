"""What an expression will be - data, a tensor, a network - told before it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from blockdsl import ops
from blockdsl.lowering import arithmetic
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.values import Broken, Function, Kind, Scope, kind_of_value
from blockdsl.syntax import tree as nodes

AUX = "AUX"
"""The one network word that is no operation: it adds an output and lets the stream pass."""


def kind_of(expr: nodes.Expr, scope: Scope, budget: Budget) -> Kind:
    """What an expression will yield, told from its form and the names that it sees."""
    budget.steps += 1
    rule = _RULES.get(expr.__class__)
    return Kind.DATA if rule is None else rule(expr, scope, budget)


def _of_path(expr: nodes.Path, scope: Scope, budget: Budget) -> Kind:
    step = expr.steps[0]
    if len(expr.steps) > 1 or step.index is not None:
        return Kind.DATA
    value = scope.find(step.name)
    if value is not None:
        return kind_of_value(value)
    return Kind.NET if step.name == AUX or ops.find(step.name) else Kind.DATA


def _of_call(expr: nodes.Call, scope: Scope, budget: Budget) -> Kind:
    value = scope.find(expr.name)
    if value is None:
        return Kind.DATA if expr.name in arithmetic.FUNCTIONS else Kind.NET
    return Kind.DATA if isinstance(value, Function | Broken) or callable(value) else Kind.NET


def _of_list(expr: nodes.ListOf, scope: Scope, budget: Budget) -> Kind:
    return _strongest(expr.items, scope, budget)


def _of_loop(expr: nodes.For, scope: Scope, budget: Budget) -> Kind:
    return kind_of(expr.body, Scope({expr.variable: 0}, scope), budget)


def _strongest(parts: Iterable[nodes.Expr], scope: Scope, budget: Budget) -> Kind:
    kinds = {kind_of(part, scope, budget) for part in parts}
    return next((kind for kind in (Kind.NET, Kind.TENSOR) if kind in kinds), Kind.DATA)


_RULES: dict[type, Callable[[Any, Scope, Budget], Kind]] = {
    nodes.Path: _of_path,
    nodes.Call: _of_call,
    nodes.Group: lambda expr, *where: kind_of(expr.body, *where),
    nodes.Label: lambda expr, *where: kind_of(expr.body, *where),
    nodes.Chain: lambda expr, *where: kind_of(expr.parts[0], *where),
    nodes.Choice: lambda expr, *where: kind_of(expr.options[0], *where),
    nodes.Sum: lambda expr, *where: _strongest(expr.parts, *where),
    nodes.Concat: lambda expr, *where: _strongest(expr.parts, *where),
    nodes.Product: lambda expr, *where: _strongest(expr.parts, *where),
    nodes.ListOf: _of_list,
    nodes.If: lambda expr, *where: _strongest((expr.then, expr.otherwise), *where),
    nodes.For: _of_loop,
    nodes.Optional: lambda expr, *where: Kind.NET,
}
"""Of classes of expressions that are not here, the kind is data."""
