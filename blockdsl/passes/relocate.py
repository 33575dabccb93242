"""A file that shall lie in another folder: what it uses is named from there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from blockdsl.resources import data_dir, find_used
from blockdsl.syntax import tree as nodes


def relocate(file: nodes.File, folder: Path) -> nodes.File:
    """The file with its `use` lines as they have to be in a folder; those of the zoo stay."""
    return replace(file, statements=tuple(_moved(s, folder) for s in file.statements))


def _moved(statement: nodes.Statement, folder: Path) -> nodes.Statement:
    if not isinstance(statement, nodes.Use):
        return statement
    origin = statement.span.source.folder
    found = find_used(statement.path.value, origin)
    if found is None or any(found.is_relative_to(data_dir(kind)) for kind in ("zoo", "search")):
        return statement
    text = Path(os.path.relpath(found.resolve(), folder.resolve())).as_posix()
    return replace(statement, path=replace(statement.path, value=text))
