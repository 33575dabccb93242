"""What differs between two networks: blocks and layers matched by what they compute, not by their text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any, NamedTuple

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.costs import Cost, costs_of
from blockdsl.analysis.table import shape_text
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.render.merge import merge
from blockdsl.render.scene import Block, Node, outside_inputs, tree

Item = Block | Node
_LONG = 3000


class Delta(NamedTuple):
    """What a change adds: parameters, MACs of inference, and bytes of activations for one sample."""

    params: int = 0
    macs: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: `added`, `removed`, `changed` (another operation or argument), `fed` (the same layers on
            an input of another shape) or `rewired` (the same layer reads other tensors).
        path: where, in the second network; in the first for what was removed. `stage[1].unit[3..6]` names
            neighbours that read alike, `a to b` the layers that are fed otherwise from a to b.
        before, after: the layer or block as text; the shapes of its inputs (`fed`, of the first layer) or
            where they come from (`rewired`).
        times: how many neighbours it speaks of.
        delta: what it costs.
    """

    kind: str
    path: str
    before: str
    after: str
    times: int
    delta: Delta

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl diff --json` prints it."""
        return {
            "kind": self.kind, "path": self.path, "before": self.before, "after": self.after,
            "times": self.times, **self.delta._asdict(),
        }  # fmt: skip


def diff(first: Graph, second: Graph) -> list[Change]:
    """The changes that lead from one network to another, in the order of the second.

    The trees of blocks are aligned level by level (`difflib.SequenceMatcher` over hashes of what is
    inside, without shapes); what differs is gone into. Equal networks have no changes, whatever their
    blocks are called.
    """
    if canonical_hash(first) == canonical_hash(second):
        return []
    known: dict[object, int] = {}
    comparison = _Comparison(_Side(first, known), _Side(second, known))
    return list(_gathered(comparison.run()))


class _Side:
    """One network as a tree, with costs, and a number for the content of each item.

    `known` is shared by both sides, so that equal content has equal numbers.
    """

    def __init__(self, graph: Graph, known: dict[object, int]) -> None:
        self.graph, self._known = graph, known
        self.root = tree(graph, {})
        merge(self.root, graph, detail=True)
        self.costs = costs_of(graph)
        self.owner = {layer.id: node for node in self.root.nodes() for layer in node.layers}
        self.kinds: dict[Item, int] = {}
        self._number(self.root)

    def _number(self, item: Item) -> int:
        key: object
        if isinstance(item, Node):
            key = tuple(str(layer.operation) for layer in item.layers)
        else:
            key = (None, *(self._number(inner) for inner in item.items))
        self.kinds[item] = self._known.setdefault(key, len(self._known))
        return self.kinds[item]

    def inputs(self, node: Node) -> tuple[tuple[int, ...], ...]:
        """Shapes of what flows into a layer; of the input itself its own."""
        return tuple(self.graph.shape_of(v) for v in outside_inputs(node)) or (node.shape,)

    def sources(self, node: Node) -> list[tuple[Node, int]]:
        """The layers, and which of their outputs, that a layer reads."""
        return [(self.owner[value.node], value.port) for value in outside_inputs(node)]

    def delta(self, item: Item, sign: int) -> Delta:
        """The cost of all layers inside, added or taken away."""
        total = [0, 0, 0]
        for node in [item] if isinstance(item, Node) else item.nodes():
            for layer in node.layers:
                for index, count in enumerate(_counted(layer, self.costs[layer.id])):
                    total[index] += sign * count
        return Delta(*total)


def _counted(layer: Layer, cost: Cost) -> Delta:
    """What a layer adds to the totals of a summary; training's heads run in no inference."""
    if not layer.inputs:
        return Delta()
    runs = not layer.training_only
    return Delta(cost.params, cost.macs * runs, cost.activations * runs)


class _Comparison:
    """Aligns two sides and collects what differs."""

    def __init__(self, one: _Side, two: _Side) -> None:
        self.one, self.two = one, two
        self.same: dict[Node, Node] = {}
        self.changes: list[Change] = []

    def run(self) -> list[Change]:
        """All changes: of layers, then of how the layers that stay are wired, then of outputs."""
        self._align(self.one.root.items, self.two.root.items)
        self._wiring()
        self._outputs()
        return self.changes

    def _align(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        kinds = [self.one.kinds[item] for item in before], [self.two.kinds[item] for item in after]
        for equal, i, j, k, m in _aligned(*kinds):
            if equal:
                for a, b in zip(before[i:j], after[k:m], strict=True):
                    self._fed(a, b)
            else:
                self._replaced(before[i:j], after[k:m])

    def _replaced(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        """Pair what has the same name or operation; the rest is gone or new."""
        names = [_name(item) for item in before], [_name(item) for item in after]
        for equal, i, j, k, m in _aligned(*names):
            if equal:
                for a, b in zip(before[i:j], after[k:m], strict=True):
                    self._changed(a, b)
                continue
            for item in before[i:j]:
                self._add("removed", item, _says(item), "", self.one.delta(item, -1))
            for item in after[k:m]:
                self._add("added", item, "", _says(item), self.two.delta(item, 1))

    def _changed(self, before: Item, after: Item) -> None:
        if isinstance(before, Block) and isinstance(after, Block):
            self._align(before.items, after.items)
        elif isinstance(before, Node) and isinstance(after, Node):
            self.same[before] = after
            self._add("changed", after, _says(before), _says(after), self._between(before, after))
        else:
            self._add("removed", before, _says(before), "", self.one.delta(before, -1))
            self._add("added", after, "", _says(after), self.two.delta(after, 1))

    def _fed(self, before: Item, after: Item) -> None:
        """Match the layers of equal items, and tell which have inputs of another shape."""
        if isinstance(before, Block) and isinstance(after, Block):
            for a, b in zip(before.items, after.items, strict=True):
                self._fed(a, b)
            return
        assert isinstance(before, Node) and isinstance(after, Node)
        self.same[before] = after
        shapes = self.one.inputs(before), self.two.inputs(after)
        if shapes[0] != shapes[1]:
            texts = [", ".join(map(shape_text, side)) for side in shapes]
            self._add("fed", after, texts[0], texts[1], self._between(before, after))

    def _wiring(self) -> None:
        for before, after in self.same.items():
            was = [(self.same.get(node), port) for node, port in self.one.sources(before)]
            now = self.two.sources(after)
            moved = len(was) == len(now) and any(
                a[0] is not None and a[0] is not b[0] and b[0] in self.same.values()
                for a, b in zip(was, now, strict=True)
            )
            if moved or (len(was) != len(now) and before.core.operation == after.core.operation):
                old, new = self.one.sources(before), now
                self._add("rewired", after, _names(old), _names(new), Delta())

    def _outputs(self) -> None:
        names = [{a.name: a for a in side.graph.auxiliaries} for side in (self.one, self.two)]
        for name in names[0].keys() & names[1].keys():
            weights = names[0][name].weight, names[1][name].weight
            if weights[0] != weights[1]:
                before, after = (f"weight {weight:g}" for weight in weights)
                self.changes.append(Change("changed", name, before, after, 1, Delta()))

    def _between(self, before: Node, after: Node) -> Delta:
        old, new = self.one.delta(before, -1), self.two.delta(after, 1)
        return Delta(*(a + b for a, b in zip(old, new, strict=True)))

    def _add(self, kind: str, item: Item, before: str, after: str, delta: Delta) -> None:
        path = item.core.path if isinstance(item, Node) else item.path
        self.changes.append(Change(kind, path_text(path), before, after, 1, delta))


def _aligned(one: Sequence[object], two: Sequence[object]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Stretches of both sequences, equal or not; what is repeated more often is longer at its end.

    In very long flat sequences what comes often is no anchor, or the time would be quadratic.
    """
    begin = 0
    while begin < min(len(one), len(two)) and one[begin] == two[begin]:
        begin += 1
    yield True, 0, begin, 0, begin
    matcher = SequenceMatcher(None, one[begin:], two[begin:], autojunk=len(two) > _LONG)
    for tag, i, j, k, m in matcher.get_opcodes():
        yield tag == "equal", i + begin, j + begin, k + begin, m + begin


def _name(item: Item) -> str:
    """What two items share that were written for the same purpose."""
    if isinstance(item, Node):
        return item.core.operation.name
    return item.path[-1].name


def _says(item: Item) -> str:
    if isinstance(item, Node):
        return "-".join(str(layer.operation) for layer in item.layers)
    return str(item.call) if item.call else item.path[-1].name


def _names(sources: Sequence[tuple[Node, int]]) -> str:
    return ", ".join(path_text(node.core.path) for node, _ in sources)


def _gathered(changes: Sequence[Change]) -> Iterator[Change]:
    """Changes as they are told: neighbours added or removed alike, and what is fed in a row, as one."""
    for kind, group in groupby(changes, _group):
        alike = list(group)
        first, last = alike[0], alike[-1]
        if len(alike) == 1:
            yield first
            continue
        stem, _, number = first.path.rpartition("[")
        path = f"{stem}[{number[:-1]}..{last.path.rpartition('[')[2]}"
        if kind == ("fed",):
            path = f"{first.path} to {last.path}"
        total = Delta(*(sum(parts) for parts in zip(*(change.delta for change in alike), strict=True)))
        yield Change(first.kind, path, first.before, first.after, len(alike), total)


def _group(change: Change) -> tuple[str, ...]:
    if change.kind == "fed":
        return ("fed",)
    if change.kind in ("added", "removed"):
        return (change.kind, change.path.rpartition("[")[0], change.before, change.after)
    return (change.kind, change.path)
