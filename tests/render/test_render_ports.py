"""Pictures and pages of networks with several inputs, outputs and shared weights."""

import html
import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pygraphviz
import pytest
from hypothesis import given, settings

import blockdsl
from blockdsl.analysis import summarise
from blockdsl.blocktree.tree import LayerNode
from blockdsl.ir import Graph, Value
from blockdsl.ops import Image, Signal, Tokens, Vector
from blockdsl.render.chains import is_chain, trunk
from blockdsl.render.dot import Style, to_dot
from blockdsl.render.graphviz import drawn
from blockdsl.render.page import page, page_data
from blockdsl.render.scene import scene
from blockdsl.render.view import view
from tests.graphs import IMAGE, NETWORKS, GraphMaker, conv, graphs, head, op, unit
from tests.render.test_render_scene import instances

OPEN = 99


def dot(graph: Graph, depth: int | None = OPEN, **style: Any) -> pygraphviz.AGraph:
    return pygraphviz.AGraph(string=drawn(to_dot(view(scene(graph), depth), Style(**style)), "dot").decode())


def words(label: str | None) -> str:
    """A label without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", label or "")).split())


def labels(graph: pygraphviz.AGraph) -> dict[str, str]:
    return {str(node): words(node.attr["label"]) for node in graph.nodes()}


def titles(graph: pygraphviz.AGraph) -> list[str]:
    """The titles of open and closed blocks, and the words of layers."""
    found = [words(node.attr["label"]) for node in graph.nodes()]
    for inner in graph.subgraphs():
        found.append(words(inner.graph_attr["label"]))
        found += titles_inside(inner)
    return found


def titles_inside(graph: pygraphviz.AGraph) -> list[str]:
    found = []
    for inner in graph.subgraphs():
        found += [words(inner.graph_attr["label"]), *titles_inside(inner)]
    return found


def size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def is_whole(graph: Graph) -> None:
    """A picture has every layer, all costs once, and every input and output with an arrow."""
    boxes = scene(graph)
    assert instances(boxes.root) == Counter(layer.operation.name for layer in graph.layers())
    summary = summarise(graph)
    assert boxes.root.cost.params == summary.params
    running = [node.cost for node in boxes.root.nodes() if not node.training_only]
    assert sum(cost.macs for cost in running) == summary.macs
    results = [(output.name, output.shape) for output in boxes.outputs if not output.training]
    several = len(graph.outputs) > 1
    assert results == [(p.name if several else "", graph.shape_of(p.value)) for p in graph.outputs]
    for depth in (0, OPEN):
        shown = view(boxes, depth)
        inputs = [box for box in shown.boxes if isinstance(box, LayerNode) and box.core.is_input]
        assert [box.core.id for box in inputs] == [port.value.node for port in graph.inputs]
        assert [box.layers for box in inputs] == [[box.core] for box in inputs]
        assert list(shown.boxes[: len(inputs)]) == inputs
        assert len(shown.outputs) == len(graph.results())


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_is_drawn(name: str) -> None:
    is_whole(NETWORKS[name]())


@given(graphs())
@settings(max_examples=40)
def test_everything_is_drawn_of_any_network(graph: Graph) -> None:
    is_whole(graph)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("depth", [0, OPEN])
def test_inputs_and_outputs_have_their_names_where_there_are_several(name: str, depth: int) -> None:
    graph = NETWORKS[name]()
    shown = labels(dot(graph, depth))
    for port in graph.inputs:
        said = f"input {port.name}" if len(graph.inputs) > 1 else "input"
        assert f"{said} {size(graph.shape_of(port.value))}" in shown.values()
    for port in graph.outputs:
        named = len(graph.outputs) > 1
        key, said = (f"output {port.name}", f"output {port.name}") if named else ("output ", "output")
        assert shown[key] == f"{said} {size(graph.shape_of(port.value))}"
    for auxiliary in graph.auxiliaries:
        shape = size(graph.shape_of(auxiliary.value))
        assert shown[f"output {auxiliary.name}"] == f"{auxiliary.name} (training) {shape}"


def sources(graph: Graph) -> dict[str, str]:
    """The boxes that outputs come from."""
    return {str(edge[1]): str(edge[0]) for edge in dot(graph).edges() if edge[1].startswith("output")}


def test_an_output_comes_from_the_layer_that_makes_it() -> None:
    # The rectifiers are drawn with the convolutions before them.
    assert sources(NETWORKS["output_is_input"]()) == {
        "output same": "two", "output y": "conv1", "output first": "one",
    }  # fmt: skip
    assert sources(NETWORKS["one_tensor_twice"]()) == {"output one": "conv1", "output two": "conv1"}
    assert sources(NETWORKS["pyramid"]()) == {f"output p{i + 2}": f"head{i}.conv2" for i in (1, 2, 3)}


# --- what is shared


@pytest.mark.parametrize(
    ("name", "depth", "expected"),
    [
        ("pyramid", 0, {"head (shared)": 3}),
        ("pyramid", OPEN, {"head (shared)": 3}),
        ("siamese", OPEN, {"tower (shared)": 2}),
        ("single_layer", OPEN, {"proj (shared) 3×3 conv, 3": 3}),
        ("shared_in_shared", 0, {"outer (shared)": 2, "head: other (shared)": 1, "head (shared)": 1}),
        (
            "shared_in_shared", OPEN,
            {"outer (shared)": 2, "unit (shared)": 2, "unit (shared) ×2": 2, "head (shared)": 3,
             "head: other (shared)": 1},
        ),
        ("auxiliary", OPEN, {"early: head (shared)": 1, "late: head (shared)": 1, "head (shared)": 1}),
        ("owner_in_block", OPEN, {"unit: own (shared)": 3}),
        ("two_inputs", OPEN, {}),
    ],
)  # fmt: skip
def test_a_shared_network_is_drawn_at_each_application(
    name: str, depth: int, expected: dict[str, int]
) -> None:
    assert Counter(title for title in titles(dot(NETWORKS[name](), depth)) if "shared" in title) == expected


def test_parameters_count_at_the_first_application() -> None:
    shown = labels(dot(NETWORKS["pyramid"](), 0, by="params"))
    # A head has 148 + 8 + 10 of the 574.
    assert shown["head1"] == "head (shared) 166 · 28.9 %"
    assert shown["head2"] == shown["head3"] == "head (shared)"
    plain = dot(NETWORKS["pyramid"](), 0)
    tips = {str(node): node.attr["tooltip"] or "" for node in plain.nodes()}
    assert "166 parameters, 9,728 MACs" in tips["head1"]
    assert "the parameters of head, 2,432 MACs" in tips["head2"]


def test_a_layer_that_shares_its_weights_stands_alone() -> None:
    def network(shared: str) -> Graph:
        net = GraphMaker()
        x = net.input("x", IMAGE)
        for index in (1, 2):
            x = net.layer(conv(3), net.layer(op("BN"), x), path=f"proj[{index}]", shared=shared)
            x = net.layer(op("TANH"), net.layer(op("RELU"), x))
        return net.graph(y=x)

    def runs(graph: Graph) -> list[str]:
        return ["-".join(x.operation.name for x in node.layers) for node in scene(graph).root.nodes()]

    assert "BN-CONV-RELU-TANH" in runs(network(""))
    # No other layer is in the boxes that are called shared.
    assert [run for run in runs(network("proj")) if "CONV" in run] == ["CONV", "CONV"]


def test_applications_in_a_row_are_one_that_says_how_often() -> None:
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))
    for index in (1, 2, 3):
        x = net.block(f"unit[{index}]", unit, x, shared="unit")
    graph = net.graph(y=x)
    shown = labels(dot(graph, 0))
    assert shown == {"x": "input 4×8×8", "unit1": "unit (shared) ×3", "output ": "output 4×8×8"}
    assert scene(graph).root.cost.params == 2 * (4 * 4 * 9 + 4) + 2 * 4


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (("a", "a", "b", "b"), ["unit: a (shared) ×2", "unit: b (shared) ×2"]),
        (("a", "a", "", ""), ["unit: a (shared) ×2", "unit ×2"]),
        (("", "a", "a", ""), ["unit 1", "unit: a (shared) ×2", "unit 4"]),
    ],
)
def test_only_applications_of_one_network_are_a_repetition(
    shared: tuple[str, ...], expected: list[str]
) -> None:
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))
    for index, module in enumerate(shared, 1):
        x = net.block(f"unit[{index}]", unit, x, shared=module)
    assert [t for t in titles(dot(net.graph(y=x), 0)) if t.startswith("unit")] == expected


def test_an_output_in_a_repetition_ends_it() -> None:
    net = GraphMaker()
    x, found = net.input("x", Image(4, 8, 8)), {}
    for index in range(1, 6):
        x = net.block(f"unit[{index}]", unit, x)
        found[f"p{index}"] = x
    shown = titles(dot(net.graph(p2=found["p2"], p5=found["p5"]), 0))
    assert [title for title in shown if title.startswith("unit")] == ["unit ×2", "unit ×3"]


# --- inputs


def test_inputs_alike_are_no_repetition() -> None:
    net = GraphMaker()
    values = [net.input(f"in{i}", IMAGE) for i in range(4)]
    shown = labels(dot(net.graph(y=net.layer(op("SUM"), *values))))
    assert [label for label in shown.values() if label.startswith("input")] == [
        f"input in{i} 3×8×8" for i in range(4)
    ]


def test_a_layout_is_said_where_the_sizes_do_not_tell_it() -> None:
    net = GraphMaker()
    sound = net.layer(op("RELU"), net.input("sound", Signal(2, 100)))
    text = net.graph(sound=sound, other=net.layer(op("TANH"), sound))
    shown = dot(text)
    assert "signal 2×100" in labels(shown)["sound"]
    assert labels(shown)["output sound"] == "output sound signal 2×100"
    right = dot(text, direction="right")
    assert "signal 2 100" in {words(edge.attr["label"]) for edge in right.edges()}
    tokens = GraphMaker()
    x = tokens.layer(op("RELU"), tokens.input("x", Tokens(2, 100)))
    assert "signal" not in str(dot(tokens.graph(y=x)))


def test_only_one_chain_is_set_from_left_to_right() -> None:
    def chain(graph: Graph) -> bool:
        return is_chain(view(scene(graph), 0))

    assert chain(NETWORKS["named_input"]()) and chain(NETWORKS["owner_in_block"]())
    assert not any(
        map(chain, (NETWORKS[name]() for name in ("two_inputs", "unused_input", "one_tensor_twice")))
    )
    net = GraphMaker()
    one, two = net.input("one", Vector(3)), net.input("two", Vector(3))
    apart = net.graph(a=net.layer(op("RELU"), one), b=net.layer(op("TANH"), two))
    assert not chain(apart)
    assert len(dot(apart).edges()) == 4


def test_the_longest_way_to_any_output_is_drawn_straight() -> None:
    net = GraphMaker()
    x = net.input("x", IMAGE)
    first = net.layer(conv(3), x)
    last = net.layer(op("POOL", 2), net.layer(conv(3), net.layer(conv(2), first)))
    shown = view(scene(net.graph(first=first, last=last)), 0)
    assert max(shown.boxes.index(arrow.target) for arrow in trunk(shown)) == len(shown.boxes) - 1


# --- the page


def data(graph: Graph, depth: int = OPEN) -> dict[str, Any]:
    program = replace(blockdsl.parse("input 3x8x8\nnet CONV(1,1)").program, graph=graph)
    shown = view(scene(graph), depth)
    assert page(shown, program).startswith("<!doctype html>")
    return page_data(shown, program)


def test_a_page_has_all_outputs() -> None:
    told = data(NETWORKS["auxiliary"]())
    names = [box["name"] for box in told["boxes"]]
    assert [(names[box], *rest) for box, *rest in told["outputs"]] == [
        ("head1.conv2", "2×4×4", "map", False),
        ("conv2", "4×4×4", "features", False),
        ("stage1.early.conv2", "2×8×8", "early", True),
        ("late.conv2", "2×8×8", "late", True),
    ]
    assert [rest for _, *rest in data(NETWORKS["single_layer"]())["outputs"]] == [["3×8×8", "", False]]


def test_a_page_tells_what_is_seen_of_each_input_and_whose_the_parameters_are() -> None:
    boxes = {box["name"]: box for box in data(NETWORKS["siamese"]())["boxes"]}
    assert boxes["side1.conv1"]["field"] == "11 (all of 8) pixels of left, nothing of right"
    assert boxes["fc1"]["field"] == "all of left, all of right"
    assert boxes["left"]["words"] | {"above": ""} == {
        "label": "input", "head": "left", "below": "3×8×8", "above": "",
    }  # fmt: skip
    assert (boxes["side1.tower1"]["borrowed"], boxes["side2.tower1"]["borrowed"]) == ("", "tower")
    assert boxes["side1.tower1"]["params"] == 112 + 2 * (2 * 148 + 8)
    assert boxes["side2.tower1"]["params"] == 0
    assert boxes["side1.tower1"]["words"]["head"] == "tower (shared)"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_boxes_of_a_page_cost_what_the_summary_says(name: str) -> None:
    graph = NETWORKS[name]()
    boxes, summary = data(graph)["boxes"], summarise(graph)
    for whole in ([b for b in boxes if b["parent"] is None], [b for b in boxes if not b["block"]]):
        assert sum(box["params"] for box in whole) == summary.params
    layers = [box for box in boxes if not box["block"]]
    assert sum(box["macs"] for box in layers if not box["training"]) == summary.macs


def test_a_head_in_a_box_alone_stays_one_that_is_shared() -> None:
    """A box around one thing is left out; what it shares is said all the same."""
    net = GraphMaker()
    x = net.input("x", IMAGE)

    def around(net: GraphMaker, x: Value) -> Value:
        return net.block("head[1]", head, x, shared="head")

    one, two = net.block("a[1]", around, x), net.block("b[1]", around, net.layer(op("TANH"), x))
    graph = net.graph(one=one, two=two)
    assert Counter(t for t in titles(dot(graph, 0)) if "shared" in t) == {"head (shared)": 2}


@pytest.mark.parametrize(("direction", "axis"), [("down", 0), ("right", 1)])
@pytest.mark.parametrize(
    "text",
    [
        "input a = 3x9x9 input b = 3x9x9 shared t = CONV(4,3)-RELU-POOL(2)-CONV(2,1) net SUB(a-t, b-t)-FC(2)",
        "input a = 3x9x9 input b = 3x9x9 block t = CONV(4,3)-RELU-CONV(2,1) net SUB(b-t, a-t)-FC(2)",
        "input a = 3x9x9 input b = 3x9x9 input c = 3x9x9 shared t = CONV(4,3)-FC(2) net [c-t, a-t, b-t]",
    ],
)
def test_inputs_stand_in_the_order_of_their_lines(text: str, direction: str, axis: int) -> None:
    graph = to_dot(view(scene(blockdsl.parse(text).ir), OPEN), Style(direction=direction))
    objects = json.loads(drawn(graph, "json"))["objects"]
    places = {item["name"]: float(item["pos"].split(",")[axis]) for item in objects if item.get("pos")}
    inputs = [places[name] for name in "abc" if name in places]
    assert inputs == sorted(inputs, reverse=direction == "right")


def test_tensors_are_no_words_in_the_box_of_a_block() -> None:
    text = (
        "input 3x8x8 block c(y, k) = (in-CONV(8,k,p1)) + (y-CONV(8,1)) net let s = in-RELU s-c(s,3)-c(in,3)"
    )
    graph = blockdsl.parse(text).ir
    assert {"c 1 k=3", "c 2 k=3"} <= set(labels(dot(graph, 0)).values())
    assert str(graph.blocks["c1"]) == "c(k=3)"
    assert graph.blocks["c1"].chain()[0].startswith("c(y=a tensor, k=3) called at")
