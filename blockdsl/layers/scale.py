"""Arithmetic with constants, and multiplication by learned weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x * self.factor

    def extra_repr(self) -> str:
        """The constant."""
        return f"{self.factor:g}"


class Shift(nn.Module):
    """Adds a constant."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x + self.by

    def extra_repr(self) -> str:
        """The constant."""
        return f"{self.by:g}"


class Power(nn.Module):
    """Raises to a constant power."""

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x**self.exponent

    def extra_repr(self) -> str:
        """The exponent."""
        return f"{self.exponent:g}"


class LayerScale(nn.Module):
    """Multiplies each channel by a learned weight (Touvron et al. 2021).

    `axes` is how many axes come after that of the channels. `channels` is 1 for one weight in all.
    """

    def __init__(self, channels: int, init: float = 1e-6, axes: int = 0) -> None:
        super().__init__()
        self.init, self.axes = init, axes
        self.weight = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin at `init`."""
        nn.init.constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x * self.weight.view(-1, *[1] * self.axes)

    def extra_repr(self) -> str:
        """Channels and start."""
        return f"{len(self.weight)}, init={self.init:g}"


class Affine(LayerScale):
    """Multiplies each channel by a learned weight and adds a learned bias (ResMLP)."""

    def __init__(self, channels: int, axes: int = 0) -> None:
        super().__init__(channels, 1.0, axes)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return super().forward(x) + self.bias.view(-1, *[1] * self.axes)
