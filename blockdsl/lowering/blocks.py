"""Blocks that are called: their parameters bound, their bodies applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from blockdsl.frozen import FrozenDict
from blockdsl.ir import BlockCall, Segment
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.calls import deeper, given_arguments, parameter_values
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.recordings import Recording, Recordings, key_of
from blockdsl.lowering.values import (
    BlockValue,
    Evaluated,
    Kind,
    Scope,
    Tensors,
    Trace,
    argument_text,
    kind_of_value,
    place,
)
from blockdsl.syntax import tree as nodes


class BlockCalls:
    """Applies blocks.

    Args:
        builder: gets the instances.
        evaluator: evaluates the arguments.
        recordings: what calls of blocks added, to be added again by calls that are alike.
        lazy: builds tensors when they are needed.
        body: applies the body of a block.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        evaluator: ExpressionEvaluator,
        recordings: Recordings,
        lazy: LazyBuilds,
        body: Callable[[nodes.Body, Tensors, Context], Tensors],
    ) -> None:
        self.builder, self.evaluator, self.recordings, self.body = builder, evaluator, recordings, body
        self.lazy = lazy

    def apply(
        self,
        value: BlockValue,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: tuple[Segment, ...] | None,
    ) -> Tensors:
        """Let tensors flow through a block, whose instance gets `path` as its name, or the next one."""
        deeper(call, context)
        block = value.block
        naming = Naming(path or context.naming.next(call.name))
        same = context.choosing is context.naming
        choosing = Naming(naming.path if same else context.choosing.next(call.name))
        given = given_arguments(block.params, call, context)
        scope = Scope({"in": stream}, value.scope)
        trace = Trace(scope, block)
        asked = self.evaluator.decisions.asked
        outside = context.but(choosing=choosing, at=None)
        inside = outside.but(scope=scope, trace=trace)
        late = self._bind(value, given, inside, outside)
        texts = FrozenDict({name: argument_text(scope.names[name]) for name in given})
        tensors = frozenset(n for n in given if kind_of_value(scope.names[n]) is Kind.TENSOR)
        block_call = BlockCall(block.name, texts, naming.path, call.span, context.call, tensors)
        name = self.builder.block(block_call)
        if same and not choosing.taken and not late:  # no argument has a choice's name
            choosing = naming
        alike = asked == self.evaluator.decisions.asked
        key = key_of(value, scope.names, given, self.builder.graph, context) if alike else None
        if record := self.recordings.find(key):
            trace = record.trace
            result = self.recordings.replay(record, block_call, stream, call, context)
        else:
            inner = Context(
                scope, naming, choosing, trace, context.errors, block_call, context.depth + 1,
                training_only=context.training_only,
            )  # fmt: skip
            start = self.recordings.extent()
            result = self.body(block.body, stream, inner)
            record = Recording(block_call, stream, result, trace, start, self.recordings.extent())
            if key and record.depends_on_arguments_alone():
                self.recordings.keep(key, record)
        context.trace.add_call(place(call.span), trace)
        if len(result.values) == 1:
            self.builder.point(name, result.values[0])
            return Tensors(result.values, result.sides)  # a label inside names no output of the net
        return result

    def _bind(
        self, value: BlockValue, given: Mapping[str, nodes.Arg], inside: Context, outside: Context
    ) -> bool:
        """Bind the parameters; whether some are tensors that are built when the block needs them."""
        needed = self.lazy.needs.of_body(value.block.body, value.scope) if given else ()
        late = {
            id(arg.value)
            for name, arg in given.items()
            if self.lazy.may_wait(arg.value, (name,), needed, outside)
        }

        def evaluate(expr: nodes.Expr, context: Context) -> Evaluated:
            if id(expr) in late:
                return self.lazy.bind(expr, lambda inside: self.evaluator.evaluate(expr, inside), context)
            return self.evaluator.evaluate(expr, context)

        parameter_values(value.block.params, given, inside, outside, evaluate)
        return bool(late)
