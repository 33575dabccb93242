"""Activations, also those that look at several channels."""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.layers import activation as layers
from blockdsl.codegen.table.common import Maker, axis, plain
from blockdsl.ops import Shape, gating
from blockdsl.ops import activation as ops
from blockdsl.ops.geometry import channels


def _prelu(op: ops.PReLU, shape: Shape) -> nn.Module:
    if op.per == "layer":
        return nn.PReLU(1, op.init)
    return (layers.TokenPReLU if len(shape) == 2 else nn.PReLU)(channels(shape), op.init)


def _glu(op: gating.GLU, shape: Shape) -> nn.Module:
    return nn.GLU(axis(shape)) if op.gate == "sigmoid" else layers.GatedUnit(op.gate, axis(shape))


def _softmax(op: gating.Softmax, shape: Shape) -> nn.Module:
    return nn.Softmax(axis(shape))


def _log_softmax(op: gating.LogSoftmax, shape: Shape) -> nn.Module:
    return nn.LogSoftmax(axis(shape))


def _crelu(op: gating.CReLU, shape: Shape) -> nn.Module:
    return layers.CReLU(axis(shape))


TABLE: dict[str, Maker] = {
    "RELU": plain(nn.ReLU),
    "RELU6": plain(nn.ReLU6),
    "LEAKY": plain(nn.LeakyReLU, "slope"),
    "PRELU": _prelu,
    "RRELU": plain(nn.RReLU, "low", "high"),
    "ELU": plain(nn.ELU, "alpha"),
    "SELU": plain(nn.SELU),
    "CELU": plain(nn.CELU, "alpha"),
    "GELU": plain(nn.GELU, "approximate"),
    "SILU": plain(nn.SiLU),
    "SWISH": plain(layers.Swish, "beta", "learned"),
    "HSWISH": plain(nn.Hardswish),
    "HSIGMOID": plain(nn.Hardsigmoid),
    "MISH": plain(nn.Mish),
    "SIGMOID": plain(nn.Sigmoid),
    "LOGSIGMOID": plain(nn.LogSigmoid),
    "TANH": plain(nn.Tanh),
    "STANH": plain(layers.ScaledTanh, "amplitude", "slope"),
    "HTANH": plain(nn.Hardtanh, "low", "high"),
    "SOFTPLUS": plain(nn.Softplus, "beta"),
    "SOFTSIGN": plain(nn.Softsign),
    "THRESHOLD": plain(nn.Threshold, "threshold", "value"),
    "HSHRINK": plain(nn.Hardshrink, "threshold"),
    "SSHRINK": plain(nn.Softshrink, "threshold"),
    "TSHRINK": plain(nn.Tanhshrink),
    "ABS": plain(layers.Abs),
    "SQUARE": plain(layers.Square),
    "SQRT": plain(layers.SignedSqrt),
    "EXP": plain(layers.Exp),
    "SINE": plain(layers.Sine, "omega"),
    "SOFTMAX": _softmax,
    "LOGSOFTMAX": _log_softmax,
    "CRELU": _crelu,
    "GLU": _glu,
}
