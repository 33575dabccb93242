"""What each choice was worth: the effects of options, the other choices being equal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blockdsl.nas.objectives import Objective
from blockdsl.nas.report.factor_levels import Choice
from blockdsl.nas.report.findings import Ended

ENOUGH = 10
"""Fewer networks say nothing of what a choice was worth."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What an option adds to an objective, against another option of the same choice, on average.

    Attributes:
        size: the difference; where the model is of logarithms, the relative one (0.5: half as much again).
        error: its standard error, in the same unit: the posterior's or the jackknife's, whichever is larger.
    """

    size: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether it is more than twice its standard error."""
        return abs(self.size) > 2 * self.error


@dataclass(frozen=True)
class Effects:
    """The effects of all options on one objective.

    Attributes:
        of: for each choice, for each of its levels; None for an option that cannot be compared.
        explained: the share of the variance that the model predicts of networks left out of it.
        relative: whether it is a model of logarithms.
    """

    of: Sequence[Sequence[Effect | None]]
    explained: float
    relative: bool


def effects(choices: Sequence[Choice], done: Sequence[Ended], objective: Objective) -> Effects | None:
    """Estimate the effects of all options on an objective together, so that each is adjusted for the others.

    The model is additive: a constant, and a weight for each option that a network decided on. Costs (and
    latencies) are modelled in their logarithm, since a width multiplies them. The weights have a normal
    prior whose width, like that of the noise, is what makes the measurements most likely (MacKay,
    "Bayesian Interpolation", Neural Computation 4, 1992; scikit-learn's BayesianRidge): with few
    networks effects are drawn to zero, and choices that always went together share theirs. The effect of
    an option is its weight less the mean weight of the other options tried. What is said in `train` cannot
    change what is known of the graph, and is left out there.

    The model is too simple for most spaces, so that its posterior alone would be too sure of an option of
    one network: the jackknife (leaving out one network at a time; MacKinnon & White, Journal of
    Econometrics 29, 1985) knows better. `explained` is R² of predicting each network from all the others.

    Returns:
        None where fewer than `ENOUGH` networks were measured, or all are alike.
    """
    rows = [(e, value) for e in done if (value := e.value(objective)) is not None]
    relative = objective.kind in ("static", "latency") and all(value > 0 for _, value in rows)
    y = np.array([math.log(value) if relative else value for _, value in rows])
    if len(rows) < ENOUGH or np.ptp(y) == 0:
        return None
    known = [choice if choice.decides_on(objective) else None for choice in choices]
    x, columns = _indicators(known, [e for e, _ in rows])
    if x.shape[1] == 0:
        return None
    from sklearn.linear_model import BayesianRidge

    # In units of the spread, so that priors and tolerances do not depend on the objective's unit.
    scale = float(y.std())
    model = BayesianRidge(tol=1e-6, max_iter=1000).fit(x, y / scale)
    alone = _alone(x, y / scale, model.sigma_ * model.alpha_)
    weights = model.coef_ * scale
    covariances = (model.sigma_ * scale**2, alone.moves.T @ alone.moves * scale**2)
    found = []
    for mine in columns:
        tried = [column for column in mine if column is not None]
        found.append([_effect(column, tried, weights, covariances, relative) for column in mine])
    return Effects(found, alone.explained, relative)


def _indicators(
    choices: Sequence[Choice | None], done: Sequence[Ended]
) -> tuple[Array, list[list[int | None]]]:
    """A column for each option that was tried (networks x options), and which column is whose."""
    found: list[Array] = []
    columns: list[list[int | None]] = []
    for choice in choices:
        if choice is None:
            columns.append([])
            continue
        taken = [choice.level(e.trial.params) for e in done]
        mine: list[int | None] = []
        for place in range(len(choice.levels)):
            mine.append(len(found) if place in taken else None)
            if place in taken:
                found.append(np.array([float(t == place) for t in taken]))
        columns.append(mine)
    return (np.stack(found, axis=1) if found else np.zeros((len(done), 0))), columns


def _effect(
    column: int | None, tried: Sequence[int], weights: Array, covariances: Sequence[Array], relative: bool
) -> Effect | None:
    if column is None or len(tried) < 2:
        return None
    contrast = np.zeros(len(weights))
    contrast[list(tried)] = -1 / (len(tried) - 1)
    contrast[column] = 1
    size = float(contrast @ weights)
    error = math.sqrt(max(0.0, *(float(contrast @ covariance @ contrast) for covariance in covariances)))
    return Effect(math.expm1(size), math.exp(size) * error) if relative else Effect(size, error)


class _Alone(NamedTuple):
    """What leaving out one network at a time does: to each weight (networks x options), to predictions."""

    moves: Array
    explained: float


def _alone(x: Array, y: Array, inverse: Array) -> _Alone:
    """Leave-one-out in closed form: the residual of a prediction is over one less the leverage.

    Args:
        x: networks x options.
        y: networks.
        inverse: (XᵀX + λ/α)⁻¹ of the centred x.
    """
    count = len(y)
    centred = x - x.mean(axis=0)
    hat = centred @ inverse @ centred.T + 1 / count
    residuals = (y - hat @ y) / np.maximum(1 - np.diag(hat), 1e-9)
    plain = (y - y.mean()) / (1 - 1 / count)
    explained = 1 - float(residuals @ residuals) / float(plain @ plain)
    return _Alone(residuals[:, None] * (centred @ inverse), explained)
