"""Messages as whole texts: every example of messages.md is refused with the words that follow it."""

from pathlib import Path

import pytest

from blockdsl.lowering import budget
from tests.fenced import Example, examples
from tests.lowering.lowered import message

PAGE = examples(Path(__file__).with_name("messages.md"))


@pytest.mark.parametrize("example", PAGE, ids=str)
def test_message(example: Example):
    text = example.text
    if "input" not in text:  # this one is about the input that is missing
        text += "#input"
    assert message(text, name="mynet.arch") == example.message


def test_every_example_has_a_message():
    assert all(example.kind == "error" and example.message for example in PAGE)
    assert len(PAGE) > 90


@pytest.mark.parametrize(
    "text",
    [
        "net (ID*100000)*100000",
        "let d = [i for i in 1..100000]\nnet FC(max([sum(d) for i in 1..100000]))",
        "let d = [i for i in 1..100000]\nnet (if d == d then ID else RELU)*100000",
    ],
)
def test_what_takes_too_many_steps(text: str):
    lines = message(text).splitlines()
    assert lines[0] == "error[size]: the network takes more than 1,000,000 steps to unfold"
    assert lines[-1] == "  help: is a repetition or a recursion larger than meant?"


def test_a_recursion_that_branches_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(budget, "MAX_STEPS", 50_000)  # a million take ten seconds
    lines = message("block f(n) = if n == 0 then ID else f(n-1)-f(n-1)\nnet f(60)").splitlines()
    assert lines[0] == "error[size]: the network takes more than 50,000 steps to unfold"
