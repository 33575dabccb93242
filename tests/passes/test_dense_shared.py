"""Dense evaluation of graphs with shared networks: equal to the crops one by one, or refused."""

import pytest
import torch
from torch import Tensor, nn

from blockdsl.codegen import build, check_module, dense_module
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph, Value
from blockdsl.ops import Image
from blockdsl.passes.densify import densify
from blockdsl.passes.refine import refine
from tests.graphs import GraphMaker, op


def classify(net: GraphMaker, x: Value) -> Value:
    """A part of a classifier that keeps the size of what flows in."""
    return net.layer(op("RELU"), net.layer(op("BN"), net.layer(op("CONV", 4, 1), x)))


def twice() -> Graph:
    """One network applied twice, and two outputs."""
    net = GraphMaker()
    x = net.layer(op("CONV", 4, 3, stride=2), net.input("image", Image(2, 9, 9)))
    x = net.block("part[1]", classify, x, shared="part")
    x = net.layer(op("POOL", 2), x)
    x = net.block("part[2]", classify, x, shared="part")
    flat = net.layer(op("FLATTEN"), x)
    return net.graph(left=net.layer(op("FC", 3), flat), right=net.layer(op("FC", 2), flat))


def trained(graph: Graph) -> nn.Module:
    module = build(graph, seed=0, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point() and tensor.ndim < 2:
            tensor.detach().uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def crops(module: nn.Module, x: Tensor, step: int) -> list[Tensor]:
    rows = range(0, x.shape[2] - 8, step)
    answers = [[module(x[:, :, i : i + 9, j : j + 9]) for j in rows] for i in rows]
    return [torch.stack([torch.stack([a[k] for a in row], -1) for row in answers], -2) for k in (0, 1)]


@torch.no_grad()
def test_a_shared_network_slides_over_a_larger_image() -> None:
    graph = twice()
    module, dense = trained(graph), densify(graph, (2, 17, 17))
    assert [port.name for port in dense.outputs] == ["left", "right"]
    assert dense.shared == graph.shared
    slid = dense_module(module, dense)
    check_module(dense, slid)
    x = torch.rand(2, 2, 17, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for found, wanted in zip(slid(x), crops(module, x, 4), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_windows_that_would_differ_are_refused_with_both_places() -> None:
    """A global pool would slide as a window of another size in each application."""
    net = GraphMaker()

    def pooled(net: GraphMaker, x: Value) -> Value:
        return net.layer(op("FC", 3), net.layer(op("FLATTEN"), net.layer(op("GAP"), x)))

    x = net.layer(op("CONV", 4, 3), net.input("x", Image(2, 9, 9)))
    one = net.block("head[1]", pooled, x, shared="head")
    two = net.block("head[2]", pooled, net.layer(op("POOL", 2), x), shared="head")
    graph = net.graph(one=one, two=two)
    with pytest.raises(ArchError) as refused:
        densify(graph, (2, 17, 17))
    text = str(refused.value)
    assert "slide over a larger image: head1.gap1 and head2.gap1 share weights" in text
    assert "would be AVGPOOL(7,stride=1)" in text and "would be AVGPOOL(3,stride=1)" in text


def test_a_stride_inside_of_a_shared_network_is_not_undone_in_one_application() -> None:
    net = GraphMaker()

    def step(net: GraphMaker, x: Value) -> Value:
        return net.layer(op("CONV", 2, 3, stride=2, pad=1), x)

    x = net.block("step[1]", step, net.input("x", Image(2, 16, 16)), shared="step")
    graph = net.graph(y=net.block("step[2]", step, x, shared="step"))
    with pytest.raises(ArchError, match=r"finer step: step1\.conv1 and step2\.conv1 share weights"):
        refine(densify(graph, (2, 32, 32)), graph.point("step[2].conv[1]"))


def test_several_inputs_do_not_slide() -> None:
    net = GraphMaker()
    image, time = net.input("image", Image(2, 9, 9)), net.input("time", Image(2, 9, 9))
    with pytest.raises(ArchError, match=r"dense evaluation takes .* one input; this one has 2: image, time"):
        densify(net.graph(y=net.layer(op("SUM"), image, time)), (2, 17, 17))
