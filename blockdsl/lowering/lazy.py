"""Tensors that are built when they are first needed, and where the text has their layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from blockdsl.ir import Graph, Path
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.needs import Needs
from blockdsl.lowering.values import BROKEN, Evaluated, Kind, LazyTensors, Scope
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import names_in

Key = tuple[int, ...]
"""A place in an order. `(4, 0, 9)` comes after `(4,)` and before `(5,)`."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where a name was bound: after so many layers, and so many instances of each name.

    What is built later for the name belongs here. `number` orders the names that were bound at one place;
    `outer` is the place of the tensors that were being built then.
    """

    number: int
    layers: int
    naming: Naming
    counts: dict[str, int]
    outer: _Place | None

    def of_layer(self, layer: int) -> Key:
        return (*self.order(), layer)

    def of_name(self, name: str, index: int) -> Key:
        return (*self._names_before(name), index)

    def order(self) -> Key:
        """What orders places as the text does."""
        outer = self.outer.order() if self.outer else ()
        return (*outer, self.layers - 1, self.number)

    def _names_before(self, name: str) -> Key:
        same = self.outer is not None and self.outer.naming is self.naming
        outer = self.outer._names_before(name) if self.outer and same else ()
        return (*outer, self.counts.get(name, 0), self.number)


class LazyBuilds:
    """Binds names to tensors that may never be needed.

    Their layers are added when they are first needed, and are numbered in that order. `liveness.settle` puts
    them where the text has them.

    Args:
        graph: the graph that grows.
        kind: tells what an expression will yield.
        needs: tells what is certainly needed.

    Attributes:
        built: how often tensors were built.
        layers: the keys of layers that belong elsewhere.
        names: the keys of indices that belong elsewhere, by the path around them, the name and the index.
    """

    def __init__(self, graph: Graph, kind: Callable[[nodes.Expr, Context], Kind], needs: Needs) -> None:
        self.graph, self.kind, self.needs = graph, kind, needs
        self.built = 0
        self.layers: dict[int, Key] = {}
        self.names: dict[tuple[Path, str, int], Key] = {}
        self._bound: list[tuple[LazyTensors, _Place, set[str]]] = []
        self._within: _Place | None = None
        self._counts: dict[str, int] = {}

    def may_wait(
        self, expr: nodes.Expr, names: Iterable[str], needed: Collection[str], context: Context
    ) -> bool:
        """Whether an expression is tensors that may not be needed, where these names are bound to it."""
        return (
            not any(name in needed for name in names)
            and self.kind(expr, context) is Kind.TENSOR
            and not self.needs.has_head(expr, context.scope)
        )

    def bind(self, expr: nodes.Expr, make: Callable[[Context], Evaluated], context: Context) -> LazyTensors:
        """What `make` will yield for an expression, with the names that it sees now."""
        scope, naming = context.scope, context.naming
        if self._counts != naming.counts:
            self._counts = dict(naming.counts)
        at = _Place(len(self._bound), len(self.graph), naming, self._counts, self._within)
        used = names_in(expr)
        seen = Scope({name: scope.names[name] for name in {"in", *used} & scope.names.keys()}, scope.outer)
        inside = context.but(scope=seen)
        first = (seen.names.get(name) for name in self.needs.of_expression(expr, scope))
        value = LazyTensors(
            lambda: self._built(make, inside, at), tuple(v for v in first if isinstance(v, LazyTensors))
        )
        self._bound.append((value, at, used))
        return value

    def build_earlier(self, name: str, path: Path) -> bool:
        """Build what stands before the layer that is added now, around it, and gives or uses a name.

        Args:
            name: a label, or what else is named there.
            path: that of what is around the layer.

        Returns:
            Whether anything was built.
        """
        now = self._within.order() if self._within else None
        waiting = [
            value for value, at, used in self._bound
            if value.make and name in used
            and path[: len(at.naming.path)] == at.naming.path
            and (now is None or at.order() < now)
        ]  # fmt: skip
        for value in waiting:
            value.value()
        return bool(waiting)

    def close(self) -> None:
        """Build nothing more: the network is complete."""
        for value, _, _ in self._bound:
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
