"""What an expression is, told from its form: a network, the identity, the name of a block."""

from __future__ import annotations

from blockdsl.lowering import arithmetic
from blockdsl.passes.opening.frames import Callee, Frame, Thunk, stands_for, values
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare, is_identity, name_of
from blockdsl.syntax.names import Names

MAX_STEPS = 30
"""Names behind names that are followed."""


def may_be_identity(expr: nodes.Expr, names: Names, steps: int = 0) -> bool:
    """Whether a network is the identity, what flows in, or is it under some condition."""
    expr = bare(expr)
    if is_identity(expr) or name_of(expr) == "in":
        return True
    if isinstance(expr, nodes.If):
        return any(may_be_identity(e, names, steps) for e in (expr.then, expr.otherwise))
    definition = names.definition(expr)
    if definition is not None and not definition.is_stream and isinstance(definition.node, nodes.Block):
        return steps < MAX_STEPS and may_be_identity(definition.node.body.result, names, steps + 1)
    return False


def is_net(expr: nodes.Expr, names: Names, frame: Frame) -> bool:
    """Whether an expression is a network, and no number."""
    expr = bare(expr)
    if name := name_of(expr):
        match stands_for(expr, names, frame):
            case Thunk(expr=value, frame=inner):
                return is_net(value, names, inner)
            case Callee(node=node):
                return isinstance(node, nodes.Block)
        is_operation = names.definition(expr) is None and names.meaning(expr) is not None
        return is_operation and name not in arithmetic.FUNCTIONS
    match expr:
        case nodes.Path():
            taken = values(expr, names, frame)
            return any(one.expr is not expr and is_net(one.expr, names, one.frame) for one in taken)
        case nodes.Chain(parts=parts) | nodes.Sum(parts=parts) | nodes.Product(parts=parts):
            return any(is_net(part, names, frame) for part in parts)
        case nodes.If(then=then, otherwise=otherwise):
            return is_net(then, names, frame) or is_net(otherwise, names, frame)
        case nodes.ListOf(items=items):
            return any(is_net(item, names, frame) for item in items)
        case nodes.For(body=body):
            return is_net(body, names, frame)
    return isinstance(expr, nodes.Label | nodes.Concat | nodes.Optional)


def block_named(thunk: Thunk, names: Names) -> Callee | None:
    """The block or function that an argument names, also through other arguments."""
    found: object = thunk
    for _ in range(MAX_STEPS):
        if not isinstance(found, Thunk):
            break
        expr = bare(found.expr)
        is_word = isinstance(expr, nodes.Path) and name_of(expr)
        found = stands_for(expr, names, found.frame) if is_word else None
    return found if isinstance(found, Callee) else None
