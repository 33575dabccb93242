"""Mobile networks, RegNets, ConvNeXt, U-Net, ViT: counts, outputs, gradients, what scales and drops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import blockdsl
from blockdsl.codegen import build
from blockdsl.ir import Graph
from blockdsl.ops.dropout import DropPath
from blockdsl.transfer import carry
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


def both(name: str) -> tuple[nn.Module, nn.Module, Graph]:
    """Ours with the reference's weights, and the reference, with weights that no layer leaves unseen."""
    reference = REFERENCES[name]
    torch.manual_seed(0)
    theirs = (reference.make_small or reference.make)().double()
    for p in theirs.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=p[0].numel() ** -0.5)
        else:
            nn.init.uniform_(p, 0.5, 1.5)
    for statistic in theirs.buffers():
        if statistic.is_floating_point():
            nn.init.uniform_(statistic, 0.5, 1.5)
    graph = blockdsl.load(name, input=reference.small).ir
    ours = build(graph).double()
    ours.load_state_dict(carry(theirs.state_dict(), graph)[0], strict=False)
    return ours, theirs, graph


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest, relative to the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("name", REFERENCES)
def test_outputs(name: str) -> None:
    ours, theirs, graph = both(name)
    x = torch.randn(2, *graph.input_shape, dtype=torch.float64)
    with torch.no_grad():
        assert difference(ours.eval()(x), theirs.eval()(x)) < 1e-9


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "regnety_400mf", "convnext_tiny", "vit_b_16"])
def test_gradients(name: str) -> None:
    """Of every parameter, in training mode but for what drops at random."""
    ours, theirs, graph = both(name)
    x = torch.randn(2, *graph.input_shape, dtype=torch.float64)
    for net in (ours, theirs):
        for module in net.train().modules():
            if type(module).__name__ in ("Dropout", "DropPath", "StochasticDepth"):
                module.eval()
        net(x).square().mean().backward()
    grads = {n: p.grad for n, p in theirs.named_parameters() if p.grad is not None}
    expected, _ = carry({**theirs.state_dict(), **grads}, graph)
    for parameter_name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        assert difference(parameter.grad, expected[parameter_name]) < 1e-9


@pytest.mark.parametrize(
    ("name", "millions", "multiply_adds"),
    [
        ("mobilenet_v1", "4.2", 569),  # tensorflow/models, mobilenet_v1.md
        ("mobilenet_v3_large", None, 217),  # tensorflow/models, mobilenet/README.md
        ("shufflenet_v1", "1.9", None),  # megvii-model/ShuffleNet-Series, README
        ("shufflenet_v2", "2.3", None),
        ("regnetx_400mf", "5.2", None),  # facebookresearch/pycls, MODEL_ZOO.md
        ("regnety_400mf", "4.3", None),
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
