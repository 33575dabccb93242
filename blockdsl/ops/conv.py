"""Convolutions: plain, grouped, dilated, asymmetric, by connection table; depthwise; transposed."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_INPUT, Drawn, Operation, OpError, Reads, Window
from blockdsl.ops.geometry import along, brief, check_layout, divided, enlarging, extent, fit, slide, step
from blockdsl.ops.layouts import GRIDS, Image, Shape, Sizes
from blockdsl.ops.registry import operation
from blockdsl.ops.sliding import Frame, Sliding, for_torch, pads_text
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.tie import Tie, drawn_or_tied
from blockdsl.ops.values import NONE, ONE, Count, Margin, Pad, Size, Table


def _check_groups(name: str, channels: int, groups: int) -> None:
    if channels % groups:
        raise OpError(
            f"{name} cannot make {channels} channels in {groups} equal groups",
            argument="groups",
            help="both the input's and the output's channels are divided among the groups",
        )


class _Convolution(Sliding):
    """What CONV and DWCONV share."""

    saved_for_backward = SAVES_INPUT
    fresh_output = True
    kernel_can_grow = True
    stride: Size
    bias: bool

    def _positions(self, shape: Shape) -> Sizes:
        """The positions of the output along each axis."""
        size = shape[1:]
        frame = self.frame(shape)
        fit(self.name, size, frame.reach, frame.pads)
        return tuple(map(slide, size, frame.reach, frame.stride, map(sum, frame.pads)))

    def _is_same(self, frame: Frame) -> bool:
        """Whether it is what PyTorch calls `padding="same"`."""
        return self.pad == "same" and max(frame.stride) == 1

    def _spec(self, shape: Shape, **arguments: Any) -> ModuleSpec:
        frame = self.frame(shape)
        kind = f"Conv{len(frame.kernel)}d"
        arguments |= {
            "kernel_size": brief(frame.kernel),
            "stride": brief(frame.stride),
            "dilation": brief(frame.dilation),
            "bias": self.bias,
        }
        if self._is_same(frame):
            return ModuleSpec(f"torch.nn:{kind}", padding="same", **arguments)
        if frame.pad is not None:
            return ModuleSpec(f"torch.nn:{kind}", padding=brief(frame.pad), **arguments)
        return ModuleSpec(f"blockdsl.layers.conv:Padded{kind}", pads=for_torch(frame.pads), **arguments)

    def dilated(self, rate: Sizes, *inputs: Shape) -> Operation:
        return self.with_dilation(rate, inputs[0])

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        return (Drawn.of(self._weight(inputs[0]), bias="bias" if self.bias else ""),)

    def _weight(self, shape: Shape) -> Sizes:
        """The shape of the weight, its own or another layer's."""
        return self.weights(shape)["weight"]

    def macs(self, *inputs: Shape) -> int:
        """Every weight of a kernel once for each output position."""
        return prod(self._weight(inputs[0])) * prod(self._positions(inputs[0]))


