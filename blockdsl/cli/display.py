"""How results look: a table that fits the terminal, plain text of stable width everywhere else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blockdsl.cli.streams import say, width_of
from blockdsl.visible import visible

if TYPE_CHECKING:
    from blockdsl.analysis import Summary
    from blockdsl.diagnostics import ArchError, Diagnostic
    from blockdsl.tables import Column, Kind, Line


def show_summary(summary: Summary, *, expand: bool = False) -> None:
    """Print the table and the totals."""
    from blockdsl.analysis.summary import plain, title_line, totals
    from blockdsl.analysis.table import HEADER, cells

    width = width_of(sys.stdout)
    if width is None:
        say(plain(summary, expand=expand))
        return
    from blockdsl.tables import Column, Part, Table, pairs, wrapped

    rows = [[visible(text) for text in cells(row)] for row in summary.rows(expand=expand)]
    kinds: list[Kind] = ["name", "text", "name", *["number"] * (len(HEADER) - 3)]  # type: ignore[list-item]
    columns = [Column(head, kind) for head, kind in zip(HEADER, kinds, strict=True)]
    _styled([(Part(text, "title"),) for text in wrapped(title_line(summary), width)])
    _styled(Table(columns, rows, ruled=True).lines(width))
    _styled(pairs(totals(summary), width, labels=12))


def show_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Column] | None = None
) -> None:
    """Print a table of words; what the columns hold is told from the cells unless it is said."""
    rows = [[visible(text) for text in row] for row in rows]
    if width := width_of(sys.stdout):
        from blockdsl.tables import Column, Table

        columns = columns or [
            Column(head, _kind([row[i] for row in rows], i)) for i, head in enumerate(header)
        ]
        _styled(Table(columns, rows, ruled=True).lines(width))
        return
    from blockdsl.analysis.table import text_table

    say(text_table(header, rows))


def show_pairs(rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print lines of a label and words; on a terminal the words wrap beside the label."""
    rows = [(indent + visible(label), visible(words)) for label, words in rows]
    from blockdsl.tables import as_text, pairs

    width = width_of(sys.stdout)
    lines = pairs(rows, width)
    if width:
        _styled(lines)
    else:
        say(as_text(lines))


def show_error(wrong: ArchError, *, to_stderr: bool = True) -> None:
    """Print what is wrong, so that it fits if standard error, or standard output, is a terminal."""
    width = width_of(sys.stderr if to_stderr else sys.stdout)
    say(wrong.text(width), to_stderr=to_stderr, whole=True)


def show_diagnostics(found: Sequence[Diagnostic]) -> None:
    """Print warnings to standard error."""
    width = width_of(sys.stderr)
    if found:
        say("\n\n".join(one.text(width) for one in found), to_stderr=True, whole=True)


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
