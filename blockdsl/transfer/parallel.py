"""A last look at an assignment: numbered foreign layers are one chain of ours, or all side by side."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from blockdsl.diagnostics import error
from blockdsl.ir import Graph
from blockdsl.transfer.pieces import Piece

_NUMBERED = re.compile(r"(.*\D)(\d+)")


def check_families(assigned: Mapping[int, Piece], graph: Graph, settled: set[str]) -> None:
    """Refuse an assignment that maps a numbered family (`conv1`, `conv2`, …) partly to a chain of ours.

    A projection beside `conv3` may have its kind and size; where the order of definition would put
    the one for the other, the family is torn.

    Raises:
        ArchError: a family is torn; both candidates are named.
    """
    families: dict[tuple[str, ...], list[tuple[int, int, Piece]]] = defaultdict(list)
    for node, piece in assigned.items():
        match = _NUMBERED.fullmatch(piece.path[-1]) if piece.path else None
        if match:
            families[(*piece.path[:-1], match[1])].append((int(match[2]), node, piece))
    for members in families.values():
        members.sort(key=lambda m: m[0])
        links = [_leads_to(graph, a[1], b[1]) for a, b in pairwise(members)]
        if len(set(links)) > 1:
            at = links.index(False)
            names = [graph.layer(node).name for _, node, _ in members]
            if settled.isdisjoint(names):
                first, second = members[at][2].name, members[at + 1][2].name
                raise error(
                    "weights",
                    f"{first} and {second} would be {names[at]} and {names[at + 1]}, "
                    "which do not follow each other",
                    help="settle it in a file: --map FILE, with lines such as conv1 = features.0",
                )


def _leads_to(graph: Graph, first: int, second: int) -> bool:
    """Whether what one layer yields flows, in the end, into another; looks no further back than needed."""
    waiting, seen = [second], {second}
    while waiting:
        for value in graph.layer(waiting.pop()).inputs:
            if value.node == first:
                return True
            if value.node > first and value.node not in seen:
                seen.add(value.node)
                waiting.append(value.node)
    return False
