"""What a study remembers of each trial beside Optuna's values."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from blockdsl.diagnostics import error

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
        traceback: of the exception, where the outcome is `crashed`; empty where a process was killed.
    """

    outcome: str
    identity: str = ""
    duplicate: int | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    broken: tuple[str, ...] = ()
    seconds: float = 0.0
    epochs: int = 0
    traceback: str = ""

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


LONGEST = 15_000
"""Characters of a traceback that are kept, its last ones: where the exception was raised stands there."""


def traceback_text(reason: BaseException) -> str:
    """The traceback of an exception as Python prints it."""
    return "".join(tracebacks.format_exception(reason)).rstrip()[-LONGEST:]


def traceback_of(study: Study, number: int) -> str:
    """The traceback with which a trial crashed, or the earlier one of the same network.

    Raises:
        ArchError: there is no such trial, or it has none.
    """
    found = records(study)
    if number not in found:
        raise error("report", f"{study.study_name} has no trial {number} that ended")
    record = found[number][1]
    if record.duplicate in found:
        record = found[record.duplicate][1]
    if not record.traceback:
        why = f" ({record.why})" if record.why else ""
        crashed = [str(n) for n, (_, r) in found.items() if r.traceback]
        raise error(
            "report", f"trial {number} has no traceback: it ended as {record.outcome}{why}",
            help=f"those that have one: {', '.join(crashed)}" if crashed else "no trial of the study has",
        )  # fmt: skip
    return record.traceback
