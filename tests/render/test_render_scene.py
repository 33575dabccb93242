"""Scenes: every layer is drawn and counted once, runs are merged, repetitions folded, nothing invented."""

from collections import Counter

import pytest

import blockdsl
from blockdsl.analysis import summarise
from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph
from blockdsl.render.scene import Scene, scene
from blockdsl.render.view import COMFORTABLE, view
from blockdsl.resources import names


def graph(text: str, shape: tuple[int, ...] = (8, 16, 16)) -> Graph:
    return blockdsl.parse(text, input=shape).ir


def told(block: BlockNode) -> list[object]:
    """A scene as nested lists: operations of runs, blocks with their names, repetitions as they are."""
    items: list[object] = []
    for item in block.items:
        if isinstance(item, BlockNode):
            items.append((item.name, item.times, told(item)))
        else:
            run = "-".join(layer.operation.name for layer in item.layers)
            items.append(run if item.times == 1 else (run, item.times))
    return items


def instances(block: BlockNode, times: int = 1) -> Counter[str]:
    """How often each operation stands in the network, by what the picture says."""
    count: Counter[str] = Counter()
    for item in block.items:
        if isinstance(item, BlockNode):
            count += instances(item, times * item.times)
        else:
            count.update({layer.operation.name: 0 for layer in item.layers})
            for layer in item.layers:
                count[layer.operation.name] += times * item.times
    return count


@pytest.mark.parametrize("name", names("zoo"))
def test_every_layer_of_the_zoo_is_in_the_picture(name: str) -> None:
    network = blockdsl.load(name).ir
    drawn = scene(network)
    assert instances(drawn.root) == Counter(layer.operation.name for layer in network.layers())
    summary = summarise(network)
    running = [node.cost for node in drawn.root.nodes() if not node.training_only]
    assert drawn.root.cost.params == summary.params
    assert sum(cost.macs for cost in running) == summary.macs
    outputs = [(output.name, output.shape) for output in drawn.outputs if not output.training]
    shapes = network.shapes_of(network.outputs)
    assert outputs == [(name if len(shapes) > 1 else "", shape) for name, shape in shapes.items()]


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "unet", "shufflenet_v2", "fractalnet_20"])
def test_without_folding_and_merging_arrows_are_the_edges_of_the_graph(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "blockdsl.blocktree.fold.runs", lambda kinds, _: ((i, 1, 1) for i in range(len(kinds)))
    )
    network = blockdsl.load(name).ir
    drawn = scene(network, detail=True)
    arrows = Counter((e.source.layers[0].id, e.target.layers[0].id, e.shape) for e in drawn.edges)
    edges = network.nx.edges(data=True)
    assert arrows == Counter((a, b, network.layer(a).shapes[data["port"]]) for a, b, data in edges)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CONV(8,3,p1)-BN-RELU-POOL(2)-FC(3)-DROPOUT",
            ["INPUT", "CONV-BN-RELU", "POOL", "FLATTEN-FC-DROPOUT"],
        ),
        ("BN-RELU-CONV(8,3,p1)-BN-RELU-CONV(8,3,p1)", ["INPUT", ("BN-RELU-CONV", 2)]),
        ("BN-RELU-CONV(8,3,p1)-BN-RELU-GAP", ["INPUT", "BN-RELU-CONV", "BN-RELU", "GAP"]),
        ("(CONV(8,3,p1)-BN + ID)-RELU", ["INPUT", "CONV-BN", "SUM-RELU"]),
        ("(CONV(8,3,p1) | ID)-BN-RELU", ["INPUT", "CONV", "CAT", "BN-RELU"]),
        # What two layers read does not vanish inside a run.
        (
            "block f = let a = in-CONV(8,3,p1) let b = a-RELU a + b net f",
            ["INPUT", ("f1", 1, ["CONV", "RELU", "SUM"])],
        ),
    ],
)
def test_runs_are_merged(text: str, expected: list[object]) -> None:
    assert told(scene(graph(text)).root) == expected


def test_detail_gives_every_layer_its_box() -> None:
    drawn = scene(graph("CONV(8,3,p1)-BN-RELU-FC(3)"), detail=True)
    assert told(drawn.root) == ["INPUT", "CONV", "BN", "RELU", "FLATTEN", "FC"]


