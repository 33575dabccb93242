"""What `check` warns of: what nothing uses, and what is probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import blockdsl
from blockdsl.cli import run
from blockdsl.resources import names

FILE = """use "blocks/residual.arch"
input a = 32x32x3
input b = 4
param w = 8
let k = 3
let m = 4
block wide(c, x) = CONV(c,m)
block inner = RELU-wide(3,in)
net let p = a-CONV(8,1)
    let q = p-BN
    let f(i, j) = i
    shared s = RELU
    let _spare = 3
    (a-GAP-FC(f(4, 2)))-SOFTMAX
train
    epochs = 3
"""
MESSAGES = [
    "nothing of blocks/residual.arch is used",
    "the input has 32 channels and is 3 wide",
    "the input b is never used",
    "the param w is never used",
    "the name k is never used",
    "the name m is used only by wide, which nothing uses",
    "the block wide is used only by inner, which nothing uses",
    "the parameter x of wide is never used",
    "the block inner is never used",
    "the name p is used only by q, which nothing uses",
    "the name q is never used",
    "the parameter j of f is never used",
    "the shared network s is never used",
    "cross_entropy applies SOFTMAX itself, so that it is applied twice",
]


def test_each_has_its_message_in_the_order_of_the_places() -> None:
    found = blockdsl.parse(FILE).warnings()
    assert [one.message for one in found] == MESSAGES
    assert {one.severity for one in found} == {"warning"}


def test_the_whole_text_of_one() -> None:
    (found,) = blockdsl.parse("input 3x8x8 net let a = in-CONV(8,1) CONV(4,1)").warnings()
    assert str(found) == (
        "warning[unused]: the name a is never used\n"
        "  --> <text>:1:21\n"
        "     1 | input 3x8x8 net let a = in-CONV(8,1) CONV(4,1)\n"
        "       |                     ^"
    )


@pytest.mark.parametrize(
    ("net", "how"),
    [
        ("in[1]-FC(3)", "never used"),
        ("a-FC(3)", "never used"),
        ("first", "never used"),
        ("in[1]-FC(in[1].c)", "never used"),
        ("let y = in[2]-FC(3) a", "used only by y, which nothing uses"),
        ("let y = b-FC(3) a", "used only by y, which nothing uses"),
    ],
)
def test_an_input_that_nothing_uses(net: str, how: str) -> None:
    text = f"input a = 4 input b = 4 block first = in[1]-FC(3) net {net}"
    assert f"the input b is {how}" in [one.message for one in blockdsl.parse(text).warnings()]


@pytest.mark.parametrize(
    "text",
    [
        "input 3x8x8 net let a = in-CONV(8,1) let b = a-RELU b + a",
        "input a = 3x8x8 input b = 3x8x8 net in-SUM",
        "input a = 3x8x8 input b = 3x8x8 net [CONV(4,1), CONV(4,1)]-SUM",
        "input a = 3x8x8 input b = 3x8x8 net in[1]-CONV(in[2].c,1)",
        "input a = 3x8x8 input b = 3x8x8 let i = 2 net in[1] + in[i]",
        "input a = 3x8x8 net CONV(4,1)",
        "input a = 4 input b = 4 block pair = [FC(3), ID] net pair",
        "input 3x8x8 let n = 3 net CONV(8,1) check params == 24 + 8 and n == 3",
        "input 3x8x8 net let n = 32 CONV(8,1) check params == n",
        "input 3x8x8 param rate = 0.1 net GAP-FC(2) train optimizer = sgd(lr=rate)",
        "input 3x8x8 net GAP-FC(2)-SOFTMAX",
        "input 3x8x8 net GAP-FC(2)-SOFTMAX train loss = mse",
        'input 3x8x8 use "blocks/residual.arch" net CONV(64,1)-basic(64,1)',
        "input 256x1x1 net CONV(4,1)",
        "input 3x8x8 block twice(n) = if n == 0 then ID else RELU-twice(n - 1) net twice(2)",
    ],
)
def test_what_is_meant_has_no_warning(text: str) -> None:
    assert [one.message for one in blockdsl.parse(text).warnings()] == []


@pytest.mark.parametrize("name", names("zoo"))
def test_the_zoo_has_none(name: str) -> None:
    assert blockdsl.load(name).warnings() == ()


def test_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text("input 3x8x8\nnet let a = in-CONV(8,1)  CONV(4,1)\n")
    message = (
        "[unused]: the name a is never used\n"
        "  --> net.arch:2:9\n"
        "     2 | net let a = in-CONV(8,1)  CONV(4,1)\n"
        "       |         ^\n"
    )
    assert run(["check", "net.arch"]) == 0
    out, err = capsys.readouterr()
    assert out == "net.arch: right (0 checks, 16 parameters, 1 warning)\n"
    assert err == f"warning{message}"
    assert run(["check", "net.arch", "-W", "error"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error{message}")
    assert run(["check", "net.arch", "-W", "ignore"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("net.arch: right (0 checks, 16 parameters)\n", "")


@pytest.mark.parametrize(
    "text",
    [
        "net let a = in-enc:FC(6)  in-FC(6, tie=enc)",
        "shared enc = FC(6)  net let a = in-enc  in-FC(6, tie=enc)",
        "shared enc = FC(6)  block unit(s) = FC(6, tie=s)  net enc-unit(enc)",
        "block unit = enc:FC(6)-BN  net let a = in-unit  in-FC(6, yes, unit[1].enc)",
    ],
)
def test_a_tie_uses_what_has_the_layer(text: str) -> None:
    assert not blockdsl.parse("input 6 " + text).warnings()


@pytest.mark.parametrize(
    ("text", "whole"),
    [("[s:a-RELU, a-CONV(4,1)]", "s:(a-RELU)"), ("[s:a * a-TANH, a-CONV(4,1)]", "s:(a * a-TANH)"),
     ("s:a + a-RELU", "s:(a + a-RELU)")],
)  # fmt: skip
def test_a_label_of_a_tensor_alone(text: str, whole: str) -> None:
    (found,) = blockdsl.parse(f"input 3x8x8 net let a = in-CONV(8,1) {text}").warnings()
    assert found.message == "the label s names a alone"
    assert found.help == f"in brackets it names the whole: {whole}"


@pytest.mark.parametrize("text", ["[s:a, a-RELU]", "[s:(a-RELU), a-TANH]", "s:RELU-TANH", "a-s:RELU-t:TANH"])
def test_other_labels(text: str) -> None:
    found = blockdsl.parse(f"input 3x8x8 net let a = in-CONV(8,1) {text}").warnings()
    assert not [one for one in found if "label" in one.message]
