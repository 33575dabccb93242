"""What arguments may be: annotated types, each with the function that checks and converts a value.

The language hands over `int`, `float`, `bool`, `str`, or tuples of these; a converter returns the
value in its one form or raises `ValueError` with the words "takes …".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any, Self, get_args, get_origin

from blockdsl.formatting import listed


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def whole(value: Any) -> int:
    """An integer; a float that is whole counts."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _is_int(value):
        raise ValueError("takes a whole number")
    return int(value)


def count(value: Any) -> int:
    """A whole number, 1 or more."""
    try:
        number = whole(value)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError("takes a whole number, 1 or more")
    return number


def real(value: Any) -> float:
    """Any finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("takes a number")
    return float(value)


@dataclass(frozen=True)
class Range:
    """A converter for the finite numbers from `least` to `most`, without the ends that are `open`."""

    least: float = 0.0
    most: float = inf
    open: tuple[bool, bool] = (False, False)

    def __call__(self, value: Any) -> float:
        """The number (raises `ValueError`: it is none, or beyond the range)."""
        try:
            number = real(value)
        except ValueError:
            raise ValueError(self.words) from None
        low, high = self.open
        if not (self.least < number if low else self.least <= number):
            raise ValueError(self.words)
        if not (number < self.most if high else number <= self.most):
            raise ValueError(self.words)
        return number

    @property
    def words(self) -> str:
        """What it takes: `takes a number from 0 to 1`."""
        low = f" above {self.least:g}" if self.open[0] else f", {self.least:g} or more"
        if self.most == inf:
            return f"takes a number{low}"
        if self.open == (False, False):
            return f"takes a number from {self.least:g} to {self.most:g}"
        high = f"below {self.most:g}" if self.open[1] else f"at most {self.most:g}"
        return f"takes a number{low} and {high}"


positive = Range(open=(True, False))
not_negative = Range()
probability = Range(most=1)
decay = Range(most=1, open=(False, True))


def flag(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("takes yes or no")
    return value


def text(value: Any) -> str:
    """A word."""
    if not isinstance(value, str):
        raise ValueError("takes a word")
    return value


class Uniform(tuple[int, ...]):
    """One number for all axes. To an operation on images it is the pair of rows and columns.

    >>> Uniform(3), size(3).along(3), size((1, 7))
    ((3, 3), (3, 3, 3), (1, 7))
    """

    __slots__ = ()

    def __new__(cls, number: int) -> Self:
        """So many along each axis."""
        return tuple.__new__(cls, (number, number))

    def __getnewargs__(self) -> tuple[int]:
        return (self[0],)

    def along(self, axes: int) -> tuple[int, ...]:
        """The number, once for each of so many axes."""
        return self[:1] * axes


ONE, NONE = Uniform(1), Uniform(0)
"""One, and nothing, along each axis."""


def _each(value: Any, least: int, what: str, counts: tuple[int, ...] = (1, 2, 3)) -> tuple[int, ...]:
    try:
        if not isinstance(value, tuple):
            found: tuple[int, ...] = Uniform(whole(value))
        elif len(value) in counts:
            found = value if isinstance(value, Uniform) else tuple(map(whole, value))
        else:
            raise ValueError(what)
    except ValueError:
        raise ValueError(what) from None
    if min(found) < least:
        raise ValueError(what)
    return found


def size(value: Any) -> tuple[int, ...]:
    """`3`, or a number for each axis: `1x7`, `3x1x1` or `(a, b)`; each 1 or more."""
    return _each(value, 1, "takes a size: 3, 1x7, 3x1x1 or (a, b), each 1 or more")


def margin(value: Any) -> tuple[int, ...]:
    """As a size, but 0 is allowed."""
    return _each(value, 0, "takes a margin: 1, 0x3, 1x0x0 or (a, b), each 0 or more")


_BEFORE_AND_AFTER = (1, 2, 3, 4, 6)
"""How many numbers a pad may have: one for each axis, or two."""


def pad(value: Any) -> tuple[int, ...] | str:
    """A margin, twice as many numbers for before and after along each axis, or `same`."""
    if value == "same":
        return "same"
    return _each(value, 0, "takes a pad: 1, 0x3, (top, bottom, left, right) or same", _BEFORE_AND_AFTER)


def edges(value: Any) -> tuple[int, ...]:
    """A margin, or twice as many numbers for before and after along each axis."""
    what = "takes a margin, 1 or 0x3 (rows x columns), or (top, bottom, left, right), each 0 or more"
    return _each(value, 0, what, _BEFORE_AND_AFTER)


def counts(value: Any) -> tuple[int, ...]:
    """A list of whole numbers, each 1 or more."""
    if not isinstance(value, tuple):
        raise ValueError("takes a list of whole numbers: [a, b, …]")
    return tuple(count(v) for v in value)


def table(value: Any) -> tuple[tuple[int, ...], ...]:
    """A list of lists of whole numbers: row i names the inputs that output i sees."""
    if not isinstance(value, tuple) or not all(isinstance(row, tuple) and row for row in value):
        raise ValueError("takes a list of lists: row i names the input maps that output map i sees")
    return tuple(tuple(whole(v) for v in row) for row in value)


def grid(value: Any) -> tuple[int, int, int]:
    """`8`, `4x8x8` or `(a, b, c)`, each 1 or more: the slices, rows and columns of a volume."""
    values = value if isinstance(value, tuple) else (value, value, value)
    try:
        slices, rows, columns = map(count, values)
    except ValueError:
        raise ValueError("takes three sizes: 8, 4x8x8 or (a, b, c), each 1 or more") from None
    return slices, rows, columns


def axes(value: Any) -> tuple[int, ...]:
    """The sizes of a tensor: `256`, `100x256` or `[100, 256]`, each 1 or more."""
    try:
        return counts(value if isinstance(value, tuple) else (value,))
    except ValueError:
        raise ValueError("takes sizes: 256, 100x256 or [a, b, …], each 1 or more") from None


def parts(value: Any) -> int | tuple[int, ...]:
    """How many equal parts (2 or more), or a list of the parts' sizes."""
    what = "takes a number of equal parts, 2 or more, or a list of sizes: [a, b, …]"
    try:
        found = counts(value) if isinstance(value, tuple) else count(value)
    except ValueError:
        raise ValueError(what) from None
    if (len(found) if isinstance(found, tuple) else found) < 2:
        raise ValueError(what)
    return found


