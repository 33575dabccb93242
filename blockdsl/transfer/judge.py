"""What else a matching could be: parts of the foreign names whose layers fit in another order too.

Four kinds of exchange keep together what stands under one prefix, and are all that is tried:

- two parts under one prefix with the same kinds and sizes, such as the branches of a module;
- a part and several of its neighbours that are as one of its kind: a projection with its norm, and the
  last convolution of the branch beside it with its norm;
- a part and neighbours that follow each other, the other way round: a last unit before the others;
- two layers that read the same tensors, if what stands under their prefixes are modules after it too.

An exchange is ruled out by numbers (`conv1` before `conv2`) where the layers follow each other in our
network, or by structure, where more tensors would flow into and out of the modules than before. What is
left rests on the order of registration alone. Names have divided the layers into classes before.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from itertools import combinations, islice, pairwise

from blockdsl.transfer.align import MAX_TRIES, Alignment
from blockdsl.transfer.names import Branch
from blockdsl.transfer.pieces import Piece

MAX_GROUP = 24
"""Of larger groups without a common numbering nothing is asked: they rest on order."""

Undecided = list[Branch]
"""Parts that fit in another order too."""

Places = Mapping[int, Sequence[int]]
"""For each part, by its identity, its positions in the order of ours."""


def undecided(alignment: Alignment, found: Sequence[Piece], ordered: bool) -> list[Undecided]:
    """The groups of parts that nothing but the order of registration tells apart.

    Args:
        alignment: both sides.
        found: the foreign piece at each position of ours.
        ordered: whether the foreign pieces' places are their order of registration.
    """
    judge = _Judge(alignment, {id(piece): at for at, piece in enumerate(found)}, ordered)
    return [*judge.under(alignment.root), *judge.side_by_side(found)]


class _Judge:
    def __init__(self, alignment: Alignment, position: dict[int, int], ordered: bool) -> None:
        self.alignment, self.position, self.ordered = alignment, position, ordered

    def under(self, branch: Branch) -> Iterator[Undecided]:
        """What is undecided under a prefix."""
        waiting = [branch]
        while waiting:
            parts = list(self._modules(waiting.pop()))
            yield from _Siblings(self, parts).undecided()
            waiting += sorted((part for part in parts if part.children), key=self.places, reverse=True)

    def side_by_side(self, found: Sequence[Piece]) -> Iterator[Undecided]:
        """Layers that read the same tensors, under prefixes that are modules with either of them."""
        groups: dict[Hashable, list[int]] = {}
        for at, node in enumerate(self.alignment.nodes):
            sources = self.alignment.graph.layer(node).sources
            groups.setdefault((self.alignment.own[at], sources), []).append(at)
        for group in groups.values():
            for a, b in combinations(group[:MAX_GROUP], 2):
                if self._may_change_places(found[a], a, found[b], b):
                    yield [Branch(found[at].name, piece=found[at]) for at in (a, b)]

    def _may_change_places(self, one: Piece, at: int, other: Piece, there: int) -> bool:
        more, apart = 0, False
        for piece, old, new in ((one, at, there), (other, there, at)):
            for branch in self._around(piece, other if piece is one else one):
                places = self.places(branch)
                apart |= len(places) > 1
                moved = [new if place == old else place for place in places]
                more += self.alignment.crossing(moved) - self.alignment.crossing(places)
        return apart and more <= 0

    def _around(self, piece: Piece, other: Piece) -> Iterator[Branch]:
        """The modules that hold a piece and not the other one, from the outermost inwards."""
        branch = self.alignment.root
        for depth, step in enumerate(piece.path[:-1], 1):
            branch = branch.children[step]
            if piece.path[:depth] != other.path[:depth]:
                yield branch

    def _modules(self, branch: Branch) -> Iterator[Branch]:
        """The parts of a prefix; of one whose layers stand apart, which is no module, its own parts."""
        for part in branch.parts():
            at = self.places(part)
            if part.children and at[-1] - at[0] + 1 > len(at):
                yield from self._modules(part)
            else:
                yield part

    def places(self, part: Branch) -> list[int]:
        """The positions of a part's pieces."""
        return sorted(self.position[id(piece)] for piece in part.pieces())


