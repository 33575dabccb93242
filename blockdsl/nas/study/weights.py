"""The weights of a study's best trials, beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.study import Study

from blockdsl.nas.optuna_private import study_id
from blockdsl.nas.study.ranking import front, ranked
from blockdsl.output import make_folder

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 10
"""Besides the Pareto front, the weights of so many trials are kept."""


def path_of(folder: Path, study: Study, number: int) -> Path:
    """Where a trial's weights lie; each generation of a study has its own."""
    return folder / "weights" / f"{study_id(study)}-{number}.safetensors"


def keep(study: Study, folder: Path, number: int, weights: Mapping[str, Tensor]) -> None:
    """Save a trial's weights, if it is among the best; remove those that are no more.

    Raises:
        ArchError: the folder cannot be written.
    """
    from blockdsl.training.checkpoint import save_weights

    best = {trial.number for trial in [*front(study), *ranked(study)[:KEPT]]}
    if number not in best:
        return
    place = path_of(folder, study, number)
    make_folder(place.parent)
    save_weights(place, dict(weights))
    names = {path_of(folder, study, n).name for n in best}
    for other in place.parent.glob(f"{study_id(study)}-*.safetensors"):
        if other.name not in names:
            other.unlink(missing_ok=True)
