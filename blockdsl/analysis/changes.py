"""What differs between two networks, one change by one, and as few lines as a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

MOST = 20
"""Lines that one looks at with ease."""
_OFTEN = 3
"""Places of the same change that are told in one line."""
IN_A_ROW = ("fed", "shared")
"""Kinds of changes that are told of a row of layers as one, from the first to the last."""


class Delta(NamedTuple):
    """What a change adds: parameters, MACs of inference, and bytes of activations for one sample."""

    params: int = 0
    macs: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Frame:
    """A block that both networks have: its path in the second, and how each of them calls it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: `added`, `removed`, `changed` (another operation or argument), `fed` (the same layers on
            an input of another shape), `rewired` (the same layer or output reads other tensors) or `shared`
            (the same layer shares its weights with other layers).
        path: where, in the second network; in the first for what was removed. `stage[1].unit[3..6]` names
            neighbours that read alike, `a to b` the layers that are fed or share otherwise from a to b. Of an
            input or output its name.
        before, after: the layer or block as text; the shapes of its inputs (`fed`, of the first layer), where
            they come from (`rewired`) or whose weights it has (`shared`).
        times: how many neighbours it speaks of.
        delta: what it costs.
        inside: the blocks of both networks that it is in, from the outermost.
        parts: how many changes inside of a block it sums up.
    """

    kind: str
    path: str
    before: str
    after: str
    times: int
    delta: Delta
    inside: tuple[Frame, ...] = ()
    parts: int = 1

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl diff --json` prints it."""
        return {
            "kind": self.kind, "path": self.path, "before": self.before, "after": self.after,
            "times": self.times, **self.delta._asdict(),
        }  # fmt: skip


def gathered(changes: Sequence[Change]) -> list[Change]:
    """Changes as they are told: neighbours that changed alike, and what is fed in a row, as one."""
    return [_together(list(group)) for _, group in groupby(changes, _alike)]


def summed_up(changes: Sequence[Change]) -> list[Change]:
    """In short: what changed alike in many places as one, and by block where there are more than `MOST`.

    These are the innermost blocks that make few enough lines, else the outermost.
    """
    lines = _everywhere(changes)
    for depth in range(max((len(change.inside) for change in changes), default=0), 0, -1):
        if len(lines) <= MOST:
            break
        lines = gathered([*_by_block(changes, depth)])
    return lines


def _everywhere(changes: Sequence[Change]) -> list[Change]:
    """Neighbours that changed alike as one; and what comes often, wherever that is, where it is first."""
    places: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        places.setdefault((change.kind, change.before, change.after), []).append(change)
    lines = []
    for change in changes:
        found = places[change.kind, change.before, change.after]
        of_layers = change.kind in ("added", "removed", "changed")
        if not of_layers or len(found) < _OFTEN or len(gathered(found)) == 1:
            lines.append(change)
        elif change is found[0]:
            path = f"{change.path} to {found[-1].path}"
            lines.append(replace(change, path=path, times=len(found), delta=_sum(found)))
    return gathered(lines)


def _by_block(changes: Sequence[Change], depth: int) -> Iterator[Change]:
    """What changed within a block as one, where it is more than one thing, in the order of the first."""
    blocks: dict[object, list[Change]] = {}
    for number, change in enumerate(changes):
        key: object = change.inside[depth - 1].path if len(change.inside) >= depth else number
        blocks.setdefault(key, []).append(change)
    for within in blocks.values():
        if len(within) == 1 or all(change.kind in IN_A_ROW for change in within):
            yield from within
            continue
        frame = within[0].inside[depth - 1]
        delta = _sum(within)
        yield Change("changed", frame.path, frame.before, frame.after, 1, delta, parts=len(within))


def _alike(change: Change) -> tuple[object, ...]:
    if change.kind == "fed":
        return ("fed",)
    if change.kind == "shared":
        return (change.kind, change.before, change.after)
    if change.kind in ("added", "removed") or change.parts > 1:
        stem = change.path.rpartition("[")[0] if change.path.endswith("]") else change.path
        return (change.kind, stem, change.before, change.after, change.parts)
    return (change.kind, change.path)


def _together(alike: Sequence[Change]) -> Change:
    first, last = alike[0], alike[-1]
    if len(alike) == 1:
        return first
    stem, _, number = first.path.rpartition("[")
    path = f"{stem}[{number[:-1]}..{last.path.rpartition('[')[2]}"
    if first.kind in IN_A_ROW:
        path = f"{first.path} to {last.path}"
    return Change(
        first.kind, path, first.before, first.after, len(alike), _sum(alike), first.inside, first.parts
    )


def _sum(changes: Sequence[Change]) -> Delta:
    return Delta(*(sum(parts) for parts in zip(*(change.delta for change in changes), strict=True)))
