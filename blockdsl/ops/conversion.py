"""Conversions between layouts: channels and features stay what they are, positions are laid out anew."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from math import isqrt, prod
from typing import ClassVar

from blockdsl.formatting import shape_text
from blockdsl.ops.core import POINTWISE, SAVES_NOTHING, Operation, OpError, Window
from blockdsl.ops.geometry import LEAVE_OUT, describe
from blockdsl.ops.layouts import Image, Shape, Signal, Sizes, Tokens, Vector, Volume
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Grid, Size


class _Conversion(Operation):
    """What they share: channels at positions row by row, of a vector as FLATTEN makes it of the layout."""

    saved_for_backward = SAVES_NOTHING
    argument: ClassVar[str] = ""
    """The argument that says where the positions lie."""

    def laid_out(self, shape: Shape) -> Sizes:
        """The positions that it makes: those that are there, in one line, where no argument says others."""
        size: Sizes | int | None = getattr(self, self.argument)
        if isinstance(size, int):
            return (size,)
        return size or (prod(shape.positions),)

    def channels(self, shape: Shape) -> int:
        """Channels at each position (raises `OpError`: the positions do not come out)."""
        size, have = self.laid_out(shape), prod(shape.positions)
        if isinstance(shape, Vector):
            if shape[0] % prod(size):
                raise OpError(
                    f"{self.name} cannot lay {describe(shape)} out as {shape_text(size)}",
                    argument=self.argument,
                    help=f"{shape[0]} is no multiple of {prod(size)}: each position has as many channels",
                )
            return shape[0] // prod(size)
        if prod(size) != have:
            what = f"{have} tokens" if isinstance(shape, Tokens) else describe(shape)
            raise OpError(
                f"{self.name} cannot lay {what} out as {shape_text(size)}",
                argument=self.argument,
                help=_other_size(shape, size),
            )
        return shape.channels

    def reshaped(self, *inputs: Shape) -> ModuleSpec:
        """The module where channels come first before and after."""
        return ModuleSpec("blockdsl.layers.shape:Reshape", shape=tuple(self.shape(*inputs)))


def _window(conversion: _Conversion, *inputs: Shape) -> Window | None:
    """Pointwise where there are positions; of which of them a vector was flattened is not known."""
    laid = isinstance(inputs[0], Vector) and prod(conversion.laid_out(inputs[0])) > 1
    return None if laid else POINTWISE


def _other_size(shape: Shape, size: Sizes) -> str:
    have = prod(shape.positions)
    axes = {1: "length", 2: "rows x columns", 3: "slices x rows x columns"}[len(size)]
    if isinstance(shape, Tokens) and have - 1 == prod(size) > 0:
        return f"TRANSPOSE-SLICE(2,{have - 1})-TRANSPOSE before it takes a class token off"
    side = isqrt(have)
    square = f": {side}x{side}, for example" if len(size) == 2 and side * side == have else ""
    return f"{axes} must be {have}{square}"


@operation("TOKENS", view=True)
class ToTokens(_Conversion):
    """Positions as tokens, row by row: an image (C, H, W) -> (H * W, C) (ViT, Dosovitskiy et al. 2021).

    A signal (C, L) -> (L, C), a volume (C, D, H, W) -> (D * H * W, C). A vector is one token, or `length`
    of them: (F,) -> (length, F / length).
    """

    word = "to tokens"
    takes = (Signal, Image, Volume, Vector)
    takes_help = {Tokens: f"these are tokens already: {LEAVE_OUT}"}
    argument = "length"

    length: Count | None = None

    def shape(self, *inputs: Shape) -> Shape:
        channels = self.channels(inputs[0])
        return Tokens(*self.laid_out(inputs[0]), channels)

    window = _window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Vector):
            return self.reshaped(*inputs)
        if isinstance(inputs[0], Signal):
            return ModuleSpec("blockdsl.layers.sequence:Transpose", "{0}.transpose(1, 2)")
        return ModuleSpec("blockdsl.layers.sequence:Tokens", "{0}.flatten(2).transpose(1, 2)")


@operation("SIGNAL", view=True)
class ToSignal(_Conversion):
    """Positions in one line, row by row: tokens (L, D) -> (D, L), an image (C, H, W) -> (C, H * W).

    A volume (C, D, H, W) -> (C, D * H * W). A vector has one position, or `length` of them:
    (F,) -> (F / length, length).
    """

    word = "to signal"
    takes = (Tokens, Image, Volume, Vector)
    takes_help = {Signal: f"this is a signal already: {LEAVE_OUT}"}
    argument = "length"

    length: Count | None = None

    def shape(self, *inputs: Shape) -> Shape:
        return Signal(self.channels(inputs[0]), *self.laid_out(inputs[0]))

    window = _window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Vector):
            return self.reshaped(*inputs)
        if isinstance(inputs[0], Tokens):
            return ModuleSpec("blockdsl.layers.sequence:Transpose", "{0}.transpose(1, 2)")
        return ModuleSpec("torch.nn:Flatten", "torch.flatten({0}, {start_dim})", start_dim=2)


@operation("IMAGE", view=True)
class ToImage(_Conversion):
    """Positions in rows: tokens (rows * columns, D) -> (D, rows, columns), signals and volumes likewise.

    A vector is what FLATTEN makes of an image: (F,) -> (F / (rows * columns), rows, columns).
    """

    word = "to image, {size}"
    takes = (Tokens, Signal, Volume, Vector)
    takes_help = {Image: f"this is an image already: {LEAVE_OUT}, or TOKENS before it to lay it out anew"}
    argument = "size"
    depends_on_size = "it makes an image of a fixed size"

    size: Size

    def shape(self, *inputs: Shape) -> Shape:
        return Image(self.channels(inputs[0]), *self.size)

    window = _window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Tokens):
            return ModuleSpec("blockdsl.layers.sequence:Image", size=self.size)
        return self.reshaped(*inputs)


@operation("VOLUME", view=True)
class ToVolume(_Conversion):
    """Positions in slices of rows: an image (C, H, W) -> (C, slices, rows, columns), as many in all.

    Signals and tokens likewise. A vector is what FLATTEN makes of a volume:
    (F,) -> (F / (slices * rows * columns), slices, rows, columns).
    """

    word = "to volume, {size}"
    takes = (Tokens, Signal, Image, Vector)
    takes_help = {Volume: f"this is a volume already: {LEAVE_OUT}, or TOKENS before it to lay it out anew"}
    argument = "size"
    depends_on_size = "it makes a volume of a fixed size"

    size: Grid

    def shape(self, *inputs: Shape) -> Shape:
        return Volume(self.channels(inputs[0]), *self.size)

    window = _window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Tokens):
            return ModuleSpec("blockdsl.layers.sequence:Volume", size=self.size)
        return self.reshaped(*inputs)
