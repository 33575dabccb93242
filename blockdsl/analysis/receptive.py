"""Receptive fields: how much of an input one position of a tensor sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import floor, gcd, lcm, prod
from typing import NamedTuple

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Shape, Sizes, Tokens, Vector, Window
from blockdsl.ops.core import window_is_known

Span = tuple[int, int]

_MOST = 4096
"""Positions that are told apart at most, where resampling makes the fields of neighbours differ."""


class Axis(NamedTuple):
    """What the positions along one axis see of the input: the first and last pixel of each.

    `spans` holds as many positions as differ; `len(spans)` positions further everything lies `step`
    pixels further. None is a position that sees nothing, as between the taps of a transposed convolution.
    A span is the least one, but behind a dilated transposed convolution, where it may be too long by what
    the holes of a dilated window leave out.
    """

    spans: tuple[Span | None, ...] = ((0, 0),)
    step: int = 1

    def at(self, position: int) -> Span | None:
        """First and last pixel that a position sees; beyond the input's borders in the padding."""
        turns, rest = divmod(position, len(self.spans))
        span = self.spans[rest]
        shift = turns * self.step
        return None if span is None else (span[0] + shift, span[1] + shift)

    @property
    def size(self) -> int:
        """The largest number of pixels that a position sees."""
        return max((span[1] - span[0] + 1 for span in self.spans if span), default=0)


class Field(NamedTuple):
    """The receptive field of a tensor's positions, in positions of one input: in pixels of an image.

    Attributes:
        size: along each axis that the positions of the input have: rows and columns of an image, the length
            of a sequence or signal; of a vector its features. Padding is no limit: it may exceed the input.
            All 0 where the tensor does not depend on the input.
        whole: whether every position sees the whole input; `size` is that of the input then.
        axes: what each position sees along these axes.
        grid: positions along these axes, also where they are counted as tokens.
    """

    size: Sizes
    whole: bool
    axes: tuple[Axis, ...]
    grid: Sizes


def receptive_fields(graph: Graph, input: str | None = None) -> dict[int, Field | None]:
    """The field of every layer's output in one of the inputs, by node id; None where it is not known.

    Each axis is followed position by position as far as positions differ, as if the image went on
    beyond its borders: a position reads a window of the layer before it, and sees what these positions
    see (Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill
    2019). Where branches join, it sees from the first pixel that one of them sees to the last; what does not
    depend on the input sees nothing of it. An operation whose class overrides `shape` and not `window` leaves
    the field unknown behind it, and so does one whose window has another number of axes than the input.
    A `window` of None sees all of every tensor that flows in.

    Args:
        graph: the network.
        input: the name of the input; by default the first one.

    Raises:
        ArchError: there is no such input.
    """
    inputs = {port.name: port.value.node for port in graph.inputs}
    if input is None:
        input = graph.inputs[0].name
    if input not in inputs:
        raise error("name", f"the network has no input {input}", help=did_you_mean(input, inputs))
    return _Fields(graph, inputs[input]).found


def seen_of_inputs(fields: Mapping[str, Mapping[int, Field | None]], layer: Layer) -> dict[str, Sizes | None]:
    """The sizes of a layer's fields by the names of the inputs; `fields` has those of all layers."""
    return {name: (field := found[layer.id]) and field.size for name, found in fields.items()}


def extent(shape: Shape) -> Sizes:
    """The size of an input as fields count it: positions along each axis, or the features of a vector."""
    return tuple(shape) if isinstance(shape, Vector) else shape.positions


