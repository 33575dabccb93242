"""Small searches in this process: a space of a few networks, a moment of training each."""

import dataclasses
from pathlib import Path
from typing import Any

from optuna.study import Study

from blockdsl.search.records import Record, records
from blockdsl.search.setup import Setup
from blockdsl.search.storage import connect
from blockdsl.search.studies import begin
from blockdsl.search.worker import Order, Worker

FOLDER = Path("runs/s")


def order(text: str, trials: int, *, setup: dict[str, Any] | None = None, **how: Any) -> Order:
    """What a worker is to do in the folder of a test."""
    about = Setup("s.arch", text, ".", **{"share": 0.1, "device": "cpu", **(setup or {})})
    given = Order(about, None, "s", FOLDER, "random", "none", "accuracy", trials, seed=0)
    return dataclasses.replace(given, **how)


def search(text: str, trials: int, **how: Any) -> Study:
    """Begin a study `s` or go on with it, in this process; the study."""
    given = order(text, trials, **how)
    FOLDER.mkdir(parents=True, exist_ok=True)
    study = begin(connect(None, FOLDER), "s", given.setup, given.setup.space()).study
    Worker(dataclasses.replace(given, study=study.study_name)).run()
    return study


def by_outcome(study: Study) -> dict[str, list[Record]]:
    """The records of a study by their outcome."""
    found: dict[str, list[Record]] = {}
    for _, record in records(study).values():
        found.setdefault(record.outcome, []).append(record)
    return found
