"""What flows where in a graph: from which layers into which, and into and out of sets of them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import reduce
from operator import or_

from blockdsl.ir import Graph

_OUTSIDE = -1
"""Who reads an output of the network."""


class Flow:
    """Which layer's output flows, in the end, into which others."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._readers: dict[int, list[int]] = {}
        self._up: dict[int, int] = {}

    def crossing(self, nodes: set[int], weighted: Set[int]) -> int:
        """How many tensors flow into and out of layers and what operations without weights belong to them."""
        if not self._readers:
            self._readers = {layer.id: [] for layer in self._graph.layers()}
            for layer in self._graph.layers():
                for node in {value.node for value in layer.sources}:
                    self._readers[node].append(layer.id)
            for value in self._graph.results():
                self._readers[value.node].append(_OUTSIDE)
        inside = nodes | self._between(nodes, weighted)
        waiting = list(inside)
        while waiting:
            node = waiting.pop()
            sources = [value.node for value in self._graph.layer(node).sources]
            after = [n for n in self._readers[node] if n > 0 and n not in inside and n not in weighted]
            new = {n for n in after if all(v.node in inside for v in self._graph.layer(n).sources)}
            around = {n for n in sources if n not in inside and n not in weighted}
            around = {n for n in around if len(self._graph.layer(n).sources) == 1}
            new |= {n for n in around if inside.issuperset(self._readers[n])}
            inside |= new
            waiting += new
        entering = {v for node in inside for v in self._graph.layer(node).sources if v.node not in inside}
        leaving = [node for node in inside if not inside.issuperset(self._readers[node])]
        return len(entering) + len(leaving)

    def _between(self, nodes: Set[int], weighted: Set[int]) -> set[int]:
        """The operations without weights that what flows from one of the nodes to another passes."""
        up = self._ancestors()
        members = sum(1 << node for node in nodes)
        before = reduce(or_, (up[node] for node in nodes))
        between = (node for node in range(min(nodes), max(nodes)) if before >> node & 1)
        return {node for node in between if up[node] & members and node not in weighted}

    def reach(self, sources: Sequence[int], nodes: Sequence[int]) -> bool:
        """Whether an output of any source flows into any of the nodes."""
        up = self._ancestors()
        wanted = 0
        for node in sources:
            wanted |= 1 << node
        return any(up[node] & wanted for node in reversed(nodes))

    def _ancestors(self) -> dict[int, int]:
        """For each node a bit set of itself and all that flows into it."""
        if not self._up:
            for layer in self._graph.layers():
                mask = 1 << layer.id
                for value in layer.sources:
                    mask |= self._up[value.node]
                self._up[layer.id] = mask
        return self._up
