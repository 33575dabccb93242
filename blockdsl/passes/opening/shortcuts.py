"""Sums with the input become choices: with the shortcut, or without."""

from __future__ import annotations

from blockdsl.passes.opening.edits import Edits, Start
from blockdsl.passes.opening.visitor import Found, Shortcut
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import bare

MAX_TWICE = 24
"""A branch of so few characters is written twice; a longer one gets a name."""


def open_shortcuts(found: Found, edits: Edits) -> int:
    """Open the sums that were found, inner ones first; how many these are."""
    for shortcut in sorted(found.shortcuts.values(), key=lambda s: s.total.span.end - s.total.span.start):
        name = "" if _is_short(shortcut) else _named(shortcut, edits)
        edits.add(shortcut.expr.span, lambda e, s=shortcut, name=name: _choice(s, name, e))  # type: ignore[misc]
    return len(found.shortcuts)


def _is_short(shortcut: Shortcut) -> bool:
    branch = shortcut.branch[0]
    simple = isinstance(bare(branch), nodes.Path | nodes.Call) and len(branch.span.text) <= MAX_TWICE
    return simple or len(shortcut.branch) > 1


def _named(shortcut: Shortcut, edits: Edits) -> str:
    span = shortcut.branch[0].span
    return edits.let(shortcut.home, ("body", "inner", "opened"), lambda e: e.inner(span))


def _choice(shortcut: Shortcut, name: str, edits: Edits) -> str:
    edits.starts.append(Start(0, {"without": 1}, (shortcut.total.span,)))
    parts = [
        name if name and part in shortcut.branch else edits.inner(part.span) for part in shortcut.total.parts
    ]
    without = [name] if name else [edits.inner(part.span) for part in shortcut.branch]
    return "{" + " + ".join(parts) + ", " + " + ".join(without) + "}"
