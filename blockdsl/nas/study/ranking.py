"""The best trials of a study."""

from __future__ import annotations

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from blockdsl.nas.study.records import DONE, records


def completed(study: Study) -> list[FrozenTrial]:
    """The trials that were measured to the end and meet all limits, one for each network."""
    return [t for t, r in records(study).values() if r.outcome == DONE and not r.broken]


def front(study: Study) -> list[FrozenTrial]:
    """The trials that no other is better than in every objective, the best first in the first objective."""
    scored = [(_signed(study, t), t) for t in completed(study)]
    kept: list[tuple[tuple[float, ...], FrozenTrial]] = []
    # What beats a trial comes before it in this order, and something on the front beats it as well.
    for score, trial in sorted(scored, key=lambda pair: pair[0], reverse=True):
        if not any(_dominates(other, score) for other, _ in kept):
            kept.append((score, trial))
    return [trial for _, trial in kept]


def ranked(study: Study) -> list[FrozenTrial]:
    """The trials from the best: the front first, then by the first objective."""
    first = front(study)
    numbers = {t.number for t in first}
    rest = [t for t in completed(study) if t.number not in numbers]
    return first + sorted(rest, key=lambda t: _signed(study, t), reverse=True)


def _signed(study: Study, trial: FrozenTrial) -> tuple[float, ...]:
    """The values of a trial, larger is better."""
    pairs = zip(trial.values, study.directions, strict=True)
    return tuple(v if way == StudyDirection.MAXIMIZE else -v for v, way in pairs)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
