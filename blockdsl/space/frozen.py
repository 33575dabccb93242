"""A program without its choices, as a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blockdsl.analysis import run_checks
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError, error
from blockdsl.lowering import Program, lower
from blockdsl.ops import InputSizes
from blockdsl.passes.freeze import freeze
from blockdsl.passes.opening.flatten import flat, leaves_open
from blockdsl.passes.relocate import relocate
from blockdsl.passes.trees import literal
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file


def frozen(
    program: Program,
    checks: Mapping[str, int],
    *,
    input: InputSizes | None,
    settings: Mapping[str, Any],
    folder: Path | None,
    comments: Sequence[str],
) -> tuple[str, Program]:
    """The text of a program without its choices, and what that lowers to: the same network.

    Args:
        program: with its decisions.
        checks: become `check` lines.
        input, settings: what was given in place of the file's.
        folder: where the file will lie; None for the folder of the program's.
        comments: lines before the file, without their `#`.

    Raises:
        ArchError: the network cannot be written without a choice.
    """
    given = {name: setting_expression(name, value) for name, value in settings.items()}
    whole = _with_own_choices(program, input, settings)
    file = freeze(whole, checks, input=input, settings=given)
    if folder is not None:
        file = relocate(file, folder)
    text = "".join(f"# {line}".rstrip() + "\n" for line in comments) + format_file(file)
    own = program.file.span.source.folder
    source = Source("<frozen>", text, own if folder is None else str(folder))
    try:
        made = lower(parse(source))
    except ArchError as refused:
        raise _unwritable(program, f"the frozen file is refused\n{refused}") from None
    if canonical_hash(made.graph) != canonical_hash(program.graph):
        raise _unwritable(program, "the frozen file is another network")
    if made.recipe != program.recipe:
        raise _unwritable(program, "the frozen file is trained in another way")
    run_checks(made)
    return text, made


def _unwritable(program: Program, reason: str) -> ArchError:
    """The error for a network that cannot be written without its choices, at the last of them."""
    points = [point for point, _ in program.decisions.values()]
    return error(
        "freeze", f"this network cannot be written without its choices: {reason}",
        points[-1].span if points else program.file.statements[0].span,
        help="give a name to what is chosen, or put it into a block of its own",
    )  # fmt: skip


def _with_own_choices(program: Program, input: InputSizes | None, settings: Mapping[str, Any]) -> Program:
    """The program; if a file that it uses makes choices at its top, as one file that does."""
    if not leaves_open(program.file):
        return program
    return lower(
        flat(program.file), input=input, settings=settings,
        choose=lambda point: program.decisions[point.path][1],
    )  # fmt: skip


def setting_expression(name: str, value: object) -> nodes.Expr:
    """A setting as the lowering read it: a text as an expression, data as it is."""
    if not isinstance(value, str):
        nowhere = Span(Source(f"--set {name}", ""), 0, 0)
        return literal(nowhere, _without_lists(value))  # type: ignore[no-any-return]
    net = parse(Source(f"--set {name}", f"({value})")).statements[0]
    if not isinstance(net, nodes.Net):
        raise error("argument", f"{name}={value} is not one expression")
    return net.body.result


def _without_lists(value: Any) -> Any:
    """Data in which each list is a tuple."""
    return tuple(map(_without_lists, value)) if isinstance(value, list | tuple) else value
