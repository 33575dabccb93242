"""What an expression is, told from its form: a network, the identity, the name of a block."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.lowering import arithmetic
from blockdsl.passes.opening.names import Defined, Names, Opaque, Thunk
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, is_identity, name_of

MAX_STEPS = 30
"""Names behind names that are followed."""


def may_be_identity(expr: nodes.Expr, names: Names, steps: int = 0) -> bool:
    """Whether a network is the identity, or is it under some condition."""
    expr = bare(expr)
    if is_identity(expr):
        return True
    if isinstance(expr, nodes.If):
        return any(may_be_identity(e, names, steps) for e in (expr.then, expr.otherwise))
    bound = names.find(name_of(expr))[0] if name_of(expr) else None
    if isinstance(bound, Defined) and isinstance(bound.node, nodes.Block) and steps < MAX_STEPS:
        return may_be_identity(bound.node.body.result, Names({}, bound.names), steps + 1)
    return False


def is_net(expr: nodes.Expr, names: Names) -> bool:
    """Whether an expression is a network, and no number."""
    expr = bare(expr)
    if name := name_of(expr):
        bound, _ = names.find(name)
        if isinstance(bound, Thunk):
            return is_net(bound.expr, bound.names)
        if isinstance(bound, Defined):
            return isinstance(bound.node, nodes.Block)
        return bound is None and bool(ops.find(name)) and name not in arithmetic.FUNCTIONS
    match expr:
        case nodes.Chain(parts=parts) | nodes.Sum(parts=parts) | nodes.Product(parts=parts):
            return any(is_net(part, names) for part in parts)
        case nodes.If(then=then, otherwise=otherwise):
            return is_net(then, names) or is_net(otherwise, names)
        case nodes.ListOf(items=items):
            return any(is_net(item, names) for item in items)
        case nodes.For(body=body, variable=variable):
            return is_net(body, Names({variable: Opaque()}, names))
    return isinstance(expr, nodes.Label | nodes.Concat | nodes.Optional)


def definition(thunk: Thunk) -> Defined | None:
    """The block that an argument names, also through other arguments."""
    bound: object = thunk
    for _ in range(MAX_STEPS):
        if not isinstance(bound, Thunk):
            break
        expr = bare(bound.expr)
        bound = bound.names.find(name_of(expr))[0] if isinstance(expr, nodes.Path) else None
    return bound if isinstance(bound, Defined) else None
