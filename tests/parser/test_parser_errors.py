"""What a person reads who wrote something that is not in the language: whole texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from tests.fenced import Example, examples

PAGE = examples(Path(__file__).with_name("errors.md"))

UNSEEN = [
    (
        "",
        """\
error[syntax]: x.arch is empty
  help: the smallest file is an expression: CONV(6,5)-RELU-POOL(2)-FC(10)
""",
    ),
    (
        "  \n# only\n",
        """\
error[syntax]: x.arch is empty
  help: the smallest file is an expression: CONV(6,5)-RELU-POOL(2)-FC(10)
""",
    ),
    (
        "\x00\x01\x7fELF",
        """\
error[syntax]: the character U+0000 means nothing here
  --> x.arch:1:1
     1 | ���ELF
       | ^
  help: an .arch file is plain text
""",
    ),
    (
        "net A\u200b",
        """\
error[syntax]: the character U+200B means nothing here
  --> x.arch:1:6
     1 | net A�
       |      ^
  help: delete this invisible character
""",
    ),
]


def message(text: str) -> str:
    """The whole message for a text that is not in the language, with a line end."""
    with pytest.raises(ArchError) as caught:
        parse(Source("x.arch", text))
    return f"{caught.value}\n"


@pytest.mark.parametrize("example", PAGE, ids=str)
def test_message(example: Example) -> None:
    assert message(example.text.removesuffix("\n")) == f"{example.message}\n"


def test_every_example_has_a_message() -> None:
    assert all(example.kind == "error" and example.message for example in PAGE)
    assert len(PAGE) > 50


@pytest.mark.parametrize(("text", "expected"), UNSEEN, ids=[ascii(text) for text, _ in UNSEEN])
def test_message_about_what_a_page_cannot_show(text: str, expected: str) -> None:
    assert message(text) == expected


N = 10_000
DEEP = re.compile(
    r"""error\[syntax\]: expressions are nested more than 200 deep
  --> x\.arch:(\d+):(\d+)
 +\1 \| (.*)
 +\|  *\^+
  help: name the inner parts as blocks or with `let`
"""
)


@pytest.mark.parametrize(
    "line", ["(", "[A,", "{", "f(", "f(a=", "a-(", "d[", "not", "2**", "if a then b else", "a * (b + -"]
)
def test_nested_ten_thousand_deep(line: str) -> None:
    start = "check\n"
    found = DEEP.fullmatch(message(start + f"{line}\n" * N + "A"))
    assert found
    # the file, the statement, and an argument each count as a level
    assert 50 <= int(found[1]) <= 202
    assert found[3] == line


@pytest.mark.parametrize("text", ["A" + "?" * N, "a" + "\n//2" * N, "a" + " and b" * N, "a" + " or b" * N])
def test_ten_thousand_operators_that_nest_to_the_left(text: str) -> None:
    head = "error[syntax]: expressions are nested more than 200 deep\n  --> x.arch:1:1\n"
    assert message(text).startswith(head)


def test_as_deep_as_it_may_be() -> None:
    parse(Source("t", "check " + "not " * 190 + "a"))
    parse(Source("t", "(" * 190 + "A" + ")" * 190))


@pytest.mark.parametrize("operator", ["-", " + ", " | ", "*"])
def test_flat_chains_have_no_limit(operator: str) -> None:
    (net,) = parse(Source("t", operator.join(["A"] * 20_000))).statements
    assert len(net.body.result.parts) == 20_000  # type: ignore[union-attr]


def test_ten_megabytes() -> None:
    expected = """\
error[syntax]: x.arch is larger than 1 MB
  help: an .arch file describes a network in text; weights live elsewhere
"""
    assert message("A-" * 5_000_000 + "A") == expected


def test_brackets_never_closed_are_counted_too() -> None:
    assert "nested more than 200 deep" in message("(" * 1_000_000)


def test_a_missing_else_far_away_is_found_at_the_end() -> None:
    assert message("net " + "if a then\n" * N + "A").startswith(
        "error[syntax]: the file ends where `else` should follow\n  --> x.arch:10001:1\n"
    )
