"""Tables as text: names and numbers are never cut, whatever the width.

Each column declares what it holds. In a width that is too small the texts wrap first. Then texts are left
out, and a line below the table says so. Then the table is printed in two parts, and at last each row becomes
a record of one line a column. Without a width, as in a pipe, everything is printed in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, NamedTuple

from rich.cells import cell_len, chop_cells

Kind = Literal["name", "number", "text"]
Role = Literal["plain", "title", "head", "name", "note"]

_GAP = 2
_LEAST = 12
"""A text that wraps has at least so many columns, or it is left out."""
_MOST_LINES = 4
"""Nor does it take many more lines than these."""
_PIECES = re.compile(r"[^\s,]*,+|[^\s,]+|\s+")
_UNIT = r"(?:[kMGTP]?B|%|m?s|min)[,;.)]*"
_WORDS = re.compile(rf"\s*(?:`[^`\n]*`|\S)+(?:(?<=\d) {_UNIT}(?!\S))?")
_LABEL = re.compile(r"\s*(?:help: |note: |\S.*?\s{2,}(?=\S))?")
_ASSIGNED = re.compile(r"[^=]*=|[^=]+")
_STEPS = re.compile(r"[^.]*\.+|[^.]+")


class Part(NamedTuple):
    """A piece of a line, and what it is, from which its style on a terminal follows."""

    text: str
    role: Role = "plain"


Line = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading and what it holds.

    A `number` is right-aligned; it and a `name` are never broken (a name that is longer than the whole
    width is, at its dots). A `text` wraps at spaces and commas, and goes where there is no room, the last
    column first, unless it is `essential`.
    """

    head: str
    kind: Kind = "text"
    essential: bool = False

    @property
    def may_go(self) -> bool:
        """Whether the column may be left out."""
        return self.kind == "text" and not self.essential


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns. The first column identifies a row; leading spaces in it are levels.

    `ruled` draws lines between the heading, the rows and what follows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    ruled: bool = False

    def lines(self, width: int | None = None) -> list[Line]:
        """The table in at most `width` columns of a terminal; None for as many as it takes.

        >>> table = Table([Column("name", "name"), Column("size", "number")], [["lenet5", "61,706"]])
        >>> print(as_text(table.lines()))
        name      size
        lenet5  61,706
        """
        everything = list(range(len(self.columns)))
        if width is None:
            return self._grid(everything, self._natural(everything))
        kept, gone = everything, list[int]()
        while (widths := self._fitted(kept, width)) is None:
            last = next((index for index in reversed(kept) if self.columns[index].may_go), None)
            if last is None:
                break
            kept, gone = [index for index in kept if index != last], [last, *gone]
        if widths is not None:
            return [*self._grid(kept, widths), *self._left_out(gone, width)]
        for cut in range(len(kept) - 1, 1, -1):
            parts = kept[:cut], [kept[0], *kept[cut:]]
            first, second = (self._fitted(part, width) for part in parts)
            if first and second:
                grids = [*self._grid(parts[0], first), (), *self._grid(parts[1], second)]
                return [*grids, *self._left_out(gone, width)]
        return list(self._records(width))

    def _natural(self, shown: Sequence[int]) -> list[int]:
        return [
            max(cell_len(text) for text in (self.columns[index].head, *(row[index] for row in self.rows)))
            for index in shown
        ]

    def _needed(self, shown: Sequence[int]) -> int:
        """The width from which on columns fit beside each other, with the texts wrapped."""
        sizes = zip(shown, self._natural(shown), strict=True)
        least = [_least(size) if self.columns[index].kind == "text" else size for index, size in sizes]
        return sum(least) + _GAP * (len(shown) - 1)

    def _fitted(self, shown: Sequence[int], width: int) -> list[int] | None:
        """The widths of columns that fit beside each other; None where they do not."""
        spare = width - self._needed(shown)
        if spare < 0:
            return None
        natural = self._natural(shown)
        texts = [place for place, index in enumerate(shown) if self.columns[index].kind == "text"]
        widths = [_least(size) if place in texts else size for place, size in enumerate(natural)]
        for _ in range(spare):
            short = [place for place in texts if widths[place] < natural[place]]
            if not short:
                break
            widths[min(short, key=widths.__getitem__)] += 1
        return widths

    def _grid(self, shown: Sequence[int], widths: Sequence[int]) -> list[Line]:
        head: Line = tuple(
            Part(_padded(self.columns[index].head, size, self.columns[index].kind) + " " * _GAP, "head")
            for index, size in zip(shown, widths, strict=True)
        )
        rule: list[Line] = [(Part("-" * (sum(widths) + _GAP * (len(widths) - 1)), "note"),)]
        body = [line for row in self.rows for line in self._row(row, shown, widths)]
        return [head, *rule, *body, *rule] if self.ruled else [head, *body]

    def _row(self, row: Sequence[str], shown: Sequence[int], widths: Sequence[int]) -> Iterator[Line]:
        cells = [
            wrapped(row[index], size) if self.columns[index].kind == "text" else [row[index]]
            for index, size in zip(shown, widths, strict=True)
        ]
        for texts in zip_longest(*cells, fillvalue=""):
            yield tuple(
                Part(_padded(text, size, self.columns[index].kind) + " " * _GAP, self._role(index))
                for index, text, size in zip(shown, texts, widths, strict=True)
            )

    def _role(self, index: int) -> Role:
        return "name" if index == 0 and self.columns[0].kind == "name" else "plain"

    def _records(self, width: int) -> Iterator[Line]:
        """Each row by itself: its name, then a line for each cell that is not empty."""
        labels = max(cell_len(column.head) for column in self.columns) + _GAP
        for number, row in enumerate(self.rows):
            if number:
                yield ()
            named = self.columns[0].kind == "name"
            if named and row[0]:
                name = row[0].lstrip()
                level = max(0, min(len(row[0]) - len(name), width // 3, width - cell_len(name)))
                for text in _broken_name(name, width - level):
                    yield (Part(" " * level + text, "name"),)
            for column, text in list(zip(self.columns, row, strict=True))[named:]:
                if text:
                    yield from _field(column, text, labels, width)

    def _left_out(self, gone: Sequence[int], width: int) -> list[Line]:
        if not gone:
            return []
        names = ", ".join(self.columns[index].head for index in gone)
        enough = self._needed(range(len(self.columns)))
        note = f"left out: {names} (needs {enough} columns, or a pipe: | less -S)"
        return [(), *((Part(text, "note"),) for text in wrapped(note, width))]


def _field(column: Column, text: str, labels: int, width: int) -> Iterator[Line]:
    """A cell of a record: the heading, and the value beside it, or below it if it is too long for that."""
    label = "  " + column.head.ljust(labels)
    room = width - cell_len(label)
    if column.kind == "text":
        pieces = wrapped(text, max(room, _LEAST))
    elif cell_len(text) <= room:
        pieces = [text]
    else:
        yield (Part(label.rstrip(), "head"),)
        broken = _broken_name(text, width - 4) if column.kind == "name" else [text]
        yield from ((Part("    " + piece),) for piece in broken)
        return
    for number, piece in enumerate(pieces):
        yield (Part(" " * len(label) if number else label, "head"), Part(piece))


def pairs(
    rows: Sequence[tuple[str, str]], width: int | None = None, *, labels: int | None = None
) -> list[Line]:
    """Lines of a label and words, which wrap beside the label; `labels` is the width of the labels."""
    size = max((cell_len(label) for label, _ in rows), default=0) + _GAP if labels is None else labels
    lines: list[Line] = []
    for label, words in rows:
        beside = max(size, cell_len(label) + 1)
        if width is None:
            pieces = [words]
        elif width - beside >= min(cell_len(words), _LEAST):
            pieces = wrapped(words, width - beside)
        else:
            lines.extend((Part(piece, "head"),) for piece in wrapped(label, width))
            lines.extend((Part("    " + piece),) for piece in wrapped(words, max(width - 4, 1)))
            continue
        for number, piece in enumerate(pieces):
            shown = "" if number else label
            lines.append((Part(shown + " " * (beside - cell_len(shown)), "head"), Part(piece)))
    return lines


def fitted(text: str, width: int, indent: str | None = None) -> str:
    """A text whose lines fit a width, broken at spaces only.

    A word that is longer than a line stays whole, so that a path can be copied; so does what stands in
    backticks, such as a command. What follows the first line of a broken one begins behind its label
    (`checks      6 hold`), or after `indent`.
    """
    lines = list[str]()
    for line in text.split("\n"):
        if cell_len(line) <= width:
            lines.append(line)
            continue
        label = _LABEL.match(line)
        size = cell_len(label[0]) if label else 0
        if size > width // 2:
            size = len(line) - len(line.lstrip()) + _GAP
        lines.extend(_broken(line, width, " " * size if indent is None else indent))
    return "\n".join(lines)


def _broken(text: str, width: int, indent: str) -> Iterator[str]:
    line = ""
    for piece in _WORDS.findall(text):
        if not line or cell_len(line) + cell_len(piece) <= width:
            line += piece
            continue
        yield line
        word = piece.lstrip()
        line = indent[: max(0, width - cell_len(word))] + word  # a long word is indented less
    yield line


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A text in lines of a width, broken at spaces and after commas; what follows the first is indented.

    A word is broken only if it is longer than a line, after `=` if it has one; a number with its thousands'
    commas is one word.
    """
    lines, line = list[str](), ""
    for piece in _pieces(text, width - cell_len(indent)):
        room = width - (cell_len(indent) if lines else 0)
        if cell_len(line) + cell_len(piece.rstrip()) <= room:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        room = max(1, width - (cell_len(indent) if lines else 0))
        *whole, line = chop_cells(piece, room) if cell_len(piece) > room else [piece.lstrip() or ""]
        lines.extend(whole)
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return [lines[0], *(indent + line for line in lines[1:])]


def _pieces(text: str, room: int) -> list[str]:
    """The parts that a line may be broken between; `1,234` and `2.05 kB` are one."""
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        before = pieces[-1] if pieces else ""
        if before and (
            (re.search(r"\d,$", before) and re.match(r"\d{3}(?!\d)", piece))
            or (before.isspace() and len(pieces) > 1 and _is_unit(pieces[-2], piece))
        ):
            joined = pieces.pop() + piece
            pieces.append(pieces.pop() + joined if before.isspace() else joined)
        else:
            pieces.append(piece)
    long = (_ASSIGNED.findall(piece) if cell_len(piece) > room else [piece] for piece in pieces)
    return [part for parts in long for part in parts]


def _is_unit(number: str, unit: str) -> bool:
    return bool(re.fullmatch(r".*\d", number) and re.fullmatch(_UNIT, unit))


def _broken_name(name: str, width: int) -> list[str]:
    """A name in as few lines as it takes, broken after dots only."""
    lines = [""]
    for step in _STEPS.findall(name):
        if lines[-1] and cell_len(lines[-1]) + cell_len(step) > width:
            lines.append("")
        lines[-1] += step
    return lines


def _least(natural: int) -> int:
    return min(natural, max(_LEAST, natural // _MOST_LINES))


def _padded(text: str, size: int, kind: Kind) -> str:
    fill = " " * (size - cell_len(text))
    return fill + text if kind == "number" else text + fill


def as_text(lines: Sequence[Line]) -> str:
    """Lines as plain text."""
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines)
