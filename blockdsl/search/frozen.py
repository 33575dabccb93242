"""A network of a space as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blockdsl import nodes
from blockdsl.diagnostics import error
from blockdsl.lowering import Program, lower
from blockdsl.parser import parse
from blockdsl.passes.freeze import freeze
from blockdsl.passes.opening.flatten import flat, leaves_open
from blockdsl.passes.relocate import relocate
from blockdsl.passes.trees import literal
from blockdsl.printer import format_file
from blockdsl.search.space import Candidate, Space
from blockdsl.source import Source, Span


def frozen_text(
    space: Space, candidate: Candidate, *, folder: Path | None = None, comments: Sequence[str] = ()
) -> str:
    """The text of a candidate with its choices bound, its parameters and MACs as checks.

    Args:
        space: that the candidate is of.
        candidate: the network.
        folder: where the file will lie; that of the space's file by default.
        comments: lines before the file, without their `#`.

    Raises:
        ArchError: the candidate cannot be written without a choice.
    """
    checks = {"params": candidate.summary.params, "macs": candidate.summary.macs}
    settings = {name: _expression(name, value) for name, value in space.settings.items()}
    file = freeze(_with_own_choices(space, candidate), checks, input=space.input, settings=settings)
    if folder is not None:
        file = relocate(file, folder)
    return "".join(f"# {line}".rstrip() + "\n" for line in comments) + format_file(file)


def frozen_program(space: Space, candidate: Candidate) -> Program:
    """The candidate's frozen file, lowered: what is trained, so that weights fit the file.

    Raises:
        ArchError: as `frozen_text`.
    """
    source = Source("<frozen>", frozen_text(space, candidate), space.source.folder)
    return lower(parse(source))


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
