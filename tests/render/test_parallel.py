"""Parallel arrows: a box has an arrow for each tensor it reads, however alike they are."""

from collections import Counter

import pygraphviz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blockdsl
from blockdsl.lowering import lower
from blockdsl.render import Options, draw
from blockdsl.render.page import page_data
from blockdsl.render.scene import scene
from blockdsl.render.view import view
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

NETS = {
    "SPLIT(2)-SUM": 2,
    "SPLIT(4)-CAT": 4,
    "CONV(8,3,p1)-POOL(2)-(ID + ID)-GAP": 2,
    "POOL(2)-[ID,ID]-SUM-GAP": 2,
    "POOL(2)-[ID,ID,ID]-CAT-GAP": 3,
    "POOL(2)-[ID,CONV(8,1)]-SUM-SPLIT(2)-MUL": 2,
}


def drawn(text: str, **options: object) -> pygraphviz.AGraph:
    data = draw(parse(Source("net.arch", text)), "dot", Options(**options)).data  # type: ignore[arg-type]
    return pygraphviz.AGraph(string=data.decode())


@pytest.mark.parametrize("body", NETS)
def test_the_arrows_are_the_edges_of_the_graph(body: str) -> None:
    text = f"input 8x8x8\n\n{body}\n"
    graph = blockdsl.parse(text).ir
    wanted = Counter((graph.layer(a).name, graph.layer(b).name) for a, b in graph.nx.edges())
    assert max(wanted.values()) == NETS[body]
    arrows = Counter(tuple(edge) for edge in drawn(text, detail=True).edges() if edge[1] != "output ")
    assert arrows == wanted


def test_a_closed_block_has_one_arrow_for_each_tensor() -> None:
    text = "input 8x8x8\n\nblock part = [ID,CONV(8,1)]-SUM\n\nnet POOL(2)-part-GAP\n"
    assert drawn(text, depth=0).edges().count(("pool1", "part1")) == 1
    assert drawn(text, depth=1).edges().count(("pool1", "part1")) == 0


def test_the_page_tells_parallel_arrows_apart() -> None:
    program = lower(parse(Source("net.arch", "input 8x8x8\n\nPOOL(2)-[ID,ID]-SUM-SPLIT(2)-MUL\n")))
    arrows = page_data(view(scene(program.graph, detail=True)), program)["arrows"]
    assert len({(source, target, tensor, index) for source, target, _, tensor, index in arrows}) == len(
        arrows
    )
    assert sorted(Counter((source, target) for source, target, *_ in arrows).values()) == [1, 1, 2, 2]


@st.composite
def _joined(draw: st.DrawFn) -> str:
    """A network of splits and joins, where one layer often reads several tensors of another."""
    parts = st.sampled_from(
        [
            "SPLIT(2)-SUM", "SPLIT(4)-CAT",
            "[ID,ID]-SUM", "[ID,ID,ID]-MEAN", "SPLIT(2)-[ID,RELU]-CAT",
            "(ID | ID)", "[ID,CONV(8,1)]-SUM", "(RELU * RELU)",
            "SPLIT(2)-[SPLIT(2)-CAT,ID]-CAT",
        ]
    )  # fmt: skip
    chosen = draw(st.lists(parts, min_size=1, max_size=4))
    # Kernels differ, since what repeats is drawn once.
    return "POOL(2)-" + "-".join(f"{part}-CONV(8,{2 * i + 1},pad=same)" for i, part in enumerate(chosen))


@given(_joined())
@settings(max_examples=40)
def test_every_picture_has_as_many_arrows_as_layers_have_inputs(body: str) -> None:
    text = f"input 8x8x8\n\n{body}\n"
    program = lower(parse(Source("net.arch", text)))
    inputs = sum(len(layer.inputs) for layer in program.graph.layers())
    graph = drawn(text, detail=True)
    assert sum(1 for edge in graph.edges() if not edge[1].startswith("output")) == inputs
    svg = draw(parse(Source("net.arch", text)), "svg", Options(detail=True)).data.decode()
    assert svg.count('class="edge"') == inputs + 1  # and one to the output
    assert len(page_data(view(scene(program.graph, detail=True)), program)["arrows"]) == inputs
