"""Which choices of an opened network do not go together with the rest of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint
from blockdsl.lowering.values import Place, place
from blockdsl.passes.opening.edits import Start
from blockdsl.source import Span
from blockdsl.space.domains import Value, size, value_at
from blockdsl.space.space import Space
from blockdsl.syntax.forms import is_choice
from blockdsl.syntax.traversal import walk

Closed = dict[Place, tuple[Span, str]]
"""What shall stay as it is, and why."""


def starts_by_place(space: Space, starts: Sequence[Start]) -> dict[Place, Start]:
    """How each choice of a space is decided for the network that was opened."""
    choices = sorted((n.span for n in walk(space.file) if is_choice(n)), key=lambda span: span.start)
    return {place(span): start for span, start in zip(choices, starts, strict=True)}


def culprits(space: Space, starts: Sequence[Start]) -> Closed:
    """The places whose choice is refused though all others are decided as the network was.

    Those of a choice that opens several are left to `groups`.
    """
    found: Closed = {}
    for key, start in starts_by_place(space, starts).items():
        if len(start.at) > 1:
            continue
        for refusal in _refusals(space, starts, key):
            reason = f"otherwise {refusal.diagnostic.message}"
            found |= {place(span): (span, reason) for span in start.at}
            break
    return found


def groups(starts: Sequence[Start], reason: str) -> list[Closed]:
    """Of the places that one choice opens those with the same text, and last all of them."""
    places = [span for start in starts for span in start.at if len(start.at) > 1]
    texts = dict.fromkeys(span.text for span in places)
    parts = [[span for span in places if span.text == text] for text in texts]
    return [{place(span): (span, reason) for span in part} for part in (*parts, places)]


def _refusals(space: Space, starts: Sequence[Start], key: Place) -> Iterator[ArchError]:
    """What is refused with the first or the last value of a choice."""
    decided = starts_by_place(space, starts)
    for last in (True, False):

        def choose(point: ChoicePoint, last: bool = last) -> Value:
            if place(point.span) != key:
                return decided[place(point.span)].decision
            return value_at(point.domain, size(point.domain) - 1 if last else 0)

        try:
            space.reach(choose)
        except ArchError as refusal:
            yield refusal
