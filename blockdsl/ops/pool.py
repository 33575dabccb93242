"""Pooling: by windows, over everything, to a fixed size; LeNet-5's trainable subsampling."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_INPUT, SAVES_NOTHING, Operation, OpError, Saved, Window
from blockdsl.ops.geometry import (
    brief,
    dilated_window,
    extent,
    fit,
    pointwise,
    pooled,
    slide,
    slide_ceil,
    step,
)
from blockdsl.ops.layouts import Image, Shape, Sizes, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Margin, Positive, Size


class _Pooling(Operation):
    """What the pools share: a window that slides, by its own size unless a stride is given."""

    takes = (Image,)
    takes_one: ClassVar[bool] = False
    """Whether a window of one position yields what stands there."""
    kernel: Size
    stride: Size | None
    ceil: bool

    @property
    def step(self) -> Size:
        """The stride, which is the kernel when none is given."""
        return self.stride or self.kernel

    def _frame(self) -> tuple[Size, Margin]:
        """Dilation and pad, for the pools that have them."""
        return getattr(self, "dilation", (1, 1)), getattr(self, "pad", (0, 0))

    def is_identity(self, *inputs: Shape) -> bool:
        return self.takes_one and self.kernel == self.step == (1, 1) and self._frame()[1] == (0, 0)

    def _settings(self) -> dict[str, Any]:
        """The arguments that the specs of PyTorch's pools share; it steps by the kernel unless told."""
        stride = None if self.step == self.kernel else brief(self.step)
        return {"kernel_size": brief(self.kernel), "stride": stride, "ceil_mode": self.ceil}

    def check(self) -> None:
        _, pad = self._frame()
        most = self.kernel[0] // 2, self.kernel[1] // 2
        if pad[0] > most[0] or pad[1] > most[1]:
            raise OpError(
                f"{self.name} may pad at most half its {shape_text(self.kernel)} window, "
                f"not {shape_text(pad)}",
                argument="pad",
                help=f"pad={shape_text(most)} at most, or a window sees only padding",
            )

    def shape(self, *inputs: Shape) -> Shape:
        c, *size = inputs[0]
        dilation, pad = self._frame()
        fit(self.name, (size[0], size[1]), self.window().size, pad)
        count = slide_ceil if self.ceil else slide
        rows, columns = (count(size[i], self.kernel[i], self.step[i], pad[i], dilation[i]) for i in (0, 1))
        self._see_the_input((size[0], size[1]), (rows, columns))
        return Image(c, rows, columns)

    def _see_the_input(self, size: Size, positions: Size) -> None:
        """Refuse dilated windows that step from the padding before a small input to that behind it.

        PyTorch takes them, yields -inf, and sends their gradients out of bounds. Only a window that
        begins in the padding may miss the input; its first position that does not lies at
        `start % dilation`.
        """
        dilation, pad = self._frame()
        for axis in (0, 1):
            starts = range(-pad[axis], 0, self.step[axis])[: positions[axis]]
            if any(start % dilation[axis] >= size[axis] for start in starts):
                raise OpError(
                    f"a window of {self.name} sees only padding: with dilation={shape_text(dilation)} "
                    f"it steps over the input of {shape_text(size)}",
                    argument="dilation",
                    help="dilate less, or leave out the pad",
                )

    def window(self, *inputs: Shape) -> Window:
        dilation, pad = self._frame()
        reach = extent(self.kernel[0], dilation[0]), extent(self.kernel[1], dilation[1])
        return Window(reach, self.step, (-pad[0], -pad[1]))


@operation("POOL")
class MaxPool(_Pooling):
    """Max pooling: (C, H, W) -> (C, H', W'); the stride is the kernel unless given.

    `ceil=yes` rounds the number of windows up (Caffe); a window must begin inside the input or its
    left padding, which drops the last one where it would see padding alone.
    """

    word = "{kernel} max pool"
    aliases = ("maxpool", "maxpool2d", "maxpooling", "maxpooling2d")
    takes_one = True
    saved_for_backward = Saved(inputs=True, output=False, extra=8)

    kernel: Size
    stride: Size | None = None
    pad: Margin = (0, 0)
    dilation: Size = (1, 1)
    ceil: bool = False

    def dilated(self, rate: tuple[int, int], *inputs: Shape) -> Operation:
        return dilated_window(self, rate, self.step)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "torch.nn:MaxPool2d",
            "F.max_pool2d",
            padding=brief(self.pad),
            dilation=brief(self.dilation),
            **self._settings(),
        )


@operation("AVGPOOL")
class AvgPool(_Pooling):
    """Average pooling: (C, H, W) -> (C, H', W'); the stride is the kernel unless given.

    `ceil` as for POOL. `include_pad=no` averages over the input's positions alone (Inception v4).
    """

    word = "{kernel} avg pool"
    aliases = ("avgpool2d", "avgpooling", "averagepool", "averagepooling", "avgpooling2d", "averagepooling2d")
    takes_one = True
    saved_for_backward = SAVES_INPUT

    kernel: Size
    stride: Size | None = None
    pad: Margin = (0, 0)
    ceil: bool = False
    include_pad: bool = True

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "torch.nn:AvgPool2d",
            "F.avg_pool2d",
            padding=brief(self.pad),
            count_include_pad=self.include_pad,
            **self._settings(),
        )


@operation("LPPOOL")
class LPPool(_Pooling):
    """Power-average pooling: (C, H, W) -> (C, H', W'), (sum of x^norm)^(1/norm) over a window.

    As `torch.nn.LPPool2d` (Sermanet et al. 2012, "Convolutional neural networks applied to house
    numbers digit classification").
    """

    word = "{kernel} LP pool"
    aliases = ("lppool2d",)

    norm: Positive
    kernel: Size
    stride: Size | None = None
    ceil: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:LPPool2d", norm_type=self.norm, **self._settings())


