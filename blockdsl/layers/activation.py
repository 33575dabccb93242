"""Activations that PyTorch has no module for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class TokenPReLU(nn.PReLU):
    """PReLU with one slope for each feature of tokens, which stand on the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, D) -> the same."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class Swish(nn.Module):
    """x * sigmoid(beta * x) (Ramachandran et al. 2017)."""

    def __init__(self, beta: float = 1.0, learned: bool = True) -> None:
        super().__init__()
        self.start = beta
        self.beta: nn.Parameter | float = nn.Parameter(torch.tensor(beta)) if learned else beta

    def reset_parameters(self) -> None:
        """Put beta back to where it began."""
        if isinstance(self.beta, nn.Parameter):
            nn.init.constant_(self.beta, self.start)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x * torch.sigmoid(self.beta * x)

    def extra_repr(self) -> str:
        """Where beta begins."""
        return f"beta={self.start}"


class ScaledTanh(nn.Module):
    """amplitude * tanh(slope * x) (LeCun et al. 1998, equation 6)."""

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3) -> None:
        super().__init__()
        self.amplitude, self.slope = amplitude, slope

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return self.amplitude * torch.tanh(self.slope * x)

    def extra_repr(self) -> str:
        """Amplitude and slope."""
        return f"amplitude={self.amplitude}, slope={self.slope:.4g}"


class Abs(nn.Module):
    """|x|."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.abs()


class Square(nn.Module):
    """x^2."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.square()


class SignedSqrt(nn.Module):
    """sign(x) * sqrt(|x|), with gradient 0 at 0, where the root has none."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.sign() * x.abs().clamp_min(torch.finfo(x.dtype).tiny).sqrt()


class Exp(nn.Module):
    """exp(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.exp()


class Sine(nn.Module):
    """sin(omega * x) (Sitzmann et al. 2020)."""

    def __init__(self, omega: float = 1.0) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return torch.sin(self.omega * x)

    def extra_repr(self) -> str:
        """The frequency."""
        return f"omega={self.omega}"


class CReLU(nn.Module):
    """[max(0, x), max(0, -x)] along an axis (Shang et al. 2016)."""

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """C channels on axis `dim` -> 2 * C."""
        return torch.cat([x, -x], self.dim).relu()

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


def _identity(x: Tensor) -> Tensor:
    return x


GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "none": _identity,
}


class GatedUnit(nn.Module):
    """a * gate(b), a and b the halves of the channels (Shazeer 2020)."""

    def __init__(self, gate: str, dim: int = 1) -> None:
        super().__init__()
        self.gate, self.dim = gate, dim

    def forward(self, x: Tensor) -> Tensor:
        """2 * C channels on axis `dim` -> C."""
        a, b = x.chunk(2, self.dim)
        return a * GATES[self.gate](b)

    def extra_repr(self) -> str:
        """Gate and axis."""
        return f"{self.gate}, dim={self.dim}"
