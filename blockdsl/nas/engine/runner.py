"""A search: workers that measure, watched and replaced where they die."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import TrialState

from blockdsl.diagnostics import ArchError, error
from blockdsl.nas.engine.proposals import RUNNING, Proposals
from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.worker import Worker, work
from blockdsl.nas.optuna_private import trial_id, trial_of
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import MEASURED, Record, count
from blockdsl.nas.study.status import Status, status
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.ops.registry import modules_of_users
from blockdsl.space import Space

LOOK = 0.5
"""Seconds between looks at the workers."""

Show = Callable[[Status], object]

_GUARD = 'a script calls `search` under `if __name__ == "__main__":`, since each worker imports it'


def run(
    config: StudyConfig,
    space: Space,
    location: StudyLocation,
    how: RunConfig,
    study: Study,
    show: Show,
    data: bytes | None = None,
) -> Status:
    """Search until the target is reached, the time is up, or nothing new can be found.

    Trials that a command left unfinished when it was killed are taken up first, as they were.

    Args:
        config: what is measured.
        space: of the same file.
        location: where the study lies.
        how: how it is searched.
        study: the study.
        show: is called with the status, twice a second and at the end.
        data: the data set that was loaded in Python, as `packed` makes it.

    Raises:
        ArchError: a worker dies before it measures anything.
        Exception: whatever a worker ran into that is no fault of a network, a defect of Blockdsl.
    """
    watch = _Watch(config, space, location, how, study, show, data)
    watch.look()
    if config.table is not None:
        watch.worker_here().run(watch.look)
    else:
        watch.workers()
    return watch.look()


class _Watch:
    def __init__(
        self,
        config: StudyConfig,
        space: Space,
        location: StudyLocation,
        how: RunConfig,
        study: Study,
        show: Show,
        data: bytes | None,
    ) -> None:
        self.config, self.space, self.location, self.how, self.data = config, space, location, how, data
        self.study, self.show, self.deadline = study, show, how.deadline()
        self.start = time.perf_counter()
        self.before = count(study, *MEASURED)
        self.processes: list[BaseProcess] = []
        self.given: dict[int | None, list[int]] = {}
        self.begun = self.idle = 0
        self.lost = multiprocessing.get_context("spawn").SimpleQueue()

    def look(self) -> Status:
        """Show how far it is."""
        now = status(self.study, self.how.trials, time.perf_counter() - self.start, self.before)
        self.show(now)
        return now

    def left(self) -> list[int]:
        """The trials that are marked as running and that nobody is at."""
        at_work = {process.pid for process in self.processes if process.is_alive()}
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [trial_id(t) for t in running if t.user_attrs.get(RUNNING, {}).get("process") not in at_work]

    def seed(self) -> int:
        """A seed that no worker of this study had: it depends on how far the study is."""
        self.begun += 1
        trials = len(self.study.get_trials(deepcopy=False))
        return random.Random(f"{self.how.seed} {trials} {self.begun}").getrandbits(31)

    def worker_here(self) -> Worker:
        """A worker in this process."""
        return Worker(self.config, self.location, self.how, **self._task(self.left()))

    def _task(self, left: list[int]) -> dict[str, Any]:
        """What one worker gets beside what all have."""
        name, deadline = self.study.study_name, self.deadline
        return {"study": name, "seed": self.seed(), "deadline": deadline, "left": left}

    def workers(self) -> None:
        """Run the workers, and watch them."""
        left = self.left()
        try:
            for index in range(self.how.jobs):
                self._begin(left[index :: self.how.jobs])
            while any(process.is_alive() for process in self.processes) and not self.deadline.is_over():
                self.look()
                time.sleep(LOOK)
                self._replace_dead()
            self._replace_dead()
        finally:
            for process in self.processes:
                process.terminate()
            for process in self.processes:
                process.join()
            self.lost.close()

    def _begin(self, left: list[int]) -> None:
        context = multiprocessing.get_context("spawn")
        process = context.Process(
            target=work,
            args=(self.config, self.location, self.how, modules_of_users(), self.lost, self.data),
            kwargs=self._task(left),
            daemon=True,
        )
        process.start()
        self.processes.append(process)
        self.given[process.pid] = left

    def _replace_dead(self) -> None:
        """Begin another worker for each that died, with the trial it was at; one that kills two is ended."""
        for process in [p for p in self.processes if p.exitcode not in (None, 0)]:
            self.processes.remove(process)
            if not self.lost.empty():
                reason = self.lost.get()
                if not isinstance(reason, ArchError):
                    raise reason
                first = reason.diagnostic
                if first.kind == "output":
                    help = "the trials so far are kept; once it can be written, the same command goes on"
                    first = replace(first, help=help)
                raise ArchError(first)
            if self.deadline.is_over():
                continue
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            trials = [t for t in running if t.user_attrs.get(RUNNING, {}).get("process") == process.pid]
            self.idle = 0 if trials else self.idle + 1
            if self.idle > self.how.jobs:
                raise error(
                    "search", f"a worker ended with code {process.exitcode} before it measured anything",
                    help=_GUARD if Path(sys.argv[0]).stem not in ("blockdsl", "__main__") else "",
                )  # fmt: skip
            given = self.given[process.pid]
            again = [trial_id(t) for t in running if trial_id(t) in given and t not in trials]
            for frozen in trials:
                trial = trial_of(self.study, trial_id(frozen))
                if frozen.user_attrs.get("attempts", 0):
                    why = f"the process ended with code {process.exitcode}, twice"
                    identity = frozen.user_attrs[RUNNING]["identity"]
                    self._proposals().tell(trial, Record("crashed", identity, why=why))
                else:
                    trial.set_user_attr("attempts", 1)
                    again.append(trial_id(frozen))
            self._begin(again)

    def _proposals(self) -> Proposals:
        return Proposals(self.study, self.space, self.location.folder, self.how.trials, 0)
