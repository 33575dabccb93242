"""Convolution by connection table."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class TableConv2d(nn.Module):
    """Convolution whose output i sees the input channels `table[i]` alone (LeNet-5's C3).

    `weight` has one kernel plane for each pair, in the order of the table: (pairs, rows, columns).
    Outputs with equally many inputs are computed together by one grouped convolution, so that no
    multiplication is spent on a missing connection.
    """

    def __init__(
        self,
        in_channels: int,
        table: tuple[tuple[int, ...], ...],
        kernel_size: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] | str = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.table, self.kernel_size = in_channels, table, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.weight = nn.Parameter(torch.empty(sum(map(len, table)), *kernel_size))
        self.bias = nn.Parameter(torch.empty(len(table))) if bias else None
        starts = [sum(map(len, table[:i])) for i in range(len(table))]
        by_size: dict[int, list[int]] = {}
        for output, row in enumerate(table):
            by_size.setdefault(len(row), []).append(output)
        # For each size of row: the input channels in turn, and the planes of `weight` that meet them.
        self._groups = tuple(
            (
                size,
                tuple(c for o in outputs for c in table[o]),
                tuple(starts[o] + i for o in outputs for i in range(size)),
            )
            for size, outputs in by_size.items()
        )
        order = [o for outputs in by_size.values() for o in outputs]
        self._order = tuple(order.index(o) for o in range(len(table)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He initialisation by each output's own fan-in, biases 0."""
        for row, planes in zip(self.table, self.planes(), strict=True):
            nn.init.normal_(planes, std=(2 / (len(row) * planes[0].numel())) ** 0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def planes(self) -> tuple[Tensor, ...]:
        """The kernel planes of each output, (inputs seen, rows, columns), as views of `weight`."""
        sizes = [len(row) for row in self.table]
        return tuple(self.weight.detach().narrow(0, sum(sizes[:i]), size) for i, size in enumerate(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, len(table), H', W')."""
        parts = []
        for size, inputs, planes in self._groups:
            kernel = self.weight[list(planes)].reshape(-1, size, *self.kernel_size)
            part = F.conv2d(
                x[:, list(inputs)], kernel, None, self.stride, self.padding, self.dilation, kernel.shape[0]
            )
            parts.append(part)
        y = torch.cat(parts, 1)[:, list(self._order)]
        return y if self.bias is None else y + self.bias[:, None, None]

    def extra_repr(self) -> str:
        """As `nn.Conv2d`, with the number of connections."""
        pairs = f"connections={len(self.weight)}"
        return f"{self.in_channels}, {len(self.table)}, kernel_size={self.kernel_size}, {pairs}"


class _PaddedConv(nn.Module):
    """A convolution that pads otherwise before than after.

    `pads` are as `F.pad` takes them, the last axis first: (left, right, top, bottom).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        pads: tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.pads = pads

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, *positions) -> (N, out_channels, *positions)."""
        convolved: Tensor = super().forward(F.pad(x, self.pads))
        return convolved

    def extra_repr(self) -> str:
        """As the convolution, with the pads."""
        return f"{super().extra_repr()}, pads={self.pads}"


class PaddedConv1d(_PaddedConv, nn.Conv1d):
    """A convolution of signals that pads otherwise before than after."""


class PaddedConv2d(_PaddedConv, nn.Conv2d):
    """A convolution of images that pads otherwise before than after."""


class PaddedConv3d(_PaddedConv, nn.Conv3d):
    """A convolution of volumes that pads otherwise before than after."""
