"""`check shape(p) == signal 64x1` holds sizes and layout; without a word it holds the sizes alone."""

from __future__ import annotations

import pytest

import blockdsl
from blockdsl import ArchError
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file

NET = "input signal 1x160\nnet c:CONV(64,3)-g:GAP-t:TOKENS-v:FC(3)-f:FLATTEN\n"


@pytest.mark.parametrize(
    "condition",
    [
        "shape(g) == 64x1",
        "shape(g) == signal 64x1",
        "shape(g) == signal 64x1 and shape(c) == signal 64x158",
        "shape(t) == tokens 1x64",
        "shape(t) != signal 1x64",
        "signal 1x160 == input",
        "(shape(f) == vector 3)",
        "output == 3",
    ],
)
def test_it_holds(condition: str) -> None:
    assert blockdsl.parse(f"{NET}check {condition}").check() == 1
    once = format_file(parse(Source("t", f"{NET}check  {condition}")))
    assert format_file(parse(Source("t", once))) == once
    assert ("signal 64x1" in once) == ("signal 64x1" in condition)


def refused(condition: str, net: str = NET) -> str:
    with pytest.raises(ArchError) as wrong:
        blockdsl.parse(f"{net}check {condition}").check()
    return str(wrong.value)


def test_the_message_names_both_layouts() -> None:
    assert refused("shape(c) == tokens 64x158") == (
        "error[check]: shape(c) is signal 64x158, not tokens 64x158\n"
        "  --> <text>:3:7\n"
        "     3 | check shape(c) == tokens 64x158\n"
        "       |       ^^^^^^^^ signal 64x158\n"
        "       |                   ^^^^^^^^^^^^^ tokens 64x158\n"
        "  help: correct the network, or the check"
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("shape(g) == signal 64x2", "shape(g) is signal 64x1, not signal 64x2"),
        ("output == ids 3", "output is vector 3, not ids 3"),
        ("shape(g) == signal 64x1x1", "signal has 2 sizes, not 3"),
        ("params == signal 64x1", "params is 451, not signal 64x1"),
        ("shape(g) <= signal 64x1", "<= compares numbers"),
        ("shape(g) == signal 64x1 or yes", "a layout has no meaning here"),
    ],
)
def test_it_does_not_hold(condition: str, message: str) -> None:
    assert message in refused(condition)


def test_the_words_stay_names() -> None:
    text = """
    input signal = signal 1x32
    let tokens = 3
    let volume = tokens
    block vector(ids) = CONV(ids,3)
    block image = let ids = 2  CONV(ids,1)
    net signal-vector(tokens)-CONV(volume,1)-image
    check output == signal 2x30
    """
    assert blockdsl.parse(text).check() == 1


def test_a_layout_elsewhere() -> None:
    with pytest.raises(ArchError, match="write 1x1; layouts stand in an `input` line"):
        blockdsl.parse("input 3x8x8 net CONV(3,tokens 1x1)")
