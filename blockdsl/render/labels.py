"""Places for the names of points: beside them, where neither a mark nor another name is.

All lengths are points of 1/72 inch, all boxes (left, bottom, right, top).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
_Boxes = NDArray[np.float64]

_GAP = 2.5
"""Between a name and anything else."""
_DIRECTIONS = 24
_STEPS = (0.0, 4.0, 9.0, 15.0, 22.0, 30.0, 40.0, 52.0, 66.0, 82.0)
"""Distances of a name from its mark; on from there by the last step."""
_LINE_FROM, _LINE_FROM_NEAR = 9.0, 4.0
"""A name that is at least so far from its mark has a line to it; the second if another mark is near."""
_CROSSING = 45.0
"""What a line across another mark counts, as a distance."""
_BESIDE = 6.0
"""A name that is so near to another mark may be taken for that one's; it counts as so much farther."""
_THROUGH = 1000.0
"""What a line through a name or the middle of another mark counts: it would be read as that one's."""
_MIDDLE = 4.0
"""A line that is so near to the middle of a mark seems to lead to it."""
_CROWD = 60.0
"""Marks that are nearer than this are around a point."""
_TRIES = 8


@dataclass(frozen=True)
class Point:
    """A mark with a name to place: its middle, half its width, and the size of its name."""

    x: float
    y: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """Where a name goes, and the line from its mark to it, if it is not right beside it."""

    box: Box
    line: Box | None


def place(
    points: Sequence[Point], marks: Sequence[Box], area: Box, farthest: float = 66.0, *, strict: bool = True
) -> list[Label] | None:
    """A place inside `area` for every name, clear of all `marks` and names; None if one finds none.

    No name is farther from its mark than `farthest`. Unless it is `strict`, lines may run behind names and
    over the middles of other marks where there is no other way. Each takes the nearest place that is free.
    The points with the most marks around them choose first, and one that found no place chooses before all
    others in the next try.
    """
    obstacles = np.array(marks, dtype=float).reshape(-1, 4)
    middles = (obstacles[:, :2] + obstacles[:, 2:]) / 2
    crowd = [int((np.hypot(*(middles - (p.x, p.y)).T) < _CROWD).sum()) for p in points]
    order = sorted(range(len(points)), key=lambda index: -crowd[index])
    places = [_Places(point, obstacles, middles, area, farthest) for point in points]
    for _ in range(_TRIES):
        found: dict[int, Label] = {}
        for index in order:
            label = places[index].nearest(list(found.values()), strict)
            if label is None:
                order.remove(index)
                order.insert(0, index)
                break
            found[index] = label
        else:
            return [found[index] for index in range(len(points))]
    return None


class _Places:
    """The places around one mark that are clear of all marks, nearest first."""

    def __init__(self, point: Point, marks: _Boxes, middles: _Boxes, area: Box, farthest: float) -> None:
        boxes, distances = _candidates(point, farthest)
        left, bottom, right, top = boxes.T
        free = (left >= area[0]) & (bottom >= area[1]) & (right <= area[2]) & (top <= area[3])
        free[free] &= ~_overlap(boxes[free], marks).any(axis=1)
        self.point, self.boxes, self.distances = point, boxes[free], distances[free]
        here = np.array([point.x, point.y])
        self.others = marks[((marks[:, :2] > here) | (marks[:, 2:] < here)).any(axis=1)]
        self.middles = middles[np.hypot(*(middles - here).T) > _MIDDLE]
        self.beside: NDArray[np.bool_] = np.atleast_1d(_overlap(self.boxes, self.others, _BESIDE).any(axis=1))
        self.known: dict[int, tuple[Label, _Boxes, float]] = {}

    def nearest(self, labels: list[Label], strict: bool) -> Label | None:
        """The best place beside labels that have theirs."""
        names = np.array([label.box for label in labels], dtype=float).reshape(-1, 4)
        free = ~_overlap(self.boxes, names).any(axis=1)
        paths = [_samples(label.line) for label in labels if label.line]
        lines = np.concatenate(paths) if paths else np.empty((0, 2))
        best, least = None, _THROUGH if strict else math.inf
        for index in map(int, np.flatnonzero(free)):
            if self.distances[index] >= least:
                break
            label, path, score = self._label(index)
            if score < least:
                score += _THROUGH * _inside(lines, self.boxes[index : index + 1]).any()
                score += _THROUGH * _inside(path, names).any(axis=0).sum()
            if score < least:
                best, least = label, score
        return best

    def _label(self, index: int) -> tuple[Label, _Boxes, float]:
        """A name at a place, its line, and how bad that is.

        There is a line if the name is far from its mark, or beside another one.
        """
        if index not in self.known:
            point, distance = self.point, float(self.distances[index])
            left, bottom, right, top = map(float, self.boxes[index])
            end = min(max(point.x, left), right), min(max(point.y, bottom), top)
            has_line = distance >= (_LINE_FROM_NEAR if self.beside[index] else _LINE_FROM)
            line = (point.x, point.y, *end) if has_line else None
            path = _samples(line) if line else np.empty((0, 2))
            crossed = _inside(path, self.others).any(axis=0).sum()
            score = distance + _BESIDE * self.beside[index] + _CROSSING * crossed
            score += _THROUGH * _near(path, self.middles).sum()
            self.known[index] = Label((left, bottom, right, top), line), path, float(score)
        return self.known[index]


