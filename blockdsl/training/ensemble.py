"""Ensembles: members that differ by seed, and what their averaged softmax is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from blockdsl.recipe import Recipe
from blockdsl.training.checkpoint import LAST
from blockdsl.training.data import Data, Split
from blockdsl.training.evaluate import accuracy, predict
from blockdsl.training.loop import fit
from blockdsl.training.results import Result
from blockdsl.training.runtime import mixed_seed


@dataclass(frozen=True)
class EnsembleResult:
    """Each member's run, and the accuracy of the mean of their class probabilities.

    A member that diverged in its first epoch has no weights to ask and is left out of the mean.
    `test_accuracy` is None where the data set has no test images.
    """

    members: tuple[Result, ...]
    accuracy: float
    test_accuracy: float | None


def fit_ensemble(
    make_module: Callable[[], nn.Module],
    n: int,
    data: Data,
    recipe: Recipe,
    *,
    seed: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> EnsembleResult:
    """Train n members whose initial weights and order of images differ by seed (seed, seed + 1, …).

    AlexNet's 16.4% is such an average of five (Krizhevsky et al., 2012, section 6).

    Args:
        make_module: makes a freshly initialised module from torch's global generator.
        n: how many members.
        data: from `load`.
        recipe: how each one is trained.
        seed: the first member's; the recipe's by default.
        out: member i writes into `out/member{i}`, i counted from 1.
        resume: go on where the members' checkpoints in `out` end; members not yet begun begin.
        device: as for `fit`.
        options: the other arguments of `fit`.

    Raises:
        ArchError: as `fit`.
    """
    first = recipe.seed if seed is None else seed
    members: list[Result] = []
    splits: dict[str, Split] = {"validation": data.validation, **({"test": data.test} if data.test else {})}
    sums = {name: torch.zeros(len(split.labels), data.classes) for name, split in splits.items()}
    for index in range(n):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(first + index))
            module = make_module()
        folder = None if out is None else out / f"member{index + 1}"
        begun = index == 0 or (folder is not None and (folder / LAST).exists())
        options_of = {**options, "seed": first + index, "out": folder, "device": device}
        members.append(fit(module, data, recipe, resume=resume and begun, **options_of))
        if not members[-1].history:
            continue
        for name, split in splits.items():
            sums[name] = sums[name] + predict(module, data, recipe, split, device=device)
    means = {name: accuracy(sums[name], split.labels) for name, split in splits.items()}
    return EnsembleResult(tuple(members), means["validation"], means.get("test"))
