"""The grammar has no conflict, and every construct gives the tree that the language page means."""

from __future__ import annotations

import pytest
from lark import Lark

from blockdsl.resources import data_dir
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from tests.parser.examples import TEXTS
from tests.parser.trees import dump


def test_grammar_is_lalr_without_a_conflict() -> None:
    grammar = (data_dir("grammars") / "arch.lark").read_text(encoding="utf-8")
    Lark(grammar, parser="lalr", strict=True)  # raises on a shift/reduce or a terminal collision


EXPRESSIONS = [
    # operators, tightest first
    ("CONV(96,11,s4)", "Call(CONV, [Arg(None, 96), Arg(None, 11), Arg(None, s4)])"),
    ("f(a, stride=2*s,)", "Call(f, [Arg(None, a), Arg(stride, Product([2, s]))])"),
    ("f()", "Call(f, [])"),
    ("A*3*B", "Product([A, 3, B])"),
    ("A-B-C", "Chain([A, B, C])"),
    ("ID + CONV(64)-BN", "Sum([ID, Chain([Call(CONV, [Arg(None, 64)]), BN])])"),
    ("A + B + C", "Sum([A, B, C])"),
    ("A | B + C | D", "Concat([A, Sum([B, C]), D])"),
    ("A-B*2", "Chain([A, Product([B, 2])])"),
    ("(A-B)*2", "Product([Group(Chain([A, B])), 2])"),
    ("a*b//c*d", "Product([Binary(//, Product([a, b]), c), d])"),
    ("a/b%c", "Binary(%, Binary(/, a, b), c)"),
    ("2**i**2", "Binary(**, 2, Binary(**, i, 2))"),
    ("a <= b + 1", "Binary(<=, a, Sum([b, 1]))"),
    (
        "not a == b and c or d",
        "Binary(or, Binary(and, Unary(not, Binary(==, a, b)), c), d)",
    ),
    ("if a then b else if c then d else e", "If(a, b, If(c, d, e))"),
    ("A?", "Optional(A)"),
    ("conv1:CONV(96)?-B", "Chain([Label(conv1, Optional(Call(CONV, [Arg(None, 96)]))), B])"),
    # minus signs
    ("f(-1)", "Call(f, [Arg(None, -1)])"),
    ("f(-a*b)", "Call(f, [Arg(None, Unary(-, Product([a, b])))])"),
    ("f(-a - b + c)", "Call(f, [Arg(None, Sum([Chain([Unary(-, a), b]), c]))])"),
    ("2**-1*-3//-k", "Binary(//, Product([Binary(**, 2, -1), -3]), Unary(-, k))"),
    ("f(-a < -b)", "Call(f, [Arg(None, Binary(<, Unary(-, a), Unary(-, b)))])"),
    # what stands alone
    ("3x224x224", "3x224x224"),
    ("25_557_032", "25557032"),
    ("1e-4", "0.0001"),
    ("500k", "500000"),
    ("1.5M", "1500000"),
    ("[yes, no, true, false]", "ListOf([Bool(True), Bool(False), Bool(True), Bool(False)])"),
    ('f("a # b")', 'Call(f, [Arg(None, "a # b")])'),
    ("in.c", "Path([Step(in, []), Step(c, [])])"),
    ("stage[2].unit[i+1]", "Path([Step(stage, [2]), Step(unit, [Sum([i, 1])])])"),
    ("(1, 7)", "TupleOf([1, 7])"),
    ("[]", "ListOf([])"),
    ("[1, [2, 3],]", "ListOf([1, ListOf([2, 3])])"),
    ("(A for i in 1..n)", "For(A, [i], 1, n)"),
    ("(A for d in depths)", "For(A, [d], depths, None)"),
    ("[2*i for i in 0..3]", "ListOf([For(Product([2, i]), [i], 0, 3)])"),
    # choices
    ("{32, 64}", "Choice([32, 64])"),
    ("{2..6}", "RangeChoice(2, 6, None, False)"),
    ("{16..128 step 16}", "RangeChoice(16, 128, 16, False)"),
    ("{1e-4..1e-1 log}", "RangeChoice(0.0001, 0.1, None, True)"),
]


