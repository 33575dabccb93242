"""Operators between values, with errors that mark the side that is wrong."""

from __future__ import annotations

from typing import Any

from blockdsl.diagnostics import ArchError
from blockdsl.formatting import shape_text
from blockdsl.lowering import arithmetic
from blockdsl.lowering.budget import MAX_ITEMS, Budget
from blockdsl.lowering.context import Context
from blockdsl.lowering.values import Data, Evaluated, NoData, Tensors, cut, extent, fed, shown
from blockdsl.syntax import tree as nodes

BUNDLE = "a bundle of networks stands in square brackets: [A, B]"

_OF_TENSORS = {
    "/": "DIV(a, b) divides tensors; a-SCALE(1/2) divides by a number",
    "**": "a-POW(2) raises a tensor to a power",
}
"""How an operator on numbers is written for tensors."""


def is_same(left: Evaluated, right: Evaluated, expr: nodes.Binary, context: Context, budget: Budget) -> bool:
    """Whether the two sides of a `==` or `!=` are equal (raises `ArchError` where one is no data)."""
    for value, side in ((left, expr.left), (right, expr.right)):
        if isinstance(value, NoData):
            raise context.error(
                "value", f"{expr.op} compares numbers, words and lists, not {shown(value)}", side.span
            )
    if isinstance(left, tuple):
        budget.spend(extent(left, MAX_ITEMS)[0], expr, context)
    return left == right


def sizes_of(expr: nodes.Dims, context: Context) -> Data:
    """The sizes that are written (raises `ArchError` where they have a layout)."""
    if not expr.layout:
        return expr.values
    raise context.error(
        "value", "a layout has no meaning here", expr.span,
        help=f"write {shape_text(expr.values)}; layouts stand in an `input` line, or on one side of a check",
    )  # fmt: skip


def combine(
    op: str, left: Any, right: Any, left_at: nodes.Expr, right_at: nodes.Expr, context: Context
) -> Data:
    """The result of an operator on two numbers (raises `ArchError` where it has none)."""
    for value, at in ((left, left_at), (right, right_at)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            bundle = isinstance(value, tuple) and any(isinstance(v, NoData) for v in value)
            help = _OF_TENSORS.get(op, "") if isinstance(value, Tensors) else BUNDLE if bundle else ""
            raise context.error("value", f"{op} takes numbers here, not {shown(value)}", at.span, help=help)
    try:
        result: Data = arithmetic.bounded(arithmetic.BINARY[op](left, right))
    except (ArithmeticError, ValueError) as failed:
        where = left_at.span.to(right_at.span)
        raise context.error("value", f"this {arithmetic.reason(failed)}", where) from None
    return result


def mixed(expr: nodes.Expr, network: nodes.Expr | None, context: Context) -> ArchError:
    """The error for binding what is a tensor in one part, and in another a network without an input.

    `network` is that part; None stands for the identity of `a?`.
    """
    text = "ID" if network is None else " ".join(network.span.text.split())
    written = "in" if text == "ID" else fed(text, network)
    is_choice = isinstance(expr, nodes.Choice | nodes.Optional)
    chosen = "an option is a tensor, and chosen is" if is_choice else "this joins a tensor with"
    return context.error(
        "value",
        f"{chosen} the network {cut(text)}, which has no input yet",
        expr.span,
        help=f"write `{written}` if it reads what flows in here; for a network that is applied later, "
        "write a block that takes the tensor as an argument",
    )
