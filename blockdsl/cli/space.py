"""`blockdsl space`: what a file with choices holds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_error, show_pairs, show_table
from blockdsl.cli.options import (
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    assignments,
    dims,
    read,
)
from blockdsl.cli.streams import say
from blockdsl.diagnostics import ArchError, error

if TYPE_CHECKING:
    from blockdsl.space import Candidate, Space
    from blockdsl.space.draws import Survey

_DRAWS = 300
_MOST = 1_000_000


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, max=_MOST, metavar="N", help="Draw N networks and list them.")
    ] = 0,
    enumerate_all: Annotated[bool, typer.Option("--enumerate", help="List every network.")] = False,
    draws: Annotated[
        int, typer.Option("--draws", min=1, max=_MOST, help="How many are drawn for shares and ranges.")
    ] = _DRAWS,
    seed: Annotated[int, typer.Option("--seed", help="Seed of what is drawn.")] = 0,
) -> None:
    """Look at a search space: its size, its choices, what meets its limits, how large its networks are.

    `blockdsl space nas_bench_macro`

    `blockdsl space net.arch --sample 5`
    """
    from blockdsl.space import Space
    from blockdsl.space.counting import count
    from blockdsl.space.draws import drawn, survey

    space = Space(read(file, expression), input=dims(shape), settings=assignments(settings))
    if enumerate_all:
        if count(space).number is None:
            raise error("space", "a real number is open: there is no end of networks", help="try --sample 20")
        _list(space, space.enumerate())
    elif sample:
        generator = random.Random(seed)
        _list(space, (drawn(space, generator) for _ in range(sample)))
    else:
        _describe(space, survey(space, draws, seed=seed))


def _describe(space: Space, found: Survey) -> None:
    from blockdsl.space.counting import in_words
    from blockdsl.space.draws import distinct
    from blockdsl.space.tree import choice_tree, tree_lines

    say(f"{space.source.name}: {in_words(space) if found.points else 'no choice is open'}")
    if found.points:
        sometimes = frozenset(path for path, times in found.reached.items() if times < found.drawn)
        say("\nchoices")
        show_pairs(tree_lines(choice_tree(found.points, sometimes)))
    say(f"\ndrawn {found.drawn} times")
    rows = list(_shares(space, found))
    if len(found.candidates) > 1:
        rows.append(("different networks", f"{distinct(found.candidates)} of {len(found.candidates)}"))
    for figure in ("params", "macs") if found.candidates else ():
        low, high = found.range_of(figure)
        rows.append((figure, f"{low:,} to {high:,}"))
    show_pairs(rows)
    if reason := _unwritable(space):
        say("\nits networks cannot be written as files:")
        show_error(reason, to_stderr=False)
    for refused, times in found.refusals.most_common(3):
        say(f"\n{times} of {found.drawn} do not go together, such as:")
        show_error(found.refused[refused], to_stderr=False)


def _unwritable(space: Space) -> ArchError | None:
    """Why `freeze` will refuse the networks of a space, if it will."""
    from blockdsl.passes.opening.flatten import flat, leaves_open

    try:
        if leaves_open(space.file):
            flat(space.file)
    except ArchError as reason:
        return reason
    return None


def _shares(space: Space, found: Survey) -> Iterator[tuple[str, str]]:
    from blockdsl.space import is_static
    from blockdsl.space.draws import share, text_of

    whole = len(found.candidates)
    for require in space.requires:
        text = text_of(require)
        if not is_static(require.condition):
            yield f"require {text}", "known after training"
            continue
        met = share(whole - found.broken[text], whole)
        most = "; kills most" if text == found.killer and len(space.requires) > 1 else ""
        yield f"require {text}", f"met by {met:.1%}{most}"
    if len(space.requires) > 1:
        yield "all limits", f"met by {share(found.feasible, whole):.1%}"


def _list(space: Space, candidates: Iterator[Candidate | ArchError]) -> None:
    from blockdsl.space.choosing import readable

    rows = []
    for candidate in candidates:
        if isinstance(candidate, ArchError):
            rows.append(("", "", f"refused: {candidate.diagnostic.message}"))
            continue
        choices = readable(candidate.points, candidate.assignment)
        words = " ".join(f"{path}={_quoted(text)}" for path, text in choices.items())
        broken = "  (beyond the limits)" if space.broken(candidate) else ""
        rows.append((f"{candidate.summary.params:,}", f"{candidate.summary.macs:,}", words + broken))
    from blockdsl.tables import Column

    columns = Column("params", "number"), Column("macs", "number"), Column("choices", essential=True)
    show_table([column.head for column in columns], rows, columns)


def _quoted(text: str) -> str:
    return f"'{text}'" if any(c in text for c in " (){}|*?") else text
