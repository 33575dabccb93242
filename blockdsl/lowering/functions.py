"""Calls of functions of numbers: those that a file defines, and the built-in ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blockdsl.diagnostics import already_told
from blockdsl.lowering import arithmetic
from blockdsl.lowering.budget import MAX_ITEMS, Budget
from blockdsl.lowering.calls import MAX_DEPTH, Evaluate, deeper, given_arguments, parameter_values
from blockdsl.lowering.context import Context
from blockdsl.lowering.unknown_names import unknown, without_input
from blockdsl.lowering.values import (
    BlockValue,
    Broken,
    Closure,
    Data,
    Evaluated,
    Function,
    LazyTensors,
    Scope,
    SharedNetwork,
    Tensors,
    Trace,
    extent,
    place,
)
from blockdsl.syntax import tree as nodes

_NO_NUMBER = (Tensors, LazyTensors, Closure, SharedNetwork, Function, BlockValue, Broken, tuple)


@dataclass(frozen=True, slots=True)
class _Returned:
    """What a function yielded.

    Attributes:
        value: the value.
        trace: what was decided.
        steps: how many the evaluation took.
        height: how many calls were nested in it.
    """

    value: Data
    trace: Trace
    steps: int
    height: int


class FunctionCalls:
    """Calls functions.

    Args:
        evaluate: yields the value of an expression.
        budget: counts the steps.
        side_effects: yields counts that differ before and after an evaluation that reached a choice, made a
            closure or added a layer.
    """

    def __init__(self, evaluate: Evaluate, budget: Budget, side_effects: Callable[[], object]) -> None:
        self.evaluate, self.budget, self.side_effects = evaluate, budget, side_effects
        self._returned: dict[tuple[Any, ...], _Returned] = {}
        self._deepest = 0

    def call(self, call: nodes.Call, context: Context) -> Evaluated:
        """The value of a call of a file's function, a built-in one, or one that a condition was given."""
        function = context.scope.find(call.name)
        if isinstance(function, Broken):
            raise already_told()
        if isinstance(function, Function):
            return self._of_file(function, call, context)
        if callable(function) and len(call.args) == 1:
            value: Evaluated = function(call.args[0].value)
            return value
        by_name = next((a for a in call.args if a.name is not None), None)
        if by_name is not None:
            raise context.error("argument", f"{call.name} takes no named arguments", by_name.span)
        values = tuple(context.errors.every(lambda arg: self.evaluate(arg.value, context), call.args))
        named = arithmetic.FUNCTIONS.get(call.name)
        if named is None:
            raise unknown(call.name, call.span, context)
        if named.run is len:
            values = tuple(value.values if isinstance(value, Tensors) else value for value in values)
        self.budget.spend(extent(values, MAX_ITEMS)[0], call, context)
        try:
            result: Data = arithmetic.bounded(named(values))
        except (ArithmeticError, ValueError) as failed:
            fix = next(filter(None, map(without_input, values)), named.written)
            raise context.error(
                "value", f"{call.name} {arithmetic.reason(failed)}", call.span, help=fix
            ) from None
        return result

    def _of_file(self, function: Function, call: nodes.Call, context: Context) -> Evaluated:
        """The value of `width(3)` for `let width(i) = …`.

        The value for the same numbers, words and truth values is kept, unless the evaluation had side
        effects. Its steps are spent again, so that the limit does not depend on what is kept.
        """
        deeper(call, context)
        self._deepest = max(self._deepest, context.depth + 1)
        let, scope = function.let, Scope({}, function.scope)
        before = self.side_effects()
        given = given_arguments(let.params or (), call, context)
        trace = Trace(scope)
        inside = context.but(scope=scope, trace=trace)
        outside = context.but(at=None)
        parameter_values(let.params or (), given, inside.but(at=None), outside, self.evaluate)
        numbers = scope.names.values()
        key = (id(let), id(function.scope), len(function.scope.names), *given, *map(type, numbers), *numbers)
        is_pure = self.side_effects() == before and not any(isinstance(v, _NO_NUMBER) for v in numbers)
        known = self._returned.get(key) if is_pure else None
        if known is not None and context.depth + known.height <= MAX_DEPTH:
            self._deepest = max(self._deepest, context.depth + known.height)
            context.trace.add_call(place(call.span), known.trace)
            self.budget.spend(known.steps, call, context)
            return known.value
        steps, deepest = self.budget.steps, self._deepest
        self._deepest = context.depth + 1
        value = self.evaluate(let.value, inside.but(depth=context.depth + 1))
        height = self._deepest - context.depth
        self._deepest = max(deepest, self._deepest)
        if is_pure and self.side_effects() == before and not isinstance(value, _NO_NUMBER):
            self._returned[key] = _Returned(value, trace, self.budget.steps - steps, height)
        context.trace.add_call(place(call.span), trace)
        return value
