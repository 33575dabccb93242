"""`blockdsl summary`: what a network costs, without building it."""

from __future__ import annotations

from typing import Annotated

import typer

from blockdsl.cli.display import show_summary
from blockdsl.cli.options import (
    ExpandOption,
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    open_architecture,
)
from blockdsl.cli.streams import say


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    expand: ExpandOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every layer by itself.")] = False,
) -> None:
    """Print shapes, parameters, MACs and memory of every layer. Builds nothing, and takes a moment.

    `blockdsl summary resnet50`

    `blockdsl summary resnet50 --set classes=10 --json`
    """
    result = open_architecture(file, expression, shape, settings).summary()
    if as_json:
        import json

        say(json.dumps(result.to_dict(), indent=2), whole=True)
    else:
        show_summary(result, expand=expand)
