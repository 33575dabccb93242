"""Joins."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import join as layers
from blockdsl.codegen.table.common import Maker, axis, plain
from blockdsl.ops import Shape
from blockdsl.ops import join as ops


def _mean(op: ops.Mean, *shapes: Shape) -> nn.Module:
    return layers.FractalMean(op.drop, op.columns) if op.drop or op.columns else layers.Mean()


def _cat(op: ops.Cat, *shapes: Shape) -> nn.Module:
    return layers.Cat(axis(shapes[0]))


def _dot(op: ops.Dot, *shapes: Shape) -> nn.Module:
    return layers.MatMul(transposed=True)


TABLE: dict[str, Maker] = {
    "SUM": plain(layers.Sum),
    "MEAN": _mean,
    "MAX": plain(layers.Max),
    "MUL": plain(layers.Mul),
    "CAT": _cat,
    "MATMUL": plain(layers.MatMul),
    "DOT": _dot,
}
