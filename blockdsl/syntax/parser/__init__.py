"""Text -> syntax tree."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_dir

from blockdsl.diagnostics import ArchError, Errors
from blockdsl.resources import MAX_BYTES, data_dir
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser.recovery import next_start

if TYPE_CHECKING:
    from lark import Lark

MAX_ERRORS = 20
"""Mistakes of form after which the rest of a text is not read."""

_SKELETON = re.compile(r'"[^"\n]*"|#[^\n]*|[()\[\]{}]|[^\x00-\x7f]')


def parse(source: Source) -> nodes.File:
    """Parse a source into its syntax tree.

    Raises:
        ArchError: the text is not in the language; each message has the place and what was expected.
            What follows a statement that is not understood is read on from the next one.
    """
    from lark.exceptions import UnexpectedInput

    from blockdsl.syntax.parser.builder import Builder
    from blockdsl.syntax.parser.errors import empty_file, syntax_error, too_large

    if len(source.text) > MAX_BYTES:
        raise too_large(source)
    errors = Errors()
    comments, text = _comments_and_text(source, errors)
    builder = Builder(source, comments)
    file: nodes.File | None = None
    start: tuple[int, str] | None = (0, "")
    while start is not None and len(errors.found) < MAX_ERRORS:
        begun, section = start
        try:
            # Blanks take the place of what was read, so that positions stay those of the text.
            file = builder.build(_lark().parse(section.ljust(begun) + text[begun:]))
            break
        except UnexpectedInput as unexpected:
            wrong = syntax_error(source, unexpected)
        except ArchError as refused:  # the form is right, a name or a number is not
            wrong = refused
        errors.tell(wrong)
        start = next_start(text, begun, wrong.diagnostic.marks[0].span.end)
    errors.raise_found()
    assert file is not None
    if not file.statements:
        raise empty_file(source)
    return file


def _comments_and_text(source: Source, errors: Errors) -> tuple[tuple[Span, ...], str]:
    """The comments' spans, and the text to read: comments are blank, a digit that is no ASCII is another one.

    Refuses such digits, and nesting so deep that no person wrote it.
    """
    from blockdsl.syntax.parser.errors import MAX_NESTING, foreign_digit, too_deep

    replaced: list[tuple[re.Match[str], str]] = []
    comments: list[Span] = []
    depth = 0
    for match in _SKELETON.finditer(source.text):
        first = match.group()[0]
        if first == "#":
            comments.append(Span(source, match.start(), match.end()))
            replaced.append((match, " " * len(match[0])))
        elif first in "([{":
            depth += 1
            if depth > MAX_NESTING:
                raise too_deep(Span(source, match.start(), match.end()))
        elif first in ")]}":
            depth -= 1
        elif unicodedata.category(first) in ("Nd", "Nl", "No"):
            errors.tell(foreign_digit(Span(source, match.start(), match.end())))
            replaced.append((match, "1"))
    return tuple(comments), _with_replaced(source.text, replaced)


def _with_replaced(text: str, replaced: list[tuple[re.Match[str], str]]) -> str:
    """A text with other characters, as many, where matches were found."""
    parts: list[str] = []
    end = 0
    for match, other in replaced:
        parts += text[end : match.start()], other
        end = match.end()
    return "".join([*parts, text[end:]])


@cache
def _lark() -> Lark:
    """The parser, built once a process; its tables are kept in the user's cache folder."""
    from lark import Lark

    grammar = (data_dir("grammars") / "arch.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", keep_all_tokens=True, cache=_cache_file() or False)


def _cache_file() -> str | None:
    folder = Path(user_cache_dir("blockdsl"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder / "grammar.pickle") if os.access(folder, os.W_OK) else None