def _candidates(point: Point, farthest: float) -> tuple[_Boxes, NDArray[np.float64]]:
    """Boxes all around a mark, nearest first, and how far each is from it."""
    boxes, distances = [], []
    more = np.arange(_STEPS[-1] + _STEPS[-1] - _STEPS[-2], farthest + 1, _STEPS[-1] - _STEPS[-2])
    for step in (*(step for step in _STEPS if step <= farthest), *map(float, more)):
        for turn in range(_DIRECTIONS):
            # To the right first, then up and down from there.
            half = (turn + 1) // 2 * (1 if turn % 2 else -1)
            angle = 2 * math.pi * half / _DIRECTIONS
            reach = point.radius + _GAP + step
            x = point.x + reach * math.cos(angle) + (math.cos(angle) - 1) / 2 * point.width
            y = point.y + reach * math.sin(angle) + (math.sin(angle) - 1) / 2 * point.height
            boxes.append((x, y, x + point.width, y + point.height))
            distances.append(step + 0.02 * turn)
    return np.array(boxes), np.array(distances)


def _overlap(boxes: _Boxes, others: _Boxes, gap: float = _GAP) -> NDArray[np.bool_]:
    """Whether each of the boxes, in the rows, is nearer than `gap` to each of the others, in the columns."""
    left, bottom, right, top = (boxes[:, side, None] for side in range(4))
    apart: NDArray[np.bool_] = (
        (right + gap <= others[:, 0])
        | (others[:, 2] + gap <= left)
        | (top + gap / 2 <= others[:, 1])
        | (others[:, 3] + gap / 2 <= bottom)
    )
    return ~apart


def _samples(line: Box) -> _Boxes:
    """Places along a line, some two points apart."""
    length = math.hypot(line[2] - line[0], line[3] - line[1])
    steps = np.linspace(0, 1, max(2, int(length / 2)))[:, None]
    start, end = np.array(line[:2]), np.array(line[2:])
    path: _Boxes = start + steps * (end - start)
    return path


def _near(path: _Boxes, middles: _Boxes) -> NDArray[np.bool_]:
    """Whether a path runs over each of the middles."""
    apart = np.hypot(*(path[:, None] - middles).T)
    over: NDArray[np.bool_] = (apart <= _MIDDLE).any(axis=1)
    return over


def _inside(path: _Boxes, boxes: _Boxes) -> NDArray[np.bool_]:
    """Whether each place of a path, in the rows, lies in each of the boxes, in the columns."""
    x, y = path[:, :1], path[:, 1:]
    inside: NDArray[np.bool_] = (
        (boxes[:, 0] - 1 < x) & (x < boxes[:, 2] + 1) & (boxes[:, 1] - 1 < y) & (y < boxes[:, 3] + 1)
    )
    return inside
