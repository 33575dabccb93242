"""Rows and columns of an image: padded, cropped, resampled, traded for channels."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated, Any

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_NOTHING, Operation, OpError, Window
from blockdsl.ops.geometry import brief, enlarging, resampled, step
from blockdsl.ops.layouts import Image, Shape
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Edges, Margin, Size, one_of

PadMode = Annotated[str, one_of("constant", "reflect", "replicate", "circular")]
SampleMode = Annotated[str, one_of("nearest", "bilinear", "bicubic")]


_PADS = {"constant": "Zero", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}


@operation("PAD")
class Pad(Operation):
    """Padding: (C, H, W) -> (C, H + top + bottom, W + left + right).

    `pad` is a margin, or the list [left, right, top, bottom]. `value` is what mode=constant fills in.
    """

    takes = (Image,)
    aliases = (
        "zeropad2d",
        "zeropadding2d",
        "constantpad2d",
        "reflectionpad2d",
        "replicationpad2d",
        "circularpad2d",
    )
    saved_for_backward = SAVES_NOTHING

    pad: Edges
    mode: PadMode = "constant"
    value: float = 0.0

    def check(self) -> None:
        if self.value and self.mode != "constant":
            raise OpError(
                f"PAD with mode={self.mode} takes its values from the image",
                argument="value",
                help="leave out the value, or mode=constant",
            )

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        left, right, top, bottom = self.pad
        across, down = max(left, right), max(top, bottom)
        spare = {"reflect": 1, "circular": 0}.get(self.mode)
        if spare is not None and (across > columns - spare or down > rows - spare):
            raise OpError(
                f"PAD with mode={self.mode} cannot take {shape_text((down, across))} from {rows}x{columns}",
                argument="pad",
                help=f"{shape_text((rows - spare, columns - spare))} at most, or mode=replicate",
            )
        return Image(c, rows + top + bottom, columns + left + right)

    def window(self, *inputs: Shape) -> Window:
        """One position; what lies beyond the edge counts as outside of the image, whatever fills it."""
        left, _, top, _ = self.pad
        return Window(start=(-top, -left))

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if self.mode == "constant" and self.value:
            return ModuleSpec("torch.nn:ConstantPad2d", padding=self.pad, value=self.value)
        return ModuleSpec(f"torch.nn:{_PADS[self.mode]}Pad2d", padding=self.pad)


@operation("CROP")
class Crop(Operation):
    """A part of the image: (C, H, W) -> (C, rows, columns).

    From the middle (U-Net; an odd rest leaves one more after than before), or with its first row and
    column at `at`.
    """

    takes = (Image,)
    aliases = ("centercrop", "cropping2d")
    depends_on_size = "its place depends on the size of the image"
    saved_for_backward = SAVES_NOTHING

    size: Size
    at: Margin | None = None

    def start(self, *inputs: Shape) -> tuple[int, int]:
        """The first row and column that stay."""
        _, rows, columns = inputs[0]
        return self.at or ((rows - self.size[0]) // 2, (columns - self.size[1]) // 2)

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        top, left = self.at or (0, 0)
        if top + self.size[0] > rows or left + self.size[1] > columns:
            where = f" at {shape_text(self.at)}" if self.at else ""
            raise OpError(
                f"CROP cannot cut {shape_text(self.size)}{where} out of {rows}x{columns}",
                argument="size",
                help=f"{max(rows - top, 0)}x{max(columns - left, 0)} at most",
            )
        return Image(c, *self.size)

    def window(self, *inputs: Shape) -> Window:
        return Window(start=self.start(*inputs))

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.shape:Crop", start=self.start(*inputs), size=self.size)


class _Resampling(Operation):
    takes = (Image,)
    mode: SampleMode
    align: bool

    def _settings(self) -> dict[str, Any]:
        """The arguments that the specs share."""
        return {"mode": self.mode, "align_corners": None if self.mode == "nearest" else self.align}

    def check(self) -> None:
        if self.align and self.mode == "nearest":
            raise OpError(
                f"{self.name} with mode=nearest has no corners to align",
                argument="align",
                help="leave out align, or mode=bilinear",
            )

    def window(self, *inputs: Shape) -> Window:
        side = {"nearest": 1, "bilinear": 2, "bicubic": 4}[self.mode]
        (_, *old), (_, *new) = inputs[0], self.shape(*inputs)
        if not self.align:
            strides = step(old[0], new[0]), step(old[1], new[1])
        else:
            old_gaps, new_gaps = ([max(n - 1, 1) for n in size] for size in (old, new))
            strides = step(old_gaps[0], new_gaps[0]), step(old_gaps[1], new_gaps[1])
        reads = tuple(resampled(old[i], new[i], self.mode, self.align) for i in (0, 1))
        return Window((side, side), strides, reads=(reads[0], reads[1]))


@operation("UPSAMPLE")
class Upsample(_Resampling):
    """Enlarges without weights: (C, H, W) -> (C, H * factor, W * factor).

    `align=yes` lays the corner pixels' centres upon each other (PyTorch's align_corners).
    """

    word = "upsample"
    aliases = ("upsampling", "upsampling2d", "upsamplingnearest2d", "upsamplingbilinear2d")
    saved_for_backward = SAVES_NOTHING

    factor: Size
    mode: SampleMode = "nearest"
    align: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        return Image(c, rows * self.factor[0], columns * self.factor[1])

    window = _Resampling.window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Upsample", size=None, scale_factor=brief(self.factor), **self._settings())


@operation("RESIZE")
class Resize(_Resampling):
    """Resamples to a size: (C, H, W) -> (C, rows, columns), smaller or larger, without antialiasing.

    Brings the levels of a pyramid together (PSPNet, HRNet). `align` as for UPSAMPLE.
    """

    aliases = ("interpolate", "resizing")
    depends_on_size = "its size is fixed"
    saved_for_backward = SAVES_NOTHING

    size: Size
    mode: SampleMode = "nearest"
    align: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        return Image(inputs[0].channels, *self.size)

    window = _Resampling.window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Upsample", size=self.size, scale_factor=None, **self._settings())


@operation("SPACETODEPTH")
class SpaceToDepth(Operation):
    """Blocks of positions become channels: (C, H, W) -> (C * block^2, H / block, W / block).

    As `torch.nn.PixelUnshuffle`.
    """

    takes = (Image,)
    aliases = ("pixelunshuffle",)
    saved_for_backward = SAVES_NOTHING

    block: Count

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        if rows % self.block or columns % self.block:
            raise OpError(
                f"SPACETODEPTH cannot cut {rows}x{columns} into blocks of {self.block}x{self.block}",
                argument="block",
                help="PAD or CROP before it, or another block",
            )
        return Image(c * self.block**2, rows // self.block, columns // self.block)

    def window(self, *inputs: Shape) -> Window:
        return Window((self.block, self.block), (self.block, self.block), (0, 0))

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:PixelUnshuffle", downscale_factor=self.block)


@operation("DEPTHTOSPACE")
class DepthToSpace(Operation):
    """Channels become blocks of positions: (C, H, W) -> (C / block^2, H * block, W * block).

    The sub-pixel convolution's shuffle (Shi et al. 2016), `torch.nn.PixelShuffle`.
    """

    takes = (Image,)
    aliases = ("pixelshuffle",)
    saved_for_backward = SAVES_NOTHING

    block: Count

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        if c % self.block**2:
            raise OpError(
                f"DEPTHTOSPACE cannot spread {c} channels over blocks of {self.block}x{self.block}",
                argument="block",
                help=f"a CONV before it that makes a multiple of {self.block**2} channels",
            )
        return Image(c // self.block**2, rows * self.block, columns * self.block)

    def window(self, *inputs: Shape) -> Window:
        return enlarging((self.block, self.block))

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:PixelShuffle", upscale_factor=self.block)
