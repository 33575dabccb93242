"""What the printer keeps of how a text was written: line breaks, and spaces that make tables.

Nodes that were built, or that stand in another text than their neighbours, were not written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer.layout import HARD, SPACE, Comment, Line

_GAP = re.compile(r",?( *)")


def between(left: nodes.Node, right: nodes.Node) -> str:
    """The text between two neighbours."""
    a, b = left.span, right.span
    return a.source.text[a.end : b.start] if a.source is b.source else ""


def gaps(node: nodes.Node, opening: str, items: Sequence[nodes.Node], closing: str) -> list[Line] | None:
    """The spaces before the items of a bracket on one line; None where no one wrote it so."""
    found: list[Line] = []
    for text in _gap_texts(node, opening, items):
        match = _GAP.fullmatch(text)
        if match is None or bool(found) != text.startswith(","):
            return None
        found.append(Line(match[1]))
    end = items[-1].span.end if items else 0
    return found if node.span.source.text.startswith(closing, end) else None


def rows(node: nodes.Node, opening: str, items: Sequence[nodes.Node]) -> list[Line] | None:
    """The line breaks and spaces before the items of a bracket over several lines; else None."""
    texts = _gap_texts(node, opening, items)
    if not any("\n" in text for text in texts):
        return None
    matches = [_GAP.fullmatch(text) for text in texts[1:]]
    lines = [Line(match[1]) if match else SPACE for match in matches]
    return [HARD, *(HARD if "\n" in text else line for text, line in zip(texts[1:], lines, strict=True))]


def _gap_texts(node: nodes.Node, opening: str, items: Sequence[nodes.Node]) -> list[str]:
    source, at = node.span.source, node.span.start + len(opening)
    texts: list[str] = []
    for item in items:
        texts.append(source.text[at : item.span.start] if item.span.source is source else "?")
        at = item.span.end
    return texts


def spaced(left: nodes.Node, op: str, right: nodes.Node) -> bool:
    """Whether a space was written behind an operator."""
    gap = between(left, right)
    return gap.endswith((" ", "\t")) and gap.rstrip(" \t").endswith(op)


def on_new_line(node: nodes.Node, value: nodes.Node) -> bool:
    """Whether a node's value was begun on a line of its own."""
    if node.span.source is not value.span.source:
        return False
    before = node.span.source.text[node.span.start : value.span.start]
    return "\n" in before[len(before.rstrip()) :]


def padded(left: str) -> bool:
    """Whether more than one space was written before the sign that ends a text."""
    return left.rstrip().rstrip("=<>!").endswith("  ")


def behind(comment: Span) -> Comment:
    """A comment at the end of a line; in its column where that was set apart from the line's text."""
    source, start = comment.source, comment.start
    apart = source.text[max(start - 3, 0) : start] == "   "
    return Comment(comment.text.rstrip(), True, source.position(start)[1] - 1 if apart else 0)
