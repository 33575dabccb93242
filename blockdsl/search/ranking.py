"""The best trials of a study."""

from __future__ import annotations

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from blockdsl.search.records import DONE, records


def completed(study: Study) -> list[FrozenTrial]:
    """The trials that were measured to the end and meet all limits, one for each network."""
    return [t for t, r in records(study).values() if r.outcome == DONE and not r.broken]


def front(study: Study) -> list[FrozenTrial]:
    """The trials that no other is better than in every objective, the best first in the first objective."""
    trials = completed(study)
    scores = {t.number: _signed(study, t) for t in trials}
    kept = [t for t in trials if not any(_dominates(scores[o.number], scores[t.number]) for o in trials)]
    return sorted(kept, key=lambda t: scores[t.number], reverse=True)


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
