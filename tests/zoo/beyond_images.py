"""Networks of pairs, sounds, sequences and random numbers, written in PyTorch from their papers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrizations, parametrize


class Siamese(nn.Module):
    """Koch et al. 2015, figure 4, and the prediction of section 3.1, which has no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([
            nn.Conv2d(1, 64, 10), nn.Conv2d(64, 128, 7), nn.Conv2d(128, 128, 4), nn.Conv2d(128, 256, 4)
        ])  # fmt: skip
        self.features = nn.Linear(256 * 6 * 6, 4096)
        self.alpha = nn.Linear(4096, 1, bias=False)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.alpha((self.twin(one) - self.twin(other)).abs()).sigmoid()  # type: ignore[no-any-return]

    def twin(self, x: Tensor) -> Tensor:
        for i, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x if i == 0 else F.max_pool2d(x, 2)))
        return self.features(x.flatten(1)).sigmoid()  # type: ignore[no-any-return]


class M5(nn.Module):
    """Dai et al. 2016, table 1; a layer of stride s yields 1/s of the length, rounded up."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 128, 128, 256, 512)
        kernels = (80, 3, 3, 3)
        self.layers = nn.ModuleList(map(self.layer, widths, widths[1:], kernels))
        self.classes = nn.Linear(512, 10)

    @staticmethod
    def layer(before: int, after: int, kernel: int) -> nn.Module:
        return nn.ModuleDict(
            {"filters": nn.Conv1d(before, after, kernel, bias=False), "norm": nn.BatchNorm1d(after)}
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer, stride in zip(self.layers, (4, 1, 1, 1), strict=True):
            filters, norm = layer["filters"], layer["norm"]  # type: ignore[index]
            padded = padded_for(x, filters.kernel_size[0], stride)
            x = F.relu(norm(F.conv1d(padded, filters.weight, stride=stride)))
            x = F.max_pool1d(padded_for(x, 4, 4, float("-inf")), 4)
        return self.classes(x.mean(2))  # type: ignore[no-any-return]


def padded_for(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """TensorFlow's "SAME": an odd pad goes after."""
    windows = -(-x.shape[2] // stride)
    missing = max((windows - 1) * stride + kernel - x.shape[2], 0)
    return F.pad(x, (missing // 2, missing - missing // 2), value=value)


class TCN(nn.Module):
    """Bai et al. 2018, figure 1, for sequential MNIST (section 4 and the authors' mnist_pixel)."""

    def __init__(self, levels: int = 8, width: int = 25, kernel: int = 7) -> None:
        super().__init__()
        self.levels = nn.Sequential(
            *(Level(1 if i == 0 else width, width, kernel, 2**i) for i in range(levels))
        )
        self.classes = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.levels(x)[:, :, -1])  # type: ignore[no-any-return]


class Level(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation

        def convolution(channels: int) -> nn.Module:
            """Padded at both ends."""
            return parametrizations.weight_norm(
                nn.Conv1d(channels, after, kernel, padding=self.reach, dilation=dilation)
            )

        self.conv1, self.conv2 = convolution(before), convolution(after)
        self.shortcut = nn.Conv1d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.past(self.conv2, self.past(self.conv1, x)) + self.shortcut(x))

    def past(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """What has seen later steps is cut off."""
        return F.relu(convolution(x)[:, :, : -self.reach])


def folded(net: nn.Module) -> None:
    """Each weight is what its length and its direction make."""
    for level in net.levels:  # type: ignore[union-attr]
        for convolution in (level.conv1, level.conv2):
            parametrize.remove_parametrizations(convolution, "weight")


class Generator(nn.Module):
    """DCGAN: Radford et al. 2015, figure 1; the first normalisation as the authors' train_uncond_dcgan.py."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(100, 1024 * 4 * 4, bias=False), nn.BatchNorm1d(1024 * 4 * 4), nn.ReLU()
        )
        self.grow = nn.Sequential(
            *self.larger(1024, 512), *self.larger(512, 256), *self.larger(256, 128),
            nn.ConvTranspose2d(128, 3, 5, 2, 2, 1, bias=False),
        )  # fmt: skip

    @staticmethod
    def larger(before: int, after: int) -> tuple[nn.Module, ...]:
        enlarge = nn.ConvTranspose2d(before, after, 5, 2, 2, 1, bias=False)
        return enlarge, nn.BatchNorm2d(after), nn.ReLU()

    def forward(self, z: Tensor) -> Tensor:
        return self.grow(self.project(z).view(-1, 1024, 4, 4)).tanh()  # type: ignore[no-any-return]


def discriminator() -> nn.Module:
    """DCGAN's, as the authors' train_uncond_dcgan.py."""
    layers: list[nn.Module] = [nn.Conv2d(3, 128, 5, 2, 2, bias=False), nn.LeakyReLU(0.2)]
    for width in (128, 256, 512):
        halve = nn.Conv2d(width, 2 * width, 5, 2, 2, bias=False)
        layers += [halve, nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024 * 4 * 4, 1, bias=False), nn.Sigmoid())


OWN: dict[str, Callable[[], nn.Module]] = {
    "siamese": Siamese,
    "m5": M5,
    "tcn": TCN,
    "dcgan": Generator,
    "dcgan_discriminator": discriminator,
}
