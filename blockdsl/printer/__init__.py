"""Syntax tree -> text: the formatter of `blockdsl fmt`, and one-line texts for other floors.

Style: one space around `=`, `+`, `|`, comparisons, `and` and `or`; none around `-`, `*`, `/`, `//`,
`%` and `**`. The commas of a call stand without a space (`CONV(96,11,s4)`) when none of its arguments
is named and each is short: without bracket, space, text or a word of four letters. Every other comma
is followed by one. Lines of more than 100 columns break before an operator, or inside a bracket.
"""

from __future__ import annotations

from blockdsl import nodes
from blockdsl.printer.layout import render, render_flat


def format_file(file: nodes.File) -> str:
    """The canonical text of a file, ending in a newline.

    Keeps every comment, brackets as they were written, the spelling of numbers, and single blank
    lines between statements. Parsing it gives the same tree, and formatting that the same text.
    Brackets are added where a tree that was not parsed would read differently without.
    """
    from blockdsl.printer.statements import Printer

    return render(Printer(file).build(file))


def format_expr(expr: nodes.Expr | nodes.Param) -> str:
    """An expression on one line, without comments; its nodes need no meaningful spans."""
    from blockdsl.printer.statements import Printer

    return render_flat(Printer().build(expr))
