"""Arguments that several commands share, and what becomes of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.diagnostics import error
from blockdsl.ops.layouts import InputSizes, read_input
from blockdsl.source import Source

if TYPE_CHECKING:
    from blockdsl.architecture import Architecture
    from blockdsl.syntax import tree as nodes

FileArgument = Annotated[
    str | None,
    typer.Argument(metavar="FILE", help="An .arch file, a name of the zoo, or - for standard input."),
]
ExpressionOption = Annotated[
    str | None, typer.Option("-e", "--expression", metavar="TEXT", help="The text itself, in place of FILE.")
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="[NAME=]3x224x224",
        help="Shape of the input: channels x rows x columns, or with a layout before it: 'signal 1x16000'. "
        "Of several inputs by name: --input image=3x64x64 --input 'text=ids 77'.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a `param` of the file; may be given again."),
]
ExpandOption = Annotated[bool, typer.Option("--expand", help="Show repeated blocks one by one.")]
DeviceOption = Annotated[
    str, typer.Option("--device", help="Where the module lives: cpu, cuda, cuda:1, mps, meta.")
]


def finite(value: float) -> float:
    """The value of an option, which is neither `nan` nor infinite: both pass through bounds unseen."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def read(file: str | None, expression: str | None) -> Source:
    """The source that FILE or -e names; exactly one of them."""
    if (file is None) == (expression is None):
        raise typer.BadParameter("give FILE or -e TEXT" + (", not both" if file else ""), param_hint="FILE")
    if expression is not None:
        return _given(expression)
    assert file is not None
    return read_file(file)


def _given(expression: str) -> Source:
    """The text of -e; bytes of the command line that are not UTF-8 reach Python as lone surrogates."""
    try:
        expression.encode()
    except UnicodeEncodeError:
        raise error("file", "the text of -e is not UTF-8") from None
    return Source("-e", expression)


def read_file(file: str) -> Source:
    """A file, a network of the zoo, or standard input for `-`."""
    from blockdsl.resources import find_source

    return _standard_input() if file == "-" else find_source(file)


def _standard_input() -> Source:
    from blockdsl.resources import MAX_BYTES

    if sys.stdin is None:
        raise error("file", "standard input is closed")
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise error("file", f"standard input is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise error("file", "standard input is no text", help="an .arch file is UTF-8 text")
    return Source("<stdin>", text, ".")


def input_files(file: str | None, tree: nodes.File, *others: Path | None) -> list[Path | None]:
    """The files that a command reads, which no output may replace: FILE, what it uses, and others."""
    from blockdsl.syntax.uses import used_files

    return [Path(file) if file not in (None, "-") else None, *used_files(tree), *others]


def open_architecture(
    file: str | None, expression: str | None, shape: list[str] | None, settings: list[str] | None
) -> Architecture:
    """What FILE or -e says, with the input and settings of the command line."""
    from blockdsl.api import architecture

    return architecture(read(file, expression), input=dims(shape), settings=assignments(settings))


def dims(texts: list[str] | None) -> InputSizes | None:
    """The shapes that `--input` gives."""
    try:
        return read_input(texts or [])
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--input") from None


def assignments(texts: list[str] | None) -> dict[str, str]:
    """`classes=10` as a name and the text of its value."""
    pairs = named_values(texts, "--set", "setting", "classes=10")
    for name in pairs:
        if not name.isidentifier():
            raise typer.BadParameter(f"{name!r} is no name; write classes=10", param_hint="--set")
    return pairs


def named_values(texts: list[str] | None, option: str, what: str, example: str) -> dict[str, str]:
    """The values of an option that takes `NAME=VALUE` several times, each name once (else a usage error)."""
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name and value):
            raise typer.BadParameter(f"{text!r} is no {what}; write {example}", param_hint=option)
        if name in pairs:
            raise typer.BadParameter(
                f"{name} is given two values: {pairs[name]!r} and {value!r}", param_hint=option
            )
        pairs[name] = value
    return pairs


def sources(
    files: list[str] | None, expression: str | None, *, local: bool = False
) -> list[Callable[[], Source]]:
    """How to read each of FILES, or -e; `local` files are not looked up in the zoo.

    They are read one by one, so that a bad one does not hide the others.
    """
    from blockdsl.resources import read_source

    if bool(files) == (expression is not None):
        raise typer.BadParameter(
            "give FILES or -e TEXT" + (", not both" if files else ""), param_hint="FILES"
        )
    if expression is not None:
        return [partial(_given, expression)]
    return [partial(read_source if local and file != "-" else read_file, file) for file in files or []]
