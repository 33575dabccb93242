"""Joins: several tensors become one."""

from __future__ import annotations

import functools
import operator

import torch
from torch import Tensor, nn


class Sum(nn.Module):
    """Sum of tensors; `into` is an input whose memory may hold the sum, if there is one."""

    def __init__(self, into: int | None = None) -> None:
        super().__init__()
        self.into = into

    def forward(self, *inputs: Tensor) -> Tensor:
        """Tensors of one shape -> the same."""
        start = 0 if self.into is None else self.into
        others = inputs[:start] + inputs[start + 1 :]
        x = inputs[start]
        for index, other in enumerate(others):
            x = x + other if index > 0 or self.into is None else x.add_(other)
        return x

    def extra_repr(self) -> str:
        """Which memory is used again."""
        return "" if self.into is None else f"into={self.into}"


class Mul(nn.Module):
    """Elementwise product of tensors, with broadcasting."""

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Tensors whose shapes broadcast -> their common shape."""
        for other in others:
            x = x * other
        return x


class Max(nn.Module):
    """Elementwise maximum of tensors."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Tensors of one shape -> the same."""
        return functools.reduce(torch.maximum, inputs)


class Min(nn.Module):
    """Elementwise minimum of tensors."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Tensors of one shape -> the same."""
        return functools.reduce(torch.minimum, inputs)


class Sub(nn.Module):
    """The first tensor minus the second."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Two tensors of one shape -> the same."""
        return x - y


class Div(nn.Module):
    """The first tensor divided by the second."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Two tensors of one shape -> the same."""
        return x / y


class Cat(nn.Module):
    """Concatenation along an axis."""

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        """Tensors that differ on axis `dim` alone -> one with the sum of their sizes there."""
        return torch.cat(inputs, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class MatMul(nn.Module):
    """Matrix product of two sequences; `transposed` takes the second one's transpose."""

    def __init__(self, transposed: bool = False) -> None:
        super().__init__()
        self.transposed = transposed

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(N, L, M) and (N, M, D), or (N, D, M) transposed -> (N, L, D)."""
        return torch.bmm(a, b.transpose(1, 2) if self.transposed else b)

    def extra_repr(self) -> str:
        """Whether the second is transposed."""
        return f"transposed={self.transposed}"


class Mean(nn.Module):
    """Mean of tensors."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Tensors of one shape -> the same."""
        return functools.reduce(operator.add, inputs) / len(inputs)


class FractalMean(Mean):
    """Mean over the inputs that drop-path leaves (Larsson et al. 2017, section 3).

    Local: in training each input is dropped with probability `drop`, for the mini-batch as a whole;
    where all would be, one drawn at random survives. Global, with `columns`: the network's draw (two
    numbers in [0, 1), the last argument) says whether this forward pass keeps one column instead, and
    which; a join of m inputs has the m deepest columns. A join that the column does not pass keeps
    all its inputs: a later join drops what it makes.
    """

    def __init__(self, drop: float, columns: int | None = None) -> None:
        super().__init__()
        self.drop, self.columns = drop, columns

    def kept(self, count: int, draw: Tensor | None, device: torch.device) -> Tensor:
        """Draw which of `count` inputs survive: booleans (count,)."""
        index = torch.arange(count, device=device)
        keep = torch.rand(count, device=device) >= self.drop
        keep = torch.where(keep.any(), keep, index == torch.randint(count, (), device=device))
        if draw is None or self.columns is None:
            return keep
        mine = index == (draw[1] * self.columns).long() - (self.columns - count)
        mine = mine | ~mine.any()
        return torch.where(draw[0] < 0.5, mine, keep)

    def forward(self, *inputs: Tensor | None) -> Tensor:
        """Tensors of one shape (with `columns` the draw behind them) -> the same shape."""
        count = len(inputs) - (self.columns is not None)
        tensors = [x for x in inputs[:count] if x is not None]
        if not self.training:
            return super().forward(*tensors)
        keep = self.kept(count, inputs[-1] if self.columns else None, tensors[0].device)
        weights = (keep / keep.sum()).to(tensors[0].dtype)
        mean: Tensor = functools.reduce(operator.add, [w * x for w, x in zip(weights, tensors, strict=True)])
        return mean

    def extra_repr(self) -> str:
        """Probability and columns."""
        return f"drop={self.drop}" + (f", columns={self.columns}" if self.columns else "")
