"""`blockdsl freeze`: choices bound, an ordinary file out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from blockdsl.diagnostics import did_you_mean, error
from blockdsl.output import check_outputs, replacing

if TYPE_CHECKING:
    from blockdsl.search.space import Candidate, Space


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
    from blockdsl.search.frozen import frozen_text
    from blockdsl.search.space import Space

    space = Space(read(file, expression), input=dims(shape), settings=assignments(settings))
    if output:
        check_outputs([output], input_files(file, space.file))
    candidate = _candidate(space, named_values(choose, "--choose", "choice", "width=32"), first, seed)
    text = frozen_text(space, candidate, folder=output.parent if output else Path())
    if output is None:
        say_file(text)
        return
    with replacing(output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    say(f"wrote {output}")


def _candidate(space: Space, pairs: dict[str, str], first: bool, seed: int | None) -> Candidate:
    """The network that is meant; every choice that is reached must be bound, every one named reached."""
    from blockdsl.lowering import ChoicePoint
    from blockdsl.search.choosing import decided, described
    from blockdsl.search.domains import Value, draw, first_value

    generator = random.Random(seed)
    reached: list[str] = []

    def choose(point: ChoicePoint) -> Value:
        reached.append(point.path)
        if point.path in pairs:
            return decided(point, pairs[point.path])
        if first:
            return first_value(point.domain)
        if seed is not None:
            return draw(point.domain, generator)
        raise error(
            "open",
            f"the choice {point.path} is not bound",
            point.span,
            help=f"--choose '{point.path}=…', one of {described(point.domain)}; or --first for the rest",
        )

    candidate = space.reach(choose)
    for path in pairs:
        if path not in reached:
            fix = did_you_mean(path, reached, "`blockdsl space` lists the paths")
            raise error("choice", f"no choice {path} is reached", help=fix)
    return candidate
