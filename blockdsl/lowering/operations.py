"""Operations that are called: their arguments evaluated, their layers added."""

from __future__ import annotations

from blockdsl.ir import Segment
from blockdsl.lowering.binding import assign, declared
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import ExpressionEvaluator
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.ties import Ties, tie_argument
from blockdsl.lowering.values import Evaluated, Tensors, is_known
from blockdsl.ops import Operation
from blockdsl.ops.shape import Identity
from blockdsl.ops.tie import tie_of, tied_to
from blockdsl.syntax import tree as nodes


class OperationCalls:
    """Applies operations.

    Args:
        builder: gets the layers.
        evaluator: evaluates the arguments.
        lazy: builds tensors when they are needed.
    """

    def __init__(self, builder: GraphBuilder, evaluator: ExpressionEvaluator, lazy: LazyBuilds) -> None:
        self.builder, self.evaluator = builder, evaluator
        self.ties = Ties(builder.graph, lazy)
        self._plain: dict[type[Operation], Operation] = {}
        """Operations that were written without arguments."""

    def apply(
        self,
        operation: type[Operation],
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: tuple[Segment, ...] | None,
    ) -> Tensors:
        """Let tensors flow through an operation, whose layer gets `path` as its name, or the next one."""
        if operation is Identity:
            assign(call, [], context)
            return stream
        path = path or context.naming.next(call.name.lower())
        made = self._made(operation, call, context, path)
        result = self.builder.layer(made, stream.values, call.span, context, stream.sides, path, call)
        if tie_of(made) and is_known(result) and (tie := tie_argument(call)):
            self.ties.tie(self.builder.graph.layer(result.values[0].node), tie.value, context)
        return result

    def _made(
        self, operation: type[Operation], call: nodes.Call, context: Context, path: tuple[Segment, ...]
    ) -> Operation:
        if not call.args and operation in self._plain:
            return self._plain[operation]
        same = context.choosing is context.naming
        choices = Naming(path if same else context.choosing.next(call.name.lower()))
        arguments = context.but(choosing=choices, hint="", at=None)

        def evaluate(expr: nodes.Expr, name: str) -> Evaluated:
            if operation.arguments[name].convert is tied_to:
                return expr.span.text
            return self.evaluator.argument(expr, arguments.hinted(name))

        made = declared(call, operation, operation.arguments, context, evaluate)
        if not call.args:
            self._plain[operation] = made
        return made
