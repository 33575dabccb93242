"""A network of a space as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blockdsl.analysis import run_checks
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.diagnostics import ArchError, error
from blockdsl.lowering import Program, lower
from blockdsl.passes.freeze import freeze
from blockdsl.passes.opening.flatten import flat, leaves_open
from blockdsl.passes.relocate import relocate
from blockdsl.passes.trees import literal
from blockdsl.search.space import Candidate, Space
from blockdsl.source import Source, Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file


def frozen_text(
    space: Space, candidate: Candidate, *, folder: Path | None = None, comments: Sequence[str] = ()
) -> str:
    """The text of a candidate with its choices bound, its parameters and MACs as checks.

    The text is lowered before it is returned: it is the same network, with the same recipe.

    Args:
        space: that the candidate is of.
        candidate: the network.
        folder: where the file will lie; that of the space's file by default.
        comments: lines before the file, without their `#`.

    Raises:
        ArchError: the candidate cannot be written without a choice.
    """
    text, _ = _frozen(space, candidate, folder, comments)
    return text


def frozen_program(space: Space, candidate: Candidate) -> Program:
    """The candidate's frozen file, lowered: what is trained, so that weights fit the file.

    Raises:
        ArchError: as `frozen_text`.
    """
    _, program = _frozen(space, candidate, None, ())
    return program


def _frozen(
    space: Space, candidate: Candidate, folder: Path | None, comments: Sequence[str]
) -> tuple[str, Program]:
    """The frozen text and what it lowers to, which is the candidate's network."""
    checks = {"params": candidate.summary.params, "macs": candidate.summary.macs}
    settings = {name: _expression(name, value) for name, value in space.settings.items()}
    file = freeze(_with_own_choices(space, candidate), checks, input=space.input, settings=settings)
    if folder is not None:
        file = relocate(file, folder)
    text = "".join(f"# {line}".rstrip() + "\n" for line in comments) + format_file(file)
    source = Source("<frozen>", text, space.source.folder if folder is None else str(folder))
    try:
        program = lower(parse(source))
    except ArchError as refused:
        raise _unwritable(candidate, f"the frozen file is refused\n{refused}") from None
    if canonical_hash(program.graph) != canonical_hash(candidate.program.graph):
        raise _unwritable(candidate, "the frozen file is another network")
    if program.recipe != candidate.program.recipe:
        raise _unwritable(candidate, "the frozen file is trained in another way")
    run_checks(program)
    return text, program


def _unwritable(candidate: Candidate, reason: str) -> ArchError:
    """The error for a network that cannot be written without its choices, at the last of them."""
    points = list(candidate.points.values())
    return error(
        "freeze", f"this network cannot be written without its choices: {reason}",
        points[-1].span if points else candidate.program.file.statements[0].span,
        help="give a name to what is chosen, or put it into a block of its own",
    )  # fmt: skip


def _with_own_choices(space: Space, candidate: Candidate) -> Program:
    """The candidate's program; if a file that it uses makes choices at its top, as one file that does."""
    if not leaves_open(space.file):
        return candidate.program
    known = candidate.assignment
    return lower(
        flat(space.file), input=space.input, settings=space.settings, choose=lambda point: known[point.path]
    )


def _expression(name: str, value: object) -> nodes.Expr:
    """A setting as the lowering read it: a text as an expression, data as it is."""
    if not isinstance(value, str):
        nowhere = Span(Source(f"--set {name}", ""), 0, 0)
        return literal(nowhere, tuple(value) if isinstance(value, list) else value)  # type: ignore
    net = parse(Source(f"--set {name}", f"({value})")).statements[0]
    if not isinstance(net, nodes.Net):
        raise error("argument", f"{name}={value} is not one expression")
    return net.body.result
