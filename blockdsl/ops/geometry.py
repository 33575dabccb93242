"""Shapes that all families reason about: images, tokens, vectors, and windows that slide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any

from blockdsl.formatting import listed, shape_text
from blockdsl.ops.core import POINTWISE, Operation, OpError, Reads, Window
from blockdsl.ops.layouts import GRIDS, VALUES, Ids, Image, Shape, Signal, Sizes, Tokens, Vector, Volume
from blockdsl.ops.tie import tie_of
from blockdsl.ops.values import Uniform

_NEARBY = 1000
"""How far from a wrong number of groups a right one is looked for."""

_WORDS = {
    Vector: ("a vector", "a vector of features"),
    Tokens: ("tokens", "a sequence of tokens x features"),
    Signal: ("a signal", "a signal of channels x positions"),
    Image: ("an image", "an image of channels x rows x columns"),
    Volume: ("a volume", "a volume of channels x slices x rows x columns"),
    Ids: ("ids", "ids"),
}
"""What messages call a layout: in a list, and alone."""


def describe(shape: Shape) -> str:
    """`an image of 64x56x56`, `a vector of 84 features`, `a sequence of 197x768`."""
    match shape:
        case Vector():
            return f"a vector of {shape[0]} features"
        case Tokens():
            return f"a sequence of {shape_text(shape)}"
        case Ids():
            return f"{shape[0]} ids"
    return f"{_WORDS[type(shape)][0]} of {shape_text(shape, word=False)}"


LEAVE_OUT = "leave it out"
"""Ends what is said of an operation that the input does not need."""


def check_layout(
    name: str,
    takes: tuple[type[Shape], ...],
    shape: Shape,
    help: Mapping[type[Shape], str] | None = None,
    sides: tuple[int, ...] | None = None,
) -> None:
    """Refuse an input of a layout that an operation does not take.

    Args:
        name: what the operation is called.
        takes: the layouts that it takes.
        shape: the input.
        help: what to write instead, by layouts that it does not take.
        sides: which input it is, where there are several.

    Raises:
        OpError: the layout is another one.
    """
    given = type(shape)
    if given in takes:
        return
    if takes == VALUES:
        words = "values"
    elif len(takes) == 1:
        words = _WORDS[takes[0]][1]
    else:
        words = listed([_WORDS[cls][0] for cls in takes], "or")
    fix, made = (help or {}).get(given), conversion(takes, given)
    if given is Vector:  # it has lost its positions: laying it out is seldom what was meant
        fix = fix or f"put it before FLATTEN and FC, or {made}"
    elif fix and not any(words in fix for words in (LEAVE_OUT, *_made_by(takes))):
        fix = f"{fix}; {made}"
    raise OpError(f"{name} takes {words}, not {describe(shape)}", sides=sides, help=fix or made)


def _made_by(layouts: Iterable[type[Shape]]) -> Iterator[str]:
    """The operations that make these layouts of others."""
    return (CONVERSIONS[cls].partition("(")[0] for cls in layouts if cls in CONVERSIONS)


CONVERSIONS: Mapping[type[Shape], str] = {
    Vector: "FLATTEN",
    Tokens: "TOKENS",
    Signal: "SIGNAL",
    Image: "IMAGE(rows x columns)",
    Volume: "VOLUME(slices x rows x columns)",
}
"""What makes a layout of the others."""

_ONES = {
    Vector: "a vector", Tokens: "a sequence", Signal: "a signal", Image: "an image", Volume: "a volume",
}  # fmt: skip


def conversion(takes: Sequence[type[Shape]], given: type[Shape]) -> str:
    """What makes one of the layouts that are taken of the one that came."""
    if given is Ids:
        return "EMBED(entries,features) before it makes tokens of ids"
    others = [cls for cls in takes if cls not in (Vector, Ids)]
    wanted = Image if Image in others else (others or [Vector])[0]
    if wanted not in takes:
        return "ids come from outside: input ids 128"
    return f"{CONVERSIONS[wanted]} before it makes {_WORDS[given][0]} {_ONES[wanted]}"


def brief(size: Sizes | str) -> int | str | Sizes:
    """3 for (3, 3), as one writes a kernel or stride by hand."""
    return size[0] if not isinstance(size, str) and len(set(size)) == 1 else size


_AXES: dict[int, tuple[type[Shape], str, str]] = {
    1: (Signal, "one number", "two are (before, after)"),
    2: (Image, "rows x columns", "four are (top, bottom, left, right)"),
    3: (Volume, "slices x rows x columns", "six are before and after along each axis"),
}
"""By the number of axes: the layout, what a size of one number each is called, and one of two each."""


def along(operation: Operation, argument: str, shape: Shape) -> Sizes:
    """A size of an operation, one number for each axis of its input's positions.

    Raises:
        OpError: the size has another number of axes.
    """
    value: Sizes = getattr(operation, argument)
    axes = len(shape) - 1
    if isinstance(value, Uniform):
        return value.along(axes)
    if len(value) != axes:
        raise _wrong_axes(operation, argument, value, axes)
    return value


def spelled(operation: Operation, shape: Shape) -> dict[str, Any]:
    """The values of the arguments: a number for all axes along those of an output, a tie by its name."""
    axes = len(shape) - 1 if isinstance(shape, GRIDS) else 2
    values = {name: getattr(operation, name) for name in operation.arguments}
    if (tie := tie_of(operation)) is not None:
        values["tie"] = str(tie)
    return {name: v.along(axes) if isinstance(v, Uniform) else v for name, v in values.items()}


Pads = tuple[tuple[int, int], ...]
"""Along each axis, how many positions are added before and after."""


def pads_along(operation: Operation, shape: Shape) -> Pads:
    """The numbers of a `pad` that is not `same`, for each axis before and after (raises `OpError`)."""
    value: Sizes = operation.pad  # type: ignore[attr-defined]
    axes = len(shape) - 1
    if isinstance(value, Uniform):
        return ((value[0], value[0]),) * axes
    if len(value) == 2 * axes:
        return tuple(zip(value[::2], value[1::2], strict=True))
    if len(value) != axes:
        raise _wrong_axes(operation, "pad", value, axes, each="pad")
    return tuple((n, n) for n in value)


def same_pads(size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Pads:
    """TensorFlow's SAME: the pads that make ceil(size / stride) positions; an odd one goes after."""
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + extent(k, d) - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def _wrong_axes(operation: Operation, argument: str, value: Sizes, axes: int, each: str = "") -> OpError:
    layout, words, edges = _AXES[axes]
    fitting = value[-axes:] if len(value) > axes else value[:1] * (axes - len(value)) + value
    number = str(max(value))
    fix = f"write {words}, {argument}={shape_text(fitting)}, or one number for all axes: {argument}={number}"
    if axes == 1:
        fix = f"write one number: {argument}={number}"
    if each:
        fix += f"; {edges}"
    return OpError(
        f"{argument}={shape_text(value)} of {operation.name} has {len(value)} numbers, but "
        f"{_WORDS[layout][0]} has {axes} {'axis' if axes == 1 else 'axes'} of positions",
        argument=argument,
        help=fix,
    )


