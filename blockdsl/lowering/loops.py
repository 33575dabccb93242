"""Loops: `(A for i in 1..n)`, `[t-A for t in x]`, `[f(c) for c, n in stages]`."""

from __future__ import annotations

from collections.abc import Sequence

from blockdsl.lowering.budget import MAX_ITEMS
from blockdsl.lowering.calls import Evaluate
from blockdsl.lowering.context import Context
from blockdsl.lowering.indexing import Whole
from blockdsl.lowering.unknown_names import without_input
from blockdsl.lowering.values import Evaluated, Scope, Tensors, count_of, items_of, place, shown
from blockdsl.syntax import tree as nodes


class Loops:
    """Goes through the rounds of loops.

    Args:
        evaluate: yields the value of an expression.
        whole: yields a whole number; its last argument says what it is, for messages.
    """

    def __init__(self, evaluate: Evaluate, whole: Whole) -> None:
        self.evaluate, self.whole = evaluate, whole

    def rounds(self, loop: nodes.For, context: Context) -> list[Context]:
        """One context for each round of a comprehension, its variable bound."""
        values: Sequence[Evaluated]
        if loop.last is None:
            over = self.evaluate(loop.first, context)
            if not isinstance(over, tuple | Tensors):
                raise context.error(
                    "value",
                    f"a loop runs over a..b, a list or a bundle, not {shown(over)}",
                    loop.first.span,
                    help=without_input(over),
                )
            values = items_of(over)
        else:
            low = self.whole(loop.first, context, "the first value of a loop")
            high = self.whole(loop.last, context, "the last value of a loop")
            if high - low >= MAX_ITEMS:
                raise context.error(
                    "size", f"the loop has {high - low + 1:,} rounds; {MAX_ITEMS:,} at most", loop.span
                )
            values = range(low, high + 1)
        repeated = context.but(repeated=True)
        scopes = [Scope(self._variables(loop, value, context), context.scope) for value in values]
        frames = context.trace.begin_rounds(place(loop.span), scopes, values)
        return [repeated.but(scope=frame.scope, trace=frame) for frame in frames]

    def _variables(self, loop: nodes.For, value: Evaluated, context: Context) -> dict[str, Evaluated]:
        """The variables of a loop in one round."""
        names = loop.variables
        if len(names) == 1:
            return {names[0]: value}
        if not isinstance(value, tuple | Tensors) or count_of(value) != len(names):
            raise context.error(
                "value",
                f"the loop takes each item apart into {', '.join(names)}; here is {shown(value)}",
                loop.first.span,
                help=f"each item is a list of {len(names)}, such as [[1, 2], [3, 4]] for two variables",
            )
        return dict(zip(names, items_of(value), strict=True))
