"""`blockdsl weights`: other people's weights for a network of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.options import (
    ExpandOption,
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    input_files,
    open_architecture,
)
from blockdsl.cli.streams import say
from blockdsl.output import check_outputs
from blockdsl.tables import Column

if TYPE_CHECKING:
    from blockdsl.transfer import Report


def command(
    file: FileArgument = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="STATE", help="A state dict: .safetensors, .pth, .pt. Required."),
    ] = None,
    mapping: Annotated[
        str,
        typer.Option("--map", metavar="auto|FILE", help="Lines `ours = theirs`: layers or blocks."),
    ] = "auto",
    partial: Annotated[
        bool, typer.Option("--partial", help="Let layers without a partner be, such as a new head.")
    ] = False,
    trust_order: Annotated[
        bool,
        typer.Option("--trust-order", help="Let the order of registration decide where nothing else does."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Write OUT.safetensors.")
    ] = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of what keeps its initialisation.")] = 0,
    expand: ExpandOption = False,
) -> None:
    """Carry a state dict from elsewhere into a network, matched by shapes, names and structure.

    What could be matched in two ways is refused: a map settles it, such as the line
    `stage[2].unit[1] = layer2.0`, or --trust-order. Nothing in the file is executed.

    `blockdsl weights resnet50_v1_5 --from resnet50.pth -o resnet50.safetensors`

    `blockdsl weights resnet50_v1_5 --set classes=10 --partial --from resnet50.pth`
    """
    if source is None:
        raise typer.BadParameter("name the state dict: --from STATE.pth", param_hint="--from")
    from blockdsl.export.writers import export, writer_for
    from blockdsl.transfer import carry, fill, read_map, read_state

    if output:
        writer_for(output)
    architecture = open_architecture(file, expression, shape, settings)
    if output:
        given = None if mapping == "auto" else Path(mapping)
        check_outputs([output], input_files(file, architecture.program.file, source, given))
    pairs = {} if mapping == "auto" else read_map(Path(mapping))
    state = read_state(source)
    tensors, report = carry(state, architecture.ir, pairs=pairs, partial=partial, trust_order=trust_order)
    names = Column("layers", "name"), Column("from", "name"), Column("count", "number"), Column("", "name")
    show_table([column.head for column in names], list(_rows(report, expand)), names)
    if output:
        if types := report.unusual_types():
            say(f"weights are {types}, written as {report.dtype}")
        module = fill(architecture.module(seed=seed), tensors, report)
        export(architecture.program, module, [output])
        say(f"wrote {output}")
    else:
        say("nothing is written; -o OUT.safetensors writes the weights")


def _rows(report: Report, expand: bool) -> Iterator[tuple[str, str, str, str]]:
    """A row for each part of the network, or with `expand` for each layer; what stands out by itself."""
    groups: dict[str, list[tuple[str, str]]] = {}
    by_order = set(report.by_order)
    for own, other in report.matched:
        if (own, other) not in by_order:
            groups.setdefault(own if expand else own.partition(".")[0], []).append((own, other))
    for pairs in groups.values():
        ours, theirs = zip(*pairs, strict=True)
        yield _together(ours), _together(theirs), str(len(pairs)), "matched"
    for own, other in report.by_order:
        yield own, other, "1", "by order alone"
    for own, other in report.sliced:
        yield own, other, "1", "cut to the first outputs"
    for own in report.missing:
        yield own, "", "1", "missing: keeps its initialisation"
    for other in report.unused:
        yield "", other, "1", "unused"


def _together(names: Sequence[str]) -> str:
    """The prefix that names share, or the first and the last of them."""
    if len(names) == 1:
        return names[0]
    shared = []
    for steps in zip(*(name.split(".") for name in names), strict=False):
        if len(set(steps)) > 1:
            break
        shared.append(steps[0])
    return ".".join(shared) or f"{names[0]} … {names[-1]}"
