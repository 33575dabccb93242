"""A network opened to a space, which is tried before it is written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError, error
from blockdsl.lowering import Program, lower
from blockdsl.lowering.values import place
from blockdsl.ops import InputSizes
from blockdsl.passes.opening import Opened, Opening, open_choices, refuse_space
from blockdsl.passes.relocate import relocate
from blockdsl.source import Source
from blockdsl.space.candidate import Candidate
from blockdsl.space.counting import MAX_LAYERS, in_words
from blockdsl.space.culprits import Closed, culprits, groups, starts_by_place
from blockdsl.space.space import Space
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file

DRAWS = 24
"""Networks that are drawn to see whether what was opened goes together."""

MULTIPLES = (2, 4, 8, 16, 32, 64)
"""What widths are tried to be multiples of, where others do not go together (groups, heads)."""


@dataclass(frozen=True)
class OpenedSpace:
    """A space that was made from a network.

    Attributes:
        opening: what was to be opened.
        opened: what was opened, and what was not and why.
        space: the space.
        start: the network that it was made from, which is in it.
        refused: of the networks that were drawn to try the space, those whose choices do not go together.
    """

    opening: Opening
    opened: Opened
    space: Space
    start: Candidate
    refused: tuple[ArchError, ...]

    @property
    def size(self) -> str:
        """How many assignments it has, in words; an estimate where counting would take long."""
        return in_words(self.space, layers=MAX_LAYERS // 10)

    def text(self, folder: str | Path | None = None) -> str:
        """The space as an `.arch` file.

        Args:
            folder: where the file will lie, so that what it uses is found; by default beside the network.

        Raises:
            ArchError: the text does not hold the network there.
        """
        if folder is None:
            return self.space.source.text
        where = Path(folder)
        text = format_file(relocate(parse(self.space.source), where))
        space = Space(Source(self.space.source.name, text, str(where)))
        start = _start(space, self.opened)
        if canonical_hash(start.program.graph) != canonical_hash(self.start.program.graph):
            message = f"{space.source.name} opened so does not hold the network itself in {where}"
            raise error("open", message)
        return text


def open_network(source: Source, opening: Opening, *, input: InputSizes | None = None) -> OpenedSpace:
    """Open a network, and try the space: it holds the network, and its draws are networks.

    Raises:
        ArchError: the file is wrong, nothing can be opened, or nothing that was drawn goes together.
    """
    file = parse(source)
    refuse_space(file)
    program = lower(file, input=input)
    best = _tried(program, opening, input)
    if best is not None and best.refused:  # widths may have to be multiples; nothing else is mended by that
        best = _fewest(program, best, [culprits(best.space, best.opened.starts, widths=False)], input)
    plain, best = best, _with_multiples(program, best, opening, input)
    while plain is not None and best is not None and best.refused and opening.width:
        found = culprits(plain.space, plain.opened.starts)  # where widths are multiples, some stay the same
        ways = [found] if found else groups(plain.space, plain.opened.starts)
        without = _fewest(program, plain, ways, input)
        if without is plain:
            break
        plain, again = without, _with_multiples(program, without, opening, input)
        if again is not None and len(again.refused) < len(best.refused):
            best = again
    if best is None:
        raise error("open", f"{source.name} opened so does not hold the network itself")
    if best.refused and _is_alone(best):
        raise error(
            "open", f"{source.name} opened so yields no network but its own; drawn:\n{best.refused[0]}",
            help="a width that must be that of the input, or of what is added to it, cannot be scaled: open "
            "something else, or write the choices by hand",
        )  # fmt: skip
    return best


def _is_alone(tried: OpenedSpace) -> bool:
    """Whether nothing but the network itself is drawn from a space."""
    itself = canonical_hash(tried.start.program.graph)
    return all(canonical_hash(drawn.program.graph) == itself for drawn in _draws(tried.space)[0])


def _draws(space: Space, limit: int = DRAWS) -> tuple[list[Candidate], list[ArchError]]:
    """Networks that are drawn from a space, and what is refused, until so many draws are."""
    drawn, refused = [], []
    for seed in range(DRAWS):
        try:
            drawn.append(space.sample(random.Random(seed)))
        except ArchError as refusal:
            refused.append(refusal)
        if len(refused) == limit:
            break
    return drawn, refused


def _fewest(
    program: Program, tried: OpenedSpace, ways: Sequence[Closed], input: InputSizes | None
) -> OpenedSpace:
    """The space with the fewest refusals if one of some sets of places is closed, or none."""
    best = tried
    for closed in filter(None, ways):
        opening = replace(tried.opening, closed={**tried.opening.closed, **closed})
        try:
            without = _tried(program, opening, input, len(best.refused))
        except ArchError:  # nothing would be left
            continue
        if without is not None and len(without.refused) < len(best.refused):
            best = without
        if not best.refused:
            break
    return best


def _with_multiples(
    program: Program, tried: OpenedSpace | None, opening: Opening, input: InputSizes | None
) -> OpenedSpace | None:
    """The space with the fewest refusals, of those with widths that are multiples of 1, 2, 4, …"""
    best = tried
    closed = tried.opening.closed if tried is not None else opening.closed
    for multiple in MULTIPLES if opening.width else ():
        if best is not None and not best.refused:
            break
        limit = len(best.refused) if best is not None else DRAWS
        again = replace(opening, closed=closed, multiple=multiple)
        found = _tried(program, again, input, limit) or _tried(
            program, replace(again, only_multiples=True), input, limit
        )
        if found is not None and (best is None or len(found.refused) < len(best.refused)):
            best = found
    return best


def _tried(
    program: Program, opening: Opening, input: InputSizes | None, limit: int = DRAWS
) -> OpenedSpace | None:
    """The space, unless the network itself is not in it; it is drawn from until `limit` draws are refused."""
    opened = open_choices(program, opening, input=input)
    space = Space(Source(program.file.span.source.name, opened.text, program.file.span.source.folder))
    try:
        start = _start(space, opened)
    except ArchError:  # its widths are no multiples
        return None
    if canonical_hash(start.program.graph) != canonical_hash(program.graph):
        return None
    refused = _draws(space, limit)[1]
    return OpenedSpace(opening, opened, space, start, tuple(refused))


def _start(space: Space, opened: Opened) -> Candidate:
    """The network that was opened, as one of the space."""
    starts = starts_by_place(space, opened.starts)
    return space.reach(lambda point: starts[place(point.span)].decision)
