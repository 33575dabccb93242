"""`blockdsl freeze`: choices bound, an ordinary file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.options import (
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    assignments,
    dims,
    input_files,
    named_values,
    read,
)
from blockdsl.cli.streams import say, say_file
from blockdsl.output import check_outputs, replacing


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(
            "--choose",
            metavar="PATH=VALUE",
            help="Bind a choice: to an option's text, its place counted from 1, or a number.",
        ),
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Bind the rest to first options and lower ends.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--draw", metavar="SEED", help="Bind the rest by drawing with this seed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Write OUT.arch, not to the screen.")
    ] = None,
) -> None:
    """Bind the choices of a file, and write it as an ordinary `.arch` file.

    `blockdsl space FILE` lists the paths.

    `blockdsl freeze residual --choose width=16 --first -o net.arch`
    """
    from blockdsl.space import Space

    space = Space(read(file, expression), input=dims(shape), settings=assignments(settings))
    if output:
        check_outputs([output], input_files(file, space.file))
    choices = named_values(choose, "--choose", "choice", "width=32")
    text = space.freeze(choices, first=first, seed=seed, folder=output.parent if output else Path())
    if output is None:
        say_file(text)
        return
    with replacing(output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    say(f"wrote {output}")
