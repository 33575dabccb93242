"""The files that a file uses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from blockdsl.diagnostics import ArchError
from blockdsl.resources import find_used, read_source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse


def used_files(file: nodes.File) -> list[Path]:
    """The paths of all files that a file uses, directly or through others.

    Lowering refuses a `use` of what is missing or no network; here it is passed over.
    """
    found: list[Path] = []
    left = [file]
    while left:
        for use in left.pop().statements:
            if isinstance(use, nodes.Use):
                with suppress(ArchError, OSError):
                    path = find_used(use.path.value, use.path.span.source.folder)
                    if path is not None and path not in found:
                        found.append(path)
                        left.append(parse(read_source(path, path.name)))
    return found
