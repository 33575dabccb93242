"""A search: workers that measure, watched and replaced where they die."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from optuna.study import Study
from optuna.trial import TrialState

from blockdsl.diagnostics import ArchError, error
from blockdsl.ops.registry import modules_of_users
from blockdsl.search.filters import Filter
from blockdsl.search.optuna_private import trial_id, trial_of
from blockdsl.search.proposals import RUNNING, Proposals
from blockdsl.search.records import MEASURED, Record, count
from blockdsl.search.setup import Setup
from blockdsl.search.space import Space
from blockdsl.search.status import Status, status
from blockdsl.search.worker import Order, Worker, work

LOOK = 0.5
"""Seconds between looks at the workers."""

Show = Callable[[Status], None]


@dataclass(frozen=True)
class Plan:
    """How a search is run; the words of the command line."""

    sampler: str = "auto"
    pruner: str = "none"
    prune_on: str = "accuracy"
    trials: int = 100
    jobs: int = 1
    seed: int = 0
    seconds: float | None = None
    filter: Filter | None = None


def run(
    setup: Setup, space: Space, plan: Plan, study: Study, storage: str | None, folder: Path, show: Show
) -> Status:
    """Search until the target is reached, the time is up, or nothing new can be found.

    Trials that a command left unfinished when it was killed are taken up first, as they were.

    Raises:
        ArchError: a worker dies before it measures anything.
        Exception: whatever a worker ran into that is no fault of a network, a defect of Blockdsl.
    """
    order = Order(
        setup, storage, study.study_name, folder, plan.sampler, plan.pruner, plan.prune_on, plan.trials,
        seed=0, filter=plan.filter, threads=max(1, _cores() // plan.jobs),
        deadline=None if plan.seconds is None else time.time() + plan.seconds, parent=os.getpid(),
        imports=modules_of_users(),
    )  # fmt: skip
    watch = _Watch(order, plan, study, space, show)
    watch.look()
    if setup.table is not None:
        Worker(replace(order, seed=watch.seed(), parent=0), watch.left()).run(watch.look)
    else:
        watch.workers()
    return watch.look()


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Watch:
    def __init__(self, order: Order, plan: Plan, study: Study, space: Space, show: Show) -> None:
        self.order, self.plan, self.study, self.space, self.show = order, plan, study, space, show
        self.start = time.perf_counter()
        self.before = count(study, *MEASURED)
        self.processes: list[BaseProcess] = []
        self.given: dict[int | None, list[int]] = {}
        self.begun = self.idle = 0
        self.lost = multiprocessing.get_context("spawn").SimpleQueue()

    def look(self) -> Status:
        """Show how far it is."""
        now = status(self.study, self.plan.trials, time.perf_counter() - self.start, self.before)
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
        return random.Random(f"{self.plan.seed} {trials} {self.begun}").getrandbits(31)

    def workers(self) -> None:
        """Run the workers, and watch them."""
        left = self.left()
        try:
            for index in range(self.plan.jobs):
                self._begin(left[index :: self.plan.jobs])
            while any(process.is_alive() for process in self.processes) and not self.order.over():
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
        order = replace(self.order, seed=self.seed())
        process = context.Process(target=work, args=(order, left, self.lost), daemon=True)
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
            if self.order.over():
                continue
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            trials = [t for t in running if t.user_attrs.get(RUNNING, {}).get("process") == process.pid]
            self.idle = 0 if trials else self.idle + 1
            if self.idle > self.plan.jobs:
                raise error(
                    "search", f"a worker ended with code {process.exitcode} before it measured anything"
                )
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
        return Proposals(self.study, self.space, self.order.folder, self.plan.trials, 0)
