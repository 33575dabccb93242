"""Numbers: operators and functions, bounded so that no file can stall the machine."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIMIT = 10.0**18
"""A larger number is a mistake in a network."""


def divisible(value: float, divisor: float = 8) -> int:
    """The multiple of `divisor` nearest to `value`, but no less than nine tenths of it.

    The channel rule of the MobileNets (Sandler et al. 2018, in the authors' code).
    """
    if divisor < 1 or divisor != int(divisor):
        raise ValueError("takes a divisor that is a whole number, 1 or more")
    divisor = int(divisor)
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _power(base: float, exponent: float) -> Any:
    if base and exponent * math.log2(abs(base)) > math.log2(LIMIT):
        raise OverflowError
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("has no real value")
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


@dataclass(frozen=True)
class NumberFunction:
    """A function of numbers: how it is written, and how many numbers it takes.

    `of_list` says whether one list of numbers may stand (True) or must stand (`only`) in their place.
    """

    written: str
    run: Callable[..., Any]
    least: int = 1
    most: int = 1
    of_list: bool | str = False

    def __call__(self, values: tuple[Any, ...]) -> Any:
        """The function's value.

        Raises:
            ValueError: it does not take these values; the message goes after the function's name.
            ArithmeticError: it has no value for them.
        """
        if self.of_list and len(values) == 1 and isinstance(values[0], tuple):
            if self.run is len:
                return len(values[0])
            values = values[0]
            if not values and self.least:
                raise ValueError("takes a list with something in it")
        elif self.of_list == "only":
            raise ValueError("takes a list")
        elif not self.least <= len(values) <= self.most:
            raise ValueError(f"takes {self._count()}, not {len(values)}")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError("takes numbers")
        return self.run(values) if self.of_list else self.run(*values)

    def _count(self) -> str:
        if self.least == self.most:
            return "one number" if self.least == 1 else f"{self.least} numbers"
        return f"{self.least} to {self.most} numbers"


_MOST = 10**6

FUNCTIONS: dict[str, NumberFunction] = {
    "min": NumberFunction("min(a, b, …) or min(list)", min, 1, _MOST, of_list=True),
    "max": NumberFunction("max(a, b, …) or max(list)", max, 1, _MOST, of_list=True),
    "floor": NumberFunction("floor(x)", math.floor),
    "ceil": NumberFunction("ceil(x)", math.ceil),
    "round": NumberFunction("round(x): to the nearest whole number, halves to the even one", round),
    "abs": NumberFunction("abs(x)", abs),
    "log2": NumberFunction("log2(x)", math.log2),
    "log": NumberFunction("log(x): the natural logarithm", math.log),
    "exp": NumberFunction("exp(x)", math.exp),
    "sqrt": NumberFunction("sqrt(x)", math.sqrt),
    "divisible": NumberFunction("divisible(x, 8)", divisible, 1, 2),
    "len": NumberFunction("len(list)", len, of_list="only"),
    "sum": NumberFunction("sum(list)", sum, least=0, of_list="only"),
}


def bounded(value: Any) -> Any:
    """The value, if it is no number beyond the limit (raises OverflowError)."""
    if isinstance(value, int | float) and not abs(value) <= LIMIT:
        raise OverflowError
    return value


def reason(failed: Exception) -> str:
    """Why arithmetic failed, in words."""
    if isinstance(failed, ZeroDivisionError):
        return "divides by zero"
    if isinstance(failed, OverflowError):
        return "yields a number that is too large"
    text = str(failed)
    return "has no value here" if "math domain" in text or "expected a" in text else text
