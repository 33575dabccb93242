"""Which foreign piece each of ours is, and the groups of which it cannot be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blockdsl.diagnostics import ArchError, error
from blockdsl.ir import Graph, Layer, path_text
from blockdsl.transfer.align import Alignment
from blockdsl.transfer.judge import undecided
from blockdsl.transfer.keys import classes, same_names
from blockdsl.transfer.parts import Part, language_path, sample_line
from blockdsl.transfer.pieces import Piece

MAX_SHOWN = 3
MAX_LINES = 4


@dataclass
class Member:
    """What stands under a foreign name, and the layers of ours that it is matched with."""

    name: str
    ours: list[tuple[Piece, Layer]]
    theirs: list[Piece]


@dataclass
class Unclear:
    """Members that fit in another order too, among the part of the network that they are in."""

    members: list[Member]
    part: Part


def match(part: Part, graph: Graph, *, ordered: bool, trust_order: bool) -> tuple[list[Piece], list[Unclear]]:
    """The foreign piece for each of ours, and the groups that rest on the order of registration alone.

    Args:
        part: the pieces of both sides.
        graph: our network.
        ordered: whether the foreign pieces' places are their order of registration.
        trust_order: whether that order is preferred wherever it fits.

    Raises:
        ArchError: they are not the same network.
    """
    own, other = classes(part)
    names = {piece.name: piece for piece in part.theirs}
    if same_names([piece for piece, _ in part.ours], part.theirs) and all(
        names[piece.name].key == piece.key for piece, _ in part.ours
    ):
        return [names[piece.name] for piece, _ in part.ours], []
    counts = Counter(own)
    if max(counts.values(), default=0) <= 1:
        by_class = dict(zip(other, part.theirs, strict=True))
        return [by_class[number] for number in own], []
    nodes = [layer.id for _, layer in part.ours]
    alignment = Alignment(graph, nodes, own, part.theirs, other, ordered and trust_order)
    found = alignment.of(alignment.root, 0)
    if found is None:
        return _one_after_another(part, own, other, ordered)
    at = {id(piece): position for position, piece in enumerate(found)}
    groups = []
    for branches in undecided(alignment, found, ordered):
        members = []
        for branch in branches:
            positions = sorted(at[id(piece)] for piece in branch.pieces())
            members.append(
                Member(branch.name, [part.ours[i] for i in positions], [found[i] for i in positions])
            )
        groups.append(Unclear(sorted(members, key=lambda m: m.ours[0][1].id), part))
    return found, groups


def _one_after_another(
    part: Part, own: Sequence[int], other: Sequence[int], ordered: bool
) -> tuple[list[Piece], list[Unclear]]:
    """Where the foreign prefixes do not fit: piece by piece, if both sides have the same order."""
    if ordered and list(own) == list(other):
        counts = Counter(own)
        members = [
            Member(other.name, [pair], [other])
            for pair, other, number in zip(part.ours, part.theirs, own, strict=True)
            if counts[number] > 1
        ]
        return part.theirs, [Unclear(members, part)]
    first = next((i for i, pair in enumerate(zip(own, other, strict=True)) if pair[0] != pair[1]), 0)
    raise error(
        "weights",
        f"{part.own} and {part.other} have the same layers in other modules: the first that differ, in their "
        f"orders, are {part.ours[first][0]} and {part.theirs[first]}",
        help="pair blocks or layers in a file for --map (pairs in Python), with lines such as "
        + sample_line(part.ours[first:], part.theirs),
    )


def refusal(unclear: Sequence[Unclear], ordered: bool) -> ArchError:
    """The message for groups that are undecided: both sides' names, and lines for a map."""
    shown = []
    for group in unclear[:MAX_SHOWN]:
        theirs = [member.name or member.theirs[0].name for member in group.members]
        ours = [_place(member, group.part) or _span(member) for member in group.members]
        how = "either order" if len(ours) == 2 else "more than one order"
        shown.append(f"{_names(theirs)} fit {_names(ours)} in {how}")
    if len(unclear) > MAX_SHOWN:
        shown.append(f"and {len(unclear) - MAX_SHOWN} more")
    lines = dict.fromkeys(
        line for group in unclear[:MAX_SHOWN] for m in group.members for line in _lines(m, group.part)
    )
    if ordered:
        order = "--trust-order (trust_order=True)"
        other = f"or let the order of registration decide with {order}, if both sides have the same"
    else:
        other = "a .safetensors file is sorted by name; a .pth file keeps the order of registration"
    example = "".join(f"\n    {line}" for line in list(lines)[:MAX_LINES])
    where = "in a file for --map (pairs in Python)"
    help_ = f"say which is which {where}, in lines such as these:{example}\n  {other}"
    return error("weights", f"cannot tell which layer is which: {'; '.join(shown)}", help=help_)


def _place(member: Member, part: Part) -> str:
    """The layer or block of ours that a member is matched with; nothing if it is no whole block."""
    if len(member.ours) == 1:
        return language_path(*member.ours[0])
    first, last = (layer.path for _, layer in (min(member.ours, key=_path), max(member.ours, key=_path)))
    depth = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    shared = first[:depth]
    inside = sum(layer.path[: len(shared)] == shared for _, layer in part.ours)
    return path_text(shared) if shared and inside == len(member.ours) else ""


def _path(pair: tuple[Piece, Layer]) -> tuple[str, ...]:
    return tuple(map(str, pair[1].path))


def _span(member: Member) -> str:
    """The first and the last of several layers."""
    return f"({language_path(*member.ours[0])} … {language_path(*member.ours[-1])})"


def _lines(member: Member, part: Part) -> list[str]:
    """Lines for a map."""
    if place := _place(member, part):
        return [f"{place} = {member.name or member.theirs[0].name}"]
    return [
        f"{language_path(*own)} = {other.name}" for own, other in zip(member.ours, member.theirs, strict=True)
    ]


def _names(names: Sequence[str]) -> str:
    if len(names) > MAX_LINES:
        return f"{', '.join(names[:2])}, … {names[-1]}"
    return f"{', '.join(names[:-1])} and {names[-1]}"
