"""Documents and their layout: a small algebra after Wadler, "A prettier printer" (2003).

A document is a text, a sequence of documents, or one of the classes below. A `Group` is laid out on
one line when it fits, with narrower spaces if need be, else each of its own lines breaks. Comments do
not count for the width: one that stands behind something waits for the end of its line, and makes the
next `Line` end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A place to break: `flat` where its group fits on one line, a new line where it does not."""

    flat: str = ""
    hard: bool = False
    """Always a new line."""
    blank: bool = False
    """With an empty line before it."""
    narrow: str | None = None
    """In place of a longer `flat` where that does not fit."""


@dataclass(frozen=True, slots=True)
class Nest:
    """New lines inside are indented by so many more spaces."""

    by: int
    body: Doc


@dataclass(frozen=True, slots=True)
class Align:
    """New lines inside begin in the column where it does."""

    body: Doc


@dataclass(frozen=True, slots=True)
class Group:
    """On one line if that fits and nothing inside has to break."""

    body: Doc
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """`flat` on one line if that fits, else `broken`."""

    flat: Doc
    broken: Doc


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on lines of its own, or (`behind`) at the end of the line it falls on."""

    text: str
    behind: bool = False
    column: int = 0
    """Where it stands if the line ends before; behind two spaces otherwise."""


Doc: TypeAlias = "str | tuple[Doc, ...] | Line | Nest | Align | Group | Either | Comment"


class _Mode(IntEnum):
    """Whether lines break; on one line, with spaces as they are or as few as may be."""

    BROKEN = 0
    FLAT = 1
    NARROW = 2


SOFT = Line()
SPACE = Line(" ")
HARD = Line(hard=True)
BLANK = Line(hard=True, blank=True)


def render(doc: Doc, width: int = WIDTH) -> str:
    """Lay a document out in lines of at most `width` columns where its breaks allow it, each with its end."""
    return _Layout(width).run(doc, _Mode.BROKEN) + "\n"


def render_flat(doc: Doc) -> str:
    """Lay a document out on one line (hard lines and comments still take their own)."""
    return _Layout(0).run(doc, _Mode.FLAT)


class _Layout:
    """The state of one layout: what is written, where, and what waits to be written."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.out: list[str] = []
        self.column = 0
        self.indent = 0
        self.must_break = False
        self.behind: list[Comment] = []

    def run(self, doc: Doc, flat: _Mode) -> str:
        todo: list[tuple[int, _Mode, Doc]] = [(0, flat, doc)]
        while todo:
            indent, flat, item = todo.pop()
            match item:
                case str():
                    self.write(item)
                case tuple():
                    todo.extend((indent, flat, part) for part in reversed(item))
                case Nest(by, body):
                    todo.append((indent + by, flat, body))
                case Align(body):
                    begun = self.column and not self.must_break
                    todo.append((self.column if begun else self.indent, flat, body))
                case Group(body, broken):
                    flat = _Mode.BROKEN if broken else flat or self.mode(body, todo)
                    todo.append((indent, flat, body))
                case Either(on_one_line, broken_doc):
                    flat = flat or self.mode(on_one_line, todo)
                    todo.append((indent, flat, on_one_line if flat else broken_doc))
                case Line():
                    self.line(item, indent, flat)
                case Comment():
                    self.comment(item, indent)
        self.newline(0)
        lines = "".join(self.out).split("\n")
        return "\n".join(line.rstrip(" ") for line in lines[:-1])

    def write(self, text: str) -> None:
        if not text:
            return
        if self.must_break:
            self.newline(self.indent)
        if self.column == 0:
            self.out.append(" " * self.indent)
            self.column = self.indent
        self.out.append(text)
        self.column += len(text)

    def line(self, line: Line, indent: int, flat: _Mode) -> None:
        commented = self.must_break or bool(self.behind)
        if line.hard or not flat or commented:
            self.newline(indent)
            if line.blank:
                self.out.append("\n")
        elif self.column:
            self.write(_space(line, flat))

    def newline(self, indent: int) -> None:
        """End the line, unless nothing stands on it."""
        if self.column or self.behind:
            if self.behind:
                apart = max(2, self.behind[0].column - self.column) if self.column else 0
                self.out.append(" " * apart + self.behind[0].text)
            self.out.append("\n")
            self.out += [" " * indent + comment.text + "\n" for comment in self.behind[1:]]
        self.behind = []
        self.column = 0
        self.indent = indent
        self.must_break = False

    def comment(self, comment: Comment, indent: int) -> None:
        if comment.behind:
            self.behind.append(comment)
            return
        self.newline(indent)
        self.write(comment.text)
        self.must_break = True

    def mode(self, doc: Doc, rest: list[tuple[int, _Mode, Doc]]) -> _Mode:
        """How a document is laid out that may break."""
        modes = (_Mode.FLAT, _Mode.NARROW)
        return next((mode for mode in modes if self.fits(doc, rest, mode)), _Mode.BROKEN)

    def fits(self, doc: Doc, rest: list[tuple[int, _Mode, Doc]], mode: _Mode) -> bool:
        """Whether `doc`, and what follows up to the next possible break, ends within the width."""
        room = self.width - (self.column or self.indent)
        todo: list[tuple[_Mode, Doc]] = [(mode, doc)]
        following = len(rest)
        inside = True
        comment_waits = bool(self.behind)
        while room >= 0:
            if not todo:
                if following == 0:
                    return True
                inside = False
                following -= 1
                todo.append(rest[following][1:])
            flat, item = todo.pop()
            match item:
                case str():
                    room -= len(item)
                case tuple():
                    todo.extend((flat, part) for part in reversed(item))
                case Nest(_, body) | Align(body):
                    todo.append((flat, body))
                case Group(body, broken):
                    if broken and inside:
                        return False
                    todo.append((flat, body))
                case Either(on_one_line, broken_doc):
                    todo.append((flat, on_one_line if flat else broken_doc))
                case Line(hard=hard):
                    if hard or not flat or comment_waits:
                        return not inside
                    room -= len(_space(item, flat))
                case Comment(_, behind, _):
                    if not behind:
                        return not inside
                    comment_waits = True
        return False


def _space(line: Line, mode: _Mode) -> str:
    """What stands in place of a line that does not break."""
    narrower = mode is _Mode.NARROW and line.narrow is not None and len(line.narrow) < len(line.flat)
    return line.narrow or "" if narrower else line.flat
