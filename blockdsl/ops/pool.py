"""Pooling: by windows, over everything, to a fixed size; LeNet-5's trainable subsampling."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from fractions import Fraction

from blockdsl.ops.core import Operation, OpError, Shape, Window, operation
from blockdsl.ops.geometry import (
    describe,
    extent,
    fit,
    image,
    pointwise,
    pooled,
    show,
    slide,
    slide_ceil,
    step,
)
from blockdsl.ops.values import Margin, Positive, Size


class _Pooling(Operation):
    """What the pools share: a window that slides, by its own size unless a stride is given."""

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

    def check(self) -> None:
        _, pad = self._frame()
        most = self.kernel[0] // 2, self.kernel[1] // 2
        if pad[0] > most[0] or pad[1] > most[1]:
            raise OpError(
                f"{self.name} may pad at most half its {show(self.kernel)} window, not {show(pad)}",
                argument="pad",
                help=f"pad={show(most)} at most, or a window sees only padding",
            )

    def shape(self, *inputs: Shape) -> Shape:
        c, *size = image(self.name, inputs[0])
        dilation, pad = self._frame()
        fit(self.name, (size[0], size[1]), self.window().size, pad)
        count = slide_ceil if self.ceil else slide
        rows, columns = (count(size[i], self.kernel[i], self.step[i], pad[i], dilation[i]) for i in (0, 1))
        self._see_the_input((size[0], size[1]), (rows, columns))
        return c, rows, columns

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
                    f"a window of {self.name} sees only padding: with dilation={show(dilation)} it steps "
                    f"over the input of {show(size)}",
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

    kernel: Size
    stride: Size | None = None
    pad: Margin = (0, 0)
    dilation: Size = (1, 1)
    ceil: bool = False


@operation("AVGPOOL")
class AvgPool(_Pooling):
    """Average pooling: (C, H, W) -> (C, H', W'); the stride is the kernel unless given.

    `ceil` as for POOL. `include_pad=no` averages over the input's positions alone (Inception v4).
    """

    kernel: Size
    stride: Size | None = None
    pad: Margin = (0, 0)
    ceil: bool = False
    include_pad: bool = True


@operation("LPPOOL")
class LPPool(_Pooling):
    """Power-average pooling: (C, H, W) -> (C, H', W'), (sum of x^norm)^(1/norm) over a window.

    As `torch.nn.LPPool2d` (Sermanet et al. 2012, "Convolutional neural networks applied to house
    numbers digit classification").
    """

    norm: Positive
    kernel: Size
    stride: Size | None = None
    ceil: bool = False


@operation("SUBSAMPLE")
class Subsample(_Pooling):
    """LeNet-5's subsampling: (C, H, W) -> (C, H', W'), weight_c * (sum over a window) + bias_c.

    LeCun et al. 1998, section II.B; a trainable coefficient and bias for each channel. The windows do
    not overlap unless a stride is given.
    """

    kernel: Size = (2, 2)
    stride: Size | None = None
    ceil = False

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"weight": (inputs[0][0],), "bias": (inputs[0][0],)}


class _Global(Operation):
    """What GAP and GMP share: one number for each channel."""

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) == 1:
            raise OpError(
                f"{self.name} takes an image or tokens, not {describe(shape)}",
                help="a vector has no positions to pool over; leave it out",
            )
        return (shape[1],) if len(shape) == 2 else (shape[0], 1, 1)

    def window(self, *inputs: Shape) -> Window | None:
        return None


@operation("GAP")
class GlobalAvgPool(_Global):
    """Global average pooling: (C, H, W) -> (C, 1, 1); tokens (L, D) -> (D,) (Lin et al. 2013)."""


@operation("GMP")
class GlobalMaxPool(_Global):
    """Global max pooling: (C, H, W) -> (C, 1, 1); tokens (L, D) -> (D,)."""


class _Adaptive(Operation):
    """What AAP and AMP share: row i pools the rows floor(i*H/rows) up to ceil((i+1)*H/rows)."""

    size: Size

    def shape(self, *inputs: Shape) -> Shape:
        c, _, _ = image(self.name, inputs[0])
        return (c, *self.size)

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

    size: Size


@operation("AMP")
class AdaptiveMaxPool(_Adaptive):
    """Adaptive max pooling: (C, H, W) -> (C, rows, columns); one level of SPP (He et al. 2014)."""

    size: Size


class _OverChannels(Operation):
    def shape(self, *inputs: Shape) -> Shape:
        _, rows, columns = image(self.name, inputs[0])
        return 1, rows, columns

    window = pointwise


@operation("CHANNELMEAN")
class ChannelMean(_OverChannels):
    """Mean over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""


@operation("CHANNELMAX")
class ChannelMax(_OverChannels):
    """Maximum over the channels at each position: (C, H, W) -> (1, H, W) (CBAM, Woo et al. 2018)."""
