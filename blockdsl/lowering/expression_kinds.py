"""What an expression will be - data, a tensor, a network - told before it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from blockdsl import ops
from blockdsl.lowering import arithmetic
from blockdsl.lowering.block_kinds import SOME
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.values import (
    UNKNOWN_TENSOR,
    BlockValue,
    Broken,
    Evaluated,
    Function,
    Kind,
    LazyTensors,
    Networks,
    Scope,
    Tensors,
    items_of,
    kind_of_value,
)
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare

AUX = "AUX"
"""The one network word that is no operation: it adds an output and lets the stream pass."""


def kind_of(expr: nodes.Expr, scope: Scope, budget: Budget) -> Kind:
    """What an expression will yield, told from its form and the names that it sees."""
    budget.steps += 1
    rule = _RULES.get(expr.__class__)
    return Kind.DATA if rule is None else rule(expr, scope, budget)


def takes_nothing(expr: nodes.Expr, scope: Scope, budget: Budget) -> bool:
    """Whether an expression is a tensor into which nothing can flow; into a block something always can."""
    first = bare(expr)
    while isinstance(first, nodes.Chain | nodes.Label):
        first = bare(first.parts[0] if isinstance(first, nodes.Chain) else first.body)
    is_block = isinstance(first, nodes.Call) and isinstance(scope.find(first.name), BlockValue)
    return not is_block and kind_of(expr, scope, budget) is Kind.TENSOR


def kinds_of(exprs: Iterable[nodes.Expr], scope: Scope, budget: Budget) -> set[Kind]:
    """The kinds of several expressions."""
    return {kind_of(expr, scope, budget) for expr in exprs}


def mixed_join(expr: nodes.Expr, scope: Scope, budget: Budget) -> tuple[nodes.Expr, nodes.Expr] | None:
    """The join or bundle of tensors with networks that an expression begins with, and one of these networks.

    Such a network cannot be bound to a name: some of its parts have their input already, others do not.
    """
    waiting = [expr]
    while waiting:
        expr = bare(waiting.pop())
        match expr:
            case nodes.Label(body=body):
                waiting.append(body)
            case nodes.Chain(parts=parts):
                waiting.append(parts[0])
            case nodes.Sum(parts=parts) | nodes.Concat(parts=parts) | nodes.Product(parts=parts):
                if network := _network_of_mix(parts, scope, budget):
                    return expr, network
                waiting += parts
            case nodes.ListOf(items=items):
                if network := _network_of_mix(items, scope, budget):
                    return expr, network
            case nodes.Call(name=name) if scope.find(name) is None:
                if network := _network_of_mix(joined(expr), scope, budget):
                    return expr, network
    return None


def _network_of_mix(parts: Iterable[nodes.Expr], scope: Scope, budget: Budget) -> nodes.Expr | None:
    """The first network among expressions of which others are tensors."""
    kinds = [(kind_of(part, scope, budget), part) for part in parts]
    if not any(kind is Kind.TENSOR or _may_be_tensor(part, scope, budget) for kind, part in kinds):
        return None
    return next((part for kind, part in kinds if kind is Kind.NET), None)


def _may_be_tensor(expr: nodes.Expr, scope: Scope, budget: Budget) -> bool:
    """Whether an option of a choice is a tensor."""
    match bare(expr):
        case nodes.Choice(options=options):
            return any(
                kind_of(option, scope, budget) is Kind.TENSOR or _may_be_tensor(option, scope, budget)
                for option in options
            )
        case nodes.Optional(body=body):
            return kind_of(body, scope, budget) is Kind.TENSOR
        case nodes.If(then=then, otherwise=otherwise):
            return Kind.TENSOR in kinds_of((then, otherwise), scope, budget)
    return False


def _of_path(expr: nodes.Path, scope: Scope, budget: Budget) -> Kind:
    step = expr.steps[0]
    if len(expr.steps) > 1:
        return Kind.DATA
    if step.indices:
        return _strongest_of({kind_of_value(value) for value in _items(expr, scope)})
    value = scope.find(step.name)
    if value is not None:
        return kind_of_value(value)
    return _of_operation(step.name) if step.name == AUX or ops.find(step.name) else Kind.DATA


def _of_operation(name: str) -> Kind:
    operation = ops.find(name)
    return Kind.TENSOR if operation is not None and operation.is_tensor else Kind.NET


def _of_call(expr: nodes.Call, scope: Scope, budget: Budget) -> Kind:
    value = scope.find(expr.name)
    if isinstance(value, BlockValue):
        steps = budget.steps
        kind = budget.block_kinds.of_call(value, expr, lambda one, seen: kind_of(one, seen, budget), scope)
        budget.steps = steps  # what is found out once counts for no call
        return kind
    if value is not None:
        return Kind.DATA if isinstance(value, Function | Broken) or callable(value) else Kind.NET
    if expr.name in arithmetic.FUNCTIONS:
        return Kind.DATA
    kinds = kinds_of(joined(expr), scope, budget)
    if Kind.TENSOR in kinds and Kind.NET not in kinds:
        return Kind.TENSOR
    return _of_operation(expr.name)


def joined(call: nodes.Call) -> list[nodes.Expr]:
    """What stands in the brackets of a join such as `SUM(a, b)`; of any other operation nothing."""
    operation = ops.find(call.name)
    is_join = operation is not None and operation.inputs is None
    return [arg.value for arg in call.args if arg.name is None] if is_join else []


def _of_loop(expr: nodes.For, scope: Scope, budget: Budget) -> Kind:
    return kind_of(expr.body, Scope(_variables(expr, scope, budget), scope), budget)


def _variables(loop: nodes.For, scope: Scope, budget: Budget) -> dict[str, Evaluated]:
    """Values of the kinds that the variables of a loop will have."""
    first = bare(loop.first)
    item: Evaluated = 0
    if loop.last is not None:
        pass
    elif isinstance(first, nodes.Path) and len(first.steps) == 1:
        over = next(iter(_items(first, scope)), 0)
        if isinstance(over, Tensors | tuple):
            item = next(iter(items_of(over)), 0)
    elif isinstance(first, nodes.ListOf) and first.items:
        item = _some(bare(first.items[0]), scope, budget)
    elif kind_of(first, scope, budget) is Kind.TENSOR:
        item = UNKNOWN_TENSOR
    if len(loop.variables) == 1:
        return {loop.variables[0]: item}
    count = len(loop.variables)
    parts = item if isinstance(item, tuple) and len(item) == count else (0,) * count
    return dict(zip(loop.variables, parts, strict=True))


def _some(expr: nodes.Expr, scope: Scope, budget: Budget) -> Evaluated:
    """A value of the kind that an expression will have; of a list one with values of its items' kinds."""
    if isinstance(expr, nodes.ListOf):
        return Networks([_some(bare(item), scope, budget) for item in expr.items])
    return SOME[kind_of(expr, scope, budget)]


