"""`blockdsl best`: a study's winners as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.streams import say


def command(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The name that `blockdsl search` told.")],
    count: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 1,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="All that no other network beats in every objective.")
    ] = False,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URL", help="As it was searched.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the files go.")] = Path(
        "winners"
    ),
) -> None:
    """Write the best networks of a study as `.arch` files, with their weights.

    `blockdsl best residual-digits --pareto -o winners/`
    """
    from blockdsl.nas.result import load_study

    for winner in load_study(study, storage).best(count, pareto=pareto):
        files = " and ".join(str(path) for path in winner.write(out))
        say(f"trial {winner.trial.number}: {winner.scores}; wrote {files}")
