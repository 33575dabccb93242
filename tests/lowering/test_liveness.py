"""A tensor that feeds no output is not built, not counted, takes no number, and no choice in it is asked."""

from __future__ import annotations

import pytest

import blockdsl
from blockdsl import ArchError
from blockdsl.ir import Graph, path_text
from tests.lowering.lowered import Chooser, program
from tests.lowering.lowered import graph as graph_of

INPUT = "input 3x8x8\n"


def layers(text: str) -> list[str]:
    return [path_text(layer.path) for layer in graph_of(INPUT + text).layers()][1:]


def test_a_let_that_nothing_needs_takes_no_number() -> None:
    assert layers("net let a = in-CONV(8,1)  let b = in-CONV(4,3)  b-RELU") == ["conv[1]", "relu[1]"]


def test_neither_do_those_that_only_it_needs() -> None:
    assert layers("net let a = in-CONV(8,1)  let b = a-CONV(4,3)  in-CONV(2,1)") == ["conv[1]"]


@pytest.mark.parametrize("taken", [True, False])
def test_a_side_of_an_if(taken: bool) -> None:
    text = f"""param k = {"yes" if taken else "no"}
    net let a = in-CONV(8,1)
        let b = in-CONV(8,3,p1)-BN
        if k then b + a else b"""
    found = layers(text)
    assert found == (["conv[1]", "conv[2]", "bn[1]", "sum[1]"] if taken else ["conv[1]", "bn[1]"])
    widths = [layer.operation.kernel for layer in graph_of(INPUT + text).layers() if "conv" in layer.name]
    assert widths == ([(1, 1), (3, 3)] if taken else [(3, 3)]), "layers stand in the order of the text"


def test_what_is_built_late_stands_where_it_is_written() -> None:
    written = "net let a = in-CONV(5,1)-BN  in-CONV(5,3,p1)-BN-(%s)"
    late, early = "if 1 == 1 then ID + a else ID", "ID + a"
    assert everything(graph_of(INPUT + written % late)) == everything(graph_of(INPUT + written % early))


def test_so_does_what_a_block_is_given() -> None:
    """Block calls have their layers beside each other, whatever they need late."""
    text = """block unit(c, x) = CONV(c,1)-BN-(if c > 3 then ID + x else ID)
    net let a = in-CONV(8,1)-BN
        let b = in-CONV(2,1)-BN
        (in-unit(8, a)) | (in-unit(2, b)-RELU) | (in-unit(4, in-CONV(4,1)))"""
    names = layers(text)
    assert names[:2] == ["conv[1]", "bn[1]"], "a alone; b is not needed"
    assert names[2:5] == ["unit[1].conv[1]", "unit[1].bn[1]", "unit[1].sum[1]"]
    assert names[5:8] == ["unit[2].conv[1]", "unit[2].bn[1]", "relu[1]"]
    assert names[8:] == ["conv[2]", "unit[3].conv[1]", "unit[3].bn[1]", "unit[3].sum[1]", "cat[1]"]
    module = blockdsl.parse(INPUT + text).module()
    assert "conv2.weight" in module.state_dict()


def test_an_argument_that_a_block_does_not_use() -> None:
    assert layers("block b(x) = CONV(4,1)  net in-b(in-CONV(7,1)-BN)") == ["b[1].conv[1]"]


def test_part_of_a_bundle() -> None:
    text = "block s = [CONV(4,1)-BN, CONV(5,1)-BN]  net let p, q = in-s  q-RELU"
    assert layers(text) == ["s[1].conv[1]", "s[1].bn[1]", "relu[1]"]
    assert layers("net let t = [in-CONV(7,1), in-CONV(4,1)]  t[2]-RELU") == ["conv[1]", "relu[1]"]
    assert layers("net let a, b = [in-CONV(7,1), in-CONV(4,1)]  b-RELU") == ["conv[1]", "relu[1]"]


def test_a_tensor_whose_size_alone_is_read() -> None:
    assert layers("net let a = in-CONV(7,1)  in-CONV(a.c,3)") == ["conv[1]"]


def test_an_auxiliary_output_is_an_output() -> None:
    names = layers("net let a = in-CONV(7,1)-AUX(h, GAP-FC(2))-BN  in-CONV(3,1)")
    assert names == ["conv[1]", "h.gap[1]", "h.flatten[1]", "h.fc[1]", "conv[2]"]
    inside = "block s = AUX(h, GAP-FC(2))-CONV(4,1)  net let a = in-s  in-CONV(3,1)"
    assert layers(inside) == ["s[1].h.gap[1]", "s[1].h.flatten[1]", "s[1].h.fc[1]", "conv[1]"]


def test_an_application_of_a_shared_network_that_nothing_needs() -> None:
    graph = graph_of(INPUT + "net shared h = CONV(3,1)-BN  let a = in-h  let b = a-h  let d = b-h  b-RELU")
    assert len(graph.shared) == 2
    assert [layer.name for layer in graph.layers()][1:] == [
        "h1.conv1",
        "h1.bn1",
        "h2.conv1",
        "h2.bn1",
        "relu1",
    ]


