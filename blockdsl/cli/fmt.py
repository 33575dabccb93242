"""`blockdsl fmt`: the one way to lay out a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_error
from blockdsl.cli.options import ExpressionOption, sources
from blockdsl.cli.streams import say, say_file
from blockdsl.diagnostics import ArchError
from blockdsl.output import replacing

if TYPE_CHECKING:
    from blockdsl.source import Source


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help=".arch files, or - for standard input."),
    ] = None,
    expression: ExpressionOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a file would change.")
    ] = False,
) -> None:
    """Format files in place; what comes from standard input or `-e` goes to standard output.

    Comments stay, and the network stays the same.

    `blockdsl fmt *.arch`
    """
    failed = False
    for read in sources(files, expression, local=True):
        try:
            failed |= _format(read(), check)
        except ArchError as wrong:
            show_error(wrong)
            failed = True
    if failed:
        raise typer.Exit(1)


def _format(source: Source, check: bool) -> bool:
    """Format one source; whether that is a failure."""
    from blockdsl.syntax.parser import parse
    from blockdsl.syntax.printer import format_file

    text = format_file(parse(source))
    in_place = bool(source.stem)
    if check:
        if text != source.text:
            say(f"{source.name}: would be formatted", to_stderr=True)
        return text != source.text
    if not in_place:
        say_file(text)
    elif text != source.text:
        with replacing(Path(source.name)) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        say(f"{source.name}: formatted")
    return False
