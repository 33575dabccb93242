"""Choices as the few levels that can be set against each other: options, numbers, thirds of a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from blockdsl.nas.objectives import Objective

MANY = 8
"""A range of more numbers is looked at in thirds."""


@dataclass(frozen=True)
class Level:
    """An option by its text, or the numbers from `low` to `high`; without the upper end, if it is `open`."""

    text: str
    low: float = 0.0
    high: float = 0.0
    open: bool = False

    def holds(self, value: Any) -> bool:
        """Whether a decision is of this level."""
        if isinstance(value, str):
            return value == self.text
        return bool(self.low <= value < self.high if self.open else self.low <= value <= self.high)


@dataclass(frozen=True)
class Choice:
    """A choice by its path, and its levels in the order of the file."""

    path: str
    levels: tuple[Level, ...]

    def decides_on(self, objective: Objective) -> bool:
        """Whether it can change an objective: how it is trained changes nothing that is known of a graph."""
        return objective.kind != "static" or not self.path.startswith("train.")

    def level(self, params: dict[str, Any]) -> int | None:
        """The place of what was decided; None if this choice was not come to."""
        if self.path not in params:
            return None
        value = params[self.path]
        return next((i for i, level in enumerate(self.levels) if level.holds(value)), None)


def choices(trials: Sequence[FrozenTrial]) -> list[Choice]:
    """The choices that trials came to, in the order in which they were come to.

    The options of one that differ between trials (they may depend on another choice) are joined.
    """
    found: dict[str, list[BaseDistribution]] = {}
    for trial in trials:
        for path, distribution in trial.distributions.items():
            known = found.setdefault(path, [])
            if distribution not in known:
                known.append(distribution)
    return [Choice(path, tuple(_levels(kinds))) for path, kinds in found.items()]


def _levels(kinds: Sequence[BaseDistribution]) -> list[Level]:
    texts = [text for kind in kinds if isinstance(kind, CategoricalDistribution) for text in kind.choices]
    options = [Level(str(text)) for text in dict.fromkeys(texts)]
    whole = [kind for kind in kinds if isinstance(kind, IntDistribution)]
    ranges = [kind for kind in kinds if isinstance(kind, FloatDistribution)]
    numbers = sorted({n for kind in whole for n in range(kind.low, kind.high + 1, kind.step)})
    log = any(kind.log for kind in whole) or any(kind.log for kind in ranges)
    if ranges:
        low, high = min(kind.low for kind in ranges), max(kind.high for kind in ranges)
        return options + _real_thirds(min([low, *numbers]), max([high, *numbers]), log)
    if len(numbers) > MANY:
        return options + _whole_thirds(numbers, log)
    return options + [Level(str(n), n, n) for n in numbers]


def _whole_thirds(numbers: Sequence[int], log: bool) -> list[Level]:
    place = np.searchsorted(_edges(numbers[0], numbers[-1], log), numbers, side="right")
    groups = [[n for n, p in zip(numbers, place, strict=True) if p == third] for third in range(3)]
    return [Level(f"{group[0]} to {group[-1]}", group[0], group[-1]) for group in groups if group]


def _real_thirds(low: float, high: float, log: bool) -> list[Level]:
    if low == high:
        return [Level(f"{low:g}", low, high)]
    edges = _edges(low, high, log)
    for digits in range(2, 17):
        bounds = [low, *(float(f"{edge:.{digits}g}") for edge in edges), high]
        if all(a < b for a, b in pairwise(bounds)):
            break
    return [Level(f"{a:g} to {b:g}", a, b, open=b < high) for a, b in pairwise(bounds)]


def _edges(low: float, high: float, log: bool) -> list[float]:
    """What divides a range into thirds, in the logarithm where it is searched so."""
    spaced = np.geomspace(low, high, 4) if log else np.linspace(low, high, 4)
    return [float(edge) for edge in spaced[1:-1]]