UNIT = "block unit(c) = (CONV(c,3,p1)-BN-RELU-CONV(c,3,p1) + ID)-RELU "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UNIT + "net unit(8)*3", ["INPUT", ("unit1", 3, ["CONV-BN-RELU", "CONV", "SUM-RELU"])]),
        # Rows and columns change from one to the next: these are two.
        (
            "block down = CONV(8,3,p1)-RELU-POOL(2) net down*2",
            ["INPUT", ("down1", 1, ["CONV-RELU", "POOL"]), ("down2", 1, ["CONV-RELU", "POOL"])],
        ),
        # Branches that read alike stand side by side; they are no repetition.
        ("[POOL(2), POOL(2), POOL(2)]-SUM", ["INPUT", "POOL", "POOL", "POOL", "SUM"]),
        # The second of three also feeds something else: only what is a plain chain is one box.
        (
            "block f = let a = in-CONV(8,3,p1)-CONV(8,3,p1) let b = a-CONV(8,3,p1) a + b net f",
            ["INPUT", ("f1", 1, [("CONV", 2), "CONV", "SUM"])],
        ),
        # Channels that grow are no hindrance (DenseNet).
        (
            "block layer = ID | BN-RELU-CONV(4,3,p1) net layer*5",
            ["INPUT", ("layer1", 5, ["BN-RELU-CONV", "CAT"])],
        ),
        ("(CONV(8,3,p1)-POOL(3,s1,p1))*4", ["INPUT", ("conv1+", 4, ["CONV", "POOL"])]),
        # Other arguments are another thing.
        ("CONV(8,3,p1)-CONV(8,1)-CONV(8,3,p1)", ["INPUT", "CONV", "CONV", "CONV"]),
    ],
)
def test_repetitions_are_folded(text: str, expected: list[object]) -> None:
    assert told(scene(graph(text)).root) == expected


def test_arrows_of_a_folded_block_are_those_of_its_first_and_last_instance() -> None:
    drawn = scene(graph(UNIT + "net CONV(8,1)-unit(8)*3-GAP"))
    arrows = {(e.source.name, e.target.name) for e in drawn.edges}
    assert arrows == {
        ("input", "conv1"),
        ("conv1", "unit1.conv1"),
        ("conv1", "unit1.sum1"),
        ("unit1.conv1", "unit1.conv2"),
        ("unit1.conv2", "unit1.sum1"),
        ("unit1.sum1", "gap1"),
    }


def test_the_shape_behind_a_folded_block_is_that_of_its_last_instance() -> None:
    drawn = scene(graph("block layer = ID | CONV(4,3,p1) net layer*5-GAP"))
    assert [e.shape for e in drawn.edges if e.target.name == "gap1"] == [(8 + 5 * 4, 16, 16)]


def boxes(drawn: Scene, *arguments: object) -> list[str]:
    return [box.name for box in view(drawn, *arguments).boxes]  # type: ignore[arg-type]


def test_depth_says_how_much_is_open() -> None:
    drawn = scene(blockdsl.load("resnet50").ir)
    top = ["input", "stem1", "stage1", "stage2", "stage3", "stage4", "gap1", "fc1"]
    assert boxes(drawn, 0) == top
    assert boxes(drawn, 1)[:5] == [
        "input",
        "stem1.conv1.conv1",
        "stem1.pool1",
        "stage1.unit1",
        "stage1.unit2",
    ]
    assert boxes(drawn, 99) == [node.name for node in drawn.root.nodes()]
    opened = boxes(drawn, 0, ["stage[2].unit[1]"])
    inside = [name for name in opened if name.startswith("stage2.")]
    assert [name for name in opened if name not in inside] == [name for name in top if name != "stage2"]
    assert inside[-1] == "stage2.unit2"
    assert len(inside) == 6


def test_a_closed_block_carries_the_arrows_of_what_is_inside() -> None:
    shown = view(scene(blockdsl.load("googlenet").ir), 0)
    into = [(a.source.name, a.shape) for a in shown.arrows if a.target.name == "inception3b"]
    assert into == [("inception3a", (256, 28, 28))]


def test_too_large_a_picture_is_folded_and_says_so() -> None:
    shown = view(scene(blockdsl.load("googlenet").ir))
    assert len(shown.boxes) <= COMFORTABLE
    assert shown.said == "folded to depth 0 of 1: open, it has 92 boxes"
    assert view(scene(blockdsl.load("googlenet").ir), 1).said == ""


def test_a_long_network_without_blocks_is_gathered() -> None:
    # Channels never repeat, so nothing is folded.
    drawn = scene(graph("(CONV(i,1)-RELU for i in 1..1000)"))
    shown = view(drawn)
    assert len(shown.boxes) == 51  # 1001 boxes in groups of 20
    assert shown.said == "folded to depth 0 of 1: open, it has 1001 boxes"
    assert len(view(drawn, 5).boxes) == 51
    assert instances(drawn.root) == {"INPUT": 1, "CONV": 1000, "RELU": 1000}


def test_long_repetitions_are_folded_in_a_moment() -> None:
    drawn = scene(graph("(CONV(8,3,p1)-RELU-CONV(8,1))*5000"))
    assert told(drawn.root) == ["INPUT", ("conv1+", 5000, ["CONV-RELU", "CONV"])]


def test_an_unknown_block_to_open_is_an_error() -> None:
    with pytest.raises(ArchError) as wrong:
        view(scene(blockdsl.load("resnet50").ir), 0, ["stage[7]"])
    assert str(wrong.value) == (
        "error[name]: no block of the picture is called stage[7]\n  help: did you mean stage4?"
    )


def test_a_node_knows_its_core() -> None:
    (node,) = [n for n in scene(graph("BN-RELU-CONV(4,1)-DROPOUT")).root.nodes() if n.layers[0].inputs]
    assert isinstance(node, LayerNode)
    assert (node.name, node.shape, node.core.operation.name) == ("conv1", (4, 16, 16), "CONV")
