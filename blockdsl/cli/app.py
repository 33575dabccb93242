"""The commands, one file each, under one typer application."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from blockdsl.cli import (
    best,
    check,
    compare,
    compile,
    diff,
    fmt,
    freeze,
    open,
    render,
    report,
    search,
    space,
    summary,
    train,
    weights,
    zoo,
)
from blockdsl.cli.streams import say
from blockdsl.cli.usage import Command, Commands

# The framed help cuts the names of options on a narrow terminal; the plain one wraps.
_COLUMNS = shutil.get_terminal_size().columns
_NARROW = _COLUMNS < 80

app = typer.Typer(
    name="blockdsl",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None if _NARROW else "markdown",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "terminal_width": _COLUMNS if _NARROW else None,
    },
)
for module in (
    compile,
    render,
    compare,
    diff,
    summary,
    check,
    fmt,
    zoo,
    train,
    weights,
    space,
    freeze,
    open,
    search,
    best,
    report,
):
    app.command(module.NAME, cls=Command)(module.command)


def _version(asked: bool) -> None:
    if asked:
        from blockdsl import __version__

        say(f"blockdsl {__version__}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Write a neural network as papers print it; get a checked graph, its costs, and a PyTorch module.

    FILE is an `.arch` file, the name of a network in the zoo (`alexnet`), or `-` for standard input;
    `-e` takes the text itself.

    Try `blockdsl compile alexnet`, or

    `blockdsl compile --input 1x28x28 -e 'CONV(6,5,p2)-RELU-POOL(2)-FLATTEN-FC(10)'`
    """
