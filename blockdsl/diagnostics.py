"""What a user reads when something is wrong: place, caret, both sides, the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import wrap
from typing import Literal, TypeVar

from blockdsl.source import Span
from blockdsl.visible import visible

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Mark:
    """A span with the words that stand behind its carets."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning: its kind and message, the marked places, the calls that led there, the fix.

    The first mark names the place; further marks show the other sides.
    """

    kind: str
    message: str
    marks: tuple[Mark, ...] = ()
    calls: tuple[str, ...] = ()
    help: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """The whole message; its lines fit a terminal of `width` columns."""
        parts = [
            _fitted(f"{self.severity}[{self.kind}]: {_bounded(self.message)}", width),
            *_excerpt(self.marks, width),
        ]
        if self.calls:
            parts.append(_fitted("   in " + ", in ".join(map(_bounded, _shortened(self.calls))), width))
        if self.help:
            parts.append(_fitted(f"  help: {_bounded(self.help)}", width))
        return "\n".join(parts)


class ArchError(Exception):
    """Anything wrong with a file or with what was asked of it; `str()` is the whole message.

    Attributes:
        diagnostics: every error that was found, those of a file in the order of their places.
            `str()` shows the first twenty.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    @property
    def diagnostic(self) -> Diagnostic:
        """The first error."""
        return self.diagnostics[0]

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = None) -> str:
        """The messages of all errors, their number below; quoted lines fit `width` columns."""
        shown = [diagnostic.text(width) for diagnostic in self.diagnostics[:MAX_SHOWN]]
        if (count := len(self.diagnostics)) > 1:
            shown.append(
                f"{count} errors" + (f"; the first {MAX_SHOWN} are shown" if count > MAX_SHOWN else "")
            )
        return "\n\n".join(shown)


class Errors:
    """The errors of one file, gathered so that they are told together.

    Work goes on after an error with a value that is not known. Whatever needs such a value raises
    `already_told()`, which adds nothing here: one mistake has one message. A place has one message too,
    however often it is reached, and so has an unknown name. After an error of size (a limit was passed)
    nothing goes on.
    """

    def __init__(self, *, first_only: bool = False) -> None:
        self.first_only = first_only
        self.found: list[Diagnostic] = []
        self._first: ArchError | None = None
        self.names_missing = False
        """Whether definitions could not be read, so that an unknown name may be no mistake."""
        self._places: set[object] = set()
        self._names: set[str] = set()

    def tell(self, wrong: ArchError) -> None:
        """Keep an error, or raise it again where nothing can go on after it."""
        if self.first_only or any(d.kind == "size" for d in wrong.diagnostics):
            raise wrong
        self.add(wrong)

    def add(self, wrong: ArchError) -> None:
        """Keep the diagnostics whose places have none yet."""
        if wrong.diagnostics:
            self._first = self._first or wrong
        for diagnostic in wrong.diagnostics:
            place: object = diagnostic.marks[0].span if diagnostic.marks else diagnostic.message
            if diagnostic.kind == "open":  # one message tells that choices are open
                place = diagnostic.kind
            if place not in self._places:
                self._places.add(place)
                self.found.append(diagnostic)

    def is_told(self, name: str) -> bool:
        """Whether an unknown name was told of before, or may be no mistake; from now on it is told of."""
        before = self.names_missing or (name in self._names and not self.first_only)
        self._names.add(name)
        return before

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Go on after what an error ends."""
        try:
            yield
        except ArchError as wrong:
            self.tell(wrong)

    def every(self, make: Callable[[_Item], _Made], items: Iterable[_Item]) -> list[_Made]:
        """`make(item)` for each item; where one is refused, the others are tried first.

        Raises:
            ArchError: an item was refused; that is told already.
        """
        made = []
        failed = False
        for item in items:
            try:
                made.append(make(item))
            except ArchError as wrong:
                self.tell(wrong)
                failed = True
        if failed:
            raise already_told()
        return made

    def raise_found(self) -> None:
        """Raise all errors together, if there are any; a single one is raised as it came."""
        if len(self.found) == 1 and self._first is not None:
            raise self._first
        if self.found:
            raise ArchError(*_in_order(self.found))


def _in_order(found: list[Diagnostic]) -> list[Diagnostic]:
    """Those without a place first, then file by file, in the order of their places."""
    files = [diagnostic.marks[0].span.source.name for diagnostic in found if diagnostic.marks]
    return sorted(
        found,
        key=lambda diagnostic: (
            (files.index((span := diagnostic.marks[0].span).source.name), span.start)
            if diagnostic.marks
            else (-1, 0)
        ),
    )


def already_told() -> ArchError:
    """The error for what depends on something that was refused already."""
    return ArchError()


def error(
    kind: str,
    message: str,
    *marks: Mark | Span | None,
    calls: Iterable[str] = (),
    help: str = "",
) -> ArchError:
    """Build an `ArchError`; a bare span is a mark without words, None is left out."""
    shown = tuple(Mark(m) if isinstance(m, Span) else m for m in marks if m is not None)
    return ArchError(Diagnostic(kind, message, shown, tuple(calls), help))


def exception_text(failure: BaseException) -> str:
    """An exception as its name and its message, if it has one.

    >>> exception_text(ZeroDivisionError("division by zero")), exception_text(KeyboardInterrupt())
    ('ZeroDivisionError: division by zero', 'KeyboardInterrupt')
    """
    name, message = type(failure).__name__, str(failure)
    return f"{name}: {message}" if message else name


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to a misspelt one, if any is close; of `conv` and `CONV` the one in its case."""
    by_folded = {k.lower(): k for k in sorted(known, key=lambda k: k.isupper() == name.isupper())}
    folded = name.lower()
    likely = get_close_matches(folded, by_folded, n=3, cutoff=0.6)
    close = set(get_close_matches(folded, likely, n=3, cutoff=0.7))
    found = next((word for word in likely if word in close or _one_slip(folded, word)), None)
    return by_folded[found] if found else None


