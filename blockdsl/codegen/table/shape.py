"""Operations that move channels and change shapes."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import shape as layers
from blockdsl.codegen.table.common import Maker, axis, brief, plain
from blockdsl.ops import Shape, spatial
from blockdsl.ops import shape as ops
from blockdsl.ops.geometry import channels


def _split(op: ops.Split, shape: Shape) -> nn.Module:
    return layers.Split(tuple(channels(part) for part in op.shapes(shape)), axis(shape))


def _pad_channels(op: ops.PadChannels, shape: Shape) -> nn.Module:
    extra = op.channels - shape[0]
    before = extra // 2 if op.where == "both" else 0
    return layers.PadChannels(before, extra - before)


def _pad(op: spatial.Pad, shape: Shape) -> nn.Module:
    if op.mode == "constant":
        return nn.ConstantPad2d(op.pad, op.value) if op.value else nn.ZeroPad2d(op.pad)
    kinds = {"reflect": nn.ReflectionPad2d, "replicate": nn.ReplicationPad2d, "circular": nn.CircularPad2d}
    return kinds[op.mode](op.pad)


def _crop(op: spatial.Crop, shape: Shape) -> nn.Module:
    return layers.Crop(op.start(shape), op.size)


def _upsample(op: spatial.Upsample | spatial.Resize, shape: Shape) -> nn.Module:
    align = None if op.mode == "nearest" else op.align
    if isinstance(op, spatial.Resize):
        return nn.Upsample(op.size, mode=op.mode, align_corners=align)
    return nn.Upsample(scale_factor=brief(op.factor), mode=op.mode, align_corners=align)


TABLE: dict[str, Maker] = {
    "ID": plain(nn.Identity),
    "FLATTEN": plain(nn.Flatten),
    "RESHAPE": plain(layers.Reshape, "dims"),
    "SPLIT": _split,
    "SHUFFLE": plain(layers.ChannelShuffle, "groups"),
    "PADCHANNELS": _pad_channels,
    "SPACETODEPTH": plain(nn.PixelUnshuffle, "block"),
    "DEPTHTOSPACE": plain(nn.PixelShuffle, "block"),
    "PAD": _pad,
    "CROP": _crop,
    "UPSAMPLE": _upsample,
    "RESIZE": _upsample,
}
