"""Normalisation."""

from __future__ import annotations

from typing import Any

from torch import nn

from blockdsl.codegen.layers import norm as layers
from blockdsl.codegen.table.common import Maker, after, axis
from blockdsl.ops import Shape
from blockdsl.ops import norm as ops
from blockdsl.ops.geometry import channels


def _batch(op: ops.BatchNorm, shape: Shape) -> nn.Module:
    kinds: dict[tuple[bool, bool], Any] = {
        (True, False): nn.BatchNorm2d,
        (False, False): nn.BatchNorm1d,
        (True, True): layers.FrozenBatchNorm2d,
        (False, True): layers.FrozenBatchNorm1d,
    }
    module: nn.Module = kinds[len(shape) == 3, op.frozen](shape[0], op.eps, op.momentum, op.affine)
    return module


def _layer(op: ops.LayerNorm, shape: Shape) -> nn.Module:
    make = layers.LayerNorm2d if len(shape) == 3 else nn.LayerNorm
    return make(channels(shape), op.eps, op.affine)


def _group(op: ops.GroupNorm, shape: Shape) -> nn.Module:
    return nn.GroupNorm(op.groups, channels(shape), op.eps, op.affine)


def _instance(op: ops.InstanceNorm, shape: Shape) -> nn.Module:
    return nn.InstanceNorm2d(shape[0], op.eps, affine=op.affine)


def _local(op: ops.LocalResponseNorm, shape: Shape) -> nn.Module:
    return layers.LocalResponseNorm2d(op.size, op.alpha, op.beta, op.k, groups=op.groups, within=op.within)


def _rms(op: ops.RMSNorm, shape: Shape) -> nn.Module:
    make = layers.RMSNorm2d if len(shape) == 3 else nn.RMSNorm
    return make(channels(shape), op.eps, op.affine)


def _global(op: ops.GlobalResponseNorm, shape: Shape) -> nn.Module:
    return layers.GlobalResponseNorm(channels(shape), op.eps, axis(shape))


def _l2(op: ops.L2Norm, shape: Shape) -> nn.Module:
    return layers.L2Norm(channels(shape), op.scale, op.eps, axis(shape), after(shape))


TABLE: dict[str, Maker] = {
    "BN": _batch,
    "LN": _layer,
    "GN": _group,
    "IN": _instance,
    "LRN": _local,
    "RMSNORM": _rms,
    "GRN": _global,
    "L2NORM": _l2,
}
