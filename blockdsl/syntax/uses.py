"""The files that a file uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from blockdsl.diagnostics import ArchError
from blockdsl.resources import find_used, read_source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse


def parsed(path: Path) -> nodes.File:
    """The syntax tree of a file, parsed once however many files use it, until it is changed.

    Raises:
        ArchError: the file is not in the language.
        OSError: it cannot be read.
    """
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _parsed(path: Path, changed: int) -> nodes.File:
    return parse(read_source(path, path.name))


def uses(file: nodes.File) -> Iterator[tuple[Path, nodes.File]]:
    """The files that a file names in its `use` lines, in their order.

    Lowering refuses a `use` of what is missing or not in the language; here it is passed over.
    """
    for statement in file.statements:
        if isinstance(statement, nodes.Use):
            with suppress(ArchError, OSError):
                path = find_used(statement.path.value, statement.span.source.folder)
                if path is not None:
                    yield path, parsed(path)


def used_files(file: nodes.File) -> list[Path]:
    """The paths of all files that a file uses, directly or through others."""
    found: list[Path] = []
    waiting = [file]
    while waiting:
        for path, used in uses(waiting.pop()):
            if path not in found:
                found.append(path)
                waiting.append(used)
    return found
