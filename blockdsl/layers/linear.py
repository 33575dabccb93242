"""Maxout, and LeNet-5's Euclidean RBF output."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blockdsl.layers.bitmaps import DIGIT_CODES


def digit_codes(classes: int = 10) -> Tensor:
    """The pictures of the digits, (classes, 84) of -1 and +1."""
    return torch.tensor(DIGIT_CODES[:classes], dtype=torch.get_default_dtype())


class RBF(nn.Module):
    """Squared distances to fixed codes, y_i = sum_j (x_j - codes_ij)^2 (LeCun et al. 1998, equation 7)."""

    codes: Tensor

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.register_buffer("codes", digit_codes(classes))

    def reset_parameters(self) -> None:
        """Put the codes back."""
        self.codes.copy_(digit_codes(len(self.codes)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 84) -> (N, classes)."""
        return (x[:, None] - self.codes).square().sum(2)

    def extra_repr(self) -> str:
        """Features and classes."""
        return f"{self.codes.shape[1]}, {self.codes.shape[0]}"


class Maxout(nn.Module):
    """Maximum over each `pieces` neighbours along an axis (Goodfellow et al. 2013)."""

    def __init__(self, pieces: int, dim: int = 1) -> None:
        super().__init__()
        self.pieces, self.dim = pieces, dim

    def forward(self, x: Tensor) -> Tensor:
        """C channels on axis `dim` -> C / pieces."""
        before, c, after = x.shape[: self.dim], x.shape[self.dim], x.shape[self.dim + 1 :]
        return x.reshape(*before, c // self.pieces, self.pieces, *after).amax(self.dim + 1)

    def extra_repr(self) -> str:
        """The number of pieces."""
        return f"pieces={self.pieces}, dim={self.dim}"
