"""A search from Python: a space in, a study of its networks out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from blockdsl.diagnostics import error
from blockdsl.nas.engine.checks import check
from blockdsl.nas.engine.filters import Filter
from blockdsl.nas.engine.handing import packed
from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.runner import run
from blockdsl.nas.result import StudyResult
from blockdsl.nas.study.config import StudyConfig, setting_text
from blockdsl.nas.study.enqueue import assignment_of
from blockdsl.nas.study.status import Status
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import Continued, begin
from blockdsl.resources import find_source
from blockdsl.source import Source
from blockdsl.space import Space

if TYPE_CHECKING:
    from blockdsl.training import Data


def search(
    space: Space | str | Path,
    data: str | Data = "digits",
    *,
    trials: int = 100,
    jobs: int = 1,
    study: str | None = None,
    storage: str | Path | None = None,
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
    enqueue: str | Path | Source | Sequence[str | Path | Source] = (),
    table: str | Path | None = None,
    trust: str | Sequence[str] = (),
    device: str = "auto",
    seed: int = 0,
    on_begin: Callable[[Continued], object] | None = None,
    on_status: Callable[[Status], object] | None = None,
) -> StudyResult:
    """Search a space for its best networks, as `blockdsl search` does. The same call goes on with a study.

    The networks are measured in processes of their own, but for a `table`: in a script, call it under
    `if __name__ == "__main__":`.

    Args:
        space: a `Space`, or the name of a file.
        data: what the networks are trained on, as for `blockdsl train`; or what `blockdsl.training.load`
            returned, for the input of the networks (with `size`, for images of that side). It is copied to
            each process.
        trials: networks to measure in all, those of earlier calls included.
        jobs: processes, which share the cores.
        study: its name; the file's and the data's by default.
        storage: a file or URL that Optuna takes, in place of `runs/STUDY/study.journal`. Weights and lock
            lie in `runs/STUDY` all the same.
        timeout: seconds after which it stops.
        sampler: auto, evolution, local, tpe, nsga2, gp, random or grid.
        pruner, prune_on: none, asha, hyperband or median, on `accuracy` or `loss`.
        epochs: in place of the file's.
        share: part of the training images.
        size: side of the images to train with, smaller than the input.
        seeds, folds: how often each network is trained, and on how many parts it is validated in turn.
        filter: `PROXY:SHARE`, to train the better part by a score only.
        enqueue: networks to measure first: winners' files, or other files of networks that are in the space.
        table: a file of measurements to read in place of training.
        trust: Python functions that the file may call, `module:function`.
        device: as for `blockdsl train`.
        seed: of the proposals.
        on_begin: called when the study has begun or is continued, with what became of its trials.
        on_status: called with the status twice a second (with a `table` after each trial) and at the end.

    Raises:
        ArchError: the space, the data or an option is wrong, or no network of the space meets its limits.

    >>> import contextlib, os, tempfile
    >>> text = "input 1x8x8 net CONV({4, 8},3)-GAP-FC(10) search minimize params"
    >>> with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
    ...     result = search(Space(Source("small.arch", text)), trials=2)
    ...     winner = result.best()[0]
    >>> result.name, winner.scores, winner.candidate.choices
    ('small-digits', 'params 90', {'conv[1].channels': '4'})
    >>> winner.architecture
    <1x8x8 -> 10, 90 parameters, 1,336 MACs>
    """
    space = Space.of(space)
    source = space.source
    if study is None and not source.stem:
        raise error("study", "the space has no file that names the study", help='name it: study="…"')
    settings = {name: setting_text(name, value) for name, value in space.settings.items()}
    name, loaded = (data, None) if isinstance(data, str) else (data.name, data)
    config = StudyConfig(
        source.name, source.text, source.folder, input=space.input, settings=settings, data=name,
        loaded=None if loaded is None else loaded.fingerprint(), epochs=epochs, share=share, size=size,
        seeds=seeds, folds=folds,
        table=None if table is None else str(Path(table).resolve()), trusted=_several(trust), device=device,
    )  # fmt: skip
    how = RunConfig(
        trials, jobs, sampler, pruner, prune_on, Filter.read(filter) if filter else None, timeout, seed
    )
    check(config, space, how, loaded)
    handed = None if loaded is None else packed(loaded)
    sources = [file if isinstance(file, Source) else find_source(file) for file in _several(enqueue)]
    first = [assignment_of(space, source) for source in sources]
    measured_on = name.partition(":")[0] if table is None else Path(table).stem
    location = StudyLocation(
        study or f"{source.stem}-{measured_on}", None if storage is None else str(storage)
    )
    with location.held(), location.accessible():
        continued = begin(location, config, space)
        if on_begin is not None:
            on_begin(continued)
        for assignment in first:
            continued.study.enqueue_trial(assignment, skip_if_exists=True)
        status = run(config, space, location, how, continued.study, on_status or _nothing, handed)
    return StudyResult(location, continued.study, status, continued.kept, continued.aside)


_T = TypeVar("_T", str, str | Path | Source)


def _several(given: _T | Sequence[_T]) -> tuple[_T, ...]:
    """One or several as several: a lone text is no sequence of letters."""
    return (given,) if isinstance(given, str | Path | Source) else tuple(given)


def _nothing(_: Any) -> None:
    """What is called where nobody listens."""
