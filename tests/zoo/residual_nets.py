"""The residual, dense and fractal networks again, written in PyTorch from the papers and the authors' code.

For networks that torchvision, timm and pytorchcv do not have, or have otherwise. Modules are
registered in the order in which our files execute them: a branch before its shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def conv(c_in: int, c_out: int, k: int, s: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, k, s, k // 2, bias=bias)


def conv_bn(c_in: int, c_out: int, k: int, s: int = 1, bias: bool = False) -> list[nn.Module]:
    return [conv(c_in, c_out, k, s, bias), nn.BatchNorm2d(c_out)]


class Padded(nn.Module):
    """Option A: fewer pixels, then zeros for the new channels."""

    def __init__(self, new: int, stride: int, average: bool = False) -> None:
        super().__init__()
        self.new, self.stride, self.average = new, stride, average

    def forward(self, x: Tensor) -> Tensor:
        s = self.stride
        x = F.avg_pool2d(x, s) if self.average else x[:, :, ::s, ::s]
        return torch.cat([x, x.new_zeros(x.shape[0], self.new, *x.shape[2:])], 1)


class PostActivated(nn.Module):
    """He et al. 2015, figure 2; `death` is Huang et al. 2016: gates in training, survival at test."""

    def __init__(self, body: Sequence[nn.Module], shortcut: nn.Module | None, death: float = 0.0) -> None:
        super().__init__()
        self.body, self.shortcut = nn.Sequential(*body), shortcut
        self.death, self.gate = death, True

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.shortcut is None else self.shortcut(x)
        survival = float(self.gate) if self.training else 1 - self.death
        return F.relu(identity + survival * self.body(x))


class PreActivated(nn.Module):
    """He et al. 2016 as the authors' resnet-pre-act.lua: BN-ReLU is common where channels change."""

    def __init__(self, first: nn.BatchNorm2d | None, body: Sequence[nn.Module], shortcut: nn.Module | None):
        super().__init__()
        self.first, self.body, self.shortcut = first, nn.Sequential(*body), shortcut

    def forward(self, x: Tensor) -> Tensor:
        active = x if self.first is None else F.relu(self.first(x))
        return self.body(active) + (x if self.shortcut is None else self.shortcut(active))


def head(c: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, classes)]


def imagenet_stem() -> list[nn.Module]:
    return [*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]


def plan(widths: Sequence[int], counts: Sequence[int], c_in: int) -> Iterator[tuple[int, int, int]]:
    """(channels in, channels out, stride) of each unit; the size is halved from the second stage on."""
    for stage, (width, count) in enumerate(zip(widths, counts, strict=True)):
        for unit in range(count):
            yield c_in, width, 2 if stage and not unit else 1
            c_in = width


def basic_body(a: int, b: int, s: int, bias: bool = False) -> list[nn.Module]:
    return [*conv_bn(a, b, 3, s, bias), nn.ReLU(), *conv_bn(b, b, 3, 1, bias)]


def cifar_resnet(n: int) -> nn.Module:
    """6n+2 layers, option A."""
    units = [
        PostActivated(basic_body(a, b, s), None if a == b else Padded(b - a, s))
        for a, b, s in plan((16, 32, 64), (n,) * 3, 16)
    ]
    return nn.Sequential(*conv_bn(3, 16, 3), nn.ReLU(), *units, *head(64, 10))


def cifar_plain(n: int) -> nn.Module:
    bodies = [[*basic_body(*unit), nn.ReLU()] for unit in plan((16, 32, 64), (n,) * 3, 16)]
    return nn.Sequential(*conv_bn(3, 16, 3), nn.ReLU(), *(m for b in bodies for m in b), *head(64, 10))


def imagenet_plain(counts: Sequence[int]) -> nn.Module:
    bodies = [[*basic_body(*unit), nn.ReLU()] for unit in plan((64, 128, 256, 512), counts, 64)]
    return nn.Sequential(*imagenet_stem(), *(m for b in bodies for m in b), *head(512, 1000))


def resnet_v1(counts: Sequence[int]) -> nn.Module:
    """Bottlenecks with the stride on the first 1x1, option B."""
    units = []
    for a, b, s in plan((256, 512, 1024, 2048), counts, 64):
        inner = b // 4
        body = [*conv_bn(a, inner, 1, s), nn.ReLU(), *conv_bn(inner, inner, 3), nn.ReLU()]
        shortcut = None if a == b else nn.Sequential(*conv_bn(a, b, 1, s))
        units.append(PostActivated([*body, *conv_bn(inner, b, 1)], shortcut))
    return nn.Sequential(*imagenet_stem(), *units, *head(2048, 1000))


def stochastic_depth(n: int, last: float = 0.5) -> nn.Module:
    """yueatsprograms/Stochastic_Depth, main.lua and ResidualDrop.lua: biases, averaged shortcuts."""
    units = [
        PostActivated(
            basic_body(a, b, s, bias=True),
            None if a == b else Padded(b - a, s, average=True),
            death=index / (3 * n) * last,
        )
        for index, (a, b, s) in enumerate(plan((16, 32, 64), (n,) * 3, 16), 1)
    ]
    return nn.Sequential(*conv_bn(3, 16, 3, bias=True), nn.ReLU(), *units, *head(64, 10))


