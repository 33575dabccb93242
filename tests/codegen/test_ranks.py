"""Networks on signals and volumes, and with `pad=same` at a stride: built, written, exported, slid."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import FlopCounterMode

from blockdsl import ArchError
from blockdsl.analysis import receptive_fields, summarise
from blockdsl.codegen import build
from blockdsl.codegen.dense import dense_module
from blockdsl.codegen.layout import prefers_channels_last
from blockdsl.export.python import python_source
from blockdsl.export.traced import write_onnx, write_pt2
from blockdsl.ir import Graph
from blockdsl.ops import Image, Operation, Shape, Signal, Volume
from blockdsl.passes.densify import densify
from blockdsl.passes.refine import refine
from tests.export.running import network, program_of
from tests.graphs import GraphMaker, op

SHAPES = [Signal(2, 21), Image(2, 13, 11), Volume(2, 9, 11, 8)]


def chain(shape: Shape, *operations: Operation) -> Graph:
    """The operations one after the other."""
    net = GraphMaker()
    x = net.input("x", shape)
    for operation in operations:
        x = net.layer(operation, x)
    return net.graph(y=x)


def classifier(shape: Shape) -> Graph:
    """A network of every kind of layer that takes its rank from the layout."""
    return chain(
        shape,
        op("CONV", 8, 3, stride=2, pad="same"),
        op("BN"),
        op("RELU"),
        op("POOL", 3, stride=2, pad="same"),
        op("DWCONV", 3, pad=1),
        op("GN", 4),
        op("AVGPOOL", 3, stride=2, pad="same"),
        op("UP", 2, 6),
        op("LN"),
        op("CONV", 5, 3, pad=(1, 0) * (len(shape) - 1)),
        op("DROPOUT", 0.5, per="channel"),
        op("GAP"),
        op("FLATTEN"),
        op("FC", 3),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_python_is_the_module(shape: Shape) -> None:
    graph = classifier(shape)
    ours = build(graph).eval()
    source = python_source(program_of(graph))
    theirs = network(source).eval()
    assert "blockdsl" not in source
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, *shape)
    torch.testing.assert_close(theirs(x), ours(x))
    if not isinstance(shape, Image):
        assert "2d" not in source.replace("ConvTranspose2d", "").partition("class Network")[2]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_exported_files_say_the_same(shape: Shape, tmp_path: Path) -> None:
    graph = classifier(shape)
    module = build(graph).eval()
    x = torch.randn(3, *shape)
    with torch.no_grad():
        expected = module(x)
    write_pt2(graph, module, tmp_path / "net.pt2")
    write_onnx(graph, module, tmp_path / "net.onnx")
    loaded = torch.export.load(tmp_path / "net.pt2").module()
    torch.testing.assert_close(loaded(x), expected)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert np.allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_counts_are_those_of_pytorch(shape: Shape) -> None:
    graph = classifier(shape)
    module = build(graph).eval()
    with FlopCounterMode(display=False) as counter:
        module(torch.randn(1, *shape))
    summary = summarise(graph)
    assert 2 * summary.macs == counter.get_total_flops()
    assert summary.params == sum(p.numel() for p in module.parameters())
    assert not prefers_channels_last(graph) or isinstance(shape, Image)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_initialisation_has_the_fans_of_the_rank(shape: Shape) -> None:
    """He et al. 2015, fan-out: a convolution of 64 channels and 3 positions along each axis."""
    axes = len(shape) - 1
    weight = build(chain(shape, op("CONV", 512, 3, pad=1))).get_parameter("conv1.weight")
    assert weight.std().item() == pytest.approx((2 / (512 * 3**axes)) ** 0.5, rel=0.1)


# --- receptive fields


def seen(graph: Graph, shape: Shape) -> list[dict[int, tuple[int, int]]]:
    """Along each axis, the first and last input position that each output position reads."""
    module = build(graph).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.1)
    x = (torch.rand(1, *shape, dtype=torch.float64) + 0.1).requires_grad_()
    y: Tensor = module(x)
    found = []
    for axis in range(2, x.dim()):
        others = tuple(a for a in range(x.dim()) if a != axis)
        spans = {}
        for position in range(y.shape[axis]):
            (gradient,) = torch.autograd.grad(y.select(axis, position).sum(), x, retain_graph=True)
            places = gradient.abs().sum(others).nonzero()
            spans[position] = int(places.min()), int(places.max())
        found.append(spans)
    return found


WINDOWS: dict[str, tuple[Operation, ...]] = {
    "same": (op("CONV", 2, 3, stride=2, pad="same"), op("AVGPOOL", 4, stride=3, pad="same")),
    "even": (op("CONV", 2, 4, stride=2, pad="same"), op("CONV", 2, 3, pad="same", dilation=2)),
    "up": (op("UP", 2), op("CONV", 2, 3, stride=2), op("DECONV", 2, 3, stride=2, pad=1)),
    "adaptive": (op("AAP", 4), op("CONV", 2, 2)),
    "crop": (op("PAD", 2), op("CROP", 7), op("LPPOOL", 1, 3, stride=2)),
    "resize": (op("RESIZE", 12), op("DWCONV", 3)),
}


@pytest.mark.parametrize("operations", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fields_are_what_gradients_reach(shape: Shape, operations: tuple[Operation, ...]) -> None:
    graph = chain(shape, *operations)
    field = receptive_fields(graph)[graph.outputs[0].value.node]
    assert field is not None
    assert len(field.axes) == len(shape) - 1
    for axis, found, size in zip(field.axes, seen(graph, shape), shape[1:], strict=True):
        for position, span in found.items():
            stated = axis.at(position)
            assert stated is not None
            if stated[0] >= 0 and stated[1] < size:
                assert span == stated
            assert stated[0] <= span[0] and span[1] <= stated[1]


# --- dense evaluation


def test_a_network_of_signals_slides_over_a_longer_one() -> None:
    shape = Signal(2, 16)
    graph = chain(
        shape, op("CONV", 4, 3, stride=2), op("RELU"), op("POOL", 3, stride=2), op("FLATTEN"), op("FC", 3)
    )
    _slides(graph, shape, Signal(2, 32), step=4)


def test_a_network_of_volumes_slides_over_a_larger_one() -> None:
    shape = Volume(2, 4, 6, 6)
    graph = chain(shape, op("CONV", 4, (1, 3, 3)), op("POOL", 2), op("GAP"), op("FLATTEN"), op("FC", 3))
    _slides(graph, shape, Volume(2, 6, 10, 8), step=2)


def _slides(graph: Graph, window: Shape, larger: Shape, step: int) -> None:
    module = build(graph).eval()
    dense = dense_module(module, densify(graph, larger))
    x = torch.randn(1, *larger)
    answers = dense(x)
    places = torch.cartesian_prod(*(torch.arange(n) for n in answers.shape[2:])).reshape(-1, len(window) - 1)
    for place in places.tolist():
        part = x[(..., *(slice(i * step, i * step + n) for i, n in zip(place, window[1:], strict=True)))]
        torch.testing.assert_close(answers[(..., *place)], module(part))


def test_pads_that_would_change_with_the_size_are_refused_by_name() -> None:
    graph = chain(Image(2, 8, 8), op("CONV", 4, 3, stride=2, pad="same"), op("GAP"))
    with pytest.raises(ArchError) as refused:
        densify(graph, Image(2, 9, 9))
    assert refused.value.diagnostic.message == (
        "CONV(4,3,stride=2,pad=same) (conv1) cannot slide over a larger image: "
        "pad=same pads by (0,1,0,1) at 8x8 and by (1,1,1,1) at 9x9"
    )
    assert densify(graph, Image(2, 10, 12)).outputs  # the same pads
    pools = chain(Signal(2, 8), op("POOL", 3, stride=2, pad="same"), op("GAP"))
    with pytest.raises(ArchError, match=r"^error\[dense\]: POOL\(3,stride=2,pad=same\)"):
        densify(pools, Signal(2, 9))


def test_a_finer_step_keeps_the_pads() -> None:
    """Each second answer at a step of one is an answer at a step of two."""
    graph = chain(Image(2, 8, 8), op("CONV", 3, 3, stride=2, pad="same"), op("CONV", 3, 4, pad="same"))
    coarse = build(graph).eval()
    fine = dense_module(coarse, refine(graph, graph.points["conv1"]))
    x = torch.randn(1, 2, 8, 8)
    torch.testing.assert_close(fine(x)[:, :, ::2, ::2], coarse(x))


# --- what others see


def test_arguments_are_spelled_for_the_layout() -> None:
    made: list[Callable[[], Graph]] = [lambda s=s: chain(s, op("CONV", 4, 3)) for s in SHAPES]  # type: ignore[misc]
    assert [make().nx.nodes[1]["args"]["kernel"] for make in made] == [(3,), (3, 3), (3, 3, 3)]


def test_a_residual_unit_of_a_signal_equals_one_by_hand() -> None:
    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4)
            self.conv2 = nn.Conv1d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x + self.conv2(F.relu(self.bn1(self.conv1(x)))))

    net = GraphMaker()
    x = net.input("x", Signal(4, 10))
    y = net.layer(op("RELU"), net.layer(op("BN"), net.layer(op("CONV", 4, 3, pad=1), x)))
    y = net.layer(op("SUM"), x, net.layer(op("CONV", 4, 3, pad=1), y))
    ours, theirs = build(net.graph(y=net.layer(op("RELU"), y))).eval(), ByHand().eval()
    theirs.load_state_dict(ours.state_dict())
    sample = torch.randn(2, 4, 10)
    torch.testing.assert_close(ours(sample), theirs(sample))
