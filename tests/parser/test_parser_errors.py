"""What a person reads who wrote something that is not in the language: whole texts."""

from __future__ import annotations

import re

import pytest

from blockdsl.diagnostics import ArchError
from blockdsl.parser import parse
from blockdsl.source import Source

CASES = [
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
        'title "abc\nyear 2',
        """\
error[syntax]: the text that begins here has no closing "
  --> x.arch:1:7
     1 | title "abc
       |       ^
""",
    ),
    (
        "CONV(96,11",
        """\
error[syntax]: this `(` is never closed
  --> x.arch:1:5
     1 | CONV(96,11
       |     ^
""",
    ),
    (
        "net CONV(96,11\ncheck params == 3",
        """\
error[syntax]: this `(` is never closed
  --> x.arch:1:9
     1 | net CONV(96,11
       |         ^
""",
    ),
    (
        "net {1, 2",
        """\
error[syntax]: this `{` is never closed
  --> x.arch:1:5
     1 | net {1, 2
       |     ^
""",
    ),
    (
        "net A)",
        """\
error[syntax]: this `)` closes nothing
  --> x.arch:1:6
     1 | net A)
       |      ^
""",
    ),
    (
        "net (A]",
        """\
error[syntax]: `]` does not close `(`
  --> x.arch:1:7
     1 | net (A]
       |       ^ found `]`
       |     ^ closed by `)`
""",
    ),
    (
        "net A-conv (3,4)-B",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `(`
  --> x.arch:1:12
     1 | net A-conv (3,4)-B
       |            ^
  help: the bracket follows its name at once: conv(…)
""",
    ),
    (
        "net depths [2]",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `[`
  --> x.arch:1:12
     1 | net depths [2]
       |            ^
  help: the bracket follows its name at once: depths[…]
""",
    ),
    (
        "block f (x) = A",
        """\
error[syntax]: expected `=`, found `(`
  --> x.arch:1:9
     1 | block f (x) = A
       |         ^
  help: the bracket follows its name at once: f(…)
""",
    ),
    (
        'titel "x"',
        """\
error[syntax]: `titel` is no statement
  --> x.arch:1:1
     1 | titel "x"
       | ^^^^^
  help: did you mean title?
""",
    ),
    (
        "imput 3x224x224\nnet A",
        """\
error[syntax]: `imput` is no statement
  --> x.arch:1:1
     1 | imput 3x224x224
       | ^^^^^
  help: did you mean input?
""",
    ),
    (
        "net A\nchek params == 3",
        """\
error[syntax]: `chek` is no statement
  --> x.arch:2:1
     2 | chek params == 3
       | ^^^^
  help: did you mean check?
""",
    ),
    (
        "net A\nsearch\n maximise accuracy",
        """\
error[syntax]: `maximise` is no statement
  --> x.arch:3:2
     3 |  maximise accuracy
       |  ^^^^^^^^
  help: did you mean maximize?
""",
    ),
    (
        "net A\ntrain\n  lr 0.1",
        """\
error[syntax]: expected `=`, found `0.1`
  --> x.arch:3:6
     3 |   lr 0.1
       |      ^^^
""",
    ),
    (
        "CONV(3)−RELU",
        """\
error[syntax]: `−` means nothing here
  --> x.arch:1:8
     1 | CONV(3)−RELU
       |        ^
  help: write a plain - (minus)
""",
    ),
    (
        "input 3×224×224",
        """\
error[syntax]: `×` means nothing here
  --> x.arch:1:8
     1 | input 3×224×224
       |        ^
  help: write a plain x between sizes, 3x224x224, and * for a product
""",
    ),
    (
        "title 'x'",
        """\
error[syntax]: `'` means nothing here
  --> x.arch:1:7
     1 | title 'x'
       |       ^
  help: texts stand in plain double quotes: "…"
""",
    ),
    (
        "net a && b",
        """\
error[syntax]: `&` means nothing here
  --> x.arch:1:7
     1 | net a && b
       |       ^
  help: write `and`
""",
    ),
    (
        "net A^2",
        """\
error[syntax]: `^` means nothing here
  --> x.arch:1:6
     1 | net A^2
       |      ^
  help: a power is written **
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
    (
        "net A @ B",
        """\
error[syntax]: `@` means nothing here
  --> x.arch:1:7
     1 | net A @ B
       |       ^
""",
    ),
    (
        "net CONV(3) RELU",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `RELU`
  --> x.arch:1:13
     1 | net CONV(3) RELU
       |             ^^^^
  help: join networks with -, + or |
""",
    ),
    (
        "A\nB",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `B`
  --> x.arch:2:1
     2 | B
       | ^
  help: join networks with -, + or |
""",
    ),
    (
        "net A-",
        """\
error[syntax]: the file ends where an expression should follow
  --> x.arch:1:6
     1 | net A-
       |      ^
""",
    ),
    (
        "net A--B",
        """\
error[syntax]: expected an expression, found `-`
  --> x.arch:1:7
     1 | net A--B
       |       ^
  help: a negative number stands in brackets here: (-1)
""",
    ),
    (
        "net A ||B",
        """\
error[syntax]: expected an expression, found `|`
  --> x.arch:1:8
     1 | net A ||B
       |        ^
  help: `|` concatenates channels; the logical one is `or`
""",
    ),
    (
        "check a = b",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `=`
  --> x.arch:1:9
     1 | check a = b
       |         ^
  help: bind a name with `let name = …`; compare with ==
""",
    ),
    (
        "a = 3",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `=`
  --> x.arch:1:3
     1 | a = 3
       |   ^
  help: bind a name with `let name = …`; compare with ==
""",
    ),
    (
        "check a < b < c",
        """\
error[syntax]: comparisons do not chain
  --> x.arch:1:13
     1 | check a < b < c
       |             ^
  help: join two with `and`: a < b and b < c
""",
    ),
    (
        "net f(a b)",
        """\
error[syntax]: expected `)` or an operator (- + | *), found `b`
  --> x.arch:1:9
     1 | net f(a b)
       |         ^
  help: put a comma or an operator between the two
""",
    ),
    (
        "net f(a,,b)",
        """\
error[syntax]: expected an expression, found `,`
  --> x.arch:1:9
     1 | net f(a,,b)
       |         ^
""",
    ),
    (
        "net f(1=3)",
        """\
error[syntax]: expected `)` or an operator (- + | *), found `=`
  --> x.arch:1:8
     1 | net f(1=3)
       |        ^
""",
    ),
    (
        "net {1..3 lgo}",
        """\
error[syntax]: expected `log`, `step` or `}`, found `lgo`
  --> x.arch:1:11
     1 | net {1..3 lgo}
       |           ^^^
  help: did you mean log?
""",
    ),
    (
        "net [1..3]",
        """\
error[syntax]: expected `,`, `]` or `for`, found `..`
  --> x.arch:1:7
     1 | net [1..3]
       |       ^^
""",
    ),
    (
        "check x == 1234567890123456789",
        """\
error[number]: the number is too large
  --> x.arch:1:12
     1 | check x == 1234567890123456789
       |            ^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "check x == 1e400",
        """\
error[number]: the number is too large
  --> x.arch:1:12
     1 | check x == 1e400
       |            ^^^^^
""",
    ),
    (
        "input 3x99999999999999999999",
        """\
error[number]: the number is too large
  --> x.arch:1:7
     1 | input 3x99999999999999999999
       |       ^^^^^^^^^^^^^^^^^^^^^^
""",
    ),
    (
        "net CONV(96c)",
        """\
error[syntax]: `96c` is no number
  --> x.arch:1:10
     1 | net CONV(96c)
       |          ^^^
  help: numbers end in a digit or in k, M, G (thousand, million, billion); sizes are 3x224x224
""",
    ),
    (
        "input",
        """\
error[syntax]: the file ends where `(`, a number or sizes such as 3x224x224 should follow
  --> x.arch:1:5
     1 | input
       |     ^
""",
    ),
    (
        "input A",
        """\
error[syntax]: expected `(`, a number or sizes such as 3x224x224, found `A`
  --> x.arch:1:7
     1 | input A
       |       ^
""",
    ),
    (
        "input 3,224,224",
        """\
error[syntax]: expected an expression, found `,`
  --> x.arch:1:8
     1 | input 3,224,224
       |        ^
  help: digits are grouped by _, 25_557_032; sizes are joined by x, 3x224x224
""",
    ),
    (
        "check params == 25,557,032",
        """\
error[syntax]: expected an operator (- + | *) or a statement (input, block, net, …), found `,`
  --> x.arch:1:19
     1 | check params == 25,557,032
       |                   ^
  help: digits are grouped by _, 25_557_032; sizes are joined by x, 3x224x224
""",
    ),
    (
        'year "2015"',
        """\
error[syntax]: expected a number, found `"2015"`
  --> x.arch:1:6
     1 | year "2015"
       |      ^^^^^^
""",
    ),
    (
        "title ResNet",
        """\
error[syntax]: expected a "text", found `ResNet`
  --> x.arch:1:7
     1 | title ResNet
       |       ^^^^^^
  help: a text stands in double quotes: "ResNet"
""",
    ),
    (
        "block f",
        """\
error[syntax]: the file ends where `=` should follow
  --> x.arch:1:7
     1 | block f
       |       ^
""",
    ),
    (
        "block f(3) = A",
        """\
error[syntax]: expected `)` or a name, found `3`
  --> x.arch:1:9
     1 | block f(3) = A
       |         ^
""",
    ),
    (
        "let 3 = 4",
        """\
error[syntax]: expected a name, found `3`
  --> x.arch:1:5
     1 | let 3 = 4
       |     ^
""",
    ),
    (
        "net let a = A",
        """\
error[syntax]: the file ends where an expression should follow
  --> x.arch:1:13
     1 | net let a = A
       |             ^
""",
    ),
    (
        "param classes : 10",
        """\
error[syntax]: expected `=` or a statement (input, block, net, …), found `:`
  --> x.arch:1:15
     1 | param classes : 10
       |               ^
  help: a value follows a `=`
""",
    ),
    (
        "net if a then B",
        """\
error[syntax]: the file ends where `else` should follow
  --> x.arch:1:15
     1 | net if a then B
       |               ^
""",
    ),
    (
        "net if a B else C",
        """\
error[syntax]: expected `then`, found `B`
  --> x.arch:1:10
     1 | net if a B else C
       |          ^
""",
    ),
    (
        "net (A for i 1..3)",
        """\
error[syntax]: expected `in`, found `1`
  --> x.arch:1:14
     1 | net (A for i 1..3)
       |              ^
""",
    ),
    (
        "net A.b.",
        """\
error[syntax]: the file ends where a name should follow
  --> x.arch:1:8
     1 | net A.b.
       |        ^
""",
    ),
    (
        "train = 3",
        """\
error[syntax]: expected a name or a statement (input, block, net, …), found `=`
  --> x.arch:1:7
     1 | train = 3
       |       ^
""",
    ),
]


def message(text: str) -> str:
    """The whole message for a text that is not in the language, with a line end."""
    with pytest.raises(ArchError) as caught:
        parse(Source("x.arch", text))
    return f"{caught.value}\n"


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[ascii(text) for text, _ in CASES])
def test_message(text: str, expected: str) -> None:
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
