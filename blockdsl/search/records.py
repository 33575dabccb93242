"""What a study remembers of each trial beside Optuna's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

ATTRIBUTE = "blockdsl"

DONE, PRUNED, DUPLICATE, INFEASIBLE, REFUSED = "done", "pruned", "duplicate", "infeasible", "refused"
SKIPPED = "skipped"
"""A look without training (a score, a latency) said that the network is not worth one."""
FAILURES = ("diverged", "out of memory", "crashed")
"""Outcomes that are recorded and never tried again unchanged."""
MEASURED = (DONE, PRUNED, *FAILURES)
"""Outcomes that count as trials; what was replaced, skipped or known already does not."""

STATES = {
    DONE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    INFEASIBLE: TrialState.PRUNED,
    REFUSED: TrialState.PRUNED,
    SKIPPED: TrialState.PRUNED,
    **dict.fromkeys(FAILURES, TrialState.FAIL),
}


@dataclass(frozen=True)
class Record:
    """A trial that ended.

    Attributes:
        outcome: `done`, `pruned`, `diverged`, `out of memory`, `crashed`; `duplicate` (of the trial
            numbered so) takes that one's values; `infeasible`, `refused` and `skipped` were replaced.
        identity: equal for the same network trained the same way.
        measured: whatever became known, by name.
        why: the message of a failure, the limit that was not met.
        broken: the limits on measured figures that the network does not meet.
        seconds: that measuring took; epochs: that were trained.
    """

    outcome: str
    identity: str = ""
    duplicate: int | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    broken: tuple[str, ...] = ()
    seconds: float = 0.0
    epochs: int = 0

    @staticmethod
    def of(trial: FrozenTrial) -> Record | None:
        """What a trial's attributes say; None while it runs."""
        found: dict[str, Any] | None = trial.user_attrs.get(ATTRIBUTE)
        return Record(**found) if found and trial.state.is_finished() else None

    def written(self) -> dict[str, Any]:
        """As a study keeps it."""
        return asdict(self)


def records(study: Study) -> dict[int, tuple[FrozenTrial, Record]]:
    """The trials that ended, by number."""
    found = {}
    for trial in study.get_trials(deepcopy=False):
        record = Record.of(trial)
        if record is not None:
            found[trial.number] = (trial, record)
    return found


def known(study: Study) -> dict[str, tuple[FrozenTrial, Record]]:
    """The trials that were measured or skipped by the identity of their network."""
    return {r.identity: (t, r) for t, r in records(study).values() if r.outcome in (*MEASURED, SKIPPED)}


def count(study: Study, *outcomes: str) -> int:
    """How many trials ended with one of these outcomes."""
    return sum(record.outcome in outcomes for _, record in records(study).values())
