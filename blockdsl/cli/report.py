"""`blockdsl report`: a study as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.streams import say


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
    from blockdsl.nas.report import check_report
    from blockdsl.nas.result import load_study

    if traceback is not None:
        say(load_study(study, storage).traceback(traceback), whole=True)
        return
    check_report(output)
    load_study(study, storage).report(output)
    say(f"wrote {output}")
