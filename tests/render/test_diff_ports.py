"""Differences of networks with several inputs, outputs and shared weights: by name, costs add up."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings

from blockdsl.analysis import summarise
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.changes import Change, summed_up
from blockdsl.analysis.diff import diff, every_change
from blockdsl.analysis.difference import Difference
from blockdsl.ir import Graph, Value
from blockdsl.ops import Image, Shape, Vector
from tests.graphs import IMAGE, NETWORKS, GraphMaker, conv, graphs, head, op


def told(one: Graph, two: Graph) -> list[tuple[str, str, str, str]]:
    return [(c.kind, c.path, c.before, c.after) for c in diff(one, two)]


def adds_up(one: Graph, two: Graph) -> None:
    """Networks differ where their hashes do, and by what the changes cost."""
    changes = every_change(one, two)
    before, after = summarise(one), summarise(two)
    assert bool(changes) == (canonical_hash(one) != canonical_hash(two))
    for told_so in (changes, summed_up(changes)):
        assert sum(change.delta.params for change in told_so) == after.params - before.params
        assert sum(change.delta.macs for change in told_so) == after.macs - before.macs


@pytest.mark.parametrize(("one", "two"), list(product(NETWORKS, NETWORKS)))
def test_what_changes_cost_is_what_the_networks_differ_by(one: str, two: str) -> None:
    adds_up(NETWORKS[one](), NETWORKS[two]())


@given(graphs(), graphs())
@settings(max_examples=30)
def test_so_it_is_with_any_two_networks(one: Graph, two: Graph) -> None:
    adds_up(one, two)


# --- inputs


def joined(*shapes: tuple[str, Shape]) -> Graph:
    net = GraphMaker()
    values = [net.input(name, shape) for name, shape in shapes]
    sides = [net.layer(op("FC", 3), value) for value in values]
    return net.graph(y=net.layer(op("CAT"), *sides) if len(sides) > 1 else sides[0])


IMAGE_, TIME = ("image", Vector(6)), ("time", Vector(4))


@pytest.mark.parametrize(
    ("two", "expected"),
    [
        ([IMAGE_, TIME, ("text", Vector(5))], ("added", "text", "", "input 5")),
        ([IMAGE_], ("removed", "time", "input 4", "")),
        ([IMAGE_, ("time", Vector(9))], ("changed", "time", "4", "9")),
        ([("image", Image(6, 1, 1)), TIME], ("changed", "image", "6", "6x1x1")),
        ([IMAGE_, ("step", Vector(4))], ("changed", "step", "input time", "input step")),
        ([TIME, IMAGE_], ("changed", "inputs", "image, time", "time, image")),
    ],
)
def test_inputs_are_paired_by_their_names(
    two: Sequence[tuple[str, Shape]], expected: tuple[str, str, str, str]
) -> None:
    if isinstance(two[0][1], Image):
        net = GraphMaker()
        image, time = (net.input(name, shape) for name, shape in two)
        sides = [net.layer(op("FC", 3), net.layer(op("FLATTEN"), image)), net.layer(op("FC", 3), time)]
        other = net.graph(y=net.layer(op("CAT"), *sides))
    else:
        other = joined(*two)
    changes = told(joined(IMAGE_, TIME), other)
    assert [change for change in changes if change[1] == expected[1]] == [expected]


def test_the_only_input_may_be_called_as_one_likes() -> None:
    assert told(joined(("x", Vector(4))), joined(("image", Vector(4)))) == []
    assert told(joined(("x", Vector(4))), joined(("image", Vector(5)))) == [
        ("changed", "image", "4", "5"),
        ("fed", "fc[1]", "4", "5"),
    ]


def test_a_layer_that_reads_another_input_is_rewired() -> None:
    def network(swapped: bool) -> Graph:
        net = GraphMaker()
        values = [net.input("a", Vector(4)), net.input("b", Vector(4))]
        one, two = reversed(values) if swapped else values
        return net.graph(y=net.layer(op("SUM"), net.layer(op("TANH"), one), net.layer(op("SCALE", 2), two)))

    assert told(network(False), network(True)) == [
        ("rewired", "tanh[1]", "a", "b"),
        ("rewired", "scale[1]", "b", "a"),
    ]


# --- outputs


def pyramid(*shared: int, levels: int = 3, names: str = "abc", order: str = "", last: bool = False) -> Graph:
    """A trunk with a head at each level, some of which share their weights."""
    net = GraphMaker()
    x = net.input("image", Image(3, 16, 16))
    found: dict[str, Value] = {}
    for level, name in zip(range(1, levels + 1), names, strict=False):
        x = net.layer(op("RELU"), net.layer(conv(4, stride=2), x))
        found[name] = net.block(f"head[{level}]", head, x, shared="head" if level in shared else "")
    if last:
        found[names[0]] = x
    return net.graph(**{name: found[name] for name in (order or found)})


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (pyramid(), pyramid(names="axc"), [("changed", "x", "output b", "output x")]),
        (pyramid(), pyramid(order="bac"), [("changed", "outputs", "a, b, c", "b, a, c")]),
        (pyramid(), pyramid(last=True), [("rewired", "a", "head[1].conv[2]", "relu[3]")]),
        (pyramid(order="ab"), pyramid(), [("added", "c", "", "output of head[3].conv[2]")]),
        (pyramid(), pyramid(order="ac"), [("removed", "b", "output of head[2].conv[2]", "")]),
    ],
)  # fmt: skip
def test_outputs_are_paired_by_their_names(
    one: Graph, two: Graph, expected: list[tuple[str, str, str, str]]
) -> None:
    assert told(one, two) == expected


def test_another_output_is_told_with_the_layers_that_make_it() -> None:
    changes = told(pyramid(1, 2, levels=2), pyramid(1, 2, 3))
    assert changes == [
        ("added", "conv[3]", "", "CONV(4,3,stride=2,pad=1)"),
        ("added", "relu[3]", "", "RELU"),
        ("added", "head[3]", "", "head, shares head"),
        ("added", "c", "", "output of head[3].conv[2]"),
    ]


# --- what is shared


def shared(one: Graph, two: Graph) -> list[Change]:
    changes = diff(one, two)
    assert {change.kind for change in changes} <= {"shared"}
    return changes


HEAD = 4 * 4 * 9 + 4 + 2 * 4 + 4 * 2 + 2
"""Parameters of a head: 3x3 convolution, normalisation, 1x1 convolution."""


def test_a_network_that_begins_to_share_is_told_with_what_it_saves() -> None:
    (change,) = shared(pyramid(), pyramid(1, 2, 3))
    assert (change.path, change.before, change.after) == (
        "head[2].conv[1] to head[3].conv[2]", "own weights", "shares head",
    )  # fmt: skip
    assert change.times == 2 * 3  # the layers with weights of two heads
    assert change.delta == (-2 * HEAD, 0, 0)
    (back,) = shared(pyramid(1, 2, 3), pyramid())
    assert (back.before, back.after, back.delta) == ("shares head", "own weights", (2 * HEAD, 0, 0))


def test_other_partners_are_a_difference() -> None:
    changes = shared(pyramid(1, 2), pyramid(2, 3))
    assert [(c.path, c.before, c.after, c.delta.params) for c in changes] == [
        ("head[2].conv[1] to head[2].conv[2]", "shares head", "head (shared)", HEAD),
        ("head[3].conv[1] to head[3].conv[2]", "own weights", "shares head", -HEAD),
    ]


def test_it_is_told_in_the_text() -> None:
    graphs = pyramid(), pyramid(1, 2, 3)
    text = str(Difference(("a", "b"), summarise(graphs[0]), summarise(graphs[1]), every_change(*graphs)))
    assert "= head[2].conv[1] to head[3].conv[2] (6 layers): own weights -> shares head" in text
    assert "      -332 parameters" in text


def test_the_same_sharing_in_other_blocks_is_no_difference() -> None:
    def network(wrapped: bool) -> Graph:
        net = GraphMaker()
        x = net.input("x", IMAGE)
        one = net.block("head[1]", head, x, shared="head")

        def around(net: GraphMaker, x: Value) -> Value:
            return net.block("head[1]", head, net.layer(op("TANH"), x), shared="head")

        two = net.block("around", around, x) if wrapped else around_at_top(net, x)
        return net.graph(y=net.layer(op("SUM"), one, two))

    def around_at_top(net: GraphMaker, x: Value) -> Value:
        return net.block("head[2]", head, net.layer(op("TANH"), x), shared="head")

    assert told(network(True), network(False)) == []


def test_json_has_the_kind() -> None:
    (change,) = shared(pyramid(), pyramid(1, 2, 3))
    assert change.to_dict() == {
        "kind": "shared", "path": change.path, "before": "own weights", "after": "shares head",
        "times": 6, "params": -2 * HEAD, "macs": 0, "memory": 0,
    }  # fmt: skip
