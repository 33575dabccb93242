"""`blockdsl diff`: what differs between two networks, and what it costs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from blockdsl.cli.options import read_file
from blockdsl.cli.streams import say


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="An .arch file, or a name of the zoo.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
    every: Annotated[bool, typer.Option("--all", help="Tell every change, however many there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what differs between two networks - not their texts - down to the layer, and what it costs.

    Where much differs it is told in short, by block; --all and --json tell every change.

    `+` added, `-` removed, `~` another operation or argument, `>` the same on an input of another shape,
    `@` reads other tensors, `=` shares other weights.

    `blockdsl diff resnet50 resnet50_v1_5`
    """
    from blockdsl.api import architecture

    one, two = (architecture(read_file(name)) for name in (first, second))
    difference = one.diff(two, names=(one.title or first, two.title or second))
    if as_json:
        say(json.dumps(difference.to_dict(), indent=2), whole=True)
        return
    for line, indent in difference.lines(every=every):
        say(line, indent=indent)
    if difference.is_long and not every:
        say(f"\ntold in short; --all tells each of the {len(difference.every)} changes")
