"""Choices: what is left open, and how it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from blockdsl.diagnostics import error
from blockdsl.source import Span


@dataclass(frozen=True)
class Options:
    """One of several, written as `texts`; decided by an index from 0."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class IntRange:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def allows(self, value: float) -> bool:
        """Whether a value is one of the range."""
        return (
            isinstance(value, int) and self.low <= value <= self.high and (value - self.low) % self.step == 0
        )


_SLACK = 1e-6
"""How far a value may be from a step of its range, in steps."""


@dataclass(frozen=True)
class FloatRange:
    """A real number from `low` to `high`."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def allows(self, value: float) -> bool:
        """Whether a value is in the range, and on one of its steps (but for rounding)."""
        if not self.step:
            return self.low <= value <= self.high
        steps = (value - self.low) / self.step
        last = (self.high - self.low) / self.step
        return -_SLACK < steps < last + _SLACK and abs(steps - round(steps)) < _SLACK

    def at(self, index: int) -> float:
        """The value so many steps above `low`, reckoned in decimals: 0.3, not 0.30000000000000004."""
        return min(self.high, float(Fraction(str(self.low)) + index * Fraction(str(self.step))))

    def nearest(self, value: float) -> float:
        """The value of the range that an allowed one stands for: on a step, without rounding errors."""
        return self.at(round((value - self.low) / self.step)) if self.step else value


@dataclass(frozen=True)
class ChoicePoint:
    """A choice that was reached: its path, what is open, and where it is written."""

    path: str
    domain: Options | IntRange | FloatRange
    span: Span


Chooser = Callable[[ChoicePoint], int | float]
"""Decides a choice: the index of an option, or a number of the range."""


def refuse(point: ChoicePoint) -> NoReturn:
    """The chooser of a file that should be an architecture.

    Raises:
        ArchError: always.
    """
    name = point.span.source.name
    name = {"-e": "-e …", "<stdin>": "-"}.get(name, name)
    raise error(
        "open",
        f"this file leaves choices open: {point.path}",
        point.span,
        help=f"search it: `blockdsl search {name}` - or bind it: `blockdsl freeze {name} --choose …`",
    )
