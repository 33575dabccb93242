"""What is refused before a search begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.table import Table
from blockdsl.nas.objectives.limits import wanted
from blockdsl.nas.samplers.by_name import check_sampler
from blockdsl.nas.study.config import StudyConfig
from blockdsl.space import Space
from blockdsl.space.feasibility import feasible

if TYPE_CHECKING:
    from blockdsl.training import Data


def check(config: StudyConfig, space: Space, run: RunConfig, loaded: Data | None = None) -> None:
    """Refuse at once what cannot work.

    Raises:
        ArchError: a number is out of range; a sampler, pruner, objective, function or device is not there; no
            network of the space meets its limits; a first network does not fit the data; a table lacks an
            objective.
    """
    config.check()
    run.check()
    check_sampler(run.sampler, space)
    measured = [o for o in wanted(space, config.objectives(space)) if o.kind != "static"]
    candidate = feasible(space)
    if config.table is not None:
        Table(Path(config.table)).check(space, [o.name for o in measured])
    elif measured or run.filter:
        from blockdsl.nas.engine.evaluation import Evaluator

        scores = [run.filter.objective] if run.filter else []
        Evaluator(config, [*measured, *scores], loaded).check(candidate.frozen_program())
