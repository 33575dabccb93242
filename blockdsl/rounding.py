"""Real numbers as text: exact where something reads them again, rounded where a person reads them."""

from __future__ import annotations

import re

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
    return _REAL.sub(lambda found: rounded(float(found[0])), text)


def _whole(text: str) -> bool:
    return text.removesuffix(".0").lstrip("-").isdecimal()
