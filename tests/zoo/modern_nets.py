"""The networks after 2016 from elsewhere: torchvision's, timm's, pytorchcv's, and U-Net from its paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from tests.references import torchvision_models

torchvision = torchvision_models()


@dataclass(frozen=True)
class Reference:
    """A network of the zoo from elsewhere.

    Attributes:
        source: where it is from, in words.
        make: makes it, for the input of the zoo's file.
        small: a smaller input that it takes, without the batch axis; None if it takes only its own.
        make_small: makes it for that input, where this is another network.
    """

    source: str
    make: Callable[[], nn.Module]
    small: tuple[int, int, int] | None = (3, 64, 64)
    make_small: Callable[[], nn.Module] | None = None


class UNet(nn.Module):
    """U-Net as published: figure 1 of Ronneberger et al. 2015, details from the authors' Caffe network."""

    def __init__(self, classes: int = 2, widths: tuple[int, ...] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        self.downs = nn.ModuleList(map(_double, (1, *widths[:-1]), widths))
        self.ups = nn.ModuleList(map(_Up, reversed(widths[:-1])))
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, classes, H - 184, W - 184)."""
        seen = [self.downs[0](x)]
        for down in self.downs[1:]:
            seen.append(down(F.max_pool2d(seen[-1], 2)))
        x = seen.pop()
        for up in self.ups:
            x = up(x, seen.pop())
        return self.head(x)  # type: ignore[no-any-return]


class _Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(2 * channels, channels, 2, 2)
        self.pair = _double(2 * channels, channels)

    def forward(self, x: Tensor, across: Tensor) -> Tensor:
        x = self.enlarge(x).relu()
        margin = (across.shape[2] - x.shape[2]) // 2
        return self.pair(torch.cat([x, across[:, :, margin:-margin, margin:-margin]], 1))  # type: ignore[no-any-return]


def _double(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3), nn.ReLU(), nn.Conv2d(outputs, outputs, 3), nn.ReLU())


def from_timm(name: str) -> nn.Module:
    """A network of timm, with random weights."""
    import timm  # after `torchvision_models`, without which it may not import

    return timm.create_model(name)


def from_pytorchcv(name: str) -> nn.Module:
    """A network of pytorchcv, with random weights."""
    from pytorchcv.model_provider import get_model  # type: ignore[import-untyped]

    return get_model(name)  # type: ignore[no-any-return]


def _torchvision(name: str) -> Reference:
    return Reference(f"torchvision {name}", getattr(torchvision, name))


REFERENCES: dict[str, Reference] = {
    "mobilenet_v1": Reference("pytorchcv mobilenet_w1", lambda: from_pytorchcv("mobilenet_w1"), None),
    "mobilenet_v2": _torchvision("mobilenet_v2"),
    "mobilenet_v3_large": _torchvision("mobilenet_v3_large"),
    "mobilenet_v3_small": _torchvision("mobilenet_v3_small"),
    "mnasnet1_0": _torchvision("mnasnet1_0"),
    **{f"efficientnet_b{i}": _torchvision(f"efficientnet_b{i}") for i in range(5)},
    "shufflenet_v1": Reference(
        "pytorchcv shufflenet_g3_w1", lambda: from_pytorchcv("shufflenet_g3_w1"), None
    ),
    "shufflenet_v2": _torchvision("shufflenet_v2_x1_0"),
    "xception": Reference("timm legacy_xception", lambda: from_timm("legacy_xception"), (3, 75, 75)),
    "regnetx_400mf": Reference("timm regnetx_004", lambda: from_timm("regnetx_004")),
    "regnety_400mf": Reference("timm regnety_004", lambda: from_timm("regnety_004")),
    "convnext_tiny": _torchvision("convnext_tiny"),
    "unet": Reference("figure 1 of the paper, in the tests", UNet, (1, 188, 188)),
    "vit_b_16": Reference(
        "torchvision vit_b_16", torchvision.vit_b_16, make_small=lambda: torchvision.vit_b_16(image_size=64)
    ),
}
