"""The best trials of a study as files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.study import Study
from optuna.trial import FrozenTrial

from blockdsl.diagnostics import error
from blockdsl.output import Outputs, check_outputs, make_folder
from blockdsl.search.choosing import readable
from blockdsl.search.enqueue import CHOOSE
from blockdsl.search.frozen import frozen_text
from blockdsl.search.objectives import Objective
from blockdsl.search.ranking import front, ranked
from blockdsl.search.records import Record
from blockdsl.search.setup import Setup
from blockdsl.search.space import Candidate, Space
from blockdsl.search.status import values_text
from blockdsl.search.studies import network_of, setup_of
from blockdsl.search.weights import path_of


@dataclass(frozen=True)
class Winner:
    """A trial with its network, its file's text, and its weights where they were kept."""

    trial: FrozenTrial
    candidate: Candidate
    scores: str
    text: str
    weights: Path | None


def winners(
    study: Study, folder: Path, count: int, *, pareto: bool = False, out: Path | None = None
) -> list[Winner]:
    """The best trials: `count` of them, or the whole Pareto front.

    Args:
        study: with at least one trial that was measured and meets all limits.
        folder: the study's, where weights are.
        count: how many, unless `pareto`.
        pareto: all trials that no other beats in every objective.
        out: where their files will lie.

    Raises:
        ArchError: no trial was measured to the end, or the network of one cannot be made again.
    """
    setup = setup_of(study)
    space = setup.space()
    objectives = setup.objectives(space)
    trials = front(study) if pareto else ranked(study)[:count]
    if not trials:
        raise error("study", f"no trial of {study.study_name} was measured to the end and meets all limits")
    return [_winner(study, setup, space, objectives, trial, folder, out) for trial in trials]


def _winner(
    study: Study,
    setup: Setup,
    space: Space,
    objectives: Sequence[Objective],
    trial: FrozenTrial,
    folder: Path,
    out: Path | None,
) -> Winner:
    candidate = network_of(space, trial)
    record = Record.of(trial)
    assert record is not None, "a ranked trial has a record"
    scores = values_text(objectives, trial.values)
    choices = readable(candidate.points, candidate.assignment)
    comments = [
        f"Found by blockdsl search in {Path(setup.name).name}:",
        f"study {study.study_name}, trial {trial.number}.",
        f"{scores} {setup.words(record.epochs, candidate.program.recipe.seed)}.",
        *(f"{CHOOSE.removeprefix('# ')}{path}={' '.join(text.split())}" for path, text in choices.items()),
    ]
    text = frozen_text(space, candidate, folder=out, comments=comments)
    weights = path_of(folder, study, trial.number)
    return Winner(trial, candidate, scores, text, weights if weights.exists() else None)


def write(winner: Winner, out: Path) -> list[Path]:
    """Write a winner's file, and its weights beside it.

    Raises:
        ArchError: the folder cannot be written.
    """
    path = out / f"trial{winner.trial.number}.arch"
    beside = path.with_suffix(".safetensors")
    outputs = [path, beside] if winner.weights else [path]
    make_folder(out)
    check_outputs(outputs, [winner.weights])
    with Outputs() as together:
        with together.replacing(path) as part:
            part.write_text(winner.text, encoding="utf-8", newline="\n")
        if winner.weights:
            with together.replacing(beside) as part:
                shutil.copyfile(winner.weights, part)
    return outputs
