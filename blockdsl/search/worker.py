"""A process that measures networks of a study, one after the other."""

from __future__ import annotations

import os
import pickle
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import Trial

from blockdsl.diagnostics import ArchError, exception_text
from blockdsl.ops.registry import import_operations
from blockdsl.search import limits, pruning
from blockdsl.search.filters import Filter
from blockdsl.search.frozen import frozen_program
from blockdsl.search.optuna_private import intermediate_values, report
from blockdsl.search.proposals import Proposals
from blockdsl.search.records import DONE, Record, traceback_text
from blockdsl.search.samplers import SAMPLERS
from blockdsl.search.setup import Setup
from blockdsl.search.space import Candidate
from blockdsl.search.storage import accessible, connect
from blockdsl.search.table import Table
from blockdsl.search.weights import keep

if TYPE_CHECKING:
    from blockdsl.search.measurement import Measurement
    from blockdsl.training import Epoch

INTERRUPTED = 130
"""The exit code of a worker after Ctrl-C."""
WAIT = 0.3
"""Seconds between looks at whether there is something to do."""


@dataclass(frozen=True)
class Order:
    """What a worker is to do.

    Attributes:
        setup: the space and how its networks are measured.
        storage, study, folder: where the study lies.
        sampler, pruner, prune_on: by name.
        filter: which networks are worth training.
        target: measured trials in all.
        seed: of this worker's proposals, another one in every process.
        threads: of torch.
        deadline: `time.time()` at which to stop; None for never.
        parent: the process that must live on.
        imports: modules that register operations of the user's.
    """

    setup: Setup
    storage: str | None
    study: str
    folder: Path
    sampler: str
    pruner: str
    prune_on: str
    target: int
    seed: int
    filter: Filter | None = None
    threads: int = 1
    deadline: float | None = None
    parent: int = 0
    imports: tuple[str, ...] = ()

    def over(self) -> bool:
        """Whether the time is up, or, in a worker, the command gone."""
        orphan = os.getpid() != self.parent and bool(self.parent) and os.getppid() != self.parent
        return orphan or (self.deadline is not None and time.time() > self.deadline)


class _Over(BaseException):
    """The time is up amid a training: its trial stays as it is, and the next command takes it up again."""


