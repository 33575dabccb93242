"""How results look: a rich table on a terminal, plain text of stable width everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blockdsl.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

    from blockdsl.analysis import Summary


def show_summary(summary: Summary, *, expand: bool = False) -> None:
    """Print the table and the totals."""
    from blockdsl.analysis import table

    if not sys.stdout.isatty():
        print(table.plain(summary, expand=expand))
        return
    from rich.console import Console

    console = Console(highlight=False)
    rows = [table.cells(row) for row in summary.rows(expand=expand)]
    console.print(f"[bold]{table.title_line(summary)}[/bold]")
    console.print(_rich_table(table.HEADER, rows, right=3))
    for name, words in table.totals(summary):
        console.print(f"[dim]{name:<12}[/dim]{words}")


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of words."""
    rows = [[visible(text) for text in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(_rich_table(header, rows))
        return
    from blockdsl.analysis.table import text_table

    print(text_table(header, rows))


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


def _rich_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: int | None = None) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(header):
        numeric = right is not None and index >= right
        table.add_column(
            name,
            justify="right" if numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
            style="cyan" if index == 0 else None,
        )
    for row in rows:
        # Texts, not markup: `[` is the language's own.
        table.add_row(*(Text(cell) for cell in row))
    return table
