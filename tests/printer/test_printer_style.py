"""The style of printed files, by example."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockdsl.resources import data_dir
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_expr, format_file
from tests.parser.examples import PAGE


def printed(text: str) -> str:
    return format_file(parse(Source("t", text)))


def net(text: str) -> str:
    """The expression behind `net`, printed on its own line."""
    return printed(f"net {text}").removeprefix("net ").removesuffix("\n")


@pytest.mark.parametrize("name", PAGE)
def test_the_language_page_is_in_style(name: str) -> None:
    assert printed(PAGE[name]) == PAGE[name]


SHIPPED = sorted(path for kind in ("zoo", "search") for path in data_dir(kind).rglob("*.arch"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_is_in_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert printed(text) == text


def test_many_files_are_shipped() -> None:
    assert len(SHIPPED) > 100


EXPRESSIONS = [
    # one space around + | comparisons, and, or
    ("a+b|c", "a + b | c"),
    # around - * // / % ** a space on both sides where the writer left one behind
    ("f( n -1 , 2* c )", "f(n-1, 2 * c)"),
    ("params - params_aux", "params - params_aux"),
    ("ID * (GAP-A)", "ID * (GAP-A)"),
    ("a // b /c % d **- 2", "a // b/c % d**-2"),
    ("f(a!=b and not c)", "f(a != b and not c)"),
    ("conv1 : CONV( 96 ) ?", "conv1:CONV(96)?"),
    ("in . c", "in.c"),
    ("d[ i + 1 ]", "d[i + 1]"),
    # commas in a bracket on one line are the writer's, so that tables stay tables
    ("CONV(96, 11, s4)", "CONV(96, 11, s4)"),
    ("CONV(96,11,s4)", "CONV(96,11,s4)"),
    ("inception( 64,  96, 128)", "inception( 64,  96, 128)"),
    ("f(a,bias=no)", "f(a,bias=no)"),
    # elsewhere: none of its arguments named and all of them short, or a space behind each
    ("CONV(96 , 11 , s4)", "CONV(96,11,s4)"),
    ("f(4*c , in.c//r , 3x7)", "f(4*c,in.c//r,3x7)"),
    ("f(a ,bias=no)", "f(a, bias=no)"),
    ("f(prev ,c)", "f(prev, c)"),
    ("f({1,2} ,c)", "f({1,2}, c)"),
    ("[1,2, 3]", "[1,2, 3]"),
    ("[0, 1]-{1,2}-(1,7)", "[0, 1]-{1,2}-(1,7)"),
    ("f(a+b ,c)", "f(a + b, c)"),
    ('f("t" ,c)', 'f("t", c)'),
    ("f(a,b,)", "f(a,b)"),
    ("[1,2,[3,4],]", "[1, 2, [3,4]]"),
    ("(1 ,7)", "(1, 7)"),
    ("(1,)", "(1,)"),
    # what was written stays
    ("((A)-B)", "((A)-B)"),
    ("f(25_557_032,1e-4,500k,1.50,0x0)", "f(25_557_032,1e-4,500k,1.50,0x0)"),
    ("f(- 1_0)", "f(-1_0)"),
    ("f(true,false)", "f(yes,no)"),
    ("{ 16 .. 128 step 16 }", "{16..128 step 16}"),
    ("{1e-4 .. 1e-1 log}", "{1e-4..1e-1 log}"),
    ("( f(i) for i in 1 .. n )", "(f(i) for i in 1..n)"),
    ("[ (i for i in d) ]", "[i for i in d]"),
    ("if a then b else if c then d else e", "if a then b else if c then d else e"),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expression(text: str, expected: str) -> None:
    assert net(text) == expected


LONG = "-".join(f"stage{i}(64,3,1)" for i in range(1, 10))
FILES = {
    "a chain fills its lines and breaks before the dash": (
        f"net {LONG}",
        """\
net stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)-stage5(64,3,1)-stage6(64,3,1)
   -stage7(64,3,1)-stage8(64,3,1)-stage9(64,3,1)
""",
    ),
    "the writer's lines stay": (
        "net A-B\n-C-D\n\n    -E",
        "net A-B\n   -C-D\n   -E\n",
    ),
    "a sum of chains breaks at every plus": (
        f"block f = {LONG[:59]} + {LONG[:29]}-{LONG[:14]}",
        """\
block f =
    stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)
    + stage1(64,3,1)-stage2(64,3,1)-stage1(64,3,1)
""",
    ),
    "a long call indents its arguments, then puts one a line": (
        f"let a = MEAN({LONG[:62]}, {LONG[:62]}, x)\nlet b = f({LONG[:62]}, one_more_argument)",
        """\
