"""What differs between two networks: blocks and layers matched by what they compute, not by their text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from blockdsl.analysis.canonical import canonical_hash
from blockdsl.analysis.changes import Change, Delta, Frame, gathered
from blockdsl.analysis.sides import Item, Side, akin, aligned, name_of, names_of, says
from blockdsl.analysis.table import shape_text
from blockdsl.ir import Graph, path_text
from blockdsl.render.scene import Block, Node


def diff(first: Graph, second: Graph) -> list[Change]:
    """The changes that lead from one network to another, neighbours that changed alike as one.

    Equal networks have no changes, whatever their blocks are called.
    """
    return gathered(every_change(first, second))


def every_change(first: Graph, second: Graph) -> list[Change]:
    """The changes that lead from one network to another, one by one, in the order of the second.

    The trees of blocks are aligned level by level (`difflib.SequenceMatcher` over hashes of what is
    inside, without shapes); what differs is gone into, also where a block has another name but holds
    mostly the same layers.
    """
    if canonical_hash(first) == canonical_hash(second):
        return []
    known: dict[object, int] = {}
    return _Comparison(Side(first, known), Side(second, known)).run()


class _Comparison:
    """Aligns two sides and collects what differs."""

    def __init__(self, one: Side, two: Side) -> None:
        self.one, self.two = one, two
        self.same: dict[Node, Node] = {}
        self.changes: list[Change] = []
        self.inside: tuple[Frame, ...] = ()
        self.frames: dict[Node, tuple[Frame, ...]] = {}

    def run(self) -> list[Change]:
        """All changes: of layers, then of how the layers that stay are wired, then of outputs."""
        self._align(self.one.root.items, self.two.root.items)
        self._wiring()
        self._outputs()
        return self.changes

    def _align(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        kinds = [self.one.kinds[item] for item in before], [self.two.kinds[item] for item in after]
        for equal, i, j, k, m in aligned(*kinds):
            if equal:
                for a, b in zip(before[i:j], after[k:m], strict=True):
                    self._fed(a, b)
            else:
                self._replaced(before[i:j], after[k:m])

    def _replaced(self, before: Sequence[Item], after: Sequence[Item]) -> None:
        """Pair what has the same name or operation; the rest is gone or new."""
        names = [name_of(item) for item in before], [name_of(item) for item in after]
        for equal, i, j, k, m in aligned(*names):
            if equal:
                for a, b in zip(before[i:j], after[k:m], strict=True):
                    self._changed(a, b)
                continue
            for old, new in akin(before[i:j], after[k:m]):
                if old is not None and new is not None:
                    self._changed(old, new)
                elif old is not None:
                    self._add("removed", old, says(old), "", self.one.delta(old, -1))
                elif new is not None:
                    self._add("added", new, "", says(new), self.two.delta(new, 1))

    def _changed(self, before: Item, after: Item) -> None:
        if isinstance(before, Block) and isinstance(after, Block):
            with self._entered(before, after):
                self._align(before.items, after.items)
        elif isinstance(before, Node) and isinstance(after, Node):
            self._match(before, after)
            self._add("changed", after, says(before), says(after), self._between(before, after))
        else:
            self._add("removed", before, says(before), "", self.one.delta(before, -1))
            self._add("added", after, "", says(after), self.two.delta(after, 1))

    def _fed(self, before: Item, after: Item) -> None:
        """Match the layers of equal items, and tell which have inputs of another shape."""
        if isinstance(before, Block) and isinstance(after, Block):
            with self._entered(before, after):
                for a, b in zip(before.items, after.items, strict=True):
                    self._fed(a, b)
            return
        assert isinstance(before, Node) and isinstance(after, Node)
        self._match(before, after)
        shapes = self.one.inputs(before), self.two.inputs(after)
        if shapes[0] != shapes[1]:
            texts = [", ".join(map(shape_text, side)) for side in shapes]
            self._add("fed", after, texts[0], texts[1], self._between(before, after))

    def _match(self, before: Node, after: Node) -> None:
        self.same[before] = after
        self.frames[after] = self.inside

    @contextmanager
    def _entered(self, before: Block, after: Block) -> Iterator[None]:
        """Inside a block that both have."""
        around = self.inside
        self.inside = (*around, Frame(path_text(after.path), says(before), says(after)))
        yield
        self.inside = around

    def _wiring(self) -> None:
        for before, after in self.same.items():
            self.inside = self.frames[after]
            was = [(self.same.get(node), port) for node, port in self.one.sources(before)]
            now = self.two.sources(after)
            moved = len(was) == len(now) and any(
                a[0] is not None and a[0] is not b[0] and b[0] in self.same.values()
                for a, b in zip(was, now, strict=True)
            )
            if moved or (len(was) != len(now) and before.core.operation == after.core.operation):
                old, new = self.one.sources(before), now
                self._add("rewired", after, names_of(old), names_of(new), Delta())

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
        self.changes.append(Change(kind, path_text(path), before, after, 1, delta, self.inside))