def divided(name: str, shape: Shape, into: int, argument: str, what: str = "groups") -> int:
    """Channels in each of so many equal groups, or an `OpError` when they do not come out even."""
    total = shape.channels
    if total % into:
        near = range(max(1, into - _NEARBY), min(into + _NEARBY, total) + 1)
        divisors = [n for n in near if total % n == 0] or [1]
        closest = min(divisors, key=lambda n: abs(n - into))
        raise OpError(
            f"{name} cannot divide {total} channels into {into} {what}",
            argument=argument,
            help=f"{total} = {closest} x {total // closest}: {argument}={closest} would do",
        )
    return total // into


def extent(kernel: int, dilation: int) -> int:
    """How far a dilated kernel reaches (Yu & Koltun 2016)."""
    return dilation * (kernel - 1) + 1


def slide(size: int, reach: int, stride: int, pad: int) -> int:
    """Positions of a window along one axis (floor rule; Dumoulin & Visin 2016, relationship 6).

    `reach` is its extent, dilation counted, `pad` what is added on both sides together.
    """
    return (size + pad - reach) // stride + 1


def slide_ceil(size: int, reach: int, stride: int, pad: int) -> int:
    """Positions when the last window may reach over the edge; `pad` is the same on both sides.

    It must still begin inside the input or its left padding: the clip rule of Caffe and PyTorch.
    """
    positions = -((reach - size - pad) // stride) + 1
    return positions - 1 if (positions - 1) * stride >= size + pad // 2 else positions


def fit(name: str, size: Sizes, window: Sizes, pads: Pads) -> None:
    """Refuse a window (its whole extent, dilation counted) that is larger than the padded input."""
    padded = tuple(n + before + after for n, (before, after) in zip(size, pads, strict=True))
    if any(reach > room for reach, room in zip(window, padded, strict=True)):
        around = f" (padded to {shape_text(padded)})" if padded != tuple(size) else ""
        wide = "-wide" if len(window) == 1 else ""
        raise OpError(
            f"the {shape_text(window)}{wide} window of {name} "
            f"is larger than its input of {shape_text(size)}{around}",
            help="make the window smaller, pad more, or shrink the image less before it",
        )


def step(over: int, by: int) -> int | Fraction:
    """The stride over/by, as an `int` where it is whole."""
    fraction = Fraction(over, by)
    return fraction.numerator if fraction.denominator == 1 else fraction


def pointwise(_: Operation, *inputs: Shape) -> Window:
    """The `window` of an operation whose output positions see the same position of each input."""
    return POINTWISE


def enlarging(factor: Sizes) -> Window:
    """The window of an operation that makes `factor` positions out of each one."""
    return Window(
        (1,) * len(factor), tuple(step(1, by) for by in factor), reads=tuple(map(_repeated, factor))
    )


def _repeated(by: int) -> Reads:
    return lambda i: (i // by,) * 2


def pooled(size: int, windows: int) -> Reads:
    """Adaptive pooling: window i reads floor(i * size / windows) to ceil((i + 1) * size / windows) - 1."""
    return lambda i: (i * size // windows, -(-(i + 1) * size // windows) - 1)


def resampled(size: int, to: int, mode: str, align: bool) -> Reads:
    """Resampling along one axis, as `torch.nn.functional.interpolate` computes it.

    Position i lies at a point c of the input. The nearest mode reads the position at its left, the linear
    ones (bilinear of images, trilinear of volumes) the two around it, bicubic the four; a c that is whole is
    read alone.
    """
    if mode == "nearest":
        return lambda i: (i * size // to,) * 2
    margin = 1 if mode == "bicubic" else 0

    def read(i: int) -> tuple[int, int]:
        c = (
            Fraction(i * (size - 1), max(to - 1, 1))
            if align
            else Fraction((2 * i + 1) * size, 2 * to) - Fraction(1, 2)
        )
        return (int(c), int(c)) if c.denominator == 1 else (floor(c) - margin, ceil(c) + margin)

    return read
