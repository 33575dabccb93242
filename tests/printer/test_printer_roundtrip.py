"""What is printed parses to the same tree, prints the same again, and keeps every comment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl import nodes
from blockdsl.parser import parse
from blockdsl.printer import format_expr, format_file
from blockdsl.source import Source
from tests.parser.examples import PAGE, TEXTS
from tests.parser.trees import dump
from tests.printer.strategies import expressions, files, written


def printed(text: str) -> str:
    return format_file(parse(Source("t", text)))


def comments(text: str) -> list[str]:
    return [span.text.rstrip() for span in parse(Source("t", text)).comments]


def assert_kept(text: str) -> None:
    once = printed(text)
    assert dump(parse(Source("t", once))) == dump(parse(Source("t", text)))
    assert sorted(comments(once)) == sorted(comments(text))
    assert printed(once) == once
    assert once.endswith("\n") and not once.endswith("\n\n")
    assert not any(line.endswith(" ") for line in once.split("\n"))
    assert "\n\n\n" not in once


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_kept(name: str) -> None:
    assert_kept(TEXTS[name])


@settings(max_examples=100)
@given(st.sampled_from(sorted(PAGE.values())).flatmap(written))
def test_the_page_is_kept_however_it_is_written_down(text: str) -> None:
    assert_kept(text)


@settings(max_examples=100)
@given(files)
def test_any_tree_is_printed_so_that_it_reads_back(file: nodes.File) -> None:
    text = format_file(file)
    # brackets may be added where the tree needs them and has none
    assert dump(parse(Source("t", text)), groups=False) == dump(file, groups=False)
    assert_kept(text)


@settings(max_examples=60)
@given(files.map(format_file).flatmap(written))
def test_any_tree_is_kept_however_it_is_written_down(text: str) -> None:
    assert_kept(text)


@settings(max_examples=100)
@given(expressions)
def test_any_expression_prints_on_one_line_and_reads_back(expr: nodes.Expr) -> None:
    text = format_expr(expr)
    assert "\n" not in text
    (check,) = parse(Source("t", f"check {text}")).statements
    assert isinstance(check, nodes.Check)
    assert dump(check.condition, groups=False) == dump(expr, groups=False)
