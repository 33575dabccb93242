"""Networks of the spaces in `search/`, written by hand in PyTorch, to hold counts against."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Size = int | tuple[int, int]


def macs(module: nn.Module, *shape: int) -> int:
    """Multiplications of convolutions and fully connected layers for one sample of a shape (C, H, W)."""
    counted = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        counted += output.numel() * layer.weight[0].numel()

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        module.eval()(torch.zeros(1, *shape))
    return counted


def parameters(module: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(weight.numel() for weight in module.parameters())


class Apply(nn.Module):
    """Branches, and a function of their outputs."""

    def __init__(self, join: Callable[[list[Tensor]], Tensor], *branches: nn.Module) -> None:
        super().__init__()
        self.join, self.branches = join, nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return self.join([branch(x) for branch in self.branches])


def side_by_side(outputs: list[Tensor]) -> Tensor:
    """Concatenated channels."""
    return torch.cat(outputs, 1)


def added(outputs: list[Tensor]) -> Tensor:
    """The sum."""
    return torch.stack(outputs).sum(0)


def averaged(outputs: list[Tensor]) -> Tensor:
    """The mean."""
    return torch.stack(outputs).mean(0)


def convolution(
    c_in: int, c_out: int, kernel: Size, *, stride: int = 1, groups: int = 1, act: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Convolution without bias, normalisation, activation; the size stays."""
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    pad = (kernel[0] // 2, kernel[1] // 2)
    conv = nn.Conv2d(c_in, c_out, kernel, stride, pad, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), act())


def head(c: int) -> list[nn.Module]:
    """The mean of each map, and ten classes."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10)]


def inception(c_in: int, c: int, reduce: int, five: Sequence[Size], pool: nn.Module) -> nn.Module:
    """An inception module with c, c, c/2 and c/2 filters; `five` are the kernels of its third column."""

    def column(c_out: int, kernels: Sequence[Size]) -> nn.Sequential:
        before = [convolution(c_in, c_in // reduce, 1)] if reduce > 1 else []
        sizes = [c_in // reduce, *[c_out] * len(kernels)]
        return nn.Sequential(
            *before, *(convolution(a, b, k) for a, b, k in zip(sizes, sizes[1:], kernels, strict=False))
        )

    pooled = nn.Sequential(pool, convolution(c_in, c // 2, 1))
    return Apply(side_by_side, convolution(c_in, c, 1), column(c, [3]), column(c // 2, five), pooled)


class Squeezed(nn.Module):
    """Squeeze-and-excitation through `c` numbers."""

    def __init__(self, wide: int, c: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, c, 1), nn.ReLU(), nn.Conv2d(c, wide, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x)


def inverted(c_in: int, c: int, expand: int, kernel: int, stride: int, squeeze: int = 0) -> nn.Module:
    """An inverted residual of MobileNetV2, with squeeze-and-excitation through `squeeze` numbers if any."""
    wide = expand * c_in
    branch = nn.Sequential(
        *([convolution(c_in, wide, 1)] if expand > 1 else []),
        convolution(wide, wide, kernel, stride=stride, groups=wide),
        *([Squeezed(wide, squeeze)] if squeeze else []),
        convolution(wide, c, 1, act=nn.Identity),
    )
    return Apply(added, nn.Identity(), branch) if stride == 1 and c_in == c else branch


class Fractal(nn.Module):
    """A fractal of n columns that yields its columns, the shallowest first (Larsson et al. 2016)."""

    def __init__(self, n: int, c_in: int, c: int) -> None:
        super().__init__()
        self.shallow = convolution(c_in, c, 3)
        self.deep = nn.ModuleList([Fractal(n - 1, c_in, c), Fractal(n - 1, c, c)]) if n > 1 else None

    def forward(self, x: Tensor) -> list[Tensor]:
        if self.deep is None:
            return [self.shallow(x)]
        return [self.shallow(x), *self.deep[1](averaged(self.deep[0](x)))]


def fractal_network(columns: int, widths: Sequence[int]) -> nn.Sequential:
    """A block of so many columns for each width, pooled behind; on images of one channel."""
    blocks: list[nn.Module] = []
    for c_in, c in zip([1, *widths], widths, strict=False):
        blocks += [Apply(lambda outputs: averaged(outputs[0]), Fractal(columns, c_in, c)), nn.MaxPool2d(2)]  # type: ignore[arg-type]
    return nn.Sequential(*blocks, *head(widths[-1]))


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class Edge(nn.Module):
    """One of the five operations of NAS-Bench-201 on c channels."""

    def __init__(self, operation: str, c: int) -> None:
        super().__init__()
        self.operation = operation
        self.inner: nn.Module = nn.Identity()
        if operation.startswith("nor_conv"):
            k = int(operation[-1])
            conv = nn.Conv2d(c, c, k, padding=k // 2, bias=False)
            self.inner = nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(c))
        elif operation == "avg_pool_3x3":
            self.inner = nn.AvgPool2d(3, 1, 1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.zeros_like(x) if self.operation == "none" else self.inner(x)
        return result


class Cell(nn.Module):
    """`|a~0|+|b~0|c~1|+|d~0|e~1|f~2|` on c channels."""

    def __init__(self, architecture: str, c: int) -> None:
        super().__init__()
        self.nodes = nn.ModuleList()
        self.sources: list[list[int]] = []
        for node in architecture.split("+"):
            edges = [edge.split("~") for edge in node.strip("|").split("|")]
            self.nodes.append(nn.ModuleList([Edge(operation, c) for operation, _ in edges]))
            self.sources.append([int(source) for _, source in edges])

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for node, sources in zip(self.nodes, self.sources, strict=True):
            assert isinstance(node, nn.ModuleList)
            values.append(added([edge(values[i]) for edge, i in zip(node, sources, strict=True)]))
        return values[-1]


def nas_bench_201(architecture: str) -> nn.Sequential:
    """The network of a cell: three stages of five cells on 16, 32 and 64 channels (Dong & Yang 2020)."""

    def reduction(c_in: int, c: int) -> nn.Module:
        def conv(c_in: int, stride: int) -> nn.Sequential:
            inner = nn.Conv2d(c_in, c, 3, stride, 1, bias=False)
            return nn.Sequential(nn.ReLU(), inner, nn.BatchNorm2d(c))

        around = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c, 1, bias=False))
        return Apply(added, nn.Sequential(conv(c_in, 2), conv(c, 1)), around)

    def cells(c: int) -> nn.Module:
        return nn.Sequential(*(Cell(architecture, c) for _ in range(5)))

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16),
        cells(16), reduction(16, 32), cells(32), reduction(32, 64), cells(64),
        nn.BatchNorm2d(64), nn.ReLU(), *head(64),
    )  # fmt: skip
