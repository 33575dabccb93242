"""A first matching: the foreign tree of names laid along our layers, which are in execution order.

What stands under one prefix stays together, and numbers at the ends of names keep their order (`conv1`
before `conv2`). Only layers of one class may be matched. Of several orders that fit, the one is taken in
which most prefixes are modules that one tensor flows into. `judge` says what else it could have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise
from random import Random

from blockdsl.ir import Graph
from blockdsl.transfer.flow import Flow
from blockdsl.transfer.names import Branch, in_order, tree
from blockdsl.transfer.pieces import Piece

MAX_TRIES = 20_000
MAX_ORDERS = 32


class Alignment:
    """Our layers and the foreign tree, and how the one is laid along the other.

    A set of pieces has a fingerprint, the sum of random numbers of their classes: equal sets have
    equal ones, and that of consecutive layers of ours is the difference of two prefix sums.

    Args:
        graph: our network.
        nodes: the node of each piece of ours, in execution order.
        own: the class of each piece of ours.
        theirs: the foreign pieces.
        other: the class of each of them.
        by_order: whether the order of registration is taken wherever it fits.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[int],
        own: Sequence[int],
        theirs: Sequence[Piece],
        other: Sequence[int],
        by_order: bool,
    ) -> None:
        self.graph, self.nodes, self.own, self.by_order = graph, nodes, own, by_order
        self.root = tree(theirs)
        draw = Random(0)
        marks = {number: draw.getrandbits(64) for number in sorted(set(own))}
        self._sums = list(accumulate((marks[number] for number in own), initial=0))
        self.class_of = {id(piece): number for piece, number in zip(theirs, other, strict=True)}
        self._marks = {piece: marks[number] for piece, number in self.class_of.items()}
        self._known: dict[int, tuple[int, int]] = {}
        self._flow = Flow(graph)
        self._weighted = set(nodes)
        self.tries = 0

    def contents(self, part: Branch) -> tuple[int, int]:
        """How many pieces a part has, and their fingerprint."""
        key = id(part.piece) if not part.children else -id(part)
        if key not in self._known:
            marks = [self._marks[id(piece)] for piece in part.pieces()]
            self._known[key] = len(marks), sum(marks)
        return self._known[key]

    def fits(self, part: Branch, start: int) -> bool:
        """Whether our layers from `start` on are of the classes that a part has."""
        count, mark = self.contents(part)
        return 0 <= start <= len(self.own) - count and self._sums[start + count] - self._sums[start] == mark

    def of(self, branch: Branch, start: int) -> list[Piece] | None:
        """The pieces of a branch in the order of ours from `start` on; None where they do not fit."""
        if not branch.children:
            return list(branch.pieces())
        result: list[Piece] = []
        for part in self._order(branch, start) or ():
            if (found := self.of(part, start + len(result))) is None:
                return None
            result += found
        return result or None

    def crossing(self, positions: Sequence[int]) -> int:
        """How many tensors flow into and out of layers of ours, with what belongs to them.

        Operations without weights do that read these layers alone, such as the sum of branches, or
        that only these layers read, such as an activation before them.
        """
        return self._flow.crossing({self.nodes[at] for at in positions}, self._weighted)

    def entering(self, start: int, count: int) -> int:
        """How many tensors flow into consecutive layers of ours."""
        first, last = self.nodes[start], self.nodes[start + count - 1]
        inside = range(first, last + 1)
        return len({v for node in inside for v in self.graph.layer(node).sources if v.node < first})

    def in_series(self, first: Sequence[int], second: Sequence[int]) -> bool:
        """Whether what positions of ours yield flows into others, all of which come after them."""
        if not first or not second or max(first) >= min(second):
            return False
        nodes = [self.nodes[at] for at in second]
        return self._flow.reach([self.nodes[at] for at in first], nodes)

    def _order(self, branch: Branch, start: int) -> list[Branch] | None:
        """The parts in the order of ours. Where prefixes interleave, what stands under them is sorted in."""
        parts = in_order(branch.parts(), self.by_order)
        while (order := self._order_of(parts, start)) is None:
            if not any(part.children for part in parts):
                return None
            parts = [p for part in parts for p in (part.parts() if part.children else [part])]
            parts = in_order(parts, self.by_order)
        return order

    def _order_of(self, parts: list[Branch], start: int) -> list[Branch] | None:
        """The order that fits with the fewest modules of several tensors, best that of registration."""
        exact = [parts] if self._is_exact(parts, start) else []
        if exact and not self._faults(parts, start)[0] and (self.by_order or not self._torn(parts, start)):
            return parts
        found = [*exact, *islice(self._orders(parts, start, _before(parts)), MAX_ORDERS)]
        if all(self._faults(order, start)[0] for order in found):  # numbers may count what is side by side
            found += islice(self._orders(parts, start, [set()] * len(parts)), MAX_ORDERS)
        return min(found, key=lambda order: self._faults(order, start), default=None)

    def _is_exact(self, parts: Sequence[Branch], start: int) -> bool:
        classes = [self.class_of[id(piece)] for part in parts for piece in part.pieces()]
        return list(self.own[start : start + len(classes)]) == classes

    def _faults(self, parts: Sequence[Branch], start: int) -> tuple[int, int]:
        """How many parts, placed in this order, are modules that several tensors flow into; how many
        neighbours in number do not follow each other though others do."""
        count, at = 0, start
        for part in parts:
            size, _ = self.contents(part)
            count += size > 1 and self.entering(at, size) > 1
            at += size
        return count, 0 if self.by_order else self._torn(parts, start)

    def _torn(self, parts: Sequence[Branch], start: int) -> int:
        families: dict[str, list[tuple[int, range]]] = {}
        at = start
        for part in parts:
            size, _ = self.contents(part)
            if part.family:
                families.setdefault(part.family[0], []).append((part.family[1], range(at, at + size)))
            at += size
        torn = 0
        for members in families.values():
            follow = [
                self.in_series(a, b) for (_, a), (_, b) in pairwise(sorted(members, key=lambda m: m[0]))
            ]
            torn += follow.count(False) if any(follow) else 0
        return torn

    def _orders(
        self, parts: Sequence[Branch], start: int, before: Sequence[set[int]]
    ) -> Iterator[list[Branch]]:
        """Orders that fit; parts alike without a number keep that of registration."""
        contents = [self.contents(part) for part in parts]
        numbered = [part.family is not None for part in parts]
        stack: list[tuple[tuple[int, ...], int]] = [((), start)]
        while stack:
            placed, at = stack.pop()
            self.tries += 1
            if self.tries > MAX_TRIES:
                return
            if len(placed) == len(parts):
                yield [parts[i] for i in placed]
                continue
            options: list[int] = []
            tried: set[tuple[int, int]] = set()
            free = set(range(len(parts))).difference(placed)
            for i in sorted(free):
                if not before[i].isdisjoint(free) or (not numbered[i] and contents[i] in tried):
                    continue
                if self.fits(parts[i], at):
                    options.append(i)
                    if not numbered[i]:
                        tried.add(contents[i])
            stack += [((*placed, i), at + contents[i][0]) for i in reversed(options)]


def _before(parts: Sequence[Branch]) -> list[set[int]]:
    """For each part, the one before it by number: `conv1` for `conv2`."""
    families: dict[str, list[tuple[int, int]]] = {}
    for i, part in enumerate(parts):
        if part.family:
            families.setdefault(part.family[0], []).append((part.family[1], i))
    before: list[set[int]] = [set() for _ in parts]
    for members in families.values():
        for (_, a), (_, b) in pairwise(sorted(members)):
            before[b].add(a)
    return before
