"""Python text: literals, calls, and lines broken as formatters break them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from blockdsl.export.python.modules import Name

WIDTH = 100


def literal(value: Any) -> str:
    """A constant as Python writes it."""
    if isinstance(value, Name):
        return value.text
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}e{int(exponent)}" if e else mantissa
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)


def call(function: str, args: Mapping[str, str], defaults: Mapping[str, Any]) -> str:
    """A call: what has no default is given by position, the rest by name unless it is the default."""
    given = []
    by_position = True
    for position, (name, text) in enumerate(args.items()):
        if name in defaults and not (position == 0 and text != literal(defaults[name])):
            by_position = False
            if text == literal(defaults[name]):
                continue
        given.append(text if by_position else f"{name}={text}")
    return f"{function}({', '.join(given)})"


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """Lines moved to the right by so many levels."""
    return [f"{'    ' * depth}{line}" if line else "" for line in lines]


def wrapped(lines: Iterable[str]) -> list[str]:
    """Lines of code, those that are too long broken at their brackets as `ruff format` does."""
    return [part for line in lines for part in _broken(line)]


def _broken(line: str) -> list[str]:
    code, mark, comment = line.partition("  # ")
    if len(line) <= WIDTH or code.lstrip().startswith(('"', "#")):
        return [line]
    indent = " " * (len(code) - len(code.lstrip()))
    if mark and len(code) <= WIDTH:
        return [f"{indent}# {comment}", code]
    inner = f"{indent}    "
    word, _, returned = code.lstrip().partition(" ")
    if word == "return" and len(parts := _commas(returned)) > 1:
        items = [piece for part in parts for piece in _broken(f"{inner}{part},")]
        return [f"{indent}return (", *items, f"{indent})"]
    start, end = _bracket(code)
    if start < 0:
        return [line]
    head, inside, tail = code[: start + 1], code[start + 1 : end], code[end:]
    if len(inner) + len(inside) <= WIDTH:
        middle = [inner + inside]
    elif " if " in inside and len(_commas(inside)) == 1:
        middle = _choice(inner, inside)
    else:
        middle = [piece for part in _commas(inside) for piece in _broken(f"{inner}{part},")]
    return [f"{head}  # {comment}" if mark else head, *middle, indent + tail]


def _choice(inner: str, inside: str) -> list[str]:
    """`a if c else b`, a line for each part."""
    first, _, rest = inside.partition(" if ")
    condition, _, second = rest.rpartition(" else ")
    return [f"{inner}{first}", f"{inner}if {condition}", f"{inner}else {second}"]


def _bracket(code: str) -> tuple[int, int]:
    """Where to break: the last outermost pair of brackets with something inside, of a `def` the first."""
    depth, start, found = 0, -1, (-1, -1)
    for index, character in enumerate(code):
        if character in "([{":
            if depth == 0:
                start = index
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0 and index > start + 1:
                found = (start, index)
                if code.lstrip().startswith("def "):
                    break
    return found


def _commas(body: str) -> list[str]:
    """The parts of an argument list."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(body):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(body[start:index].strip())
            start = index + 1
    return [*parts, body[start:].strip()] if body[start:].strip() else parts
