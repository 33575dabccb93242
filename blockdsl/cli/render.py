"""`blockdsl render`: a network as a picture."""

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
    read,
)
from blockdsl.cli.streams import say
from blockdsl.output import Outputs, check_outputs


def command(
    outputs: Annotated[
        list[Path],
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Where to: OUT.svg, .png, .pdf, .dot, or a page, .html; may be given again.",
        ),
    ],
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=0, help="Levels of blocks that are open; else as many as read well."),
    ] = None,
    opened: Annotated[
        list[str] | None,
        typer.Option("--open", metavar="BLOCK", help="Open this block too: stage[2]; may be given again."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COST", help="Tint a picture's boxes by params, macs or memory."),
    ] = None,
    detail: Annotated[bool, typer.Option("--detail", help="Draw every layer as a box of its own.")] = False,
    direction: Annotated[
        str, typer.Option("--direction", metavar="WAY", help="Which way the picture runs: auto, down, right.")
    ] = "auto",
    title: Annotated[bool, typer.Option(help="Write the title and the totals above.")] = True,
) -> None:
    """Draw a network or a search space: blocks as boxes in boxes, repetitions once, shapes on the arrows.

    `blockdsl render resnet50 -o net.svg -o net.png`

    `blockdsl render fractalnet_20 --open 'fractal_block[1]' --by params -o net.png`
    """
    from blockdsl.render import Options, check_kind, draw
    from blockdsl.syntax.parser import parse

    kinds = [output.suffix.removeprefix(".") for output in outputs]
    for kind, output in zip(kinds, outputs, strict=True):
        check_kind(kind, str(output))
    options = Options(depth, tuple(opened or ()), by, detail, direction, title)
    tree = parse(read(file, expression))
    check_outputs(outputs, input_files(file, tree))
    pictures = [
        draw(tree, kind, options, input=dims(shape), settings=assignments(settings)) for kind in kinds
    ]
    for said in dict.fromkeys(picture.said for picture in pictures if picture.said):
        say(f"note: {said}; --depth and --open show more", to_stderr=True)
    with Outputs() as together:
        for picture, output in zip(pictures, outputs, strict=True):
            with together.replacing(output) as part:
                part.write_bytes(picture.data)
    for output in outputs:
        say(f"wrote {output}")
