"""Tokens, attention, and multiplication by constants and learned weights."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import scale
from blockdsl.codegen.layers import sequence as layers
from blockdsl.codegen.table.common import Maker, after, plain
from blockdsl.ops import Shape
from blockdsl.ops import scale as scale_ops
from blockdsl.ops import sequence as ops
from blockdsl.ops.attention import Attention
from blockdsl.ops.geometry import channels


def _class_token(op: ops.ClassToken, shape: Shape) -> nn.Module:
    return layers.ClassToken(shape[1])


def _position(op: ops.Position, shape: Shape) -> nn.Module:
    return layers.Position(shape)


def _attention(op: Attention, shape: Shape) -> nn.Module:
    return layers.SelfAttention(shape[1], op.heads, bias=op.bias, dropout=op.dropout)


def _layer_scale(op: scale_ops.LayerScale, shape: Shape) -> nn.Module:
    return scale.LayerScale(channels(shape) if op.per == "channel" else 1, op.init, after(shape))


def _affine(op: scale_ops.Affine, shape: Shape) -> nn.Module:
    return scale.Affine(channels(shape), after(shape))


TABLE: dict[str, Maker] = {
    "TOKENS": plain(layers.Tokens),
    "IMAGE": plain(layers.Image, "size"),
    "TRANSPOSE": plain(layers.Transpose),
    "CLSTOKEN": _class_token,
    "POSITION": _position,
    "TAKE": plain(layers.Take, "index"),
    "ATTENTION": _attention,
    "SCALE": plain(scale.Scale, "factor"),
    "LAYERSCALE": _layer_scale,
    "AFFINE": _affine,
}
