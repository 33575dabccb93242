"""The archive of all candidates that a sampler has met: what they are, as rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from blockdsl.lowering import ChoicePoint, FloatRange, IntRange, Options
from blockdsl.nas.samplers.features import features
from blockdsl.space import Assignment, Candidate
from blockdsl.space.domains import Domain, Value

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

COSTS = ("params", "macs", "activations", "training memory", "depth")
"""Features that are sizes of the whole network; the others describe its form."""

_TRAINING = "train."


@dataclass(frozen=True)
class Entry:
    """A candidate without its graph: what is kept of one that was looked at."""

    assignment: Assignment
    domains: Mapping[str, Domain]
    features: Mapping[str, float]
    figures: Mapping[str, float]
    identity: str
    feasible: bool

    @staticmethod
    def of(candidate: Candidate, feasible: bool) -> Entry:
        """What is kept of a candidate."""
        points: Mapping[str, ChoicePoint] = candidate.points
        figures = {n: v for n, v in candidate.figures.items() if isinstance(v, int | float)}
        return Entry(
            candidate.assignment,
            {path: point.domain for path, point in points.items()},
            features(candidate.program.graph, candidate.summary),
            figures,
            candidate.identity,
            feasible,
        )


class Columns:
    """A matrix that grows by rows, and by columns as new names turn up; what a row lacks is 0."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.count = 0
        self._data: Array = np.zeros((64, 16))

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row."""
        for name in row:
            self.names.setdefault(name, len(self.names))
        rows, columns = self._data.shape
        if self.count == rows or len(self.names) > columns:
            grown = np.zeros((max(rows, 2 * self.count), max(columns, 2 * len(self.names))))
            grown[: self.count, :columns] = self._data[: self.count]
            self._data = grown
        for name, value in row.items():
            self._data[self.count, self.names[name]] = value
        self.count += 1

    @property
    def values(self) -> Array:
        """Rows x columns."""
        return self._data[: self.count, : len(self.names)]


class Archive:
    """All candidates met, by row number. Equal networks are one row, however they were reached."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.row_of: dict[str, int] = {}
        self.choices, self.costs, self.form, self.training = Columns(), Columns(), Columns(), Columns()
        self._blocks: tuple[Array, Array, Array, Array] | None = None

    def add(self, entry: Entry) -> int:
        """The row of an entry; a new one if its network was not met before."""
        known = self.row_of.get(entry.identity)
        if known is not None:
            return known
        row = len(self.entries)
        self.row_of[entry.identity] = row
        self.entries.append(entry)
        inner, settings = _embedded(entry)
        self.choices.append(inner)
        self.training.append(settings)
        self.costs.append({n: v for n, v in entry.features.items() if n in COSTS})
        self.form.append({n: v for n, v in entry.features.items() if n not in COSTS})
        return row

    def blocks(self) -> tuple[Array, Array, Array, Array]:
        """Choices, costs, form and training settings as matrices of rows, each scaled so that two
        rows are about 1 apart; worked out again when the archive has grown.
        """
        if self._blocks is None or len(self._blocks[0]) != len(self.entries):
            choices, training = self.choices.values, self.training.values
            active = 2.0 * float(np.square(choices).sum(axis=1).mean()) if choices.size else 1.0
            self._blocks = (
                choices / max(1.0, active) ** 0.5,
                _evened(standardised(self.costs.values)),
                _evened(standardised(self.form.values)),
                training / max(1.0, training.shape[1] / 2.0) ** 0.5,
            )
        return self._blocks


def _evened(values: Array) -> Array:
    return np.asarray(values / max(1, values.shape[1]) ** 0.5)


def standardised(values: Array) -> Array:
    """Columns of mean 0 and deviation 1; a constant column is 0."""
    deviation = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(deviation > 1e-9, deviation, np.inf))


def _embedded(entry: Entry) -> tuple[dict[str, float], dict[str, float]]:
    """Choices as points of a space in which squared distances count the differences.

    Two options are 1 apart, two numbers the square of their distance over the range; a choice that
    only one of two candidates has is half an option.
    """
    inner: dict[str, float] = {}
    settings: dict[str, float] = {}
    for path, value in entry.assignment.items():
        target = settings if path.startswith(_TRAINING) else inner
        domain = entry.domains[path]
        if isinstance(domain, Options):
            target[f"{path}={domain.texts[int(value)]}"] = 0.5**0.5
        else:
            target[path] = scaled(domain, value)
            target[f"{path}?"] = 0.5**0.5
    return inner, settings


def scaled(domain: IntRange | FloatRange, value: Value) -> float:
    """A number of a range as 0 to 1, in the logarithm where the range says so."""
    low, high, at = (log(v) if domain.log else v for v in (domain.low, domain.high, value))
    return (at - low) / (high - low) if high > low else 0.0


def squared_distances(one: Array, other: Array) -> Array:
    """Squared Euclidean distances, rows of one x rows of the other."""
    if not one.shape[1]:
        return np.zeros((len(one), len(other)))
    lengths = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)[None, :]
    distances: Array = np.maximum(lengths - 2 * one @ other.T, 0.0)
    return distances


def rows(indices: Sequence[int]) -> Rows:
    """Row numbers as an index array."""
    return np.asarray(indices, dtype=np.intp)
