"""`check` lines: what holds, and the whole message of what does not."""

import pytest

import blockdsl
from blockdsl import ArchError
from blockdsl.source import Source
from blockdsl.space import Space

NET = (
    "input 3x8x8\nparam c = 4\nblock unit(c) = CONV(c,3,p1,bias=no)-RELU\nnet unit(c)*2-GAP-FLATTEN-FC(10)\n"
)


@pytest.mark.parametrize(
    "condition",
    [
        "params == 4*27 + 4*36 + 50",
        "macs == (4*27 + 4*36) * 64 + 40",
        "shape(unit[2]) == 4x8x8",
        "shape(unit) == 4x8x8",
        "shape(fc1) == 10",
        "depth == 3 and layers == 7",
        "params <= 1k and not params > 1k",
        "weights == 4 * params",
        "input == 3x8x8",
        "output == 10",
        "params_aux == 0",
        "memory < memory_training",
        "params == 2 or depth == 3",
    ],
)
def test_a_check_that_holds(condition: str) -> None:
    assert blockdsl.parse(f"{NET}check {condition}").check() == 1


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "params == 25_557_032",
            """\
error[check]: params is 302, not 25,557,032
  --> <text>:5:7
     5 | check params == 25_557_032
       |       ^^^^^^ 302
       |                 ^^^^^^^^^^ 25,557,032
  help: correct the network, or the check""",
        ),
        (
            "depth == 3 and shape(unit[2]) == 4x7x8",
            """\
error[check]: shape(unit[2]) is 4x8x8, not 4x7x8
  --> <text>:5:22
     5 | check depth == 3 and shape(unit[2]) == 4x7x8
       |                      ^^^^^^^^^^^^^^ 4x8x8
       |                                        ^^^^^ 4x7x8
  help: correct the network, or the check""",
        ),
        (
            "macs <= 1k",
            """\
error[check]: macs is 16,168, not at most 1,000
  --> <text>:5:7
     5 | check macs <= 1k
       |       ^^^^ 16,168
       |               ^^ 1,000
  help: correct the network, or the check""",
        ),
        (
            "params == 1 or depth == 4",
            """\
error[check]: the check does not hold
  --> <text>:5:7
     5 | check params == 1 or depth == 4
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^""",
        ),
    ],
)
def test_a_check_that_does_not_hold(condition: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        blockdsl.parse(f"{NET}check {condition}").check()
    assert str(caught.value) == message


def test_a_point_that_is_not_there() -> None:
    with pytest.raises(ArchError, match="no point of the network is called units"):
        blockdsl.parse(f"{NET}check shape(units) == 4x8x8").check()


def test_checks_speak_of_the_file_as_it_is_written() -> None:
    text = f"{NET}check params == 302"
    assert blockdsl.parse(text, settings={"c": "8"}).check() == 1
    with pytest.raises(ArchError, match="params is 302, not 1"):
        blockdsl.parse(f"{NET}check params == 1", settings={"c": "8"}).check()


def test_a_file_without_an_input_is_checked_with_the_given_one() -> None:
    network = blockdsl.parse("net RELU-FLATTEN-FC(10)\ncheck params == 10*4 + 10", input=(1, 2, 2))
    assert network.check() == 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("memory < (1,8)", "error[value]: < compares numbers, not 1,856 and 1x8"),
        ("output <= 4x8x8", "error[value]: <= compares numbers, not 4x8x8 and 4x8x8"),
        ("params > yes", "error[value]: > compares numbers, not 16 and yes"),
        ("params == 16?", "error[value]: ? makes a network optional, here is none"),
        ("16? == params", "error[value]: ? makes a network optional, here is none"),
        ("RELU", "error[value]: RELU is an operation; a value stands here"),
        ("params == CONV(3,1)", "error[value]"),
        ("params", "error[value]: a check is a condition, this is 16"),
        ("in == 3", "error[value]: a condition compares numbers, words and shapes, not a tensor"),
        ("3 == in", "error[value]: a condition compares numbers, words and shapes, not a tensor"),
        ("in-CONV(3,3) == 4", "error[value]: - takes numbers here, not a tensor"),
        ("shape == 3", "error[value]: shape is a function"),
        ("[in-CONV(3,3)] == 4", "error[value]: a condition is about numbers, words and shapes"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(condition: str, expected: str) -> None:
    net = blockdsl.parse(f"input 3x8x8\nnet CONV(4,1)\ncheck {condition}\n")
    with pytest.raises(ArchError) as refused:
        net.check()
    assert str(refused.value).startswith(expected)
    assert "--> <text>:3:" in str(refused.value)


@pytest.mark.parametrize("line", ["check params == {15, 16}", "search\n    require params <= 2*{1..3}"])
def test_a_condition_leaves_nothing_open(line: str) -> None:
    text = f"input 3x8x8\nnet CONV({{4, 8}},1)\n{line}\n"
    with pytest.raises(ArchError, match="a condition leaves nothing open"):
        Space(Source("t.arch", text)).first()
    with pytest.raises(ArchError, match="a condition leaves nothing open"):
        blockdsl.parse(text.replace("{4, 8}", "4"))


def test_a_condition_reaches_no_choice_through_a_function() -> None:
    net = blockdsl.parse("input 3x8x8\nlet f(x) = x*{1, 2}\nnet CONV(4,1)\ncheck params == f(8)\n")
    with pytest.raises(ArchError, match="a condition leaves nothing open"):
        net.check()


def test_all_conditions_that_leave_something_open_are_told() -> None:
    text = "input 3x8x8\nnet CONV({4, 8},1)\ncheck params == {1, 2}\ncheck macs == {1, 2}\n"
    with pytest.raises(ArchError) as refused:
        blockdsl.parse(text)
    assert [d.marks[0].span.line for d in refused.value.diagnostics] == [2, 3, 4]
