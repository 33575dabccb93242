"""Trained tensors and arithmetic with repeated axes in whole networks: slid, drawn, carried over, shared."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.codegen import build, check_module
from blockdsl.codegen.dense import dense_module
from blockdsl.passes.densify import densify
from blockdsl.transfer import State, carry

WEIGHTED = """
input 3x9x9
net
    let a, b = in-CONV(8,3)-SPLIT(2)
    let moved = [a, a-CHANNELMEAN]-SUB(broadcast=yes)
    let scaled = [[moved, WEIGHT(4x1x1, std=1)]-SUM(broadcast=yes), b-SQUARE-SHIFT(1)]-DIV
    let least = [scaled, WEIGHT(1x1x1, mean=1)]-MIN(broadcast=yes)
    [least, WEIGHT(4x1x1, std=1)]-MAX(broadcast=yes)-CONV(5,7)-FLATTEN
"""


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 5, 7)
        for number, shape in enumerate(((4, 1, 1), (1, 1, 1), (4, 1, 1)), 1):
            part = nn.Module()
            part.weight = nn.Parameter(torch.zeros(shape))
            self.add_module(f"weight{number}", part)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.conv1(x).chunk(2, 1)
        one, two, three = (self.get_parameter(f"weight{number}.weight") for number in (1, 2, 3))
        gated = (a - a.mean(1, keepdim=True) + one) / (b**2 + 1)
        y: Tensor = self.conv2(torch.maximum(torch.minimum(gated, two), three))
        return y.flatten(1)


def with_weights(module: nn.Module) -> nn.Module:
    """The same module with random weights."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return module.double().eval()


def test_values_and_gradients_are_those_of_plain_torch() -> None:
    ours = with_weights(blockdsl.parse(WEIGHTED).module())
    theirs = Weighted().double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))
    for name, parameter in ours.named_parameters():
        (found,) = torch.autograd.grad(ours(x).sin().sum(), parameter)
        (wanted,) = torch.autograd.grad(theirs(x).sin().sum(), theirs.get_parameter(name))
        torch.testing.assert_close(found, wanted)


@torch.no_grad()
def test_slid_over_a_larger_image() -> None:
    net = blockdsl.parse(WEIGHTED)
    module, graph = with_weights(net.module()), densify(net.ir, (3, 12, 14))
    slid = dense_module(module, graph)
    check_module(graph, slid)
    x = torch.randn(2, 3, 12, 14, dtype=torch.float64)
    found = slid(x)
    assert found.shape == (2, 5, 4, 6)
    for i in range(4):
        for j in range(6):
            torch.testing.assert_close(found[:, :, i, j], module(x[:, :, i : i + 9, j : j + 9]))


@torch.no_grad()
def test_a_trained_vector_behind_the_last_pool_slides() -> None:
    net = blockdsl.parse("input 3x9x9 net let y = in-CONV(4,3)-GAP-FLATTEN (y + WEIGHT(4, std=1))-FC(5)")
    module, graph = with_weights(net.module()), densify(net.ir, (3, 11, 10))
    x = torch.randn(2, 3, 11, 10, dtype=torch.float64)
    found = dense_module(module, graph)(x)
    for i in range(3):
        for j in range(2):
            torch.testing.assert_close(found[:, :, i, j], module(x[:, :, i : i + 9, j : j + 9]))


def test_a_gate_for_the_whole_image_cannot_slide() -> None:
    net = blockdsl.parse("input 3x9x9 net CONV(4,3)-SUB(ID, CONV(4,7), broadcast=yes)-CONV(5,7)-FLATTEN")
    with pytest.raises(blockdsl.ArchError, match="it joins a number for the whole image with one for each"):
        densify(net.ir, (3, 12, 12))


def test_drawn() -> None:
    dot = blockdsl.parse(WEIGHTED).picture("dot", detail=True).data.decode()
    for word in ("weight 4×1×1", "weight 1×1×1", "−", "÷", "min", "max"):
        assert word in dot
    assert b"weight 4" in blockdsl.parse(WEIGHTED).picture("html")


def test_weights_from_elsewhere() -> None:
    """Trained tensors of one shape could be exchanged: the order of registration decides, where it may."""
    theirs = with_weights(Weighted())
    net = blockdsl.parse(WEIGHTED)
    with pytest.raises(blockdsl.ArchError, match=r"weight1 and weight3 fit weight\[1\] and weight\[3\]"):
        carry(State(theirs.state_dict()), net.ir)
    tensors, report = carry(State(theirs.state_dict()), net.ir, trust_order=True)
    module = build(net.ir, dtype=torch.float64).eval()
    module.load_state_dict(tensors)
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(module(x), theirs(x))
    assert not report.missing and not report.unused


SHARED = """
input a = 4x5x5
input b = 4x6x3
block moved =
    let y = [in, WEIGHT(4x1x1, std=1)]-SUM(broadcast=yes)
    y-DIV(ID, SQUARE-SHIFT(1))-SUB(ID, GAP, broadcast=yes)
shared unit = moved
net [a-unit, b-unit-unit]
"""


