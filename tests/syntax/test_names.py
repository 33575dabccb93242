"""Names lead to the definitions that lowering finds for them."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import expression_kinds, lower
from blockdsl.lowering.budget import Budget
from blockdsl.lowering.values import BlockValue, Function, Kind, Scope
from blockdsl.ops import Operation
from blockdsl.resources import find_source
from blockdsl.resources import names as shipped
from blockdsl.source import Source
from blockdsl.syntax import names as module
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.names import Names
from blockdsl.syntax.parser import parse
from blockdsl.syntax.traversal import walk
from tests.families import FAMILIES
from tests.printer.strategies import files


def test_the_examples_in_the_docstrings() -> None:
    results = doctest.testmod(module)
    assert results.attempted > 6
    assert results.failed == 0


def leads_to(text: str, folder: str | None = None) -> str:
    """What the name behind `^` in a text leads to: the kind of its definition, its line, its owner's kind."""
    at = text.index("^")
    file = parse(Source("t.arch", text.replace("^", ""), folder))
    names = Names(file)
    uses = [n for n in walk(file) if isinstance(n, nodes.Path | nodes.Call) and n.span.start == at]
    use = uses[-1] if isinstance(uses[0], nodes.Path) else uses[0]
    meaning = names.meaning(use)
    if meaning is None:
        return "nothing"
    if not isinstance(meaning, module.Definition):
        assert issubclass(meaning, Operation)
        return f"operation {meaning.name}"
    kind = "in" if meaning.is_stream else type(meaning.node).__name__
    span = meaning.node.span
    place = f"{kind} {span.line} of {type(meaning.owner).__name__}"
    return place if span.source is file.span.source else f"{place} in {span.source.name}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net ^RELU", "operation RELU"),
        ("net ^CONV(3,1)", "operation CONV"),
        ("net CONV(3,1,pad=^same)", "nothing"),
        ("net CONV(3,1,^s2)", "nothing"),
        ("net ^unknown", "nothing"),
        ("let s2 = 3\nblock b(c, s=1) = CONV(c,1)\nnet b(3,^s2)", "Let 1 of File"),
        ("let c = 3\nnet CONV(^c,1)", "Let 1 of File"),
        ("param c = 3\nnet CONV(^c,1)", "Param 1 of File"),
        # Definitions are seen above where they stand, as blocks that use each other are.
        ("block a = ^b\nblock b = RELU\nnet a", "Block 2 of File"),
        ("block a(c) = CONV(^c,1)\nlet c = 3\nnet a(1)", "Param 1 of Block"),
        ("block a(c) =\n let d = c\n CONV(^d,1)\nlet d = 3\nnet a(1)", "Let 2 of Block"),
        # A `let` does not see itself: what it is made of stands outside.
        ("block a(c) =\n let n = ^n\n CONV(n,1)\nlet n = 3\nnet a(1)", "Let 4 of File"),
        ("block a(x=^y, y=1) = CONV(x,1)\nlet y = 3\nnet a", "Let 2 of File"),
        ("block a(y, x=^y) = CONV(x,1)\nlet y = 3\nnet a(1)", "Param 1 of Block"),
        # A function is called later, and sees all of the body that it stands in.
        ("block a =\n let f(i) = i*^n\n let n = 2\n CONV(f(1),1)\nnet a", "Let 3 of Block"),
        ("block a =\n let f(i) = ^i\n let i = 2\n CONV(f(1),1)\nnet a", "Param 2 of Let"),
        ("block a =\n let f(i) = ^in.c\n CONV(f(1),1)\nnet a", "in 1 of Block"),
        ("let f(i) = ^in.c\nnet CONV(f(1),1)", "nothing"),
        ("block a = ^in-RELU\nnet a", "in 1 of Block"),
        ("net ^in-RELU", "in 1 of Net"),
        ("check params == ^in.c\nnet RELU", "nothing"),
        # The net's names and inputs are its own.
        ("block a = CONV(^n,1)\nnet\n let n = 3\n a", "nothing"),
        ("net\n let n = 3\n CONV(^n,1)", "Let 2 of Net"),
        ("input image = 3x8x8\nnet ^image-RELU", "in 1 of Net"),
        ("input image = 3x8x8\nblock a = ^image-RELU\nnet a", "nothing"),
        # Several names of one line, and a shared network.
        ("net\n let a, b = in-SPLIT(2)\n a + ^b", "Let 2 of Net"),
        ("shared head = RELU\nblock a = ^head\nnet a", "Let 1 of File"),
        ("net (CONV(c,^k) for c, k in [[8, 3]])", "For 1 of For"),
        # A loop's variable is seen in its body alone.
        ("net (CONV(^i,1) for i in 1..3)", "For 1 of For"),
        ("let i = 2\nnet (CONV(i,1) for i in 1..^i)", "Let 1 of File"),
        ("let d = [1, 2]\nnet (CONV(d[^i],1) for i in 1..2)", "For 2 of For"),
        ("net ((CONV(^i,1) for i in 1..2) for i in 3..4)", "For 1 of For"),
        # Sizes, labels and names of arguments are no uses.
        ("let c = 2\nnet CONV(^in.c,1)", "in 2 of Net"),
    ],
)
def test_what_a_name_leads_to(text: str, expected: str) -> None:
    assert leads_to(text) == expected


