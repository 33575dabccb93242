"""What a file's lines have to do with each other: blank lines between them, and aligned signs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.printer.comments import Comments
from blockdsl.syntax.printer.written import between, padded

_BINDINGS = nodes.Let | nodes.Param | nodes.Block | nodes.Input
_WIDEST = 32
"""A longer left side of a setting or a binding is not aligned with its neighbours."""
_WIDEST_CONDITION = 24
"""That of a condition."""
_APART = 4
"""Left sides that differ by more columns are aligned only where the writer did so."""


class _Side(NamedTuple):
    """The left side of a line: its node, its width, and whether it was aligned with others."""

    key: int
    width: int
    padded: bool = False


def blank_before(span: Span) -> bool:
    """Whether an empty line stands before a place."""
    text = span.source.text
    at, ends = span.start - 1, 0
    while at >= 0 and text[at].isspace():
        ends += text[at] == "\n"
        at -= 1
    return ends > 1


def paddings(file: nodes.File, comments: Comments) -> dict[int, int]:
    """Spaces to put into headers, before `=`, and before comparisons, by the node's `id`.

    The settings of a section are aligned, and so are headers that follow each other without a blank
    line. Of other lines without a blank line or a comment between, bindings (`let`, `param`) are, and
    conditions (`check`, `require`) on the same kind of thing, names or calls, if they are about as long or
    were aligned before; blocks and the texts of errors only if they were.
    """
    found: dict[int, int] = {}
    for run in _headers(file.statements):
        _align(run, found)
    for items in _sections(file):
        for lines in _runs(items, comments):
            _align_alike(_bindings(lines), found, 0 if isinstance(lines[0], nodes.Block) else _APART)
            _align_alike(_errors(lines), found, 0)
            for run in _conditions(lines):
                _align_alike(run, found, _APART)
        settings = [_Side(id(item), len(item.name)) for item in items if isinstance(item, nodes.Setting)]
        _align([side for side in settings if side.width <= _WIDEST], found)
    return found


def _sections(file: nodes.File) -> Iterator[Sequence[nodes.Node]]:
    yield file.statements
    for statement in file.statements:
        match statement:
            case nodes.Block(_, _, _, body) | nodes.Net(_, body):
                yield body.lets
            case nodes.Train(_, items) | nodes.Search(_, items):
                yield items


def _align(run: Sequence[_Side], found: dict[int, int]) -> None:
    widest = max((side.width for side in run), default=0)
    found.update({side.key: widest - side.width for side in run})


def _align_alike(run: Sequence[_Side], found: dict[int, int], apart: int) -> None:
    widths = [side.width for side in run]
    # the widest one shows nothing: it has no spaces once it is aligned
    if run and (max(widths) - min(widths) <= apart or any(s.padded and s.width < max(widths) for s in run)):
        _align(run, found)


def _runs(items: Sequence[nodes.Node], comments: Comments) -> Iterator[list[nodes.Node]]:
    """Items of the same kind that follow each other without a blank line or a comment between."""
    run: list[nodes.Node] = []
    for item in items:
        apart = blank_before(item.span) or comments.above.get(id(item))
        if run and (apart or type(item) is not type(run[0]) or comments.below.get(id(run[-1]))):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _headers(items: Sequence[nodes.Node]) -> Iterator[list[_Side]]:
    run: list[_Side] = []
    for item in items:
        if isinstance(item, nodes.Meta) and item.key != "error" and not (run and blank_before(item.span)):
            run.append(_Side(id(item), len(item.key)))
        else:
            yield run
            run = []
    yield run


def _errors(run: Sequence[nodes.Node]) -> list[_Side]:
    from blockdsl.syntax.printer import format_expr

    errors = [item for item in run if isinstance(item, nodes.Meta) and item.key == "error"]
    return [
        _Side(id(item), len(format_expr(item.values[0])), between(*item.values)[:2] == "  ")
        for item in errors
    ]


def _bindings(run: Sequence[nodes.Node]) -> list[_Side]:
    sides = [_binding(item) for item in run if isinstance(item, _BINDINGS)]
    return [side for side in sides if side is not None and side.width <= _WIDEST]


def _binding(item: nodes.Let | nodes.Param | nodes.Block | nodes.Input) -> _Side | None:
    from blockdsl.syntax.printer import format_expr

    match item:
        case nodes.Let(_, names, params, nodes.Node() as value):
            left = ", ".join(names)
            left += "" if params is None else f"({', '.join(map(format_expr, params))})"
        case nodes.Block(_, name, params, nodes.Body(_, (), value)):
            left = f"{name}({', '.join(map(format_expr, params))})" if params else name
        case nodes.Param(_, left, nodes.Node() as value):
            pass
        case nodes.Input(_, value, str(left)):
            pass
        case _:
            return None
    before = item.span.source.text[item.span.start : value.span.start]
    return _Side(id(item), len(left), padded(before))


def _conditions(run: Sequence[nodes.Node]) -> Iterator[list[_Side]]:
    """The left sides of comparisons, those of the same kind of thing together."""
    from blockdsl.syntax.printer import format_expr

    kinds: dict[type[nodes.Node], list[_Side]] = defaultdict(list)
    for item in run:
        condition = item.condition if isinstance(item, nodes.Check | nodes.Require) else None
        if isinstance(condition, nodes.Binary):
            left = condition.left
            side = _Side(id(condition), len(format_expr(left)), padded(between(left, condition.right)))
            if side.width <= _WIDEST_CONDITION:
                kinds[type(left)].append(side)
    yield from kinds.values()
