"""What to leave out of two networks that are alike but for some layers, such as the head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from blockdsl.diagnostics import error
from blockdsl.transfer.pieces import Key, Piece


def common(ours: Sequence[Piece], theirs: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """What of each has no partner in the other, in their orders.

    A piece whose kind and size the other has not is left out. Where the other has one less of a kind
    (the norm of a head that it has not), the piece next to those left out is the one.

    Raises:
        ArchError: nothing fits, or it is not clear which of several pieces to leave out.
    """
    left = _left_out(ours, theirs, ours, theirs), _left_out(theirs, ours, ours, theirs)
    if len(left[0]) == len(ours):
        raise error("weights", f"nothing fits: neither {ours[0]} nor any other layer of the network")
    return left


def _left_out(
    pieces: Sequence[Piece], others: Sequence[Piece], ours: Sequence[Piece], theirs: Sequence[Piece]
) -> list[Piece]:
    surplus = Counter(p.key for p in pieces) - Counter(p.key for p in others)
    known: set[Key] = {p.key for p in others}
    left = {i for i, p in enumerate(pieces) if p.key not in known}
    surplus -= Counter(pieces[i].key for i in left)
    while surplus:
        edge = {i for at in left for i in (at - 1, at + 1)} - left
        found = {i for i in edge if 0 <= i < len(pieces) and pieces[i].key in surplus}
        wanted = Counter(pieces[i].key for i in found)
        clear = {i for i in found if wanted[pieces[i].key] <= surplus[pieces[i].key]}
        if not clear:
            first = next(p for p in pieces if p.key in surplus)
            own, other = (next(p for p in side if p.key == first.key).name for side in (ours, theirs))
            raise error(
                "weights",
                f"the two have different numbers of layers such as {first}: cannot tell which to leave out",
                help="pair layers or blocks in a file for --map (pairs in Python), "
                f"with lines such as {own} = {other}",
            )
        left |= clear
        surplus -= Counter(pieces[i].key for i in clear)
    return [pieces[i] for i in sorted(left)]


def cuts(ours: Sequence[Piece], theirs: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    """Pairs of pieces left out of which the foreign one has the same inputs and more outputs."""
    pairs = []
    for own in ours:
        fitting = [p for p in theirs if _is_larger(own, p)]
        rivals = [p for p in ours if fitting and _is_larger(p, fitting[0])]
        if len(fitting) == 1 and len(rivals) == 1:
            pairs.append((own, fitting[0]))
    return pairs


def _is_larger(own: Piece, other: Piece) -> bool:
    return own.tensors.keys() == other.tensors.keys() and all(
        shape and len(shape) == len(foreign) and shape[1:] == foreign[1:] and shape[0] < foreign[0]
        for (_, shape), (_, foreign) in ((own.tensors[r], other.tensors[r]) for r in own.tensors)
    )
