"""What must be equal of two layers to be matched: kind, size, and words that both sides use alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blockdsl.diagnostics import error
from blockdsl.transfer.names import foreign_words, own_words
from blockdsl.transfer.parts import Part
from blockdsl.transfer.pieces import Key, Piece


def classes(part: Part) -> tuple[list[int], list[int]]:
    """A number for each piece of ours and each of theirs; only equal numbers may be matched.

    Kind and size come first. Then names: where as many of ours as of theirs have a word in their
    names, for each kind and size, those are matched with each other.

    Raises:
        ArchError: the two have different kinds or sizes.
    """
    own, other = _by_size(part)
    words = [own_words(*pair) for pair in part.ours], [foreign_words(piece) for piece in part.theirs]
    _by_words(own, other, *words)
    return own, other


def same_names(ours: Sequence[Piece], theirs: Sequence[Piece]) -> bool:
    """Whether all names are ours, numbers included: a state dict of this network.

    Names of a single step, such as `conv1`, may be so by chance.
    """
    names = {piece.name for piece in ours}
    return any("." in name for name in names) and names == {piece.name for piece in theirs}


def _by_size(part: Part) -> tuple[list[int], list[int]]:
    """Numbers by kind and size; a kernel or a matrix without a partner is tried as flat."""
    sides = [piece for piece, _ in part.ours], part.theirs
    shared = {p.key for p in sides[0]} & {p.key for p in sides[1]}
    keys = [[p.key if p.key in shared else p.flat_key for p in side] for side in sides]
    if Counter(keys[0]) != Counter(keys[1]):
        message = _difference(part, *keys)
        raise error(
            "weights",
            message,
            help="--partial (partial=True) leaves out what only one of them has, such as a head",
        )
    number: dict[Key, int] = {}
    own, other = ([number.setdefault(key, len(number)) for key in side] for side in keys)
    return own, other


def _difference(part: Part, mine: Sequence[Key], foreign: Sequence[Key]) -> str:
    """What only one of the two has, in words."""
    ours = [piece for piece, _ in part.ours]
    words = [f"{part.own} has {len(ours)} layers with weights, {part.other} {len(part.theirs)}"]
    sides = (part.own, ours, mine, Counter(foreign)), (part.other, part.theirs, foreign, Counter(mine))
    for whose, found, keys, shared in sides:
        seen: Counter[Key] = Counter()
        for piece, key in zip(found, keys, strict=True):
            seen[key] += 1
            if seen[key] > shared[key]:
                words.append(f"the first that only {whose} has: {piece}")
                break
    return "; ".join(words)


def _by_words(own: list[int], other: list[int], *words: Sequence[set[str]]) -> None:
    """Divide the classes by every word that as many of ours as of theirs have, the longest first.

    In some classes one side may be without it: a label on a convolution, a module's name on its norm too.
    """
    having: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
    for side, found in zip(having, words, strict=True):
        for at, names in enumerate(found):
            for word in names:
                side.setdefault(word, []).append(at)
    fresh = max(own, default=0) + 1
    for word in sorted(having[0].keys() & having[1].keys(), key=lambda w: (-len(w), w)):
        mine, foreign = Counter(own[i] for i in having[0][word]), Counter(other[i] for i in having[1][word])
        both = [number for number in mine if number in foreign]
        if any(mine[number] != foreign[number] for number in both):
            continue
        divided = {number: fresh + i for i, number in enumerate(both)}
        fresh += len(divided)
        for numbers, side in ((own, having[0]), (other, having[1])):
            for at in side[word]:
                numbers[at] = divided.get(numbers[at], numbers[at])
