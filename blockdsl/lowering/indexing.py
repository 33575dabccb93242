"""Items of lists and bundles: `depths[i]`, `adj[i][j]`, `x[2]`, `x[2..]`."""

from __future__ import annotations

from collections.abc import Callable

from blockdsl.diagnostics import already_told
from blockdsl.lowering.context import Context
from blockdsl.lowering.unknown_names import no_index
from blockdsl.lowering.values import Evaluated, Networks, Tensors, count_of, is_known, shown
from blockdsl.syntax import tree as nodes

Items = tuple[Evaluated, ...] | Tensors
"""A list, or a bundle of tensors."""

Whole = Callable[[nodes.Expr, Context, str], int]
"""Evaluates a whole number; the text says what it is, for messages."""


def taken(value: Evaluated, step: nodes.Step, whole: Whole, context: Context) -> Evaluated:
    """What the indices of a step take of a value.

    Args:
        value: a list, or a bundle of tensors.
        step: a name with its indices.
        whole: evaluates an index.
        context: where the indices are evaluated.

    Raises:
        ArchError: an index is no whole number or outside, or what it takes an item of has none.
    """
    for number, index in enumerate(step.indices):
        if not isinstance(value, tuple | Tensors):
            name = step.name if number == 0 else "an item"
            raise context.error(
                "value", f"{name} is no list but {shown(value)}", step.span, help=no_index(step.name, value)
            )
        if isinstance(value, Tensors) and not is_known(value):
            raise already_told()
        if isinstance(index, nodes.Slice):
            value = _slice(value, index, step, whole, context)
        else:
            value = _item(value, index, step, whole, context)
    return value


def _item(value: Items, index: nodes.Expr, step: nodes.Step, whole: Whole, context: Context) -> Evaluated:
    at = whole(index, context, "an index")
    count = count_of(value)
    if not 1 <= at <= count:
        raise context.error(
            "value", _bounds(value, step, f"not {at}"), index.span,
            help="lists and bundles count from 1, as instances do",
        )  # fmt: skip
    return value.part(at - 1) if isinstance(value, Tensors) else value[at - 1]


def _slice(value: Items, index: nodes.Slice, step: nodes.Step, whole: Whole, context: Context) -> Evaluated:
    count = count_of(value)
    first = whole(index.first, context, "the first item of a slice")
    last = count if index.last is None else whole(index.last, context, "the last item of a slice")
    if first < 1 or last > count or last < first - 1:
        raise context.error(
            "value", _bounds(value, step, f"not {first} to {last}"), index.span,
            help="x[2..4] takes the items 2 to 4, x[2..] all from the second on",
        )  # fmt: skip
    at = slice(first - 1, last)
    if isinstance(value, Tensors):
        return value.part(at)
    return Networks(value[at]) if isinstance(value, Networks) else value[at]


def _bounds(value: Items, step: nodes.Step, found: str) -> str:
    count = count_of(value)
    name = f"{step.name} has" if len(step.indices) == 1 else "this list has"
    what = "tensor" if isinstance(value, Tensors) else "item"
    if count == 0:
        return f"{name} no {what}s, {found}"
    return f"{name} the {what}s 1 to {count}, {found}" if count > 1 else f"{name} one {what}, {found}"