let a = MEAN(
    stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)-st,
    stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)-st,
    x
)
let b = f(stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)-st, one_more_argument)
""",
    ),
    "a long list of numbers fills its lines": (
        "let a = [" + ", ".join(["1234567"] * 14) + "]",
        "let a = [\n    " + ", ".join(["1234567"] * 10) + ",\n    " + ", ".join(["1234567"] * 4) + "\n]\n",
    ),
    "if, then and else stand under each other": (
        f"block f = if a then {LONG[:62]} else if b then {LONG[:29]} else c",
        """\
block f =
    if a then stage1(64,3,1)-stage2(64,3,1)-stage3(64,3,1)-stage4(64,3,1)-st
    else if b then stage1(64,3,1)-stage2(64,3,1)
    else c
""",
    ),
    "a body that does not fit behind its block stands on the next line": (
        f"block a_name(c, k, s) = {LONG[:74]} + x-y",
        f"block a_name(c, k, s) =\n    {LONG[:74]} + x-y\n",
    ),
    "the writer's lines of an if stay": (
        "block f = if a\nthen b\nelse c\nblock g = if a then b\nelse c",
        "block f =\n    if a\n    then b\n    else c\nblock g =\n    if a then b\n    else c\n",
    ),
    "lets stand one a line": (
        "net let a = in-B let b = a + in (a) | b",
        "net\n    let a = in-B\n    let b = a + in\n    (a) | b\n",
    ),
    "signs of settings, headers and conditions stand under each other": (
        'title "A" authors "B" error 1 "c"\ncheck a == 1\ncheck bcd>=2\n\ncheck f(x) < 3 '
        "train lr=1 momentum=2 search minimize macs require macs<1 require params <= 2",
        """\
title   "A"
authors "B"
error 1 "c"
check a   == 1
check bcd >= 2

check f(x) < 3
train
    lr       = 1
    momentum = 2
search
    minimize macs
    require  macs   < 1
    require  params <= 2
""",
    ),
    "bindings of about one length are aligned, others where they were": (
        "param a = 1\nparam bcd = 2\n\nlet a = 1\n# c\nlet bcd = 2\n"
        "let func(x,y) = x + y\n\nlet a  = 1\nlet f(x,y) = x",
        """\
param a   = 1
param bcd = 2

let a = 1
# c
let bcd = 2
let func(x, y) = x + y

let a       = 1
let f(x, y) = x
""",
    ),
    "so are conditions, none of them far out": (
        "check a == 1\ncheck shape(stem) == 1\ncheck shape(stage) == 1\ncheck bc == 1\n"
        "check shape(stage.unit) == 1\ncheck shape(a_very_long_stage.unit) == 1",
        """\
check a  == 1
check shape(stem) == 1
check shape(stage) == 1
check bc == 1
check shape(stage.unit) == 1
check shape(a_very_long_stage.unit) == 1
""",
    ),
    "texts of errors stand under each other where they did": (
        'error 0.8  "a"\nerror 0.95 "b"\nnet A\nerror 0.8 "a"\nerror 0.95 "b"',
        'error 0.8  "a"\nerror 0.95 "b"\nnet A\nerror 0.8 "a"\nerror 0.95 "b"\n',
    ),
    "and signs of blocks": (
        "block f  = A\nblock f(c) =\n  B\n\nblock f = A\nblock f(c) = B",
        "block f    = A\nblock f(c) =\n    B\n\nblock f = A\nblock f(c) = B\n",
    ),
    "the writer's rows of a list stay": (
        "let a = [[0,1], [1,2],\n  [2,3,4] ]",
        "let a = [\n    [0,1], [1,2],\n    [2,3,4]\n]\n",
    ),
    "the lines inside a bracket stand under its beginning": (
        "net a:(B\n| C)\nlet b = [f(i)\nfor i in c]",
        "net a:(B\n       | C)\nlet b = [f(i)\n         for i in c]\n",
    ),
    "a value stays on the line of its name, or below": (
        "let a = b\n-c\nlet d =\nf(x)\nblock g =\nh",
        "let a = b\n        -c\nlet d =\n    f(x)\nblock g =\n    h\n",
    ),
    "at most one blank line, none at the ends": (
        "\n\nlet a = 1\n\n\n\nlet b = 2\nnet A\n\n",
        "let a = 1\n\nlet b = 2\nnet A\n",
    ),
    "windows line ends": ("# c\r\nnet A\r\n-B\r\n", "# c\nnet A\n   -B\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_file(name: str) -> None:
    text, expected = FILES[name]
    assert printed(text) == expected
    assert all(len(line) <= 100 for line in expected.split("\n"))


COMMENTS = {
    "before, behind and after statements": (
        "# file\n\n# net\nnet A# end\n# last",
        "# file\n\n# net\nnet A  # end\n# last\n",
    ),
    "in a section": (
        "train # how\n # rate\n lr=1# l\n\n batch=2\n # more\nnet A",
        """\
train  # how
    # rate
    lr    = 1  # l

    batch = 2
    # more
