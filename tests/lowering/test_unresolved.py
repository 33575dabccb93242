"""Names are looked up also where nothing is evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

import blockdsl
from blockdsl import ArchError
from tests.lowering.lowered import message, program

NET = " net CONV(8,3)"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("block a(c) = CONV(d,3)" + NET, "unknown name d"),
        ("block a = CONW(8,3)" + NET, "unknown operation CONW"),
        ("block a = stem(3)" + NET, "unknown name stem"),
        ("block a = foo.c * 2" + NET, "unknown name foo"),
        ("let f(i) = i + j" + NET, "unknown name j"),
        ("net if 1 == 1 then CONV(8,3) else stem", "unknown name stem"),
        ("param n = 1 net if n > 2 then CONV(8,k) else CONV(8,3)", "unknown name k"),
        ("block a = (let_ - RELU for i in 1..m)" + NET, "unknown name"),
        ("block a = [CONV(i,1) for i in 1..3]-[CONV(i,1), RELU, RELU]" + NET, "unknown name i"),
        ("block inner(c) = RELU block a = inner(same)" + NET, 'a word stands in quotes here: "same"'),
        ("net let a = in-CONV(b,1) CONV(8,3)", "unknown name b"),
        ("block a = PAD(same, same)" + NET, "unknown name same"),
        ("let x = if 1 == 1 then 3 else y let y = 4 net CONV(x,3)", "y is not bound yet"),
    ],
)
def test_an_unknown_name(text: str, name: str) -> None:
    assert name in message(text)


@pytest.mark.parametrize(
    "text",
    [
        "block a = CONV(8,3,pad=same)-POOL(2,s2)" + NET,
        "block a(k) = CONV(8,3,pad=if k then same else 1)" + NET,
        "block unit(s=1) = CONV(8,3,stride=s) block a = unit(s2)" + NET,
        "block a = AUX(head, GAP-FC(3))-UP(2,kind=bilinear)" + NET,
        "block a(x) = CONV(max(x, 3),len([1, 2]))" + NET,
        "block a(x) = [t-CONV(c,k) for c, k in [[1, 2]]]" + NET,
        "block a = FC(8,tie=enc)" + NET,
        "block a = b-FC(8,tie=b[1].enc) block b = enc:FC(8)-RELU" + NET,
        "block a(s) = FC(8,tie=s) net if 1 == 2 then FC(8,yes,far) else CONV(8,3)",
        "net FC(8)-q:(enc:FC(8)-RELU)-FC(8,tie=q.enc)",
        "block b = a block a = RELU let f(i) = g(i) let g(i) = i" + NET,
        "net if 1 == 2 then PAD(1)-POOL(2,count_pad=no) else CONV(8,3)",
    ],
)
def test_what_is_known(text: str) -> None:
    if "[t-" in text:
        text = text.replace("[t-", "[x-")
    program(text)


def test_the_words_of_an_unknown_operation_are_not_judged() -> None:
    assert "unknown name" not in message("block a = TCONV(8,3,pad=same)" + NET)


def test_one_message_for_each_name() -> None:
    assert message("block a = CONV(q,3)-CONV(q,1)" + NET).count("unknown name q") == 1


def test_a_used_file(tmp_path: Path) -> None:
    """An operation that is unknown there is refused only where the block is called."""
    used = tmp_path / "parts.arch"
    net = tmp_path / "net.arch"
    used.write_text("block fancy = MYOP(3)\nblock plain = RELU\n")
    net.write_text('use "parts.arch"\ninput 3x8x8\nnet plain\n')
    blockdsl.load(net)
    net.write_text('use "parts.arch"\ninput 3x8x8\nnet fancy\n')
    with pytest.raises(ArchError, match="unknown operation MYOP"):
        blockdsl.load(net)
    used.write_text("block fancy = stem(3)\nblock plain = RELU\n")
    net.write_text('use "parts.arch"\ninput 3x8x8\nnet plain\n')
    with pytest.raises(ArchError, match="unknown name stem"):
        blockdsl.load(net)


def test_a_space_is_refused_when_it_is_read() -> None:
    with pytest.raises(ArchError, match="unknown name d"):
        blockdsl.Space.parse("input 3x8x8 block a(c) = CONV(d,3) net CONV({8, 16},3)")
