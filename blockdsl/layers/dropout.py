"""What drops or disturbs in training only, where PyTorch has no module for it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class _Dropping(nn.Module, ABC):
    """Multiplies by a random mask of zeros and ones that says what survives.

    The survivors are divided by 1 - p in training or, with `rescale="test"`, everything is
    multiplied by 1 - p in evaluation.
    """

    def __init__(self, p: float, per: str, rescale: str = "train") -> None:
        super().__init__()
        self.p, self.per, self.rescale = p, per, rescale

    @abstractmethod
    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """The shape of the mask for an input."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        if not self.training:
            return x * (1 - self.p) if self.rescale == "test" else x
        keep = torch.rand(self.mask_shape(x), device=x.device) >= self.p
        scale = 1 / (1 - self.p) if self.rescale == "train" and self.p < 1 else 1.0
        return x * (keep.to(x.dtype) * scale)

    def extra_repr(self) -> str:
        """Probability, unit, where it is made up for."""
        return f"p={self.p:g}, per={self.per}, rescale={self.rescale}"


class Dropout(_Dropping):
    """Dropout of elements or channels (Srivastava et al. 2014)."""

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """One number for each element, or for each channel of (N, C, H, W)."""
        return tuple(x.shape) if self.per == "element" else (x.shape[0], x.shape[1], 1, 1)


class ChannelDropout(Dropout):
    """Dropout of the channels of signals and volumes."""

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """One number for each channel of (N, C, *positions)."""
        return (x.shape[0], x.shape[1], *(1,) * (x.dim() - 2))


class DropPath(_Dropping):
    """Stochastic depth: drops a branch for each sample or for the mini-batch (Huang et al. 2016).

    The branch is computed all the same. To leave it out would be a decision of Python's in the
    forward pass, which breaks `torch.compile` and `torch.export` into pieces, and leaves parameters
    without gradients, which optimizers and DistributedDataParallel treat otherwise than zeros.
    """

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """One number for each sample, or one."""
        return (x.shape[0] if self.per == "sample" else 1,) + (1,) * (x.dim() - 1)


class DropBlock2d(nn.Module):
    """Drops squares of size x size positions of each channel (Ghiasi et al. 2018)."""

    def __init__(self, size: int = 7, p: float = 0.1) -> None:
        super().__init__()
        self.size, self.p = size, p

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        if not self.training or self.p == 0:
            return x
        n, c, rows, columns = x.shape
        fits = rows - self.size + 1, columns - self.size + 1
        gamma = self.p / self.size**2 * (rows * columns) / (fits[0] * fits[1])
        corners = (torch.rand(n, c, *fits, device=x.device) < gamma).to(x.dtype)
        border = self.size - 1
        dropped = F.max_pool2d(F.pad(corners, (border,) * 4), self.size, 1)
        keep = 1 - dropped
        return x * keep * (keep.numel() / keep.sum(dtype=torch.float32).clamp_min(1)).to(x.dtype)

    def extra_repr(self) -> str:
        """Size and share."""
        return f"size={self.size}, p={self.p}"


class GaussianNoise(nn.Module):
    """Adds Gaussian noise in training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x + self.std * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        """The standard deviation."""
        return f"std={self.std}"
