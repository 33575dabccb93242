"""What a file's lines have to do with each other: blank lines between them, and aligned signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blockdsl import nodes
from blockdsl.source import Span

_WIDEST = 32
"""A longer left side is not aligned with its neighbours."""


def blank_before(span: Span) -> bool:
    """Whether an empty line stands before a place."""
    text = span.source.text
    at, ends = span.start - 1, 0
    while at >= 0 and text[at].isspace():
        ends += text[at] == "\n"
        at -= 1
    return ends > 1


def paddings(file: nodes.File) -> dict[int, int]:
    """Spaces to put before the values of headers, the `=` of settings and comparisons, by the node's `id`.

    The settings of a section are aligned; so are headers, and the comparisons of conditions (`check`,
    `require`) of the same kind of thing, names or calls, that follow each other without a blank line.
    """
    found: dict[int, int] = {}
    for run in (*_headers(file.statements), *_conditions(file.statements)):
        _align(run, found)
    for statement in file.statements:
        if isinstance(statement, nodes.Train):
            _align([(id(setting), setting.name) for setting in statement.settings], found)
        elif isinstance(statement, nodes.Search):
            for run in _conditions(statement.items):
                _align(run, found)
    return found


def _align(run: list[tuple[int, str]], found: dict[int, int]) -> None:
    widths = {key: len(text) for key, text in run if len(text) <= _WIDEST}
    widest = max(widths.values(), default=0)
    found.update({key: widest - width for key, width in widths.items()})


def _headers(items: Sequence[nodes.Node]) -> Iterator[list[tuple[int, str]]]:
    run: list[tuple[int, str]] = []
    for item in items:
        if isinstance(item, nodes.Meta) and item.key != "error" and not (run and blank_before(item.span)):
            run.append((id(item), item.key))
        else:
            yield run
            run = []
    yield run


def _conditions(items: Sequence[nodes.Node]) -> Iterator[list[tuple[int, str]]]:
    """Runs of comparisons of the same kind of thing under each other: each one's id and left side."""
    from blockdsl.printer import format_expr

    run: list[tuple[int, str]] = []
    kind: object = None
    for item in items:
        condition = item.condition if isinstance(item, nodes.Check | nodes.Require) else None
        left = condition.left if isinstance(condition, nodes.Binary) else None
        if blank_before(item.span) or type(left) is not kind:
            yield run
            run = []
        kind = type(left)
        if condition is not None and left is not None:
            run.append((id(condition), format_expr(left)))
    yield run
