"""Weights carried into networks with several inputs, outputs and shared networks."""

from collections.abc import Callable

import pytest
import torch

from blockdsl.codegen import build, graph_of
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph
from blockdsl.ops import Image
from blockdsl.transfer import State, carry
from tests.graphs import NETWORKS, GraphMaker, conv, head, op


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_the_weights_of_the_module_come_back_under_their_names(make: Callable[[], Graph]) -> None:
    """A shared weight is one tensor on both sides."""
    graph = make()
    module = build(graph, seed=0)
    theirs = module.state_dict()
    tensors, report = carry(State(theirs), graph)
    assert tensors.keys() == theirs.keys()
    assert all(torch.equal(tensors[name], theirs[name]) for name in theirs)
    assert not report.missing and not report.unused
    build(graph_of(module), seed=1).load_state_dict(tensors)


def pyramid_of_two() -> Graph:
    net = GraphMaker()
    x = net.layer(conv(4, stride=2), net.input("image", Image(3, 16, 16)))
    one = net.block("head[1]", head, x, shared="head")
    two = net.block("head[2]", head, net.layer(op("RELU"), net.layer(conv(4, stride=2), x)), shared="head")
    return net.graph(p3=one, p4=two)


def test_foreign_names_are_those_of_the_module() -> None:
    """The report and a map speak of `head`, not of its applications."""
    graph = pyramid_of_two()
    theirs = {name.replace("head", "box"): t for name, t in build(graph, seed=0).state_dict().items()}
    tensors, report = carry(State(theirs), graph, pairs={"head": "box"})
    assert tensors.keys() == build(graph).state_dict().keys()
    assert ("head.conv1", "box.conv1") in report.matched
    with pytest.raises(ArchError, match="head1"):
        carry(State(theirs), graph, pairs={"head1": "box"})
