"""Receptive fields: how much of the input one position of a tensor sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import floor, gcd, lcm
from typing import NamedTuple

from blockdsl.ir import Graph, Layer
from blockdsl.ops import Shape, Window
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
    """The receptive field of a tensor's positions, in pixels of the input.

    Attributes:
        size: rows and columns. Padding is no limit: it may exceed the input.
        whole: whether every position sees the whole input; `size` is that of the input then.
        rows, columns: what each position sees along the two axes.
        grid: positions along the two axes, also where they are counted as tokens.
    """

    size: tuple[int, int]
    whole: bool
    rows: Axis
    columns: Axis
    grid: tuple[int, int]


def receptive_fields(graph: Graph) -> dict[int, Field | None]:
    """The field of every layer's output, by node id; None where it is not known.

    Each axis is followed position by position as far as positions differ, as if the image went on
    beyond its borders: a position reads a window of the layer before it, and sees what these positions
    see (Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill
    2019). Where branches join, it sees from the first pixel that one of them sees to the last. An
    operation whose class overrides `shape` and not `window` leaves the field unknown behind it.
    """
    fields: dict[int, Field | None] = {}
    for layer in graph.layers():
        if layer.inputs:
            fields[layer.id] = _through(graph, layer, [fields[value.node] for value in layer.inputs])
        elif len(layer.shape) == 1:  # a vector has no positions: whatever reads it reads all of it
            fields[layer.id] = _whole(graph, layer)
        else:
            fields[layer.id] = Field((1, 1), False, Axis(), Axis(), positions(layer.shape))
    return fields


def input_extent(shape: Shape) -> tuple[int, int]:
    """What a field that sees the whole input has for `size`: rows and columns, tokens, or features."""
    return (shape[0], 1) if len(shape) < 3 else (shape[1], shape[2])


def positions(shape: Shape) -> tuple[int, int]:
    """Positions of a tensor along the two axes; tokens are rows of one column, a vector is one position."""
    return (1, 1) if len(shape) == 1 else input_extent(shape)


def _whole(graph: Graph, layer: Layer) -> Field:
    return Field(
        input_extent(graph.shape_of(graph.inputs[0].value)), True, Axis(), Axis(), positions(layer.shape)
    )


def _through(graph: Graph, layer: Layer, inputs: Sequence[Field | None]) -> Field | None:
    known = [field for field in inputs if field is not None]
    if len(known) < len(inputs) or not window_is_known(layer.operation):
        return None
    window = layer.operation.window(*graph.input_shapes(layer))
    if window is None or any(field.whole for field in known):
        return _whole(graph, layer)
    size = _grid_behind(layer, known)
    if size is None:
        return None
    if window == _POINTWISE and len(known) == 1:
        return known[0]._replace(grid=size)
    rows = _joined([field.rows for field in known], [field.grid[0] for field in known])
    columns = _joined([field.columns for field in known], [field.grid[1] for field in known])
    if window != _POINTWISE:
        before, rows = rows, _read(rows, window, 0)
        columns = rows if columns == before and _is_square(window) else _read(columns, window, 1)
    return Field((rows.size, columns.size), False, rows, columns, size)


_POINTWISE = Window()


def _grid_behind(layer: Layer, inputs: Sequence[Field]) -> tuple[int, int] | None:
    """Positions of the output; None where tokens are laid out as another image than they came from."""
    if len(layer.shape) == 3:
        laid_out = layer.operation.name == "IMAGE" and positions(layer.shape) != inputs[0].grid
        return None if laid_out else positions(layer.shape)
    if len(layer.shape) == 2:
        return inputs[0].grid
    return 1, 1


def _is_square(window: Window) -> bool:
    """Whether windows are the same along both axes, so that one axis tells both."""
    start = window.start
    return (
        window.reads is None
        and window.size[0] == window.size[1]
        and window.stride[0] == window.stride[1]
        and (start is None or start[0] == start[1])
    )


def _read(before: Axis, window: Window, axis: int) -> Axis:
    """What windows on a tensor see."""
    stride, size = window.stride[axis], window.size[axis]
    reads = (
        window.reads[axis] if window.reads else _sliding(size, stride, window.start and window.start[axis])
    )

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


def _joined(axes: Sequence[Axis], lengths: Sequence[int]) -> Axis:
    """What positions see that read the same position of several tensors; one of length 1 is repeated."""
    if all(axis == axes[0] for axis in axes) and len(set(lengths)) == 1:
        return axes[0]
    longest = max(lengths)
    known = [
        Axis((axis.at(0),), 0) if length < longest else axis
        for axis, length in zip(axes, lengths, strict=True)
    ]

    def seen(position: int) -> Span | None:
        spans = [span for axis in known if (span := axis.at(position))]
        return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None

    period = lcm(*(len(axis.spans) for axis in known))
    steps = {axis.step * (period // len(axis.spans)) for axis in known}
    # Branches that were resampled to one size drift apart: only the positions that there are count.
    if len(steps) > 1 or period > _MOST:
        return _sampled(seen, min(longest, _MOST))
    return Axis(tuple(map(seen, range(period))), steps.pop())


def _sampled(seen: Callable[[int], Span | None], positions: int) -> Axis:
    """The first so many positions; what lies beyond repeats them."""
    spans = tuple(map(seen, range(positions)))
    ends = [span for span in (spans[0], seen(positions)) if span]
    return Axis(spans, ends[-1][0] - ends[0][0] if ends else 0)
