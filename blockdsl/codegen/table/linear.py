"""Layers on vectors and tokens."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import linear as layers
from blockdsl.codegen.table.common import Maker, axis, plain
from blockdsl.ops import Shape
from blockdsl.ops.geometry import channels
from blockdsl.ops.linear import FullyConnected, Maxout


def _linear(op: FullyConnected, shape: Shape) -> nn.Module:
    return nn.Linear(channels(shape), op.features, bias=op.bias)


def _maxout(op: Maxout, shape: Shape) -> nn.Module:
    return layers.Maxout(op.pieces, axis(shape))


TABLE: dict[str, Maker] = {"FC": _linear, "RBF": plain(layers.RBF, "classes"), "MAXOUT": _maxout}
