"""Expressions that yield data or tensors; networks stay closures until they are applied."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from blockdsl.diagnostics import ArchError, already_told
from blockdsl.lowering import arithmetic
from blockdsl.lowering.context import Context
from blockdsl.lowering.lookup import Lookup
from blockdsl.lowering.values import (
    BlockValue,
    Broken,
    Closure,
    Evaluated,
    Function,
    Kind,
    NoData,
    Scope,
    Tensors,
    Trace,
    cut,
    extent,
    place,
    shown,
)
from blockdsl.syntax import tree as nodes

MAX_ITEMS = 100_000
"""Items of a list, rounds of a loop, repetitions: more is a slip of the pen."""

BUNDLE = "a bundle of networks stands in square brackets: [A, B]"

MAX_LIST_DEPTH = 8
"""Lists inside lists."""


class Evaluator(Lookup):
    """Evaluates expressions; `Lowering` adds the application of networks."""

    def apply(self, expr: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Let tensors flow through a network."""
        raise AssertionError

    def evaluate(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression: data, tensors, or a closure for a network."""
        self.spend(1, expr, context)
        if isinstance(expr, nodes.Number):
            return expr.value
        kind = self.kind(expr, context)
        if kind is Kind.NET:
            return self._closure(expr, context)
        if kind is Kind.TENSOR:
            return self.apply(expr, Tensors(()), context)
        value: Evaluated = self.data(expr, context)
        return value

    def _closure(self, expr: nodes.Expr, context: Context) -> Closure | BlockValue:
        while isinstance(expr, nodes.Group):
            expr = expr.body
        if isinstance(expr, nodes.Path) and len(expr.steps) == 1:
            value = context.scope.find(expr.steps[0].name)
            if isinstance(value, Closure | BlockValue):
                return value
        if isinstance(expr, nodes.Call) and not self.known(expr.name, context):
            raise self.unknown(expr.name, expr.span, context)
        path = context.choosing.first_or_next(context.hint) if context.hint else context.choosing.path
        return Closure(expr, context.scope, path, context.trace)

    def number(self, expr: nodes.Expr, context: Context, what: str) -> int | float:
        """A number, or an error that says what should have been one."""
        value = self.evaluate(expr, context)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise context.error("value", f"{what} is a number, not {shown(value)}", expr.span)
        return value

    def truth(self, expr: nodes.Expr, context: Context) -> bool:
        """Yes or no, or an error."""
        value = self.evaluate(expr, context)
        if not isinstance(value, bool):
            raise context.error("value", f"a condition is yes or no, not {shown(value)}", expr.span)
        return value

    def data(self, expr: nodes.Expr, context: Context) -> Any:
        """The value of an expression that is data (or a function, or a whole block by its name)."""
        match expr:
            case nodes.Number(value=value) | nodes.String(value=value) | nodes.Bool(value=value):
                return value
            case nodes.Dims(values=values):
                return values
            case nodes.Path():
                return self.path(expr, context)
            case nodes.Group(body=body):
                return self.evaluate(body, context)
            case nodes.TupleOf(items=items) | nodes.ListOf(items=items):
                return self._list(items, expr, context)
            case nodes.Chain(parts=parts):
                return self._fold("-", parts, context)
            case nodes.Sum(parts=parts):
                return self._fold("+", parts, context)
            case nodes.Product(parts=parts):
                return self._fold("*", parts, context)
            case nodes.Unary(op="not", value=value):
                return not self.truth(value, context)
            case nodes.Unary(value=value):
                return -self.number(value, context, "what a minus stands before")
            case nodes.Binary():
                return self._binary(expr, context)
            case nodes.If():
                return self.evaluate(self.branch(expr, context), context)
            case nodes.Choice(options=options):
                index, inner = self.decide(options, expr, context)
                return self.word_or_value(options[index], inner)
            case nodes.RangeChoice():
                return self._number_of(expr, context)
            case nodes.Call():
                return self._function(expr, context)
            case nodes.Concat():
                raise context.error("value", "| joins networks, here are none", expr.span)
            case nodes.Label(body=body):
                value = shown(self.evaluate(body, context))
                raise context.error("value", f"a label names a network, not {value}", expr.span)
            case nodes.For():
                raise context.error(
                    "value", "a loop in round brackets repeats a network", expr.span,
                    help="a list of numbers stands in square brackets: [2*i for i in 1..4]",
                )  # fmt: skip
            case nodes.Optional(body=body):
                raise context.error(
                    "value", "? makes a network optional, here is none", expr.span,
                    help="a choice of values stands in braces: {8, 16}",
                )  # fmt: skip
        raise context.error("value", f"a value stands here, not {cut(expr.span.text)}", expr.span)

    def _list(self, items: tuple[nodes.Expr, ...], expr: nodes.Expr, context: Context) -> tuple[Any, ...]:
        parts = context.errors.every(lambda item: self._items(item, context), items)
        values = tuple(chain.from_iterable(parts))
        count, depth = extent(values, MAX_ITEMS)
        self.spend(count, expr, context)
        if count > MAX_ITEMS:
            raise context.error("size", f"the list has more than {MAX_ITEMS:,} items", expr.span)
        if depth > MAX_LIST_DEPTH:
            raise context.error("size", f"lists are nested more than {MAX_LIST_DEPTH} deep", expr.span)
        return values

    def _number_of(self, expr: nodes.RangeChoice, context: Context) -> int | float:
        inner = context.hinted("")
        low = self.number(expr.first, inner, "the lower end of a range")
        high = self.number(expr.last, inner, "the upper end of a range")
        step = None if expr.step is None else self.number(expr.step, inner, "a step")
        return self.decide_number(expr, low, high, step, context)

    def _items(self, item: nodes.Expr, context: Context) -> list[Evaluated]:
        if isinstance(item, nodes.For):
            return context.errors.every(
                lambda inner: self.evaluate(item.body, inner), self.rounds(item, context)
            )
        return [self.evaluate(item, context)]

    def rounds(self, loop: nodes.For, context: Context) -> list[Context]:
        """One context for each round of a comprehension, its variable bound."""
        first = self.evaluate(loop.first, context)
        if loop.last is None:
            if not isinstance(first, tuple):
                raise context.error(
                    "value", f"a loop runs over a..b or a list, not {shown(first)}", loop.first.span
                )
            values: Any = first
        else:
            low = self.whole(loop.first, context, "the first value of a loop")
            high = self.whole(loop.last, context, "the last value of a loop")
            if high - low >= MAX_ITEMS:
                raise context.error(
                    "size", f"the loop has {high - low + 1:,} rounds; {MAX_ITEMS:,} at most", loop.span
                )
            values = range(low, high + 1)
        repeated = context.but(repeated=True)
        frames = [Trace(Scope({loop.variable: value}, context.scope)) for value in values]
        context.trace.rounds[place(loop.span)] = list(zip(frames, values, strict=True))
        return [repeated.but(scope=frame.scope, trace=frame) for frame in frames]

    def word_or_value(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression that may be a word, which is then told how words are written."""
        self.refuse_unknown_word(expr, context)
        return self.evaluate(expr, context)

    def branch(self, expr: nodes.If, context: Context) -> nodes.Expr:
        """The side of an `if` that its condition chooses."""
        chosen = self.truth(expr.condition, context.hinted(""))
        context.trace.branches[place(expr.span)] = chosen
        return expr.then if chosen else expr.otherwise

    def no_network(self, expr: nodes.Expr, context: Context, help: str = "") -> ArchError:
        """The error for data where a network should stand."""
        value = self.evaluate(expr, context)
        while isinstance(expr, nodes.Group):
            expr = expr.body
        if isinstance(expr, nodes.Call) and isinstance(value, NoData):
            return context.error(
                "value", f"{expr.name} is a function of numbers, and yields none", expr.span,
                help="what yields a network is a block: `block name(…) = …`",
            )  # fmt: skip
        if isinstance(expr, nodes.TupleOf):
            help = help or BUNDLE
        return context.error("value", f"a network stands here, not {shown(value)}", expr.span, help=help)

    def whole(self, expr: nodes.Expr, context: Context, what: str) -> int:
        """A whole number, or an error that says what should have been one."""
        value = self.number(expr, context, what)
        if isinstance(value, float):
            if not value.is_integer():
                raise context.error("value", f"{what} is a whole number, not {shown(value)}", expr.span)
            value = int(value)
        return value

    def _each(self, exprs: Iterable[nodes.Expr], context: Context) -> list[Evaluated]:
        """The values of expressions that do not depend on each other."""
        return context.errors.every(lambda expr: self.evaluate(expr, context), exprs)

    def _fold(self, op: str, parts: tuple[nodes.Expr, ...], context: Context) -> Any:
        result, *others = self._each(parts, context)
        for part, value in zip(parts[1:], others, strict=True):
            result = self._combine(op, result, value, parts[0], part, context)
        return result

    def _binary(self, expr: nodes.Binary, context: Context) -> Any:
        if expr.op in ("and", "or"):
            first = self.truth(expr.left, context)
            return self.truth(expr.right, context) if first == (expr.op == "and") else first
        if expr.op in ("==", "!="):
            left, right = context.errors.every(
                lambda side: self.word_or_value(side, context), (expr.left, expr.right)
            )
            return self._same(left, right, expr, context) == (expr.op == "==")
        left, right = self._each((expr.left, expr.right), context)
        return self._combine(expr.op, left, right, expr.left, expr.right, context)

    def _same(self, left: Evaluated, right: Evaluated, expr: nodes.Binary, context: Context) -> bool:
        for value, side in ((left, expr.left), (right, expr.right)):
            if isinstance(value, NoData):
                raise context.error(
                    "value", f"{expr.op} compares numbers, words and lists, not {shown(value)}", side.span
                )
        if isinstance(left, tuple):
            self.spend(extent(left, MAX_ITEMS)[0], expr, context)
        return left == right

    def _combine(
        self, op: str, left: Any, right: Any, left_at: nodes.Expr, right_at: nodes.Expr, context: Context
    ) -> Any:
        for value, at in ((left, left_at), (right, right_at)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                bundle = isinstance(value, tuple) and any(isinstance(v, NoData) for v in value)
                raise context.error(
                    "value", f"{op} takes numbers here, not {shown(value)}", at.span,
                    help=BUNDLE if bundle else "",
                )  # fmt: skip
        try:
            return arithmetic.bounded(arithmetic.BINARY[op](left, right))
        except (ArithmeticError, ValueError) as failed:
            where = left_at.span.to(right_at.span)
            raise context.error("value", f"this {arithmetic.reason(failed)}", where) from None

    def _function(self, call: nodes.Call, context: Context) -> Any:
        function = context.scope.find(call.name)
        if isinstance(function, Broken):
            raise already_told()
        if callable(function) and len(call.args) == 1:
            return function(call.args[0].value)
        by_name = next((a for a in call.args if a.name is not None), None)
        if by_name is not None and not isinstance(function, Function):
            raise context.error("argument", f"{call.name} takes no named arguments", by_name.span)
        if isinstance(function, Function):
            return self.call_function(function, call, context)
        values = tuple(self._each((arg.value for arg in call.args), context))
        named = arithmetic.FUNCTIONS.get(call.name)
        if named is None:
            raise self.unknown(call.name, call.span, context)
        self.spend(extent(values, MAX_ITEMS)[0], call, context)
        try:
            return arithmetic.bounded(named(values))
        except (ArithmeticError, ValueError) as failed:
            raise context.error(
                "value", f"{call.name} {arithmetic.reason(failed)}", call.span, help=named.written
            ) from None

    def call_function(self, function: Function, call: nodes.Call, context: Context) -> Any:
        """The value of `width(3)` for `let width(i) = …`."""
        raise AssertionError