def test_no_name_but_the_first_of_a_path_is_used() -> None:
    file = parse(Source("t", "let c = 2\nlet conv = 3\nnet conv:CONV(in.c,1)\ncheck shape(x.c) == 3"))
    names = Names(file)
    assert not [n for n in walk(file) if (d := names.definition(n)) and isinstance(d.node, nodes.Let)]


def test_used_files_give_their_blocks_and_functions(tmp_path: Path) -> None:
    (tmp_path / "deep.arch").write_text("block deep = RELU\nlet hidden = 3\n")
    (tmp_path / "used.arch").write_text(
        'use "deep.arch"\nlet n = 4\nlet f(i) = n*i\nparam p = 1\nblock b = CONV(f(n),1)-deep\nnet RELU\n'
    )
    head, folder = 'use "used.arch"\n', str(tmp_path)
    assert leads_to(head + "net ^b", folder) == "Block 5 of File in used.arch"
    assert leads_to(head + "net CONV(^f(1),1)", folder) == "Let 3 of File in used.arch"
    assert leads_to(head + "net ^deep", folder) == "Block 1 of File in deep.arch"
    assert leads_to(head + "net CONV(^n,1)", folder) == "nothing"
    assert leads_to(head + "net CONV(^p,1)", folder) == "nothing"
    assert leads_to(head + "net CONV(^hidden,1)", folder) == "nothing"
    names = Names(parse(Source("t.arch", head + "net b", folder)))
    assert [used.file.span.source.name for used in names.used()] == ["deep.arch", "used.arch"]
    block = names.defined["b"].node
    (f,) = (n for n in walk(block) if isinstance(n, nodes.Call) and n.name == "f")
    assert names.definition(f) is names.defined["f"]
    inside = names.definition(f.args[0].value)
    assert inside is not None and inside.node.span.text == "let n = 4"


def test_an_expression_from_elsewhere_sees_the_top_of_the_file() -> None:
    names = Names(parse(Source("t", "let n = 3\nblock b(c) = CONV(c,1)\nnet b(n)")))
    (other,) = parse(Source("--set", "b(n,c)")).statements
    assert isinstance(other, nodes.Net)
    call = other.body.result
    assert isinstance(call, nodes.Call)
    assert names.definition(call) is None
    names.include(call)
    assert names.definition(call) is names.defined["b"]
    assert names.definition(call.args[0].value) is names.defined["n"]
    assert names.definition(call.args[1].value) is None


def test_what_cannot_be_found_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bad.arch").write_text("net CONV(")
    (tmp_path / "round.arch").write_text('use "round.arch"\nuse "other.arch"\nblock r = RELU\n')
    (tmp_path / "other.arch").write_text('use "round.arch"\nblock o = r\n')
    text = 'use "none.arch"\nuse "bad.arch"\nuse "round.arch"\nnet r-o'
    names = Names(parse(Source("t.arch", text, str(tmp_path))))
    assert set(names.defined) == {"r", "o"}
    assert {used.file.span.source.name for used in names.used()} == {"round.arch", "other.arch"}


@settings(max_examples=60)
@given(files)
def test_any_tree_has_its_names_resolved(file: nodes.File) -> None:
    names = Names(file)
    for node in walk(file):
        definition = names.definition(node)
        if definition is not None:
            assert isinstance(node, nodes.Path | nodes.Call)
            name = node.name if isinstance(node, nodes.Call) else node.steps[0].name
            assert name == definition.name


class _Differences:
    """Holds the names that lowering looks up against those that the tree tells."""

    def __init__(self, file: nodes.File) -> None:
        self.names = Names(file)
        trees = [self.names.file, *(used.file for used in self.names.used())]
        self.written = {id(node) for tree in trees for node in walk(tree)}
        self.looked_up = 0

    def compare(self, expr: nodes.Expr, found: object) -> None:
        if id(expr) not in self.written:
            return  # made by lowering
        self.looked_up += 1
        definition = self.names.definition(expr)
        where = f"{expr.span}: {expr.span.text}"
        assert (found is None) == (definition is None), where
        if definition is None or isinstance(definition.node, nodes.Param | nodes.For):
            return  # a parameter stands for whatever it was given
        if isinstance(definition.node, nodes.Block) and not definition.is_stream:
            assert isinstance(found, BlockValue) and found.block is definition.node, where
        elif isinstance(definition.node, nodes.Let) and definition.node.params is not None:
            assert isinstance(found, Function) and found.let is definition.node, where


@pytest.mark.parametrize("name", [*(family.split()[0] for family in FAMILIES), *shipped("search")])
def test_lowering_finds_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = parse(find_source(name))
    differences = _Differences(file)

    def comparing(rule: Callable[[Any, Scope, Budget], Kind]) -> Callable[[Any, Scope, Budget], Kind]:
        def compared(expr: nodes.Path | nodes.Call, scope: Scope, budget: Budget) -> Kind:
            word = expr.name if isinstance(expr, nodes.Call) else expr.steps[0].name
            differences.compare(expr, scope.find(word))
            return rule(expr, scope, budget)

        return compared

    for node in (nodes.Path, nodes.Call):
        monkeypatch.setitem(expression_kinds._RULES, node, comparing(expression_kinds._RULES[node]))
    try:
        lower(file, choose=lambda point: getattr(point.domain, "low", 0))
    except ArchError as refused:  # the first options of a space need not go together
        assert name in shipped("search"), refused
    assert differences.looked_up > 3
