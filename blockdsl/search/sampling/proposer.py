"""The next network to measure, by a Gaussian process over what was measured before."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockdsl.diagnostics import error
from blockdsl.search.sampling.acquisition import (
    expected_hypervolume_gain,
    log_expected_improvement,
    quantiles,
    staircase,
)
from blockdsl.search.sampling.book import Array, Book, Entry, Rows, rows, squared_distances
from blockdsl.search.sampling.pool import Pool
from blockdsl.search.sampling.regression import Distances, GaussianProcess
from blockdsl.search.sampling.sources import Source
from blockdsl.search.sampling.warp import Warp

STATIC = frozenset(
    {
        "params", "params_aux", "macs", "layers", "depth", "memory", "memory_training", "weights",
        "activations",
    }
)  # fmt: skip
"""Objectives that are known of a candidate before it is measured: figures of `check` and `require`."""
FIRST = 6
"""Candidates spread over the cost range before there is a model."""
WINDOW = 300
"""Measurements that a model takes in at the most: the best, the newest, and some of the others."""
TRIES = 60
"""Draws into the pool before each proposal, where the space is not known whole."""
WHOLE = 300
"""A space with no more assignments is entered whole at the start."""


@dataclass(frozen=True)
class Goal:
    """An objective: its name, whether more is better, and whether it is known before measuring."""

    name: str
    maximize: bool
    static: bool


@dataclass(frozen=True)
class Record:
    """A measurement: the candidate's row, a score for each goal (None: still running), the fidelity.

    `failed` marks a candidate that crashed, diverged or ran out of memory: known to be no good.
    """

    row: int
    scores: tuple[float, ...] | None
    fidelity: float = 1.0
    failed: bool = False


class Proposer:
    """Proposes rows of its book; keeps its model's parameters from one proposal to the next.

    Args:
        source: where candidates come from.
        goals: the objectives; one that is not static is modelled.
        seed: of everything drawn.
        book: candidates known already (a table's, say); with `complete` it is the whole space.
    """

    def __init__(
        self,
        source: Source,
        goals: Sequence[Goal],
        *,
        seed: int = 0,
        book: Book | None = None,
        complete: bool = False,
    ) -> None:
        self.source, self.goals = source, tuple(goals)
        self.rng = random.Random(seed)
        self.book = book or Book()
        self.pool = Pool(source, self.book, self.rng)
        self.complete = complete
        self.models = {goal.name: GaussianProcess() for goal in goals if not goal.static}
        self._start: list[int] | None = None

    def propose(self, records: Sequence[Record]) -> Entry:
        """The next candidate: feasible, and not one that was measured, is running, or failed.

        Raises:
            ArchError: every candidate that could be found was measured or is not feasible.
        """
        taken = {record.row for record in records}
        for row in self._first():
            if row not in taken:
                return self.book.entries[row]
        known = [r for r in records if r.scores is not None and not r.failed]
        if not self.complete:
            self.pool.around(self._ranked(known), TRIES)
        free = [row for row, entry in enumerate(self.book.entries) if entry.feasible and row not in taken]
        if not free:
            raise error("search", "every network that could be found was measured", help="open more choices")
        if len(known) < 2:
            return self.book.entries[self.rng.choice(free)]
        worth = self._worth(records, rows(free))
        return self.book.entries[free[int(np.argmax(worth))]]

    # --- before there is a model

    def _first(self) -> list[int]:
        """The largest, the smallest, and a spread over what lies between, by MACs."""
        if self._start is None:
            self._fill()
            feasible = [r for r, e in enumerate(self.book.entries) if e.feasible]
            feasible.sort(key=self._cost)
            if not feasible:
                raise error("search", "no feasible network was found")
            last = len(feasible) - 1
            places = [1.0, 0.0, *np.linspace(0.3, 0.95, FIRST - 2)]
            spread = max(1, last // 100)
            jitter = [0, 0, *(self.rng.randint(-spread, spread) for _ in places[2:])]
            chosen = [
                feasible[min(last, max(0, round(p * last) + j))] for p, j in zip(places, jitter, strict=True)
            ]
            self._start = list(dict.fromkeys(chosen))
        return self._start

    def _cost(self, row: int) -> float:
        figures = self.book.entries[row].figures
        return figures.get("macs", 0.0)

    def _fill(self) -> None:
        if self.complete:
            return
        count = self.source.count()
        if count is not None and count <= WHOLE:
            for entry in self.source.everything():
                self.pool.enter(entry)
            self.complete = True
            return
        for _ in range(2 * TRIES):
            self.pool.fresh()
        for larger in (True, False):
            self._climb(larger)

    def _climb(self, larger: bool) -> None:
        """Enter a corner of the cost range: from the dearest (cheapest) seen, neighbour by neighbour."""
        feasible = [r for r, e in enumerate(self.book.entries) if e.feasible]
        if not feasible:
            return
        best = (max if larger else min)(feasible, key=self._cost)
        for _ in range(TRIES):
            near = self.pool.neighbour(best)
            if near is not None and self.book.entries[near].feasible:
                better = self._cost(near) > self._cost(best)
                if better == larger:
                    best = near

    def _ranked(self, known: Sequence[Record]) -> list[int]:
        """The rows measured, the best first; with several goals, the front first."""
        if not known:
            return []
        signed = np.array([self._signed(r) for r in known])
        ranks = np.argsort(np.argsort(-signed, axis=0), axis=0)
        order = np.argsort(ranks.min(axis=1) + 1e-3 * ranks.mean(axis=1))
        return list(dict.fromkeys(known[i].row for i in order))

    def _signed(self, record: Record) -> list[float]:
        assert record.scores is not None
        return [s if g.maximize else -s for s, g in zip(record.scores, self.goals, strict=True)]

    # --- with a model

    def _worth(self, records: Sequence[Record], free: Rows) -> Array:
        """The acquisition of free rows."""
        done = self._window([r for r in records if r.scores is not None or r.failed])
        running = [r for r in records if r.scores is None and not r.failed]
        predictions = {}
        for index, goal in enumerate(self.goals):
            if not goal.static:
                predictions[goal.name] = self._predicted(index, done, running, free)
        if len(self.goals) == 1:
            mean, deviation, seen, _ = predictions[self.goals[0].name]
            return log_expected_improvement(mean, deviation, float(seen.max()))
        static = [g for g in self.goals if g.static]
        if len(self.goals) == 2 and len(static) == 1:
            return self._front_gain(static[0], predictions, done, free)
        return self._scalarised(predictions, done, free)

    def _window(self, done: list[Record]) -> list[Record]:
        if len(done) <= WINDOW:
            return done
        ranked = self._ranked([r for r in done if not r.failed])[: WINDOW // 2]
        best = [r for r in done if r.row in set(ranked)]
        newest = done[-WINDOW // 4 :]
        others = self.rng.sample(done, WINDOW // 4)
        return list(dict.fromkeys([*best, *newest, *others]))[:WINDOW]

    def _predicted(
        self, index: int, done: Sequence[Record], running: Sequence[Record], free: Rows
    ) -> tuple[Array, Array, Array, Warp]:
        """Mean and deviation at free rows, the mean at measured ones, all warped; and the warp."""
        goal, model = self.goals[index], self.models[self.goals[index].name]
        sign = 1.0 if goal.maximize else -1.0
        scores = np.array([sign * r.scores[index] for r in done if r.scores is not None and not r.failed])
        warp = Warp(scores)
        targets = np.full(len(done), warp.forward(scores).min())
        targets[[r.scores is not None and not r.failed for r in done]] = warp.forward(scores)
        fidelity = np.log2([r.fidelity for r in done])
        at = rows([r.row for r in done])
        among = self._distances(at, at, fidelity, fidelity)
        iterations = 12 if len(done) < 60 else 4
        model.fit(among, targets, iterations=iterations)
        if running:
            # What runs already counts as measured with the mean expected of it (kriging believer).
            new = rows([r.row for r in running])
            full = np.zeros(len(running))
            believed, _ = model.predict(self._distances(new, at, full, fidelity))
            at, fidelity = np.concatenate([at, new]), np.concatenate([fidelity, full])
            targets = np.concatenate([targets, believed])
            model.fit(self._distances(at, at, fidelity, fidelity), targets, iterations=0)
        whole = np.zeros(len(free))
        mean, deviation = model.predict(self._distances(free, at, whole, fidelity))
        seen, _ = model.predict(self._distances(at, at, np.zeros(len(at)), fidelity))
        return mean, deviation, seen[: len(done)], warp

    def _distances(self, one: Rows, other: Rows, first: Array, second: Array) -> Distances:
        blocks = (squared_distances(block[one], block[other]) for block in self.book.blocks())
        choices, costs, form, training = blocks
        return Distances(choices, costs, form, training, np.square(first[:, None] - second[None, :]))

    def _front_gain(
        self,
        static: Goal,
        predictions: dict[str, tuple[Array, Array, Array, Warp]],
        done: Sequence[Record],
        free: Rows,
    ) -> Array:
        ((mean, deviation, seen, warp),) = predictions.values()
        sign = -1.0 if static.maximize else 1.0
        costs = sign * np.array([self.book.entries[row].figures[static.name] for row in free])
        paid = sign * np.array([self.book.entries[r.row].figures[static.name] for r in done])
        values = warp.backward(quantiles(mean, deviation))
        reached = warp.backward(seen)
        worst_cost = float(max(paid.max(), costs.max()))
        return expected_hypervolume_gain(
            values, costs, staircase(paid, reached), worst_cost, float(reached.min())
        )

    def _scalarised(
        self,
        predictions: dict[str, tuple[Array, Array, Array, Warp]],
        done: Sequence[Record],
        free: Rows,
    ) -> Array:
        """Expected improvement of a random augmented Chebyshev sum (Knowles 2006, ParEGO)."""
        weights = np.array([self.rng.expovariate(1.0) for _ in self.goals])
        weights /= weights.sum()
        ahead, behind = [], []
        base = np.random.default_rng(self.rng.randrange(2**32)).standard_normal((len(self.goals), 1, 16))
        for draws, goal in zip(base, self.goals, strict=True):
            if goal.static:
                sign = 1.0 if goal.maximize else -1.0
                values = sign * np.array([self.book.entries[row].figures[goal.name] for row in free])
                seen = sign * np.array([self.book.entries[r.row].figures[goal.name] for r in done])
                sampled = np.repeat(values[:, None], 16, axis=1)
            else:
                mean, deviation, seen, _ = predictions[goal.name]
                sampled = mean[:, None] + deviation[:, None] * draws
            low, span = seen.min(), max(float(np.ptp(seen)), 1e-12)
            ahead.append((sampled - low) / span)
            behind.append((seen - low) / span)
        future = _chebyshev(np.array(ahead), weights)
        past = _chebyshev(np.array(behind)[:, :, None], weights)
        return np.asarray(np.maximum(future - past.max(), 0.0).mean(axis=1))


def _chebyshev(values: Array, weights: Array) -> Array:
    """Goals x candidates x draws -> candidates x draws; larger is better."""
    weighted = weights[:, None, None] * (values - 1.0)
    return np.asarray(weighted.min(axis=0) + 0.05 * weighted.sum(axis=0))
