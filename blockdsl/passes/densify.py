"""A classifier of images (or signals, or volumes) of one size -> the same network slid over larger ones.

Fully connected layers become convolutions whose kernels cover what they saw at the size that the
network was written for (Sermanet et al. 2013, "OverFeat", section 3.5, figure 5), global pools become
pools of that size. The output is a map with one answer for each place of the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from blockdsl.diagnostics import ArchError, Mark, error
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, Layer, Port, Value
from blockdsl.ops import Operation, OpError, Shape, Signal, Sizes, Tokens, Vector
from blockdsl.ops.core import window_is_known
from blockdsl.ops.layouts import GRIDS
from blockdsl.ops.shape import Flatten, Input
from blockdsl.ops.sliding import Sliding, pads_text, strides_of, with_strides
from blockdsl.ops.tie import tie_of
from blockdsl.verifier import verify

_BY_ELEMENT = frozenset({"activation", "dropout", "scale", "join"})
"""The families that do not ask which channel an element of a flattened image belongs to."""


def densify(graph: Graph, input: Sizes | None = None) -> Graph:
    """The graph for evaluation on images (C, rows, columns), the size that it has unless another is given.

    Signals and volumes are evaluated likewise.

    (C, H, W) -> (features,) becomes (C, rows, columns) -> (features, rows', columns'). Layers keep
    their names and the number of their weights; an FC's weight (features, C * H * W) is reshaped to
    (features, C, H, W). FLATTENs and auxiliary heads are left out.

    Raises:
        ArchError: a layer depends on the size of the image, or the image is too small.
    """
    return _Densifying(graph, input).graph()


class _Densifying:
    """`made` maps tensors of the old graph to those of the new; `windows` are their old shapes, those
    of vectors as the images that were flattened into them. `constant` are the old ones that depend on no
    image: trained tensors, and what is computed of these alone.
    """

    def __init__(self, old: Graph, given: Sizes | None) -> None:
        before = old.only_input("dense evaluation")
        sizes = given or before
        if not isinstance(before, GRIDS) or len(sizes) != len(before) or sizes[0] != before.channels:
            shown = shape_text(before), shape_text(sizes)
            raise error(
                "dense", f"a network on {shown[0]} cannot slide over {shown[1]}", old.layer(0).span,
                help="it takes images, signals or volumes, of as many channels",
            )  # fmt: skip
        self.old, self.new, self.size = old, Graph(), type(before)(sizes)
        self.made: dict[Value, Value] = {}
        self.windows: dict[Value, Shape] = {}
        self.constant: set[Value] = set()

    def graph(self) -> Graph:
        for layer in self.old.layers():
            if not layer.training_only:
                self._take_over(layer)
        paths = {layer.path[:i] for layer in self.new.layers() for i in range(len(layer.path))}
        self.new.inputs = tuple(Port(p.name, self.made[p.value]) for p in self.old.inputs)
        self.new.outputs = tuple(Port(p.name, self.made[p.value]) for p in self.old.outputs)
        self.new.points = {name: self.made[v] for name, v in self.old.points.items() if v in self.made}
        self.new.blocks = {name: b for name, b in self.old.blocks.items() if b.path in paths}
        paths |= {layer.path for layer in self.new.layers()}
        self.new.shared = {path: owner for path, owner in self.old.shared.items() if path in paths}
        refuse_unequal_applications(self.new, "slide over a larger image")
        verify(self.new)
        return self.new

    def _take_over(self, layer: Layer) -> None:
        seen = tuple(self.windows[value] for value in layer.inputs)
        values = [Value(layer.id, port) for port in range(len(layer.shapes))]
        if isinstance(layer.operation, Flatten) and isinstance(seen[0], GRIDS):
            self.made[values[0]], self.windows[values[0]] = self.made[layer.inputs[0]], seen[0]
            return
        operation = self._slid(layer, seen)
        inputs = tuple(self.made[value] for value in layer.inputs)
        try:
            operation.check()
            windows = operation.shapes(*seen)
            shapes = operation.shapes(*(self.new.shape_of(value) for value in inputs))
        except OpError as refusal:
            raise _refused(layer, refusal.message) from None
        if reason := self._pads_otherwise(operation, seen, inputs):
            raise _refused(layer, reason)
        if not layer.inputs:
            windows = layer.shapes
        added = self.new.add(
            replace(layer, id=len(self.new), operation=operation, inputs=inputs, shapes=shapes)
        )
        for value, window in zip(values, windows, strict=True):
            self.made[value], self.windows[value] = Value(added.id, value.port), window
            if not layer.is_input and self.constant.issuperset(layer.sources):
                self.constant.add(value)

    def _slid(self, layer: Layer, seen: Sequence[Shape]) -> Operation:
        """The operation that does at each place what the layer does with one window."""
        if isinstance(layer.operation, Input):
            return Input.of(self.size)
        if tie := tie_of(layer.operation):
            raise _refused(layer, f"it has the weight of {tie}")
        operation = layer.operation.slid(*seen)
        if operation is not layer.operation:
            return operation
        if layer.operation.reads_values and (reason := self._whole(layer, seen)):
            raise _refused(layer, reason)
        if "broadcast" in operation.arguments and any(map(self._is_everywhere, layer.inputs)):
            return replace(operation, broadcast=True)  # type: ignore[type-var]
        return _with_free_stride(layer, seen)

    def _pads_otherwise(self, operation: Operation, seen: Sequence[Shape], inputs: Sequence[Value]) -> str:
        """How pads that depend on the size differ from those on one window; nothing where they do not."""
        if not isinstance(operation, Sliding):
            return ""
        shapes = [self.new.shape_of(value) for value in inputs]
        before, after = operation.pads_by_size(*seen), operation.pads_by_size(*shapes)
        if before == after:
            return ""
        texts = [
            f"{pads_text(pads)} at {shape_text(shape.positions)}"
            for pads, shape in ((before, seen[0]), (after, shapes[0]))
        ]
        return f"pad=same pads by {' and by '.join(texts)}"

    def _is_everywhere(self, value: Value) -> bool:
        """Whether a tensor is the same at each place: a trained number for each channel."""
        return value in self.constant and max(self.windows[value].positions, default=1) == 1

    def _whole(self, layer: Layer, seen: Sequence[Shape]) -> str:
        """Why a layer depends on the whole image; nothing where it does not."""
        operation = layer.operation
        if operation.depends_on_size:
            return operation.depends_on_size
        made = {type(shape) for shape in layer.shapes} - {type(shape) for shape in seen}
        if Tokens in made | {type(shape) for shape in seen} or Signal in made:
            return "it makes one sequence of the whole image"
        if not window_is_known(operation):
            return (
                f"{operation.name} overrides `shape` and not `window`, so what its outputs see is not known"
            )
        if operation.window(*self.old.input_shapes(layer)) is None or not all(
            isinstance(shape, GRIDS) for shape in seen
        ):
            return "each of its outputs sees the whole image"
        varying = [s for value, s in zip(layer.inputs, seen, strict=True) if not self._is_everywhere(value)]
        if len({shape[1:] for shape in varying}) > 1:
            return "it joins a number for the whole image with one for each position"
        flat = any(
            isinstance(s, Vector) and prod(w.positions) > 1
            for s, w in zip(self.old.input_shapes(layer), seen, strict=True)
        )
        alike = operation.weights(*self.old.input_shapes(layer)) == operation.weights(*seen)
        if flat and not (operation.family in _BY_ELEMENT and alike):
            return "it works on a flattened image"
        return ""


def _with_free_stride(layer: Layer, seen: Sequence[Shape]) -> Operation:
    """A window with one position never made a step: it now makes the smallest, whatever its stride."""
    step = strides_of(layer.operation, seen[0])
    if step is None:
        return layer.operation
    stride = tuple(1 if size == 1 else by for size, by in zip(layer.shape[1:], step, strict=True))
    return layer.operation if stride == step else with_strides(layer.operation, stride, seen[0])


def refuse_unequal_applications(graph: Graph, what: str) -> None:
    """Refuse a graph in which a layer of a shared network is not the same in each of its applications.

    Raises:
        ArchError: `what` says what the network cannot do.
    """
    for layer in graph.layers():
        first = graph.owner(layer)
        if layer.operation != first.operation:
            raise error(
                "dense", f"the network cannot {what}: {first.name} and {layer.name} share weights",
                Mark(first.span, f"would be {first.operation}"),
                Mark(layer.span, f"would be {layer.operation}"),
            )  # fmt: skip


def _refused(layer: Layer, reason: str) -> ArchError:
    return error(
        "dense", f"{layer.operation} ({layer.name}) cannot slide over a larger image: {reason}", layer.span,
        calls=layer.calls,
    )  # fmt: skip
