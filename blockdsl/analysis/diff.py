"""What differs between two networks: blocks and layers matched by what they compute, not by their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from blockdsl.analysis.alignment import (
    aligned,
    blocks_alike,
    layers_alike,
    layers_of,
    named_pairs,
    segments,
    stretches,
    unpaired,
)
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.changes import MOST, Change, Delta, Frame, gathered
from blockdsl.analysis.costed_tree import CostedTree, Item, is_input, names_of, says, tells
from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.formatting import shape_text
from blockdsl.ir import Graph, path_text


def diff(first: Graph, second: Graph) -> list[Change]:
    """The changes that lead from one network to another, neighbours that changed alike as one.

    Equal networks have no changes, whatever their blocks are called.
    """
    return gathered(every_change(first, second))


def every_change(first: Graph, second: Graph) -> list[Change]:
    """The changes that lead from one network to another, one by one, in the order of the second.

    The trees of blocks are aligned level by level. Blocks of one name, or that hold mostly the same layers,
    are gone into; the layers of all others are aligned in order and by operation, across the borders of
    blocks, so that what one network writes as a block and the other as layers is compared layer by layer.
    """
    if canonical_hash(first) == canonical_hash(second):
        return []
    known: dict[object, int] = {}
    return _Comparison(CostedTree(first, known), CostedTree(second, known)).run()


class _Comparison:
    """Aligns two sides and collects what differs."""

    def __init__(self, one: CostedTree, two: CostedTree) -> None:
        self.one, self.two = one, two
        self.same: dict[LayerNode, LayerNode] = {}
        self.told: set[LayerNode] = set()
        self.changes: list[Change] = []
        self.inside: tuple[Frame, ...] = ()
        self.frames: dict[LayerNode, tuple[Frame, ...]] = {}

    def run(self) -> list[Change]:
        """All changes: of inputs and layers, of how the layers that stay are wired and what they share, of
        outputs.
        """
        self._inputs()
        layers = [[item for item in side.root.items if not is_input(item)] for side in (self.one, self.two)]
        self._align(*layers)
        self._wiring()
        self._sharing()
        self._outputs()
        self._auxiliaries()
        return self.changes

    def _inputs(self) -> None:
        """Pair the inputs by their names; what is left in order, where the shapes are equal."""
        one, two = ({port.name: side.owner[port.value.node] for port in side.graph.inputs}
                    for side in (self.one, self.two))  # fmt: skip
        pairs = named_pairs(one, two, lambda old, new: self.one.kinds[old] == self.two.kinds[new])
        for old, new in pairs:
            if old is not None and new is not None:
                self._match(one[old], two[new])
                self._renamed("input", pairs, old, new)
                if self.one.kinds[one[old]] != self.two.kinds[two[new]]:
                    self._add("changed", two[new], says(one[old]), says(two[new]), Delta())
            elif old is not None:
                self._add("removed", one[old], f"input {says(one[old])}", "", Delta())
            elif new is not None:
                self._add("added", two[new], "", f"input {says(two[new])}", Delta())
        self._reordered("inputs", one, two)

    def _outputs(self) -> None:
        """Pair the outputs by their names; what is left by the tensors that they are."""
        one, two = ({port.name: (side.owner[port.value.node], port.value.port) for port in side.graph.outputs}
                    for side in (self.one, self.two))  # fmt: skip
        pairs = named_pairs(one, two, lambda a, b: self.same.get(a[0]) is b[0] and a[1] == b[1])
        for old, new in pairs:
            if old is not None and new is not None:
                self._renamed("output", pairs, old, new)
                if self._moved([one[old]], [two[new]]):
                    self._tell("rewired", new, names_of([one[old]]), names_of([two[new]]))
            elif old is not None:
                self._tell("removed", old, f"output of {names_of([one[old]])}", "")
            elif new is not None:
                self._tell("added", new, "", f"output of {names_of([two[new]])}")
        self._reordered("outputs", one, two)

    def _renamed(self, what: str, pairs: Sequence[tuple[str | None, str | None]], old: str, new: str) -> None:
        """Tell of another name, which the only one may have."""
        if old != new and len(pairs) > 1:
            self._tell("changed", new, f"{what} {old}", f"{what} {new}")

    def _reordered(self, what: str, one: Iterable[str], two: Iterable[str]) -> None:
        """Tell of another order of those that both have."""
        common = {*one} & {*two}
        old, new = ([name for name in names if name in common] for names in (one, two))
        if old != new:
            self._tell("changed", what, ", ".join(old), ", ".join(new))

    def _align(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        kinds = [self.one.kinds[item] for item in before], [self.two.kinds[item] for item in after]
        for equal, i, j, k, m in stretches(*kinds):
            if equal:
                for a, b in zip(before[i:j], after[k:m], strict=True):
                    self._fed(a, b)
            else:
                self._replaced(before[i:j], after[k:m])

    def _replaced(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        """Pair blocks with blocks; then layers with layers, also across the borders of blocks left over."""
        for one, two, blocks in segments(before, after, self._blocks_alike):
            self._layers(one, two)
            if blocks is not None:
                self._changed(*blocks)

    def _layers(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        """Pair the layers of two stretches in order, also across the borders of blocks.

        A block without a paired layer is new or gone as one. Where that would be more than a person reads,
        the stretches have little in common, and blocks are told as they are.
        """
        pairs = self._pairs(layers_of(before), layers_of(after), (before, after))
        if sum(not self._is_same(old, new) for old, new in pairs) > MOST:
            pairs = self._pairs(before, after, (before, after))
        for old, new in pairs:
            if old is not None and new is not None:
                self._changed(old, new)
            elif old is not None:
                self._add("removed", old, tells(old), "", self.one.delta(old, -1))
            elif new is not None:
                self._add("added", new, "", tells(new), self.two.delta(new, 1))

    def _pairs(
        self, one: Sequence[Item], two: Sequence[Item], sides: tuple[Sequence[Item], Sequence[Item]]
    ) -> list[tuple[Item | None, Item | None]]:
        """Pairs of layers; what has no partner as the largest block of its side that has none, once."""
        pairs = [*aligned(one, two, self._layers_alike)]
        paired = {item for a, b in pairs if a is not None and b is not None for item in (a, b)}
        whole: dict[Item, Item] = {node: item for side in sides for item, node in unpaired(side, paired)}
        kept: list[tuple[Item | None, Item | None]] = []
        for old, new in pairs:
            if old is not None and new is not None:
                kept.append((old, new))
                continue
            old, new = (None if item is None else whole.get(item, item) for item in (old, new))
            if (old, new) not in kept[-1:]:
                kept.append((old, new))
        return kept

    def _is_same(self, old: Item | None, new: Item | None) -> bool:
        return old is not None and new is not None and self.one.kinds[old] == self.two.kinds[new]

    def _blocks_alike(self, one: BlockNode, two: BlockNode) -> float:
        """How many of their layers two blocks have in common; 0 where they are not paired."""
        named = one.path[-1].name == two.path[-1].name or self.one.kinds[one] == self.two.kinds[two]
        return blocks_alike(self.one.layers(one), self.two.layers(two), named=named)

    def _layers_alike(self, one: Item, two: Item) -> float:
        """How much two layers have in common; 0 for other operations, and for blocks."""
        if not isinstance(one, LayerNode) or not isinstance(two, LayerNode):
            return 0.0
        return layers_alike(one.core, two.core, weighted=bool(self.two.costs[two.core.id].params))

    def _changed(self, before: Item, after: Item) -> None:
        if isinstance(before, BlockNode) and isinstance(after, BlockNode):
            with self._entered(before, after):
                self._align(before.items, after.items)
        elif isinstance(before, LayerNode) and isinstance(after, LayerNode):
            if self.one.kinds[before] == self.two.kinds[after]:
                self._fed(before, after)
                return
            self._match(before, after)
            self.told.add(after)
            self._add("changed", after, says(before), says(after), self._between(before, after))
        else:
            self._add("removed", before, tells(before), "", self.one.delta(before, -1))
            self._add("added", after, "", tells(after), self.two.delta(after, 1))

    def _fed(self, before: Item, after: Item) -> None:
        """Match the layers of equal items, and tell which have inputs of another shape."""
        if isinstance(before, BlockNode) and isinstance(after, BlockNode):
            with self._entered(before, after):
                for a, b in zip(before.items, after.items, strict=True):
                    self._fed(a, b)
            return
        assert isinstance(before, LayerNode) and isinstance(after, LayerNode)
        self._match(before, after)
        shapes = self.one.inputs(before), self.two.inputs(after)
        if shapes[0] != shapes[1]:
            self.told.add(after)
            texts = [", ".join(map(shape_text, side)) for side in shapes]
            self._add("fed", after, texts[0], texts[1], self._between(before, after))

    def _match(self, before: LayerNode, after: LayerNode) -> None:
        self.same[before] = after
        self.frames[after] = self.inside

    @contextmanager
    def _entered(self, before: BlockNode, after: BlockNode) -> Iterator[None]:
        """Inside a block that both have."""
        around = self.inside
        self.inside = (*around, Frame(path_text(after.path), says(before), says(after)))
        yield
        self.inside = around

    def _wiring(self) -> None:
        for before, after in self.same.items():
            self.inside = self.frames[after]
            old, new = self.one.sources(before), self.two.sources(after)
            more = len(old) != len(new) and before.core.operation == after.core.operation
            if more or self._moved(old, new):
                self._add("rewired", after, names_of(old), names_of(new), Delta())
        self.inside = ()

    def _moved(self, old: Sequence[tuple[LayerNode, int]], new: Sequence[tuple[LayerNode, int]]) -> bool:
        """Whether tensors come from other layers, of those that both networks have."""
        return len(old) == len(new) and any(
            self.same.get(a) not in (None, b) and b in self.frames
            for (a, _), (b, _) in zip(old, new, strict=True)
        )

    def _sharing(self) -> None:
        """Tell which layers share weights with others than before, or begin or cease to share them."""
        if not self.one.graph.shared and not self.two.graph.shared:
            return
        for before, after in self.same.items():
            old, new = self.one.sharing(before), self.two.sharing(after)
            together = {self.same[node] for node in old if node in self.same}
            changed = together != {node for node in new if node in self.frames}
            delta = Delta() if after in self.told else self._between(before, after)
            if delta.params or (changed and (old[0] is not before or new[0] is not after)):
                self.inside = self.frames[after]
                self._add("shared", after, self.one.weights(before), self.two.weights(after), delta)
        self.inside = ()

    def _auxiliaries(self) -> None:
        names = [{a.name: a for a in side.graph.auxiliaries} for side in (self.one, self.two)]
        for name in names[0].keys() & names[1].keys():
            weights = names[0][name].weight, names[1][name].weight
            if weights[0] != weights[1]:
                before, after = (f"weight {weight:g}" for weight in weights)
                self._tell("changed", name, before, after)

    def _tell(self, kind: str, name: str, before: str, after: str) -> None:
        """Add a change that costs nothing."""
        self.changes.append(Change(kind, name, before, after, 1, Delta()))

    def _between(self, before: LayerNode, after: LayerNode) -> Delta:
        """What a layer costs more than its partner."""
        old, new = self.one.delta(before, -1), self.two.delta(after, 1)
        return Delta(*(a + b for a, b in zip(old, new, strict=True)))

    def _add(self, kind: str, item: Item, before: str, after: str, delta: Delta) -> None:
        path = item.core.path if isinstance(item, LayerNode) else item.path
        self.changes.append(Change(kind, path_text(path), before, after, 1, delta, self.inside))
