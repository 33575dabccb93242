"""A process that measures networks of a study, one after the other."""

from __future__ import annotations

import os
import pickle
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import Trial

from blockdsl.diagnostics import ArchError, exception_text
from blockdsl.nas.engine import pruning
from blockdsl.nas.engine.handing import unpacked
from blockdsl.nas.engine.proposals import Proposals
from blockdsl.nas.engine.run_config import Deadline, RunConfig
from blockdsl.nas.engine.table import Table
from blockdsl.nas.objectives import limits
from blockdsl.nas.optuna_private import intermediate_values, report
from blockdsl.nas.samplers.by_name import SAMPLERS
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import DONE, Record, traceback_text
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.weights import keep
from blockdsl.ops.registry import import_operations
from blockdsl.space import Candidate

if TYPE_CHECKING:
    from blockdsl.nas.engine.measurement import Measurement
    from blockdsl.training import Data, Epoch

INTERRUPTED = 130
"""The exit code of a worker after Ctrl-C."""
WAIT = 0.3
"""Seconds between looks at whether there is something to do."""


class _Over(BaseException):
    """The time is up amid a training: its trial stays as it is, and the next command takes it up again."""


class Worker:
    """Measures until the target is reached, the time is up, or nothing new can be found.

    Args:
        config: the space and how its networks are measured.
        location: where the study lies.
        run: how it is searched.
        study: the study's name in its storage, which has the number of its generation.
        seed: of this worker's proposals, another one in every process.
        deadline: when to stop.
        left: trials to take up first, which another process left.
        loaded: the data set, where it was loaded in Python.
    """

    def __init__(
        self,
        config: StudyConfig,
        location: StudyLocation,
        run: RunConfig,
        *,
        study: str,
        seed: int,
        deadline: Deadline,
        left: Sequence[int] = (),
        loaded: Data | None = None,
    ) -> None:
        self.config, self.location, self.run_config, self.deadline = config, location, run, deadline
        self.space = config.space()
        self.objectives = config.objectives(self.space)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = SAMPLERS[run.sampler](self.space, self.objectives, seed)
        self.study = optuna.load_study(storage=location.connect(), study_name=study, sampler=sampler)
        self.proposals = Proposals(self.study, self.space, location.folder, run.trials, seed)
        self.proposals.left = list(left)
        self.table = Table(Path(config.table)) if config.table else None
        self.wanted = limits.wanted(self.space, self.objectives)
        self.evaluator = None
        if self.table is None and (run.filter or any(o.kind != "static" for o in self.wanted)):
            import torch

            from blockdsl.nas.engine.evaluation import Evaluator

            torch.set_num_threads(min(torch.get_num_threads(), max(1, _cores() // run.jobs)))
            scores = [run.filter.objective] if run.filter else []
            wanted = {o.name: o for o in [*self.wanted, *scores]}
            self.evaluator = Evaluator(config, list(wanted.values()), loaded)

    def run(self, on_trial: Callable[[], object] | None = None) -> bool:
        """Measure; whether the target was reached, or nothing more can be found."""
        while not self.deadline.is_over():
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
        except Exception as defect:  # goes on as it is, with a note of the trial
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
            keep(self.study, self.location.folder, trial.number, result.weights)

    def _result(self, trial: Trial, candidate: Candidate) -> Measurement:
        from blockdsl.nas.engine.measurement import Measurement

        if self.table is not None:
            names = [o.name for o in self.wanted if o.kind != "static"]
            seed = self.config.seeds * 1_000_003 + trial.number
            return Measurement(DONE, self.table.measured(candidate, names, seed))
        if self.evaluator is None:
            return Measurement(DONE, {})
        return self.evaluator.measure(
            candidate.frozen_program(),
            lambda epoch, epochs, first: self._give_up(trial, epoch, epochs, first),
            lambda measured: self._refuses(candidate, measured),
        )

    def _refuses(self, candidate: Candidate, measured: Mapping[str, float]) -> str:
        """Why a network is not worth training, of what is known before."""
        if broken := limits.broken(self.space, candidate, measured, trained=False):
            return broken[0]
        return self.run_config.filter.refuses(self.study, measured) if self.run_config.filter else ""

    def _give_up(self, trial: Trial, epoch: Epoch, epochs: int, first: bool) -> bool:
        """Report an epoch; whether the rule gives the trial up, which only its first training decides."""
        if self.deadline.is_over():
            raise _Over
        rule = self.run_config.pruner
        if not first or rule == "none" or (rule != "median" and epoch.epoch not in pruning.rungs(epochs)):
            return False
        accuracy = self.run_config.prune_on == "accuracy"
        value = epoch.validation_accuracy if accuracy else -epoch.validation_loss
        if epoch.epoch == 1:
            trial.set_user_attr("steps", epochs)
        report(self.study, trial, epoch.epoch, value)
        others = pruning.curves(self.study, trial.number)
        return pruning.RULES[rule](trial.number, epochs, intermediate_values(self.study, trial), others)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def work(
    config: StudyConfig,
    location: StudyLocation,
    run: RunConfig,
    imports: Sequence[str],
    lost: SimpleQueue[Exception],
    data: bytes | None = None,
    **how: Any,
) -> None:
    """A worker as a process of its own.

    Args:
        config, location, run: as for `Worker`.
        imports: modules that register operations of the user's.
        lost: where an error goes that ends the search.
        data: the data set that was loaded in Python, as `packed` makes it.
        **how: the other arguments of `Worker`.
    """
    try:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        import_operations(imports)
        loaded = None if data is None else unpacked(data)
        with location.accessible():
            Worker(config, location, run, loaded=loaded, **how).run()
    except MemoryError:
        raise SystemExit(1) from None  # of this network, perhaps: it is tried once more
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as reason:  # goes to the main process, which raises it
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
