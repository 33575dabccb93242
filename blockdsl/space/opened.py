"""A network opened to a space, which is tried before it is written."""

from __future__ import annotations

import random
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
from blockdsl.space.counting import in_words
from blockdsl.space.culprits import culprits, groups, starts_by_place
from blockdsl.space.space import Space
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file

DRAWS = 24
"""Networks that are drawn to see whether what was opened goes together."""

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
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
        """How many assignments it has, in words."""
        return in_words(self.space)

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
    best = _best(program, opening, input)
    while best is not None and best.refused:
        without = _without_culprits(program, best, input)
        if without is None or len(without.refused) >= len(best.refused):
            break
        best = without
    if best is None:
        raise error("open", f"{source.name} opened so does not hold the network itself")
    if len(best.refused) == DRAWS:
        raise error(
            "open", f"{source.name} opened so is a network only as it was; drawn:\n{best.refused[0]}",
            help="a width that must be that of the input, or of what is added to it, cannot be scaled: open "
            "something else, or write the choices by hand",
        )  # fmt: skip
    return best


def _without_culprits(program: Program, tried: OpenedSpace, input: InputSizes | None) -> OpenedSpace | None:
    """The space without what its refusals come from, if that is found and something is left."""
    opening, starts = tried.opening, tried.opened.starts
    found = culprits(tried.space, starts)
    best: OpenedSpace | None = None
    for closed in [found] if found else groups(starts, f"otherwise {tried.refused[0].diagnostic.message}"):
        less = replace(opening, closed={**opening.closed, **closed})
        try:
            without = _best(program, less, input) if found else _tried(program, less, input)
        except ArchError:  # nothing would be left
            continue
        if without is not None and (best is None or len(without.refused) < len(best.refused)):
            best = without
        if best is not None and not best.refused:
            break
    return best


def _best(program: Program, opening: Opening, input: InputSizes | None) -> OpenedSpace | None:
    """The space with the fewest refusals, of those with widths that are multiples of 1, 2, 4, …"""
    best: OpenedSpace | None = None
    for multiple in MULTIPLES if opening.width else (1,):
        opening = replace(opening, multiple=multiple)
        limit = len(best.refused) if best is not None else DRAWS
        tried = _tried(program, opening, input, limit)
        if tried is None and multiple > 1:
            tried = _tried(program, replace(opening, where=True), input, limit)
        if tried is not None and (best is None or len(tried.refused) < len(best.refused)):
            best = tried
        if best is not None and not best.refused:
            break
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
    refused = []
    for seed in range(DRAWS):
        try:
            space.sample(random.Random(seed))
        except ArchError as refusal:
            refused.append(refusal)
        if len(refused) == limit:
            break
    return OpenedSpace(opening, opened, space, start, tuple(refused))


def _start(space: Space, opened: Opened) -> Candidate:
    """The network that was opened, as one of the space."""
    starts = starts_by_place(space, opened.starts)
    return space.reach(lambda point: starts[place(point.span)].decision)
