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
from blockdsl.space.space import Space
from blockdsl.syntax.forms import is_choice
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from blockdsl.syntax.traversal import walk

DRAWS = 24
"""Networks that are drawn to see whether what was opened goes together."""

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
"""What widths are tried to be multiples of, where others do not go together (groups, heads)."""


@dataclass(frozen=True)
class OpenedSpace:
    """A space that was made from a network.

    Attributes:
        opened: what was opened, and what was not and why.
        space: the space.
        start: the network that it was made from, which is in it.
        refused: of the networks that were drawn to try the space, those whose choices do not go together.
    """

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
    best: OpenedSpace | None = None
    for multiple in MULTIPLES if opening.width else (1,):
        opening = replace(opening, multiple=multiple)
        tried = _tried(program, opening, input)
        if tried is None and multiple > 1:
            tried = _tried(program, replace(opening, where=True), input)
        if tried is not None and (best is None or len(tried.refused) < len(best.refused)):
            best = tried
        if best is not None and not best.refused:
            break
    if best is None:
        raise error("open", f"{source.name} opened so does not hold the network itself")
    if len(best.refused) == DRAWS:
        raise error(
            "open", f"{source.name} opened so is a network only as it was; drawn:\n{best.refused[0]}",
            help="a width that must be that of the input, or of what is added to it, cannot be scaled: open "
            "something else, or write the choices by hand",
        )  # fmt: skip
    return best


def _tried(program: Program, opening: Opening, input: InputSizes | None) -> OpenedSpace | None:
    """The space, unless the network itself is not in it."""
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
    return OpenedSpace(opened, space, start, tuple(refused))


def _start(space: Space, opened: Opened) -> Candidate:
    """The network that was opened, as one of the space."""
    choices = sorted((n.span for n in walk(space.file) if is_choice(n)), key=lambda span: span.start)
    starts = {place(span): start for span, start in zip(choices, opened.starts, strict=True)}
    return space.reach(lambda point: starts[place(point.span)])
