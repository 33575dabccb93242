"""The graph: named inputs and outputs, shared networks, and what `verify` holds of them."""

from dataclasses import replace

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph, Port, Value, module_name
from blockdsl.ops import Image, Signal, Tokens, Vector
from blockdsl.verifier import verify
from tests.graphs import IMAGE, NETWORKS, GraphMaker, conv, head, op, path


def pyramid() -> Graph:
    return NETWORKS["pyramid"]()


def test_ports() -> None:
    graph = NETWORKS["two_inputs"]()
    assert [(port.name, graph.shape_of(port.value)) for port in graph.inputs] == [
        ("image", IMAGE), ("time", Vector(5)),
    ]  # fmt: skip
    assert [port.name for port in pyramid().outputs] == ["p3", "p4", "p5"]
    assert graph.only_output("a test") == Vector(2)


def test_one_input_or_output_is_asked_for_with_its_purpose() -> None:
    with pytest.raises(ArchError, match=r"training takes .* one input; this one has 2: image, time"):
        NETWORKS["two_inputs"]().only_input("training")
    with pytest.raises(ArchError, match=r"training takes .* one output; this one has 3: p3, p4, p5"):
        pyramid().only_output("training")


def test_the_module_of_a_layer() -> None:
    graph = NETWORKS["shared_in_shared"]()
    modules = {layer.name: module_name(graph.module_path(layer)) for layer in graph.layers()}
    assert modules["one"] == "one"
    assert modules["outer1.unit1.conv1"] == modules["outer2.unit2.conv1"] == "outer.unit.conv1"
    assert modules["outer1.conv1"] == modules["outer2.conv1"] == "outer.conv1"
    assert modules["outer2.deep.head1.bn1"] == modules["head2.bn1"] == "head.bn1"
    assert modules["head1.bn1"] == "other.bn1"


def test_the_owner_is_the_first_layer_with_the_module() -> None:
    graph = pyramid()
    owners = {layer.name: graph.owner(layer).name for layer in graph.layers()}
    assert owners["head3.conv1"] == owners["head1.conv1"] == "head1.conv1"
    assert owners["conv2"] == "conv2"


def test_layouts_of_the_same_sizes_are_not_equal() -> None:
    assert Signal(4, 8) != Tokens(4, 8)
    assert Signal(4, 8) == (4, 8) == Tokens(4, 8)
    assert len({Signal(4, 8), Tokens(4, 8), Signal(4, 8)}) == 2


def broken(graph: Graph, name: str, **changes: object) -> Graph:
    """The graph with one layer changed."""
    layer = next(layer for layer in graph.layers() if layer.name == name)
    graph.add(replace(layer, **changes))  # type: ignore[arg-type]
    return graph


def test_applications_with_other_layers_are_no_graph() -> None:
    with pytest.raises(AssertionError, match="share weights and differ"):
        verify(broken(pyramid(), "head2.relu1", operation=op("TANH")))


def test_applications_with_other_weights_are_no_graph() -> None:
    net = GraphMaker()
    x = net.input("x", IMAGE)
    one = net.layer(conv(4), x, path="head[1]", shared="head")
    two = net.layer(conv(4), one, path="head[2]", shared="head")
    with pytest.raises(AssertionError, match=r"head\[2\] and head\[1\] share weights and differ"):
        net.graph(y=two)


def test_applications_with_other_wiring_are_no_graph() -> None:
    graph = pyramid()
    relu = next(layer for layer in graph.layers() if layer.name == "head2.relu1")
    (conv1,) = (layer for layer in graph.layers() if layer.name == "head2.conv1")
    with pytest.raises(AssertionError, match="share weights and differ"):
        verify(broken(graph, relu.name, inputs=(Value(conv1.id),)))


def test_an_application_without_layers_is_no_graph() -> None:
    graph = pyramid()
    graph.shared[path("head[4]")] = path("head")
    with pytest.raises(AssertionError, match="has no layers"):
        verify(graph)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"outputs": (Port("y", Value(1)), Port("y", Value(2)))}, "not different"),
        ({"outputs": ()}, "no outputs"),
        ({"outputs": (Port("y", Value(1, 3)),)}, "there is no"),
        ({"inputs": ()}, "the inputs are"),
        ({"inputs": (Port("x", Value(1)),)}, "the inputs are"),
    ],
)
def test_ports_that_are_none(ports: dict[str, tuple[Port, ...]], message: str) -> None:
    graph = pyramid()
    for name, value in ports.items():
        setattr(graph, name, value)
    with pytest.raises(AssertionError, match=message):
        verify(graph)


def test_inputs_come_first() -> None:
    net = GraphMaker()
    x = net.layer(op("RELU"), net.input("one", Image(4, 2, 2)))
    two = net.input("two", Image(4, 2, 2))
    with pytest.raises(AssertionError, match="do not come first"):
        net.graph(y=net.layer(op("SUM"), x, two), head=head(net, x))
