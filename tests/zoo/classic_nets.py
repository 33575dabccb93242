"""The classic networks again, written in PyTorch from the papers and the authors' released files.

For networks that torchvision, timm and pytorchcv do not have, or have otherwise. Modules are
registered in the order in which our files execute them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

# --- the notes' LeNet-5, and that of 1998


def lenet5() -> nn.Module:
    """The form of the tutorials: full C3, maximum pooling, ReLU; 61,706 parameters."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""
"""LeCun et al. (1998), table I: a row for each map of S2, a column for each map of C3."""


def squash(x: Tensor) -> Tensor:
    """Equation 6: A tanh(Sa), A = 1.7159 and S = 2/3."""
    return 1.7159 * torch.tanh(x * 2 / 3)


class LeNet5(nn.Module):
    """Section II.B: trainable subsampling, C3 by table I, Euclidean RBF units (equation 7).

    `order` lists what each map of C3 sees in the order of its kernel planes; it must be table I.
    """

    def __init__(self, order: Sequence[Sequence[int]]) -> None:
        super().__init__()
        rows = [line.split() for line in TABLE_I.split("\n") if line]
        assert [sorted(row) for row in order] == [
            [i for i in range(6) if rows[i][j] == "X"] for j in range(16)
        ]
        self.sees = order
        planes = sum(map(len, order))
        c3, c5 = (planes, 5, 5), (120, 16, 5, 5)
        shapes = [
            (6, 1, 5, 5),
            (6,),
            (6,),
            (6,),
            c3,
            (16,),
            (16,),
            (16,),
            c5,
            (120,),
            (84, 120),
            (84,),
            (10, 84),
        ]
        self.w = nn.ParameterList([torch.zeros(*s) for s in shapes])

    def forward(self, x: Tensor) -> Tensor:
        w = list(self.w)
        x = squash(F.conv2d(x, w[0], w[1]))
        x = self.subsample(x, w[2], w[3])
        maps, plane = [], 0
        for bias, inputs in zip(w[5], self.sees, strict=True):
            total = bias
            for i in inputs:
                total = total + F.conv2d(x[:, i : i + 1], w[4][plane][None, None])
                plane += 1
            maps.append(total)
        x = self.subsample(squash(torch.cat(maps, 1)), w[6], w[7])
        x = squash(F.conv2d(x, w[8], w[9])).flatten(1)
        x = squash(F.linear(x, w[10], w[11]))
        distances: Tensor = (x[:, None, :] - w[12][None]).square().sum(2)
        return distances

    def subsample(self, x: Tensor, coefficient: Tensor, bias: Tensor) -> Tensor:
        total = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]
        return squash(coefficient[:, None, None] * total + bias[:, None, None])


class Squash(nn.Module):
    """Ciresan et al. (2010), section 2: A tanh(Bx), A = 1.7159 and B = 0.6666."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(0.6666 * x)


def ciresan(hidden: Sequence[int]) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise([29 * 29, *hidden]):
        layers += [nn.Linear(before, after), Squash()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 10))


# --- AlexNet and its kin


class LRN(nn.Module):
    """The sum over neighbouring channels, written out; alpha is divided by n."""

    def __init__(self, n: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.n, self.alpha, self.beta, self.k = n, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        squares, last = x.square(), x.shape[1] - 1
        sums = [squares[:, max(0, c - self.n // 2) : c + self.n // 2 + 1].sum(1) for c in range(last + 1)]
        return x / (self.k + self.alpha / self.n * torch.stack(sums, 1)) ** self.beta


class TwoTowers(nn.Module):
    """Krizhevsky et al. (2012), figure 2: two GPUs, which exchange before conv3, fc6, fc7 and fc8.

    The convolutions here only hold the weights of both towers, the first tower's first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 96, 11, 4), nn.Conv2d(96, 256, 5, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3)
        self.conv4, self.conv5 = nn.Conv2d(384, 384, 3, groups=2), nn.Conv2d(384, 256, 3, groups=2)
        self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)
        self.norm = LRN(5, 1e-4, 0.75, 2)

    def forward(self, x: Tensor) -> Tensor:
        halves = [self.tower(self.conv2, self.tower(self.conv1, x, g, s=4), g, p=2) for g in (0, 1)]
        both = torch.cat(halves, 1)
        halves = [self.rectified(self.conv3, both, g) for g in (0, 1)]
        halves = [self.rectified(self.conv5, self.rectified(self.conv4, halves[g], g), g) for g in (0, 1)]
        x = torch.cat([F.max_pool2d(half, 3, 2) for half in halves], 1).flatten(1)
        # outputs of the dropped layers are halved at test: section 4.2
        x = 0.5 * F.relu(self.fc6(x))
        x = 0.5 * F.relu(self.fc7(x))
        out: Tensor = self.fc8(x)
        return out

    def rectified(self, layer: nn.Conv2d, x: Tensor, gpu: int, s: int = 1, p: int = 1) -> Tensor:
        half = layer.out_channels // 2
        mine = slice(half * gpu, half * (gpu + 1))
        assert layer.bias is not None
        return F.relu(F.conv2d(x, layer.weight[mine], layer.bias[mine], s, p))

    def tower(self, layer: nn.Conv2d, x: Tensor, gpu: int, s: int = 1, p: int = 0) -> Tensor:
        return F.max_pool2d(self.norm(self.rectified(layer, x, gpu, s, p)), 3, 2)


