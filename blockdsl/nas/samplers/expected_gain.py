"""What measuring a candidate is worth: improvement expected, times the chance to meet the limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from blockdsl.nas.samplers.acquisition import (
    hypervolume_gain,
    log_expected_improvement,
    nodes,
    nondominated,
)
from blockdsl.nas.samplers.archive import Archive, Array, Rows, rows
from blockdsl.nas.samplers.goals import Goal, Measured
from blockdsl.nas.samplers.surrogate import Observation, Prediction, Surrogate

Mask = NDArray[np.bool_]

FRONT = 40
"""A front of three or more goals is thinned to so many points: the work grows with their square."""


class ExpectedGain:
    """Models of the goals and limits that are measured; they keep their parameters between proposals."""

    def __init__(self, archive: Archive, goals: Sequence[Goal]) -> None:
        self.archive, self.goals = archive, tuple(goals)
        # What is known exactly comes last: the slabs of the hypervolume are cut along it.
        self.order = sorted(range(len(goals)), key=lambda i: goals[i].static)
        self.models: dict[str, Surrogate] = {}

    def of(self, done: Sequence[Measured], running: Rows, free: Rows) -> Array:
        """Logarithms of what free rows are worth, given what was measured and what runs."""
        chance = self._log_chance(done, running, free)
        met = np.array([r.known and r.met for r in done])
        if not met.any():
            return chance
        predictions = {
            i: self._predict(goal.name, self._observed(i, done), running, free)
            for i, goal in enumerate(self.goals)
            if not goal.static
        }
        if len(self.goals) == 1 and predictions:
            only = predictions[0]
            best = float(only.seen[met].max())
            return log_expected_improvement(only.mean, only.deviation, best) + chance
        gain = self._front_gain(predictions, done, met, free)
        return np.asarray(np.log(np.maximum(gain, 1e-300)) + chance)

    def _observed(self, index: int, done: Sequence[Measured]) -> list[Observation]:
        sign = self.goals[index].sign
        return [
            Observation(r.row, None if r.scores is None or r.failed else sign * r.scores[index], r.fidelity)
            for r in done
        ]

    def _predict(self, name: str, observed: Sequence[Observation], running: Rows, free: Rows) -> Prediction:
        model = self.models.setdefault(name, Surrogate(self.archive))
        return model.predict(observed, running, free)

    def _log_chance(self, done: Sequence[Measured], running: Rows, free: Rows) -> Array:
        """Logarithm of the probability to meet all measured limits (Gardner et al. 2014), independent."""
        chance = np.zeros(len(free))
        for name in dict.fromkeys(name for r in done for name in r.limits):
            observed = [Observation(r.row, -r.limits[name], r.fidelity) for r in done if name in r.limits]
            found = self._predict(f"limit {name}", observed, running, free)
            edge = float(found.warp.forward(np.zeros(1))[0])
            chance += norm.logcdf((found.mean - edge) / found.deviation)
        return chance

    def _front_gain(
        self, predictions: dict[int, Prediction], done: Sequence[Measured], met: Mask, free: Rows
    ) -> Array:
        """Expected growth of the hypervolume; goals known before measuring are exact."""
        draws, weights = nodes(len(predictions))
        points: list[Array] = []
        reached: list[Array] = []
        worst: list[float] = []
        for i in self.order:
            if i in predictions:
                found = predictions[i]
                normal = draws[:, len(points)]
                points.append(found.warp.backward(found.mean[:, None] + found.deviation[:, None] * normal))
                reached.append(found.warp.backward(found.seen))
                worst.append(float(reached[-1].min()))
            else:
                points.append(self._figures(i, free)[:, None])
                reached.append(self._figures(i, rows([r.row for r in done])))
                worst.append(float(min(reached[-1].min(), points[-1].min())))
        front = nondominated(np.stack(reached, axis=1)[met])
        if len(points) > 2 and len(front) > FRONT:
            front = front[np.linspace(0, len(front) - 1, FRONT).round().astype(int)]
        return np.asarray(hypervolume_gain(points, front, np.array(worst)) @ weights)

    def _figures(self, index: int, wanted: Rows) -> Array:
        goal = self.goals[index]
        return goal.sign * np.array([self.archive.entries[row].figures[goal.name] for row in wanted])
