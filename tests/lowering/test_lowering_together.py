"""All errors of a file that can be told apart are told at once, and one mistake has one message."""

from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockdsl.analysis import checks
from blockdsl.diagnostics import MAX_SHOWN, ArchError
from blockdsl.lowering import ChoicePoint, lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

# Lines of a file, each as it is right and as it is wrong; no mistake depends on another one.
LINES: Mapping[str, str] = {
    'title "A"': 'title "A" title "B"',
    "input 3x32x32": "input 3x32x32 input 3x32x32",
    "param width = 8": 'param width = 8 + "a"',
    "let sizes = [1, 2*3]": "let sizes = [1, 2/0]",
    "let tail = RELU-CONV(8,3)": "let tail = RELU-CONV(8,3,strid=2)",
    "let double(i) = 2*i": "let FLOOR(i) = 2*i let GELU(i) = 2*i",
    "block stem(c) = CONV(c,3)-BN(eps=1)": "block stem(c) = CONV(c,3)-BN(eps=-1)",
    "block other(a, b) = ID": "block other(a, a) = ID",
    "net stem(8)": "net stem(8, 9)",
    "    -tail": "    -tail-in",
    "    -CONV(max(8, 4),3)": "    -CONV(mxa(8, 4),3)",
    "    -(ID+CONV(8,3,p1))": "    -(ID+CONV(8,3,p1)+4)",
    "    -DROPOUT(0.5)": "    -DROPOUTT(0.5)",
    "    -LRN(5, alpha=0.1, beta=0.75)": "    -LRN(0, alpha=x1, betta=0.75)",
    "    -[RELU, TANH]-CAT": "    -[RELU, nothing]-CAT",
    "    -GAP-FC(10)": "    -GAP-FC(0)",
    "train": "train",
    "    batch = 8": "    batch = 0",
    "    epochs = 3": "    epoch = 3",
    "    optimizer = sgd(lr=0.1)": "    optimizer = sgd(lr=-1, momentum=2)",
    "search": "search",
    "    maximize accuracy": "    maximize accuracy search",
}  # fmt: skip

SYNTAX: Mapping[str, str] = {
    'title "A"': "title A",
    "input 3x32x32": "input 3x32x",
    "param width = 8": "param = 8",
    "let sizes = [1, 2*3]": "let sizes = [1, 2*3",
    "let tail = RELU-CONV(8,3)": "let tail = RELU-CONV(8,3",
    "let double(i) = 2*i": "let double(i) =",
    "block stem(c) = CONV(c,3)-BN(eps=1)": "block stem(c) = CONV(c,3)-BN eps=1",
    "net stem(8)-tail": "net stem(8)-tail tail",
    "check params < 3M": "check params < 3m",
    "check macs < 1G": "check 1 < macs < 1G",
    "check stages == 3": "check stages ≡ 3",
    "train": "train",
    "    batch = 8": "    batch = 8)",
    "    epochs = 3": "    epochs =",
    "    optimizer = sgd(lr=0.1)": "    optimizer = sgd(lr=0.1))",
    "search": "search",
    "    maximize accuracy": "    maximize accuracy accuracy",
    "    require params < 1M": "    require params < 1M < 2M",
}

Found = list[tuple[int, str, str]]


@cache
def found(text: str) -> Found:
    """Line, message and help of every error of a text."""
    try:
        lower(parse(Source("net.arch", text)))
    except ArchError as wrong:
        return [(d.marks[0].span.line, d.message, d.help) for d in wrong.diagnostics]
    return []


def with_mistakes(lines: Mapping[str, str], wrong: set[int]) -> str:
    return "\n".join(bad if i in wrong else good for i, (good, bad) in enumerate(lines.items()))


def subsets(lines: Mapping[str, str]) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(0, len(lines) - 1))


@pytest.mark.parametrize("lines", [LINES, SYNTAX], ids=["meaning", "form"])
def test_each_mistake_has_a_message(lines: Mapping[str, str]):
    assert not found(with_mistakes(LINES, set()))
    for i, (good, bad) in enumerate(lines.items()):
        alone = found(with_mistakes(lines, {i}))
        assert bool(alone) == (good != bad), bad
        assert {line for line, _, _ in alone} <= {i + 1}