def _one_slip(word: str, other: str) -> bool:
    """Whether two words differ by one letter: another one, one more or less, or two exchanged."""
    start = 0
    while start < min(len(word), len(other)) and word[start] == other[start]:
        start += 1
    rest, others = word[start:], other[start:]
    exchanged = rest[1:2] + rest[:1] + rest[2:]
    return rest[1:] in (others, others[1:]) or rest == others[1:] or exchanged == others


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A help line that names the nearest known name, or `otherwise`."""
    close = nearest(name, known)
    return f"did you mean {close}?" if close else otherwise


MAX_SHOWN = 20
"""Errors that one message shows."""

_TAB = 4
_MAX_WIDTH = 160
_MIN_WIDTH = 20
_MAX_CALLS = 6
_MAX_LENGTH = 500


def _bounded(text: str) -> str:
    text = visible(text, keep="\n")
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _fitted(text: str, width: int | None) -> str:
    if width is None or len(text) * 2 <= width:  # no character takes more than two columns
        return text
    from blockdsl.tables import fitted

    return fitted(text, width)


def _shortened(calls: tuple[str, ...]) -> list[str]:
    if len(calls) <= _MAX_CALLS:
        return list(calls)
    hidden = len(calls) - _MAX_CALLS + 1
    return [*calls[: _MAX_CALLS - 2], f"… {hidden} more calls …", calls[-1]]


def _excerpt(marks: tuple[Mark, ...], width: int | None) -> list[str]:
    """The marked lines of the files, with carets below them."""
    if not marks:
        return []
    lines = [f"  --> {visible(str(marks[0].span))}"]
    digits = max(max(len(str(mark.span.line)) for mark in marks), 2)
    margin = " " * (digits + 5) + "| "
    room = _MAX_WIDTH if width is None else max(_MIN_WIDTH, min(_MAX_WIDTH, width - len(margin)))
    name, shown = marks[0].span.source.name, _Window("", 0, 0, 0)
    for mark in marks:
        source, number = mark.span.source, mark.span.line
        if source.name != name or number != shown.number or not shown.shows(mark.span, room):
            if source.name != name:
                lines.append(f"  --> {visible(str(mark.span))}")
            name, shown = source.name, _Window.around(mark.span, room)
            lines.append(f"{number:>{digits + 4}} | {shown.text}")
        lines.extend(margin + line for line in shown.carets(mark, room))
    return lines


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of a line that is shown, from `start` to `stop`, with `…` where it is cut; tabs are spaces."""

    line: str
    number: int
    start: int
    stop: int

    @staticmethod
    def around(span: Span, room: int) -> _Window:
        line, number = _printable(span.source.line(span.line)), span.line
        if len(line) <= room:
            return _Window(line, number, 0, len(line))
        begin, end = _columns(span)
        spare = max(0, room - 2 - (end - begin))
        start = max(0, min(begin - spare // 2, len(line) - (room - 1)))
        if start == 0:
            return _Window(line, number, 0, room - 1)
        at_end = start + room - 1 == len(line)
        return _Window(line, number, start, len(line) if at_end else start + room - 2)

    @property
    def text(self) -> str:
        head, tail = "…" * (self.start > 0), "…" * (self.stop < len(self.line))
        return head + self.line[self.start : self.stop] + tail

    def shows(self, span: Span, room: int) -> bool:
        """Whether a span is inside, or so much of it as a window of this size has room for."""
        begin, end = _columns(span)
        whole = self.stop == len(self.line)
        return self.start <= begin and (whole or min(end, begin + room - 2) <= self.stop)

    def carets(self, mark: Mark, room: int) -> list[str]:
        """The carets below a mark, and its words: beside them, or below where they do not fit."""
        begin, end = _columns(mark.span)
        before = (self.start > 0) + _cells(self.line[self.start : begin])
        carets = " " * before + "^" * max(1, _cells(self.line[begin : min(end, self.stop)]))
        words = visible(mark.text)
        if not words:
            return [carets]
        if len(carets) + 1 + len(words) <= room or room == _MAX_WIDTH:
            return [f"{carets} {words}"]
        pieces = wrap(words, room, break_long_words=False, break_on_hyphens=False)
        indent = max(0, min(before, room - max(map(len, pieces))))
        return [carets, *(" " * indent + piece for piece in pieces)]


def _columns(span: Span) -> tuple[int, int]:
    """Where a span begins and ends in its first line, as it is shown; counted from 0."""
    line = span.source.line(span.line)
    begin = span.source.position(span.start)[1] - 1
    end = min(begin + span.end - span.start, len(line))
    return len(_printable(line[:begin])), len(_printable(line[:end]))


def _printable(text: str) -> str:
    return "".join("�" if c != visible(c, keep="\t") else c for c in text).expandtabs(_TAB)


def _cells(text: str) -> int:
    """Columns that a printed text takes on a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
