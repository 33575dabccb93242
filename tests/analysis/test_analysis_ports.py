"""Costs of networks with several inputs, outputs and shared weights, against modules and counts by hand."""

import json
from collections.abc import Iterator
from dataclasses import replace
from math import prod

import networkx as nx
import pytest
from hypothesis import given, settings
from torch import nn

import blockdsl
from blockdsl import ArchError
from blockdsl.analysis import Summary, run_checks, summarise
from blockdsl.analysis.compare import entry, table
from blockdsl.analysis.costs import costs_of
from blockdsl.ir import Graph, Layer, Value
from blockdsl.ops import Ids, Image, Operation, Shape, Signal, Sizes, Tokens, Vector, operation, unregister
from blockdsl.ops.core import SAVES_NOTHING
from tests.graphs import IMAGE, NETWORKS, GraphMaker, conv, graphs, head, op, unit

VIEWS = ("FLATTEN", "SPLIT")


def module_of(layer: Layer, shapes: tuple[Shape, ...]) -> nn.Module | None:
    """What a layer is in PyTorch, where it has weights or statistics."""
    operation = layer.operation
    match operation.name:
        case "CONV":
            return nn.Conv2d(
                shapes[0][0], operation.channels, operation.kernel, operation.stride, bias=operation.bias
            )  # type: ignore[attr-defined]
        case "BN":
            return nn.BatchNorm2d(shapes[0][0])
        case "FC":
            return nn.Linear(shapes[0][0], layer.shape[0])
    return None


def place_of(graph: Graph, layer: Layer) -> str:
    """The name of the module of a layer, the part of its path that is shared replaced."""
    steps = list(layer.path)
    for length in range(len(steps), -1, -1):
        owner = graph.shared.get(tuple(steps[:length]))
        if owner:
            steps[:length] = owner
            break
    return ".".join(map(str, steps))


def modules_of(graph: Graph) -> dict[str, nn.Module]:
    """The modules of a network by their places, each once."""
    found = {}
    for layer in graph.layers():
        made = module_of(layer, graph.input_shapes(layer))
        if made is not None:
            found[place_of(graph, layer)] = made
    return found


def running(graph: Graph) -> list[Layer]:
    return [layer for layer in graph.layers() if not layer.training_only]


def macs_of(graph: Graph, layer: Layer) -> int:
    made = module_of(layer, graph.input_shapes(layer))
    if made is None or isinstance(made, nn.BatchNorm2d):
        return 0
    positions = prod(layer.shape[1:])
    return made.weight.numel() * positions  # type: ignore[union-attr, operator]


def bytes_of(shape: Shape) -> int:
    return prod(shape) * (8 if isinstance(shape, Ids) else 4)


def peak_of(graph: Graph) -> int:
    """The most bytes alive at once: all inputs at the beginning, a tensor until nothing reads it any more."""
    layers = running(graph)
    base: dict[Value, Value] = {}
    for layer in layers:
        for port in range(len(layer.shapes)):
            value = Value(layer.id, port)
            base[value] = base[layer.inputs[0]] if layer.operation.name in VIEWS else value

    def needed(value: Value, later: list[Layer]) -> bool:
        reads = [source for layer in later for source in layer.inputs]
        return any(base[read] == value for read in [*reads, *(port.value for port in graph.outputs)])

    alive = {value for value in base if graph.layer(value.node).is_input}
    most = sum(bytes_of(graph.shape_of(value)) for value in alive)
    for place, layer in enumerate(layers):
        if layer.is_input:
            continue
        alive = {value for value in alive if needed(value, layers[place:])}
        alive |= {base[value] for value in base if value.node == layer.id}
        most = max(most, sum(bytes_of(graph.shape_of(value)) for value in alive))
    return most


def depth_of(graph: Graph) -> int:
    """The longest path from any input to any output, counted in convolutions and matrices."""
    weighted = nx.DiGraph()
    for layer in graph.layers():
        made = module_of(layer, graph.input_shapes(layer))
        own = int(made is not None and made.weight.dim() > 1)  # type: ignore[operator, union-attr]
        weighted.add_edges_from(((value.node, layer.id) for value in layer.inputs), weight=own)
        weighted.add_node(layer.id)
    outputs = {port.value.node for port in graph.outputs}
    needed = set().union(outputs, *(nx.ancestors(weighted, node) for node in outputs))
    return int(nx.dag_longest_path_length(weighted.subgraph(needed)))


