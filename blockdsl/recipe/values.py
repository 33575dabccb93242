"""What the arguments of recipe terms may be, beside the types of `blockdsl.ops.values`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from blockdsl.ops.values import NotNegative, Positive, one_of, positive


def patience(value: Any) -> int:
    """A whole number, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("takes a whole number, 0 or more")
    return value


def rising(value: Any) -> tuple[float, ...]:
    """A list of numbers above 0, each larger than the one before."""
    values = tuple(map(positive, value)) if isinstance(value, tuple) else ()
    if not values or any(b <= a for a, b in pairwise(values)):
        raise ValueError("takes a list of rising numbers above 0: [30, 60]")
    return values


def rates(value: Any) -> tuple[float, ...]:
    """A list of numbers above 0."""
    if not isinstance(value, tuple) or not value:
        raise ValueError("takes a list of numbers above 0")
    return tuple(map(positive, value))


def names(value: Any) -> tuple[str, ...]:
    """A name, or a list of names."""
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(v, str) for v in values):
        raise ValueError("takes the name of a layer or block, or a list of names")
    return values


Patience = Annotated[int, patience]
Rising = Annotated[tuple[float, ...], rising]
Rates = Annotated[tuple[float, ...], rates]
Names = Annotated[tuple[str, ...], names]
By = Annotated[str, one_of("epoch", "iteration", "run")]

__all__ = ["By", "Names", "NotNegative", "Patience", "Positive", "Rates", "Rising"]
