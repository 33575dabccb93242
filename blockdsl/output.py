"""Output files: checked before any work is done, and written completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from blockdsl.diagnostics import ArchError, error


@contextmanager
def replacing(path: Path, *failures: type[Exception], part: Path | None = None) -> Iterator[Path]:
    """A temporary file to write to, which takes the place of `path` at the end, unless that fails.

    It lies in the folder of `path`, and is removed after an error or an interruption. A symbolic link
    stays a link to the file that is written; an existing file keeps its mode. What is no regular file,
    such as `/dev/null` or a pipe, is written to and not replaced.

    Args:
        path: where the content goes.
        failures: exceptions besides OSError by which a library says that it could not write.
        part: the temporary file, where it has a name of its own: a process that is killed while it
            writes the same output again and again then leaves one such file, which is written over.

    Raises:
        ArchError: the folder or the file cannot be written.

    Example:
        with replacing(Path("net.json")) as part:
            part.write_text(text, encoding="utf-8")
    """
    with Outputs() as outputs, outputs.replacing(path, *failures, part=part) as temporary:
        yield temporary


class Outputs:
    """Several output files that appear all together at the end of a `with` block, or not at all.

    Example:
        with Outputs() as outputs:
            for path, text in texts.items():
                with outputs.replacing(path) as part:
                    part.write_text(text, encoding="utf-8")
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Path, Path]] = []

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Put each file in its place, if nothing was raised; remove what is left of them.

        Devices and pipes come first: they are written to only now, and may turn out to be full.
        """
        try:
            for path, part in sorted(self._parts, key=_is_file_to_be) if failed is None else ():
                try:
                    _put(part, path)
                except OSError as reason:
                    raise unwritable(path, reason) from None
        finally:
            for _path, part in self._parts:
                part.unlink(missing_ok=True)

    @contextmanager
    def replacing(self, path: Path, *failures: type[Exception], part: Path | None = None) -> Iterator[Path]:
        """A temporary file to write to, as `blockdsl.output.replacing` gives it, for one of the outputs."""
        expected: tuple[type[Exception], ...] = (OSError, *failures)
        try:
            target = _target(path)
            regular = target.is_file() or not target.exists()
            temporary = part or _new_file(target.parent if regular else Path(tempfile.gettempdir()))
            self._parts.append((path, temporary))
            yield temporary
        except expected as reason:
            raise unwritable(path, reason) from None


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


def check_writable(path: Path) -> None:
    """Refuse, before any work is done, an output that cannot be written (raises `ArchError`)."""
    try:
        target = _target(path)
        if target.is_file() or not target.exists():
            _new_file(target.parent).unlink()
        elif not os.access(target, os.W_OK):
            raise PermissionError("permission denied")
    except OSError as reason:
        raise unwritable(path, reason) from None


def make_folder(path: Path) -> None:
    """Make an output folder and those around it (raises `ArchError`)."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise unwritable(path, reason, "cannot write to") from None


def unwritable(path: Path, reason: Exception, what: str = "cannot write") -> ArchError:
    """The error for a file or folder that could not be written."""
    cause: BaseException | None = reason
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__context__
    return error("output", f"{what} {path}: {in_words(cause or reason)}")


def in_words(reason: BaseException) -> str:
    """What the system says of a failure, for the end of a message: `no space left on device`."""
    words = getattr(reason, "strerror", None) or str(reason).partition("\n")[0]
    return f"{words[:1].lower()}{words[1:]}"


def _target(path: Path) -> Path:
    """The file that is meant by a path that may be a symbolic link.

    Raises:
        ArchError: it is a folder.
        OSError: links lead in a circle, or the name is none that a file could have.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():
        raise OSError("too many levels of symbolic links")
    if target.is_dir():
        raise error("output", f"cannot write {path}: it is a folder")
    with suppress(FileNotFoundError):
        target.stat()  # `exists` and `is_file` are False where this fails for another reason
    return target


def _is_file_to_be(output: tuple[Path, Path]) -> bool:
    """Whether an output is a regular file or not there yet, so that another file can take its place."""
    return output[0].is_file() or not output[0].exists()


def _put(part: Path, path: Path) -> None:
    """Move a written file to its place; what is no regular file gets the content instead."""
    target = _target(path)
    if target.exists() and not target.is_file():
        with part.open("rb") as content, target.open("wb") as place:
            shutil.copyfileobj(content, place)
        return
    part.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
    part.replace(target)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def _new_file(folder: Path) -> Path:
    """An empty file with a short name of its own: that of the output may already be as long as it can be."""
    handle, name = tempfile.mkstemp(prefix=".blockdsl-", suffix=".part", dir=folder)
    os.close(handle)
    return Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