def agrees(graph: Graph) -> None:
    """A summary has what is counted by other means."""
    summary, modules = summarise(graph), modules_of(graph)
    params = {place: sum(p.numel() for p in one.parameters()) for place, one in modules.items()}
    buffers = sum(b.numel() for one in modules.values() for b in one.buffers())
    used = {place_of(graph, layer) for layer in running(graph)}
    assert summary.params == sum(params.values())
    assert summary.params_aux == sum(count for place, count in params.items() if place not in used)
    assert summary.memory.weights == 4 * (summary.params + buffers)
    assert summary.macs == sum(macs_of(graph, layer) for layer in running(graph))
    made = [layer for layer in running(graph) if layer.operation.name not in VIEWS]
    assert summary.memory.activations == sum(bytes_of(s) for layer in made for s in layer.shapes)
    assert summary.memory.inference == summary.memory.weights + peak_of(graph)
    assert summary.depth == depth_of(graph)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_cost_what_is_counted_by_hand(name: str) -> None:
    agrees(NETWORKS[name]())


@given(graphs())
@settings(max_examples=60)
def test_any_network_costs_what_is_counted_by_hand(graph: Graph) -> None:
    agrees(graph)


def test_the_weights_of_a_shared_network_count_at_its_first_application() -> None:
    graph = NETWORKS["pyramid"]()
    costs = costs_of(graph)
    first, second, third = (
        [costs[layer.id] for layer in graph.layers() if layer.name.startswith(f"head{i}.")] for i in (1, 2, 3)
    )
    # A 3x3 convolution of 4 to 4 channels, a normalisation of 4, a 1x1 of 4 to 2.
    assert [cost.params for cost in first] == [4 * 4 * 9 + 4, 8, 0, 4 * 2 + 2]
    assert [cost.buffers for cost in first] == [0, 4 + 4 + 1, 0, 0]
    assert all(cost.params == cost.buffers == 0 for cost in second + third)
    # An application on 4x4 costs a quarter of one on 8x8.
    assert [cost.macs for cost in second] == [cost.macs // 4 for cost in first]
    assert [cost.activations for cost in second] == [cost.activations // 4 for cost in first]


def test_a_head_of_training_that_inference_shares_is_no_auxiliary_one() -> None:
    """The first application of the head is an auxiliary output, the last one a regular one."""
    assert summarise(NETWORKS["auxiliary"]()).params_aux == 0
    assert summarise(NETWORKS["auxiliary_in_shared"]()).params_aux == 148 + 8 + 10


# --- ids


@pytest.fixture
def lookup() -> Iterator[None]:
    @operation("LOOKUP")
    class Lookup(Operation):
        takes = (Ids,)
        saved_for_backward = SAVES_NOTHING._replace(inputs=True)

        def shape(self, *inputs: Shape) -> Shape:
            return Tokens(inputs[0][0], 5)

        def weights(self, *inputs: Shape) -> dict[str, Sizes]:
            return {"weight": (100, 5)}

    yield
    unregister("LOOKUP")


@pytest.mark.usefixtures("lookup")
def test_ids_take_eight_bytes() -> None:
    net = GraphMaker()
    words, mask = net.input("words", Ids(7)), net.input("mask", Tokens(7, 5))
    summary = summarise(net.graph(y=net.layer(op("SUM"), net.layer(op("LOOKUP"), words), mask)))
    assert summary.memory.activations == 7 * 8 + 3 * 7 * 5 * 4
    # All but the ids are there when the sum is made; the ids are smaller than it.
    assert summary.memory.inference == 500 * 4 + 3 * 7 * 5 * 4
    assert summary.memory.training == 2 * 500 * 4 + 7 * 8  # the sum needs nothing
    assert summary.to_dict()["inputs"] == {
        "words": {"shape": [7], "layout": "ids"},
        "mask": {"shape": [7, 5], "layout": "tokens"},
    }


# --- the summary as a person reads it


def lines(summary: Summary) -> list[str]:
    return str(summary).splitlines()


def test_the_whole_table() -> None:
    assert str(summarise(NETWORKS["pyramid"](), "Pyramid")) == PYRAMID


# By hand: a head has 148 + 8 + 10 parameters, the trunk 112 + 148 + 148; BN has 9 buffers. The first head
# sees 3 pixels of the first convolution's, each 3 pixels at a stride of 2: 3 + 2 * 2 = 7, then 15 and 31.
PYRAMID = """\
Pyramid: 3x16x16 -> p3 2x8x8, p4 2x4x4, p5 2x2x2

layer    operation                 output   parameters   MACs   memory
----------------------------------------------------------------------
conv1    CONV(4,3,stride=2,pad=1)  4x8x8           112  6,912  1.02 kB
relu1    RELU                      4x8x8                       1.02 kB
head1                              2x8x8           166  9,728  3.58 kB
  conv1  CONV(4,3,pad=1)           4x8x8           148  9,216  1.02 kB
  bn1    BN                        4x8x8             8         1.02 kB
  relu1  RELU                      4x8x8                       1.02 kB
  conv2  CONV(2,1)                 2x8x8            10    512    512 B
conv2    CONV(4,3,stride=2,pad=1)  4x4x4           148  2,304    256 B
relu2    RELU                      4x4x4                         256 B
head2                              2x4x4   shares head  2,432    896 B
  conv1  CONV(4,3,pad=1)           4x4x4                2,304    256 B
  bn1    BN                        4x4x4                         256 B
  relu1  RELU                      4x4x4                         256 B
  conv2  CONV(2,1)                 2x4x4                  128    128 B
conv3    CONV(4,3,stride=2,pad=1)  4x2x2           148    576     64 B
relu3    RELU                      4x2x2                          64 B
head3                              2x2x2   shares head    608    224 B
  conv1  CONV(4,3,pad=1)           4x2x2                  576     64 B
  bn1    BN                        4x2x2                          64 B
  relu1  RELU                      4x2x2                          64 B
  conv2  CONV(2,1)                 2x2x2                   32     32 B
----------------------------------------------------------------------
parameters  574
MACs        22,560 per sample
depth       5 layers with weights on the longest path
sees        p3: 7 of 16 pixels
            p4: 15 of 16 pixels
            p5: 31 (all of 16) pixels
weights     2.33 kB
activations 10.5 kB per sample
inference   6.43 kB at the peak, for one sample
training    11.7 kB for one sample, optimizer's state not counted"""


@pytest.mark.parametrize("name", NETWORKS)
def test_a_table_fits_eighty_columns(name: str) -> None:
    table = str(summarise(NETWORKS[name]())).split("\n\n")[1].split("\nparameters")[0]
    # Names of heads for training are long.
    assert max(map(len, table.splitlines())) <= (89 if name.startswith("auxiliary") else 80)


def test_titles_name_several_inputs_and_outputs() -> None:
    first = {name: lines(summarise(make(), "T"))[0] for name, make in NETWORKS.items()}
    assert first["two_inputs"] == "T: image 3x8x8, time 5 -> 2"
    assert first["named_input"] == "T: 3x8x8 -> 4x8x8"
    assert first["output_is_input"] == "T: one 3x8x8, two 3x8x8 -> same 3x8x8, y 4x8x8, first 3x8x8"
    net = GraphMaker()
    sound = net.input("sound", Signal(1, 16000))
    assert (
        lines(summarise(net.graph(y=net.layer(op("RELU"), sound))))[0] == "signal 1x16000 -> signal 1x16000"
    )


def test_what_is_seen_of_several_inputs_is_told_by_their_names() -> None:
    words = [line for line in lines(summarise(NETWORKS["shared_in_shared"]())) if "pixels" in line]
    assert words == [
        "sees        a: 15 (all of 8) pixels of one, nothing of two",
        "            b: nothing of one, 15 (all of 8) pixels of two",
        "            more: 17 (all of 8) pixels of one, 17 (all of 8) pixels of two",
        "            last: nothing of one, 19 (all of 8) pixels of two",
    ]
    assert "sees        all of image, all of time" in lines(summarise(NETWORKS["two_inputs"]()))
    assert "sees        3 of 8 pixels of image, nothing of noise" in lines(
        summarise(NETWORKS["unused_input"]())
    )


def test_comparisons_tell_what_each_output_sees() -> None:
    graphs = {name: NETWORKS[name]() for name in ("pyramid", "two_inputs", "unused_input")}
    header, rows = table([entry(name, "", summarise(graph), ()) for name, graph in graphs.items()])
    assert [row[header.index("sees")] for row in rows] == [
        "p3: 7; p4: 15; p5: 31 (all of 16)",
        "image all of 8, time all of 5",
        "image 3, noise nothing",
    ]


def test_json_has_all_inputs_and_outputs() -> None:
    told = json.loads(json.dumps(summarise(NETWORKS["shared_in_shared"]()).to_dict()))
    assert list(told["inputs"]) == ["one", "two"]
    assert list(told["outputs"]) == list(told["receptive_field"]) == ["a", "b", "more", "last"]
    assert told["outputs"]["a"] == {"shape": [2, 8, 8], "layout": "image"}
    # Four 3x3 convolutions of units of 2, a head of one: 1 + 2 * (3 * 2 + 1).
    assert told["receptive_field"]["a"] == {"one": [15, 15], "two": [0, 0]}
    layers = {layer["name"]: layer for layer in told["layers"]}
    assert layers["outer1.conv1"]["shares"] is None
    assert layers["outer2.conv1"]["shares"] == "outer"
    assert layers["outer1.unit2.conv1"]["shares"] == "outer.unit"


def test_html_tells_what_is_shared() -> None:
    shown = summarise(NETWORKS["siamese"](), "Siamese")._repr_html_()
    assert "Siamese: left 3x8x8, right 3x8x8 -&gt; 2" in shown
    assert shown.count("shares tower") == 1


# --- folding


def rows(graph: Graph) -> list[tuple[str, int, str]]:
    return [(row.name, row.times, row.shares) for row in summarise(graph).rows()]


def test_later_applications_of_one_network_are_folded() -> None:
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))
    for index in range(1, 5):
        x = net.block(f"unit[{index}]", unit, x, shared="unit")
    found = [row for row in rows(net.graph(y=x)) if row[0].startswith("unit")]
    assert found == [("unit1", 1, ""), ("unit2", 3, "unit")]


