"""Expressions that yield data or tensors; networks stay closures until they are applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NoReturn

from blockdsl.diagnostics import ArchError, already_told
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph
from blockdsl.lowering.budget import MAX_ITEMS, Budget
from blockdsl.lowering.context import Context
from blockdsl.lowering.decisions import Decisions
from blockdsl.lowering.expression_kinds import kind_of, kinds_of, mixed_join, takes_nothing
from blockdsl.lowering.functions import FunctionCalls
from blockdsl.lowering.indexing import taken
from blockdsl.lowering.loops import Loops
from blockdsl.lowering.operators import BUNDLE, combine, is_same, mixed, sizes_of
from blockdsl.lowering.unknown_names import (
    index_of_nothing,
    is_known_name,
    is_unknown_word,
    refuse_unknown_word,
    unknown,
    without_input,
)
from blockdsl.lowering.values import (
    Broken,
    Closure,
    Data,
    Evaluated,
    Kind,
    LazyTensors,
    Networks,
    NoData,
    Tensors,
    extent,
    is_known,
    place,
    shown,
)
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare

MAX_LIST_DEPTH = 8
"""Lists inside lists."""

Apply = Callable[[nodes.Expr, Tensors, Context], Tensors]
"""Lets tensors flow through a network."""


class ExpressionEvaluator:
    """Evaluates expressions.

    Args:
        graph: where the sizes of tensors are found.
        decisions: makes the choices.
        budget: counts the steps.
        apply: applies the networks in an expression that yields a tensor.
    """

    def __init__(self, graph: Graph, decisions: Decisions, budget: Budget, apply: Apply) -> None:
        self.graph, self.decisions, self.budget, self.apply = graph, decisions, budget, apply
        self._closures = 0
        self.loops = Loops(self.evaluate, self.whole)
        self.functions = FunctionCalls(self.evaluate, budget, self._side_effects)

    def kind(self, expr: nodes.Expr, context: Context) -> Kind:
        """What an expression will yield."""
        return kind_of(expr, context.scope, self.budget)

    def takes_nothing(self, expr: nodes.Expr, context: Context) -> bool:
        """Whether nothing can flow into an expression."""
        return takes_nothing(expr, context.scope, self.budget)

    def evaluate(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression: data, tensors, or a closure for a network."""
        self.budget.spend(1, expr, context)
        if isinstance(expr, nodes.Number):
            return expr.value
        if isinstance(expr, nodes.Path) and context.scope.find(expr.steps[0].name) is not None:
            return self._path(expr, context)
        kind = kind_of(expr, context.scope, self.budget)
        if kind is Kind.NET:
            return self._network(expr, context)
        if kind is Kind.TENSOR:
            return self._tensors(expr, context)
        return self.data(expr, context)

    def data(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression that is data (or a function, or a whole block by its name)."""
        return _RULES[expr.__class__](self, expr, context)

    def word_or_value(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an expression that may be a word, which is then told how words are written."""
        refuse_unknown_word(expr, context)
        return self.evaluate(expr, context)

    def argument(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """The value of an operation's argument; a lone unknown word is that word (`pad=same`).

        So is one that is an option of a choice, or a side of an `if`.
        """
        match expr:
            case nodes.Path() if is_unknown_word(expr, context.scope):
                return expr.steps[0].name
            case nodes.Group(body=body):
                return self.argument(body, context)
            case nodes.Choice(options=options) if self.kind(expr, context) is Kind.DATA:
                index, inner = self.decisions.option(options, expr, context)
                return self.argument(options[index], inner)
            case nodes.If() if self.kind(expr, context) is Kind.DATA:
                return self.argument(self.branch(expr, context), context)
        return self.evaluate(expr, context)

    def number(self, expr: nodes.Expr, context: Context, what: str) -> int | float:
        """A number, or an error that says what should have been one."""
        value = self.evaluate(expr, context)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise context.error("value", f"{what} is a number, not {shown(value)}", expr.span)
        return value

    def whole(self, expr: nodes.Expr, context: Context, what: str) -> int:
        """A whole number, or an error that says what should have been one."""
        value = self.number(expr, context, what)
        if isinstance(value, float):
            if not value.is_integer():
                raise context.error("value", f"{what} is a whole number, not {shown(value)}", expr.span)
            value = int(value)
        return value

    def truth(self, expr: nodes.Expr, context: Context) -> bool:
        """Yes or no, or an error."""
        value = self.evaluate(expr, context)
        if not isinstance(value, bool):
            raise context.error("value", f"a condition is yes or no, not {shown(value)}", expr.span)
        return value

    def branch(self, expr: nodes.If, context: Context) -> nodes.Expr:
        """The side of an `if` that its condition chooses."""
        chosen = self.truth(expr.condition, context.hinted(""))
        context.trace.add_branch(place(expr.span), chosen)
        return expr.then if chosen else expr.otherwise

    def without_ifs(self, expr: nodes.Expr, context: Context) -> nodes.Expr:
        """The side that the `if`s around it choose, without brackets."""
        while isinstance(expr, nodes.Group | nodes.If):
            expr = expr.body if isinstance(expr, nodes.Group) else self.branch(expr, context)
        return expr

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

    # --- networks

    def _tensors(self, expr: nodes.Expr, context: Context) -> Evaluated:
        written, inner = self.decided(expr, context)
        if inner is not context or self.kind(written, inner) is not Kind.TENSOR:
            return self.evaluate(written, inner)
        return self.apply(expr, Tensors(()), context)

    def _network(self, expr: nodes.Expr, context: Context) -> Evaluated:
        """A network as a value: a closure, or a list of them."""
        written, inner = self.decided(expr, context)
        if self.kind(written, inner) is not Kind.NET:
            return self.evaluate(written, inner)
        if mix := mixed_join(written, inner.scope, self.budget):
            raise mixed(*mix, context)
        if isinstance(written, nodes.ListOf):
            return Networks(self._list(written, inner if inner.hint else inner.hinted("item")))
        if isinstance(written, nodes.Call) and not is_known_name(written.name, inner.scope):
            raise unknown(written.name, written.span, inner)
        self._closures += 1
        path = inner.choosing.first_or_next(inner.hint) if inner.hint else inner.choosing.path
        return Closure(written, inner.scope, path, inner.trace, inner.repeated)

    def decided(self, expr: nodes.Expr, context: Context) -> tuple[nodes.Expr, Context]:
        """An expression without brackets, and without the `if`s and choices that must be decided to bind it.

        These are the ones between lists, and between tensors and networks.

        Raises:
            ArchError: a choice is between tensors and networks, and decides on a network.
        """
        while True:
            expr = bare(expr)
            match expr:
                case nodes.If(then=then, otherwise=otherwise) if self._differ((then, otherwise), context):
                    expr = self.branch(expr, context)
                    continue
                case nodes.Choice(options=options) if self._differ(options, context):
                    index, inner = self.decisions.option(options, expr, context)
                    chosen: nodes.Expr | None = options[index]
                case nodes.Optional(body=body) if self.kind(body, context) is Kind.TENSOR:
                    index, inner = self.decisions.option((body, "ID"), expr, context, "optional")
                    chosen = body if index == 0 else None
                case _:
                    return expr, context
            is_list = chosen is not None and isinstance(bare(chosen), nodes.ListOf)
            if chosen is None or (not is_list and self.kind(chosen, inner) is Kind.NET):
                raise mixed(expr, chosen, context)
            expr, context = chosen, inner

    def _differ(self, options: Sequence[nodes.Expr], context: Context) -> bool:
        """Whether all are lists, or some are tensors and others networks."""
        lists = all(isinstance(bare(option), nodes.ListOf) for option in options)
        return lists or kinds_of(options, context.scope, self.budget) >= {Kind.TENSOR, Kind.NET}

    # --- names

    def _path(self, path: nodes.Path, context: Context) -> Evaluated:
        step = path.steps[0]
        value = context.scope.find(step.name)
        if value is None:
            raise unknown(step.name, step.span, context, help=index_of_nothing(step))
        value = taken(self.needed(value, step, context), step, self.whole, context)
        for axis in path.steps[1:]:
            value = self._axis(value, axis, path, context)
        return value

    def needed(self, value: Evaluated, written: nodes.Step | nodes.Call, context: Context) -> Evaluated:
        """The value of a name that is needed now.

        Raises:
            ArchError: it was refused, or it is asked for when the network is complete and does not have it.
        """
        if isinstance(value, LazyTensors):
            built = value.value()
            if built is None:
                raise context.error(
                    "value", f"{written.name} feeds no output, and is not in the network", written.span
                )
            value = built
        if isinstance(value, Broken):
            raise already_told()
        return value

    def _axis(self, value: Evaluated, axis: nodes.Step, path: nodes.Path, context: Context) -> Data:
        if not isinstance(value, Tensors) or len(value.values) != 1:
            raise context.error(
                "value", f"{shown(value)} has no .{axis.name}", path.span, help=without_input(value)
            )
        if not is_known(value):
            raise already_told()
        shape = self.graph.shape_of(value.values[0])
        axes = shape.names
        if len(axis.name) != 1 or axis.name not in axes or axis.indices:
            size = shape_text(shape)
            raise context.error(
                "value", f"a tensor of {size} has no .{axis.name}", axis.span,
                help="it has " + ", ".join(f".{a}" for a in axes),
            )  # fmt: skip
        return shape[axes.index(axis.name)]

    # --- lists

    def _list(self, expr: nodes.TupleOf | nodes.ListOf, context: Context) -> tuple[Any, ...]:
        parts = context.errors.every(lambda item: self._items(item, context), expr.items)
        values = tuple(chain.from_iterable(parts))
        count, depth = extent(values, MAX_ITEMS)
        self.budget.spend(count, expr, context)
        if count > MAX_ITEMS:
            raise context.error("size", f"the list has more than {MAX_ITEMS:,} items", expr.span)
        if depth > MAX_LIST_DEPTH:
            raise context.error("size", f"lists are nested more than {MAX_LIST_DEPTH} deep", expr.span)
        return values

    def _items(self, item: nodes.Expr, context: Context) -> list[Evaluated]:
        if isinstance(item, nodes.For):
            return context.errors.every(
                lambda inner: self.evaluate(item.body, inner), self.loops.rounds(item, context)
            )
        return [self.evaluate(item, context)]

    # --- choices

    def _choice(self, expr: nodes.Choice, context: Context) -> Evaluated:
        index, inner = self.decisions.option(expr.options, expr, context)
        return self.word_or_value(expr.options[index], inner)

    def _range_choice(self, expr: nodes.RangeChoice, context: Context) -> int | float:
        inner = context.hinted("")
        low = self.number(expr.first, inner, "the lower end of a range")
        high = self.number(expr.last, inner, "the upper end of a range")
        step = None if expr.step is None else self.number(expr.step, inner, "a step")
        return self.decisions.number(expr, low, high, step, context)

    # --- operators

    def each(self, exprs: Iterable[nodes.Expr], context: Context) -> list[Evaluated]:
        """The values of expressions that do not depend on each other."""
        return context.errors.every(lambda expr: self.evaluate(expr, context), exprs)

    def _fold(self, expr: nodes.Chain | nodes.Sum | nodes.Product, context: Context) -> Data:
        op, parts = _SIGNS[type(expr)], expr.parts
        result, *others = self.each(parts, context)
        for part, value in zip(parts[1:], others, strict=True):
            result = combine(op, result, value, parts[0], part, context)
        return result  # type: ignore[return-value]

    def _unary(self, expr: nodes.Unary, context: Context) -> Data:
        if expr.op == "not":
            return not self.truth(expr.value, context)
        return -self.number(expr.value, context, "what a minus stands before")

    def _binary(self, expr: nodes.Binary, context: Context) -> Data:
        if expr.op in ("and", "or"):
            first = self.truth(expr.left, context)
            return self.truth(expr.right, context) if first == (expr.op == "and") else first
        if expr.op in ("==", "!="):
            left, right = context.errors.every(
                lambda side: self.word_or_value(side, context), (expr.left, expr.right)
            )
            return is_same(left, right, expr, context, self.budget) == (expr.op == "==")
        left, right = self.each((expr.left, expr.right), context)
        return combine(expr.op, left, right, expr.left, expr.right, context)

    # --- functions, and what they may do beside yielding a value

    def _call(self, call: nodes.Call, context: Context) -> Evaluated:
        return self.functions.call(call, context)

    def _side_effects(self) -> tuple[int, int, int]:
        """How many choices were reached, closures made and layers added so far."""
        return self.decisions.asked, self._closures, len(self.graph)


_SIGNS = {nodes.Chain: "-", nodes.Sum: "+", nodes.Product: "*"}


def _literal(
    _: ExpressionEvaluator, expr: nodes.Number | nodes.String | nodes.Bool, context: Context
) -> Data:
    return expr.value


def _concat(evaluator: ExpressionEvaluator, expr: nodes.Concat, context: Context) -> NoReturn:
    evaluator.each(expr.parts, context)  # of what is refused itself no more is told
    raise context.error("value", "| joins networks, here are none", expr.span)


def _label(evaluator: ExpressionEvaluator, expr: nodes.Label, context: Context) -> NoReturn:
    value = shown(evaluator.evaluate(expr.body, context))
    raise context.error("value", f"a label names a network, not {value}", expr.span)


def _loop(_: ExpressionEvaluator, expr: nodes.For, context: Context) -> NoReturn:
    raise context.error(
        "value", "a loop in round brackets repeats a network", expr.span,
        help="a list of numbers stands in square brackets: [2*i for i in 1..4]",
    )  # fmt: skip


def _optional(_: ExpressionEvaluator, expr: nodes.Optional, context: Context) -> NoReturn:
    raise context.error(
        "value", "? makes a network optional, here is none", expr.span,
        help="a choice of values stands in braces: {8, 16}",
    )  # fmt: skip


_RULES: dict[type, Callable[[ExpressionEvaluator, Any, Context], Evaluated]] = {
    nodes.Number: _literal,
    nodes.String: _literal,
    nodes.Bool: _literal,
    nodes.Dims: lambda _, expr, context: sizes_of(expr, context),
    nodes.Path: ExpressionEvaluator._path,
    nodes.Group: lambda evaluator, expr, context: evaluator.evaluate(expr.body, context),
    nodes.TupleOf: ExpressionEvaluator._list,
    nodes.ListOf: ExpressionEvaluator._list,
    nodes.Chain: ExpressionEvaluator._fold,
    nodes.Sum: ExpressionEvaluator._fold,
    nodes.Product: ExpressionEvaluator._fold,
    nodes.Unary: ExpressionEvaluator._unary,
    nodes.Binary: ExpressionEvaluator._binary,
    nodes.If: lambda evaluator, expr, context: evaluator.evaluate(evaluator.branch(expr, context), context),
    nodes.Choice: ExpressionEvaluator._choice,
    nodes.RangeChoice: ExpressionEvaluator._range_choice,
    nodes.Call: ExpressionEvaluator._call,
    nodes.Concat: _concat,
    nodes.Label: _label,
    nodes.For: _loop,
    nodes.Optional: _optional,
}
