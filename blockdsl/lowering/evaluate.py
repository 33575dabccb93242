"""Expressions that yield data or tensors; networks stay closures until they are applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blockdsl import nodes, ops
from blockdsl.diagnostics import ArchError, did_you_mean
from blockdsl.ir import Graph, Segment, path_text
from blockdsl.lowering import arithmetic
from blockdsl.lowering.choices import ChoicePoint, Chooser, FloatRange, IntRange, Options
from blockdsl.lowering.context import Context, Naming, Trace, place
from blockdsl.lowering.values import (
    BlockValue,
    Closure,
    Data,
    Evaluated,
    Function,
    Kind,
    Tensors,
    kind_of_value,
    shown,
)

MAX_ITEMS = 100_000
"""Items of a list, rounds of a loop, repetitions: more is a slip of the pen."""

MAX_STEPS = 2_000_000
"""Expressions evaluated for one network."""

_AXES = {1: "c", 2: "lc", 3: "chw"}


class Evaluator:
    """Evaluates expressions; `Lowering` adds the application of networks."""

    def __init__(self, choose: Chooser) -> None:
        self.graph = Graph()
        self.choose = choose
        self.decisions: dict[str, tuple[ChoicePoint, int | float]] = {}
        self.steps = 0

    def apply(self, expr: nodes.Expr, stream: Tensors, context: Context) -> Tensors:
        """Let tensors flow through a network."""
        raise AssertionError

    # --- kinds

    def kind(self, expr: nodes.Expr, context: Context) -> Kind:
        """What an expression will yield, told from its form and the names in it."""
        match expr:
            case nodes.Path(steps=steps):
                return self._kind_of_path(steps, context)
            case nodes.Call(name=name):
                value = context.scope.find(name)
                if value is None and name in arithmetic.FUNCTIONS:
                    return Kind.DATA
                return Kind.DATA if isinstance(value, Function) or callable(value) else Kind.NET
            case nodes.Number():
                return Kind.DATA
            case nodes.Group(body=body) | nodes.Label(body=body):
                return self.kind(body, context)
            case nodes.Chain(parts=parts) | nodes.Choice(options=parts):
                return self.kind(parts[0], context)
            case nodes.Sum(parts=parts) | nodes.Concat(parts=parts) | nodes.Product(parts=parts):
                return self._strongest(parts, context)
            case nodes.ListOf(items=parts):
                return self._strongest(parts, context) if parts else Kind.DATA
            case nodes.If(then=then, otherwise=otherwise):
                return self._strongest((then, otherwise), context)
            case nodes.For(body=body, variable=variable):
                return self.kind(body, context.with_names(**{variable: 0}))
            case nodes.Optional():
                return Kind.NET
        return Kind.DATA

    def _strongest(self, parts: tuple[nodes.Expr, ...], context: Context) -> Kind:
        kinds = {self.kind(part, context) for part in parts}
        return next((k for k in (Kind.NET, Kind.TENSOR) if k in kinds), Kind.DATA)

    def _kind_of_path(self, steps: tuple[nodes.Step, ...], context: Context) -> Kind:
        name = steps[0].name
        if len(steps) > 1:
            return Kind.DATA
        value = context.scope.find(name)
        if steps[0].index is not None:
            return Kind.DATA
        if value is not None:
            return kind_of_value(value)
        return Kind.NET if ops.find(name) else Kind.DATA

    # --- values

    def evaluate(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression: data, tensors, or a closure for a network."""
        self.tick(expr, context)
        kind = self.kind(expr, context)
        if kind is Kind.NET:
            return self._closure(expr, context)
        if kind is Kind.TENSOR:
            return self.apply(expr, Tensors(()), context)
        value: Evaluated = self.data(expr, context)
        return value

    def tick(self, expr: nodes.Expr, context: Context) -> None:
        """Count a step; no file may take forever."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise context.error(
                "size", f"the network takes more than {MAX_STEPS:,} steps to unfold", expr.span,
                help="is a repetition or a recursion larger than meant?",
            )  # fmt: skip

    def _closure(self, expr: nodes.Expr, context: Context) -> Closure | BlockValue:
        while isinstance(expr, nodes.Group):
            expr = expr.body
        if isinstance(expr, nodes.Path) and len(expr.steps) == 1:
            value = context.scope.find(expr.steps[0].name)
            if isinstance(value, Closure | BlockValue):
                return value
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
                return self._path(expr, context)
            case nodes.Group(body=body):
                return self.evaluate(body, context)
            case nodes.TupleOf(items=items):
                return tuple(self.evaluate(item, context) for item in items)
            case nodes.ListOf(items=items):
                return tuple(v for item in items for v in self._items(item, context))
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
                return self.evaluate(options[index], inner)
            case nodes.RangeChoice():
                return self._range(expr, context)
            case nodes.Call():
                return self._function(expr, context)
        raise context.error("value", "this is no number, word or list", expr.span)

    def _items(self, item: nodes.Expr, context: Context) -> list[Evaluated]:
        if isinstance(item, nodes.For):
            return [self.evaluate(item.body, inner) for inner in self.rounds(item, context)]
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
        frames = [Trace() for _ in values]
        context.trace.rounds[place(loop.span)] = list(zip(frames, values, strict=True))
        return [
            repeated.with_names(**{loop.variable: value}).but(trace=frame)
            for frame, value in zip(frames, values, strict=True)
        ]

    def branch(self, expr: nodes.If, context: Context) -> nodes.Expr:
        """The side of an `if` that its condition chooses."""
        chosen = self.truth(expr.condition, context.hinted(""))
        context.trace.branches[place(expr.span)] = chosen
        return expr.then if chosen else expr.otherwise

    def no_network(self, expr: nodes.Expr, context: Context, help: str = "") -> ArchError:
        """The error for data where a network should stand."""
        value = self.evaluate(expr, context)
        return context.error("value", f"a network stands here, not {shown(value)}", expr.span, help=help)

    def whole(self, expr: nodes.Expr, context: Context, what: str) -> int:
        """A whole number, or an error that says what should have been one."""
        value = self.number(expr, context, what)
        if isinstance(value, float):
            if not value.is_integer():
                raise context.error("value", f"{what} is a whole number, not {shown(value)}", expr.span)
            value = int(value)
        return value

    def _fold(self, op: str, parts: tuple[nodes.Expr, ...], context: Context) -> Any:
        result = self.evaluate(parts[0], context)
        for part in parts[1:]:
            result = self._combine(op, result, self.evaluate(part, context), parts[0], part, context)
        return result

    def _binary(self, expr: nodes.Binary, context: Context) -> Any:
        if expr.op in ("and", "or"):
            first = self.truth(expr.left, context)
            return self.truth(expr.right, context) if first == (expr.op == "and") else first
        left, right = self.evaluate(expr.left, context), self.evaluate(expr.right, context)
        if expr.op in ("==", "!="):
            return (left == right) == (expr.op == "==")
        return self._combine(expr.op, left, right, expr.left, expr.right, context)

    def _combine(
        self, op: str, left: Any, right: Any, left_at: nodes.Expr, right_at: nodes.Expr, context: Context
    ) -> Any:
        for value, at in ((left, left_at), (right, right_at)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise context.error(
                    "value", f"{op} takes numbers here, not {shown(value)}", at.span
                )  # fmt: skip
        try:
            return arithmetic.bounded(arithmetic.BINARY[op](left, right))
        except (ArithmeticError, ValueError) as failed:
            raise context.error("value", arithmetic.reason(failed), left_at.span.to(right_at.span)) from None

    def _path(self, path: nodes.Path, context: Context) -> Evaluated:
        step = path.steps[0]
        value = context.scope.find(step.name)
        if value is None:
            raise self.unknown(step.name, step.span, context)
        if step.index is not None:
            value = self._item(value, step, context)
        for axis in path.steps[1:]:
            value = self._axis(value, axis, path, context)
        return value

    def unknown(self, name: str, span: Any, context: Context) -> ArchError:
        """The error for a name that nobody bound, with the nearest that somebody did."""
        known = [*context.scope.known(), *arithmetic.FUNCTIONS, *ops.all_operations()]
        what = "operation" if name.isupper() and len(name) > 1 else "name"
        return context.error("name", f"unknown {what} {name}", span, help=did_you_mean(name, known))

    def _item(self, value: Evaluated, step: nodes.Step, context: Context) -> Evaluated:
        assert step.index is not None
        if not isinstance(value, tuple):
            raise context.error("value", f"{step.name} is no list but {shown(value)}", step.span)
        index = self.whole(step.index, context, "an index")
        if not 1 <= index <= len(value):
            raise context.error(
                "value", f"{step.name} has the items 1 to {len(value)}, not {index}", step.index.span,
                help="lists count from 1, as instances do",
            )  # fmt: skip
        return value[index - 1]  # type: ignore[no-any-return]

    def _axis(self, value: Evaluated, axis: nodes.Step, path: nodes.Path, context: Context) -> Data:
        if not isinstance(value, Tensors) or not value.values:
            raise context.error("value", f"{shown(value)} has no .{axis.name}", path.span)
        shape = self.graph.shape_of(value.values[0])
        axes = _AXES.get(len(shape), "")
        if axis.name not in axes or axis.index is not None:
            size = "x".join(map(str, shape))
            raise context.error(
                "value", f"a tensor of {size} has no .{axis.name}", axis.span,
                help="it has " + ", ".join(f".{a}" for a in axes),
            )  # fmt: skip
        return shape[axes.index(axis.name)]

    def _function(self, call: nodes.Call, context: Context) -> Any:
        function = context.scope.find(call.name)
        if callable(function) and len(call.args) == 1:
            return function(call.args[0].value)
        named = next((a for a in call.args if a.name is not None), None)
        if named is not None and not isinstance(function, Function):
            raise context.error("argument", f"{call.name} takes no named arguments", named.span)
        if isinstance(function, Function):
            return self.call_function(function, call, context)
        values = [self.evaluate(arg.value, context) for arg in call.args]
        run: Callable[..., Any] | None = arithmetic.FUNCTIONS.get(call.name)
        if run is None:
            raise self.unknown(call.name, call.span, context)
        try:
            return arithmetic.bounded(run(*values))
        except (ArithmeticError, ValueError, TypeError) as failed:
            raise context.error("value", f"{call.name}: {arithmetic.reason(failed)}", call.span) from None

    def call_function(self, function: Function, call: nodes.Call, context: Context) -> Any:
        """The value of `width(3)` for `let width(i) = …`."""
        raise AssertionError

    # --- choices

    def decide(
        self, options: tuple[nodes.Expr, ...], expr: nodes.Expr, context: Context, name: str = "choice"
    ) -> tuple[int, Context]:
        """The index of the chosen option, and the context in which that option is evaluated."""
        texts = tuple(" ".join(option.span.text.split()) for option in options)
        path, index = self._ask(Options(texts), expr, context, name)
        if not isinstance(index, int) or not 0 <= index < len(options):
            raise context.error("choice", f"{path_text(path)} has no option {index}", expr.span)
        return index, context.but(choosing=Naming(path), hint="", at=None)

    def _range(self, expr: nodes.RangeChoice, context: Context) -> int | float:
        inner = context.hinted("")
        low = self.number(expr.first, inner, "the lower end of a range")
        high = self.number(expr.last, inner, "the upper end of a range")
        step = None if expr.step is None else self.number(expr.step, inner, "a step")
        if not low <= high:
            raise context.error("choice", f"the range {low:g}..{high:g} is empty", expr.span)
        if expr.log and low <= 0:
            raise context.error("choice", "a log range begins above 0", expr.first.span)
        if step is not None and (step <= 0 or expr.log):
            raise context.error("choice", "a step is above 0, and a log range has none", expr.span)
        domain: IntRange | FloatRange
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
            domain = IntRange(low, high, step or 1, expr.log)
        else:
            domain = FloatRange(float(low), float(high), step, expr.log)
        path, value = self._ask(domain, expr, context, "number")
        if not low <= value <= high:
            raise context.error(
                "choice", f"{path_text(path)} is in {low:g}..{high:g}, not {value:g}", expr.span
            )
        return value

    def _ask(
        self, domain: Options | IntRange | FloatRange, expr: nodes.Expr, context: Context, name: str
    ) -> tuple[tuple[Segment, ...], int | float]:
        naming = context.choosing
        path = context.at or (naming.first_or_next(context.hint) if context.hint else naming.next(name))
        key = path_text(path)
        if key not in self.decisions:
            point = ChoicePoint(key, domain, expr.span)
            self.decisions[key] = (point, self.choose(point))
        context.trace.choices[place(expr.span)] = self.decisions[key][1]
        return path, self.decisions[key][1]