def one_of(*words: str) -> Callable[[Any], str]:
    """A converter for a word out of a fixed set."""

    def convert(value: Any) -> str:
        if value not in words:
            raise ValueError(f"takes {listed(words, 'or')}")
        return str(value)

    return convert


Count = Annotated[int, count]
Whole = Annotated[int, whole]
Probability = Annotated[float, probability]
Positive = Annotated[float, positive]
NotNegative = Annotated[float, not_negative]
Decay = Annotated[float, decay]
Size = Annotated[tuple[int, ...], size]
Margin = Annotated[tuple[int, ...], margin]
Pad = Annotated[tuple[int, ...] | str, pad]
Counts = Annotated[tuple[int, ...], counts]
Table = Annotated[tuple[tuple[int, ...], ...], table]

Grid = Annotated[tuple[int, int, int], grid]
Axes = Annotated[tuple[int, ...], axes]
Edges = Annotated[tuple[int, ...], edges]
Parts = Annotated[int | tuple[int, ...], parts]

BY_AXIS: tuple[Callable[[Any], Any], ...] = (size, margin, pad, edges)
"""The converters of a number for each axis, written `1x7`."""

SIZES: tuple[Callable[[Any], Any], ...] = (grid, axes)
"""The converters of the sizes of a tensor, written `4x8x8`."""

_PLAIN: dict[Any, Callable[[Any], Any]] = {int: whole, float: real, bool: flag, str: text}


def converter_of(hint: Any) -> Callable[[Any], Any]:
    """The converter for an annotation; `X | None` is an X that may be left out.

    Raises:
        ValueError: there is none for it.
    """
    if get_origin(hint) is Annotated:
        return get_args(hint)[1]  # type: ignore[no-any-return]
    if hint in _PLAIN:
        return _PLAIN[hint]
    inner = [a for a in get_args(hint) if a is not type(None)]
    if len(inner) == 1:
        return converter_of(inner[0])
    raise ValueError(f"an argument cannot be annotated {hint}; see blockdsl.ops.values")
