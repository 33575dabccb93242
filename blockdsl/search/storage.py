"""Where studies lie: a journal file in a folder of their own, or any storage that Optuna takes."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file

from blockdsl.diagnostics import error
from blockdsl.output import make_folder, unwritable

JOURNAL = "study.journal"
"""The default storage: a trial of ten choices costs a fifth of what SQLite takes (docs/search.md)."""


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


_KNOWN = "a file such as studies.journal, or a URL such as sqlite:///studies.db, postgresql://…, mysql://…"


def folder_of(study: str, root: Path = Path("runs")) -> Path:
    """The folder of a study: its journal, if it has no other storage, and the weights of its best trials."""
    return root / study


def connect(storage: str | None, folder: Path) -> BaseStorage:
    """The storage of a URL or file, by default the journal in a folder.

    Raises:
        ArchError: it cannot be opened, or is none that Optuna knows.
    """
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        if storage is None or "://" not in storage:
            path = folder / JOURNAL if storage is None else Path(storage)
            if path.suffix != Path(JOURNAL).suffix:
                raise error("storage", f"{storage} is no storage", help=f"storages are {_KNOWN}")
            path.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(Journal(str(path)))
        if storage.startswith("sqlite"):
            # A worker waits while another writes, rather than die after the five seconds of the default.
            return RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": 60}})
        return optuna.storages.get_storage(storage)
    except OSError as reason:
        raise error("storage", f"cannot open {storage or folder}: {reason.strerror or reason}") from None
    except (ValueError, ImportError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as reason:
        first = str(reason).splitlines()[0]
        raise error("storage", f"cannot open {storage}: {first}", help=f"storages are {_KNOWN}") from None


@contextmanager
def accessible(storage: str | None, folder: Path) -> Iterator[None]:
    """Report what a database says while a study is read or written as an error of its storage.

    Raises:
        ArchError: the storage is damaged, full, or another program's.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as reason:
        first = str(reason.__cause__ or reason).splitlines()[0]
        raise error("storage", f"cannot use {storage or folder}: {first}") from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a study's folder, so that one command at a time searches it on this machine.

    What a process that was killed left behind is mended: a journal's unfinished last line, its lock.

    Raises:
        ArchError: another command holds it, or it cannot be written.
    """
    try:
        make_folder(folder)
        held = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise error(
            "search", f"another command is searching in {folder}",
            help="wait for it, or give this study another name with --study",
        ) from None  # fmt: skip
    except OSError as reason:
        raise unwritable(folder, reason, "cannot write to") from None
    with held:
        _mend(folder / JOURNAL)
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
