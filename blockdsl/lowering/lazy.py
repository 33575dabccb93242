"""Tensors that are built when they are first needed, and where the text has their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from blockdsl.ir import Graph, Path
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.values import BROKEN, Evaluated, LazyTensors, Scope

Key = tuple[int, ...]
"""A place in an order. `(4, 0, 9)` comes after `(4,)` and before `(5,)`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a name was bound: after which layer, and after how many instances of each name.

    What is built later for the name belongs here. `number` orders the names that were bound at one place;
    `outer` is the place of the tensors that were being built.
    """

    number: int
    layers: int
    naming: Naming
    counts: dict[str, int]
    outer: _Place | None

    def of_layer(self, layer: int) -> Key:
        return (*self._layers_before(), layer)

    def of_name(self, name: str, index: int) -> Key:
        return (*self._names_before(name), index)

    def _layers_before(self) -> Key:
        outer = self.outer._layers_before() if self.outer else ()
        return (*outer, self.layers - 1, self.number)

    def _names_before(self, name: str) -> Key:
        same = self.outer is not None and self.outer.naming is self.naming
        outer = self.outer._names_before(name) if self.outer and same else ()
        return (*outer, self.counts.get(name, 0), self.number)


@dataclass(eq=False)
class LazyBuilds:
    """Binds names to tensors that may never be needed.

    Their layers are added when they are first needed, and are numbered in that order. `liveness.settle` puts
    them where the text has them.

    Attributes:
        graph: the graph that grows.
        built: how often tensors were built.
        layers: the keys of layers that belong elsewhere.
        names: the keys of indices that belong elsewhere, by the path around them, the name and the index.
    """

    graph: Graph
    built: int = 0
    layers: dict[int, Key] = field(default_factory=dict)
    names: dict[tuple[Path, str, int], Key] = field(default_factory=dict)
    _bound: list[LazyTensors] = field(default_factory=list)
    _within: _Place | None = None

    def bind(self, make: Callable[[Context], Evaluated], context: Context) -> LazyTensors:
        """What `make` will yield, given the context as it is now."""
        naming = context.naming
        at = _Place(len(self._bound), len(self.graph), naming, dict(naming.counts), self._within)
        seen = context.but(scope=Scope(dict(context.scope.names), context.scope.outer))
        value = LazyTensors(lambda: self._built(make, seen, at))
        self._bound.append(value)
        return value

    def close(self) -> None:
        """Build nothing more: the network is complete."""
        for value in self._bound:
            value.make = None

    def _built(self, make: Callable[[Context], Evaluated], context: Context, at: _Place) -> Evaluated:
        self.built += 1
        start, counts, within = len(self.graph), dict(at.naming.counts), self._within
        value: Evaluated = BROKEN
        self._within = at
        try:
            with context.errors.gathering():
                value = make(context)
        finally:
            self._within = within
        for layer in range(start, len(self.graph)):
            self.layers.setdefault(layer, at.of_layer(layer))
        for name, count in at.naming.counts.items():
            for index in range(counts.get(name, 0) + 1, count + 1):
                self.names.setdefault((at.naming.path, name, index), at.of_name(name, index))
        return value
