"""A trained tensor that is no weight of a layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Weight(nn.Module):
    """A trained tensor, the same for all samples; of its input it takes the size of the batch alone."""

    def __init__(self, shape: tuple[int, ...], mean: float = 0.0, std: float = 0.02) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.weight = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """N(mean, std)."""
        nn.init.normal_(self.weight, self.mean, self.std)

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) -> (N, *shape)."""
        return self.weight.expand(x.shape[0], *self.weight.shape)

    def extra_repr(self) -> str:
        """Shape and start."""
        return f"{'x'.join(map(str, self.weight.shape))}, mean={self.mean:g}, std={self.std:g}"