def test_shared() -> None:
    net = blockdsl.parse(SHARED)
    module = with_weights(net.module())
    (name,) = module.state_dict()
    assert name == "unit.weight1.weight" and net.summary().params == 4
    weight = module.get_parameter(name)
    a, b = torch.randn(2, 4, 5, 5, dtype=torch.float64), torch.randn(2, 4, 6, 3, dtype=torch.float64)

    def unit(x: Tensor) -> Tensor:
        y = x + weight
        y = y / (y**2 + 1)
        return y - y.mean((2, 3), keepdim=True)

    found = module(a, b)
    torch.testing.assert_close(found, (unit(a), unit(unit(b))))
    torch.testing.assert_close(
        torch.autograd.grad(found[1].sin().sum(), weight),
        torch.autograd.grad(unit(unit(b)).sin().sum(), weight),
    )


HEADS = """
input image = 3x8x8
input time  = 5
shared head = CONV(2,1)-GAP-FLATTEN
block stage(c, t) = (CONV(c,3,p1) + (t-FC(c)-IMAGE(1x1)-UPSAMPLE(8)))-RELU-AUX(early, head, weight=0.3)
net
    let p3 = image-stage(4, time)
    let p4 = p3-CONV(4,3,p1)-AUX(late, POOL(2)-CONV(3,1), weight=0.5)
    [p3, scores:(p4-head)]
"""


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Module()
        self.head.conv1 = nn.Conv2d(4, 2, 1)
        self.stage1 = nn.Module()
        self.stage1.conv1, self.stage1.fc1 = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(5, 4)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.late = nn.Module()
        self.late.conv1 = nn.Conv2d(4, 3, 1)

    def forward(self, image: Tensor, time: Tensor) -> tuple[object, ...]:
        moved = self.stage1.fc1(time)[:, :, None, None]
        p3 = torch.relu(self.stage1.conv1(image) + moved)
        p4 = self.conv1(p3)
        early, late = self.head.conv1(p3).mean((2, 3)), self.late.conv1(nn.functional.max_pool2d(p4, 2))
        outputs = p3, self.head.conv1(p4).mean((2, 3))
        return (outputs, {"early": early, "late": late}) if self.training else outputs


def test_heads_beside_several_outputs() -> None:
    net = blockdsl.parse(HEADS)
    check_module(net.ir, net.module())
    ours = with_weights(net.module())
    theirs = Heads().double()
    theirs.load_state_dict(ours.state_dict())
    given = torch.randn(2, 3, 8, 8, dtype=torch.float64), torch.randn(2, 5, dtype=torch.float64)
    for training in (False, True):
        found, wanted = ours.train(training)(*given), theirs.train(training)(*given)
        torch.testing.assert_close(found, wanted)
    outputs, heads = found
    assert ours.output_names == ("p3", "scores") and list(heads) == ["early", "late"]
    total = sum(y.sin().sum() for y in (*outputs, *heads.values()))
    again, parts = wanted
    plain = sum(y.sin().sum() for y in (*again, *parts.values()))
    for name, parameter in ours.named_parameters():
        (one,) = torch.autograd.grad(total, parameter, retain_graph=True)
        (other,) = torch.autograd.grad(plain, theirs.get_parameter(name), retain_graph=True)
        torch.testing.assert_close(one, other)


def test_files_and_figures_of_heads_beside_several_outputs(tmp_path: Path) -> None:
    net = blockdsl.parse(HEADS)
    module = with_weights(net.module()).float()
    files = [tmp_path / f"net.{end}" for end in ("py", "pt2", "onnx")]
    net.export(*files, module=module)
    given = torch.randn(2, 3, 8, 8), torch.randn(2, 5)
    spec = spec_from_file_location("written", files[0])
    assert spec is not None and spec.loader is not None
    written = module_from_spec(spec)
    spec.loader.exec_module(written)
    alone = written.Network()
    alone.load_state_dict(module.state_dict())
    for training in (False, True):
        torch.testing.assert_close(alone.train(training)(*given), module.train(training)(*given))
    wanted = module.eval()(*given)
    torch.testing.assert_close(torch.export.load(files[1]).module()(*given), wanted)
    session = onnxruntime.InferenceSession(files[2])
    assert [port.name for port in session.get_outputs()] == ["p3", "scores"]
    found = session.run(None, {"image": given[0].numpy(), "time": given[1].numpy()})
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other, rtol=1e-4, atol=1e-5)
    summary = net.summary()
    # the shared head is used in inference as well: only the other one is auxiliary
    assert summary.params_aux == 4 * 3 + 3
    assert summary.params == sum(p.numel() for p in Heads().parameters())
    assert summary.memory.training > summary.memory.inference
    assert "p3 4x8x8, scores 2" in str(summary)
