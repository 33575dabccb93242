"""Which foreign piece is which of ours: two sequences aligned along the foreign tree of names.

The foreign names are used for their tree (what stands under one prefix stays together) and for the
numbers at their ends (`conv1`, `conv2`, … follow each other, or are all side by side). What decides
is kind and size: along the order of definition where every piece fits it, or else along the one
other order that fits. Of two that fit, the one is right in which every prefix is a module of one
tensor (a projection defined before its branch is told from the branch's first layer by that); where
that does not tell them apart, both are named and nothing is carried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph
from blockdsl.transfer.names import Branch, tree
from blockdsl.transfer.pieces import Key, Piece

MAX_TRIES = 20_000
MAX_ORDERS = 32
SETTLE = "settle it in a file: --map FILE, with lines such as conv1 = features.0"

Contents = Counter[Key]
"""What a part holds: so many pieces of each kind and size."""


def align(ours: Sequence[tuple[Piece, int]], theirs: Sequence[Piece], graph: Graph) -> list[Piece]:
    """The foreign piece for each of ours, which come with their layers.

    Raises:
        ArchError: they are not the same network, or there is more than one way to see them as one.
    """
    keys = _shared_keys([piece for piece, _ in ours], theirs)
    differ = _first_difference([piece for piece, _ in ours], theirs, keys)
    if differ:
        raise error("weights", differ, help="--partial leaves out what only one of them has, such as a head")
    return _Alignment(ours, keys, graph, _in_order(theirs)).of(tree(theirs), 0) if ours else []


def _shared_keys(ours: Sequence[Piece], theirs: Sequence[Piece]) -> dict[int, Key]:
    """Each piece's key by its identity; a kernel or a matrix without a partner is tried as flat."""
    known = {p.key for p in ours}, {p.key for p in theirs}
    return {id(p): p.key if p.key in known[0] & known[1] else p.flat_key for p in (*ours, *theirs)}


def _first_difference(ours: Sequence[Piece], theirs: Sequence[Piece], keys: dict[int, Key]) -> str:
    """What only one of the two has, in words; nothing where they have the same kinds and sizes."""
    mine, other = Counter(keys[id(p)] for p in ours), Counter(keys[id(p)] for p in theirs)
    if mine == other:
        return ""
    words = [f"the network has {len(ours)} layers with weights, the state dict {len(theirs)}"]
    for whose, found, shared in (("network", ours, other), ("state dict", theirs, mine)):
        seen: Contents = Counter()
        for piece in found:
            seen[keys[id(piece)]] += 1
            if seen[keys[id(piece)]] > shared[keys[id(piece)]]:
                words.append(f"the first that only the {whose} has: {piece}")
                break
    return "; ".join(words)


def _in_order(pieces: Sequence[Piece]) -> bool:
    """Whether the order is that of definition; a .safetensors file has its names sorted."""
    names = [name for piece in pieces for name, _ in piece.tensors.values()]
    return names != sorted(names)


