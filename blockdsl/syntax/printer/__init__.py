"""Syntax tree -> text: the formatter of `blockdsl fmt`, and one-line texts for other floors.

Style: one space around `=`, `+`, `|`, comparisons, `and` and `or`. Around `-`, `*`, `/`, `//`, `%` and
`**`, and behind the commas of a bracket on one line, the writer's spaces stay, and so do the line breaks
before operators and between the items of a list. In what no one wrote so, no space stands around the
former, and one behind each comma; but none in a call when none of its arguments is named and each is
short: without bracket, space, text or a word of four letters (`CONV(96,11,s4)`). Lines of more than 100
columns break before an operator, or inside a bracket; the spaces of a call that breaks are not kept.
"""

from __future__ import annotations

from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer.layout import render, render_flat


def format_file(file: nodes.File) -> str:
    """The canonical text of a file, ending in a newline.

    Keeps every comment, brackets as they were written, the spelling of numbers, and single blank
    lines between statements. Parsing it gives the same tree, and formatting that the same text.
    Brackets are added where a tree that was not parsed would read differently without.
    """
    from blockdsl.syntax.printer.statements import Printer

    return render(Printer(file).build(file))


def format_expr(expr: nodes.Expr | nodes.Param) -> str:
    """An expression on one line, without comments; its nodes need no meaningful spans."""
    from blockdsl.syntax.printer.statements import Printer

    return render_flat(Printer().build(expr))