def test_applications_of_other_networks_are_not_folded() -> None:
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))
    for index, module in enumerate(("a", "b", "a", "b", "b"), 1):
        x = net.block(f"unit[{index}]", unit, x, shared=module)
    found = [row for row in rows(net.graph(y=x)) if row[0].startswith("unit")]
    # The first two have weights of their own, as two that share nothing have.
    assert found == [("unit1", 2, ""), ("unit3", 1, "a"), ("unit4", 2, "b")]


def test_units_that_apply_one_network_are_folded_after_the_first() -> None:
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))

    def stage(net: GraphMaker, x: Value) -> Value:
        return net.block("unit[1]", unit, net.layer(conv(4, 1), x), shared="unit")

    for index in range(1, 4):
        x = net.block(f"stage[{index}]", stage, x)
    found = [row for row in rows(net.graph(y=x)) if row[0].startswith(("stage", "unit"))]
    assert found == [("stage1", 1, ""), ("unit1", 1, ""), ("stage2", 2, ""), ("unit1", 1, "unit")]


def test_an_application_that_is_all_of_a_block_says_what_it_shares() -> None:
    """Blocks that hold nothing but the next one are one row."""
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))
    x = net.block("unit[1]", unit, x, shared="unit")
    x = net.block("around[1]", lambda net, x: net.block("unit[1]", unit, x, shared="unit"), x)
    assert ("around1.unit1", 1, "unit") in rows(net.graph(y=x))