class _Alignment:
    def __init__(
        self, ours: Sequence[tuple[Piece, int]], keys: dict[int, Key], graph: Graph, in_order: bool
    ) -> None:
        self.keys, self.graph, self.in_order = keys, graph, in_order
        self.ours = [keys[id(piece)] for piece, _ in ours]
        self.names = [str(piece) for piece, _ in ours]
        self.nodes = [node for _, node in ours]
        self.tries = 0

    def of(self, branch: Branch, start: int) -> list[Piece]:
        """The pieces of a branch in the order of ours from `start` on."""
        if not branch.children:
            return list(branch.pieces())
        result: list[Piece] = []
        for part in self._order(branch, start):
            result += self.of(part, start + len(result))
        return result

    def _order(self, branch: Branch, start: int) -> list[Branch]:
        """The parts in the order of ours. Where prefixes interleave, what stands under them is sorted in."""
        parts = branch.parts()
        while True:
            if (order := self._order_of(parts, start)) is not None:
                return order
            if not any(part.children for part in parts):
                break
            parts = [p for part in parts for p in (part.parts() if part.children else [part])]
            parts.sort(key=Branch.place)
        where = f"under {branch.name}" if branch.name else "of the state dict"
        message = f"what stands {where} does not fit the network from {self.names[start]} on"
        raise error("weights", message, help=SETTLE)

    def _order_of(self, parts: list[Branch], start: int) -> list[Branch] | None:
        """The order of definition if every piece fits it, else the one order that fits; None without one."""
        exact = self.in_order and self._is_exact(parts, start)
        if exact and (torn := self._torn(parts, start)):
            raise _unclear(f"{torn[0]} and {torn[1]} would not follow each other, others of them do")
        if exact and not self._entered_twice(parts, start):
            return parts
        found = list(islice(self._orders(parts, start), MAX_ORDERS))
        entered = [self._entered_twice(order, start) for order in found]
        found = [order for order, twice in zip(found, entered, strict=True) if twice == min(entered)]
        if exact and parts in found:
            return parts
        if len(found) > 1:
            one, other = next((a, b) for a, b in zip(*found[:2], strict=True) if a is not b)
            raise _unclear(f"either {one.name} or {other.name} may come first: both fit", self.in_order)
        if found:
            self._check_alike(found[0], start)
        return found[0] if found else None

    def _is_exact(self, parts: Sequence[Branch], start: int) -> bool:
        keys = [self.keys[id(piece)] for part in parts for piece in part.pieces()]
        return self.ours[start : start + len(keys)] == keys

    def _entered_twice(self, parts: Sequence[Branch], start: int) -> int:
        """How many parts, placed in this order, would be modules of more than one tensor."""
        count, at = 0, start
        for part in parts:
            end = at + sum(1 for _ in part.pieces())
            first, last = self.nodes[at], self.nodes[end - 1]
            inside = range(first, last + 1)
            entries = {v for node in inside for v in self.graph.layer(node).inputs if v.node < first}
            count += len(entries) > 1
            at = end
        return count

    def _segment(self, at: int, content: Contents) -> Contents:
        return Counter(self.ours[at : at + content.total()])

    def _contents(self, part: Branch) -> Contents:
        return Counter(self.keys[id(piece)] for piece in part.pieces())

    def _orders(self, parts: Sequence[Branch], start: int) -> Iterator[list[Branch]]:
        """Orders that fit and tear no family; parts alike without a number keep that of definition."""
        contents = [self._contents(part) for part in parts]
        before = _before(parts)
        stack: list[tuple[tuple[int, ...], int]] = [((), start)]
        while stack:
            placed, at = stack.pop()
            self.tries += 1
            if self.tries > MAX_TRIES:
                raise _unclear("there are too many ways to see the two as one network", self.in_order)
            if len(placed) == len(parts):
                order = [parts[i] for i in placed]
                if not self._torn(order, start):
                    yield order
                continue
            options: list[int] = []
            for i, content in enumerate(contents):
                alike = parts[i].family is None and any(
                    contents[o] == content and parts[o].family is None for o in options
                )
                free = i not in placed and before[i] <= set(placed) and not alike
                if free and self._segment(at, content) == content:
                    options.append(i)
            stack += [((*placed, i), at + contents[i].total()) for i in reversed(options)]

    def _torn(self, order: Sequence[Branch], start: int) -> tuple[str, str] | None:
        """Two neighbours of a numbered family that do not follow each other though others of it do."""
        families: dict[str, list[tuple[int, int, str]]] = {}
        at = start
        for part in order:
            if part.family:
                families.setdefault(part.family[0], []).append((part.family[1], self.nodes[at], part.name))
            at += sum(1 for _ in part.pieces())
        for members in families.values():
            pairs = list(pairwise(sorted(members)))
            links = [_leads_to(self.graph, a[1], b[1]) for a, b in pairs]
            if len(set(links)) > 1:
                first, second = pairs[links.index(False)]
                return first[2], second[2]
        return None

    def _check_alike(self, order: Sequence[Branch], start: int) -> None:
        """Parts alike without numbers may keep the order of definition only where they are a chain."""
        last: dict[frozenset[tuple[Key, int]], tuple[int, Branch]] = {}
        at = start
        for part in order:
            content = self._contents(part)
            if part.family is None:
                kind = frozenset(content.items())
                node, other = last.get(kind, (None, part))
                if node is not None and not (self.in_order and _leads_to(self.graph, node, self.nodes[at])):
                    raise _unclear(f"{other.name} and {part.name} are alike", self.in_order)
                last[kind] = self.nodes[at], part
            at += content.total()


def _before(parts: Sequence[Branch]) -> list[set[int]]:
    """For each part, those that come before it by number: `conv1` before `conv2`."""
    families = [part.family for part in parts]
    return [
        {i for i, other in enumerate(families) if own and other and own[0] == other[0] and other[1] < own[1]}
        for own in families
    ]


def _leads_to(graph: Graph, first: int, second: int) -> bool:
    """Whether what one layer yields flows, in the end, into another; looks no further back than needed."""
    waiting, seen = [second], {second}
    while waiting:
        node = waiting.pop()
        if node == first:
            return True
        new = {v.node for v in graph.layer(node).inputs if v.node >= first} - seen
        seen |= new
        waiting += new
    return False


def _unclear(message: str, in_order: bool = True) -> ArchError:
    order = "" if in_order else "; names in sorted order tell nothing: a .pth file may do"
    return error("weights", f"cannot tell which layer is which: {message}", help=SETTLE + order)
