"""Which foreign piece is which of ours: two sequences aligned along the foreign tree of names.

The foreign names are used for their tree alone (what stands under one prefix stays together) and for
the numbers at their ends (`conv1` comes before `conv2`). What decides is kind, size and order: the
order of definition, and where that does not fit the one permutation that does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blockdsl.diagnostics import ArchError, error
from blockdsl.transfer.pieces import Key, Piece

MAX_TRIES = 20_000
_NUMBERED = re.compile(r"(.*\D)(\d+)")


@dataclass
class Branch:
    """A prefix of foreign names, with what stands under it in the order of definition."""

    name: str
    children: list[Branch] = field(default_factory=list)
    piece: Piece | None = None

    def pieces(self) -> Iterator[Piece]:
        """The pieces under this prefix."""
        waiting = [self]
        while waiting:
            branch = waiting.pop()
            if branch.piece is not None:
                yield branch.piece
            waiting += reversed(branch.children)


def tree(pieces: Sequence[Piece]) -> Branch:
    """The tree of the pieces' names."""
    root = Branch("")
    for piece in pieces:
        branch = root
        for step in piece.path:
            known = next((c for c in reversed(branch.children) if c.name.rpartition(".")[2] == step), None)
            if known is None:
                known = Branch(f"{branch.name}.{step}" if branch.name else step)
                branch.children.append(known)
            branch = known
        if branch.children:
            branch.children.append(Branch(f"{branch.name}.", piece=piece))
        else:
            branch.piece = piece
    return root


def align(ours: Sequence[Piece], theirs: Sequence[Piece]) -> list[Piece]:
    """The foreign piece for each of ours.

    Raises:
        ArchError: they are not the same network, or there is more than one way to see them as one.
    """
    if len(ours) != len(theirs) or Counter(p.key for p in ours) != Counter(p.key for p in theirs):
        raise _different(ours, theirs)
    return _Alignment(ours).of(tree(theirs), 0)


class _Alignment:
    def __init__(self, ours: Sequence[Piece]) -> None:
        self.ours = ours
        self.tries = 0

    def of(self, branch: Branch, start: int) -> list[Piece]:
        """The pieces of a branch in the order of ours from `start` on."""
        if branch.piece is not None:
            return [branch.piece]
        order = self._order(branch, start)
        result: list[Piece] = []
        for child in order:
            result += self.of(child, start + len(result))
        return result

    def _order(self, branch: Branch, start: int) -> list[Branch]:
        children = [c for c in branch.children if c.piece is not None or c.children]
        contents = [Counter(p.key for p in child.pieces()) for child in children]
        found = self._orders(children, contents, start)
        first = next(found, None)
        if first is None:
            raise self._no_order(branch, start)
        if first != list(range(len(children))) and (second := next(found, None)):
            raise _ambiguous(branch, children, first, second)
        return [children[i] for i in first]

    def _orders(
        self, children: Sequence[Branch], contents: Sequence[Counter[Key]], start: int
    ) -> Iterator[list[int]]:
        """Orders of the children that fit, that of definition first; children alike keep their order."""
        stack: list[tuple[list[int], int]] = [([], start)]
        before = _families(children)
        while stack:
            placed, at = stack.pop()
            self.tries += 1
            if self.tries > MAX_TRIES:
                return
            if len(placed) == len(children):
                yield placed
                continue
            options: list[tuple[int, int]] = []
            for index, content in enumerate(contents):
                if index in placed or not before[index] <= set(placed):
                    continue
                if any(contents[o] == content for o, _ in options):
                    continue
                size = content.total()
                if Counter(p.key for p in self.ours[at : at + size]) == content:
                    options.append((index, at + size))
            stack += [([*placed, index], end) for index, end in reversed(options)]

    def _no_order(self, branch: Branch, start: int) -> ArchError:
        where = f"under {branch.name}" if branch.name else "at the top"
        here = self.ours[start] if start < len(self.ours) else self.ours[-1]
        return error(
            "weights",
            f"what stands {where} of the state dict does not fit the network from {here} on",
            help="give the pairs in a file: --map FILE, with lines such as conv1 = features.0",
        )


def _families(children: Sequence[Branch]) -> list[set[int]]:
    """For each child, those that come before it by number: `conv1` before `conv2`."""
    numbered = [_NUMBERED.fullmatch(child.name.rpartition(".")[2]) for child in children]
    return [
        {
            i
            for i, other in enumerate(numbered)
            if own and other and own[1] == other[1] and int(other[2]) < int(own[2])
        }
        for own in numbered
    ]


def _ambiguous(
    branch: Branch, children: Sequence[Branch], first: Sequence[int], second: Sequence[int]
) -> ArchError:
    at = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    one, other = children[first[at]].name, children[second[at]].name
    return error(
        "weights",
        f"either {one} or {other} may come first under {branch.name or 'the top'}: both fit",
        help="settle it in a file: --map FILE, with lines such as conv1 = features.0",
    )


def _different(ours: Sequence[Piece], theirs: Sequence[Piece]) -> ArchError:
    """The error for two networks that are not the same, with the first difference."""
    counts = f"the network has {len(ours)} layers with weights, the state dict {len(theirs)}"
    for own, other in zip(ours, theirs, strict=False):
        if own.key != other.key:
            return error("weights", f"{counts}; the first that differ: {own} and {other}")
    rest = ours[len(theirs) :] or theirs[len(ours) :]
    return error("weights", f"{counts}; the first without a partner: {rest[0]}")
