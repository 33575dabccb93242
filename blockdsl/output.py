"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blockdsl.diagnostics import ArchError, error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to; it takes the place of `path` at the end, unless that fails.

    Raises:
        ArchError: the folder or the file cannot be written.
    """
    path = path.resolve() if path.is_symlink() else path  # a link stays a link
    part = _new_file(path)
    try:
        yield part
        part.chmod(path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        part.replace(path)
    except OSError as reason:
        raise _unwritable(path, reason) from None
    finally:
        part.unlink(missing_ok=True)


def check_outputs(paths: Sequence[Path], inputs: Sequence[Path | None] = ()) -> None:
    """Refuse outputs before any work is done (raises `ArchError`).

    Each must be writable and another file than the others and than every one of `inputs`, whatever
    names and links lead to it.
    """
    for number, path in enumerate(paths):
        check_writable(path)
        if any(_same_file(path, other) for other in paths[:number]):
            raise error("output", f"{path} is named twice as an output", help="give each its own name")
        if any(other is not None and _same_file(path, other) for other in inputs):
            raise error("output", f"{path} is an input", help="write to another file")


def _same_file(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def check_writable(path: Path) -> None:
    """Refuse, before any work is done, an output that cannot be written (raises `ArchError`)."""
    if path.is_dir():
        raise error("output", f"cannot write {path}: it is a folder")
    _new_file(path).unlink()


def _new_file(path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as reason:
        raise _unwritable(path, reason) from None
    os.close(handle)
    return Path(name)


def _unwritable(path: Path, reason: OSError) -> ArchError:
    return error("output", f"cannot write {path}: {(reason.strerror or str(reason)).lower()}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
