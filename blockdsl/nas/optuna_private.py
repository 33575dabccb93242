"""What this package uses of Optuna that Optuna does not promise to keep: nothing else does.

Optuna's trials and studies have identifiers, by which storages know them, beside their numbers and names.
`Trial.report` refuses studies of several objectives; the storages do not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from blockdsl.diagnostics import error
from blockdsl.output import unwritable


def study_id(study: Study) -> int:
    """The identifier of a study, which no other study of its storage has."""
    return study._study_id


def trial_id(trial: FrozenTrial | Trial) -> int:
    """The identifier of a trial, which no other trial of its storage has."""
    return trial._trial_id


def trial_of(study: Study, identifier: int) -> Trial:
    """The trial with an identifier, to be measured and told. Its storage must have been read before."""
    return Trial(study, identifier)


def intermediate_values(study: Study, trial: Trial) -> dict[int, float]:
    """What was reported of a running trial, by step."""
    return study._storage.get_trial(trial._trial_id).intermediate_values


def report(study: Study, trial: Trial, step: int, value: float) -> None:
    """Report a value of a running trial, whatever the number of objectives."""
    study._storage.set_trial_intermediate_value(trial._trial_id, step, value)


class Journal(JournalFileBackend):
    """A journal that waits for the disk only where a trial begins or ends.

    What a process has written survives it, however it is killed: waiting guards against power cuts.
    Optuna waits after each of the fifteen or so lines of a trial, which is most of what a trial costs.
    """

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The lines from a number on.

        Raises:
            ArchError: a line is none that Optuna writes.
        """
        try:
            for log in super().read_logs(log_number_from):
                if not (isinstance(log, dict) and "op_code" in log):
                    raise ValueError
                yield log
        except ValueError:
            raise error("storage", f"{self._file_path} is no journal of Optuna") from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines at the end (raises `ArchError` where the file cannot be written)."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        path = Path(self._file_path)
        try:
            with get_lock_file(self._lock), path.open("ab") as file:
                file.write(lines.encode("utf-8"))
                file.flush()
                if any("state" in log for log in logs):
                    os.fsync(file.fileno())
        except OSError as reason:
            raise unwritable(path, reason) from None