net A
""",
    ),
    "in a body": (
        "block f(c) = # why\n # in\n let a = in-c # a\n # out\n a",
        "block f(c) =  # why\n    # in\n    let a = in-c  # a\n    # out\n    a\n",
    ),
    "between operands": (
        "net A # a\n-B- # b\n# c\nC",
        "net A  # a\n   -B  # b\n   # c\n   -C\n",
    ),
    "between arguments": (
        "net f(a, # first\n# second\nb # b\n)-C",
        "net f(\n    a,  # first\n    # second\n    b  # b\n)-C\n",
    ),
    "in brackets": (
        "net A-( # open\n# one\nB # two\n# three\n)",
        "net A\n   -(  # open\n       # one\n       B  # two\n       # three\n   )\n",
    ),
    "in an if": (
        "block f = if a # a\n then b # b\n # c\n else c # d",
        "block f =\n    if a  # a\n    then b  # b\n    # c\n    else c  # d\n",
    ),
    "deep inside, to the closest place that has room": (
        "check not # n\n a.b # p\n\nnet x: # l\n A",
        "# n\ncheck not a.b  # p\n\nnet x:A  # l\n",
    ),
    "in their column, where that was set apart": (
        "train\n epochs=90    # a\n batch = 128  # b\n lr = {1, 2}   # c",
        "train\n    epochs = 90  # a\n    batch  = 128  # b\n    lr     = {1, 2}  # c\n",
    ),
    "which stays": (
        "train\n    lr     = 1       # a\n    epochs = 90      # b\n    batch  = 1 # c",
        "train\n    lr     = 1       # a\n    epochs = 90      # b\n    batch  = 1  # c\n",
    ),
    "a hash in a text is none": ('title "a # b" # c', 'title "a # b"  # c\n'),
}


@pytest.mark.parametrize("name", COMMENTS)
def test_comments(name: str) -> None:
    text, expected = COMMENTS[name]
    assert printed(text) == expected


def test_a_chain_of_any_length_and_the_deepest_tree() -> None:
    assert printed("-".join(["A"] * 20_000)).replace("\n   ", "") == "-".join(["A"] * 20_000) + "\n"
    deep = "(" * 190 + "A" + ")" * 190
    assert net(deep) == deep
    assert net("f(" * 95 + "a" + ")" * 95).count("f(") == 95


SPAN = Span(Source("elsewhere", "{32, 64}"), 0, 8)
A, B = (nodes.Path(SPAN, (nodes.Step(SPAN, name),)) for name in "ab")


def number(value: int | float) -> nodes.Number:
    return nodes.Number(SPAN, value)


BUILT = [
    # a number whose span holds something else: its value
    (number(32), "32"),
    (number(1e-4), "0.0001"),
    (number(-2), "-2"),
    (nodes.Number(Span(Source("s", "64"), 0, 2), 32), "32"),
    (nodes.Number(Span(Source("s", "32k"), 0, 3), 32_000), "32k"),
    # brackets where the tree needs them
    (nodes.Product(SPAN, (nodes.Chain(SPAN, (A, B)), number(2))), "(a-b)*2"),
    (nodes.Chain(SPAN, (A, nodes.Sum(SPAN, (A, B)))), "a-(a + b)"),
    (nodes.Chain(SPAN, (A, nodes.Chain(SPAN, (A, B)))), "a-(a-b)"),
    (nodes.Chain(SPAN, (A, nodes.If(SPAN, A, A, B))), "a-(if a then a else b)"),
    (nodes.Chain(SPAN, (number(-1), number(-1))), "-1-(-1)"),
    (nodes.Binary(SPAN, "**", number(-1), number(-1)), "(-1)**-1"),
    (nodes.Unary(SPAN, "-", number(1)), "-(1)"),
    (nodes.Label(SPAN, "x", nodes.Label(SPAN, "y", A)), "x:(y:a)"),
    (nodes.Optional(SPAN, nodes.Chain(SPAN, (A, B))), "(a-b)?"),
    (nodes.Unary(SPAN, "not", nodes.Binary(SPAN, "and", A, B)), "not (a and b)"),
    (nodes.Binary(SPAN, "<", nodes.Binary(SPAN, "<", A, B), A), "(a < b) < a"),
]


@pytest.mark.parametrize(("expr", "expected"), BUILT, ids=[text for _, text in BUILT])
def test_trees_that_were_never_written(expr: nodes.Expr, expected: str) -> None:
    assert format_expr(expr) == expected


def test_a_result_never_begins_with_a_minus() -> None:
    body = nodes.Body(SPAN, (nodes.Let(SPAN, ("x",), None, A),), nodes.Unary(SPAN, "-", B))
    file = nodes.File(SPAN, (nodes.Net(SPAN, body),))
    assert format_file(file) == "net\n    let x = a\n    (-b)\n"


def test_an_expression_is_one_line_whatever_its_file_looked_like() -> None:
    (statement,) = parse(Source("t", "net A # c\n -f(b,\n # d\n c)")).statements
    assert isinstance(statement, nodes.Net)
    assert format_expr(statement.body.result) == "A-f(b,c)"
