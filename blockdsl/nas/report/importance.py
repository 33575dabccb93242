"""How much each choice decides on reaching the best values of an objective."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from blockdsl.nas.objectives import Objective
from blockdsl.nas.report.effects import ENOUGH
from blockdsl.nas.report.factor_levels import choices
from blockdsl.nas.report.findings import Ended

TOP, LEAST = 0.1, 5
"""The best share that importances are about; Optuna asks for at least five trials in it."""


def top(count: int) -> int:
    """How many of so many networks are the best ones."""
    return max(LEAST, round(TOP * count))


def importances(done: Sequence[Ended], objective: Objective) -> dict[str, float] | None:
    """The share of each choice in what decides whether a network is among the best of an objective.

    PED-ANOVA (Watanabe, Bansal & Hutter, IJCAI 2023, arXiv:2304.10255) in the version for choices that
    not every network comes to (arXiv:2601.20800), as in Optuna: how different the best networks'
    decisions are from all networks'. The sum is 1. A choice that cannot change the objective has none.

    Returns:
        None where fewer than `ENOUGH` networks were measured, or all are alike.
    """
    rows = [(e.trial, value) for e in done if (value := e.value(objective)) is not None]
    if len(rows) < ENOUGH or len({value for _, value in rows}) == 1:
        return None
    able = [choice.path for choice in choices([trial for trial, _ in rows]) if choice.decides_on(objective)]
    study = optuna.create_study(direction=objective.direction)
    study.add_trials(
        [create_trial(value=value, params=t.params, distributions=t.distributions) for t, value in rows]
    )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=top(len(rows)) / len(rows))
    with warnings.catch_warnings():
        # It says that a choice of one or two networks may be inaccurate; the page shows how many there are.
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=evaluator, params=able) or None
