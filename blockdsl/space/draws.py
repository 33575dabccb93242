"""A look at a space by drawing from it: what meets its limits, how large its networks are."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint
from blockdsl.space.candidate import Candidate
from blockdsl.space.domains import Value, draw
from blockdsl.space.space import Space
from blockdsl.syntax import tree as nodes


@dataclass(repr=False)
class Survey:
    """What was drawn.

    Attributes:
        drawn: how many assignments.
        candidates: those of them that are networks.
        refusals: why the others are none, by the message; `refused` has the first error of each.
        broken: how many of the networks break each `require`, by its text.
        feasible: how many meet them all.
        reached: in how many draws each choice was reached.
        points: the choices themselves; a path that holds several kinds has the last one.
        seconds: how long it took.
    """

    drawn: int = 0
    candidates: list[Candidate] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    refused: dict[str, ArchError] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    feasible: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    points: dict[str, ChoicePoint] = field(default_factory=dict)
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"<{self.drawn} draws: {len(self.candidates)} networks, {self.feasible} within the limits>"

    @property
    def killer(self) -> str | None:
        """The `require` that most networks break."""
        return self.broken.most_common(1)[0][0] if self.broken else None

    def range_of(self, figure: str) -> tuple[int, int]:
        """The smallest and the largest `params` or `macs` that was drawn; (0, 0) for nothing."""
        numbers = [int(getattr(c.summary, figure)) for c in self.candidates]
        return (min(numbers), max(numbers)) if numbers else (0, 0)

    def add(self, space: Space, generator: random.Random) -> bool:
        """Draw once; whether that is a network, and meets all static limits.

        Raises:
            ArchError: the file is refused before any choice is reached, so that every draw would be.
        """
        self.drawn += 1
        choices = 0

        def choose(point: ChoicePoint) -> Value:
            nonlocal choices
            choices += 1
            self.reached[point.path] += 1
            self.points[point.path] = point
            return draw(point.domain, generator)

        try:
            return self.count(space, space.reach(choose))
        except ArchError as refused:
            if not choices:
                raise
            return self.count(space, refused)

    def count(self, space: Space, candidate: Candidate | ArchError) -> bool:
        """Count a network, or why there is none; whether it meets all static limits.

        Raises:
            ArchError: a name is unknown: a slip, not options that do not go together.
        """
        if isinstance(candidate, ArchError):
            if candidate.diagnostic.kind == "name":
                raise candidate
            self.refusals[candidate.diagnostic.message] += 1
            self.refused.setdefault(candidate.diagnostic.message, candidate)
            return False
        self.candidates.append(candidate)
        broken = space.broken(candidate)
        self.broken.update(text_of(require) for require in broken)
        self.feasible += not broken
        return not broken

    def join(self, other: Survey) -> None:
        """Take in what another survey found."""
        self.drawn += other.drawn
        self.candidates += other.candidates
        for mine, theirs in (
            (self.refusals, other.refusals),
            (self.broken, other.broken),
            (self.reached, other.reached),
        ):
            mine.update(theirs)
        self.refused = other.refused | self.refused
        self.points |= other.points
        self.feasible += other.feasible
        self.seconds += other.seconds


def text_of(require: nodes.Require) -> str:
    """A limit as it is written: `params <= 500k`."""
    return " ".join(require.condition.span.text.split())


def survey(space: Space | str | Path, draws: int = 300, *, seed: int = 0, seconds: float = 20.0) -> Survey:
    """Draw networks from a space: how many meet its limits, and how large they are.

    Args:
        space: the networks to draw from, each choice by itself; or the name or path of its file.
        draws: how many at most.
        seed: of what is drawn.
        seconds: no draw begins after so many.

    Raises:
        ArchError: the file is wrong whatever is chosen.

    >>> import blockdsl
    >>> space = blockdsl.Space.parse("input 1x8x8 net CONV({4, 8},3)")
    >>> found = survey(space, 100)
    >>> found.drawn, found.range_of("params")
    (100, (40, 80))
    >>> found
    <100 draws: 100 networks, 100 within the limits>
    """
    space, found = Space.of(space), Survey()
    generator = random.Random(seed)
    start = time.perf_counter()
    while found.drawn < draws and (found.seconds < seconds or not found.drawn):
        found.add(space, generator)
        found.seconds = time.perf_counter() - start
    return found


def drawn(space: Space, generator: random.Random) -> Candidate | ArchError:
    """One draw: a network, or why what was drawn is none."""
    try:
        return space.sample(generator)
    except ArchError as refused:
        return refused


def share(part: int, whole: int) -> float:
    """A part of a whole, 0 of nothing."""
    return part / whole if whole else 0.0


def distinct(candidates: Sequence[Candidate]) -> int:
    """How many different networks, trained in different ways, there are."""
    return len({candidate.identity for candidate in candidates})
