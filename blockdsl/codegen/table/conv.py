"""Convolutions."""

from __future__ import annotations

from typing import Any

from torch import nn

from blockdsl.codegen.layers.conv import TableConv2d
from blockdsl.codegen.table.common import Maker, brief
from blockdsl.ops import Shape
from blockdsl.ops import conv as ops


def _settings(op: ops.Conv | ops.DepthwiseConv) -> dict[str, Any]:
    return {
        "kernel_size": brief(op.kernel),
        "stride": brief(op.stride),
        "padding": brief(op.pad),
        "dilation": brief(op.dilation),
        "bias": op.bias,
    }


def _conv(op: ops.Conv, shape: Shape) -> nn.Module:
    if op.table is not None:
        return TableConv2d(shape[0], op.table, **_settings(op) | {"kernel_size": op.kernel})
    return nn.Conv2d(shape[0], op.channels, groups=op.groups, **_settings(op))


def _depthwise(op: ops.DepthwiseConv, shape: Shape) -> nn.Module:
    return nn.Conv2d(shape[0], shape[0] * op.multiplier, groups=shape[0], **_settings(op))


def _transposed(op: ops.TransposedConv, shape: Shape) -> nn.Module:
    return nn.ConvTranspose2d(
        shape[0],
        op.channels,
        brief(op.kernel),
        brief(op.stride),
        brief(op.pad),
        brief(op.output_pad),
        groups=op.groups,
        bias=op.bias,
        dilation=brief(op.dilation),
    )


def _up(op: ops.UpConv, shape: Shape) -> nn.Module:
    factor = brief(op.factor)
    return nn.ConvTranspose2d(shape[0], op.channels or shape[0], factor, factor, bias=op.bias)


TABLE: dict[str, Maker] = {"CONV": _conv, "DWCONV": _depthwise, "DECONV": _transposed, "UP": _up}