def towers_apart() -> nn.Module:
    """TwoTowers with each tower's weights in modules of its own."""

    def lower() -> nn.Module:
        norms = LRN(5, 1e-4, 0.75, 2), LRN(5, 1e-4, 0.75, 2)
        first = nn.Conv2d(3, 48, 11, 4), nn.ReLU(), norms[0], nn.MaxPool2d(3, 2)
        return nn.Sequential(
            *first, nn.Conv2d(48, 128, 5, padding=2), nn.ReLU(), norms[1], nn.MaxPool2d(3, 2)
        )

    def upper() -> nn.Module:
        sizes = (256, 192), (192, 192), (192, 128)
        layers = [m for i, o in sizes for m in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU())]
        return nn.Sequential(*layers, nn.MaxPool2d(3, 2), nn.Flatten())

    def full(features: int) -> nn.Module:
        return nn.Sequential(nn.Linear(features, 2048), nn.ReLU(), Times(0.5))

    levels = [lower, upper, lambda: full(9216), lambda: full(4096)]
    return nn.Sequential(*(Branches([make(), make()]) for make in levels), nn.Linear(4096, 1000))


class Times(nn.Module):
    """x times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def classifier(features: int) -> list[nn.Module]:
    hidden = [nn.Linear(features, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    return [nn.Flatten(), *hidden, nn.Linear(4096, 1000)]


def pool_then_norm(groups: int, k: float) -> nn.Module:
    """Caffe's reference net with groups = 2, the lecture notes' AlexNet with one."""
    g = groups
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2), LRN(5, 1e-4, 0.75, k)),
        *(nn.Conv2d(96, 256, 5, 1, 2, groups=g), nn.ReLU(), nn.MaxPool2d(3, 2), LRN(5, 1e-4, 0.75, k)),
        *(nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 384, 3, 1, 1, groups=g), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, 1, 1, groups=g), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *classifier(256 * 6 * 6),
    )


def zfnet(c3: int, c4: int, c5: int) -> nn.Module:
    """Zeiler & Fergus (2013), figure 3: rectified, pooled, contrast normalised."""
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(), pool, LRN(5, 1e-4, 0.75, 2)),
        *(nn.Conv2d(96, 256, 5, 2), nn.ReLU(), pool, LRN(5, 1e-4, 0.75, 2)),
        *(nn.Conv2d(256, c3, 3, 1, 1), nn.ReLU(), nn.Conv2d(c3, c4, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(c4, c5, 3, 1, 1), nn.ReLU(), pool, *classifier(c5 * 6 * 6)),
    )


def overfeat_fast() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(96, 256, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(256, 512, 3, 1, 1), nn.ReLU(), nn.Conv2d(512, 1024, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(1024, 1024, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(1024, 3072, 6), nn.ReLU(), nn.Conv2d(3072, 4096, 1), nn.ReLU()),
        *(nn.Conv2d(4096, 1000, 1), nn.Flatten()),
    )


def overfeat_accurate() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 7, 2), nn.ReLU(), nn.MaxPool2d(3)),
        *(nn.Conv2d(96, 256, 7), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(256, 512, 3, 1, 1), nn.ReLU(), nn.Conv2d(512, 512, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(512, 1024, 3, 1, 1), nn.ReLU(), nn.Conv2d(1024, 1024, 3, 1, 1), nn.ReLU()),
        *(nn.MaxPool2d(3), nn.Conv2d(1024, 4096, 5), nn.ReLU()),
        *(nn.Conv2d(4096, 4096, 1), nn.ReLU(), nn.Conv2d(4096, 1000, 1), nn.Flatten()),
    )


def nin(input: int, layers: Sequence[tuple[int, ...]]) -> nn.Module:
    """Layers of (channels, kernel, stride, pad, first 1x1, second 1x1), pooled in between."""
    modules: list[nn.Module] = []
    for c, k, s, p, c1, c2 in layers:
        modules += [nn.Conv2d(input, c, k, s, p), nn.ReLU(), nn.Conv2d(c, c1, 1), nn.ReLU()]
        modules += [nn.Conv2d(c1, c2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
        input = c2
    return nn.Sequential(*modules[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())


# --- GoogLeNet and BN-Inception


class Branches(nn.ModuleList):
    """All of the same input, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


