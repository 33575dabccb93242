"""Layers without state as the expression that a person writes in `forward`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockdsl.export.python.structure import Part
from blockdsl.export.python.text import literal


def template(part: Part, constant: Mapping[str, Any]) -> str | None:
    """An expression in `{x}`, or in `{0}`, `{1}` … for a join; None where a module is needed.

    `constant` are the arguments that are the same in all instances of the class.
    """
    leaf = part.leaf
    if leaf is None or not leaf.functional or set(constant) != set(leaf.args):
        return None
    inputs = ["{x}"] if len(part.sources) == 1 else [f"{{{i}}}" for i in range(len(part.sources))]
    settings = {name: literal(value) for name, value in constant.items()}
    own = {n: text for n, text in settings.items() if text != literal(leaf.defaults.get(n))}
    if "{" not in leaf.functional:
        given = [text if n not in leaf.defaults else f"{n}={text}" for n, text in own.items()]
        return f"{leaf.functional}({', '.join([*inputs, *given])})"
    mentioned = {n for n in settings if f"{{{n}}}" in leaf.functional}
    if not own.keys() <= mentioned:
        return None
    return leaf.functional.format(*inputs, **settings).replace(" + -", " - ")
