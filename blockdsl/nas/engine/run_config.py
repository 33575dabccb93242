"""How a search is run, once what it measures is given by its `StudyConfig`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from blockdsl.diagnostics import did_you_mean, error
from blockdsl.nas.engine.filters import Filter
from blockdsl.nas.engine.pruning import RULES
from blockdsl.nas.study.config import check_counts


@dataclass(frozen=True)
class RunConfig:
    """How a search is run. The next run of the same study may have another one.

    Attributes:
        trials: how many networks are measured in all, those of earlier runs included.
        jobs: processes.
        sampler: what proposes networks, by name.
        pruner: when a trial is given up, by name.
        prune_on: by what it is given up: `accuracy` or `loss`.
        filter: which networks are worth training.
        timeout: seconds after which the search stops; None for never.
        seed: of the proposals.
    """

    trials: int = 100
    jobs: int = 1
    sampler: str = "auto"
    pruner: str = "none"
    prune_on: str = "accuracy"
    filter: Filter | None = None
    timeout: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse numbers out of range, and a pruner or metric that is not there (raises `ArchError`)."""
        check_counts(trials=self.trials, jobs=self.jobs)
        if self.timeout is not None and not self.timeout > 0:
            raise error("search", f"timeout is a number of seconds above 0, not {self.timeout}")
        if self.pruner not in RULES:
            listed = "pruners are " + ", ".join(RULES)
            raise error(
                "search", f"there is no pruner {self.pruner}", help=did_you_mean(self.pruner, RULES, listed)
            )
        if self.prune_on not in ("accuracy", "loss"):
            raise error("search", f"cannot prune on {self.prune_on}", help="on accuracy or loss")

    def deadline(self) -> Deadline:
        """When a run that begins now has to end."""
        return Deadline(None if self.timeout is None else time.time() + self.timeout, os.getpid())


@dataclass(frozen=True)
class Deadline:
    """When a run has to end: at a time of `time.time()`, or when the process that began it is gone."""

    at: float | None
    process: int

    def is_over(self) -> bool:
        """Whether the time is up, or, in a worker, the process gone that began the run."""
        is_orphan = self.process not in (os.getpid(), os.getppid())
        return is_orphan or (self.at is not None and time.time() > self.at)
