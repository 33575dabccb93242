"""Convolutions: plain, grouped, dilated, asymmetric, by connection table; depthwise; transposed."""

from __future__ import annotations

from math import prod

from blockdsl.ops.core import OpError, Operation, Shape, Window, operation
from blockdsl.ops.values import Count, Margin, Pad, Size, Table


def image(shape: Shape, name: str) -> tuple[int, int, int]:
    """The shape as (C, H, W), or an `OpError` that says what came instead."""
    if len(shape) != 3:
        raise OpError(f"{name} takes an image of channels x rows x columns, not {show(shape)}")
    return shape[0], shape[1], shape[2]


def show(shape: Shape) -> str:
    """`64x56x56`."""
    return "x".join(map(str, shape))


def slide(size: int, kernel: int, stride: int, pad: int, dilation: int = 1) -> int:
    """Positions of a window along one axis (floor rule; Dumoulin & Visin 2016, relationship 6)."""
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def fit(name: str, size: tuple[int, int], kernel: tuple[int, int], pad: tuple[int, int]) -> None:
    """Refuse a window that is larger than the padded input."""
    padded = (size[0] + 2 * pad[0], size[1] + 2 * pad[1])
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        around = f" (padded to {show(padded)})" if any(pad) else ""
        raise OpError(
            f"the {show(kernel)} window of {name} is larger than its input of {show(size)}{around}",
            help="make the window smaller, pad more, or shrink the image less before it",
        )