@given(graphs())
@settings(max_examples=40)
def test_folded_rows_add_up_to_the_totals(graph: Graph) -> None:
    summary = summarise(graph)
    for expand in (False, True):
        params, macs, repeats = 0, 0, [1]
        for row in summary.rows(expand=expand):
            del repeats[row.level + 1 :]
            repeats.append(repeats[-1] * row.times)
            if row.text:
                params += row.params * repeats[-1]
                macs += 0 if row.training_only else row.macs * repeats[-1]
        assert (params, macs) == (summary.params, summary.macs)


# --- checks


def checked(graph: Graph, condition: str) -> int:
    program = blockdsl.parse(f"input 3x8x8\nnet CONV(1,1)\ncheck {condition}").program
    return run_checks(replace(program, graph=graph))


@pytest.mark.parametrize(
    ("name", "condition", "message"),
    [
        ("pyramid", "output == 2x8x8", "the network has 3 outputs: p3, p4, p5"),
        ("pyramid", "params > 1 and output.h == 8", "the network has 3 outputs: p3, p4, p5"),
        ("two_inputs", "5 == input", "the network has 2 inputs: image, time"),
    ],
)
def test_a_check_of_the_only_output_is_refused_where_there_are_several(
    name: str, condition: str, message: str
) -> None:
    with pytest.raises(ArchError) as refused:
        checked(NETWORKS[name](), condition)
    assert f"error[name]: {message}\n  --> <text>:3:" in str(refused.value)
    point = "image" if "input" in condition else "conv[1]"
    assert f"help: name the point where one of them is: shape({point})" in str(refused.value)


def test_what_there_is_one_of_can_be_checked() -> None:
    assert checked(NETWORKS["pyramid"](), "input == 3x16x16 and shape(head[2]) == 2x4x4 and params == 574")
    assert checked(NETWORKS["two_inputs"](), "output == 2 and shape(time) == 5 and shape(image) == 3x8x8")
    with pytest.raises(ArchError, match="output is 2, not 3"):
        checked(NETWORKS["two_inputs"](), "output == 3")


def test_a_shared_network_of_one_layer_is_told_in_its_row() -> None:
    net = GraphMaker()
    x = net.input("x", IMAGE)
    for index in (1, 2):
        x = net.layer(conv(3), x, path=f"proj[{index}]", shared="proj")
    net.block("head[1]", head, x)
    assert rows(net.graph(y=x))[:2] == [("proj1", 1, ""), ("proj2", 1, "proj")]


def test_a_vector_and_an_image_say_what_they_are() -> None:
    told = summarise(NETWORKS["two_inputs"]()).to_dict()
    assert [layer["layout"] for layer in told["layers"]][:4] == ["image", "image", "image", "vector"]
    assert summarise(NETWORKS["two_inputs"]()).inputs == {"image": Image(3, 8, 8), "time": Vector(5)}
