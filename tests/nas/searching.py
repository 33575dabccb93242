"""Small searches in this process: a space of a few networks, a moment of training each."""

from pathlib import Path
from typing import Any

from optuna.study import Study

from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.worker import Worker
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import Record, records
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import begin

HERE = StudyLocation("s", base=Path())  # wherever a test is
FOLDER = HERE.folder


def config(text: str, **options: Any) -> StudyConfig:
    """What a study of a text measures in a test: a tenth of the digits, on the CPU."""
    return StudyConfig("s.arch", text, ".", **{"share": 0.1, "device": "cpu", **options})


def search(text: str, trials: int, *, measured: dict[str, Any] | None = None, **how: Any) -> Study:
    """Begin a study `s` or go on with it, in this process; the study.

    `measured` are options of its `StudyConfig`, `how` those of its `RunConfig`.
    """
    given = config(text, **(measured or {}))
    study = started(given)
    seed = how.pop("seed", 0)
    run = RunConfig(trials, **{"sampler": "random", **how})
    Worker(given, HERE, run, study=study.study_name, seed=seed, deadline=run.deadline()).run()
    return study


def started(given: StudyConfig) -> Study:
    """The study `s`, begun or continued and not yet searched."""
    HERE.folder.mkdir(parents=True, exist_ok=True)
    return begin(HERE, given, given.space()).study


def by_outcome(study: Study) -> dict[str, list[Record]]:
    """The records of a study by their outcome."""
    found: dict[str, list[Record]] = {}
    for _, record in records(study).values():
        found.setdefault(record.outcome, []).append(record)
    return found
