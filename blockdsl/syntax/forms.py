"""What an expression is, told from its form alone: a lone word, a choice, the identity."""

from __future__ import annotations

from typing import Any

from blockdsl.syntax import tree as nodes
from blockdsl.syntax.traversal import walk


def is_choice(node: object) -> bool:
    """Whether a node is a choice itself."""
    return isinstance(node, nodes.Choice | nodes.RangeChoice | nodes.Optional)


def has_choice(node: nodes.Node) -> bool:
    """Whether a choice is written anywhere in a syntax node."""
    return any(map(is_choice, walk(node)))


def name_of(node: object) -> str:
    """The name that a call or a lone word uses; nothing for other nodes."""
    if isinstance(node, nodes.Call):
        return node.name
    if isinstance(node, nodes.Path) and node.is_name:
        return node.steps[0].name
    return ""


def used_name(node: nodes.Call | nodes.Path) -> str:
    """The name that a call uses, or that a path begins with."""
    return node.name if isinstance(node, nodes.Call) else node.steps[0].name


def names_in(expr: nodes.Node) -> set[str]:
    """The names that an expression uses, and the labels that it gives."""
    found = set[str]()
    for node in walk(expr):
        if isinstance(node, nodes.Call | nodes.Path):
            found.add(used_name(node))
        elif isinstance(node, nodes.Label):
            found.add(node.name)
    return found


def is_identity(expr: object) -> bool:
    """Whether an expression is `ID`."""
    return isinstance(expr, nodes.Path) and name_of(expr) == "ID"


def bare(value: Any) -> Any:
    """Without the brackets around it."""
    while isinstance(value, nodes.Group):
        value = value.body
    return value
