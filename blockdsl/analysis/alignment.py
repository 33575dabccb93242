"""How the blocks and layers of two networks are paired, in order (Needleman & Wunsch 1970)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

from blockdsl.analysis.costed_tree import Item
from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.ir import Layer

_MOST_PAIRS = 40_000
"""Longer stretches are cut first where they are equal, or the time would be quadratic."""
_LONG = 3000
"""In longer sequences what comes often is no place to cut at: `difflib` would compare all pairs of it."""
_AKIN = 0.6
"""Share of their layers that two blocks of different names have in common, to be one that was changed."""

_T = TypeVar("_T")
_Alike = Callable[[_T, _T], float]
"""How much two items have in common; 0 where they cannot be paired."""


def stretches(one: Sequence[object], two: Sequence[object]) -> Iterator[tuple[bool, int, int, int, int]]:
    """What both sequences begin and end with, and what differs between: (equal, i, j, k, m).

    In very long sequences the middle is cut where it is equal; what comes often is no anchor there.
    """
    begin = 0
    while begin < min(len(one), len(two)) and one[begin] == two[begin]:
        begin += 1
    end = 0
    while end < min(len(one), len(two)) - begin and one[-1 - end] == two[-1 - end]:
        end += 1
    yield True, 0, begin, 0, begin
    i, j = len(one) - end, len(two) - end
    if (i - begin) * (j - begin) > _MOST_PAIRS:
        matcher = SequenceMatcher(None, one[begin:i], two[begin:j], autojunk=len(two) > _LONG)
        for tag, a, b, c, d in matcher.get_opcodes():
            yield tag == "equal", a + begin, b + begin, c + begin, d + begin
    else:
        yield False, begin, i, begin, j
    yield True, i, len(one), j, len(two)


def aligned(one: Sequence[_T], two: Sequence[_T], alike: _Alike[_T]) -> Iterator[tuple[_T | None, _T | None]]:
    """Pairs in order whose sum of `alike` is the largest; what has no partner stands beside None.

    Among equal sums the first partners are taken. Beyond `_MOST_PAIRS` nothing is paired.
    """
    if len(one) * len(two) > _MOST_PAIRS:
        yield from ((item, None) for item in one)
        yield from ((None, item) for item in two)
        return
    scores = [[alike(a, b) for b in two] for a in one]
    # best[i][j]: the largest sum of pairs of one[i:] and two[j:].
    best = [[0.0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i in reversed(range(len(one))):
        row, below, score = best[i], best[i + 1], scores[i]
        for j in reversed(range(len(two))):
            skipped = max(below[j], row[j + 1])
            row[j] = max(skipped, score[j] + below[j + 1]) if score[j] else skipped
    i = j = 0
    while i < len(one) or j < len(two):
        if i < len(one) and j < len(two) and scores[i][j] and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            yield one[i], two[j]
            i, j = i + 1, j + 1
        elif i < len(one) and best[i][j] == best[i + 1][j]:
            yield one[i], None
            i += 1
        else:
            yield None, two[j]
            j += 1


def segments(
    one: Sequence[Item], two: Sequence[Item], alike: _Alike[BlockNode]
) -> Iterator[tuple[Sequence[Item], Sequence[Item], tuple[BlockNode, BlockNode] | None]]:
    """The stretches between paired blocks on both sides, each with the pair that follows it."""
    before, after = ([item for item in side if isinstance(item, BlockNode)] for side in (one, two))
    i = j = 0
    for old, new in aligned(before, after, alike):
        if old is not None and new is not None:
            k, m = one.index(old, i), two.index(new, j)
            yield one[i:k], two[j:m], (old, new)
            i, j = k + 1, m + 1
    yield one[i:], two[j:], None


def layers_of(items: Sequence[Item]) -> list[LayerNode]:
    """The layers of a stretch, those inside of blocks too."""
    return [n for item in items for n in ([item] if isinstance(item, LayerNode) else item.nodes())]


def unpaired(items: Sequence[Item], paired: set[Item]) -> Iterator[tuple[Item, LayerNode]]:
    """Each layer without a partner, with the largest block around it that has none either, or itself."""
    for item in items:
        if isinstance(item, LayerNode):
            if item not in paired:
                yield item, item
        elif not paired.isdisjoint(item.nodes()):
            yield from unpaired(item.items, paired)
        else:
            yield from ((item, node) for node in item.nodes())


def blocks_alike(one: Counter[str], two: Counter[str], *, named: bool) -> float:
    """How many of their layers two blocks have in common; 0 where they are not paired.

    Those that are `named` alike are paired, and those that hold mostly the same layers.
    """
    total, shared = one.total() + two.total(), 2 * (one & two).total()
    if not named and (not total or shared / total < _AKIN):
        return 0.0
    return shared + named


def layers_alike(one: Layer, two: Layer, *, weighted: bool) -> float:
    """How alike two layers of one operation are: more for those with weights, and for equal arguments.

    A layer of an auxiliary head is like none that runs in inference.
    """
    a, b = one.operation, two.operation
    if a.name != b.name or one.training_only != two.training_only:
        return 0.0
    equal = sum(getattr(a, name) == getattr(b, name) for name in a.arguments)
    share = equal / len(a.arguments) if a.arguments else 1.0
    return (4 if weighted else 1) * (1 + share)


def named_pairs(
    one: Mapping[str, _T], two: Mapping[str, _T], alike: Callable[[_T, _T], bool]
) -> list[tuple[str | None, str | None]]:
    """Names of two sides in pairs; what has no partner stands beside None.

    These are the only one of each side, or those that are equal, then those whose things are alike.
    """
    if len(one) == len(two) == 1:
        return [*zip(one, two, strict=True)]
    pairs = {name: name for name in two if name in one}
    left = [name for name in one if name not in two]
    for new in two:
        partner = next((old for old in left if alike(one[old], two[new])), None)
        if new not in pairs and partner is not None:
            pairs[new] = partner
            left.remove(partner)
    return [*((name, None) for name in left), *((pairs.get(new), new) for new in two)]
