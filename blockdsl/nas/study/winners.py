"""The best trials of a study as files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from optuna.study import Study
from optuna.trial import FrozenTrial

from blockdsl import api
from blockdsl.architecture import Architecture
from blockdsl.diagnostics import error
from blockdsl.nas.objectives import Objective
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.enqueue import CHOOSE
from blockdsl.nas.study.ranking import front, ranked
from blockdsl.nas.study.records import Record
from blockdsl.nas.study.status import values_text
from blockdsl.nas.study.studies import config_of, network_of
from blockdsl.nas.study.weights import path_of
from blockdsl.output import Outputs, check_outputs, make_folder
from blockdsl.source import Source
from blockdsl.space import Candidate, Space


@dataclass(frozen=True)
class Winner:
    """One of the best networks of a study.

    Attributes:
        trial: Optuna's.
        candidate: the network, with the choices that lead to it.
        scores: what was measured, in words.
        comments: where the network is from, and its choices; they begin its file.
        text: the network as an `.arch` file beside the space's.
        weights: the file with its weights, where they were kept.
    """

    trial: FrozenTrial
    candidate: Candidate
    scores: str
    comments: tuple[str, ...]
    text: str
    weights: Path | None

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"trial{self.trial.number}.arch"

    @cached_property
    def architecture(self) -> Architecture:
        """The network as `blockdsl.load` reads it from the file that `write` writes.

        `winner.architecture.module(weights=winner.weights)` has the weights that were measured.
        """
        folder = self.candidate.program.file.span.source.folder
        return api.architecture(Source(self.file_name, self.text, folder))

    def write(self, folder: str | Path) -> list[Path]:
        """Write the network's file, and its weights beside it; what the file uses is found from there.

        Returns:
            The paths that were written.

        Raises:
            ArchError: the folder cannot be written.
        """
        out = Path(folder)
        path = out / self.file_name
        beside = path.with_suffix(".safetensors")
        outputs = [path, beside] if self.weights else [path]
        make_folder(out)
        text = self.candidate.text(folder=out, comments=self.comments)
        check_outputs(outputs, [self.weights])
        with Outputs() as together:
            with together.replacing(path) as part:
                part.write_text(text, encoding="utf-8", newline="\n")
            if self.weights:
                with together.replacing(beside) as part:
                    shutil.copyfile(self.weights, part)
        return outputs


def winners(study: Study, folder: Path, count: int, *, pareto: bool = False) -> list[Winner]:
    """The best trials: `count` of them, or the whole Pareto front.

    Args:
        study: with at least one trial that was measured and meets all limits.
        folder: the study's, where weights are.
        count: how many, unless `pareto`.
        pareto: all trials that no other beats in every objective.

    Raises:
        ArchError: no trial was measured to the end, or the network of one cannot be made again.
    """
    if count < 1:
        raise error("study", f"a count is 1 or more, not {count}")
    config = config_of(study)
    space = config.space()
    objectives = config.objectives(space)
    trials = front(study) if pareto else ranked(study)[:count]
    if not trials:
        raise error("study", f"no trial of {study.study_name} was measured to the end and meets all limits")
    return [_winner(study, config, space, objectives, trial, folder) for trial in trials]


def _winner(
    study: Study,
    config: StudyConfig,
    space: Space,
    objectives: Sequence[Objective],
    trial: FrozenTrial,
    folder: Path,
) -> Winner:
    candidate = network_of(space, trial)
    record = Record.of(trial)
    assert record is not None, "a ranked trial has a record"
    scores = values_text(objectives, trial.values)
    lines = [f"{path}={' '.join(text.split())}" for path, text in candidate.choices.items()]
    comments = [
        f"Found by blockdsl search in {Path(config.name).name}:",
        f"study {study.study_name}, trial {trial.number}.",
        f"{scores} {config.words(record.epochs, candidate.program.recipe.seed)}.",
        *(f"{CHOOSE.removeprefix('# ')}{line}" for line in lines),
    ]
    text = candidate.text(comments=comments)
    weights = path_of(folder, study, trial.number)
    return Winner(trial, candidate, scores, tuple(comments), text, weights if weights.exists() else None)