def test_a_shared_network_is_applied_whole() -> None:
    """Its applications have the same layers, so one that is needed in part is built whole."""
    text = "block two = [CONV(3,1), CONV(3,3,p1)]  net shared h = two  let a, b = in-h  let c, d = a-h  b + c"
    graph = graph_of(INPUT + text)
    assert len(graph) == 1 + 2 + 2 + 1
    blockdsl.parse(INPUT + text).module()


def test_a_layer_whose_weight_is_used() -> None:
    text = "net let a = in-CONV(9,1)  let b = [in-GAP-FC(7)-code:FC(5), in-GAP]  b[2]-FC(7)-FC(5, tie=code)"
    graph = graph_of(INPUT + text)
    assert [layer.name for layer in graph.layers()][1:] == [
        "gap1", "flatten1", "fc1", "code", "gap2", "flatten2", "fc2", "fc3",
    ]  # fmt: skip
    assert len(graph.ties) == 1
    blockdsl.parse(INPUT + text).module()


@pytest.mark.parametrize(
    "text",
    [
        "net let a = in-enc:FC(6)  in-RELU-FC(6, tie=enc)",
        "net let a = in-enc:FC(6)  let b = in-RELU-FC(6, tie=enc)  b-TANH",
        "net let a = in-enc:FC(6)  let b = in-RELU-FC(6, tie=enc)  if 1 == 1 then b + a else b",
        "shared enc = FC(6)  net let a = in-enc  in-RELU-FC(6, tie=enc)",
        "block unit(s) = FC(6, tie=s)  shared enc = FC(6)  net let a = in-enc  in-RELU-unit(enc)",
        "block unit = enc:FC(6)-BN  net let a = in-unit  in-FC(6, tie=unit[1].enc)",
        "block unit = let a = in-enc:FC(6)  in-RELU-FC(6, tie=enc)  net unit",
    ],
)
def test_a_layer_whose_weight_alone_is_used_is_built(text: str) -> None:
    graph = graph_of("input 6\n" + text)
    ((tied, owner),) = graph.ties.items()
    order = [graph.module_path(layer) for layer in graph.layers()]
    assert order.index(owner) < order.index(tied)
    module = blockdsl.parse("input 6\n" + text).module()
    assert sum(p.numel() for p in module.parameters()) == 6 * 6 + 6 + 6


def test_a_layer_that_a_later_line_would_have() -> None:
    text = "input 6  net let a = in-FC(6, tie=enc)  let b = in-enc:FC(6)  a"
    with pytest.raises(ArchError, match="no layer before this is called enc"):
        blockdsl.parse(text)


def test_a_tie_in_what_is_renumbered() -> None:
    text = "net let a = in-FC(9)  let b = in-FC(9)  FC(5)-code:FC(6)-FC(5, tie=code)"
    graph = graph_of("input 4\n" + text)
    assert [layer.name for layer in graph.layers()][1:] == ["fc1", "code", "fc2"]
    assert {a[-1].index: b[-1].name for a, b in graph.ties.items()} == {2: "code"}
    blockdsl.parse("input 4\n" + text).module()


def test_an_input_stays() -> None:
    graph = graph_of("input a = 3x8x8  input b = 4  net a-CONV(2,1)")
    assert [port.name for port in graph.inputs] == ["a", "b"]


def test_no_choice_in_it_is_asked() -> None:
    text = (
        INPUT
        + """
    block unit(x) = CONV(4,1)
    net let a = in-CONV({8,16},1)
        let b, c = in-CONV({16,32},1)-SPLIT(2)
        let d = [in-CONV({2,3},1), in-POOL({2,4})]
        in-CONV({1,2},1)-unit(in-CONV({5,6},1))"""
    )
    chooser = Chooser()
    program(text, choose=chooser)
    assert chooser.asked == ["conv[1].channels"]


def test_a_check_of_it_says_so() -> None:
    net = blockdsl.parse(INPUT + "net let a = in-CONV(8,1)  in-CONV(3,1)  check a.c == 8")
    with pytest.raises(ArchError, match="a feeds no output, and is not in the network"):
        net.check()


def test_names_in_sight_are_those_of_the_let() -> None:
    """What is built late does not see what was bound after it."""
    text = "let w = 5  net let a = in-CONV(w,1)  let w = 2  if w == 2 then a else in"
    assert graph_of(INPUT + text).shapes_of(graph_of(INPUT + text).outputs)["y"] == (5, 8, 8)


def test_a_long_chain_of_names_is_no_deep_recursion() -> None:
    lets = "".join(f"let a{i} = a{i - 1}-RELU\n" for i in range(1, 3000))
    text = f"{INPUT}net let a0 = in-RELU\n{lets}if 1 == 1 then a2999 else in"
    assert len(graph_of(text)) == 3001


def everything(graph: Graph) -> list[object]:
    return [(layer.id, layer.name, str(layer.operation), layer.inputs) for layer in graph.layers()]
