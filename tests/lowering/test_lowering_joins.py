"""Joins of tensors, `MIN(a, b)`, are tensors; a block's layers count from 1 whatever flows in beside."""

import pytest

import blockdsl
from blockdsl.diagnostics import ArchError

TWO = "input a = 3x8x8\ninput b = 3x8x8\n"


def layers(text: str) -> list[str]:
    graph = blockdsl.parse(text).program.graph
    return [layer.name for layer in graph.layers() if not layer.is_input]


def test_a_join_of_tensors_is_bound_once() -> None:
    assert layers(TWO + "net\n let d = SUB(a, b)\n d-RELU + d") == ["sub1", "relu1", "sum1"]


def test_a_join_of_tensors_is_an_output_beside_others() -> None:
    graph = blockdsl.parse(TWO + "net [SUB(a-RELU, b)-GAP, both:CAT(a, b), MAX([a, b])]").program.graph
    assert [port.name for port in graph.outputs] == ["output1", "both", "output3"]


def test_a_join_of_tensors_goes_with_tensors() -> None:
    assert layers(TWO + "net\n let c = MIN(a, b) + a\n MEAN(c, MIN(c, b)-TANH)")[-1] == "mean1"
    assert layers(TWO + "block f(x) = CAT(x, in)\nnet a-f(MIN(a, b))") == ["min1", "f1.cat1"]


def test_a_join_of_tensors_loses_what_flows() -> None:
    with pytest.raises(ArchError, match="a tensor can only begin a chain"):
        layers(TWO + "net a-CONV(4,1)-MIN(a, b)")


def test_a_join_of_a_tensor_and_a_network_waits_for_its_input() -> None:
    assert layers("input 3x8x8\nnet\n let a = in-CONV(3,1)\n a-MIN(in, RELU)") == ["conv1", "relu1", "min1"]
    with pytest.raises(ArchError, match="which has no input yet"):
        layers("input 3x8x8\nnet\n let a = in-CONV(3,1)\n let b = MIN(a, RELU)\n b-TANH")


def test_the_layers_of_arguments_take_no_numbers_of_the_block() -> None:
    text = "input 3x8x8\nblock f(x) = CAT(x, in-CONV(4,1))\nnet f(in-CONV(2,1)-CONV(2,1))"
    assert layers(text) == ["conv1", "conv2", "f1.conv1", "f1.cat1"]


def test_choices_of_arguments_keep_their_names_from_those_of_the_block() -> None:
    space = blockdsl.Space.parse(
        "input 3x8x8\nblock f(x) = CAT(x, in-CONV({4,8},1))\nnet f(in-CONV({2,4},1)-{RELU,TANH})"
    )
    assert list(space.first().assignment) == [
        "f[1].conv[1].channels", "f[1].x", "f[1].conv[2].channels",
    ]  # fmt: skip
    frozen = blockdsl.parse(space.first().text()).program.graph
    assert [layer.name for layer in frozen.layers()] == [
        layer.name for layer in space.first().program.graph.layers()
    ]


FUSE = """block fuse(x) = SUM(x)-CONV(3,1)
block down(x, n) = if n == 0 then x else down(x-CONV(3,1), n-1)
block either(x) = {x-RELU, x-TANH}
block weighted(x) =
    let w = WEIGHT(3x1x1)
    MEAN(x, CAT(x) * w)
"""


@pytest.mark.parametrize(
    ("call", "added"),
    [("fuse([a, b])", ["fuse1.sum1", "fuse1.conv1"]), ("fuse(x=[a, b])", ["fuse1.sum1", "fuse1.conv1"]),
     ("down(a, 2)", ["down1.conv1", "down1.down1.conv1"]),
     ("fuse([fuse([a, b]), b])", ["fuse1.sum1", "fuse1.conv1", "fuse2.sum1", "fuse2.conv1"])],
)  # fmt: skip
def test_a_block_of_tensors_alone_is_built_once(call: str, added: list[str]) -> None:
    text = f"{TWO}{FUSE}net\n let m = {call}\n [m-GAP, m-RELU]"
    assert sorted(layers(text)) == sorted([*added, "gap1", "relu1"])
    graph = blockdsl.parse(text).module()
    assert len([name for name, _ in graph.named_parameters()]) == 2 * sum("conv" in name for name in added)


def test_a_block_of_tensors_has_choices_and_weights_of_its_own() -> None:
    space = blockdsl.Space.parse(f"{TWO}{FUSE}net\n let m = either(a)\n [m-GAP, m-GMP]")
    assert list(space.first().assignment) == ["either[1].choice[1]"]
    assert "weighted1.weight1" in layers(f"{TWO}{FUSE}net\n let m = weighted(a)\n [m-GAP, m-RELU]")


def test_a_block_that_reads_what_flows_in_is_a_network() -> None:
    text = TWO + "block f(x) = CAT(x, in)-CONV(3,1)\nnet\n let m = f(a)\n [b-m, a-m]"
    assert layers(text) == ["f1.cat1", "f1.conv1", "f2.cat1", "f2.conv1"]
    text = TWO + "block f(x) = SUM(x, CONV(3,1))\nnet\n let m = f(a)\n [b-m, a-m]"
    assert layers(text) == ["f1.conv1", "f1.sum1", "f2.conv1", "f2.sum1"]


@pytest.mark.parametrize(
    ("net", "last"),
    [("net MIN(fuse([a, b]), down(b, 1))", "min1"), ("net [fuse([a, b]), down(a, 1)]-SUM", "sum1"),
     ("net [TANH, RELU, fuse([a, b])]-SUM", "sum1"), ("net [TANH, fuse([a, b])-RELU]-SUM", "sum1"),
     ("net a-[TANH, fuse([a, b])]-SUM", "sum1"), ("net [TANH, x:fuse([a, b])]-SUM", "sum1")],
)  # fmt: skip
def test_a_block_of_tensors_alone_takes_what_is_there_for_it(net: str, last: str) -> None:
    made = layers(f"{TWO}{FUSE}{net}")
    assert made[-1] == last
    assert sum(name.endswith("tanh1") for name in made) == net.count("TANH")
