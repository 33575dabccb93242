"""The spelling of numbers: the writer's where there is one."""

from __future__ import annotations

import re

from blockdsl.syntax import tree as nodes
from blockdsl.syntax.numbers import number_value

_WRITTEN = re.compile(r"(-(?:\s|#[^\n]*\n)*)?([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[kMG]?)")


def number_text(number: nodes.Number) -> str:
    """As it was written (`25_557_032`, `1e-4`, `500k`); the value where its span holds no such text."""
    written = _WRITTEN.fullmatch(number.span.text)
    if written is None:
        return str(number.value)
    minus, digits = written.groups()
    value = number_value(digits)
    if value is not None and minus:
        value = -value
    same = value == number.value and type(value) is type(number.value)
    # `-0` is the number 0: its minus is no part of the value
    return ("-" if minus else "") + digits if same else str(number.value)