@pytest.mark.parametrize(("text", "tree"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expression(text: str, tree: str) -> None:
    assert dump(parse(Source("t", text))) == f"File([Net(Body([], {tree}), False)])"


STATEMENTS = [
    ('title "A" year 2015', 'File([Meta(title, ["A"]), Meta(year, [2015])])'),
    ('authors "A" paper "B" dataset "C" note "D"',
     'File([Meta(authors, ["A"]), Meta(paper, ["B"]), Meta(dataset, ["C"]), Meta(note, ["D"])])'),
    ('error 18.2 "top-5 %"', 'File([Meta(error, [18.2, "top-5 %"])])'),
    ('use "blocks/a.arch"', 'File([Use("blocks/a.arch")])'),
    ("input 3x2x2", "File([Input(3x2x2, None, )])"),
    ("input 784", "File([Input(784, None, )])"),
    ("input (c, 8, 8)", "File([Input(TupleOf([c, 8, 8]), None, )])"),
    ("param classes = 10 param k", "File([Param(classes, 10), Param(k, None)])"),
    ("let a = -1", "File([Let([a], None, -1, False)])"),
    ("let f(i, j=2) = i*j", "File([Let([f], [Param(i, None), Param(j, 2)], Product([i, j]), False)])"),
    ("block f = A", "File([Block(f, [], Body([], A))])"),
    ("block f(c, s=-1,) = A", "File([Block(f, [Param(c, None), Param(s, -1)], Body([], A))])"),
    ("net let a = in-B let b = a (a) | b",
     "File([Net(Body([Let([a], None, Chain([in, B]), False), Let([b], None, a, False)], "
     "Concat([Group(a), b])), True)])"),
    ("block f = let a = b\n[A, a]", "File([Block(f, [], Body([Let([a], None, b, False)], ListOf([A, a])))])"),
    ("A check a == 1", "File([Net(Body([], A), False), Check(Binary(==, a, 1))])"),
    ("train lr = 0.1 batch = {1, 2}", "File([Train([Setting(lr, 0.1), Setting(batch, Choice([1, 2]))])])"),
    ("train search", "File([Train([]), Search([])])"),
    ("search maximize accuracy minimize latency(cpu) require params <= 500k",
     "File([Search([Objective(maximize, accuracy), Objective(minimize, Call(latency, [Arg(None, cpu)])),"
     " Require(Binary(<=, params, 500000))])])"),
    ("search minimize mymodule:function", "File([Search([Objective(minimize, Label(mymodule, function))])])"),
    ("# c\ntitle \"A\" # d", 'File([Meta(title, ["A"])])'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), STATEMENTS)
def test_statement(text: str, tree: str) -> None:
    assert dump(parse(Source("t", text))) == tree


@pytest.mark.parametrize("name", TEXTS)
def test_every_shipped_text_parses(name: str) -> None:
    assert parse(Source(name, TEXTS[name])).statements


def test_white_space_means_nothing_but_before_a_call() -> None:
    spread = parse(Source("t", "net\n CONV(\n96 ,11\r\n,\ts4 )\n\n-\nRELU # end\n-in . c"))
    assert dump(spread) == dump(parse(Source("t", "net CONV(96,11,s4)-RELU-in.c")))


def test_spans_are_the_text_of_the_node() -> None:
    file = parse(Source("t", "block f(c, k=3) = g(c , k=-1)*2 # c\nnet a-f(1)"))
    block, net = file.statements
    assert [p.span.text for p in block.params] == ["c", "k=3"]  # type: ignore[union-attr]
    call, times = block.body.result.parts  # type: ignore[union-attr]
    assert (call.span.text, times.span.text) == ("g(c , k=-1)", "2")
    assert [a.span.text for a in call.args] == ["c", "k=-1"]
    assert call.args[1].value.span.text == "-1"
    assert net.span.text == "net a-f(1)"
    assert [c.text for c in file.comments] == ["# c"]
    assert str(net.span) == "t:2:1"
