"""Going through trees and rewriting them: each node once, in the order of the text; what stays is kept."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings

from blockdsl.source import Source
from blockdsl.syntax import traversal
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from blockdsl.syntax.traversal import Rewriter, children, map_children, walk
from tests.parser.examples import TEXTS
from tests.parser.trees import dump
from tests.printer.strategies import NOWHERE, files


def parsed(text: str) -> nodes.File:
    return parse(Source("t", text))


def everything(value: Any) -> Iterator[nodes.Node]:
    """All nodes in a value, found by looking at each field of each dataclass."""
    if isinstance(value, tuple):
        for item in value:
            yield from everything(item)
    elif isinstance(value, nodes.Node):
        yield value
        for field in fields(value):
            yield from everything(getattr(value, field.name))


def copied(node: nodes.Node) -> nodes.Node:
    """Another object for every node, by `map_children`."""
    return replace(map_children(node, copied))


def assert_traversed(file: nodes.File) -> None:
    walked = list(walk(file))
    assert [id(node) for node in walked] == [id(node) for node in everything(file)]
    assert walked[1:] == [inner for node in children(file) for inner in walk(node)]
    assert map_children(file, lambda node: node) is file
    assert Rewriter().rewrite(file) is file
    other = copied(file)
    assert other == file
    assert dump(other) == dump(file)
    assert not {id(node) for node in walked} & {id(node) for node in walk(other)}


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_gone_through(name: str) -> None:
    file = parsed(TEXTS[name])
    assert_traversed(file)
    starts = [node.span.start for node in walk(file)]
    assert starts == sorted(starts)
    assert len({id(node) for node in walk(file)}) == len(starts)


@settings(max_examples=60)
@given(files)
def test_any_tree_is_gone_through(file: nodes.File) -> None:
    assert_traversed(file)


def holds_nodes(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, nodes.Node):
        return True
    return any(map(holds_nodes, get_args(hint)))


NODES = [kind for kind in vars(nodes).values() if isinstance(kind, type) and issubclass(kind, nodes.Node)]


@pytest.mark.parametrize("kind", NODES)
def test_the_children_are_in_the_fields_whose_types_are_nodes(kind: type[nodes.Node]) -> None:
    expected = {name for name, hint in get_type_hints(kind).items() if holds_nodes(hint)}
    inside = {name: nodes.Bool(NOWHERE, True) for name in get_type_hints(kind)} | {"span": NOWHERE}
    found = {id(child) for child in children(kind(**inside))}
    assert found == {id(inside[name]) for name in expected}


def test_the_examples_in_the_docstrings() -> None:
    results = doctest.testmod(traversal)
    assert results.attempted > 10
    assert results.failed == 0


class _Renamed(Rewriter):
    """CONV becomes CONV2 from the bottom up; calls of DROP go, calls of TWICE become two."""

    def rewrite_call(self, call: nodes.Call) -> Any:
        call = self.rewrite_children(call)
        if call.name == "DROP":
            return ()
        if call.name == "TWICE":
            return (call.args[0].value, call.args[0].value)
        return replace(call, name="CONV2") if call.name == "CONV" else call


def rewritten(text: str) -> str:
    file = _Renamed().rewrite(parsed(text))
    assert isinstance(file, nodes.File)
    return format_file(file).strip()


def test_a_rewriter_changes_its_nodes_wherever_they_are() -> None:
    assert rewritten("FC(CONV(3))-[CONV(1), if in.c == f(CONV(2)) then CONV(4) else ID]") == (
        "FC(CONV2(3))-[CONV2(1), if in.c == f(CONV2(2)) then CONV2(4) else ID]"
    )


def test_a_rewriter_may_leave_out_and_multiply_items() -> None:
    assert rewritten("RELU-DROP(1)-BN-TWICE(CONV(3))") == "RELU-BN-CONV2(3)-CONV2(3)"
    assert rewritten("[DROP(1), DROP(2)]") == "[]"


def test_one_node_cannot_become_several() -> None:
    with pytest.raises(TypeError, match=r"Label\.body holds one node, not 0"):
        rewritten("a:DROP(1)")


def test_what_did_not_change_is_the_same_object() -> None:
    file = parsed("block b(c) = CONV(c,3)\nlet n = [1, 2]\nnet b(3)-RELU")
    changed = _Renamed().rewrite(file)
    block, let, net = file.statements
    assert isinstance(block, nodes.Block)
    assert changed.statements[0].params is block.params
    assert changed.statements[0].body is not block.body
    assert changed.statements[1] is let
    assert changed.statements[2] is net


class _Options(Rewriter):
    """Takes the first option of each choice, from the top down."""

    def rewrite_choice(self, choice: nodes.Choice) -> Any:
        return self.rewrite(choice.options[0])

    def rewrite_range_choice(self, choice: nodes.RangeChoice) -> Any:
        return self.rewrite(choice.first)


def test_a_method_is_named_after_its_class() -> None:
    file = _Options().rewrite(parsed("CONV({8..16},{{3, 5}, 7})"))
    assert format_file(file) == "CONV(8,3)\n"