class _Fields:
    """The fields in one input."""

    def __init__(self, graph: Graph, source: int) -> None:
        self.graph = graph
        size = extent(graph.layer(source).shape)
        axes = self.axes = len(size)
        seen = tuple(Axis(((0, length - 1),), 0) for length in size)
        self.whole = Field(size, True, seen, (1,) * axes)
        self.nothing = Field((0,) * axes, False, (Axis((None,), 0),) * axes, (1,) * axes)
        self.found: dict[int, Field | None] = {}
        for layer in graph.layers():
            if layer.id == source:
                # A vector has no positions: whatever reads it reads all of it.
                own = Field((1,) * axes, False, (Axis(),) * axes, size)
                self.found[layer.id] = self.whole if isinstance(layer.shape, Vector) else own
            else:
                self.found[layer.id] = self._through(layer)

    def _through(self, layer: Layer) -> Field | None:
        fields = [self.found[value.node] for value in layer.sources]
        seeing = [field for field in fields if field is not self.nothing]
        if not seeing:
            return self.nothing
        known = [field for field in seeing if field is not None]
        if len(known) < len(seeing) or not window_is_known(layer.operation):
            return None
        inputs = self.graph.input_shapes(layer)
        window = layer.operation.window(*inputs)
        if window is None or self.whole in known:
            return self.whole
        alone = window == _POINTWISE and len(inputs) == 1
        if alone and layer.shape is inputs[0]:
            return known[0]
        grid = self._grid_behind(layer.shape, inputs[fields.index(known[0])], known)
        if grid is None:
            return None
        if alone:
            return known[0]._replace(grid=grid)
        axes = known[0].axes if len(inputs) == 1 else self._joined(fields, inputs)
        if window != _POINTWISE:
            if any(part is not None and len(part) != self.axes for part in window):
                return None
            axes = _read_all(axes, window)
        return Field(tuple([axis.size for axis in axes]), False, axes, grid)

    def _grid_behind(self, shape: Shape, before: Shape, fields: Sequence[Field]) -> Sizes | None:
        """Positions of the output; None where they are laid out otherwise than those of the input.

        `before` is the shape of the tensor with the first of the fields. Tokens, and positions that were laid
        out along another number of axes, count as those that they were made of.
        """
        if isinstance(shape, Vector):
            return (1,) * self.axes
        largest = max([field.grid for field in fields], key=prod)
        if isinstance(shape, Tokens):
            return largest
        grid = shape.positions
        if len(grid) != self.axes:
            return largest if prod(grid) == prod(largest) else None
        if (isinstance(before, Tokens) or len(before.positions) != self.axes) and grid != fields[0].grid:
            return None
        return grid

    def _joined(self, fields: Sequence[Field | None], inputs: Sequence[Shape]) -> tuple[Axis, ...]:
        """What positions see that read the same position of several tensors; one of length 1 is repeated."""
        lengths = [self._lengths(shape) for shape in inputs]
        pairs = zip(fields, lengths, strict=True)
        seeing = [(field, length) for field, length in pairs if field and field is not self.nothing]
        axes = []
        for index, longest in enumerate(map(max, zip(*lengths, strict=True))):
            along = [
                field.axes[index] if length[index] == longest else Axis((field.axes[index].at(0),), 0)
                for field, length in seeing
            ]
            axes.append(_joined(along, max([field.grid[index] for field, _ in seeing])))
        return tuple(axes)

    def _lengths(self, shape: Shape) -> Sizes:
        """Positions along each axis of the field; where a tensor has others than the input, all of them."""
        found = shape.positions
        return found if len(found) == self.axes else (prod(found),) * self.axes


_POINTWISE = Window()


def _read_all(before: Sequence[Axis], window: Window) -> tuple[Axis, ...]:
    """What windows on a tensor see along each axis; axes that are alike are followed once."""
    axes: list[Axis] = []
    for index, axis in enumerate(before):
        same = index and axis == before[index - 1] and _is_square(window, index)
        axes.append(axes[-1] if same else _read(axis, window, index))
    return tuple(axes)


def _is_square(window: Window, axis: int) -> bool:
    """Whether windows are the same along an axis and the one before it."""
    start = window.start
    return (
        window.reads is None
        and window.size[axis] == window.size[axis - 1]
        and window.stride[axis] == window.stride[axis - 1]
        and (start is None or start[axis] == start[axis - 1])
    )


def _read(before: Axis, window: Window, axis: int) -> Axis:
    """What windows on a tensor see."""
    stride, size = window.stride[axis], window.size[axis]
    start = window.start[axis] if window.start else None
    reads = window.reads[axis] if window.reads else _sliding(size, stride, start)

    def seen(position: int) -> Span | None:
        read = reads(position)
        return None if read is None else _union(before, *read)

    turns = len(before.spans) // gcd(stride.numerator, len(before.spans))
    period = stride.denominator * turns
    step = stride.numerator * turns // len(before.spans) * before.step
    if period > _MOST:
        return _sampled(seen, _MOST)
    return Axis(tuple(map(seen, range(period))), step)


def _sliding(size: int, stride: int | Fraction, start: int | None) -> Callable[[int], Span]:
    """Windows of one size; where no start is given they lie around their positions' centres."""

    def reads(position: int) -> Span:
        if start is None:
            first = (2 * position * stride + stride - 1 - size) // 2 + 1
        else:
            first = start + floor(position * stride)
        return first, first + size - 1

    return reads


def _union(before: Axis, first: int, last: int) -> Span | None:
    """From the first pixel to the last that some position of a window sees."""
    # Further positions than one period from an end lie further inside.
    reach = min(last - first, len(before.spans) - 1)
    low = [span[0] for i in range(first, first + reach + 1) if (span := before.at(i))]
    high = [span[1] for i in range(last - reach, last + 1) if (span := before.at(i))]
    return (min(low), max(high)) if low and high else None


def _joined(axes: Sequence[Axis], longest: int) -> Axis:
    """What positions see that read the same position of several tensors, of which there are `longest`."""
    if all(axis == axes[0] for axis in axes):
        return axes[0]

    def seen(position: int) -> Span | None:
        spans = [span for axis in axes if (span := axis.at(position))]
        return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None

    period = lcm(*(len(axis.spans) for axis in axes))
    steps = {axis.step * (period // len(axis.spans)) for axis in axes}
    # Branches that were resampled to one size drift apart: only the positions that there are count.
    if len(steps) > 1 or period > _MOST:
        return _sampled(seen, min(longest, _MOST))
    return Axis(tuple(map(seen, range(period))), steps.pop())


def _sampled(seen: Callable[[int], Span | None], positions: int) -> Axis:
    """The first so many positions; what lies beyond repeats them."""
    spans = tuple(map(seen, range(positions)))
    ends = [span for span in (spans[0], seen(positions)) if span]
    return Axis(spans, ends[-1][0] - ends[0][0] if ends else 0)
