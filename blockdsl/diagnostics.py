"""What a user reads when something is wrong: place, caret, both sides, the fix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from blockdsl.source import Span
from blockdsl.visible import visible


@dataclass(frozen=True)
class Mark:
    """A span with the words that stand behind its carets."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Diagnostic:
    """One error: its kind and message, the marked places, the block calls that led there, the fix.

    The first mark names the place; further marks show the other sides.
    """

    kind: str
    message: str
    marks: tuple[Mark, ...] = ()
    calls: tuple[str, ...] = ()
    help: str = ""

    def __str__(self) -> str:
        head = f"error[{self.kind}]: {_bounded(self.message)}"
        parts = [head, *_excerpt(self.marks)]
        if self.calls:
            parts.append("   in " + ", in ".join(map(_bounded, _shortened(self.calls))))
        if self.help:
            parts.append(f"  help: {_bounded(self.help)}")
        return "\n".join(parts)


class ArchError(Exception):
    """Anything wrong with a file or with what was asked of it; `str()` is the whole message."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return str(self.diagnostic)


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


_TAB = 4
_MAX_WIDTH = 160
_MAX_CALLS = 6
_MAX_LENGTH = 500


def _bounded(text: str) -> str:
    text = visible(text, keep="\n")
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _shortened(calls: tuple[str, ...]) -> list[str]:
    if len(calls) <= _MAX_CALLS:
        return list(calls)
    hidden = len(calls) - _MAX_CALLS + 1
    return [*calls[: _MAX_CALLS - 2], f"… {hidden} more calls …", calls[-1]]


def _excerpt(marks: tuple[Mark, ...]) -> list[str]:
    if not marks:
        return []
    lines = [f"  --> {visible(str(marks[0].span))}"]
    width = max(max(len(str(mark.span.line)) for mark in marks), 2)
    shown: tuple[str, int] = (marks[0].span.source.name, 0)
    cut = 0
    for mark in marks:
        source, number = mark.span.source, mark.span.line
        if (source.name, number) != shown:
            if source.name != shown[0]:
                lines.append(f"  --> {visible(str(mark.span))}")
            cut = _cut(mark.span)
            lines.append(f"{number:>{width + 4}} | {_printable(source.line(number)[cut : cut + _MAX_WIDTH])}")
            shown = (source.name, number)
        lines.append(" " * (width + 5) + "| " + _carets(mark, cut))
    return lines


def _cut(span: Span) -> int:
    """How many characters of a long line are left out before what is shown of it."""
    line, column = span.source.position(span.start)
    too_long = len(span.source.line(line)) > _MAX_WIDTH
    return max(0, column - 1 - _MAX_WIDTH // 2) if too_long else 0


def _printable(text: str) -> str:
    return "".join("�" if c != visible(c, keep="\t") else c for c in text).expandtabs(_TAB)


def _carets(mark: Mark, cut: int) -> str:
    line, column = mark.span.source.position(mark.span.start)
    text = mark.span.source.line(line)
    begin = max(cut, column - 1)
    before = len(text[cut:begin].expandtabs(_TAB))
    end = min(column - 1 + mark.span.end - mark.span.start, len(text), cut + _MAX_WIDTH)
    return " " * before + "^" * max(1, end - begin) + (f" {visible(mark.text)}" if mark.text else "")
