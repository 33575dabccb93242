"""Scores on a scale on which a Gaussian process is at home."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import yeojohnson

from blockdsl.nas.samplers.archive import Array

_EDGE = 1e-4


class Warp:
    """A rising map from scores to targets, and back.

    Shares such as an accuracy become `-log(1 - score)`: from 90 to 95 % is as far as from 95 to
    97.5 %. Everything else takes a power transform (Yeo & Johnson 2000) fitted to what was seen.
    """

    def __init__(self, scores: Array) -> None:
        self.share = bool(len(scores)) and scores.min() >= 0.0 and scores.max() <= 1.0
        self.power, self.scale = 1.0, 1.0
        if not self.share:
            self.centre, self.scale = float(np.median(scores)), float(scores.std()) or 1.0
            if len(scores) >= 8:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.power = float(np.clip(yeojohnson((scores - self.centre) / self.scale)[1], -2.0, 4.0))

    def forward(self, scores: Array) -> Array:
        """Scores -> targets."""
        if self.share:
            return np.asarray(-np.log1p(_EDGE - np.minimum(scores, 1.0)))
        return np.asarray(yeojohnson((scores - self.centre) / self.scale, lmbda=self.power))

    def backward(self, targets: Array) -> Array:
        """Targets -> scores; for a power transform the nearest straight line stays the scale."""
        if self.share:
            return np.asarray(1.0 + _EDGE - np.exp(-targets))
        return targets
