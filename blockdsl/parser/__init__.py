"""Text -> syntax tree."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_dir

from blockdsl import nodes
from blockdsl.resources import MAX_BYTES, data_dir
from blockdsl.source import Source, Span

if TYPE_CHECKING:
    from lark import Lark

_SKELETON = re.compile(r'"[^"\n]*"|#[^\n]*|[()\[\]{}]|[^\x00-\x7f]')


def parse(source: Source) -> nodes.File:
    """Parse a source into its syntax tree.

    Raises:
        ArchError: the text is not in the language; the message has the place and what was expected.
    """
    from lark.exceptions import UnexpectedInput

    from blockdsl.parser.builder import Builder
    from blockdsl.parser.errors import empty_file, syntax_error, too_large

    if len(source.text) > MAX_BYTES:
        raise too_large(source)
    comments = _comments_and_nesting(source)
    try:
        tree = _lark().parse(source.text)
        file: nodes.File = Builder(source, comments).build(tree)
    except UnexpectedInput as unexpected:
        raise syntax_error(source, unexpected) from None
    if not file.statements:
        raise empty_file(source)
    return file


def _comments_and_nesting(source: Source) -> tuple[Span, ...]:
    """The comments' spans; refuses digits that are no ASCII, and nesting so deep that no person wrote it."""
    from blockdsl.parser.errors import MAX_NESTING, foreign_digit, too_deep

    comments: list[Span] = []
    depth = 0
    for match in _SKELETON.finditer(source.text):
        first = match.group()[0]
        if first == "#":
            comments.append(Span(source, match.start(), match.end()))
        elif first in "([{":
            depth += 1
            if depth > MAX_NESTING:
                raise too_deep(Span(source, match.start(), match.end()))
        elif first in ")]}":
            depth -= 1
        elif unicodedata.category(first) in ("Nd", "Nl", "No"):
            raise foreign_digit(Span(source, match.start(), match.end()))
    return tuple(comments)


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
