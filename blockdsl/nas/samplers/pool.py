"""Candidates to choose among: neighbours and children of the good, and fresh ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint, FloatRange, IntRange
from blockdsl.nas.samplers.archive import Archive, Entry
from blockdsl.nas.samplers.sources import CandidateSource
from blockdsl.space import Assignment
from blockdsl.space.domains import Value, draw


class Pool:
    """Draws candidates of a source into an archive; equal requests are looked up once."""

    def __init__(self, source: CandidateSource, archive: Archive, rng: random.Random) -> None:
        self.source, self.archive, self.rng = source, archive, rng
        self._rows: dict[tuple[tuple[str, Value], ...], int | None] = {}

    def row(self, wanted: Assignment, *, rest: Assignment | None = None) -> int | None:
        """The row of the candidate with these choices; others as in `rest`, else drawn. None if broken."""
        key = tuple(sorted(wanted.items()))
        if key not in self._rows:
            self._rows[key] = self._reached(wanted, rest or {})
        return self._rows[key]

    def _reached(self, wanted: Assignment, rest: Assignment) -> int | None:
        def choose(point: ChoicePoint) -> Value:
            for source in (wanted, rest):
                if point.path in source and allowed(point, source[point.path]):
                    return source[point.path]
            return draw(point.domain, self.rng)

        try:
            return self.enter(self.source.entry(choose))
        except ArchError:
            return None

    def enter(self, entry: Entry) -> int:
        """The row of a candidate."""
        row = self.archive.add(entry)
        self._rows[tuple(sorted(entry.assignment.items()))] = row
        return row

    def fresh(self) -> int | None:
        """The row of a candidate drawn from the whole space."""
        return self._reached({}, {})

    def neighbour(self, row: int, steps: int = 1) -> int | None:
        """The row of a candidate that differs in so many choices (and what depends on them)."""
        entry = self.archive.entries[row]
        wanted = dict(entry.assignment)
        for path in self.rng.sample(sorted(wanted), min(steps, len(wanted))):
            domain = entry.domains[path]
            if isinstance(domain, FloatRange) or (isinstance(domain, IntRange) and self.rng.random() < 0.5):
                wanted[path] = nudged(domain, wanted[path], self.rng)
            else:
                wanted[path] = draw(domain, self.rng)
        return self.row(wanted)

    def child(self, one: int, other: int) -> int | None:
        """The row of a candidate with each choice from one of two parents."""
        first, second = self.archive.entries[one].assignment, self.archive.entries[other].assignment
        wanted = {p: v for p, v in first.items() if p not in second or self.rng.random() < 0.5}
        return self.row({**second, **wanted}, rest=first)

    def around(self, best: Sequence[int], tries: int) -> None:
        """Enter neighbours and children of the best, and fresh ones, so many tries in all."""
        for turn in range(tries):
            if not best or turn % 4 == 3:
                self.fresh()
                continue
            row = best[min(int(self.rng.expovariate(0.4)), len(best) - 1)]
            if turn % 4 == 2 and len(best) > 1:
                self.child(row, self.rng.choice(best))
            else:
                self.neighbour(row, steps=1 if self.rng.random() < 0.7 else 2)


def allowed(point: ChoicePoint, value: Value) -> bool:
    """Whether a choice has such a value."""
    domain = point.domain
    if isinstance(domain, IntRange | FloatRange):
        return domain.allows(value)
    return isinstance(value, int) and 0 <= value < len(domain.texts)


def nudged(domain: IntRange | FloatRange, value: Value, rng: random.Random) -> Value:
    """A number near another one of its range."""
    if isinstance(domain, IntRange):
        step = domain.step * rng.choice((-1, 1))
        near = value + step
        return near if domain.low <= near <= domain.high else value - step
    if domain.step is not None:
        near = value + domain.step * rng.choice((-1, 1))
        return domain.nearest(near) if domain.allows(near) else value
    if domain.log:
        near = value * (domain.high / domain.low) ** rng.gauss(0.0, 0.1)
    else:
        near = value + (domain.high - domain.low) * rng.gauss(0.0, 0.1)
    return min(domain.high, max(domain.low, near))
