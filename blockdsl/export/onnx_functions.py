"""How ONNX files say what PyTorch's exporter says less precisely."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset18

op: Any = opset18  # its hints do not know of constants as arguments


def onnx_functions() -> dict[Any, Callable[..., Any]]:
    """By PyTorch's operator, what writes it: an argument of `torch.onnx.export`."""
    return {torch.ops.aten.group_norm.default: group_norm}


def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> Any:
    """`torch.nn.functional.group_norm`, (N, C, …) -> (N, C, …), of which all sizes but N are known.

    The exporter writes it as one InstanceNormalization, and ONNX Runtime adds all numbers of a group up one
    after the other, so that float32 loses digits: an error of 2e-4 of the largest output for 512x16000.
    Here a group is laid out as a matrix, as square as can be, and means are taken axis by axis: 1e-7.
    """
    channels, *axes = (int(size) for size in input.shape[1:])
    count = channels * math.prod(axes) // num_groups
    rows = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
    grouped = op.Reshape(input, op.Constant(value_ints=[0, num_groups, rows, count // rows]))
    centred = op.Sub(grouped, _mean(grouped))
    deviation = op.Sqrt(op.Add(_mean(op.Mul(centred, centred)), op.CastLike(eps, input)))
    result = op.Reshape(op.Div(centred, deviation), op.Constant(value_ints=[0, channels, *axes]))
    along_channels = op.Constant(value_ints=[channels, *([1] * len(axes))])
    if weight is not None:
        result = op.Mul(result, op.Reshape(weight, along_channels))
    if bias is not None:
        result = op.Add(result, op.Reshape(bias, along_channels))
    return result


def _mean(grouped: Any) -> Any:
    """The mean over the last two axes, one after the other."""
    rows = op.ReduceMean(grouped, op.Constant(value_ints=[3]))
    return op.ReduceMean(rows, op.Constant(value_ints=[2]))
