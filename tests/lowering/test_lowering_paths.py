"""One spelling of paths: every command and function finds a block, a label or a layer by the same rule."""

import pytest

import blockdsl
from blockdsl.ir import find_path
from blockdsl.render import Options, draw
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

TEXT = """input 3x8x8
block unit(c)  = CONV(c,3,p1)-RELU
block stage(c) = unit(c)-unit(2*c)
net stem:unit(4)-stage(8)-stage(16)
check shape({path}) == {shape}
"""
PATHS = {
    "stage[1]": "16x8x8", "stage": "16x8x8", "stage[2].unit": "16x8x8", "stage.unit[2]": "16x8x8",
    "stage.unit": "8x8x8", "stem": "4x8x8",
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_found_everywhere(path: str) -> None:
    text = TEXT.format(path=path, shape=PATHS[path])
    network = blockdsl.parse(text)
    network.check()
    graph = network.program.graph
    assert "x".join(map(str, graph.shape_of(graph.point(path)))) == PATHS[path]
    blockdsl.place(network.module(), {path: "cpu"})
    block = path.partition(".")[0]  # a unit is one box, with nothing to open
    for spelling in (block, block.replace("[", "").replace("]", "")) if block != "stem" else ():
        draw(parse(Source("net.arch", text)), "dot", Options(depth=0, opened=(spelling,)))


def test_an_index_is_1_where_it_is_left_out_and_nowhere_else() -> None:
    known = ["a1.b1", "a1.b11", "a2.b1", "b12"]
    assert find_path("a.b", known) == find_path("a[1].b[1]", known) == find_path("a1.b1", known) == "a1.b1"
    for wrong in ("a[2].b[2]", "b[1]", "c", "a", "a.b.c", ".*"):
        with pytest.raises(blockdsl.ArchError, match="no point of the network is called"):
            find_path(wrong, known)


def test_the_message_names_what_is_near() -> None:
    with pytest.raises(blockdsl.ArchError, match=r"stage1") as told:
        blockdsl.parse(TEXT.format(path="stge[1]", shape="1x1x1")).check()
    assert "no point of the network is called stge[1]" in str(told.value)


def test_the_representation_of_a_summary_is_its_table() -> None:
    summary = blockdsl.parse("SCALE(1)", input=(3, 8, 8)).summary()
    assert repr(summary) == str(summary)
    assert "SCALE(1) " in str(summary)
