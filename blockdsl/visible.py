"""Text from outside, made safe to show: in a terminal, in SVG and HTML, in a docstring."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, format characters (text direction, zero width), lone surrogates, line separators."""


def visible(text: str, keep: str = "") -> str:
    r"""The text with characters that are not seen, but act, written out; those in `keep` stay.

    >>> visible("\x1b[31mred")
    '\\x1b[31mred'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _acts(c) else _escaped(c) for c in text)


def _acts(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or character in "\ufffe\uffff"


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