def wide_resnet(n: int, k: int) -> nn.Module:
    """6n+4 layers, k times as wide (szagoruyko/wide-residual-networks, wide-resnet.lua)."""
    units = []
    for a, b, s in plan((16 * k, 32 * k, 64 * k), (n,) * 3, 16):
        body = [conv(a, b, 3, s), nn.BatchNorm2d(b), nn.ReLU(), conv(b, b, 3)]
        units.append(PreActivated(nn.BatchNorm2d(a), body, None if a == b else conv(a, b, 1, s)))
    last = [nn.BatchNorm2d(64 * k), nn.ReLU()]
    return nn.Sequential(conv(3, 16, 3), *units, *last, *head(64 * k, 10))


def _narrow(a: int, b: int, strides: tuple[int, int]) -> list[nn.Module]:
    inner = b // 4
    second = [nn.BatchNorm2d(inner), nn.ReLU(), conv(inner, inner, 3, strides[1])]
    return [conv(a, inner, 1, strides[0]), *second, nn.BatchNorm2d(inner), nn.ReLU(), conv(inner, b, 1)]


def preact_cifar(n: int) -> nn.Module:
    """9n+2 layers, the stride on the first 1x1 (KaimingHe/resnet-1k-layers, resnet-pre-act.lua)."""
    units = [
        PreActivated(nn.BatchNorm2d(a), _narrow(a, b, (s, 1)), None if a == b else conv(a, b, 1, s))
        for a, b, s in plan((64, 128, 256), (n,) * 3, 16)
    ]
    return nn.Sequential(conv(3, 16, 3), *units, nn.BatchNorm2d(256), nn.ReLU(), *head(256, 10))


def preact_imagenet(counts: Sequence[int]) -> nn.Module:
    """fb.resnet.torch, preresnet.lua: the stride on the 3x3, no BN before the first unit."""
    units: list[nn.Module] = []
    for a, b, s in plan((256, 512, 1024, 2048), counts, 64):
        first = nn.BatchNorm2d(a) if units else None
        units.append(PreActivated(first, _narrow(a, b, (1, s)), None if a == b else conv(a, b, 1, s)))
    return nn.Sequential(*imagenet_stem(), *units, nn.BatchNorm2d(2048), nn.ReLU(), *head(2048, 1000))


class Dense(nn.Module):
    """What a layer makes goes behind all channels before it (Huang et al. 2016)."""

    def __init__(self, *layer: nn.Module) -> None:
        super().__init__()
        self.layer = nn.Sequential(*layer)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layer(x)], 1)


def densenet(n: int, k: int, bottleneck: bool = False) -> nn.Module:
    """CIFAR: three dense blocks of n layers; with bottlenecks also compression to a half."""
    c = 2 * k if bottleneck else 16
    modules: list[nn.Module] = [conv(3, c, 3)]
    for block in range(3):
        for _ in range(n):
            narrow = [conv(c, 4 * k, 1), nn.BatchNorm2d(4 * k), nn.ReLU()] if bottleneck else []
            modules.append(
                Dense(nn.BatchNorm2d(c), nn.ReLU(), *narrow, conv(4 * k if bottleneck else c, k, 3))
            )
            c += k
        if block < 2:
            kept = c // 2 if bottleneck else c
            modules += [nn.BatchNorm2d(c), nn.ReLU(), conv(c, kept, 1), nn.AvgPool2d(2)]
            c = kept
    return nn.Sequential(*modules, nn.BatchNorm2d(c), nn.ReLU(), *head(c, 10))


class Fractal(nn.Module):
    """FractalNet as the loops of the authors' generator have it (gustavla/fractalnet, fractalnet.py).

    Column 0 is the shallowest. `grow` puts a 1x1 convolution before blocks whose channels grow.
    """

    def __init__(self, channels: Sequence[int], columns: int, classes: int = 10, grow: bool = False) -> None:
        super().__init__()
        self.columns = columns
        self.blocks = nn.ModuleList()
        c_in = 3
        for c in channels:
            block = nn.ModuleDict()
            if grow and c != c_in:
                block["grow"] = nn.Sequential(nn.Conv2d(c_in, c, 1), nn.BatchNorm2d(c, affine=False))
                c_in = c
            for column, index in _recursive(columns):
                a = c_in if index == 0 else c
                one = nn.Sequential(nn.Conv2d(a, c, 3, 1, 1), nn.BatchNorm2d(c, affine=False))
                block[f"{column}_{index}"] = one
            self.blocks.append(block)
            c_in = c
        self.fc = nn.Linear(c_in, classes)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = self._block(block, x)
        return self.fc(x.flatten(1))

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        assert isinstance(block, nn.ModuleDict)
        if "grow" in block:
            x = F.relu(block["grow"](x))
        columns = self.columns
        lasts, used = [x] * columns, [0] * columns
        for step in range(2 ** (columns - 1)):
            for column in reversed(range(columns)):
                if (step + 1) % 2 ** (columns - column - 1) == 0:
                    lasts[column] = F.relu(block[f"{column}_{used[column]}"](lasts[column]))
                    used[column] += 1
            if step == 2 ** (columns - 1) - 1:
                lasts = [F.max_pool2d(last, 2) for last in lasts]
            for joined in range(2, columns + 1):
                if step % 2**joined == 2 ** (joined - 1) - 1:
                    mean = torch.stack(lasts[-joined:]).mean(0)
                    lasts[-joined:] = [mean] * joined
                    break
        return lasts[0]


def _recursive(columns: int) -> list[tuple[int, int]]:
    """(column, number within it) of a block's convolutions: f_C is one beside two f_(C-1) in a row."""
    used = [0] * columns

    def walk(column: int) -> Iterator[tuple[int, int]]:
        yield column, used[column]
        used[column] += 1
        if column + 1 < columns:
            yield from walk(column + 1)
            yield from walk(column + 1)

    return list(walk(0))
