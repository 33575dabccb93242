"""How results look: a table that fits the terminal, plain text of stable width everywhere else."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blockdsl.cli.streams import say
from blockdsl.visible import visible

if TYPE_CHECKING:
    from blockdsl.analysis import Summary
    from blockdsl.diagnostics import ArchError
    from blockdsl.tables import Column, Kind, Line


def show_summary(summary: Summary, *, expand: bool = False) -> None:
    """Print the table and the totals."""
    from blockdsl.analysis import table

    if not sys.stdout.isatty():
        say(table.plain(summary, expand=expand))
        return
    from blockdsl.tables import Column, Part, Table, pairs, wrapped

    rows = [[visible(text) for text in table.cells(row)] for row in summary.rows(expand=expand)]
    kinds: list[Kind] = ["name", "text", "name", *["number"] * (len(table.HEADER) - 3)]  # type: ignore[list-item]
    columns = [Column(head, kind) for head, kind in zip(table.HEADER, kinds, strict=True)]
    width = _width()
    _styled([(Part(text, "title"),) for text in wrapped(table.title_line(summary), width)])
    _styled(Table(columns, rows, ruled=True).lines(width))
    _styled(pairs(table.totals(summary), width, labels=12))


def show_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Column] | None = None
) -> None:
    """Print a table of words; what the columns hold is told from the cells unless it is said."""
    rows = [[visible(text) for text in row] for row in rows]
    if sys.stdout.isatty():
        from blockdsl.tables import Column, Table

        columns = columns or [
            Column(head, _kind([row[i] for row in rows], i)) for i, head in enumerate(header)
        ]
        _styled(Table(columns, rows, ruled=True).lines(_width()))
        return
    from blockdsl.analysis.table import text_table

    say(text_table(header, rows))


def show_lines(lines: Iterable[str], indent: str = "") -> None:
    """Print lines; on a terminal those that are too long go on in the next, after an indent."""
    if not sys.stdout.isatty():
        say("\n".join(lines))
        return
    from blockdsl.tables import wrapped

    for line in lines:
        level = " " * (len(line) - len(line.lstrip()))
        say("\n".join(wrapped(visible(line), _width(), indent or level)))


def show_error(wrong: ArchError) -> None:
    """Print what is wrong to standard error, so that it fits if that is a terminal."""
    width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else None
    say(wrong.text(width), to_stderr=True)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal: call it with the steps done and all of them. None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


_NUMBER = re.compile(r"[-+~<>]?[\d.,]*\d[\d.,e+-]*( ?[kMGT]?B?| ?%| ?[µm]?s)?|-|–|")


def _kind(cells: Sequence[str], index: int) -> Kind:
    """What a column holds: the first names its rows, numbers and single words are never broken."""
    if index == 0:
        return "name"
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        return "number"
    return "text" if any(" " in cell for cell in cells) else "name"


def _width() -> int:
    return shutil.get_terminal_size().columns


_STYLES = {"plain": "", "title": "bold", "head": "dim", "name": "cyan", "note": "dim"}


def _styled(lines: Sequence[Line]) -> None:
    """Print lines on the terminal; their parts are texts and not markup."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        text = Text.assemble(*((visible(part.text), _STYLES[part.role]) for part in line))
        text.rstrip()
        console.print(text)
