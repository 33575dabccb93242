"""Numbers and shapes as text: exact where something reads them again, rounded where a person reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_DIGITS = 4
_REAL = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?![\w.])")


def exact(value: float) -> str:
    """A number as the language writes it, with every digit: `3` for 3.0, `0.009259259259259259`."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(value)


def rounded(value: float) -> str:
    """A number with four significant digits, or all of its whole part.

    What is no whole number is not written as one.

    >>> rounded(0.009259259259259259), rounded(2.0), rounded(12345.678), rounded(2.00001)
    ('0.009259', '2', '12345.7', '2.00001')
    """
    text = f"{value:.1f}" if abs(value) >= 10 ** (_DIGITS - 1) else f"{value:.{_DIGITS}g}"
    return exact(value) if abs(value) >= 1e15 or _whole(text) or _whole(str(value)) else text


def rounded_text(text: str) -> str:
    """A text with the real numbers in it rounded: `DROPPATH(0.009259)`; for tables, pictures, messages."""
    return _REAL.sub(lambda found: rounded(float(found[0])), text) if "." in text else text


def count_text(count: float, *, zeros: bool = True) -> str:
    """A large number with three digits, in powers of 1000; with `zeros=False` without those at the end.

    >>> count_text(25_557_032), count_text(12_000), count_text(12_000, zeros=False), count_text(7)
    ('25.6M', '12.0k', '12k', '7')
    """
    text, unit = _scaled(count, ("", "k", "M", "G", "T"))
    return (text if zeros or "." not in text else text.rstrip("0").rstrip(".")) + unit


def bytes_text(count: int) -> str:
    """A number of bytes with three digits, in powers of 1000.

    >>> bytes_text(1_160_000), bytes_text(999)
    ('1.16 MB', '999 B')
    """
    return " ".join(_scaled(count, ("B", "kB", "MB", "GB", "TB", "PB")))


def listed(words: Sequence[str], conjunction: str) -> str:
    """Words as a sentence has them.

    >>> listed(["a", "b", "c"], "or"), listed(["a", "b"], "and"), listed(["a"], "and")
    ('a, b or c', 'a and b', 'a')
    """
    return f" {conjunction} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def shape_text(shape: Iterable[int], times: str = "x", *, word: bool = True) -> str:
    """A shape or a size as the language writes it; pictures have `times="×"`. Empty for a single number.

    A layout that the number of sizes does not tell stands before them: `signal 1x16000`.

    >>> shape_text((64, 56, 56)), shape_text([3, 3], "×")
    ('64x56x56', '3×3')
    """
    text = times.join(map(str, shape))
    layout = getattr(shape, "word", "") if word else ""
    return f"{layout} {text}" if layout else text


def ports_text(shapes: Mapping[str, Iterable[int]]) -> str:
    """Inputs or outputs with their names, of one alone the shape.

    >>> ports_text({"x": (3, 8, 8)}), ports_text({"image": (3, 8, 8), "time": (1,)})
    ('3x8x8', 'image 3x8x8, time 1')
    """
    if len(shapes) == 1:
        return shape_text(next(iter(shapes.values())))
    return ", ".join(f"{name} {shape_text(shape)}" for name, shape in shapes.items())


def _scaled(count: float, units: tuple[str, ...]) -> tuple[str, str]:
    """Three digits of a number, and the unit of the power of 1000 that they count."""
    power = 0
    while abs(count) >= 999.5 and power + 1 < len(units):
        count, power = count / 1000, power + 1
    digits = 0 if abs(count) >= 99.95 or not power else 1 if abs(count) >= 9.995 else 2
    return f"{count:.{digits}f}", units[power]


def _whole(text: str) -> bool:
    return text.removesuffix(".0").lstrip("-").isdecimal()
