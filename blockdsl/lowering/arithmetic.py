"""Numbers: operators and functions, bounded so that no file can stall the machine."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

LIMIT = 10.0**18
"""A larger number is a mistake in a network."""


def divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, but no less than nine tenths of it.

    The channel rule of the MobileNets (Sandler et al. 2018, in the authors' code).
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _power(base: float, exponent: float) -> Any:
    if base and exponent * math.log2(abs(base)) > math.log2(LIMIT):
        raise OverflowError
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("a negative number has no such root")
    return result


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": _power,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "abs": abs,
    "log2": math.log2,
    "log": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "divisible": divisible,
    "len": len,
    "sum": sum,
}


def bounded(value: Any) -> Any:
    """The value, if it is no number beyond the limit (raises OverflowError)."""
    if isinstance(value, int | float) and not abs(value) <= LIMIT:
        raise OverflowError
    return value


def reason(failed: Exception) -> str:
    """Why arithmetic failed, in words."""
    if isinstance(failed, ZeroDivisionError):
        return "division by zero"
    if isinstance(failed, OverflowError):
        return "the number is too large"
    if isinstance(failed, TypeError):
        return "these values do not go together"
    return str(failed)
