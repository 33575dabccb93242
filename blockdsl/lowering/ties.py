"""`tie=embedding`: the layer that is meant, and whether its weight fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blockdsl import ops
from blockdsl.diagnostics import ArchError, Mark, did_you_mean
from blockdsl.formatting import listed, shape_text
from blockdsl.ir import Graph, Layer, Path, Segment, module_name, path_text
from blockdsl.lowering.binding import tag_of
from blockdsl.lowering.context import Context
from blockdsl.lowering.lazy import LazyBuilds
from blockdsl.lowering.values import SharedNetwork, Tensors
from blockdsl.ops import Sizes
from blockdsl.ops.tie import TiedTo, fit, tie_of, tied, tied_to
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare


class Ties:
    """Ties layers to earlier ones.

    Args:
        graph: has the layers.
        lazy: builds a layer that nothing but its weight is used of.
    """

    def __init__(self, graph: Graph, lazy: LazyBuilds) -> None:
        self.graph, self.lazy = graph, lazy

    def tie(self, layer: Layer, written: nodes.Expr, context: Context) -> None:
        """Let a layer use the weight of the layer that is `written`.

        Raises:
            ArchError: the name is unknown, or that of no layer or of several that have a weight; or the
                weight does not fit.
        """
        other = self._named(layer, written, context)
        own, theirs = self._weight(layer), self._weight(other)
        transposed = fit(own, theirs)
        if transposed is None:
            raise context.error(
                "shape", f"the weight of {path_text(other.path)} does not fit here",
                Mark(written.span, f"a weight of {shape_text(own, word=False)} is needed"),
                Mark(other.span, f"has a weight of {shape_text(theirs, word=False)}"),
                help="it is used as it is, or with its first two axes exchanged where all others are 1",
            )  # fmt: skip
        operation = tied(layer.operation, TiedTo(path_text(_steps(written)), transposed))
        self.graph.add(replace(layer, operation=operation))
        self.graph.ties[self.graph.module_path(layer)] = self.graph.module_path(other)

    def _weight(self, layer: Layer) -> Sizes:
        """The shape of a layer's weight, also of one that is another layer's."""
        operation = tied(layer.operation, None) if tie_of(layer.operation) else layer.operation
        return operation.weights(*self.graph.input_shapes(layer)).get("weight", ())

    def _named(self, layer: Layer, written: nodes.Expr, context: Context) -> Layer:
        """The layer with a weight that a name stands for, or the one that it has its weight from."""
        steps = _steps(written)
        if not steps:
            raise context.error(
                "argument", f"tie of {layer.operation.name} takes the name of a layer", written.span,
                help="the layer has a label, or is shared: encoder:FC(32), then tie=encoder",
            )  # fmt: skip
        found = self._found(layer, steps, written, context)
        if found == [layer]:
            raise context.error("name", "a layer is not tied to itself", written.span)
        if not found:
            raise self._unknown(steps, written, context)
        owners = {
            self.graph.ties.get(path := self.graph.module_path(one), path): one
            for one in reversed(found)
            if len(self._weight(one)) > 1  # a norm's scales are no matrix
        }
        name = path_text(steps)
        if not owners:
            raise context.error(
                "value", f"{name} has no weight to be tied to", written.span, found[0].span,
                help="a layer with a matrix or a kernel has one, such as an FC or a CONV",
            )  # fmt: skip
        if len(owners) > 1:
            first, *others = sorted(owners.values(), key=lambda one: one.id)
            names = listed([path_text(one.path) for one in (first, *others)], "and")
            places = dict.fromkeys((written.span, first.span, others[0].span))
            raise context.error(
                "name", f"{name} has several layers with a weight: {names}", *places,
                help="name one of them, or give it a label",
            )  # fmt: skip
        (owner,) = owners
        return self.graph.layer_of(owner)

    def _found(self, layer: Layer, steps: Path, written: nodes.Expr, context: Context) -> list[Layer]:
        """The layers that a name stands for, which are built now if they only have been bound to a name."""
        value = context.scope.find(steps[0].name)
        if isinstance(value, SharedNetwork):
            return self._shared(value, steps, written, context)
        found = self._labelled(layer, steps, context)
        if found in ([], [layer]) and self.lazy.build_earlier(steps[0].name, context.naming.path):
            found = self._labelled(layer, steps, context)
        return found

    def _shared(
        self, value: SharedNetwork, steps: Path, written: nodes.Expr, context: Context
    ) -> list[Layer]:
        """The layers of a shared network, in its first application."""
        if not value.uses:
            self.lazy.build_earlier(value.name, context.naming.path)
        if not value.uses:
            raise context.error(
                "name", f"{value.name} is not applied before this", written.span, value.span,
                help="the first of the two has the weight: apply the shared network first",
            )  # fmt: skip
        use = value.uses[0]
        layers = [self.graph.layer(node) for node in use.layers]
        return [one for one in layers if _matches(one.path, (*use.path, *steps[1:]), len(use.path))]

    def _labelled(self, layer: Layer, steps: Path, context: Context) -> list[Layer]:
        """The layers of a label, seen from the innermost brackets with a label to the block or the net."""
        around = context.naming.path
        block, own = len(context.call.path) if context.call else 0, list[Layer]()
        for length in range(len(around), block - 1, -1):
            wanted = (*around[:length], *steps)
            found = [one for one in self.graph.layers() if _matches(one.path, wanted, length)]
            if others := [one for one in found if one != layer]:
                return others
            own += found
        return own

    def _unknown(self, steps: Path, written: nodes.Expr, context: Context) -> ArchError:
        place = context.call.path if context.call else ()
        inside = [one.path[len(place) :] for one in self.graph.layers() if one.path[: len(place)] == place]
        labels = [path[0].name for path in inside if path and path[0].index is None]
        name, where, help = steps[0].name, "the net", f"give the layer a label: {steps[0].name}:FC(32)"
        if isinstance(context.scope.find(name), Tensors):
            help = f"{name} is a tensor; the layer that makes it has a name if it has a label"
        elif context.call:
            where = f"the block {context.call.block}"
            help = f"a block sees its own layers, and what is shared: shared {name} = FC(32)"
        return context.error(
            "name", f"no layer before this is called {path_text(steps)} in {where}", written.span,
            help=did_you_mean(name, [label for label in labels if label != name], help),
        )  # fmt: skip


def tie_argument(call: nodes.Call) -> nodes.Arg | None:
    """What a call of an operation has as its `tie`, if it has one."""
    operation = ops.find(call.name)
    names = list(operation.arguments) if operation and call.args else []
    place = next(
        (n for n, a in enumerate(names) if operation and operation.arguments[a].convert is tied_to), None
    )
    if place is None:
        return None
    by_place = [arg for arg in call.args if arg.name is None and not tag_of(arg)]
    found = [arg for arg in call.args if arg.name == names[place]] + by_place[place : place + 1]
    return found[0] if found else None


def _steps(written: nodes.Expr) -> Path:
    """The path that is written, empty where it is none."""
    written = bare(written)
    if not isinstance(written, nodes.Path):
        return ()
    steps: list[Segment] = []
    for step in written.steps:
        index: int | None = None
        if step.indices:
            (*others, last) = step.indices
            if others or not isinstance(last, nodes.Number) or not isinstance(last.value, int):
                return ()
            index = last.value
        steps.append(Segment(step.name, index))
    return tuple(steps)


def _matches(path: Path, wanted: Sequence[Segment], exact: int) -> bool:
    """Whether a layer is what a path names, in either spelling, or stands in it.

    After so many `exact` steps an index may be left out.
    """
    if len(path) < len(wanted):
        return False
    return all(
        module_name((one,)) == module_name((step,))
        or (place >= exact and step.index is None and one.name == step.name)
        for place, (one, step) in enumerate(zip(path, wanted, strict=False))
    )
