"""The inputs of a network stand side by side in the order of their lines."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from blockdsl.render import graphviz

if TYPE_CHECKING:
    import pygraphviz

Rows = tuple[tuple[str, ...], ...]
"""Boxes that stand side by side, in their order."""


def crossed(graph: pygraphviz.AGraph, names: list[str], right: bool) -> Rows:
    """Those of several boxes that Graphviz would put side by side in another order.

    Where arrows point to the right, boxes side by side stand below each other.
    """
    found = {item["name"]: item for item in json.loads(graphviz.drawn(graph, "json"))["objects"]}
    rows: dict[float, list[tuple[float, str]]] = {}
    for name in names:
        x, y = map(float, found[name]["pos"].split(","))
        rank, place = (x, -y) if right else (y, x)
        rows.setdefault(rank, []).append((place, name))
    return tuple(tuple(name for _, name in row) for row in rows.values() if row != sorted(row))


def hold(graph: pygraphviz.AGraph, rows: Rows) -> None:
    """Let boxes stand side by side in the order of each row."""
    for row in rows:
        graph.add_subgraph(row, rank="same")
        for one, other in pairwise(row):
            graph.add_edge(one, other, style="invis")
