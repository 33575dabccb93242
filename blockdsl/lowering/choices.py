"""Choices: what is left open, and how it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class FloatRange:
    """A real number from `low` to `high`."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def allows(self, value: float) -> bool:
        """Whether a value is in the range, and on one of its steps (but for rounding)."""
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-6


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
