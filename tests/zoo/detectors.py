"""Detectors from elsewhere, up to the raw outputs of their heads: torchvision's RetinaNet, and YOLOv5."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tests.zoo.modern_nets import torchvision


class RetinaNet(nn.Module):
    """torchvision's retinanet_resnet50_fpn for COCO's 80 classes, without anchors and what follows."""

    def __init__(self) -> None:
        super().__init__()
        net = torchvision.detection.retinanet_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=80
        )
        self.backbone, self.head = net.backbone, net.head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """For each of P3 to P7 the scores of the classes and the boxes."""
        classify, regress = self.head.classification_head, self.head.regression_head
        return tuple(
            out
            for level in self.backbone(x).values()
            for out in (classify.cls_logits(classify.conv(level)), regress.bbox_reg(regress.conv(level)))
        )


def papers_retinanet(net: nn.Module) -> None:
    """P6 of C5 and the stride of a unit on its first 1x1, as published."""
    assert isinstance(net, RetinaNet)
    net.backbone.fpn.extra_blocks = torchvision.detection.retinanet.LastLevelP6P7(2048, 256)
    for unit in net.backbone.modules():
        if hasattr(unit, "conv3"):
            unit.conv1.stride, unit.conv2.stride = unit.conv2.stride, unit.conv1.stride


class YoloV5(nn.Module):
    """YOLOv5 as of release 7.0, from the authors' models/yolov5s.yaml and models/common.py."""

    def __init__(self, width: float = 0.5, depth: float = 0.33, classes: int = 80, anchors: int = 3) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = (math.ceil(c * width / 8) * 8 for c in (64, 128, 256, 512, 1024))
        three, six, nine = (max(round(n * depth), 1) for n in (3, 6, 9))
        self.to_p3 = nn.Sequential(
            _Conv(3, c1, 6, 2, 2),
            _Conv(c1, c2, 3, 2, 1), _C3(c2, c2, three),
            _Conv(c2, c3, 3, 2, 1), _C3(c3, c3, six),
        )  # fmt: skip
        self.to_p4 = nn.Sequential(_Conv(c3, c4, 3, 2, 1), _C3(c4, c4, nine))
        self.to_p5 = nn.Sequential(
            _Conv(c4, c5, 3, 2, 1), _C3(c5, c5, three), _SPPF(c5, c5), _Conv(c5, c4)
        )  # fmt: skip
        self.up_p4 = nn.Sequential(_C3(2 * c4, c4, three, shortcut=False), _Conv(c4, c3))
        self.up_p3 = _C3(2 * c3, c3, three, shortcut=False)
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")
        self.down_p4, self.out_p4 = _Conv(c3, c3, 3, 2, 1), _C3(2 * c3, c4, three, shortcut=False)
        self.down_p5, self.out_p5 = _Conv(c4, c4, 3, 2, 1), _C3(2 * c4, c5, three, shortcut=False)
        self.detect = nn.ModuleList(nn.Conv2d(c, anchors * (5 + classes), 1) for c in (c3, c4, c5))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> what is detected at H/8, H/16 and H/32."""
        p3 = self.to_p3(x)
        p4 = self.to_p4(p3)
        p5 = self.to_p5(p4)
        up4 = self.up_p4(torch.cat([self.enlarge(p5), p4], 1))
        small = self.up_p3(torch.cat([self.enlarge(up4), p3], 1))
        medium = self.out_p4(torch.cat([self.down_p4(small), up4], 1))
        large = self.out_p5(torch.cat([self.down_p5(medium), p5], 1))
        return tuple(map(lambda head, x: head(x), self.detect, (small, medium, large)))


class _Conv(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, pad: int = 0) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False),
            nn.BatchNorm2d(outputs, 1e-3, 0.03),
            nn.SiLU(),
        )


class _Unit(nn.Module):
    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.cv1, self.cv2 = _Conv(channels, channels), _Conv(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class _C3(nn.Module):
    def __init__(self, inputs: int, outputs: int, units: int, shortcut: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.cv1 = _Conv(inputs, half)
        self.m = nn.Sequential(*(_Unit(half, shortcut) for _ in range(units)))
        self.cv2, self.cv3 = _Conv(inputs, half), _Conv(2 * half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))  # type: ignore[no-any-return]


class _SPPF(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = _Conv(inputs, inputs // 2), _Conv(2 * inputs, outputs)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.cv1(x)]
        for _ in range(3):
            seen.append(self.pool(seen[-1]))
        return self.cv2(torch.cat(seen, 1))  # type: ignore[no-any-return]
