"""What Graphviz gets: boxes, clusters and labels that say what the graph says; files of every kind."""

import html
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pygraphviz
import pytest
from matplotlib.path import Path as Curve
from matplotlib.transforms import Bbox

import blockdsl
from blockdsl.cli import run
from blockdsl.render import Options, draw
from blockdsl.render.graphviz import drawn as laid_out
from blockdsl.resources import find_source, names
from blockdsl.source import Source
from blockdsl.syntax.parser import parse


def dot(name: str, **options: object) -> pygraphviz.AGraph:
    source = find_source(name) if "\n" not in name else Source("net.arch", name)
    return pygraphviz.AGraph(string=draw(parse(source), "dot", Options(**options)).data.decode())  # type: ignore[arg-type]


def words(label: str | None) -> str:
    """A label without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", label or "")).split())


def labels_of(drawn: pygraphviz.AGraph) -> dict[str, str]:
    return {str(node): words(node.attr["label"]) for node in drawn.nodes()}


@pytest.mark.parametrize("name", names("zoo"))
def test_the_zoo_is_drawn(name: str) -> None:
    drawn = dot(name)
    network = blockdsl.load(name)
    outputs = 1 + len(network.ir.auxiliaries)
    assert 2 + outputs <= len(drawn.nodes()) <= 40 + outputs
    title = words(drawn.graph_attr["label"])
    assert title.startswith(" ".join(network.title.split()))
    linked = {node for edge in drawn.edges() for node in edge}
    assert linked == set(drawn.nodes())


def test_labels_are_the_facts_of_the_graph() -> None:
    drawn = dot("lenet5")
    assert labels_of(drawn) == {
        "input": "input 1×32×32",
        "conv1": "conv1 5×5 conv, 6 ReLU",
        "pool1": "pool1 2×2 max pool",
        "conv2": "conv2 5×5 conv, 16 ReLU",
        "pool2": "pool2 2×2 max pool",
        "fc3": "fc3 FC 120 ReLU",
        "fc4": "fc4 FC 84 ReLU",
        "fc5": "fc5 FC 10",
        "output ": "output 10",
    }
    assert {tuple(edge): words(edge.attr["label"]) for edge in drawn.edges()} == {
        ("input", "conv1"): "",
        ("conv1", "pool1"): "6 28×28",
        ("pool1", "conv2"): "6 14×14",
        ("conv2", "pool2"): "16 10×10",
        ("pool2", "fc3"): "16 5×5",
        ("fc3", "fc4"): "120",
        ("fc4", "fc5"): "84",
        ("fc5", "output "): "",
    }


def test_blocks_are_nested_clusters() -> None:
    drawn = dot("resnet50", depth=2)
    stage = next(cluster for cluster in drawn.subgraphs() if cluster.name == "cluster_stage2")
    assert [inner.name for inner in stage.subgraphs()] == ["cluster_stage2.unit1", "cluster_stage2.unit2"]
    assert words(stage.subgraphs()[1].graph_attr["label"]) == "bottleneck ×3"
    assert len(stage.subgraphs()[0].nodes()) == 5


def test_a_repeated_block_says_how_often() -> None:
    labels = labels_of(dot("densenet121", depth=1)).values()
    assert [label for label in labels if "×6" in label] == ["bottleneck layer ×6 k=32, drop=0"]


@pytest.mark.parametrize("by", ["params", "macs", "memory"])
def test_by_a_cost_the_shares_add_up(by: str) -> None:
    labels = labels_of(dot("vgg16", by=by, depth=0)).values()
    shares = [float(share) for label in labels for share in re.findall(r"([\d.]+) %", label)]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))


def test_by_parameters_the_largest_is_the_deepest() -> None:
    drawn = dot("alexnet", by="params")
    fills = {str(node): node.attr["fillcolor"] for node in drawn.nodes()}
    brightness = {
        node: sum(int(fill[i : i + 2], 16) for i in (1, 3, 5)) for node, fill in fills.items() if fill
    }
    assert min(("fc6", "fc7", "fc8"), key=brightness.__getitem__) == "fc6"  # 37.8M of 61.0M


def test_auxiliary_heads_are_dashed() -> None:
    drawn = dot("googlenet")
    assert words(drawn.get_node("output aux1").attr["label"]) == "aux1 (training) 1000"
    dashed = {edge[1] for edge in drawn.edges() if edge.attr["style"] == "dashed"}
    assert dashed == {"aux1", "aux2", "output aux1", "output aux2"}


def test_a_short_chain_runs_to_the_right_and_a_branched_network_down() -> None:
    chain, forced, branched = dot("lenet5"), dot("lenet5", direction="down"), dot("inception_module_reduced")
    assert chain.graph_attr["rankdir"] == "LR"
    assert forced.graph_attr["rankdir"] == "TB"
    assert branched.graph_attr["rankdir"] == "TB"


def test_a_longer_chain_is_set_in_rows() -> None:
    drawn = dot("alexnet")
    backward = [tuple(edge) for edge in drawn.edges() if edge.attr["dir"] == "back"]
    # The second row runs to the left: its arrows are declared the other way round.
    assert ("conv5", "conv4") in backward
    assert ("input", "conv1") not in backward


SPACE = """title "A space"
input 3x32x32
block unit(c) = {CONV(c,3,p1)-BN-RELU, CONV(c,1)-RELU-CONV(c,3,p1), POOL(3,s1,p1)}
net CONV({16, 32},3,p1)-unit(16)-(DROPOUT(0.2))?-GAP-FC(10)
"""


def test_a_search_space_shows_its_alternatives() -> None:
    drawn = dot(SPACE, depth=9)
    clusters = {cluster.name: cluster for cluster in drawn.subgraphs()}
    unit = clusters["cluster_unit1"].subgraphs()[0]
    assert unit.graph_attr["style"].startswith("dashed")
    assert words(unit.graph_attr["label"]) == "one of: choice[1]"
    meeting = [node for node in unit.nodes() if words(node.attr["label"]) == "one of"]
    assert len(meeting) == 1
    assert len(drawn.in_edges(meeting)) == 3
    optional = clusters["cluster_choice1"]
    assert words(optional.graph_attr["label"]) == "one of: optional[1]"
    assert words(drawn.graph_attr["label"]) == (
        "A space a search space of 3 choices shapes are those of the first options "
        "drawn at their first values: conv[1].channels = {16, 32}"
    )


def test_a_network_without_choices_is_no_space() -> None:
    drawn = dot("resnet18")
    assert words(drawn.graph_attr["label"]) == "ResNet-18 11.7M parameters · 1.81G MACs"


@pytest.mark.parametrize(
    ("kind", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-"), ("dot", b"digraph")]
)
def test_every_kind_is_written(
    kind: str, begin: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"net.{kind}"
    assert run(["render", "lenet5", "-o", str(out)]) == 0
    assert out.read_bytes().startswith(begin)
    assert capsys.readouterr().out == f"wrote {out}\n"


def test_an_svg_has_the_words_and_tells_more_under_the_pointer() -> None:
    svg = ElementTree.fromstring(draw(parse(find_source("resnet18")), "svg").data)
    texts = {"".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"ResNet-18", "7×7 conv, 64", "FC 1000"} <= texts
    titles = {
        node.get("{http://www.w3.org/1999/xlink}title") for node in svg.iter("{http://www.w3.org/2000/svg}a")
    }
    assert any("513,000 parameters" in (title or "") for title in titles)  # 512*1000 + 1000


def test_a_notebook_shows_the_picture_and_the_table() -> None:
    shown = blockdsl.load("lenet5")._repr_html_()
    assert shown.startswith("<svg")
    assert "<table>" in shown


@pytest.mark.parametrize(
    ("name", "depth"),
    [("densenet121", 1), ("resnet50", 2), ("fractalnet_20", 2), ("unet", 1), ("nas_bench_macro", None)],
)
def test_no_arrow_passes_through_a_title(name: str, depth: int | None) -> None:
    layout = json.loads(laid_out(dot(name, depth=depth), "json"))
    arrows = [
        curve(step["points"]) for edge in layout["edges"] for step in edge["_draw_"] if step["op"] == "b"
    ]
    frames = [item for item in layout["objects"] if item["name"].startswith("cluster")]
    assert len(frames) > 4 and arrows
    for frame in frames:
        for word in (step for step in frame["_ldraw_"] if step["op"] == "T" and step["text"].strip()):
            x, y = word["pt"]
            begin = x - word["width"] * "lcr".index(word["align"]) / 2
            box = Bbox([(begin, y), (begin + word["width"], y + 7)])
            assert not any(arrow.intersects_bbox(box, filled=False) for arrow in arrows), word["text"]


def curve(points: list[tuple[float, float]]) -> Curve:
    """Matplotlib's path of the points that Graphviz gives for an arrow."""
    return Curve(points, [Curve.MOVETO, *[Curve.CURVE4] * (len(points) - 1)])


@pytest.mark.parametrize(
    ("by", "figure", "said"),
    [
        # 3 * 4 * 9 weights and 4 biases, of each of 64 positions a product with the weights
        ("params", "112 · 100.0 %", "parameters, their share of 112"),
        ("macs", "6.91k · 100.0 %", "MACs of one sample, their share of 6.91k"),
        # a tensor of 4x8x8 numbers in float32
        ("memory", "1.02 kB · 100.0 %", "activations of one sample in fp32, their share of 1.02 kB"),
    ],
)
def test_a_picture_says_what_its_figures_are(by: str, figure: str, said: str) -> None:
    text = "input 3x8x8\n\nCONV(4,3,p1)\n"
    for title in (True, False):
        drawn = draw(parse(Source("net.arch", text)), "dot", Options(by=by, title=title)).data.decode()
        assert figure in drawn and f"in each box: {said}" in drawn
    plain = draw(parse(Source("net.arch", text)), "dot").data.decode()
    assert "in each box" not in plain and "%" not in plain
