"""A study to look at: its best networks, and its trials as Optuna has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optuna.study import Study

from blockdsl.nas.report import check_report, report
from blockdsl.nas.study.records import MEASURED, count, traceback_of
from blockdsl.nas.study.status import Status
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import find
from blockdsl.nas.study.winners import Winner, winners
from blockdsl.output import replacing


@dataclass(frozen=True)
class StudyResult:
    """A study that was searched.

    Attributes:
        location: where it lies.
        study: Optuna's, for its own tools.
        status: how far the search came that has ended; None for a study that was loaded.
        kept, aside: the trials that were kept and set aside, if the space had changed.
    """

    location: StudyLocation
    study: Study
    status: Status | None = None
    kept: tuple[int, ...] = ()
    aside: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The study's name, as `blockdsl best` takes it."""
        return self.location.name

    def best(self, count: int = 1, *, pareto: bool = False) -> list[Winner]:
        """The best networks that meet all limits, the best first.

        Args:
            count: how many, unless `pareto`.
            pareto: all that no other beats in every objective.

        Raises:
            ArchError: no trial was measured to the end, or the network of one cannot be made again.
        """
        with self.location.accessible():
            return winners(self.study, self.location.folder, count, pareto=pareto)

    def traceback(self, trial: int) -> str:
        """Where a crashed trial crashed (raises `ArchError` where it has not).

        Args:
            trial: its number.
        """
        with self.location.accessible():
            return traceback_of(self.study, trial)

    def report(self, path: str | Path) -> None:
        """Write the study as a page: progress, Pareto front, best networks, what each choice was worth.

        Args:
            path: of the page, which ends in `.html`.

        Raises:
            ArchError: the path cannot be written, or a package is missing (extra `[report]`).
        """
        page = Path(path)
        check_report(page)
        with self.location.accessible():
            text = report(self.study, self.location.folder)
        with replacing(page) as part:
            part.write_text(text, encoding="utf-8", newline="\n")

    def __repr__(self) -> str:
        return f"<study {self.name}: {count(self.study, *MEASURED)} trials>"


def load_study(name: str, storage: str | Path | None = None) -> StudyResult:
    """A study that is there already.

    Args:
        name: its name.
        storage: the file or URL that it was searched with, if one was given.

    Raises:
        ArchError: there is none of that name, or the storage cannot be opened.
    """
    location = StudyLocation(name, None if storage is None else str(storage))
    return StudyResult(location, find(location))
