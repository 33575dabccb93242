"""The axes of a chart: limits that leave room for every mark, and ticks whose labels stand apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_MANY = 30
"""Times by which values differ before their axis is logarithmic."""
_PADDING = 6.0
"""Between a mark and the end of the axis, in points."""


@dataclass(frozen=True)
class Scale:
    """Limits and ticks of an axis, in its values."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the limits: 0 to 1."""
        low, high, at = (_log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)


def scale_of(
    values: Sequence[float], radii: Sequence[float], length: float, apart: float,
    *, wide: bool = False, most: float = math.inf,
) -> Scale:  # fmt: skip
    """An axis of `length` points for marks of these values and half widths; ticks at least `apart`.

    Where values differ much, a `wide` axis is logarithmic. No tick is below 0 or above `most`.
    """
    logarithmic = wide and min(values) > 0 and max(values) > _MANY * min(values)
    places = [_log(v) if logarithmic else v for v in values]
    low, high = _limits(places, radii, length)
    if logarithmic:
        return Scale(10**low, 10**high, _decades(low, high, length, apart), True)
    return Scale(low, high, _ticks(max(low, 0), min(high, most), (high - low) * apart / length))


def _limits(places: list[float], radii: Sequence[float], length: float) -> tuple[float, float]:
    """The least span in which no mark reaches over an end."""
    low, high = min(places), max(places)
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high), 1e-9):
        half = abs(low) / 2 or 0.5
        low, high = low - half, high + half
    for _ in range(50):
        point = (high - low) / length
        low = min(low, *(at - (r + _PADDING) * point for at, r in zip(places, radii, strict=True)))
        high = max(high, *(at + (r + _PADDING) * point for at, r in zip(places, radii, strict=True)))
    return low, high


def _ticks(low: float, high: float, apart: float) -> tuple[float, ...]:
    """Round numbers from `low` to `high`, at least `apart`."""
    power = 10.0 ** math.floor(math.log10(apart))
    step = next(m * power for m in (1, 2, 5, 10, 20) if m * power >= apart)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{n * step:.12g}") for n in range(first, last + 1))


def _decades(low: float, high: float, length: float, apart: float) -> tuple[float, ...]:
    """1, 2, 5, 10, … where they are far enough from each other, otherwise fewer: 1, 10, … or 1, 100, …"""
    decade = length / (high - low)
    if 0.3 * decade >= apart:
        candidates = [(m, e) for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    else:
        every = max(1, math.ceil(apart / decade))
        candidates = [(1, e) for e in range(math.floor(low), math.ceil(high) + 1) if e % every == 0]
    ticks = (float(f"{m}e{e}") for m, e in candidates)
    return tuple(tick for tick in ticks if low <= math.log10(tick) <= high)


def _log(value: float) -> float:
    return math.log10(value)