@operation("SUBSAMPLE")
class Subsample(_Pooling):
    """LeNet-5's subsampling: (C, H, W) -> (C, H', W'), weight_c * (sum over a window) + bias_c.

    LeCun et al. 1998, section II.B; a trainable coefficient and bias for each channel. The windows do
    not overlap unless a stride is given.
    """

    word = "{kernel} subsampling"
    saved_for_backward = Saved(inputs=True, output=False, extra=4)
    starts_constant = True

    kernel: Size = (2, 2)
    stride: Size | None = None
    ceil = False

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": (inputs[0][0],), "bias": (inputs[0][0],)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "blockdsl.layers.pool:Subsample2d",
            channels=inputs[0][0],
            kernel_size=self.kernel,
            stride=self.step,
        )


class _Global(Operation):
    """What GAP and GMP share: one number for each channel."""

    takes = (Image, Tokens)
    takes_help = {Vector: "a vector has no positions to pool over; leave it out"}

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        return Vector(shape.channels) if isinstance(shape, Tokens) else Image(shape.channels, 1, 1)

    def window(self, *inputs: Shape) -> Window | None:
        return None


@operation("GAP")
class GlobalAvgPool(_Global):
    """Global average pooling: (C, H, W) -> (C, 1, 1); tokens (L, D) -> (D,) (Lin et al. 2013)."""

    word = "global avg pool"
    aliases = (
        "globalavgpool",
        "globalavgpool2d",
        "globalaveragepool",
        "globalaveragepooling",
        "globalaveragepooling2d",
    )
    saved_for_backward = SAVES_NOTHING

    def slid(self, *windows: Shape) -> Operation:
        return AvgPool((windows[0][1], windows[0][2]), (1, 1)) if isinstance(windows[0], Image) else self

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Tokens):
            return ModuleSpec("blockdsl.layers.pool:MeanOver", dim=1, keepdim=False)
        return ModuleSpec("torch.nn:AdaptiveAvgPool2d", "F.adaptive_avg_pool2d", output_size=1)


@operation("GMP")
class GlobalMaxPool(_Global):
    """Global max pooling: (C, H, W) -> (C, 1, 1); tokens (L, D) -> (D,)."""

    word = "global max pool"
    aliases = ("globalmaxpool", "globalmaxpool2d", "globalmaxpooling", "globalmaxpooling2d")
    saved_for_backward = Saved(inputs=True, output=False, extra=8)

    def slid(self, *windows: Shape) -> Operation:
        return MaxPool((windows[0][1], windows[0][2]), (1, 1)) if isinstance(windows[0], Image) else self

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if isinstance(inputs[0], Tokens):
            return ModuleSpec("blockdsl.layers.pool:MaxOver", dim=1, keepdim=False)
        return ModuleSpec("torch.nn:AdaptiveMaxPool2d", "F.adaptive_max_pool2d", output_size=1)


class _Adaptive(Operation):
    """What AAP and AMP share: row i pools the rows floor(i*H/rows) up to ceil((i+1)*H/rows)."""

    takes = (Image,)
    depends_on_size = "its windows grow with the image"
    size: Size

    def shape(self, *inputs: Shape) -> Shape:
        return Image(inputs[0].channels, *self.size)

    def window(self, *inputs: Shape) -> Window | None:
        """The largest of the windows, whose sizes may differ by one; None for one that sees all."""
        if self.size == (1, 1):
            return None
        (rows, columns), (to_rows, to_columns) = inputs[0][1:], self.size
        return Window(
            (_widest(rows, to_rows), _widest(columns, to_columns)),
            (step(rows, to_rows), step(columns, to_columns)),
            reads=(pooled(rows, to_rows), pooled(columns, to_columns)),
        )


def _widest(size: int, windows: int) -> int:
    """The largest of ceil((i+1) * size / windows) - floor(i * size / windows), i < windows.

    With the ratio in lowest terms i * size runs through all residues, so the worst one occurs.
    """
    ratio = Fraction(size, windows)
    return 1 + -(-(ratio.numerator - 1) // ratio.denominator)


@operation("AAP")
class AdaptiveAvgPool(_Adaptive):
    """Adaptive average pooling: (C, H, W) -> (C, rows, columns), whatever H and W are."""

    word = "adaptive avg pool"
    aliases = ("adaptiveavgpool", "adaptiveavgpool2d", "adaptiveaveragepooling2d")
    saved_for_backward = SAVES_INPUT

    size: Size

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:AdaptiveAvgPool2d", "F.adaptive_avg_pool2d", output_size=brief(self.size))


@operation("AMP")
class AdaptiveMaxPool(_Adaptive):
    """Adaptive max pooling: (C, H, W) -> (C, rows, columns); one level of SPP (He et al. 2014)."""

    word = "adaptive max pool"
    aliases = ("adaptivemaxpool", "adaptivemaxpool2d", "adaptivemaxpooling2d")
    saved_for_backward = Saved(inputs=True, output=False, extra=8)

    size: Size

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:AdaptiveMaxPool2d", "F.adaptive_max_pool2d", output_size=brief(self.size))


class _OverChannels(Operation):
    takes = (Image,)

    def shape(self, *inputs: Shape) -> Shape:
        _, rows, columns = inputs[0]
        return Image(1, rows, columns)

    window = pointwise


@operation("CHANNELMEAN")
class ChannelMean(_OverChannels):
    """Mean over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""

    saved_for_backward = SAVES_NOTHING

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.pool:MeanOver", dim=1, keepdim=True)


@operation("CHANNELMAX")
class ChannelMax(_OverChannels):
    """Maximum over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.pool:MaxOver", dim=1, keepdim=True)
