"""Dropout in its kinds."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import dropout as layers
from blockdsl.codegen.table.common import Maker, plain
from blockdsl.ops import Shape
from blockdsl.ops import dropout as ops


def _dropout(op: ops.Dropout, shape: Shape) -> nn.Module:
    if op.rescale == "test":
        return layers.Dropout(op.p, op.per, op.rescale)
    return nn.Dropout(op.p) if op.per == "element" else nn.Dropout2d(op.p)


TABLE: dict[str, Maker] = {
    "DROPOUT": _dropout,
    "ALPHADROPOUT": plain(nn.AlphaDropout, "p"),
    "DROPPATH": plain(layers.DropPath, "p", "per", "rescale"),
    "DROPBLOCK": plain(layers.DropBlock2d, "size", "p"),
    "NOISE": plain(layers.GaussianNoise, "std"),
}
