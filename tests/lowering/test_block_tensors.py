"""A block that is given tensors and reads nothing of what flows in is a tensor, evaluated once."""

from __future__ import annotations

import pytest

import blockdsl
from blockdsl.ir import Graph
from tests.lowering.lowered import Chooser, message, program
from tests.lowering.lowered import graph as graph_of

INPUT = "input 4x8x8\n"


def names(graph: Graph) -> list[str]:
    return [layer.name for layer in graph.layers()][1:]


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("block f(x) = x-CONV(4,1)  net let y = f(in) y + (y-RELU)", ["f1.conv1", "relu1", "sum1"]),
        ("block f(x) = x-CONV(4,1)  net let y = f(in) in-CONV(y.c,1)", ["conv1"]),
        (
            "block f(x) = [x-CONV(4,1), x]  net let a, b = f(in-RELU) a + b",
            ["relu1", "f1.conv1", "sum1"],
        ),
        ("block f(x) = [x-CONV(4,1), x-BN]  net let y = f(in) y[2]-RELU", ["f1.bn1", "relu1"]),
        ("block f(x) = x-RELU  net let y = in + f(in) y", ["f1.relu1", "sum1"]),
        ("block f(x) = x-RELU  net [q:f(in), in]-SUM", ["q.relu1", "sum1"]),
        (
            "block f(x) = let a = x-RELU a + x  net let y = f(f(in)) y",
            ["f2.relu1", "f2.sum1", "f1.relu1", "f1.sum1"],
        ),
        (
            "block f(x, n) = if n == 0 then x else g(x-RELU, n-1)  block g(x, n) = f(x-TANH, n)"
            "  net let y = f(in, 1) y + y",
            ["f1.relu1", "f1.g1.tanh1", "sum1"],
        ),
        ("block f(x, act) = x-act  net let y = f(in, RELU) y + y", ["f1.relu1", "sum1"]),
        ("block f(x) = x * WEIGHT(4x8x8)  net let y = f(in-RELU) y", ["relu1", "f1.weight1", "f1.mul1"]),
        ("block f(x) = x-RELU  net let y = f(in) in-TANH", ["tanh1"]),
    ],
)
def test_it_is_a_tensor(text: str, layers: list[str]) -> None:
    assert names(graph_of(INPUT + text)) == layers
    blockdsl.parse(INPUT + text).module()


@pytest.mark.parametrize(
    "body",
    [
        "(in-RELU) + x",
        "CONV(4,1) + x",
        "x-CONV(in.c,1)",
        "let a = in-RELU  x + a",
        "if x.c == 4 then x else CONV(4,1)",
        "{x, RELU}",
        "x?",
        "AUX(early, GAP-FC(2))-SUM(ID, x)",
        "g(x)",
    ],
)
def test_one_that_reads_what_flows_in_is_a_network(body: str) -> None:
    text = f"block g(x) = in + x  block f(x) = {body}  net let y = f(in-RELU) y.c"
    assert "this network has no input yet: `in-f(in-RELU)`" in message(INPUT + text)


@pytest.mark.parametrize(
    "text",
    [
        "net let y = in-f(in-RELU) y",
        "net let y = f(in-RELU) y",
        "net TANH-f(in-RELU)",
        "net if in.c == 4 then f(in-RELU) else ID",
        "net [TANH, ID]-[f(in-RELU), TANH]-SLICE(1, 1)",
        "net let a, b = [f(in-RELU), in] a",
        "net f(in-RELU)*1",
    ],
)
def test_what_flows_into_it_is_not_looked_at(text: str) -> None:
    text = text.replace("-SLICE(1, 1)", "-first")
    graph = graph_of(INPUT + "block f(x) = x-CONV(4,1) block first = in[1] " + text)
    assert [layer.operation.name for layer in graph.layers()][1:] == ["RELU", "CONV"]


def test_what_is_open_in_it_is_chosen_once() -> None:
    choose = Chooser()
    text = "block f(x) = x-CONV({4, 8},1)  net let y = f(in) y + (y-RELU)"
    assert len(program(INPUT + text, choose=choose).graph) == 4
    assert len(choose.asked) == 1


def test_many_blocks_that_give_tensors_on() -> None:
    """What kind a call is, is found out once for each block: the time does not double with each."""
    blocks = [f"block b{i}(x, y) = b{i + 1}(x, y-RELU) + b{i + 1}(y, x)" for i in range(8)]
    unused = [f"block c{i}(x, y) = c{i + 1}(x, y-RELU) + c{i + 1}(y, x)" for i in range(60)]
    text = "\n".join([*blocks, "block b8(x, y) = x + y", *unused, "block c60(x, y) = x + y"])
    graph = graph_of(f"{INPUT}{text}\nnet let y = b0(in, in) let z = c0(in, in) y + y")
    assert len(graph) > 2**8
