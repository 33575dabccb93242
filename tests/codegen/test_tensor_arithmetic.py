"""Tensor arithmetic and trained tensors in networks, against plain PyTorch, with gradients."""

import pytest
import torch
from torch import Tensor

import blockdsl
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.receptive import receptive_fields
from blockdsl.analysis.summary import summarise
from blockdsl.codegen import build
from blockdsl.ir import Graph
from blockdsl.ops import Image, Vector
from tests.graphs import GraphMaker, conv, op


def fused() -> Graph:
    """(a * w + tanh(a)) / (a^2 + 1), with one weight for each channel, less the least of two."""
    net = GraphMaker()
    a = net.input("a", Image(4, 3, 5))
    weight = net.layer(op("WEIGHT", (4, 1, 1)), a)
    top = net.layer(op("SUM", True), net.layer(op("TANH"), a), weight)
    below = net.layer(op("SHIFT", 1), net.layer(op("POW", 2), a))
    ratio = net.layer(op("DIV"), top, below)
    least = net.layer(op("MIN"), ratio, a)
    return net.graph(y=net.layer(op("SLICE", 2, 3), net.layer(op("SUB"), ratio, least)))


def test_values_and_gradients_are_those_of_plain_torch() -> None:
    module = build(fused(), seed=0).double()
    (weight,) = module.parameters()
    x = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)

    def plain(x: Tensor) -> Tensor:
        ratio = (x.tanh() + weight) / (x**2 + 1)
        return (ratio - torch.minimum(ratio, x))[:, 1:4]

    found, expected = module(x), plain(x)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found.sin().sum(), [x, weight]),
        torch.autograd.grad(expected.sin().sum(), [x, weight]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def queries(deep: bool) -> Graph:
    """A trained vector that is handed the input, or (`deep`) a tensor behind a convolution."""
    net = GraphMaker()
    x = net.input("x", Image(3, 4, 4))
    y = net.layer(op("FLATTEN"), net.layer(op("GAP"), net.layer(conv(6), x)))
    weight = net.layer(op("WEIGHT", 6), y if deep else x)
    return net.graph(y=net.layer(op("MUL"), y, weight), alone=weight)


def test_a_trained_tensor_depends_on_nothing() -> None:
    assert canonical_hash(queries(True)) == canonical_hash(queries(False))
    graph = queries(True)
    field = receptive_fields(graph)[graph.outputs[1].value.node]
    assert field is not None
    assert field.size == (0, 0)
    assert summarise(graph).depth == 1
    assert summarise(graph).params == 3 * 6 * 9 + 6 + 6


def three(shared: bool) -> Graph:
    """Two trained tensors and three readers: which two of them share one tells networks apart."""
    net = GraphMaker()
    x = net.input("x", Vector(4))
    one, two = net.layer(op("WEIGHT", 4), x), net.layer(op("WEIGHT", 4), x)
    a, b = net.layer(op("MUL"), x, one), net.layer(op("SUB"), x, one if shared else two)
    return net.graph(a=a, b=b, c=net.layer(op("DIV"), x, two if shared else one))


def test_which_layers_read_one_trained_tensor_is_part_of_the_identity() -> None:
    assert canonical_hash(three(True)) != canonical_hash(three(False))


@pytest.mark.parametrize("join", ["SUM", "MEAN", "MAX", "MIN", "MUL", "CAT"])
def test_a_join_of_one_tensor_is_that_tensor(join: str) -> None:
    x = torch.randn(2, 3, 4, 4)
    module = blockdsl.parse(f"input 3x4x4\nnet TANH-[ID]-{join}-ABS").module()
    torch.testing.assert_close(module(x), x.tanh().abs())
