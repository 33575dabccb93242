"""The next network to measure: proposals that can be known to be useless never cost a training."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from blockdsl.diagnostics import ArchError
from blockdsl.lowering import ChoicePoint
from blockdsl.nas.distributions import external, suggest
from blockdsl.nas.optuna_private import report, trial_of
from blockdsl.nas.study.records import (
    ATTRIBUTE,
    DUPLICATE,
    INFEASIBLE,
    MEASURED,
    REFUSED,
    SKIPPED,
    STATES,
    Record,
    count,
    known,
    records,
)
from blockdsl.space import Candidate, Space
from blockdsl.space.domains import draw
from blockdsl.space.draws import text_of

RUNNING = "running"
"""The attribute of a trial that is being measured: its network's identity, and whose process it is."""

MISSES = 8
"""After so many useless proposals in a row the next network is drawn from the space instead."""
DRAWS = 400
"""After so many draws without a new network there is none left that could be found; after so many
networks in a row that were skipped there is none worth training."""


class Proposals:
    """Asks a study's sampler for networks worth measuring.

    Args:
        study: with its sampler.
        space: what the networks are of.
        folder: the study's; its `.ask` file lets one process propose at a time.
        target: measured trials in all.
        seed: of what is drawn.
    """

    def __init__(self, study: Study, space: Space, folder: Path, target: int, seed: int) -> None:
        self.study, self.space, self.folder, self.target = study, space, folder, target
        self.generator = random.Random(seed)
        self.left: list[int] = []
        """Trials that a process left when it was killed; they are taken up first."""
        self.exhausted = False
        self.turn = FileLock(folder / ".ask")

    def next(self) -> tuple[Trial, Candidate] | None:
        """A trial and its network; None if nothing is to be asked now (see `exhausted`)."""
        with self.turn.acquire(poll_interval=0.01):
            if not self.left and (self._enough() or self._barren()):
                return None
            for miss in range(MISSES + DRAWS):
                if miss >= MISSES and not self._draw():
                    self.exhausted = True
                    return None
                trial = self._ask()
                candidate = self._useful(trial)
                if candidate is not None:
                    running = {"identity": candidate.identity, "process": os.getpid()}
                    trial.set_user_attr(RUNNING, running)
                    return trial, candidate
        self.exhausted = True
        return None

    def _enough(self) -> bool:
        return count(self.study, *MEASURED) + len(self.running()) >= self.target

    def _barren(self) -> bool:
        """Whether one network after the other was looked at and skipped."""
        looked = [r.outcome for _, r in records(self.study).values() if r.outcome in (*MEASURED, SKIPPED)]
        self.exhausted = looked[-DRAWS:] == [SKIPPED] * DRAWS
        return self.exhausted

    def running(self) -> list[FrozenTrial]:
        """The trials that are being measured."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _ask(self) -> Trial:
        if not self.left:
            return self.study.ask()
        self.running()  # A storage may know by their number only such trials as it has read.
        return trial_of(self.study, self.left.pop())

    def _useful(self, trial: Trial) -> Candidate | None:
        """The network of a trial; None if there is nothing to measure, and the trial was told why."""
        try:
            candidate = suggest(self.space, trial)
        except ArchError as refused:
            self.tell(trial, Record(REFUSED, why=refused.diagnostic.message))
            return None
        broken = self.space.broken(candidate)
        if broken:
            self.tell(trial, Record(INFEASIBLE, candidate.identity, why=text_of(broken[0])))
            return None
        done = known(self.study).get(candidate.identity)
        if done is not None:
            self._repeat(trial, *done)
            return None
        for other in self.running():
            at_work = other.user_attrs.get(RUNNING, {})
            if other.number != trial.number and at_work.get("identity") == candidate.identity:
                self.tell(trial, Record(DUPLICATE, candidate.identity, duplicate=other.number))
                return None
        return candidate

    def _repeat(self, trial: Trial, other: FrozenTrial, record: Record) -> None:
        """Tell a trial what is known of its network."""
        for step, value in other.intermediate_values.items():
            report(self.study, trial, step, value)
        for limit, beyond in other.constraints.items():
            trial.set_constraint(limit, beyond)
        again = Record(DUPLICATE, record.identity, other.number, record.measured, record.why, record.broken)
        self.tell(trial, again, other.state, other.values)

    def tell(
        self,
        trial: Trial,
        record: Record,
        state: TrialState | None = None,
        values: list[float] | None = None,
    ) -> None:
        """End a trial."""
        trial.set_user_attr(ATTRIBUTE, record.written())
        state = state or STATES.get(record.outcome, TrialState.PRUNED)
        values = values if state == TrialState.COMPLETE else None
        self.study.tell(trial, values, state=state, skip_if_finished=True)

    def _draw(self) -> bool:
        """Enqueue a drawn network that is new and meets the limits; whether there was one."""
        done = set(known(self.study)) | {
            t.user_attrs.get(RUNNING, {}).get("identity") for t in self.running()
        }
        for _ in range(DRAWS):
            chosen: dict[str, Any] = {}

            def choose(point: ChoicePoint, chosen: dict[str, Any] = chosen) -> int | float:
                value = draw(point.domain, self.generator)
                chosen[point.path] = external(point.domain, value)
                return value

            try:
                candidate = self.space.reach(choose)
            except ArchError:
                continue
            if candidate.identity not in done and not self.space.broken(candidate):
                self.study.enqueue_trial(chosen)
                return True
        return False
