"""Which choices of an opened network do not go together with the rest of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint
from blockdsl.lowering.values import Place, place
from blockdsl.passes.opening.edits import Start
from blockdsl.passes.opening.options import Refused
from blockdsl.passes.opening.ranges import Number
from blockdsl.space.domains import Value, draw
from blockdsl.space.space import Space
from blockdsl.syntax.forms import is_choice
from blockdsl.syntax.traversal import walk

TRIES = 12
"""Networks that a value is tried in: with all other choices as they were, then with others drawn."""

MAX_VALUES = 12
"""Values of a choice that are tried."""

Closed = dict[Place, Refused]
"""What does not go together with the rest, by place."""


def starts_by_place(space: Space, starts: Sequence[Start]) -> dict[Place, Start]:
    """How each choice of a space is decided for the network that was opened."""
    choices = sorted((n.span for n in walk(space.file) if is_choice(n)), key=lambda span: span.start)
    return {place(span): start for span, start in zip(choices, starts, strict=True)}


def culprits(space: Space, starts: Sequence[Start], *, widths: bool = True) -> Closed:
    """What is refused with all other choices as the network has them, and as they are drawn.

    Of the factors of a width all are, or none is told. What one choice opens in several places is left to
    `groups`.

    Args:
        space: of a network that was opened.
        starts: how its choices are decided for the network.
        widths: also the factors of widths.
    """
    found: Closed = {}
    decided = starts_by_place(space, starts)
    for key, start in decided.items():
        if len(start.at) > 1 or (start.scales and not widths):
            continue
        refused, why = _refused(space, decided, key)
        if why is not None and (len(refused) == len(start.others) or not start.scales):
            numbers = None if len(refused) == len(start.others) else refused
            found[place(start.at[0])] = Refused(start.at[0], why.diagnostic.message, numbers)
    return found


def groups(space: Space, starts: Sequence[Start]) -> list[Closed]:
    """What may be closed of the places that one choice opens together, where that is always refused.

    Those with the same text, for each text; and last all of them.
    """
    decided = starts_by_place(space, starts)
    for key, start in decided.items():
        if len(start.at) == 1:
            continue
        refused, why = _refused(space, decided, key)
        if why is not None and len(refused) == len(start.others):
            texts = dict.fromkeys(span.text for span in start.at)
            parts = [[span for span in start.at if span.text == text] for text in texts]
            message = why.diagnostic.message
            return [{place(span): Refused(span, message) for span in part} for part in (*parts, start.at)]
    return []


def _refused(
    space: Space, decided: Mapping[Place, Start], key: Place
) -> tuple[set[Number | str], ArchError | None]:
    """What a choice cannot be, and why; of many values some are tried, and speak for those behind them."""
    others = [*decided[key].others]
    refused: set[Number | str] = set()
    first: ArchError | None = None
    step = -(-len(others) // MAX_VALUES)
    for at in range(0, len(others), step):
        if why := _refusal(space, decided, key, decided[key].others[others[at]]):
            refused |= {*others[at : at + step]}
            first = first or why
    return refused, first


def _refusal(space: Space, decided: Mapping[Place, Start], key: Place, value: Number) -> ArchError | None:
    """Why a choice cannot be decided for a value; None where it can."""
    refusal: ArchError | None = None
    for seed in range(TRIES):
        rng = random.Random(seed)

        def choose(point: ChoicePoint, seed: int = seed, rng: random.Random = rng) -> Value:
            if place(point.span) == key:
                return value
            return draw(point.domain, rng) if seed else decided[place(point.span)].decision

        try:
            space.reach(choose)
        except ArchError as refused:
            refusal = refusal or refused
        else:
            return None
    return refusal
