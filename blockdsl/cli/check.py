"""`blockdsl check`: whether files are right, and what they say of themselves holds."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from blockdsl.cli.display import show_diagnostics, show_error
from blockdsl.cli.options import ExpressionOption, InputOption, SetOption, assignments, dims, sources
from blockdsl.cli.streams import say
from blockdsl.diagnostics import ArchError


class Warnings(StrEnum):
    """What is done with warnings."""

    SHOW = "show"
    ERROR = "error"
    IGNORE = "ignore"


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help=".arch files, names of the zoo, or - for standard input."),
    ] = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    warnings: Annotated[
        Warnings,
        typer.Option("-W", metavar="HOW", help="Warnings: show, error, or ignore."),
    ] = Warnings.SHOW,
) -> None:
    """Check files: syntax, names, shapes, and their `check` lines. Exit code 1 if anything is wrong.

    It warns of what is probably not meant, such as a name that nothing uses.

    `blockdsl check *.arch -W error`
    """
    from blockdsl.api import architecture

    failed = False
    for source in sources(files, expression):
        try:
            network = architecture(source(), input=dims(shape), settings=assignments(settings))
            count = network.check()
            found = network.warnings() if warnings is not Warnings.IGNORE else ()
            if found and warnings is Warnings.ERROR:
                raise ArchError(*(replace(one, severity="error") for one in found))
        except ArchError as wrong:
            show_error(wrong)
            failed = True
        else:
            name = network.program.file.span.source.name
            show_diagnostics(found)
            checks = f"{count} check{'' if count == 1 else 's'}"
            warned = f", {len(found)} warning{'' if len(found) == 1 else 's'}" if found else ""
            say(f"{name}: right ({checks}, {network.summary().params:,} parameters{warned})")
    if failed:
        raise typer.Exit(1)
