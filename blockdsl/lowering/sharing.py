"""Shared networks that are applied: `shared head = …` has its weights once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from blockdsl.diagnostics import ArchError, Mark, already_told
from blockdsl.formatting import shape_text
from blockdsl.frozen import FrozenDict
from blockdsl.ir import BlockCall, Path, module_name
from blockdsl.lowering.builder import GraphBuilder
from blockdsl.lowering.calls import deeper, without_arguments
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.evaluator import Apply
from blockdsl.lowering.values import Application, Closure, SharedNetwork, Tensors, is_known
from blockdsl.source import Span
from blockdsl.syntax import tree as nodes


class SharedNetworks:
    """Applies shared networks.

    Args:
        builder: gets the layers.
        apply: lets tensors flow through a network.
        call: applies a block or an operation that is called, as a part with a given path.
        name: applies what a name is bound to, or an item of it, likewise.
    """

    def __init__(
        self,
        builder: GraphBuilder,
        apply: Apply,
        call: Callable[[nodes.Call, Tensors, Context, Path], Tensors],
        name: Callable[[nodes.Path, Tensors, Context, Path], Tensors],
    ) -> None:
        self.builder, self.apply_network, self.apply_call, self.apply_name = builder, apply, call, name
        self._refused: set[int] = set()

    def apply(
        self,
        value: SharedNetwork,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: Path | None,
    ) -> Tensors:
        """Let tensors flow through a shared network; the application gets `path`, or the next name.

        Raises:
            ArchError: its weights, or its layers, are not those of the first application.
        """
        without_arguments(call, "a shared network", context)
        deeper(call, context)
        if id(value) in self._refused:
            raise already_told()
        graph = self.builder.graph
        at_home = graph.path_in_modules(context.naming.path) == value.path[:-1]
        number = context.naming.next(value.name) if at_home or not path else path
        path = path or number
        if number != path:
            self.builder.numbers[path] = number
        graph.shared[path] = value.path
        start, heads = len(graph), len(graph.auxiliaries)
        result = self._result(value.network, call, stream, context, path)
        added = map(graph.layer, range(start, len(graph)))
        layers = tuple(layer.id for layer in added if layer.path[: len(path)] == path)
        if not layers:  # without layers there is nothing to share
            del graph.shared[path]
            self.builder.numbers.pop(path, None)
        if len(graph.auxiliaries) > heads:
            self._refused.add(id(value))
            raise context.error(
                "value", f"{value.name} is shared, and has an auxiliary head", value.span,
                help="an auxiliary output exists once: write AUX beside the shared network",
            )  # fmt: skip
        if is_known(stream) and is_known(result):
            use = Application(path, call.span, stream, layers)
            value.uses.append(use)
            self._compare(value, value.uses[0], use, context)
        if len(result.values) == 1:
            self.builder.point(module_name(path), result.values[0])
        return result

    def _result(
        self,
        network: Closure,
        call: nodes.Call,
        stream: Tensors,
        context: Context,
        path: Path,
    ) -> Tensors:
        inner = context.but(
            scope=network.scope, choosing=Naming(network.path), at=network.path, hint="",
            depth=context.depth + 1, trace=network.trace, linked=False,
        )  # fmt: skip
        expr = network.expr
        if isinstance(expr, nodes.Call):
            return self.apply_call(expr, stream, inner, path)
        if isinstance(expr, nodes.Path):
            return self.apply_name(expr, stream, inner, path)
        block = BlockCall(call.name, FrozenDict(), path, call.span, context.call)
        self.builder.block(block)
        return self.apply_network(
            expr, stream, inner.but(naming=Naming(path), call=block, repeated=network.repeated)
        )

    def _compare(self, value: SharedNetwork, first: Application, use: Application, context: Context) -> None:
        if first is use or list(self._layers(first)) == list(self._layers(use)):
            return
        shapes, others = self._shapes(first.stream), self._shapes(use.stream)
        raise _unlike(value, shapes, first.span, others, use.span, context)

    def _layers(self, use: Application) -> Iterator[tuple[object, ...]]:
        """What the layers of all applications have in common: names, operations, weights, wiring."""
        graph = self.builder.graph
        places = {node: place for place, node in enumerate(use.layers)}
        for node in use.layers:
            layer = graph.layer(node)
            shapes = graph.input_shapes(layer)
            wiring = [(places[v.node], v.port) for v in layer.inputs if v.node in places]
            tensors = layer.operation.weights(*shapes), layer.operation.buffers(*shapes)
            yield layer.path[len(use.path) :], layer.operation, tensors, wiring

    def _shapes(self, stream: Tensors) -> str:
        return " and ".join(shape_text(self.builder.graph.shape_of(value)) for value in stream.values)


def _unlike(
    value: SharedNetwork, first: str, first_span: Span, other: str, other_span: Span, context: Context
) -> ArchError:
    """The error for an application that would need other weights or other layers than the first one."""
    return context.error(
        "shape",
        f"{value.name} has its weights once, and these two uses need different ones",
        Mark(other_span, f"applied to {other}"),
        Mark(first_span, f"applied to {first}"),
        help="bring both to the same channels first, or write it as a block, which has weights for each call",
    )