class _Siblings:
    """The parts under one prefix, in the order of ours."""

    def __init__(self, judge: _Judge, parts: Sequence[Branch]) -> None:
        self.judge, self.alignment = judge, judge.alignment
        places = [(judge.places(part), part) for part in parts]
        places.sort(key=lambda found: found[0])
        self.parts = [part for _, part in places]
        self.at = [at for at, _ in places]
        self.numbers = [part.numbers() for part in self.parts]
        self.certain: set[int] = set()
        self.families: dict[str, list[int]] = {}
        for i, (stem, numbers) in enumerate(self.numbers):
            if numbers:
                self.families.setdefault(stem, []).append(i)
        self.runs: dict[int, list[range]] = {}
        self.groups: dict[tuple[int, int], list[int]] = {}
        for i, part in enumerate(self.parts):
            self.groups.setdefault(self.alignment.contents(part), []).append(i)
        self.rank: dict[int, int] = {}
        for family in self.families.values():
            family.sort(key=lambda i: self.numbers[i][1])
            self.rank |= {i: at for at, i in enumerate(family)}

    def undecided(self) -> Iterator[Undecided]:
        open_ = []
        for group in self.groups.values():
            if self._is_chain(group):
                self.certain.update(group)
            else:
                open_.append(group)
        for group in open_:
            if len(group) > MAX_GROUP or any(not self._told(*pair) for pair in combinations(group, 2)):
                yield [self.parts[i] for i in group]
        for i, part in enumerate(self.parts):
            if part.children and self._together(i, i):
                yield from self._as_neighbours(i)
                yield from self._turned(i, -1)
                yield from self._turned(i, 1)

    def _is_chain(self, group: Sequence[int]) -> bool:
        """Whether the parts have one numbering, along which they follow each other in our network."""
        if len({self.numbers[i][0] for i in group}) > 1:
            return False
        numbers = [self.numbers[i][1] for i in group]
        return numbers == sorted(numbers) and all(
            self.alignment.in_series(self.at[a], self.at[b]) for a, b in pairwise(group)
        )

    def _told(self, a: int, b: int) -> bool:
        """Whether numbers tell two parts apart, and the order of registration does not say otherwise."""
        moved = {a: self.at[b], b: self.at[a]}
        if not self._numbers_rule_out(moved):
            return False
        if not self.judge.ordered:
            return True
        order = list(self.parts)
        order[a], order[b] = order[b], order[a]
        places = [part.place() for part in order]
        return places != sorted(places)

    def _numbers_rule_out(self, moved: Mapping[int, Sequence[int]]) -> bool:
        """Whether a part follows others of its numbering whose places are certain, and would not if moved.

        Those of its own kind and sizes are certain only as long as none of them moves.

        Args:
            moved: parts, and where they would go.
        """
        for i, to in moved.items():
            numbers = self.numbers[i][1]
            alike = set(self.groups[self.alignment.contents(self.parts[i])])
            others = list(self._neighbours(i, moved.keys() | self.certain - alike))
            if not others:
                continue
            now = [self._follows(numbers, self.at[i], o, self.at[o]) for o in others]
            then = [self._follows(numbers, to, o, moved.get(o, self.at[o])) for o in others]
            if all(now) and not all(then):
                return True
        return False

    def _neighbours(self, i: int, known: Set[int]) -> Iterator[int]:
        """The nearest parts of a part's numbering before and after it, among those that are known."""
        family = self.families.get(self.numbers[i][0], [])
        at = self.rank.get(i, 0)
        for side in (reversed(family[:at]), family[at + 1 :]):
            yield from islice((other for other in side if other in known), 1)

    def _follows(self, numbers: tuple[int, ...], at: Sequence[int], other: int, there: Sequence[int]) -> bool:
        first, second = (at, there) if numbers < self.numbers[other][1] else (there, at)
        return self.alignment.in_series(first, second)

    def _together(self, first: int, last: int) -> bool:
        """Whether parts stand at consecutive positions."""
        count = sum(len(self.at[i]) for i in range(first, last + 1))
        return max(map(max, self.at[first : last + 1])) - self.at[first][0] + 1 == count

    def _as_neighbours(self, i: int) -> Iterator[Undecided]:
        """Two or more neighbours that are together what a part is."""
        part, there = self.parts[i], self.at[i][0]
        for run in self._runs(len(self.at[i])):
            start = self.at[run[0]][0]
            if i in run or not self.alignment.fits(part, start):
                continue
            if not self._ruled_out(i, start, run, there):
                yield [part, *(self.parts[r] for r in run)]

    def _runs(self, size: int) -> list[range]:
        """The runs of two or more neighbours that have so many pieces together."""
        if size not in self.runs:
            self.runs[size] = []
            first, found = 0, 0
            for last, at in enumerate(self.at):
                found += len(at)
                while found > size:
                    found -= len(self.at[first])
                    first += 1
                if found == size and first < last and self._together(first, last):
                    self.runs[size].append(range(first, last + 1))
        return self.runs[size]

    def _turned(self, i: int, step: int) -> Iterator[Undecided]:
        """Neighbours on one side that could as well stand on the other."""
        part, size, end = self.parts[i], len(self.at[i]), i
        while 0 <= (end := end + step) < len(self.parts):
            run = range(end, i) if step < 0 else range(i + 1, end + 1)
            if not self._together(min(i, end), max(i, end)):
                return
            count = sum(len(self.at[r]) for r in run)
            start = self.at[end][0] if step < 0 else self.at[i][0] + count
            there = start + size if step < 0 else self.at[i][0]
            alike = count == size and self.alignment.contents(part)[1] == sum(
                self.alignment.contents(self.parts[r])[1] for r in run
            )
            if not alike and self.alignment.fits(part, start) and not self._ruled_out(i, start, run, there):
                yield [part, *(self.parts[r] for r in run)]
                return
            if self.numbers[end][0] == self.numbers[i][0]:
                return

    def _ruled_out(self, i: int, start: int, run: range, there: int) -> bool:
        """Whether numbers or structure speak against a part at `start` and its neighbours at `there`."""
        part, beside = self.parts[i], Branch("", {str(r): self.parts[r] for r in run})
        new: dict[int, int] = {}
        for branch, at in ((part, start), (beside, there)):
            self.alignment.tries = 0
            pieces = self.alignment.of(branch, at)
            if pieces is None:
                return self.alignment.tries <= MAX_TRIES
            new.update((id(piece), at + offset) for offset, piece in enumerate(pieces))
        moved = {r: sorted(new[id(piece)] for piece in self.parts[r].pieces()) for r in (i, *run)}
        together = [part, *(self.parts[r] for r in run)]
        more = self._crossing(together, new) - self._crossing(together, self.judge.position)
        return more > 0 or (more == 0 and self._numbers_rule_out(moved))

    def _crossing(self, parts: Sequence[Branch], position: Mapping[int, int]) -> int:
        """How many tensors flow into and out of modules, with the layers of others between their own."""
        total = 0
        waiting = list(parts)
        while waiting:
            part = waiting.pop()
            if part.children:
                at = [position[id(piece)] for piece in part.pieces()]
                apart = max(at) - min(at) + 1 - len(at)
                total += self.alignment.crossing(at) + apart
                waiting += part.children.values()
        return total
