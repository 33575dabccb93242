"""`blockdsl check`: whether files are right, and what they say of themselves holds."""

from __future__ import annotations

from typing import Annotated

import typer

from blockdsl.cli.display import show_error
from blockdsl.cli.options import ExpressionOption, InputOption, SetOption, assignments, dims, sources
from blockdsl.cli.streams import say
from blockdsl.diagnostics import ArchError


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help=".arch files, names of the zoo, or - for standard input."),
    ] = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
) -> None:
    """Check files: syntax, names, shapes, and their `check` lines. Exit code 1 if anything is wrong.

    `blockdsl check *.arch`
    """
    from blockdsl.api import architecture

    failed = False
    for source in sources(files, expression):
        try:
            network = architecture(source(), input=dims(shape), settings=assignments(settings))
            count = network.check()
        except ArchError as wrong:
            show_error(wrong)
            failed = True
        else:
            name = network.program.file.span.source.name
            checks = f"{count} check{'' if count == 1 else 's'}"
            say(f"{name}: right ({checks}, {network.summary().params:,} parameters)")
    if failed:
        raise typer.Exit(1)