@given(subsets(LINES))
def test_mistakes_do_not_hide_each_other(wrong: set[int]):
    expected = [error for i in sorted(wrong) for error in found(with_mistakes(LINES, {i}))]
    assert found(with_mistakes(LINES, wrong)) == expected


@given(subsets(SYNTAX))
def test_mistakes_of_form_do_not_hide_each_other(wrong: set[int]):
    expected = [error for i in sorted(wrong) for error in found(with_mistakes(SYNTAX, {i}))]
    assert found(with_mistakes(SYNTAX, wrong)) == expected


CHANNELS = "channels of CONV takes a whole number"
WINDOW = "the 40x40 window of CONV is larger"


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (
            "let w = 1/0\nlet v = 2*w\nnet CONV(w,3)-FC(v)-RELU*w-FC(9,bias=w == 1)",
            ["this divides by zero"],
        ),
        ("let a = CONV(8,3,bias=maybe)\nnet a-a-(a+RELU)-SPLIT(3)-SUM-a", ["bias of CONV takes"]),
        ("net CONV(8,40)-CONV(8,50)-(ID+CONV(9,3))-FC(10)-CONV(3,3)", [WINDOW]),
        ("net FOO-CONV(c,3)-FOO(3)-CONV(c,3)-FC(c)", ["unknown operation FOO", CHANNELS]),
        ("block f(n) = CONV(n,3)-CONV(0,3)\nnet (f(3)-f(4))*5", [CHANNELS]),
        ("block f(n) = CONV(n,40)\nnet [f(1), f(2)]-CAT-f(3)", [WINDOW]),
        ('use "none.arch"\nnet unit(3)-other(4)-FC(width)-CONV(0,3)', ["none.arch is not found", CHANNELS]),
        ("block f(n, m) = CONV(n,3)-CONV(m,3)-CONV(0,1)\nnet f(3)", [CHANNELS, "f needs m"]),
        ("let s = SUMM(3)\nlet t = s\nnet t-t", ["unknown operation SUMM"]),
        ("let bad(i) = i/0\nnet CONV(bad(1),3)-CONV(bad(2),3)", ["this divides by zero"]),
        ("net CONV(8,3) if", ["expected an operator"]),
    ],
)
def test_one_mistake_has_one_message(text: str, starts: list[str]):
    told = [message for _, message, _ in found("input 3x32x32\n" + text)]
    assert len(told) == len(starts)
    assert all(message.startswith(start) for message, start in zip(told, starts, strict=True))


def test_open_choices_are_one_error():
    told = found("input 3x32x32\nnet {CONV(8,3), CONV(9,3)}-{RELU, TANH}?-FC({1..4})-FC(0)")
    assert [message.split(":")[0] for _, message, _ in told] == [
        "this file leaves choices open",
        "features of FC takes a whole number, 1 or more, not 0",
    ]


def test_all_checks_are_told_at_once():
    text = (
        "input 3x32x32\nnet FC(10)\ncheck params < 3 and macs < 3\ncheck params == 30_730\ncheck layers == 7"
    )
    program = lower(parse(Source("net.arch", text)))
    with pytest.raises(ArchError) as wrong:
        checks.run_checks(program)
    assert [diagnostic.marks[0].span.line for diagnostic in wrong.value.diagnostics] == [3, 3, 5]
    assert str(wrong.value).endswith("\n\n3 errors")


def test_a_message_has_an_end():
    text = "input 3x32x32\nnet ID" + "\n-FC(0)" * 70
    with pytest.raises(ArchError) as wrong:
        lower(parse(Source("net.arch", text)))
    assert len(wrong.value.diagnostics) == 70
    assert str(wrong.value).count("error[") == MAX_SHOWN
    assert str(wrong.value).endswith(f"\n\n70 errors; the first {MAX_SHOWN} are shown")


def test_a_chooser_is_asked_nothing_after_an_error():
    asked = []

    def choose(point: ChoicePoint) -> int:
        asked.append(point.path)
        return 0

    file = parse(Source("net.arch", "input 3x32x32\nnet {RELU, ID}-FC(0)-{RELU, ID}-FC(-1)"))
    with pytest.raises(ArchError) as wrong:
        lower(file, choose=choose)
    assert asked == ["choice[1]"]
    assert [d.message.split(", ")[-1] for d in wrong.value.diagnostics] == ["not 0", "not -1"]
