"""Statements with the comments beside them."""

from __future__ import annotations

from blockdsl.source import Span


def with_comment(span: Span) -> Span:
    """A statement with the lines of comment that stand right above it."""
    source, line = span.source, span.line
    while line > 1 and source.line(line - 1).lstrip().startswith("#"):
        line -= 1
    if line == span.line:
        return span
    start = span.start
    while source.position(start)[0] > line or (start and source.text[start - 1] != "\n"):
        start -= 1
    return Span(source, start, span.end)


def whole_line(span: Span) -> Span:
    """A statement's lines, with the comment behind it, where nothing else stands in them."""
    text = span.source.text
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end + 1
    behind = text[span.end : end].strip()
    if text[start : span.start].strip() or (behind and not behind.startswith("#")):
        return span
    return Span(span.source, start, end)
