"""`blockdsl open`: a network becomes a space around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.options import ExpressionOption, FileArgument, InputOption, dims, input_files, read
from blockdsl.cli.streams import say, say_file
from blockdsl.output import check_outputs, replacing

if TYPE_CHECKING:
    from blockdsl.space.opened import OpenedSpace


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    width: Annotated[
        str | None,
        typer.Option(
            "--width", metavar="0.5..2", help="Multiply all widths by one of these; 0.5,1,2 is a list."
        ),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="Each width has a factor of its own; equal numbers share one.")
    ] = False,
    depth: Annotated[
        str | None, typer.Option("--depth", metavar="1..4", help="Repeat what is repeated so many times.")
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option("--kernel", metavar="3,5", help="Kernels of these sizes, where the pad follows them."),
    ] = None,
    shortcut: Annotated[
        bool, typer.Option("--shortcut", help="Sums with the input: with the shortcut, or without.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Write OUT.arch, not to the screen.")
    ] = None,
) -> None:
    """Open choices in a network: write a search space that holds it.

    What is opened, and what is not and why, is told beside. The space is tried first: the network itself
    is in it.

    `blockdsl open resnet20 --width 0.5..2 --depth 1..5 --shortcut -o space.arch`
    """
    from blockdsl.passes.opening import opening_of
    from blockdsl.space.opened import open_network
    from blockdsl.syntax.parser import parse

    if not (width or depth or kernel or shortcut):
        raise typer.BadParameter("say what to open: --width, --depth, --kernel, --shortcut")
    opening = opening_of(width=width, depth=depth, kernel=kernel, shortcut=shortcut, each=each)
    source = read(file, expression)
    if output:
        check_outputs([output], input_files(file, parse(source)))
    tried = open_network(source, opening, input=dims(shape))
    text = tried.text(output.parent if output else Path())
    if output is None:
        say_file(text)
        _tell(tried)
        return
    with replacing(output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    _tell(tried)
    say(f"wrote {output}", to_stderr=True)


def _tell(tried: OpenedSpace) -> None:
    """What was opened and what was not, on standard error, beside the text."""
    from blockdsl.space.opened import DRAWS

    def tell(text: str) -> None:
        say(text, to_stderr=True)

    for what, words in tried.opened.done.items():
        tell(f"opened {what:<8} {words}")
    for what, reason in tried.opened.none.items():
        tell(f"no     {what:<8} {reason}")
    for span, reason in sorted(tried.opened.kept, key=lambda kept: (kept[0].source.name, kept[0].start)):
        text = " ".join(span.text.split())
        tell(f"kept   {span}: " + (f"`{text}`: {reason}" if len(text) < 60 else reason))
    tell(f"{tried.size}; the network itself is one of them")
    if tried.refused:
        tell(f"{len(tried.refused)} of {DRAWS} draws do not go together, such as:\n{tried.refused[0]}")