class Worker:
    """Measures until the target is reached, the time is up, or nothing new can be found."""

    def __init__(self, order: Order, left: Sequence[int] = ()) -> None:
        self.order = order
        self.space = order.setup.space()
        self.objectives = order.setup.objectives(self.space)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = SAMPLERS[order.sampler](self.space, self.objectives, order.seed)
        storage = connect(order.storage, order.folder)
        self.study = optuna.load_study(storage=storage, study_name=order.study, sampler=sampler)
        self.proposals = Proposals(self.study, self.space, order.folder, order.target, order.seed)
        self.proposals.left = list(left)
        self.table = Table(Path(order.setup.table)) if order.setup.table else None
        self.wanted = limits.wanted(self.space, self.objectives)
        self.evaluator = None
        if self.table is None and (order.filter or any(o.kind != "static" for o in self.wanted)):
            import torch

            from blockdsl.search.evaluation import Evaluator

            torch.set_num_threads(min(torch.get_num_threads(), order.threads))
            scores = [order.filter.objective] if order.filter else []
            wanted = {o.name: o for o in [*self.wanted, *scores]}
            self.evaluator = Evaluator(order.setup, list(wanted.values()))

    def run(self, on_trial: Callable[[], object] | None = None) -> bool:
        """Measure; whether the target was reached, or nothing more can be found."""
        while not self.order.over():
            found = self.proposals.next()
            if found is not None:
                try:
                    self.measure(*found)
                except _Over:
                    return False
                if on_trial is not None:
                    on_trial()
            elif self.proposals.exhausted or not self.proposals.running():
                return True
            else:
                time.sleep(WAIT)
        return False

    def measure(self, trial: Trial, candidate: Candidate) -> None:
        """Measure a network, and tell the study."""
        start = time.perf_counter()
        try:
            result = self._result(trial, candidate)
        except ArchError as refused:
            why, traceback = refused.diagnostic.message, traceback_text(refused)
            self.proposals.tell(trial, Record("crashed", candidate.identity, why=why, traceback=traceback))
            return
        except Exception as defect:
            defect.add_note(f"while trial {trial.number} was measured: {trial.params}")
            raise
        seconds = round(time.perf_counter() - start, 3)
        figures = {n: float(v) for n, v in candidate.figures.items() if isinstance(v, int)}
        measured = {**figures, **result.measured}
        known = {**measured, "seconds": seconds}
        record = Record(
            result.outcome,
            candidate.identity,
            measured=measured,
            why=result.why,
            broken=limits.broken(self.space, candidate, known) if result.outcome == DONE else (),
            seconds=seconds,
            epochs=result.epochs,
            traceback=result.traceback,
        )
        values = None
        if result.outcome == DONE:
            values = [measured[o.name] for o in self.objectives]
            for limit, beyond in limits.excess(self.space, candidate, known).items():
                trial.set_constraint(limit, beyond)
        self.proposals.tell(trial, record, values=values)
        if result.outcome == DONE and result.weights is not None:
            keep(self.study, self.order.folder, trial.number, result.weights)

    def _result(self, trial: Trial, candidate: Candidate) -> Measurement:
        from blockdsl.search.measurement import Measurement

        if self.table is not None:
            names = [o.name for o in self.wanted if o.kind != "static"]
            seed = self.order.setup.seeds * 1_000_003 + trial.number
            return Measurement(DONE, self.table.measured(candidate, names, seed))
        if self.evaluator is None:
            return Measurement(DONE, {})
        return self.evaluator.measure(
            frozen_program(self.space, candidate),
            lambda epoch, epochs, first: self._give_up(trial, epoch, epochs, first),
            lambda measured: self._refuses(candidate, measured),
        )

    def _refuses(self, candidate: Candidate, measured: Mapping[str, float]) -> str:
        """Why a network is not worth training, of what is known before."""
        if broken := limits.broken(self.space, candidate, measured, trained=False):
            return broken[0]
        return self.order.filter.refuses(self.study, measured) if self.order.filter else ""

    def _give_up(self, trial: Trial, epoch: Epoch, epochs: int, first: bool) -> bool:
        """Report an epoch; whether the rule gives the trial up, which only its first training decides."""
        if self.order.over():
            raise _Over
        rule = self.order.pruner
        if not first or rule == "none" or (rule != "median" and epoch.epoch not in pruning.rungs(epochs)):
            return False
        accuracy = self.order.prune_on == "accuracy"
        value = epoch.validation_accuracy if accuracy else -epoch.validation_loss
        if epoch.epoch == 1:
            trial.set_user_attr("steps", epochs)
        report(self.study, trial, epoch.epoch, value)
        others = pruning.curves(self.study, trial.number)
        return pruning.RULES[rule](trial.number, epochs, intermediate_values(self.study, trial), others)


def work(order: Order, left: Sequence[int], lost: SimpleQueue[Exception]) -> None:
    """A worker as a process of its own; an error that ends the search goes to `lost`."""
    try:
        import_operations(order.imports)
        with accessible(order.storage, order.folder):
            Worker(order, left).run()
    except MemoryError:
        raise SystemExit(1) from None  # of this network, perhaps: it is tried once more
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as reason:
        lost.put(_sent(reason))
        raise SystemExit(1) from None


def _sent(reason: Exception) -> Exception:
    """An exception as another process can raise it, with its traceback as a note."""
    text = traceback_text(reason)
    try:
        sent: Exception = pickle.loads(pickle.dumps(reason))
    except Exception:  # of a class that pickle cannot carry
        sent = RuntimeError(exception_text(reason))
    sent.__notes__ = [f"In the worker process:\n{text}"]
    return sent
