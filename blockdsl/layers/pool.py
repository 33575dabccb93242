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


_MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVG_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


class PaddedMaxPool(nn.Module):
    """Max pooling of signals, images or volumes that pads otherwise before than after.

    `pads` are as `F.pad` takes them, the last axis first: (left, right, top, bottom).
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        pads: tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        dilation: int | tuple[int, ...] = 1,
    ) -> None:
        super().__init__()
        self.kernel_size, self.pads = kernel_size, pads
        self.stride, self.dilation = stride, dilation

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *positions) -> (N, C, *positions)."""
        padded = F.pad(x, self.pads, value=float("-inf"))
        pool = _MAX_POOLS[x.dim() - 3]
        return pool(padded, self.kernel_size, self.stride, 0, self.dilation)

    def extra_repr(self) -> str:
        """Window, pads, stride and dilation."""
        return f"{self.kernel_size}, pads={self.pads}, stride={self.stride}, dilation={self.dilation}"


class PaddedAvgPool(nn.Module):
    """Average pooling of signals, images or volumes that pads otherwise before than after.

    `pads` are as `F.pad` takes them, the last axis first: (left, right, top, bottom).
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        pads: tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.pads, self.stride = kernel_size, pads, stride
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *positions) -> (N, C, *positions)."""
        mean = self._mean(x)
        return mean if self.count_include_pad else mean / self._mean(torch.ones_like(x[:1, :1]))

    def _mean(self, x: Tensor) -> Tensor:
        pool = _AVG_POOLS[x.dim() - 3]
        return pool(F.pad(x, self.pads), self.kernel_size, self.stride)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        """Window, pads, stride, and whether the pads count."""
        return (
            f"{self.kernel_size}, pads={self.pads}, stride={self.stride}, "
            f"count_include_pad={self.count_include_pad}"
        )


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
