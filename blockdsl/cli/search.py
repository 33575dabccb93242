"""`blockdsl search`: a file with choices in, a study of its networks out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blockdsl.cli.options import (
    ExpressionOption,
    FileArgument,
    InputOption,
    SetOption,
    assignments,
    dims,
    finite,
    read,
)
from blockdsl.cli.streams import say
from blockdsl.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockdsl.nas.objectives import Objective
    from blockdsl.nas.study.status import Status
    from blockdsl.nas.study.storage import StudyLocation
    from blockdsl.nas.study.studies import Continued


def command(
    file: FileArgument = None,
    expression: ExpressionOption = None,
    shape: InputOption = None,
    settings: SetOption = None,
    data: Annotated[str, typer.Option("--data", help="As for `blockdsl train`.")] = "digits",
    trials: Annotated[
        int,
        typer.Option("--trials", min=1, help="Networks to measure in all, those of earlier runs included."),
    ] = 100,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes; they share the cores.")] = 1,
    study: Annotated[str | None, typer.Option("--study", help="Its name; FILE-DATA by default.")] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URL", help="Optuna's, in place of runs/STUDY/study.journal."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="30m", help="Stop after so long: 90s, 30m, 8h.")
    ] = None,
    sampler: Annotated[
        str, typer.Option("--sampler", help="auto, evolution, local, tpe, nsga2, gp, random, grid.")
    ] = "auto",
    pruner: Annotated[str, typer.Option("--pruner", help="none, asha, hyperband, median.")] = "none",
    prune_on: Annotated[
        str, typer.Option("--prune-on", help="accuracy or loss, whatever is optimised.")
    ] = "accuracy",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="In place of the file's.")] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.0, max=1.0, callback=finite, help="Part of the training images.")
    ] = 1.0,
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, help="Train with images of this side, smaller than the input."),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Train each network so often, and take the mean.")
    ] = 1,
    folds: Annotated[
        int,
        typer.Option("--folds", min=1, help="Validate on each of so many parts in turn, and take the mean."),
    ] = 1,
    filter: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="PROXY:SHARE", help="Train the better part by a score only: naswot:0.5."
        ),
    ] = None,
    enqueue: Annotated[
        list[str] | None, typer.Option("--enqueue", metavar="FILE", help="Measure this network first.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="Read measurements; train nothing.")
    ] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option("--trust", metavar="MODULE:FUNCTION", help="Let the file call this Python function."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="As for `blockdsl train`.")] = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Of the proposals.")] = 0,
) -> None:
    """Search a space for its best networks. Stop it at any time: the same command goes on.

    `blockdsl search residual --data digits --trials 40 --jobs 2`

    `blockdsl best residual-digits -o winners/` writes them.
    """
    from blockdsl.nas.search import search
    from blockdsl.space import Space

    seconds = _seconds(timeout)
    source = read(file, expression)
    space = Space(source, input=dims(shape), settings=assignments(settings))
    name = f"{source.stem or 'network'}-{table.stem if table else data.partition(':')[0]}"
    display = _Display()
    try:
        result = search(
            space, data, trials=trials, jobs=jobs, study=study or name, storage=storage, timeout=seconds,
            sampler=sampler, pruner=pruner, prune_on=prune_on, epochs=epochs, share=share, size=size,
            seeds=seeds, folds=folds, filter=filter, enqueue=[read(name, None) for name in enqueue or []],
            table=table, trust=trust or [], device=device, seed=seed, on_begin=display.begin,
            on_status=display.show,
        )  # fmt: skip
    except KeyboardInterrupt:
        if display.objectives:
            display.close()
            say("stopped; the same command goes on", to_stderr=True)
        raise
    finally:
        display.close()
    assert result.status is not None, "it was searched"
    _summary(result.status, result.location, display.objectives, trials, seconds)


class _Display:
    """A line that changes on a terminal, from the first status on; a line for each trial elsewhere."""

    def __init__(self) -> None:
        self.objectives: Sequence[Objective] = ()
        self._shown: set[int] | None = None
        self._live: Any = None

    def close(self) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()

    def begin(self, continued: Continued) -> None:
        """Tell what became of the trials of a study whose space has changed."""
        self.objectives = continued.objectives
        if continued.changed:
            kept, aside = (
                ", ".join(map(str, numbers)) or "none" for numbers in (continued.kept, continued.aside)
            )
            say(f"the space has changed; trials kept: {kept}; set aside: {aside}")

    def show(self, status: Status) -> None:
        """Tell the trials that have ended since the last time, and on a terminal how far the search is."""
        new = self._new(status)
        if not sys.stderr.isatty():
            for line in new:
                say(line)
            return
        from rich.console import Console
        from rich.text import Text

        if self._live is None:
            self._live = Console(stderr=True, highlight=False).status("searching")
            self._live.start()
        for line in new:
            self._live.console.print(Text(visible(line)))
        self._live.update(Text(visible(_line(status, self.objectives))))

    def _new(self, status: Status) -> list[str]:
        from blockdsl.nas.study.records import MEASURED
        from blockdsl.nas.study.status import trial_text

        ended = {n: (t, r) for n, (t, r) in status.ended.items() if r.outcome in MEASURED}
        shown = self._shown
        new = [trial_text(self.objectives, *ended[n]) for n in ended if shown is not None and n not in shown]
        self._shown = set(ended) if shown is None or new else shown
        return new


def _line(status: Status, objectives: Sequence[Objective]) -> str:
    from blockdsl.nas.study.status import values_text

    left = status.seconds_left
    parts = [f"{status.measured}/{status.target} trials"]
    if left is not None:
        parts.append(f"{left / 60:.0f} min left" if left > 90 else f"{left:.0f} s left")
    if status.best:
        parts.append("best " + values_text(objectives, status.best[0].values))
        parts.append(f"Pareto front {len(status.best)}" if len(objectives) > 1 else "")
    return ", ".join([p for p in parts if p] + [status.words()])


def _summary(
    status: Status,
    location: StudyLocation,
    objectives: Sequence[Objective],
    trials: int,
    seconds: float | None,
) -> None:
    from blockdsl.nas.study.status import values_text

    say(f"{status.measured} trials: {status.words()}")
    if status.measured < trials:
        say(_why_early(status, timeout=seconds is not None and status.spent >= seconds))
    for trial in status.best[:5]:
        say(f"best    trial {trial.number}: {values_text(objectives, trial.values)}")
    study = f"{location.name} --storage {location.storage}" if location.storage else location.name
    if status.crashed:
        say(_crashed(status.crashed, f"blockdsl report {study}"))
    say(f"next    blockdsl best {study} -o winners/", whole=True)


def _crashed(numbers: Sequence[int], report: str) -> str:
    """Which trials crashed, and how the traceback of the first is seen."""
    shown = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5:,} more" if numbers[5:] else "")
    trials = f"trial {shown}" if len(numbers) == 1 else f"trials {shown}"
    return f"crashed {trials}: `{report} --traceback {numbers[0]}` prints the traceback"


def _why_early(status: Status, *, timeout: bool) -> str:
    if timeout:
        return "the time is up; the same command goes on"
    if not status.reasons:
        return "no further network could be found"
    reason, count = status.reasons.most_common(1)[0]
    refused = sum(status.reasons.values())
    return f"no further network worth a trial could be found; {count:,} of {refused:,} refused: {reason}"


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 30m or 8h", param_hint="--timeout")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
