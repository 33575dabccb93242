"""The definitions that a file takes from those it uses, as text of its own."""

from __future__ import annotations

from collections.abc import Iterator

from blockdsl.diagnostics import error
from blockdsl.passes.opening.edits import Edits
from blockdsl.passes.opening.lines import whole_line, with_comment
from blockdsl.passes.opening.names import Defined, Names, Thunk, Unit, unit_of
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import has_choice
from blockdsl.syntax.parser import parse
from blockdsl.syntax.traversal import walk

Statement = nodes.Block | nodes.Let | nodes.Param


def flattened(unit: Unit, edits: Edits) -> list[str]:
    """What a file reaches in the files it uses, each with the comment above it, edits made.

    Raises:
        ArchError: two files define the same name, so that one file cannot hold both.
    """
    wanted = _reached(unit)
    taken: dict[str, Span] = {s.name: s.span for s in _definitions(unit.file)}
    texts = []
    for used in unit.used():
        for statement in _definitions(used.file):
            if id(statement) not in wanted:
                continue
            if statement.name in taken:
                raise error(
                    "open", f"{statement.name} is defined in two files, which cannot become one",
                    statement.span, taken[statement.name], help="give one of them another name",
                )  # fmt: skip
            taken[statement.name] = statement.span
            texts.append(edits.text(with_comment(statement.span)))
    return texts


def leaves_open(file: nodes.File) -> bool:
    """Whether a file that is used makes choices at its top, beside its blocks and functions."""
    return any(
        has_choice(s)
        for unit in unit_of(file).used()
        for s in unit.file.statements
        if isinstance(s, nodes.Param) or (isinstance(s, nodes.Let) and s.params is None)
    )


def flat(file: nodes.File) -> nodes.File:
    """The file with what it reaches of those that it uses as its own.

    Raises:
        ArchError: two files define the same name.
    """
    source, edits = file.span.source, Edits()
    for use in file.statements:
        if isinstance(use, nodes.Use):
            edits.add(whole_line(use.span), lambda _: "")
    first = next(s for s in file.statements if isinstance(s, nodes.Let | nodes.Block | nodes.Net))
    at = with_comment(first.span).start
    net = next(s for s in file.statements if isinstance(s, nodes.Net))
    parts = [
        edits.text(Span(source, 0, at)),
        *flattened(unit_of(file), edits),
        edits.text(Span(source, at, net.span.start)) + ("" if net.keyword else "net "),
    ]
    text = "\n".join(parts) + edits.text(Span(source, net.span.start, len(source.text)))
    return parse(Source(source.name, text, source.folder))


def _definitions(file: nodes.File) -> Iterator[Statement]:
    for statement in file.statements:
        if isinstance(statement, Statement):
            yield statement


def _reached(unit: Unit) -> set[int]:
    """The statements that the network and the recipe of a file lead to, by identity."""
    owners = {id(s): (s, u.names) for u in (*unit.used(), unit) for s in _definitions(u.file)}
    by_value = {
        id(s.value if isinstance(s, nodes.Let) else s.default): i
        for i, (s, _) in owners.items()
        if isinstance(s, nodes.Param) or (isinstance(s, nodes.Let) and s.params is None)
    }
    found: set[int] = set()
    waiting: list[tuple[nodes.Node, Names]] = [(s, unit.names) for s in unit.file.statements]
    while waiting:
        node, names = waiting.pop()
        for part in walk(node):
            name = part.name if isinstance(part, nodes.Call | nodes.Step) else ""
            bound = names.find(name)[0] if name else None
            key = id(bound.node) if isinstance(bound, Defined) else -1
            if isinstance(bound, Thunk):
                key = by_value[id(bound.expr)]
            if key in owners and key not in found:
                found.add(key)
                waiting.append(owners[key])
    return found
