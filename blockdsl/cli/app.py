"""The commands, one file each, under one typer application."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from blockdsl.cli.streams import say
from blockdsl.cli.usage import FRAMED, Command, Commands

NAMES = (
    "compile", "render", "compare", "diff", "summary", "check", "fmt", "zoo", "train", "weights", "space",
    "freeze", "open", "search", "best", "report",
)  # fmt: skip
"""The commands as help lists them; each is the `command` of a file of its name."""


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """The application, whose help fits the terminal as it is now.

    Of `arguments` that begin with the name of a command it has this one alone: to load and describe the
    others took a sixth of the time of a short command.
    """
    names = arguments[:1] if arguments and arguments[0] in NAMES else NAMES
    columns = shutil.get_terminal_size().columns
    narrow = columns < FRAMED
    app = typer.Typer(
        name="blockdsl",
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None if narrow else "markdown",
        context_settings={
            "help_option_names": ["-h", "--help"],
            "terminal_width": columns if narrow else None,
        },
    )
    app.callback()(describe)
    for name in names:
        app.command(name, cls=Command)(import_module(f"blockdsl.cli.{name}").command)
    return app


def _version(asked: bool) -> None:
    if asked:
        from blockdsl.version import __version__

        say(f"blockdsl {__version__}")
        raise typer.Exit


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
