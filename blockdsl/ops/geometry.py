"""Shapes that all families reason about: images, tokens, vectors, and windows that slide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from blockdsl.formatting import listed, shape_text
from blockdsl.ops.core import POINTWISE, Operation, OpError, Reads, Window
from blockdsl.ops.layouts import VALUES, Ids, Image, Shape, Signal, Tokens, Vector, Volume

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
    elif fix and not any(CONVERSIONS[cls].partition("(")[0] in fix for cls in takes if cls in CONVERSIONS):
        fix = f"{fix}; {made}"
    raise OpError(f"{name} takes {words}, not {describe(shape)}", sides=sides, help=fix or made)


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
    wanted = next((cls for cls in takes if cls not in (Vector, Ids)), Vector)
    if wanted not in takes:
        return "ids come from outside: input ids 128"
    return f"{CONVERSIONS[wanted]} before it makes {_WORDS[given][0]} {_ONES[wanted]}"


def brief(size: tuple[int, int] | str) -> int | str | tuple[int, int]:
    """3 for (3, 3), as one writes a kernel or stride by hand."""
    return size[0] if not isinstance(size, str) and size[0] == size[1] else size


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


def slide(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Positions of a window along one axis (floor rule; Dumoulin & Visin 2016, relationship 6)."""
    return (size + 2 * pad - extent(kernel, dilation)) // stride + 1


def slide_ceil(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Positions when the last window may reach over the edge.

    It must still begin inside the input or its left padding: the clip rule of Caffe and PyTorch.
    """
    positions = -((extent(kernel, dilation) - size - 2 * pad) // stride) + 1
    return positions - 1 if (positions - 1) * stride >= size + pad else positions


def fit(name: str, size: tuple[int, int], window: tuple[int, int], pad: tuple[int, int] = (0, 0)) -> None:
    """Refuse a window (its whole extent, dilation counted) that is larger than the padded input."""
    padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
    if window[0] > padded[0] or window[1] > padded[1]:
        around = f" (padded to {shape_text(padded)})" if any(pad) else ""
        raise OpError(
            f"the {shape_text(window)} window of {name} "
            f"is larger than its input of {shape_text(size)}{around}",
            help="make the window smaller, pad more, or shrink the image less before it",
        )


def same_pad(name: str, stride: tuple[int, int]) -> None:
    """Refuse `pad=same` with a stride, as PyTorch does: frameworks disagree on what it would mean."""
    if stride != (1, 1):
        raise OpError(
            f"pad=same of {name} keeps the size, so its stride must be 1, not {shape_text(stride)}",
            argument="pad",
            help="give a number, pad=kernel//2, or an uneven pad: PAD([left,right,top,bottom]) before it",
        )


def step(over: int, by: int) -> int | Fraction:
    """The stride over/by, as an `int` where it is whole."""
    fraction = Fraction(over, by)
    return fraction.numerator if fraction.denominator == 1 else fraction


def dilated_window(operation: Operation, rate: tuple[int, int], stride: tuple[int, int]) -> Operation:
    """A window with a dilation and a pad, over maps whose neighbours lie `rate` positions apart.

    Raises:
        OpError: the window has a stride.
    """
    if stride != (1, 1):
        raise OpError("it has a stride itself")
    changes = {}
    for name in ("dilation", "pad"):
        if (size := getattr(operation, name)) != "same":
            changes[name] = size[0] * rate[0], size[1] * rate[1]
    return replace(operation, **changes)  # type: ignore[type-var]


def pointwise(_: Operation, *inputs: Shape) -> Window:
    """The `window` of an operation whose output positions see the same position of each input."""
    return POINTWISE


def enlarging(factor: tuple[int, int]) -> Window:
    """The window of an operation that makes `factor` positions out of each one."""
    stride = step(1, factor[0]), step(1, factor[1])
    return Window((1, 1), stride, reads=(lambda i: (i // factor[0],) * 2, lambda i: (i // factor[1],) * 2))


def pooled(size: int, windows: int) -> Reads:
    """Adaptive pooling: window i reads floor(i * size / windows) to ceil((i + 1) * size / windows) - 1."""
    return lambda i: (i * size // windows, -(-(i + 1) * size // windows) - 1)


def resampled(size: int, to: int, mode: str, align: bool) -> Reads:
    """Resampling along one axis, as `torch.nn.functional.interpolate` computes it.

    Position i lies at a point c of the input. The nearest mode reads the position at its left, bilinear
    the two around it, bicubic the four; a c that is whole is read alone.
    """
    if mode == "nearest":
        return lambda i: (i * size // to,) * 2
    margin = 0 if mode == "bilinear" else 1

    def read(i: int) -> tuple[int, int]:
        c = (
            Fraction(i * (size - 1), max(to - 1, 1))
            if align
            else Fraction((2 * i + 1) * size, 2 * to) - Fraction(1, 2)
        )
        return (int(c), int(c)) if c.denominator == 1 else (floor(c) - margin, ceil(c) + margin)

    return read
