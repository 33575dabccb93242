"""What is expected of candidates in one measured quantity, given its measurements so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockdsl.nas.samplers.archive import Archive, Array, Rows, rows, squared_distances
from blockdsl.nas.samplers.regression import Distances, GaussianProcess
from blockdsl.nas.samplers.warp import Warp

ITERATIONS, FEWER, MANY = 12, 4, 60
"""Steps of the fit of the kernel's parameters from the last ones on; fewer where there are many rows,"""
OFTEN = 20
"""and then only as often as the rows have grown by a twentieth: one row of many changes little."""


@dataclass(frozen=True)
class Observation:
    """A measurement at a row: larger is better; None where it failed. `fidelity` 1 is a whole training."""

    row: int
    value: float | None
    fidelity: float = 1.0


@dataclass(frozen=True)
class Prediction:
    """Normal distributions on the warped scale.

    Attributes:
        mean, deviation: of the candidates that were asked for.
        seen: the means at the observations, as of whole trainings and without noise.
        warp: between scores and this scale.
    """

    mean: Array
    deviation: Array
    seen: Array
    warp: Warp


class Surrogate:
    """A Gaussian process of one quantity over the rows of an archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.process = archive, GaussianProcess()
        self._age = 0

    def predict(self, done: Sequence[Observation], running: Rows, wanted: Rows) -> Prediction:
        """What is expected at wanted rows.

        Args:
            done: at least one of them with a value.
            running: rows that are being measured.
            wanted: rows to predict.
        """
        warp, targets = _targets(done)
        fidelity = np.log2([o.fidelity for o in done])
        at = rows([o.row for o in done])
        among = self._distances(at, at, fidelity, fidelity)
        self.process.fit(among, targets, iterations=self._iterations(len(done)))
        if len(running):
            # What runs already counts as measured with the mean expected of it (kriging believer).
            whole = np.zeros(len(running))
            believed, _ = self.process.predict(self._distances(running, at, whole, fidelity))
            at, fidelity = np.concatenate([at, running]), np.concatenate([fidelity, whole])
            targets = np.concatenate([targets, believed])
            self.process.fit(self._distances(at, at, fidelity, fidelity), targets, iterations=0)
        measured = at[: len(done)]
        asked = np.concatenate([wanted, measured])
        mean, deviation = self.process.predict(self._distances(asked, at, np.zeros(len(asked)), fidelity))
        count = len(wanted)
        return Prediction(mean[:count], deviation[:count], mean[count:], warp)

    def _iterations(self, count: int) -> int:
        if count < MANY:
            return ITERATIONS
        self._age += 1
        return FEWER if self._age % (count // OFTEN) == 0 else 0

    def _distances(self, one: Rows, other: Rows, first: Array, second: Array) -> Distances:
        blocks = (squared_distances(block[one], block[other]) for block in self.archive.blocks())
        choices, costs, form, training = blocks
        return Distances(choices, costs, form, training, np.square(first[:, None] - second[None, :]))


def _targets(done: Sequence[Observation]) -> tuple[Warp, Array]:
    """Warped values; what failed is as bad as the worst."""
    scores = np.array([o.value for o in done if o.value is not None])
    warp = Warp(scores)
    warped = warp.forward(scores)
    targets = np.full(len(done), warped.min())
    targets[[o.value is not None for o in done]] = warped
    return warp, targets
