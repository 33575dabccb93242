"""Tokens: images as sequences and back, class tokens, positions, attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Tokens(nn.Module):
    """An image as a sequence, row by row."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H * W, C)."""
        return x.flatten(2).transpose(1, 2)


class Image(nn.Module):
    """A sequence as an image, row by row."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(N, rows * columns, D) -> (N, D, rows, columns)."""
        return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], *self.size)

    def extra_repr(self) -> str:
        """Rows and columns."""
        return f"{self.size[0]}x{self.size[1]}"


class Volume(nn.Module):
    """A sequence as a volume, slice by slice and row by row."""

    def __init__(self, size: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(N, slices * rows * columns, D) -> (N, D, slices, rows, columns)."""
        return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], *self.size)

    def extra_repr(self) -> str:
        """Slices, rows and columns."""
        return "x".join(map(str, self.size))


class Transpose(nn.Module):
    """Tokens become features."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, D) -> (N, D, L)."""
        return x.transpose(1, 2)


class ClassToken(nn.Module):
    """A learned token before all others."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """N(0, 0.02), as BERT and ViT begin."""
        nn.init.trunc_normal_(self.token, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, D) -> (N, L + 1, D)."""
        return torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)

    def extra_repr(self) -> str:
        """Features."""
        return f"{self.token.shape[2]}"


class Position(nn.Module):
    """Adds a learned embedding of each position."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(1, *shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """N(0, 0.02), as BERT and ViT begin."""
        nn.init.trunc_normal_(self.embedding, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(N, *shape) -> the same."""
        return x + self.embedding

    def extra_repr(self) -> str:
        """The shape."""
        return "x".join(map(str, self.embedding.shape[1:]))


class Take(nn.Module):
    """One token of a sequence."""

    def __init__(self, index: int = 0) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, D) -> (N, D)."""
        return x[:, self.index]

    def extra_repr(self) -> str:
        """Which token."""
        return f"{self.index}"


class SelfAttention(nn.Module):
    """Multi-head self-attention with the parameters of `nn.MultiheadAttention` (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, *, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * features, features))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * features)) if bias else None
        self.out_proj = nn.Linear(features, features, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As `nn.MultiheadAttention`: Xavier for the input projections, biases 0."""
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj.reset_parameters()
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                nn.init.zeros_(bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, D) -> (N, L, D)."""
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        n, length, d = x.shape
        q, k, v = projected.reshape(n, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """Features, heads, dropout."""
        return f"{self.in_proj_weight.shape[1]}, heads={self.heads}, dropout={self.dropout}"
