"""Networks of searched cells: that of DARTS from its authors' code, NASNet's with its auxiliary head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.zoo.modern_nets import from_pytorchcv

Genes = tuple[tuple[str, int], ...]

# DARTS_V2: two genes for each of four nodes; inputs are counted from 0, those of the cell first.
NORMAL: Genes = (
    ("sep", 0), ("sep", 1), ("sep", 0), ("sep", 1), ("sep", 1), ("skip", 0), ("skip", 0), ("dil", 2),
)  # fmt: skip
REDUCE: Genes = (
    ("max", 0), ("max", 1), ("skip", 2), ("max", 1), ("max", 0), ("skip", 2), ("skip", 2), ("max", 1),
)  # fmt: skip


class Darts(nn.Module):
    """The CIFAR network of DARTS (Liu et al. 2018), as the authors' cnn/model.py makes it."""

    def __init__(self, width: int = 36, layers: int = 20, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3 * width, 3, 1, 1, bias=False), nn.BatchNorm2d(3 * width))
        before, last, channels = 3 * width, 3 * width, width
        reductions = (layers // 3, 2 * layers // 3)
        self.last_reduction = reductions[1]
        self.cells = nn.ModuleList()
        for i in range(layers):
            channels *= 2 if i in reductions else 1
            self.cells.append(_Cell(before, last, channels, i in reductions, i - 1 in reductions))
            before, last = last, 4 * channels
            if i == self.last_reduction:
                self.auxiliary = AuxiliaryHead(last, (2, 2), classes)
        self.classifier = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, 3, 32, 32) -> (N, classes); in training also those of the auxiliary head."""
        before = last = self.stem(x)
        for i, cell in enumerate(self.cells):
            before, last = last, cell(before, last)
            if i == self.last_reduction and self.training:
                auxiliary = self.auxiliary(last)
        out = self.classifier(last.mean((2, 3)))
        return (out, auxiliary) if self.training else out


class _Cell(nn.Module):
    def __init__(self, before: int, last: int, channels: int, reduces: bool, before_is_larger: bool) -> None:
        super().__init__()
        self.of_before = _Halved(before, channels) if before_is_larger else _conv(before, channels)
        self.of_last = _conv(last, channels)
        self.genes = REDUCE if reduces else NORMAL
        self.operations = nn.ModuleList(
            _operation(name, channels, 2 if reduces and i < 2 else 1) for name, i in self.genes
        )

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states = [self.of_before(before), self.of_last(last)]
        made = zip(self.operations, self.genes, strict=True)
        for (first, (_, i)), (second, (_, j)) in zip(made, made, strict=True):
            states.append(first(states[i]) + second(states[j]))
        return torch.cat(states[2:], 1)


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    if name == "max":
        return nn.MaxPool2d(3, stride, 1)
    if name == "skip":
        return nn.Identity() if stride == 1 else _Halved(channels, channels)
    if name == "dil":
        return _separable(channels, stride, 2)
    return nn.Sequential(_separable(channels, stride, 1), _separable(channels, 1, 1))


def _separable(channels: int, stride: int, dilation: int) -> nn.Module:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )


def _conv(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class _Halved(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))  # type: ignore[no-any-return]


class AuxiliaryHead(nn.Sequential):
    """A classifier of features that average pooling (5x5, stride 3) brings to `size`."""

    def __init__(self, channels: int, size: tuple[int, int], classes: int, eps: float = 1e-5) -> None:
        super().__init__(
            nn.ReLU(),
            nn.AvgPool2d(5, 3),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128, eps),
            nn.ReLU(),
            nn.Conv2d(128, 768, size, bias=False),
            nn.BatchNorm2d(768, eps),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, classes),
        )


class NasNetMobile(nn.Module):
    """pytorchcv's NASNet-A (4 @ 1056), with the auxiliary head of the authors' code in training."""

    def __init__(self) -> None:
        super().__init__()
        self.net = from_pytorchcv("nasnet_4a1056")
        self.auxiliary = AuxiliaryHead(528, (4, 4), 1000, eps=1e-3)
        self.net.features.stage2.unit5.register_forward_hook(self._keep)  # type: ignore[union-attr]

    def _keep(self, _: nn.Module, __: object, out: Tensor) -> None:
        self.kept = out

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, 3, 224, 224) -> (N, 1000); in training also those of the auxiliary head."""
        out = self.net(x)
        return (out, self.auxiliary(self.kept)) if self.training else out
