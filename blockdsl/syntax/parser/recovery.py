"""Where reading goes on after a statement that is not understood."""

from __future__ import annotations

import re

KEYWORDS = (
    "title", "year", "authors", "paper", "dataset", "error", "note", "use", "input", "param", "let",
    "shared", "block", "net", "check", "train", "search",
)  # fmt: skip
"""The words that begin a statement."""

BRACKETS = re.compile(r'"[^"\n]*"|#[^\n]*|[()\[\]{}]')

_STATEMENT = re.compile(rf"^[ \t]*({'|'.join(KEYWORDS)})\b", re.MULTILINE)
_ITEM = {
    "train": re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*=(?!=)", re.MULTILINE),
    "search": re.compile(r"^[ \t]*(maximize|minimize|require)\b", re.MULTILINE),
}
"""The lines of a section that can be read by themselves, after the word of the section."""

_BINDINGS = ("let", "shared")
_WITH_BODY = ("block", "net")
"""Statements that may hold bindings of their own: after a mistake, whose a binding is cannot be told."""


def statement_start(text: str, end: int) -> int:
    """Where the statement begins in which a place lies: the last line before it with a keyword first."""
    return max((found.start(1) for found in _STATEMENT.finditer(text, 0, end)), default=0)


def next_start(text: str, begun: int, stopped: int) -> tuple[int, str] | None:
    """Where reading goes on after a mistake: at the next statement, or at the next item of its section.

    Args:
        text: the whole text.
        begun: where the statements began that were read.
        stopped: where reading stopped.

    Returns:
        The place and the word of the section that goes on there, if one does; None if nothing follows.
    """
    statements = [(found.start(1), found[1]) for found in _STATEMENT.finditer(text)]
    before = [(start, word) for start, word in statements if start <= stopped]
    if before and before[-1][0] == stopped and stopped > begun:  # the mistake lies before this statement
        before.pop()
    in_body = next((word for _, word in reversed(before) if word not in _BINDINGS), "") in _WITH_BODY
    following = next(
        (
            start
            for start, word in statements
            if start >= stopped and start > begun and not (in_body and word in _BINDINGS)
        ),
        None,
    )
    statement, section = before[-1] if before else (0, "")
    if section in _ITEM:
        for item in _ITEM[section].finditer(text, statement, len(text) if following is None else following):
            at = item.start(1)
            if at >= stopped and at > begun and _is_closed(text, statement, at):
                return at, section
    return None if following is None else (following, "")


def _is_closed(text: str, start: int, end: int) -> bool:
    """Whether no bracket is open at the end of a stretch; one that closes nothing does not count."""
    depth = 0
    for bracket in BRACKETS.finditer(text, start, end):
        if bracket[0] in ("(", "[", "{"):
            depth += 1
        elif bracket[0] in (")", "]", "}"):
            depth = max(0, depth - 1)
    return depth == 0
