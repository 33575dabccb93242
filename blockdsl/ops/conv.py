"""Convolutions: plain, grouped, dilated, asymmetric, by connection table; depthwise; transposed."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import Any

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_INPUT, Drawn, Operation, OpError, Reads, Window
from blockdsl.ops.geometry import (
    brief,
    dilated_window,
    divided,
    enlarging,
    extent,
    fit,
    same_pad,
    slide,
    step,
)
from blockdsl.ops.layouts import Image, Shape, Sizes
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Margin, Pad, Size, Table


def _reach(kernel: Size, dilation: Size) -> Size:
    return extent(kernel[0], dilation[0]), extent(kernel[1], dilation[1])


def _drawn(weights: dict[str, Sizes], *, transposed: bool = False) -> Drawn:
    return Drawn.of(weights["weight"], bias="bias" if "bias" in weights else "", transposed=transposed)


class _Sliding(Operation):
    """What CONV and DWCONV share: a kernel that slides over an image."""

    takes = (Image,)
    saved_for_backward = SAVES_INPUT
    fresh_output = True
    kernel_can_grow = True
    kernel: Size
    stride: Size
    pad: Pad
    dilation: Size
    bias: bool

    def check(self) -> None:
        if self.pad == "same":
            same_pad(self.name, self.stride)

    def _positions(self, shape: Shape) -> tuple[int, int]:
        """Rows and columns of the output."""
        _, rows, columns = shape
        if isinstance(self.pad, str):
            return rows, columns
        (kh, kw), (sh, sw), (ph, pw), (dh, dw) = self.kernel, self.stride, self.pad, self.dilation
        fit(self.name, (rows, columns), _reach(self.kernel, self.dilation), self.pad)
        return slide(rows, kh, sh, ph, dh), slide(columns, kw, sw, pw, dw)

    def _settings(self) -> dict[str, Any]:
        """The arguments that the specs share."""
        return {
            "stride": brief(self.stride),
            "padding": brief(self.pad),
            "dilation": brief(self.dilation),
            "bias": self.bias,
        }

    def dilated(self, rate: tuple[int, int], *inputs: Shape) -> Operation:
        return dilated_window(self, rate, self.stride)

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        return (_drawn(self.weights(*inputs)),)

    def macs(self, *inputs: Shape) -> int:
        """Every weight of a kernel once for each output position."""
        return prod(self.weights(*inputs)["weight"]) * prod(self._positions(inputs[0]))

    def window(self, *inputs: Shape) -> Window:
        """The dilated kernel, which begins in the padding; that of `pad=same` is the smaller half."""
        reach = _reach(self.kernel, self.dilation)
        pad = ((reach[0] - 1) // 2, (reach[1] - 1) // 2) if isinstance(self.pad, str) else self.pad
        return Window(reach, self.stride, (-pad[0], -pad[1]))


@operation("CONV")
class Conv(_Sliding):
    """Convolution: (C, H, W) -> (channels, H', W').

    `pad=same` keeps rows and columns (stride 1; an even kernel pads one more after than before).
    `groups` convolves that many equal parts of the channels apart (AlexNet). `table` is a connection
    table (LeCun et al. 1998, table I): row i lists the input channels, counted from 0, that output
    channel i sees; each such pair has one kernel plane, each output one bias. Its planes stand in
    `weight` in the order of the table, so a depthwise convolution of the listed inputs, summed over
    each row, computes it with no more MACs than are counted here.
    """

    word = "{kernel} conv, {channels}"
    aliases = ("conv2d", "convolution", "convolution2d", "lazyconv2d")

    channels: Count
    kernel: Size
    stride: Size = (1, 1)
    pad: Pad = (0, 0)
    groups: Count = 1
    dilation: Size = (1, 1)
    bias: bool = True
    table: Table | None = None

    def check(self) -> None:
        super().check()
        if self.channels % self.groups:
            raise OpError(
                f"{self.name} cannot make {self.channels} channels in {self.groups} equal groups",
                argument="groups",
                help="both the input's and the output's channels are divided among the groups",
            )
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
        c = inputs[0].channels
        divided(self.name, inputs[0], self.groups, "groups")
        for index, row in enumerate(self.table or ()):
            if min(row) < 0 or max(row) >= c:
                raise OpError(
                    f"row {index} of the connection table names an input outside 0..{c - 1}",
                    argument="table",
                    help=f"the input has {c} channels, counted from 0",
                )
        return Image(self.channels, *self._positions(inputs[0]))

    window = _Sliding.window

    def prefers_channels_last(self) -> bool:
        return self.groups == 1

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        if self.table is not None:
            weight: Sizes = (sum(map(len, self.table)), *self.kernel)
        else:
            weight = (self.channels, inputs[0][0] // self.groups, *self.kernel)
        return {"weight": weight} | ({"bias": (self.channels,)} if self.bias else {})

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        """With a table, each output has the fan-in of its own row, and all the mean fan-out."""
        if self.table is None:
            return super().drawn(*inputs)
        plane = prod(self.kernel)
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
        if self.table is not None:
            return ModuleSpec(
                "blockdsl.layers.conv:TableConv2d",
                in_channels=inputs[0][0],
                table=self.table,
                kernel_size=self.kernel,
                stride=self.stride,
                padding=self.pad,
                dilation=self.dilation,
                bias=self.bias,
            )
        channels = {"in_channels": inputs[0][0], "out_channels": self.channels}
        return ModuleSpec(
            "torch.nn:Conv2d",
            **channels,
            kernel_size=brief(self.kernel),
            groups=self.groups,
            **self._settings(),
        )


@operation("DWCONV")
class DepthwiseConv(_Sliding):
    """Depthwise convolution: (C, H, W) -> (C * multiplier, H', W'); one kernel for each channel."""

    word = "{kernel} depthwise conv, {channels}"
    aliases = ("depthwiseconv", "depthwiseconv2d", "depthwiseconvolution")

    kernel: Size
    stride: Size = (1, 1)
    pad: Pad = (0, 0)
    dilation: Size = (1, 1)
    multiplier: Count = 1
    bias: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        c = inputs[0].channels
        return Image(c * self.multiplier, *self._positions(inputs[0]))

    window = _Sliding.window

    def prefers_channels_last(self) -> bool:
        return True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        c = inputs[0][0] * self.multiplier
        return {"weight": (c, 1, *self.kernel)} | ({"bias": (c,)} if self.bias else {})

    def spec(self, *inputs: Shape) -> ModuleSpec:
        c = inputs[0][0]
        return ModuleSpec(
            "torch.nn:Conv2d",
            in_channels=c,
            out_channels=c * self.multiplier,
            kernel_size=brief(self.kernel),
            groups=c,
            **self._settings(),
        )


@operation("DECONV")
class TransposedConv(Operation):
    """Transposed convolution: (C, H, W) -> (channels, H', W'), as `torch.nn.ConvTranspose2d`.

    H' = (H - 1) * stride - 2 * pad + dilation * (kernel - 1) + output_pad + 1 (Dumoulin & Visin
    2016, section 4).
    """

    takes = (Image,)
    word = "{kernel} transposed conv, {channels}"
    aliases = (
        "convtranspose",
        "convtranspose2d",
        "conv2dtranspose",
        "deconv2d",
        "deconvolution",
        "transposedconv",
    )
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    channels: Count
    kernel: Size
    stride: Size = (1, 1)
    pad: Margin = (0, 0)
    output_pad: Margin = (0, 0)
    groups: Count = 1
    dilation: Size = (1, 1)
    bias: bool = True

    def check(self) -> None:
        for extra, stride, dilation in zip(self.output_pad, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise OpError(
                    f"output_pad of {self.name} must be smaller than its stride or its dilation",
                    argument="output_pad",
                    help=f"at most {max(stride, dilation) - 1} here",
                )
        if self.channels % self.groups:
            raise OpError(
                f"{self.name} cannot make {self.channels} channels in {self.groups} equal groups",
                argument="groups",
                help="both the input's and the output's channels are divided among the groups",
            )

    def shape(self, *inputs: Shape) -> Shape:
        _, *size = inputs[0]
        divided(self.name, inputs[0], self.groups, "groups")
        reach = _reach(self.kernel, self.dilation)
        rows, columns = (
            (size[i] - 1) * self.stride[i] - 2 * self.pad[i] + reach[i] + self.output_pad[i] for i in (0, 1)
        )
        if min(rows, columns) < 1:
            raise OpError(
                f"{self.name} would leave nothing of its input of {shape_text(size)}",
                argument="pad",
                help="pad less: a transposed convolution takes the pad away from its output",
            )
        return Image(self.channels, rows, columns)

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        weight = (inputs[0][0], self.channels // self.groups, *self.kernel)
        return {"weight": weight} | ({"bias": (self.channels,)} if self.bias else {})

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        return (_drawn(self.weights(*inputs), transposed=True),)

    def macs(self, *inputs: Shape) -> int:
        """Every weight of a kernel once for each input position."""
        return prod(self.weights(*inputs)["weight"]) * prod(inputs[0][1:])

    def window(self, *inputs: Shape) -> Window:
        """The input positions under the kernel; the step is one over the stride."""
        reach = _reach(self.kernel, self.dilation)
        seen = ((reach[0] - 1) // self.stride[0] + 1, (reach[1] - 1) // self.stride[1] + 1)
        steps = step(1, self.stride[0]), step(1, self.stride[1])
        return Window(seen, steps, reads=(self._reads(0), self._reads(1)))

    def _reads(self, axis: int) -> Reads:
        """Along an axis, input i is written to `stride * i + dilation * k - pad` for each k of the kernel."""
        kernel, stride = self.kernel[axis], self.stride[axis]
        pad, dilation = self.pad[axis], self.dilation[axis]

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

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec(
            "torch.nn:ConvTranspose2d",
            in_channels=inputs[0][0],
            out_channels=self.channels,
            kernel_size=brief(self.kernel),
            stride=brief(self.stride),
            padding=brief(self.pad),
            output_padding=brief(self.output_pad),
            groups=self.groups,
            bias=self.bias,
            dilation=brief(self.dilation),
        )


@operation("UP")
class UpConv(Operation):
    """Up-convolution: (C, H, W) -> (channels, H * factor, W * factor) (U-Net, Ronneberger et al. 2015).

    A transposed convolution whose kernel and stride are the factor; `channels` are the input's unless
    given.
    """

    takes = (Image,)
    word = "{factor} up-conv, {channels}"
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    factor: Size
    channels: Count | None = None
    bias: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        c, rows, columns = inputs[0]
        return Image(self.channels or c, rows * self.factor[0], columns * self.factor[1])

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        out = self.channels or inputs[0][0]
        return {"weight": (inputs[0][0], out, *self.factor)} | ({"bias": (out,)} if self.bias else {})

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        return (_drawn(self.weights(*inputs), transposed=True),)

    def macs(self, *inputs: Shape) -> int:
        """Every weight of a kernel once for each input position."""
        return prod(self.weights(*inputs)["weight"]) * prod(inputs[0][1:])

    def window(self, *inputs: Shape) -> Window:
        """One input position; the step is one over the factor."""
        return enlarging(self.factor)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        factor = brief(self.factor)
        return ModuleSpec(
            "torch.nn:ConvTranspose2d",
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
