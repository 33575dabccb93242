"""Syntax trees as short texts, to compare them without their spans."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from blockdsl.syntax import tree as nodes


def dump(value: Any, groups: bool = True) -> str:
    """`Chain([CONV, Product([RELU, 2])])`: kinds and fields; `groups` False leaves brackets out."""
    match value:
        case nodes.Group(body=body) if not groups:
            return dump(body, groups)
        case nodes.Path(steps=(nodes.Step(name=name, indices=()),)):
            return name
        case nodes.Number():
            return repr(value.value)
        case nodes.String():
            return f'"{value.value}"'
        case nodes.Dims():
            return "x".join(map(str, value.values))
        case nodes.Node():
            names = [f.name for f in fields(value) if f.name not in ("span", "comments")]
            return f"{type(value).__name__}({', '.join(dump(getattr(value, n), groups) for n in names)})"
        case tuple():
            return f"[{', '.join(dump(item, groups) for item in value)}]"
        case _:
            return str(value)
