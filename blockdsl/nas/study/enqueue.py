"""A file as the first proposal of a search: which choices lead to its network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError, error
from blockdsl.lowering import lower
from blockdsl.nas.distributions import external
from blockdsl.source import Source
from blockdsl.space import Candidate, Space
from blockdsl.space.choosing import decided
from blockdsl.space.counting import count
from blockdsl.syntax.parser import parse

CHOOSE = "# choose "
"""Begins the comment lines in which a winner keeps its choices: `# choose width=32`."""
WHOLE, DRAWS = 3_000, 1_500


def assignment_of(space: Space, source: Source) -> dict[str, Any]:
    """The parameters of a trial that leads to a file's network.

    Comment lines `# choose PATH=VALUE` say so, as `blockdsl best` writes them. Otherwise a network of
    the space that equals the file's is looked for: in all of a small space, else in draws.

    Raises:
        ArchError: none was found, or the choices are not those of this space.
    """
    lines = [line.removeprefix(CHOOSE) for line in source.text.splitlines() if line.startswith(CHOOSE)]
    if lines:
        texts = {path: value for path, _, value in (line.partition("=") for line in lines)}
        candidate = space.reach(lambda point: decided(point, texts.get(point.path, "nothing")))
    else:
        candidate = _equal(space, source)
    return {path: external(p.domain, candidate.assignment[path]) for path, p in candidate.points.items()}


def _equal(space: Space, source: Source) -> Candidate:
    wanted = canonical_hash(lower(parse(source), input=space.input).graph)
    looked = 0
    for candidate in _looked_at(space):
        looked += 1
        if canonical_hash(candidate.program.graph) == wanted:
            return candidate
    raise error(
        "search", f"{source.name} is none of the {looked:,} networks of the space that were looked at",
        help="give its choices in comments: # choose width=32",
    )  # fmt: skip


def _looked_at(space: Space) -> Iterator[Candidate]:
    number = count(space).number
    if number is not None and number <= WHOLE:
        yield from (c for c in space.enumerate() if isinstance(c, Candidate))
        return
    generator = random.Random(0)
    for _ in range(DRAWS):
        try:
            yield space.sample(generator)
        except ArchError:
            continue