def _items(path: nodes.Path, scope: Scope) -> list[Evaluated]:
    """What the indices of a path may take: all items where the index is not known before it is evaluated."""
    step = path.steps[0]
    value = scope.find(step.name)
    if isinstance(value, LazyTensors):
        value = UNKNOWN_TENSOR
    found: list[Evaluated] = [] if value is None else [value]
    for index in step.indices:
        if isinstance(index, nodes.Slice):
            continue
        at = _known_index(index, scope)
        taken: list[Evaluated] = []
        for one in found:
            if isinstance(one, Tensors):
                taken.append(one.part(0))
            elif isinstance(one, tuple):
                taken += (one[at - 1],) if at and 0 < at <= len(one) else one
        found = taken
    return found


def _known_index(expr: nodes.Expr, scope: Scope) -> int:
    value: object = expr.value if isinstance(expr, nodes.Number) else None
    if isinstance(expr, nodes.Path) and expr.is_name:
        value = scope.find(expr.steps[0].name)
    return value if isinstance(value, int) else 0


def _strongest(parts: Iterable[nodes.Expr], scope: Scope, budget: Budget) -> Kind:
    return _strongest_of(kinds_of(parts, scope, budget))


def _strongest_of(kinds: set[Kind]) -> Kind:
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
    nodes.ListOf: lambda expr, *where: _strongest(expr.items, *where),
    nodes.If: lambda expr, *where: _strongest((expr.then, expr.otherwise), *where),
    nodes.For: _of_loop,
    nodes.Optional: lambda expr, *where: Kind.NET,
}
"""Of classes of expressions that are not here, the kind is data."""
