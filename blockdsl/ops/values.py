"""What arguments may be: annotated types, each with the function that checks and converts a value.

The language hands over `int`, `float`, `bool`, `str`, or tuples of these; a converter returns the
value in its one form or raises `ValueError` with the words "takes …".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any, get_args, get_origin

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


def _pair(value: Any, least: int, what: str) -> tuple[int, int]:
    values = value if isinstance(value, tuple) else (value, value)
    if len(values) != 2:
        raise ValueError(what)
    try:
        rows, columns = whole(values[0]), whole(values[1])
    except ValueError:
        raise ValueError(what) from None
    if min(rows, columns) < least:
        raise ValueError(what)
    return rows, columns


def size(value: Any) -> tuple[int, int]:
    """`3`, `1x7` or `(a, b)`, each 1 or more."""
    return _pair(value, 1, "takes a size: 3, 1x7 or (a, b), each 1 or more")


def margin(value: Any) -> tuple[int, int]:
    """As a size, but 0 is allowed."""
    return _pair(value, 0, "takes a margin: 1, 0x3 or (a, b), each 0 or more")


def pad(value: Any) -> tuple[int, int] | str:
    """A margin or `same`."""
    return "same" if value == "same" else _pair(value, 0, "takes a pad: 1, 0x3, (a, b) or same")


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


def edges(value: Any) -> tuple[int, int, int, int]:
    """A margin, or `[left, right, top, bottom]`; always as the four of these."""
    what = "takes a margin, 1 or 0x3 (rows x columns), or [left, right, top, bottom], each 0 or more"
    if isinstance(value, tuple) and len(value) == 4:
        left, right = _pair(value[:2], 0, what)
        top, bottom = _pair(value[2:], 0, what)
        return left, right, top, bottom
    rows, columns = _pair(value, 0, what)
    return columns, columns, rows, rows


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
Size = Annotated[tuple[int, int], size]
Margin = Annotated[tuple[int, int], margin]
Pad = Annotated[tuple[int, int] | str, pad]
Counts = Annotated[tuple[int, ...], counts]
Table = Annotated[tuple[tuple[int, ...], ...], table]

Grid = Annotated[tuple[int, int, int], grid]
Axes = Annotated[tuple[int, ...], axes]
Edges = Annotated[tuple[int, int, int, int], edges]
Parts = Annotated[int | tuple[int, ...], parts]

SIZES: tuple[Callable[[Any], Any], ...] = (size, margin, pad, grid, axes)
"""The converters of sizes along axes, written `1x7`."""

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
