"""Pooling."""

from __future__ import annotations

from typing import Any

from torch import nn

from blockdsl.codegen.layers import pool as layers
from blockdsl.codegen.table.common import Maker, brief, plain
from blockdsl.ops import Shape
from blockdsl.ops import pool as ops


def _window(op: ops.MaxPool | ops.AvgPool | ops.LPPool) -> dict[str, Any]:
    return {"kernel_size": brief(op.kernel), "stride": brief(op.step), "ceil_mode": op.ceil}


def _max(op: ops.MaxPool, shape: Shape) -> nn.Module:
    return nn.MaxPool2d(padding=brief(op.pad), dilation=brief(op.dilation), **_window(op))


def _avg(op: ops.AvgPool, shape: Shape) -> nn.Module:
    return nn.AvgPool2d(padding=brief(op.pad), count_include_pad=op.include_pad, **_window(op))


def _lp(op: ops.LPPool, shape: Shape) -> nn.Module:
    return nn.LPPool2d(op.norm, **_window(op))


def _subsample(op: ops.Subsample, shape: Shape) -> nn.Module:
    return layers.Subsample2d(shape[0], op.kernel, op.step)


def _global_avg(op: ops.GlobalAvgPool, shape: Shape) -> nn.Module:
    return nn.AdaptiveAvgPool2d(1) if len(shape) == 3 else layers.MeanOver(1)


def _global_max(op: ops.GlobalMaxPool, shape: Shape) -> nn.Module:
    return nn.AdaptiveMaxPool2d(1) if len(shape) == 3 else layers.MaxOver(1)


def _channel_mean(op: ops.ChannelMean, shape: Shape) -> nn.Module:
    return layers.MeanOver(1, keepdim=True)


def _channel_max(op: ops.ChannelMax, shape: Shape) -> nn.Module:
    return layers.MaxOver(1, keepdim=True)


TABLE: dict[str, Maker] = {
    "POOL": _max,
    "AVGPOOL": _avg,
    "LPPOOL": _lp,
    "SUBSAMPLE": _subsample,
    "GAP": _global_avg,
    "GMP": _global_max,
    "AAP": plain(nn.AdaptiveAvgPool2d, "size"),
    "AMP": plain(nn.AdaptiveMaxPool2d, "size"),
    "CHANNELMEAN": _channel_mean,
    "CHANNELMAX": _channel_max,
}
