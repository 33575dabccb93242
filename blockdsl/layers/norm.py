"""Normalisation that PyTorch has no module for."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class _FrozenBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation by the running statistics, in training too."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        return super().train(False)


class FrozenBatchNorm1d(_FrozenBatchNorm, nn.BatchNorm1d):
    """Frozen batch normalisation of vectors and signals."""


class FrozenBatchNorm2d(_FrozenBatchNorm, nn.BatchNorm2d):
    """Frozen batch normalisation of images."""


class FrozenBatchNorm3d(_FrozenBatchNorm, nn.BatchNorm3d):
    """Frozen batch normalisation of volumes."""


class LayerNorm1d(nn.LayerNorm):
    """Layer normalisation over the channels at each position of a signal."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) -> the same."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels at each position of an image (ConvNeXt)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LayerNorm3d(nn.LayerNorm):
    """Layer normalisation over the channels at each position of a volume."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, D, H, W) -> the same."""
        return super().forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class RMSNorm1d(nn.RMSNorm):
    """RMS normalisation over the channels at each position of a signal."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, L) -> the same."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class RMSNorm2d(nn.RMSNorm):
    """RMS normalisation over the channels at each position of an image."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class RMSNorm3d(nn.RMSNorm):
    """RMS normalisation over the channels at each position of a volume."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, D, H, W) -> the same."""
        return super().forward(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class LocalResponseNorm2d(nn.LocalResponseNorm):
    """Local response normalisation with groups of channels, or within channels.

    With `groups`, neighbours count inside each part of the channels alone (AlexNet's towers). With
    `within`, they are the size x size positions around, of the same channel, zeros beyond the edge
    (Caffe's WITHIN_CHANNEL). In half precision it is computed in float32: sums of squares are too
    coarse otherwise, and the CPU has no such pool.
    """

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        groups: int = 1,
        within: bool = False,
    ) -> None:
        super().__init__(size, alpha, beta, k)
        self.groups, self.within = groups, within

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        if self.within:
            mean = F.avg_pool2d(wide.square(), self.size, 1, self.size // 2)
            return (wide / (self.k + self.alpha * mean) ** self.beta).to(x.dtype)
        parts = wide.reshape(x.shape[0] * self.groups, x.shape[1] // self.groups, *x.shape[2:])
        return super().forward(parts).reshape(x.shape).to(x.dtype)

    def extra_repr(self) -> str:
        """As `nn.LocalResponseNorm`, with what is added."""
        arguments = f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
        return f"{arguments}, groups={self.groups}, within={self.within}"


class GlobalResponseNorm(nn.Module):
    """Global response normalisation, x + weight * (x * n) + bias (Woo et al. 2023).

    n is each channel's L2 norm over the positions over its mean over the channels. `dim` is the axis
    of the channels: 1 for images (N, C, H, W), signals and volumes, 2 for tokens (N, L, D).
    """

    def __init__(self, channels: int, eps: float, dim: int = 1) -> None:
        super().__init__()
        self.eps, self.dim = eps, dim
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin as the identity."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *positions) or (N, L, D) -> the same."""
        positions = tuple(axis for axis in range(1, x.dim()) if axis != self.dim)
        norm = torch.linalg.vector_norm(x, dim=positions, keepdim=True)
        n: Tensor = norm / (norm.mean(self.dim, keepdim=True) + self.eps)
        size = (-1, *(1 for axis in positions if axis > self.dim))
        return x + self.weight.view(size) * (x * n) + self.bias.view(size)

    def extra_repr(self) -> str:
        """Channels and eps."""
        return f"{len(self.weight)}, eps={self.eps}"


class L2Norm(nn.Module):
    """Division by the L2 norm over the channels, with a learned scale for each (Liu et al. 2015)."""

    def __init__(self, channels: int, scale: float | None, eps: float, dim: int = 1, axes: int = 0) -> None:
        """`dim` is the axis of the channels, `axes` how many come after it."""
        super().__init__()
        self.scale, self.eps, self.dim, self.axes = scale, eps, dim, axes
        self.weight = None if scale is None else nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin at the given scale."""
        if self.weight is not None and self.scale is not None:
            nn.init.constant_(self.weight, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape with the channels on axis `dim` -> the same."""
        y = F.normalize(x, dim=self.dim, eps=self.eps)
        return y if self.weight is None else y * self.weight.view(-1, *[1] * self.axes)

    def extra_repr(self) -> str:
        """Scale and eps."""
        return f"scale={self.scale}, eps={self.eps}"
