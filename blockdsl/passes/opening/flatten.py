"""The definitions that a file takes from those it uses, as text of its own."""

from __future__ import annotations

from collections.abc import Iterator

from blockdsl.diagnostics import error
from blockdsl.passes.opening.edits import Edits
from blockdsl.passes.opening.statement_spans import whole_line, with_comment
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import has_choice
from blockdsl.syntax.names import Names
from blockdsl.syntax.parser import parse
from blockdsl.syntax.traversal import walk

Statement = nodes.Block | nodes.Let | nodes.Param


def flattened(names: Names, edits: Edits) -> list[str]:
    """What a file reaches in the files it uses, each with the comment above it, edits made.

    Raises:
        ArchError: two files define the same name, so that one file cannot hold both.
    """
    wanted = _reached(names)
    taken: dict[str, Span] = {s.name: s.span for s in _definitions(names.file)}
    texts = []
    for used in names.used():
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
        for used in Names(file).used()
        for s in used.file.statements
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
        *flattened(Names(file), edits),
        edits.text(Span(source, at, net.span.start)) + ("" if net.keyword else "net "),
    ]
    text = "\n".join(parts) + edits.text(Span(source, net.span.start, len(source.text)))
    return parse(Source(source.name, text, source.folder))


def _definitions(file: nodes.File) -> Iterator[Statement]:
    for statement in file.statements:
        if isinstance(statement, Statement):
            yield statement


def _reached(names: Names) -> set[int]:
    """The statements that the network and the recipe of a file lead to, by identity."""
    found: set[int] = set()
    waiting: list[nodes.Node] = [names.file]
    while waiting:
        for node in walk(waiting.pop()):
            definition = names.definition(node)
            if definition is not None and definition.of_file and id(definition.node) not in found:
                found.add(id(definition.node))
                waiting.append(definition.node)
    return found
