"""Where studies lie: a journal file in a folder of their own, or any storage that Optuna takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage

from blockdsl.diagnostics import error
from blockdsl.nas.optuna_private import Journal
from blockdsl.output import make_folder, unwritable

JOURNAL = "study.journal"
"""The default storage: a trial of ten choices costs a fifth of what SQLite takes (docs/search.md)."""


_KNOWN = "a file such as studies.journal, or a URL such as sqlite:///studies.db, postgresql://…, mysql://…"


@dataclass(frozen=True)
class StudyLocation:
    """Where a study lies.

    Attributes:
        name: the study's.
        storage: a file or URL that Optuna takes; None for the journal in the study's folder.
        root: what study folders lie in.
        base: where relative paths begin; the current folder when the location is made.
    """

    name: str
    storage: str | None = None
    root: Path = Path("runs")
    base: Path = field(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """The study's journal, if it has no other storage, and the weights of its best trials."""
        folder = self.root / self.name
        return folder if self.base == Path.cwd() else self.base / folder

    @property
    def journal(self) -> Path | None:
        """The journal that the study lies in; None if it lies in a database.

        Raises:
            ArchError: the storage is neither.
        """
        if self.storage is None:
            return self.base / self.root / self.name / JOURNAL
        if "://" in self.storage:
            return None
        if Path(self.storage).suffix != Path(JOURNAL).suffix:
            raise error("storage", f"{self.storage} is no storage", help=f"storages are {_KNOWN}")
        return self.base / self.storage

    @property
    def shown(self) -> str:
        """The storage as messages name it."""
        return self.storage or str(self.root / self.name)

    def connect(self) -> BaseStorage:
        """The storage, opened.

        Raises:
            ArchError: it cannot be opened, or is none that Optuna knows.
        """
        from sqlalchemy.exc import SQLAlchemyError

        path = self.journal
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                return JournalStorage(Journal(str(path)))
            assert self.storage is not None, "what has no storage has a journal"
            if self.storage.startswith("sqlite"):
                # A worker waits while another writes, rather than die after the five seconds of the default.
                return RDBStorage(self.storage, engine_kwargs={"connect_args": {"timeout": 60}})
            return optuna.storages.get_storage(self.storage)
        except OSError as reason:
            raise error("storage", f"cannot open {self.shown}: {reason.strerror or reason}") from None
        except (ValueError, ImportError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as reason:
            first = str(reason).splitlines()[0]
            raise error(
                "storage", f"cannot open {self.storage}: {first}", help=f"storages are {_KNOWN}"
            ) from None

    @contextmanager
    def accessible(self) -> Iterator[None]:
        """Report what a database says while a study is read or written as an error of its storage.

        Optuna does not tell of each study and trial meanwhile.

        Raises:
            ArchError: the storage is damaged, full, or another program's.
        """
        from sqlalchemy.exc import SQLAlchemyError

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as reason:
            first = str(reason.__cause__ or reason).splitlines()[0]
            raise error("storage", f"cannot use {self.shown}: {first}") from None
        finally:
            optuna.logging.set_verbosity(before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, so that one command at a time searches it on this machine.

        What a process that was killed left behind is mended: a journal's unfinished last line, its lock.

        Raises:
            ArchError: another command holds it, or it cannot be written.
        """
        try:
            make_folder(self.folder)
            held = FileLock(self.folder / ".lock").acquire(timeout=0)
        except Timeout:
            raise error(
                "search", f"another command is searching in {self.root / self.name}",
                help="wait for it, or give this study another name with --study",
            ) from None  # fmt: skip
        except OSError as reason:
            raise unwritable(self.root / self.name, reason, "cannot write to") from None
        with held:
            _mend(self.folder / JOURNAL)
            yield


def _mend(journal: Path) -> None:
    """Cut an unfinished last line; remove the lock of a writer that is gone."""
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with journal.open("r+b") as file:
            file.truncate(len(whole))
