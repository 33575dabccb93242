"""What a written number is worth."""

from __future__ import annotations

MAX_DIGITS = 18
"""Of a whole number."""
_SUFFIXES = {"k": 10**3, "M": 10**6, "G": 10**9}


def number_value(text: str) -> int | float | None:
    """The value of a number as it is written (`25_557_032`, `1e-4`, `500k`); None if it is too large."""
    plain = text.replace("_", "")
    factor = _SUFFIXES.get(plain[-1], 1)
    digits = plain[:-1] if factor > 1 else plain
    if digits.isdigit():
        return int(digits) * factor if len(digits) <= MAX_DIGITS else None
    value = float(digits) * factor
    if abs(value) > 10**MAX_DIGITS:
        return None
    return int(value) if factor > 1 and value.is_integer() else value
