"""What the complexity chart shows of each network: place, colour, shape and area of its mark."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from blockdsl.analysis.compare import CROPS_NOT_TOLD, NO_AUGMENTATION, ONE_CROP, SEVERAL_CROPS, Entry

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6D1F", "#6A3D9A")
OTHERS = "#9AA5B1"
"""The colour of families beyond these."""
SHAPES = {ONE_CROP: "o", "": "o", SEVERAL_CROPS: "s", CROPS_NOT_TOLD: "D", NO_AUGMENTATION: "^"}
"""Matplotlib's markers, by the protocol of a measurement."""
_AREA = {"o": 1.0, "s": math.pi / 4, "D": math.pi / 4, "^": math.pi / 2}
"""Matplotlib's size of a marker that has the area of a circle of size 1."""
_HALF_WIDTH = {"o": 0.5, "s": 0.5, "D": 0.5 * math.sqrt(2), "^": 0.5}
_POINTS_A_MILLION, _LARGEST_MARK, _SMALLEST_MARK = 11.0, 500.0, 6.0
"""Size of a mark for a million parameters; for the largest, where all are small or one is huge; at least."""
_HUGE_MARK = 4 * _LARGEST_MARK
_MOST_NAMES = 20


@dataclass(frozen=True)
class Mark:
    """One network as it is drawn; `protocol` says how its error was measured, `size` is in square points."""

    entry: Entry
    macs: float
    accuracy: float
    protocol: str
    colour: str
    size: float

    @property
    def shape(self) -> str:
        """Matplotlib's marker."""
        return SHAPES[self.protocol]

    @property
    def radius(self) -> float:
        """Half of its width, in points, its white or coloured edge included."""
        return _HALF_WIDTH[self.shape] * math.sqrt(self.size) + 0.5


def marks_of(shown: Sequence[Entry], metric: str) -> list[Mark]:
    """The marks of networks that have an error in `metric`, and of trials that have an accuracy."""
    colours, scale = families(shown), _scale(shown)
    marks = []
    for one in shown:
        quoted = one.quoted(metric)
        assert quoted is not None
        figure, colour = quoted[1], colours.get(family(one), OTHERS)
        size = size_of_mark(one.params * scale, SHAPES[figure.protocol])
        marks.append(Mark(one, one.summary.macs / 1e9, 100 - figure.error, figure.protocol, colour, size))
    return marks


def size_of_mark(area: float, shape: str) -> float:
    """Matplotlib's size for a marker of that shape and the area of a circle of size `area`."""
    return max(area, _SMALLEST_MARK) * _AREA[shape]


def family(one: Entry) -> str:
    """`resnet` of `resnet50_v1_5`, `wrn` of `wrn_50_2`: the letters that a name begins with; the study."""
    if one.study:
        return f"study:{one.study}"
    name = PurePath(one.name).name
    letters = re.match(r"[a-z]+", name.lower())
    return letters[0] if letters else name


def families(shown: Sequence[Entry]) -> dict[str, str]:
    """Families with a colour of their own, in the order of their first networks.

    Of more families than colours these are the largest.
    """
    count = Counter(map(family, shown))
    largest = [name for name, _ in count.most_common(len(COLOURS))]
    return dict(zip([name for name in count if name in largest], COLOURS, strict=False))


def named(marks: Sequence[Mark]) -> list[Mark]:
    """The marks that have names beside them: all, or of many trials those that none of the study beats."""
    if len(marks) <= _MOST_NAMES:
        return list(marks)
    return [m for m in marks if not m.entry.study or not any(_beats(other, m) for other in marks)]


def _beats(one: Mark, other: Mark) -> bool:
    return (
        one.entry.study == other.entry.study
        and (one.macs, one.accuracy) != (other.macs, other.accuracy)
        and one.macs <= other.macs
        and one.accuracy >= other.accuracy
    )


def steps(shown: Sequence[Entry]) -> list[tuple[float, float]]:
    """Round numbers of parameters up to the largest network's, and the sizes of their marks."""
    largest = max(one.params for one in shown)
    numbers = [m * 10.0**e for e in range(3, 13) for m in (1, 2, 5) if m * 10**e <= largest]
    shown_numbers = numbers[::-3][:3][::-1] or [float(largest)]
    return [(number, size_of_mark(number * _scale(shown), "o")) for number in shown_numbers]


def _scale(shown: Sequence[Entry]) -> float:
    """Square points for one parameter."""
    largest = max(1, *(one.params for one in shown), 1)
    return min(max(_POINTS_A_MILLION / 1e6, _LARGEST_MARK / largest), _HUGE_MARK / largest)
