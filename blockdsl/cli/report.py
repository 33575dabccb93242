"""`blockdsl report`: a study as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.streams import say
from blockdsl.output import check_writable, replacing


def command(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The name that `blockdsl search` told.")],
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URL", help="As it was searched.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.html", help="Where the page goes.")
    ] = Path("report.html"),
    traceback: Annotated[
        int | None,
        typer.Option("--traceback", min=0, metavar="TRIAL", help="Print where this trial crashed; no page."),
    ] = None,
) -> None:
    """Write a study as one page: progress, Pareto front, best networks, what each choice was worth.

    It needs no network to be read, and may be written while the search goes on. The command needs the extra
    [report], but for --traceback.

    `blockdsl report residual-digits -o report.html`
    """
    from blockdsl.diagnostics import error
    from blockdsl.search.records import traceback_of
    from blockdsl.search.report import check_installed, report
    from blockdsl.search.storage import folder_of
    from blockdsl.search.studies import find

    if traceback is not None:
        say(traceback_of(find(study, storage), traceback), whole=True)
        return
    if output.suffix != ".html":
        raise error("output", f"cannot write {output}: a report is a page", help="end it in .html")
    check_installed()
    check_writable(output)
    page = report(find(study, storage), folder_of(study))
    with replacing(output) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    say(f"wrote {output}")
