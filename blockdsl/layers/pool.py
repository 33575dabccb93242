"""Pooling that PyTorch has no module for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Subsample2d(nn.Module):
    """`weight_c * (sum over a window) + bias_c` (LeCun et al. 1998, section II.B)."""

    def __init__(self, channels: int, kernel_size: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin as the mean over the window."""
        nn.init.constant_(self.weight, 1 / (self.kernel_size[0] * self.kernel_size[1]))
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W')."""
        # The mean and not divisor_override=1, which PyTorch leaves out of ONNX files without a word.
        total = F.avg_pool2d(x, self.kernel_size, self.stride) * (self.kernel_size[0] * self.kernel_size[1])
        return total * self.weight[:, None, None] + self.bias[:, None, None]

    def extra_repr(self) -> str:
        """Channels and window."""
        return f"{len(self.weight)}, kernel_size={self.kernel_size}, stride={self.stride}"


class MeanOver(nn.Module):
    """Mean over one axis."""

    def __init__(self, dim: int, keepdim: bool = False) -> None:
        super().__init__()
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        """The mean over `dim`."""
        return x.mean(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}, keepdim={self.keepdim}"


class MaxOver(MeanOver):
    """Maximum over one axis."""

    def forward(self, x: Tensor) -> Tensor:
        """The maximum over `dim`."""
        return x.amax(self.dim, self.keepdim)
