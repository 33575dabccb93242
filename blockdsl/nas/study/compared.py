"""The trials of a study as entries of a comparison."""

from __future__ import annotations

from pathlib import Path

from optuna.trial import FrozenTrial

from blockdsl.analysis.compare import MEASURED, Entry, Published
from blockdsl.diagnostics import error
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.ranking import ranked
from blockdsl.nas.study.records import Record
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import config_of, find, network_of
from blockdsl.space import Candidate


def trials(name: str, storage: str | None = None, count: int | None = None) -> list[Entry]:
    """The networks that a study measured to the end, the best first; `count` of them if it is given.

    Raises:
        ArchError: there is no such study, nothing in it was measured to the end, or a network of it cannot be
            made again.
    """
    study = find(StudyLocation(name, storage))
    config = config_of(study)
    space = config.space()
    entries = [_entry(name, config, trial, network_of(space, trial)) for trial in ranked(study)[:count]]
    if not entries:
        raise error("study", f"no trial of {name} was measured to the end and meets all limits")
    return entries


def _entry(name: str, config: StudyConfig, trial: FrozenTrial, candidate: Candidate) -> Entry:
    record = Record.of(trial)
    errors = {}
    if record is not None and "accuracy" in record.measured:
        how = f"{record.epochs} epochs" if record.epochs else f"from {Path(config.table or '').name}"
        words = f"validation %, {config.data}, {how}; trial {trial.number} of {name}"
        errors = {MEASURED: Published(round(100 * (1 - record.measured["accuracy"]), 4), words)}
    return Entry(
        f"study:{name}:{trial.number}",
        f"trial {trial.number}",
        candidate.summary,
        errors,
        study=name,
        data=config.data,
    )
