"""A search from Python: a space in, a study of its networks out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blockdsl.nas.engine.checks import check
from blockdsl.nas.engine.filters import Filter
from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.runner import run
from blockdsl.nas.result import StudyResult
from blockdsl.nas.space import Space
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.enqueue import assignment_of
from blockdsl.nas.study.status import Status
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import Continued, begin
from blockdsl.resources import find_source
from blockdsl.source import Source


def search(
    space: Space | str | Path,
    data: str = "digits",
    *,
    trials: int = 100,
    jobs: int = 1,
    study: str | None = None,
    storage: str | None = None,
    timeout: float | None = None,
    sampler: str = "auto",
    pruner: str = "none",
    prune_on: str = "accuracy",
    epochs: int | None = None,
    share: float = 1.0,
    size: int | None = None,
    seeds: int = 1,
    folds: int = 1,
    filter: str | None = None,
    enqueue: Sequence[str | Path | Source] = (),
    table: str | Path | None = None,
    trust: Sequence[str] = (),
    device: str = "auto",
    seed: int = 0,
    on_begin: Callable[[Continued], object] | None = None,
    on_status: Callable[[Status], object] | None = None,
) -> StudyResult:
    """Search a space for its best networks, as `blockdsl search` does. The same call goes on with a study.

    With more than one network to train this begins processes: in a script, call it under
    `if __name__ == "__main__":`.

    Args:
        space: a `Space`, or the name of a file.
        data: what the networks are trained on, as for `blockdsl train`.
        trials: networks to measure in all, those of earlier calls included.
        jobs: processes, which share the cores.
        study: its name; the file's and the data's by default.
        storage: a file or URL that Optuna takes, in place of `runs/STUDY/study.journal`.
        timeout: seconds after which it stops.
        sampler: auto, evolution, local, tpe, nsga2, gp, random or grid.
        pruner, prune_on: none, asha, hyperband or median, on `accuracy` or `loss`.
        epochs: in place of the file's.
        share: part of the training images.
        size: side of the images to train with, smaller than the input.
        seeds, folds: how often each network is trained, and on how many parts it is validated in turn.
        filter: `PROXY:SHARE`, to train the better part by a score only.
        enqueue: networks to measure first: files of the space's.
        table: a file of measurements to read in place of training.
        trust: Python functions that the file may call, `module:function`.
        device: as for `blockdsl train`.
        seed: of the proposals.
        on_begin: called with the study when it has begun or is continued.
        on_status: called with the status twice a second and at the end.

    Raises:
        ArchError: the space, the data or an option is wrong, or no network of the space meets its limits.

    >>> import contextlib, os, tempfile
    >>> text = "input 1x8x8 net CONV({4, 8},3)-GAP-FC(10) search minimize params"
    >>> with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
    ...     result = search(Space(Source("small.arch", text)), trials=2)
    ...     print(result.name, result.best()[0].scores)
    small-digits params 90
    """
    space = space if isinstance(space, Space) else Space.load(space)
    source = space.source
    rows = None if table is None else Path(table).resolve()
    config = StudyConfig(
        source.name, source.text, source.folder, input=space.input, settings=space.settings, data=data,
        epochs=epochs, share=share, size=size, seeds=seeds, folds=folds,
        table=None if rows is None else str(rows), trusted=tuple(trust), device=device,
    )  # fmt: skip
    how = RunConfig(
        trials, jobs, sampler, pruner, prune_on, Filter.read(filter) if filter else None, timeout, seed
    )
    check(config, space, how)
    measured_on = data.partition(":")[0] if rows is None else rows.stem
    location = StudyLocation(study or f"{source.stem or 'network'}-{measured_on}", storage)
    with location.held(), location.accessible():
        continued = begin(location, config, space)
        if on_begin is not None:
            on_begin(continued)
        for file in enqueue:
            known = file if isinstance(file, Source) else find_source(file)
            continued.study.enqueue_trial(assignment_of(space, known), skip_if_exists=True)
        status = run(config, space, location, how, continued.study, on_status or _nothing)
    return StudyResult(location, continued.study, status)


def _nothing(_: Any) -> None:
    """What is called where nobody listens."""
