"""What is printed parses to the same tree, prints the same again, and keeps every comment."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockdsl.source import Source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_expr, format_file
from tests.parser.examples import PAGE, TEXTS
from tests.parser.trees import dump
from tests.printer.long_files import long_file
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


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_any_file_of_long_calls_and_lists_is_kept(seed: int) -> None:
    assert_kept(long_file(random.Random(seed)))


@pytest.mark.parametrize("gap", ["", " ", "  "])
@pytest.mark.parametrize("last", ["5.7716", "wm", "pad=2"])
@pytest.mark.parametrize("length", range(86, 100))
def test_a_call_about_as_long_as_the_line_is_kept(gap: str, last: str, length: int) -> None:
    inner = f"round(log((w0 + {'w' * (length - 42)}*i)/w0) / log(wm))"
    assert_kept(f"input 3x8x8\nlet a(i) = divisible({inner},{gap}{last})\nnet RELU")
    assert_kept(f"input 3x8x8\nnet CONV({inner},{gap}{last},{gap}7)-CONV(1,{gap}f({inner},{gap}2),3)")