@operation("CONV")
class Conv(_Convolution):
    """Convolution: (C, H, W) -> (channels, H', W'); of a signal or a volume along its axes.

    One number stands for all axes: `CONV(64,3)` is a 1-D convolution on a signal, a 2-D one on an image, a
    3-D one on a volume, where a kernel may be `3x1x1`. `pad` is one number, or one for each axis; twice as
    many are before and after: (top, bottom, left, right) of an image, (before, after) of a signal, where
    `pad=(2,0)` is causal. `pad=same` pads as TensorFlow does: there are ceil(size / stride) positions, and an
    odd pad goes after; the numbers come of the declared input.

    `groups` convolves that many equal parts of the channels apart (AlexNet). `table` is, on images, a
    connection table (LeCun et al. 1998, table I): row i lists the input channels, counted from 0, that output
    channel i sees; each such pair has one kernel plane, each output one bias. Its planes stand in
    `weight` in the order of the table, so a depthwise convolution of the listed inputs, summed over
    each row, computes it with no more MACs than are counted here.

    `tie` uses the weight of an earlier layer, as for FC; transposed only with a kernel of 1 and one group.
    """

    word = "{kernel} conv, {channels}"
    aliases = ("conv1d", "conv2d", "conv3d", "convolution", "lazyconv")

    channels: Count
    kernel: Size
    stride: Size = ONE
    pad: Pad = NONE
    groups: Count = 1
    dilation: Size = ONE
    bias: bool = True
    table: Table | None = None
    tie: Tie | None = None

    def check(self) -> None:
        _check_groups(self.name, self.channels, self.groups)
        if self.tie and self.table is not None:
            raise OpError("a convolution with a connection table has a weight of its own", argument="tie")
        if self.table is None:
            return
        if self.groups != 1:
            raise OpError("a connection table replaces groups; give one of the two", argument="groups")
        if len(self.table) != self.channels:
            raise OpError(
                f"the connection table has {len(self.table)} rows for {self.channels} channels",
                argument="table",
                help="one row for each output channel",
            )
        for index, row in enumerate(self.table):
            if len(set(row)) != len(row):
                raise OpError(f"row {index} of the connection table names an input twice", argument="table")

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        c = shape.channels
        divided(self.name, shape, self.groups, "groups")
        if self.table:
            self._check_pads("CONV with a connection table", (Image,), shape)
        elif self.tie:
            self._check_pads("a tied CONV", GRIDS, shape)
        for index, row in enumerate(self.table or ()):
            if min(row) < 0 or max(row) >= c:
                raise OpError(
                    f"row {index} of the connection table names an input outside 0..{c - 1}",
                    argument="table",
                    help=f"the input has {c} channels, counted from 0",
                )
        return type(shape)(self.channels, *self._positions(shape))

    window = Sliding.window

    def _check_pads(self, who: str, takes: tuple[type[Shape], ...], shape: Shape) -> None:
        check_layout(who, takes, shape)
        frame = self.frame(shape)
        if frame.pad is None and not self._is_same(frame):
            pads = pads_text(frame.pads)
            message = f"{who} pads as much before as after, not {pads}"
            raise OpError(message, argument="pad", help=f"PAD({pads}) before it")

    def prefers_channels_last(self) -> bool:
        return self.groups == 1 and self.tie is None

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        weight = {} if self.tie else {"weight": self._weight(inputs[0])}
        return weight | ({"bias": (self.channels,)} if self.bias else {})

    def _weight(self, shape: Shape) -> Sizes:
        kernel = along(self, "kernel", shape)
        if self.table is not None:
            return (sum(map(len, self.table)), *kernel)
        return (self.channels, shape[0] // self.groups, *kernel)

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        """With a table, each output has the fan-in of its own row, and all the mean fan-out."""
        if self.table is None:
            return drawn_or_tied(super().drawn(*inputs), self.tie)
        plane = prod(along(self, "kernel", inputs[0]))
        fan_out = sum(map(len, self.table)) * plane / inputs[0][0]
        ends = list(accumulate(map(len, self.table)))
        return tuple(
            Drawn(
                "weight",
                len(row) * plane,
                fan_out,
                "bias" if self.bias and not i else "",
                (end - len(row), end),
            )
            for i, (row, end) in enumerate(zip(self.table, ends, strict=True))
        )

    def spec(self, *inputs: Shape) -> ModuleSpec:
        frame = self.frame(inputs[0])
        if self.tie:
            return ModuleSpec(
                "blockdsl.layers.tied:TiedConv", out_channels=self.channels, stride=brief(frame.stride),
                padding="same" if self._is_same(frame) else brief(frame.pad or ()), groups=self.groups,
                dilation=brief(frame.dilation), bias=self.bias, transposed=self.tie.transposed,
            )  # fmt: skip
        if self.table is None:
            channels = {"in_channels": inputs[0][0], "out_channels": self.channels}
            return self._spec(inputs[0], **channels, groups=self.groups)
        return ModuleSpec(
            "blockdsl.layers.conv:TableConv2d",
            in_channels=inputs[0][0],
            table=self.table,
            kernel_size=frame.kernel,
            stride=frame.stride,
            padding="same" if self._is_same(frame) else frame.pad,
            dilation=frame.dilation,
            bias=self.bias,
        )


@operation("DWCONV")
class DepthwiseConv(_Convolution):
    """Depthwise convolution: (C, H, W) -> (C * multiplier, H', W'); one kernel for each channel.

    Of a signal or a volume along its axes; sizes and `pad` as for CONV.
    """

    word = "{kernel} depthwise conv, {channels}"
    aliases = ("depthwiseconv", "depthwiseconvolution")

    kernel: Size
    stride: Size = ONE
    pad: Pad = NONE
    dilation: Size = ONE
    multiplier: Count = 1
    bias: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        return type(shape)(shape.channels * self.multiplier, *self._positions(shape))

    window = Sliding.window

    def prefers_channels_last(self) -> bool:
        return True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        c = inputs[0][0] * self.multiplier
        return {"weight": (c, 1, *along(self, "kernel", inputs[0]))} | ({"bias": (c,)} if self.bias else {})

    def spec(self, *inputs: Shape) -> ModuleSpec:
        c = inputs[0][0]
        return self._spec(inputs[0], in_channels=c, out_channels=c * self.multiplier, groups=c)


class _Transposed(Operation):
    """What DECONV and UP share: every weight of a kernel meets each input position once."""

    takes = GRIDS
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        weights = self.weights(*inputs)
        return (Drawn.of(weights["weight"], bias="bias" if "bias" in weights else "", transposed=True),)

    def macs(self, *inputs: Shape) -> int:
        return prod(self.weights(*inputs)["weight"]) * prod(inputs[0][1:])


@operation("DECONV")
class TransposedConv(_Transposed):
    """Transposed convolution: (C, H, W) -> (channels, H', W'), as `torch.nn.ConvTranspose2d`.

    H' = (H - 1) * stride - 2 * pad + dilation * (kernel - 1) + output_pad + 1 (Dumoulin & Visin
    2016, section 4). Of a signal or a volume along its axes.
    """

    word = "{kernel} transposed conv, {channels}"
    aliases = ("convtranspose", "conv2dtranspose", "deconv", "deconvolution", "transposedconv")

    channels: Count
    kernel: Size
    stride: Size = ONE
    pad: Margin = NONE
    output_pad: Margin = NONE
    groups: Count = 1
    dilation: Size = ONE
    bias: bool = True

    def check(self) -> None:
        _check_groups(self.name, self.channels, self.groups)

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        divided(self.name, shape, self.groups, "groups")
        positions = []
        for n, kernel, stride, pad, extra, dilation in zip(shape[1:], *self._sizes(shape), strict=True):
            if extra >= max(stride, dilation):
                raise OpError(
                    f"output_pad of {self.name} must be smaller than its stride or its dilation",
                    argument="output_pad",
                    help=f"at most {max(stride, dilation) - 1} here",
                )
            positions.append((n - 1) * stride - 2 * pad + extent(kernel, dilation) + extra)
        if min(positions) < 1:
            raise OpError(
                f"{self.name} would leave nothing of its input of {shape_text(shape[1:])}",
                argument="pad",
                help="pad less: a transposed convolution takes the pad away from its output",
            )
        return type(shape)(self.channels, *positions)

    def _sizes(self, shape: Shape) -> tuple[Sizes, ...]:
        """Kernel, stride, pad, output_pad and dilation along each axis."""
        return tuple(along(self, a, shape) for a in ("kernel", "stride", "pad", "output_pad", "dilation"))

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        weight = (inputs[0][0], self.channels // self.groups, *along(self, "kernel", inputs[0]))
        return {"weight": weight} | ({"bias": (self.channels,)} if self.bias else {})

    def window(self, *inputs: Shape) -> Window:
        """The input positions under the kernel; the step is one over the stride."""
        kernel, stride, pad, _, dilation = self._sizes(inputs[0])
        return Window(
            tuple((extent(k, d) - 1) // s + 1 for k, s, d in zip(kernel, stride, dilation, strict=True)),
            tuple(step(1, s) for s in stride),
            reads=tuple(map(_spread, kernel, stride, pad, dilation)),
        )

    def spec(self, *inputs: Shape) -> ModuleSpec:
        kernel, stride, pad, extra, dilation = map(brief, self._sizes(inputs[0]))
        return ModuleSpec(
            f"torch.nn:ConvTranspose{len(inputs[0]) - 1}d",
            in_channels=inputs[0][0],
            out_channels=self.channels,
            kernel_size=kernel,
            stride=stride,
            padding=pad,
            output_padding=extra,
            groups=self.groups,
            bias=self.bias,
            dilation=dilation,
        )


def _spread(kernel: int, stride: int, pad: int, dilation: int) -> Reads:
    """Along an axis, input i is written to `stride * i + dilation * k - pad` for each k of the kernel."""

    def read(position: int) -> tuple[int, int] | None:
        # Positions under the kernel repeat after `stride` taps.
        first = (k for k in range(min(kernel, stride)) if (position + pad - dilation * k) % stride == 0)
        last = (
            k
            for k in range(kernel - 1, max(kernel - stride, 0) - 1, -1)
            if (position + pad - dilation * k) % stride == 0
        )
        low, high = next(last, None), next(first, None)
        if low is None or high is None:
            return None
        return (position + pad - dilation * low) // stride, (position + pad - dilation * high) // stride

    return read


@operation("UP")
class UpConv(_Transposed):
    """Up-convolution: (C, H, W) -> (channels, H * factor, W * factor) (U-Net, Ronneberger et al. 2015).

    A transposed convolution whose kernel and stride are the factor; `channels` are the input's unless
    given. Of a signal or a volume along its axes.
    """

    word = "{factor} up-conv, {channels}"

    factor: Size
    channels: Count | None = None
    bias: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        c, *size = shape
        return type(shape)(self.channels or c, *map(mul, size, along(self, "factor", shape)))

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        out = self.channels or inputs[0][0]
        weight = (inputs[0][0], out, *along(self, "factor", inputs[0]))
        return {"weight": weight} | ({"bias": (out,)} if self.bias else {})

    def window(self, *inputs: Shape) -> Window:
        """One input position; the step is one over the factor."""
        return enlarging(along(self, "factor", inputs[0]))

    def spec(self, *inputs: Shape) -> ModuleSpec:
        factor = brief(along(self, "factor", inputs[0]))
        return ModuleSpec(
            f"torch.nn:ConvTranspose{len(inputs[0]) - 1}d",
            in_channels=inputs[0][0],
            out_channels=self.channels or inputs[0][0],
            kernel_size=factor,
            stride=factor,
            padding=0,
            output_padding=0,
            groups=1,
            bias=self.bias,
            dilation=1,
        )
