"""The next network to measure, by a Gaussian process over what was measured before."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from blockdsl.diagnostics import error
from blockdsl.nas.samplers import initial_design
from blockdsl.nas.samplers.archive import Archive, Entry, rows
from blockdsl.nas.samplers.expected_gain import ExpectedGain
from blockdsl.nas.samplers.goals import Goal, Measured, ranked
from blockdsl.nas.samplers.pool import Pool
from blockdsl.nas.samplers.sources import CandidateSource

WINDOW = 200
"""Measurements that a model takes in at the most: the best, the newest, and some of the others."""
TRIES = 16
"""Draws into the pool before each proposal, where the space is not known whole. Each new network costs
some milliseconds to lower; all that were drawn stay in the pool."""
SCORED = 3_000
"""Of a larger pool the newest, which are those around the best, and some of the others are looked at."""


class Proposer:
    """Proposes rows of its archive; keeps its models' parameters from one proposal to the next.

    Args:
        source: where candidates come from.
        goals: the objectives; one that is not static is modelled.
        seed: of everything drawn.
        archive: candidates known already (a table's, say); with `complete` it is the whole space.
        repeats: propose a network again where that is worth more than a new one.
    """

    def __init__(
        self,
        source: CandidateSource,
        goals: Sequence[Goal],
        *,
        seed: int = 0,
        archive: Archive | None = None,
        complete: bool = False,
        repeats: bool = False,
    ) -> None:
        self.source, self.goals, self.repeats = source, tuple(goals), repeats
        self.rng = random.Random(seed)
        self.archive = archive or Archive()
        self.pool = Pool(source, self.archive, self.rng)
        self.complete = complete
        self.gain = ExpectedGain(self.archive, goals)
        self._first: list[int] | None = None

    def propose(self, records: Sequence[Measured]) -> Entry:
        """The next candidate: feasible, and not one that was measured, is running, or failed.

        Raises:
            ArchError: every candidate that could be found was measured or is not feasible.
        """
        taken = {record.row for record in records}
        for row in self._start():
            if row not in taken:
                return self.archive.entries[row]
        known = [r for r in records if r.known]
        if not self.complete:
            self.pool.around(ranked(known, self.goals), TRIES)
        if self.repeats:
            taken -= {r.row for r in known}
        free = [row for row, entry in enumerate(self.archive.entries) if entry.feasible and row not in taken]
        if not free:
            raise error("search", "every network that could be found was measured", help="open more choices")
        if len(known) < 2:
            return self.archive.entries[self.rng.choice(free)]
        if len(free) > SCORED and not self.complete:
            half = SCORED // 2
            free = self.rng.sample(free[:-half], half) + free[-half:]
        running = rows([r.row for r in records if r.running])
        worth = self.gain.of(self._window(records), running, rows(free))
        return self.archive.entries[free[int(np.argmax(worth))]]

    def _start(self) -> list[int]:
        if self._first is None:
            self.complete = self.complete or initial_design.fill(self.pool)
            self._first = initial_design.first(self.pool, self.rng)
        return self._first

    def _window(self, records: Sequence[Measured]) -> list[Measured]:
        done = [r for r in records if not r.running]
        if len(done) <= WINDOW:
            return done
        best = set(ranked([r for r in done if r.known], self.goals)[: WINDOW // 2])
        newest = range(len(done) - WINDOW // 4, len(done))
        kept = {i for i, r in enumerate(done) if r.row in best or i in newest}
        others = [i for i in range(len(done)) if i not in kept]
        kept |= set(self.rng.sample(others, min(len(others), max(0, WINDOW - len(kept)))))
        return [done[i] for i in sorted(kept)]
