"""The hash of a network: the same however it is written, another where weights or ports differ."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.ir import Auxiliary, Graph, Layer, Path, Port, Segment, Value
from blockdsl.ops import Image, Operation, Shape, Signal, Tokens, Vector
from blockdsl.verifier import verify
from tests.graphs import IMAGE, NETWORKS, GraphMaker, conv, graphs, head, op


def modules(graph: Graph) -> dict[int, str]:
    """The module of each layer."""
    return {layer.id: ".".join(map(str, graph.module_path(layer))) for layer in graph.layers()}


def rewritten(graph: Graph, random: Random, module_of: Mapping[int, str] | None = None) -> Graph:
    """The same network without blocks, in another order, under other names.

    Layers of one module, by default those of the network, are applications of one shared layer.
    """
    module_of = module_of or modules(graph)
    order = [layer for layer in graph.layers() if layer.is_input]
    waiting = [layer for layer in graph.layers() if not layer.is_input]
    random.shuffle(waiting)
    while waiting:
        placed = {layer.id for layer in order}
        following = next(one for one in waiting if all(value.node in placed for value in one.inputs))
        order.append(following)
        waiting.remove(following)
    new = {layer.id: place for place, layer in enumerate(order)}
    made, users = Graph(), list(module_of.values())
    labels = dict(zip(users, random.sample(range(len(users)), len(users)), strict=True))
    for place, layer in enumerate(order):
        inputs = [value._replace(node=new[value.node]) for value in layer.inputs]
        if layer.operation.commutative:
            random.shuffle(inputs)
        path: Path = (Segment(f"layer{place}"),)
        if users.count(module_of[layer.id]) > 1:
            made.shared[path] = (Segment("module", labels[module_of[layer.id]]),)
        made.add(replace(layer, id=place, inputs=tuple(inputs), path=path, call=None))
    made.inputs, made.outputs = (
        tuple(Port(port.name, port.value._replace(node=new[port.value.node])) for port in ports)
        for ports in (graph.inputs, graph.outputs)
    )
    made.auxiliaries = [
        Auxiliary(one.name, one.value._replace(node=new[one.value.node]), one.weight)
        for one in graph.auxiliaries
    ]
    verify(made)
    return made


def weighted(graph: Graph) -> list[Layer]:
    """Layers whose weights are used by a result."""
    needed: set[int] = set()
    waiting = [value.node for value in graph.results()]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += [value.node for value in graph.layer(node).inputs]
    return [
        layer
        for layer in graph.layers()
        if layer.id in needed and layer.operation.weights(*graph.input_shapes(layer))
    ]


def kind(graph: Graph, layer: Layer) -> tuple[Operation, dict[str, tuple[int, ...]]]:
    """What layers must have in common to share weights."""
    return layer.operation, layer.operation.weights(*graph.input_shapes(layer))


@pytest.mark.parametrize("name", NETWORKS)
def test_names_blocks_and_the_order_of_writing_do_not_count(name: str) -> None:
    graph = NETWORKS[name]()
    again = {canonical_hash(rewritten(graph, Random(seed))) for seed in range(5)}
    assert again == {canonical_hash(graph)}


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=80)
def test_so_it_is_in_any_network(graph: Graph, random: Random) -> None:
    assert canonical_hash(rewritten(graph, random)) == canonical_hash(graph)


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=80)
def test_where_one_shares_and_the_other_does_not_they_differ(graph: Graph, random: Random) -> None:
    shares = modules(graph)
    for layer in weighted(graph):
        own = [one for one in weighted(graph) if shares[one.id] == shares[layer.id]]
        if len(own) > 1:
            alone = rewritten(graph, random, {**shares, layer.id: "alone"})
            assert canonical_hash(alone) != canonical_hash(graph)
        other = [
            one
            for one in weighted(graph)
            if shares[one.id] != shares[layer.id] and kind(graph, one) == kind(graph, layer)
        ]
        if other:
            moved = shares[other[0].id]
            together = {n: shares[layer.id] if module == moved else module for n, module in shares.items()}
            assert canonical_hash(rewritten(graph, random, together)) != canonical_hash(graph)


def partitions(count: int) -> Iterator[tuple[int, ...]]:
    """All ways to put so many things into groups, as the group of each."""
    for groups in product(range(count), repeat=count):
        if all(group <= max((-1, *groups[:place])) + 1 for place, group in enumerate(groups)):
            yield groups


def regrouped(groups: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """Groups of things in another order, numbered as they come."""
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(groups[place], len(numbers)) for place in order)


def chains(groups: tuple[int, ...], join: str) -> Graph:
    """Two chains of two equal layers each, which share weights by groups."""
    net = GraphMaker()
    x = net.input("x", Image(2, 4, 4))
    ends = []
    for chain in (0, 1):
        y = x
        for place in (2 * chain, 2 * chain + 1):
            y = net.layer(conv(2), y, path=f"c{place}", shared=f"m{groups[place]}")
        ends.append(y)
    return net.graph(y=net.layer(op(join), *ends))


@pytest.mark.parametrize("join", ["SUM", "CAT"])
def test_two_ways_to_share_are_equal_where_they_are_the_same_but_for_symmetry(join: str) -> None:
    """The chains of a sum can be exchanged; f(g(x)) + g(f(x)) is not f(f(x)) + g(g(x))."""
    symmetries = [(0, 1, 2, 3), (2, 3, 0, 1)] if join == "SUM" else [(0, 1, 2, 3)]
    classes: dict[tuple[int, ...], set[str]] = {}
    for groups in partitions(4):
        same = min(regrouped(groups, order) for order in symmetries)
        classes.setdefault(same, set()).add(canonical_hash(chains(groups, join)))
    assert all(len(hashes) == 1 for hashes in classes.values())
    assert len({*map(frozenset, classes.values())}) == len(classes) == (11 if join == "SUM" else 15)


def test_a_network_that_is_shared_is_its_layers_shared() -> None:
    """Blocks do not count: one shared network, or each of its layers shared."""
    one, two = GraphMaker(), GraphMaker()
    x, y = one.input("x", IMAGE), two.input("x", IMAGE)
    results = [
        one.block(f"head[{i}]", head, x if i == 1 else one.layer(op("TANH"), x), shared="head")
        for i in (1, 2)
    ]
    layers = (conv(4), op("BN"), op("RELU"), conv(2, 1))
    others = []
    for index in (1, 2):
        z = y if index == 1 else two.layer(op("TANH"), y)
        for place, operation in enumerate(layers):
            z = two.layer(operation, z, path=f"a{index}{place}", shared=f"m{place}")
        others.append(z)
    first = one.graph(y=one.layer(op("CAT"), *results))
    assert canonical_hash(first) == canonical_hash(two.graph(y=two.layer(op("CAT"), *others)))


def test_what_has_no_weights_is_not_shared() -> None:
    def activated(shared: str) -> Graph:
        net = GraphMaker()
        x = net.input("x", IMAGE)
        for index in (1, 2):
            x = net.layer(op("RELU"), x, path=f"act[{index}]", shared=shared)
        return net.graph(y=x)

    assert canonical_hash(activated("act")) == canonical_hash(activated(""))


def test_an_application_that_feeds_nothing_shares_nothing() -> None:
    def network(twice: bool) -> Graph:
        net = GraphMaker()
        x = net.input("x", IMAGE)
        y = net.layer(conv(3), x, path="proj[1]", shared="proj")
        if twice:
            net.layer(conv(3), y, path="proj[2]", shared="proj")
        return net.graph(y=y)

    assert canonical_hash(network(True)) == canonical_hash(network(False))


def test_statistics_are_shared_as_weights_are() -> None:
    def network(shared: str) -> Graph:
        net = GraphMaker()
        x = net.input("x", IMAGE)
        for index in (1, 2):
            x = net.layer(op("BN", affine=False), x, path=f"bn[{index}]", shared=shared)
        return net.graph(y=x)

    assert canonical_hash(network("bn")) != canonical_hash(network(""))


# --- inputs and outputs


def joined(shapes: Mapping[str, Shape], join: str, order: tuple[int, ...] = (0, 1)) -> Graph:
    net = GraphMaker()
    values = [net.input(name, shape) for name, shape in shapes.items()]
    sides = [net.layer(op("SCALE", 2), values[0]), net.layer(op("TANH"), values[1])]
    return net.graph(y=net.layer(op(join), *(sides[place] for place in order)))


def test_inputs_are_told_apart_by_their_places() -> None:
    two = {"a": Vector(4), "b": Vector(4)}
    net = GraphMaker()
    a, b = net.input("a", Vector(4)), net.input("b", Vector(4))
    swapped = net.graph(y=net.layer(op("SUM"), net.layer(op("TANH"), a), net.layer(op("SCALE", 2), b)))
    assert canonical_hash(joined(two, "SUM")) == canonical_hash(joined(two, "SUM", (1, 0)))
    assert canonical_hash(joined(two, "CAT")) != canonical_hash(joined(two, "CAT", (1, 0)))
    assert canonical_hash(joined(two, "SUM")) != canonical_hash(swapped)


def outputs(**ports: Value) -> Graph:
    net = GraphMaker()
    x = net.input("x", IMAGE)
    values = [x, net.layer(op("TANH"), x), net.layer(conv(2), x)]
    return net.graph(**{name: values[value.node] for name, value in ports.items()})


def test_names_and_order_of_several_outputs_count() -> None:
    a, b = Value(1), Value(2)
    found = [
        outputs(one=a, two=b),
        outputs(two=b, one=a),
        outputs(one=b, two=a),
        outputs(one=a, other=b),
        outputs(one=a),
        outputs(one=a, two=b, again=a),
        outputs(one=a, two=a),
    ]
    assert len({*map(canonical_hash, found)}) == len(found)


def test_the_only_input_and_the_only_output_are_the_same_under_any_name() -> None:
    named = {canonical_hash(replace(g, inputs=(Port("image", Value(0)),))) for g in [outputs(y=Value(1))]}
    assert {canonical_hash(outputs(y=Value(1))), canonical_hash(outputs(logits=Value(1)))} == named


def test_names_of_several_inputs_count() -> None:
    assert canonical_hash(joined({"a": Vector(4), "b": Vector(4)}, "SUM")) != canonical_hash(
        joined({"a": Vector(4), "c": Vector(4)}, "SUM")
    )


def test_an_input_counts_though_nothing_reads_it() -> None:
    graph = NETWORKS["unused_input"]()
    alone = GraphMaker()
    y = alone.layer(op("RELU"), alone.layer(conv(4), alone.input("image", IMAGE)))
    assert canonical_hash(graph) != canonical_hash(alone.graph(y=y))


def test_the_layout_counts_where_the_sizes_are_those_of_another() -> None:
    def network(shape: Shape) -> Graph:
        net = GraphMaker()
        return net.graph(y=net.layer(op("TANH"), net.input("x", shape)))

    assert canonical_hash(network(Signal(8, 10))) != canonical_hash(network(Tokens(8, 10)))


def test_all_networks_here_are_different() -> None:
    hashes = {canonical_hash(make()) for make in NETWORKS.values()}
    assert len(hashes) == len(NETWORKS)
