"""Cheap ways to the next network, without a model: regularised evolution and local search."""

from __future__ import annotations

import random
from collections.abc import Sequence

from blockdsl.diagnostics import error
from blockdsl.nas.samplers.archive import Archive, Entry
from blockdsl.nas.samplers.goals import Goal, Measured
from blockdsl.nas.samplers.pool import Pool
from blockdsl.nas.samplers.sources import CandidateSource

POPULATION, TOURNAMENT = 10, 5
"""Small, for searches of tens of networks: Real et al. had thousands (benchmarks/search.py)."""

TRIES = 200


class _Drawing:
    """What both share: a pool, and candidates that are feasible and new."""

    def __init__(self, source: CandidateSource, goals: Sequence[Goal], *, seed: int = 0) -> None:
        self.goals = tuple(goals)
        self.rng = random.Random(seed)
        self.archive = Archive()
        self.pool = Pool(source, self.archive, self.rng)

    def new(self, row: int | None, taken: set[int]) -> bool:
        """Whether a row is feasible and was not measured."""
        return row is not None and row not in taken and self.archive.entries[row].feasible

    def fresh(self, taken: set[int]) -> Entry:
        """A new candidate from the whole space.

        Raises:
            ArchError: none was found.
        """
        for _ in range(TRIES):
            row = self.pool.fresh()
            if row is not None and self.new(row, taken):
                return self.archive.entries[row]
        raise error("search", "no further feasible network was found", help="open more choices")

    def better(self, one: Measured, other: Measured) -> bool:
        """Whether a measurement is ahead of another: of one goal, or in a random one of several."""
        if one.scores is None or one.failed:
            return False
        if other.scores is None or other.failed:
            return True
        if one.met != other.met:
            return one.met
        index = self.rng.randrange(len(self.goals))
        up = self.goals[index].maximize
        return (one.scores[index] > other.scores[index]) == up


class Evolution(_Drawing):
    """Regularised evolution (Real et al. 2019): the best of a few of the youngest has the next child."""

    def propose(self, records: Sequence[Measured]) -> Entry:
        """The next candidate (raises `ArchError` when none is left)."""
        taken = {r.row for r in records}
        done = [r for r in records if r.scores is not None]
        if len(done) < POPULATION:
            return self.fresh(taken)
        population = done[-POPULATION:]
        for _ in range(TRIES):
            parent, second = self._parent(population), self._parent(population)
            crossed = self.rng.random() < 0.3 and parent.row != second.row
            row = self.pool.child(parent.row, second.row) if crossed else self.pool.neighbour(parent.row)
            if row is not None and self.new(row, taken):
                return self.archive.entries[row]
        return self.fresh(taken)

    def _parent(self, population: Sequence[Measured]) -> Measured:
        best, *others = self.rng.sample(list(population), min(TOURNAMENT, len(population)))
        for other in others:
            if self.better(other, best):
                best = other
        return best


class LocalSearch(_Drawing):
    """Best-improvement local search (White et al. 2021): neighbours of the best; restarts when stuck."""

    FIRST = 10
    STUCK = 25

    def propose(self, records: Sequence[Measured]) -> Entry:
        """The next candidate (raises `ArchError` when none is left)."""
        taken = {r.row for r in records}
        done = [r for r in records if r.scores is not None]
        if len(done) < self.FIRST:
            return self.fresh(taken)
        centre, since = self._centre(done)
        if since >= self.STUCK and since % self.STUCK == 0:
            return self.fresh(taken)
        for attempt in range(TRIES):
            row = self.pool.neighbour(centre.row, steps=1 + attempt // (TRIES // 3))
            if row is not None and self.new(row, taken):
                return self.archive.entries[row]
        return self.fresh(taken)

    def _centre(self, done: Sequence[Measured]) -> tuple[Measured, int]:
        """The best since the last restart, and how many measurements ago it was found."""
        best, at = done[0], 0
        for index, record in enumerate(done):
            if self.better(record, best) or index - at > 2 * self.STUCK:
                best, at = record, index
        return best, len(done) - 1 - at