def conv(c_in: int, c_out: int, k: int, s: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, k, s, k // 2), nn.ReLU())


def inception(c: int, c1: int, r3: int, c3: int, r5: int, c5: int, projection: int) -> nn.Module:
    return Branches(
        [
            conv(c, c1, 1),
            nn.Sequential(conv(c, r3, 1), conv(r3, c3, 3)),
            nn.Sequential(conv(c, r5, 1), conv(r5, c5, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(c, projection, 1)),
        ]
    )


def naive_module() -> nn.Module:
    return Branches([conv(256, 128, 1), conv(256, 192, 3), conv(256, 96, 5), nn.MaxPool2d(3, 1, 1)])


class GoogLeNet(nn.Module):
    """Szegedy et al. (2014), table 1 and section 5; without dropout."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.to_4a = nn.Sequential(
            *(conv(3, 64, 7, 2), pool, LRN(5, 1e-4, 0.75, 1)),
            *(conv(64, 64, 1), conv(64, 192, 3), LRN(5, 1e-4, 0.75, 1), pool),
            *(inception(192, 64, 96, 128, 16, 32, 32), inception(256, 128, 128, 192, 32, 96, 64), pool),
            inception(480, 192, 96, 208, 16, 48, 64),
        )
        self.head_1 = self.head(512)
        self.to_4d = nn.Sequential(
            inception(512, 160, 112, 224, 24, 64, 64),
            inception(512, 128, 128, 256, 24, 64, 64),
            inception(512, 112, 144, 288, 32, 64, 64),
        )
        self.head_2 = self.head(528)
        self.rest = nn.Sequential(
            *(inception(528, 256, 160, 320, 32, 128, 128), pool),
            inception(832, 256, 160, 320, 32, 128, 128),
            inception(832, 384, 192, 384, 48, 128, 128),
            *(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(1024, 1000)),
        )

    def head(self, c: int) -> nn.Module:
        layers = [nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 1000)]
        return nn.Sequential(nn.AvgPool2d(5, 3), conv(c, 128, 1), nn.Flatten(), *layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a = self.to_4a(x)
        d = self.to_4d(a)
        return self.rest(d), self.head_1(a), self.head_2(d)


def conv_bn(c_in: int, c_out: int, k: int, s: int = 1) -> nn.Sequential:
    bn = nn.BatchNorm2d(c_out, eps=1e-3)
    return nn.Sequential(nn.Conv2d(c_in, c_out, k, s, k // 2, bias=False), bn, nn.ReLU())


def bn_module(c: int, row: Sequence[int], pool: nn.Module) -> nn.Module:
    """A row: 1x1, 3x3 reduction, 3x3, double 3x3 reduction, double 3x3, projection; 0 for none."""
    c1, r3, c3, rd, cd, projection = row
    s = 1 if c1 else 2
    branches = [
        nn.Sequential(conv_bn(c, r3, 1), conv_bn(r3, c3, 3, s)),
        nn.Sequential(conv_bn(c, rd, 1), conv_bn(rd, cd, 3), conv_bn(cd, cd, 3, s)),
        nn.Sequential(pool, conv_bn(c, projection, 1)) if projection else pool,
    ]
    return Branches([conv_bn(c, c1, 1), *branches] if c1 else branches)


BN_ROWS = [
    (64, 64, 64, 64, 96, 32),
    (64, 64, 96, 64, 96, 64),
    (0, 128, 160, 64, 96, 0),
    (224, 64, 96, 96, 128, 128),
    (192, 96, 128, 96, 128, 128),
    (160, 128, 160, 128, 160, 96),
    (96, 128, 192, 160, 192, 96),
    (0, 128, 192, 192, 256, 0),
    (352, 192, 320, 160, 224, 128),
    (352, 192, 320, 192, 224, 128),
]
"""Ioffe & Szegedy (2015), figure 5, with the projections of 4c and 4d as TF-slim has them."""


def bn_inception() -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True), conv_bn(64, 64, 1)]
    layers += [conv_bn(64, 192, 3), nn.MaxPool2d(3, 2, ceil_mode=True)]
    c = 192
    for i, row in enumerate(BN_ROWS):
        pool: nn.Module = nn.AvgPool2d(3, 1, 1) if i < 9 else nn.MaxPool2d(3, 1, 1)
        if not row[0]:
            pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        layers.append(bn_module(c, row, pool))
        c = row[0] + row[2] + row[4] + (row[5] or c)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))
