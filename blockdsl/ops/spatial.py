"""Positions: padded, cropped, resampled; those of an image traded for channels."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from operator import mul
from typing import Annotated, Any

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_NOTHING, Operation, OpError, Reads, Window
from blockdsl.ops.geometry import along, brief, enlarging, pads_along, resampled, step
from blockdsl.ops.layouts import GRIDS, Image, Shape, Signal, Sizes, Volume
from blockdsl.ops.registry import operation
from blockdsl.ops.sliding import for_torch
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Edges, Margin, Size, one_of

PadMode = Annotated[str, one_of("constant", "reflect", "replicate", "circular")]
SampleMode = Annotated[str, one_of("nearest", "linear", "bilinear", "trilinear", "bicubic")]


_PADS = {"constant": "Zero", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}


@operation("PAD")
class Pad(Operation):
    """Padding: (C, H, W) -> (C, H + top + bottom, W + left + right).

    `pad` is one number, one for each axis, or twice as many: (top, bottom, left, right) of an image, (before,
    after) of a signal, as for CONV. `value` is what mode=constant fills in.
    """

    takes = GRIDS
    aliases = ("zeropad", "zeropadding", "constantpad", "reflectionpad", "replicationpad", "circularpad")
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
        (shape,) = inputs
        c, *size = shape
        pads = pads_along(self, shape)
        spare = {"reflect": 1, "circular": 0}.get(self.mode)
        if spare is not None and any(max(pad) > n - spare for pad, n in zip(pads, size, strict=True)):
            raise OpError(
                f"PAD with mode={self.mode} cannot take {shape_text(tuple(map(max, pads)))} "
                f"from {shape_text(size)}",
                argument="pad",
                help=f"{shape_text([n - spare for n in size])} at most, or mode=replicate",
            )
        return type(shape)(c, *(n + sum(pad) for n, pad in zip(size, pads, strict=True)))

    def window(self, *inputs: Shape) -> Window:
        """One position; what lies beyond the edge counts as outside of the image, whatever fills it."""
        start = tuple(-before for before, _ in pads_along(self, inputs[0]))
        return Window((1,) * len(start), (1,) * len(start), start)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        pads = pads_along(self, inputs[0])
        kind, values = _PADS[self.mode], {}
        if self.mode == "constant" and self.value:
            kind, values = "Constant", {"value": self.value}
        return ModuleSpec(f"torch.nn:{kind}Pad{len(pads)}d", padding=for_torch(pads), **values)


@operation("CROP")
class Crop(Operation):
    """A part of the image: (C, H, W) -> (C, rows, columns); of a signal or a volume along its axes.

    From the middle (U-Net; an odd rest leaves one more after than before), or with its first row and
    column at `at`.
    """

    takes = GRIDS
    aliases = ("centercrop", "cropping")
    depends_on_size = "its place depends on the size of the image"
    saved_for_backward = SAVES_NOTHING

    size: Size
    at: Margin | None = None

    def start(self, *inputs: Shape) -> Sizes:
        """The first position that stays, along each axis."""
        (shape,) = inputs
        if self.at:
            return along(self, "at", shape)
        return tuple((n - to) // 2 for n, to in zip(shape[1:], along(self, "size", shape), strict=True))

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        size, given = along(self, "size", shape), shape[1:]
        at = along(self, "at", shape) if self.at else (0,) * len(given)
        if any(first + to > n for first, to, n in zip(at, size, given, strict=True)):
            where = f" at {shape_text(at)}" if self.at else ""
            raise OpError(
                f"CROP cannot cut {shape_text(size)}{where} out of {shape_text(given)}",
                argument="size",
                help=f"{shape_text([max(n - first, 0) for first, n in zip(at, given, strict=True)])} at most",
            )
        return type(shape)(shape.channels, *size)

    def window(self, *inputs: Shape) -> Window:
        start = self.start(*inputs)
        return Window((1,) * len(start), (1,) * len(start), start)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        size = along(self, "size", inputs[0])
        kind = "Crop" if isinstance(inputs[0], Image) else "CropAxes"
        return ModuleSpec(f"blockdsl.layers.shape:{kind}", start=self.start(*inputs), size=size)


_LINEAR: dict[type[Shape], str] = {Signal: "linear", Image: "bilinear", Volume: "trilinear"}
"""What PyTorch calls linear interpolation along all axes of a layout."""


class _Resampling(Operation):
    takes = GRIDS
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

    def _check_mode(self, shape: Shape) -> None:
        fitting = _LINEAR[type(shape)]
        if self.mode in ("nearest", fitting) or (self.mode == "bicubic" and isinstance(shape, Image)):
            return
        raise OpError(
            f"{self.name} with mode={self.mode} does not take a {shape.layout}",
            argument="mode",
            help=f"mode={fitting}, or mode=nearest",
        )

    def window(self, *inputs: Shape) -> Window:
        side = {"nearest": 1, "bicubic": 4}.get(self.mode, 2)
        strides: list[Any] = []
        reads: list[Reads] = []
        for old, new in zip(inputs[0][1:], self.shape(*inputs)[1:], strict=True):
            strides.append(step(max(old - 1, 1), max(new - 1, 1)) if self.align else step(old, new))
            reads.append(resampled(old, new, self.mode, self.align))
        return Window((side,) * len(reads), tuple(strides), reads=tuple(reads))


@operation("UPSAMPLE")
class Upsample(_Resampling):
    """Enlarges without weights: (C, H, W) -> (C, H * factor, W * factor).

    Of a signal or a volume along its axes. `mode` is `nearest`; `linear` of signals, `bilinear` or `bicubic`
    of images, `trilinear` of volumes. `align=yes` lays the corner pixels' centres upon each other (PyTorch's
    align_corners).
    """

    word = "upsample"
    aliases = ("upsampling", "upsamplingnearest", "upsamplingbilinear")
    saved_for_backward = SAVES_NOTHING

    factor: Size
    mode: SampleMode = "nearest"
    align: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        self._check_mode(shape)
        c, *size = shape
        return type(shape)(c, *map(mul, size, along(self, "factor", shape)))

    window = _Resampling.window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        factor = brief(along(self, "factor", inputs[0]))
        return ModuleSpec("torch.nn:Upsample", size=None, scale_factor=factor, **self._settings())


@operation("RESIZE")
class Resize(_Resampling):
    """Resamples to a size: (C, H, W) -> (C, rows, columns), smaller or larger, without antialiasing.

    Of a signal or a volume along its axes. Brings the levels of a pyramid together (PSPNet, HRNet). `mode`
    and `align` as for UPSAMPLE.
    """

    aliases = ("interpolate", "resizing")
    depends_on_size = "its size is fixed"
    saved_for_backward = SAVES_NOTHING

    size: Size
    mode: SampleMode = "nearest"
    align: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        self._check_mode(inputs[0])
        return type(inputs[0])(inputs[0].channels, *along(self, "size", inputs[0]))

    window = _Resampling.window

    def spec(self, *inputs: Shape) -> ModuleSpec:
        size = along(self, "size", inputs[0])
        return ModuleSpec("torch.nn:Upsample", size=size, scale_factor=None, **self._settings())


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
