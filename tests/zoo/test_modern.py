"""Mobile networks, RegNets, ConvNeXt, U-Net, ViT: counts, and what scales and drops in them.

Their outputs and gradients are held against the same references in `test_proof`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import blockdsl
from blockdsl.ops.dropout import DropPath
from tests.zoo.detectors import YoloV5
from tests.zoo.modern_nets import REFERENCES, from_timm, torchvision


def parameters(make: Callable[[], nn.Module]) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in make().parameters())


@pytest.mark.parametrize("name", REFERENCES)
def test_counts(name: str) -> None:
    """Parameters, and MACs as PyTorch's flop counter has them (two flops each).

    In training mode, where PyTorch's attention is made of counted products.
    """
    ours = blockdsl.load(name)
    with torch.device("meta"):
        theirs = REFERENCES[name].make().train()
    with FlopCounterMode(display=False) as flops:
        theirs(torch.empty(2, *ours.input_shape, device="meta"))
    assert ours.summary().params == sum(p.numel() for p in theirs.parameters())
    assert ours.summary().macs == flops.get_total_flops() // 4
    assert ours.check() >= 5


@pytest.mark.parametrize(
    ("name", "millions", "multiply_adds"),
    [
        ("mobilenet_v1", "4.2", 569),  # tensorflow/models, mobilenet_v1.md
        ("mobilenet_v3_large", None, 217),  # tensorflow/models, mobilenet/README.md
        ("shufflenet_v1", "1.9", None),  # megvii-model/ShuffleNet-Series, README
        ("shufflenet_v2", "2.3", None),
        ("regnetx_400mf", "5.2", None),  # facebookresearch/pycls, MODEL_ZOO.md
        ("regnety_400mf", "4.3", None),
        ("nasnet_a_mobile", None, 564),  # Zoph et al. (2018), table 3; 5.3 million without the head
        ("yolov5s", "7.2", None),  # ultralytics/yolov5, README
        ("hrnet_w18", "21.3", None),  # HRNet/HRNet-Image-Classification, README
    ],
)
def test_published_figures(name: str, millions: str | None, multiply_adds: int | None) -> None:
    summary = blockdsl.load(name).summary()
    assert millions is None or f"{summary.params / 1e6:.1f}" == millions
    assert multiply_adds is None or round(summary.macs / 1e6) == multiply_adds


@pytest.mark.parametrize(
    ("name", "settings", "reference"),
    [
        ("mobilenet_v2", {"width": 0.5}, lambda: torchvision.mobilenet_v2(width_mult=0.5)),
        ("mobilenet_v2", {"width": 1.4}, lambda: torchvision.mobilenet_v2(width_mult=1.4)),
        ("mnasnet1_0", {"width": 0.5}, torchvision.mnasnet0_5),
        ("mnasnet1_0", {"width": 1.3}, torchvision.mnasnet1_3),
        ("efficientnet_b0", {"width": 2.0, "depth": 3.1}, torchvision.efficientnet_b7),
        (
            "regnetx_400mf",
            {"blocks": 16, "first": 48, "slope": 36.97, "step": 2.24, "group": 24},
            lambda: from_timm("regnetx_006"),
        ),
        (
            "regnety_400mf",
            {"blocks": 14, "first": 56, "slope": 38.84, "step": 2.4, "group": 16},
            lambda: from_timm("regnety_008"),
        ),
        (
            "vit_b_16",
            {"patch": 32, "width": 1024, "hidden": 4096, "heads": 16, "layers": 24},
            torchvision.vit_l_32,
        ),
        ("hrnet_w18", {"width": 32}, lambda: from_timm("hrnet_w32")),
        ("yolov5s", {"width": 0.25}, lambda: YoloV5(width=0.25)),
        ("yolov5s", {"width": 1.25, "depth": 1.33}, lambda: YoloV5(width=1.25, depth=1.33)),
    ],
)
def test_other_members(name: str, settings: dict[str, float], reference: Callable[[], nn.Module]) -> None:
    """What the files compute from a few numbers (widths, depths) comes out right for others too."""
    assert blockdsl.load(name, settings=settings).summary().params == parameters(reference)


@pytest.mark.parametrize(
    ("name", "widths", "depths"),
    [
        # The networks drawn in the paper.
        ("regnetx_400mf", (32, 64, 160, 384), (1, 2, 7, 12)),
        ("regnety_400mf", (48, 104, 208, 440), (1, 3, 6, 6)),
    ],
)
def test_regnet_stages(name: str, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    graph = blockdsl.load(name).ir
    for i, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
        assert graph.shape_of(graph.points[f"stage{i}"])[0] == width
        units = [p for p in graph.points if p.startswith(f"stage{i}.unit") and p.count(".") == 1]
        assert len(units) == depth


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_b3", "convnext_tiny"])
def test_stochastic_depth(name: str) -> None:
    """The probabilities grow over the residual branches as torchvision's do."""
    ours = [
        layer.operation.p
        for layer in blockdsl.load(name).ir.layers()
        if isinstance(layer.operation, DropPath)
    ]
    with torch.device("meta"):
        blocks = list(REFERENCES[name].make().modules())
    theirs = [
        block.stochastic_depth.p  # type: ignore[union-attr]
        for block in blocks
        if hasattr(block, "stochastic_depth") and getattr(block, "use_res_connect", True)
    ]
    assert len(ours) > 5
    assert ours == pytest.approx(theirs)
