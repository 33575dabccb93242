"""Where reading goes on after a statement that is not understood."""

from __future__ import annotations

import re

KEYWORDS = (
    "title", "year", "authors", "paper", "dataset", "error", "note", "use", "input", "param", "let",
    "block", "net", "check", "train", "search",
)  # fmt: skip
"""The words that begin a statement."""

BRACKETS = re.compile(r'"[^"\n]*"|#[^\n]*|[()\[\]{}]')

_WORD = re.compile(r"\w*")
_STATEMENT = re.compile(rf"^[ \t]*({'|'.join(KEYWORDS)})\b", re.MULTILINE)
_ITEM = {
    "train": re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*=(?!=)", re.MULTILINE),
    "search": re.compile(r"^[ \t]*(maximize|minimize|require)\b", re.MULTILINE),
}
"""The lines of a section that can be read by themselves, after the word of the section."""


def statement_start(text: str, end: int) -> int:
    """Where the statement begins in which a place lies: the last line before it with a keyword first."""
    return max((found.start(1) for found in _STATEMENT.finditer(text, 0, end)), default=0)


def rest_after(text: str, part: str, stopped: int) -> str | None:
    """What to read after a mistake: blanks up to the next statement, or item of a section, and what follows.

    Places in it are those of the text.

    Args:
        text: the whole text.
        part: what was read, blanks first where this is not the beginning.
        stopped: where reading stopped.

    Returns:
        The rest; None if no statement follows.
    """
    begun = len(part) - len(part.lstrip())
    statement = statement_start(text, stopped)
    following = next((f.start(1) for f in _STATEMENT.finditer(text) if f.start(1) >= stopped), len(text))
    section = _WORD.match(text, statement)
    word = section[0] if section else ""
    for found in _ITEM[word].finditer(text, statement, following) if word in _ITEM else ():
        at = found.start(1)
        if at >= stopped and at > begun and _is_closed(text, statement, at):
            return f"{word.rjust(at - 1)} {text[at:]}"
    return None if following == len(text) else " " * following + text[following:]


def _is_closed(text: str, start: int, end: int) -> bool:
    """Whether no bracket is open at the end of a stretch."""
    brackets = [m.group() for m in BRACKETS.finditer(text, start, end) if m.group() in "()[]{}"]
    return sum(1 if bracket in "([{" else -1 for bracket in brackets) == 0
