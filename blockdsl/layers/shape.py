"""Modules that move channels and change shapes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Reshape(nn.Module):
    """The same numbers in another shape; the batch axis stays."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) -> (N, *shape)."""
        return x.reshape(x.shape[0], *self.shape)

    def extra_repr(self) -> str:
        """The shape."""
        return "x".join(map(str, self.shape))


class Split(nn.Module):
    """Parts of the given sizes along an axis, as a tuple."""

    def __init__(self, sizes: tuple[int, ...], dim: int = 1) -> None:
        super().__init__()
        self.sizes, self.dim = sizes, dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """A tensor -> its parts."""
        return torch.split(x, list(self.sizes), self.dim)

    def extra_repr(self) -> str:
        """Sizes and axis."""
        return f"{list(self.sizes)}, dim={self.dim}"


class Slice(nn.Module):
    """A run along an axis: `length` positions from `start` on."""

    def __init__(self, dim: int, start: int, length: int) -> None:
        super().__init__()
        self.dim, self.start, self.length = dim, start, length

    def forward(self, x: Tensor) -> Tensor:
        """A tensor -> its part."""
        return x.narrow(self.dim, self.start, self.length)

    def extra_repr(self) -> str:
        """Axis, start and length."""
        return f"dim={self.dim}, start={self.start}, length={self.length}"


class ChannelShuffle(nn.Module):
    """Channel i * (C / groups) + j goes to j * groups + i (Zhang et al. 2018)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) -> the same."""
        n, c, *size = x.shape
        return x.reshape(n, self.groups, c // self.groups, *size).transpose(1, 2).reshape(x.shape)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"


class PadChannels(nn.Module):
    """Zero channels before and after the input's (option A shortcuts, He et al. 2015)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) -> (N, before + C + after, …)."""
        return F.pad(x, (*[0, 0] * (x.ndim - 2), self.before, self.after))

    def extra_repr(self) -> str:
        """How many channels."""
        return f"before={self.before}, after={self.after}"


class Crop(nn.Module):
    """A window of an image, given by its first row and column and its size."""

    def __init__(self, start: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__()
        self.start, self.size = start, size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *size)."""
        (top, left), (rows, columns) = self.start, self.size
        return x[:, :, top : top + rows, left : left + columns]

    def extra_repr(self) -> str:
        """Start and size."""
        return f"start={self.start}, size={self.size}"


class CropAxes(nn.Module):
    """A part of a signal or a volume, given by its first position and its size along each axis."""

    def __init__(self, start: tuple[int, ...], size: tuple[int, ...]) -> None:
        super().__init__()
        self.start, self.size = start, size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *positions) -> (N, C, *size)."""
        for axis, (first, size) in enumerate(zip(self.start, self.size, strict=True), 2):
            x = x.narrow(axis, first, size)
        return x

    def extra_repr(self) -> str:
        """Start and size."""
        return f"start={self.start}, size={self.size}"
