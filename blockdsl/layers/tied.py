"""Layers that use the weight of another layer, whose module they are handed with their input."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class TiedLinear(nn.Module):
    """A linear map by the weight of another module, transposed or not, with a bias of its own."""

    def __init__(self, out_features: int, *, bias: bool = True, transposed: bool = False) -> None:
        super().__init__()
        self.transposed = transposed
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor, other: nn.Module) -> Tensor:
        """(N, …, F) -> (N, …, out_features)."""
        weight: Tensor = other.get_parameter("weight")
        return F.linear(x, weight.t() if self.transposed else weight, self.bias)

    def extra_repr(self) -> str:
        """Whether the weight is transposed."""
        return f"transposed={self.transposed}, bias={self.bias is not None}"


class TiedConv(nn.Module):
    """A convolution by the weight of another module, transposed or not, with a bias of its own."""

    def __init__(
        self,
        out_channels: int,
        *,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.transposed = transposed
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor, other: nn.Module) -> Tensor:
        """(N, C, …) -> (N, out_channels, …)."""
        weight: Tensor = other.get_parameter("weight")
        convolution: Any = (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3]
        if self.transposed:
            weight = weight.transpose(0, 1)
        y: Tensor = convolution(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return y

    def extra_repr(self) -> str:
        """What a convolution is told by."""
        return f"stride={self.stride}, padding={self.padding}, transposed={self.transposed}"
