"""What a study has found so far, gathered once for every part of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from blockdsl.nas.objectives import Objective
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.ranking import front, ranked
from blockdsl.nas.study.records import DONE, MEASURED, Record, records
from blockdsl.nas.study.studies import config_of
from blockdsl.space import Space


class Ended(NamedTuple):
    """A trial that ended, and what the study remembers of it."""

    trial: FrozenTrial
    record: Record

    @property
    def number(self) -> int:
        """Of the trial."""
        return self.trial.number

    def value(self, objective: Objective) -> float | None:
        """What is known of it in an objective; a trial that was given up has what it had by then."""
        value = self.record.measured.get(objective.name)
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Findings:
    """A study that is looked at, whether it goes on or not.

    Attributes:
        study: a copy in memory.
        config, space, objectives: what was searched, and for what.
        ended: every trial that ended, those included that were replaced.
        running: how many are being measured, or were when a command was stopped.
    """

    study: Study
    config: StudyConfig
    space: Space
    objectives: tuple[Objective, ...]
    ended: Sequence[Ended]
    running: int

    @cached_property
    def measured(self) -> list[Ended]:
        """The trials that cost a measurement."""
        return [e for e in self.ended if e.record.outcome in MEASURED]

    @cached_property
    def done(self) -> list[Ended]:
        """Those measured to the end, one for each network; they may be beyond a limit."""
        return [e for e in self.ended if e.record.outcome == DONE]

    @cached_property
    def eligible(self) -> list[Ended]:
        """Those of `done` that meet all limits."""
        return [e for e in self.done if not e.record.broken]

    @cached_property
    def front(self) -> frozenset[int]:
        """The numbers of the trials that no other is better than in every objective."""
        return frozenset(trial.number for trial in front(self.study))

    @cached_property
    def ranked(self) -> list[int]:
        """The numbers of the eligible trials, the best first."""
        return [trial.number for trial in ranked(self.study)]

    @property
    def several(self) -> bool:
        """Whether there are several objectives."""
        return len(self.objectives) > 1


def findings(study: Study) -> Findings:
    """Look at a study as it is now: what is measured while the page is written is not on it.

    Raises:
        ArchError: it was not begun by `blockdsl search`, or a file that its space uses is gone.
    """
    study = _copied(study)
    config = config_of(study)
    space = config.space()
    ended = [Ended(trial, record) for trial, record in records(study).values()]
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return Findings(study, config, space, config.objectives(space), ended, len(running))


def _copied(study: Study) -> Study:
    copy = optuna.create_study(study_name=study.study_name, directions=study.directions)
    for name, value in study.user_attrs.items():
        copy.set_user_attr(name, value)
    copy.add_trials(study.get_trials(deepcopy=False))
    return copy
