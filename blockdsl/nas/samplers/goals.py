"""What is wanted, and what was measured of it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Goal:
    """An objective: its name, whether more is better, and whether it is known before measuring."""

    name: str
    maximize: bool
    static: bool

    @property
    def sign(self) -> float:
        """Times this, larger is better."""
        return 1.0 if self.maximize else -1.0


@dataclass(frozen=True)
class Measured:
    """A measurement.

    Attributes:
        row: the candidate's.
        scores: one for each goal; None while it runs.
        fidelity: the part of a whole training that it had.
        failed: it crashed, diverged or ran out of memory: known to be no good.
        limits: measured limits by name, met at 0 or below.
    """

    row: int
    scores: tuple[float, ...] | None
    fidelity: float = 1.0
    failed: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether it has scores."""
        return self.scores is not None and not self.failed

    @property
    def running(self) -> bool:
        """Whether it is being measured."""
        return self.scores is None and not self.failed

    @property
    def met(self) -> bool:
        """Whether it meets every limit that was measured."""
        return all(value <= 0.0 for value in self.limits.values())


def ranked(known: Sequence[Measured], goals: Sequence[Goal]) -> list[int]:
    """The rows measured, the best first: those that meet the limits, by their best place in any goal."""
    if not known:
        return []
    signed = np.array([signed_scores(r, goals) for r in known])
    places = np.argsort(np.argsort(-signed, axis=0), axis=0)
    order = np.lexsort((places.min(axis=1) + 1e-3 * places.mean(axis=1), [not r.met for r in known]))
    return list(dict.fromkeys(known[i].row for i in order))


def signed_scores(record: Measured, goals: Sequence[Goal]) -> list[float]:
    """The scores of a record that has some, larger is better."""
    assert record.scores is not None
    return [goal.sign * score for score, goal in zip(record.scores, goals, strict=True)]
