"""Builds the graph: operations become layers, and layers, labels and blocks give their names to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from blockdsl.diagnostics import ArchError, Mark
from blockdsl.formatting import shape_text
from blockdsl.ir import Auxiliary, BlockCall, Graph, Layer, Path, Segment, Value, module_name
from blockdsl.lowering.binding import assign
from blockdsl.lowering.context import Context
from blockdsl.lowering.values import UNKNOWN_TENSOR, Tensors
from blockdsl.ops import Operation, OpError, Shape
from blockdsl.ops.infer import output_shapes
from blockdsl.ops.layouts import GRIDS
from blockdsl.ops.shape import Flatten
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes

UNKNOWN = UNKNOWN_TENSOR.values[0]

MAX_LAYERS = 100_000

MAX_NUMBERS = 10**12
"""Numbers in one tensor of one sample."""


class GraphBuilder:
    """Adds to a graph, in execution order.

    Attributes:
        graph: the graph.
        points: the names of its points, in the order in which they were given.
        calls: the block calls, in their order.
        numbers: by the path of an application of a shared network that has a label, its number beside those
            without one.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.points: list[str] = []
        self.calls: list[BlockCall] = []
        self.numbers: dict[Path, Path] = {}

    def point(self, name: str, value: Value) -> None:
        """Give a tensor a name."""
        self.graph.points[name] = value
        self.points.append(name)

    def block(self, call: BlockCall) -> str:
        """Add an instance of a block; its module's name."""
        name = module_name(call.path)
        self.graph.blocks[name] = call
        self.calls.append(call)
        return name

    def auxiliary(self, name: str, value: Value, weight: float) -> None:
        """Add an output that exists in training only."""
        self.graph.auxiliaries.append(Auxiliary(name, value, weight))

    def check_room(self, layers: int, span: Span, context: Context) -> None:
        """Refuse so many more layers where there would be too many; the input is no layer here."""
        if len(self.graph) - 1 + layers > MAX_LAYERS:
            raise context.error("size", f"the network has more than {MAX_LAYERS:,} layers", span)

    def layer(
        self,
        operation: Operation,
        inputs: tuple[Value, ...],
        span: Span,
        context: Context,
        sides: Sequence[Span] = (),
        path: tuple[Segment, ...] | None = None,
        call: nodes.Call | None = None,
    ) -> Tensors:
        """Add an operation to the graph; its outputs.

        `sides` are the places of a join's inputs, `call` is what wrote the operation's arguments.
        """
        if UNKNOWN in inputs:
            return UNKNOWN_TENSOR
        if operation.inputs is not None and len(inputs) != operation.inputs:
            raise context.error(
                "shape",
                f"{operation.name} takes one tensor, here comes a bundle of {len(inputs)}",
                span,
                help=f"join them first (SUM, CAT, MEAN), or write [{operation.name}, …] for each of them",
            )
        path = path or context.naming.next(operation.name.lower())
        if operation.flattens and type(self.graph.shape_of(inputs[0])) in GRIDS:
            inputs = self.layer(Flatten(), inputs, span, context).values
        shapes = [self.graph.shape_of(value) for value in inputs]
        try:
            outputs = output_shapes(operation, *shapes)
        except OpError as refused:
            place = _written(call, refused.argument, operation, context) or span
            if len(sides) != len(inputs):
                sides = [self.graph.layer(value.node).span for value in inputs]
            raise _refused(refused, shapes, place, context, sides) from refused.__cause__
        largest = max(map(prod, outputs))
        if largest > MAX_NUMBERS:
            raise context.error(
                "size", f"{operation.name} makes a tensor of more than {MAX_NUMBERS:,} numbers", span
            )
        self.check_room(1, span, context)
        layer = Layer(
            len(self.graph), operation, inputs, outputs, path, span, context.call, context.training_only
        )
        self.graph.add(layer)
        self.point(layer.name, Value(layer.id))
        return Tensors(tuple(Value(layer.id, port) for port in range(len(outputs))))


def _refused(
    refused: OpError, shapes: list[Shape], span: Span, context: Context, sides: Sequence[Span]
) -> ArchError:
    """The error for inputs that an operation refuses; `sides` are the places where they come from.

    Both sides of a join are marked. Where one of them is written elsewhere, the join is marked first.
    """
    if not refused.sides:
        marks = [Mark(span), Mark(sides[0], shape_text(shapes[0]))]
    else:
        marks = [Mark(sides[side], shape_text(shapes[side])) for side in refused.sides]
        if not all(_holds(context.within, mark.span) or _holds(span, mark.span) for mark in marks):
            marks.insert(0, Mark(span, "these are joined here"))
    return context.error("shape", refused.message, *marks, help=refused.help)


def _holds(outer: Span | None, inner: Span) -> bool:
    return outer is not None and outer.source == inner.source and outer.start <= inner.start < outer.end


def _written(
    call: nodes.Call | None, argument: str | None, operation: Operation, context: Context
) -> Span | None:
    """Where the argument that an operation refuses is written."""
    if call is None or argument is None:
        return None
    given = assign(call, list(operation.arguments), context)
    return given[argument].span if argument in given else None
