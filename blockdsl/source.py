"""Source texts and the spans that point into them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import PurePath
from typing import NamedTuple


@dataclass(frozen=True)
class Source:
    """A text with the name it is shown under in messages.

    `folder` is where `use "…"` looks first; texts that come from no file have none.
    """

    name: str
    text: str
    folder: str | None = None

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def stem(self) -> str:
        """The file's name without its folder and ending; empty for a text that comes from no file."""
        return "" if self.name == "-e" or self.name.startswith("<") else PurePath(self.name).stem

    @cached_property
    def _starts(self) -> list[int]:
        lengths = (len(line) + 1 for line in self.text.split("\n"))
        return [0, *accumulate(lengths)][:-1]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), without its end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


class Span(NamedTuple):
    """A stretch `[start, end)` of characters of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line where the span begins, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def text(self) -> str:
        """The characters of the span."""
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """The span from the beginning of this one to the end of `other`."""
        return Span(self.source, self.start, max(self.end, other.end))
