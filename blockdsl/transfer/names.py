"""Foreign names as a tree, the numbers in them, and the words that both sides' names have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blockdsl.ir import Layer
from blockdsl.transfer.pieces import Piece, extra_steps

_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})")
_KINDS = {"conv", "bn", "ln", "gn", "norm", "fc", "linear"}
_NUMBER = re.compile(r"([0-9]{1,9})")


@dataclass
class Branch:
    """A prefix of foreign names, with what stands under it in the order of registration."""

    name: str
    children: dict[str, Branch] = field(default_factory=dict)
    piece: Piece | None = None

    def pieces(self) -> Iterator[Piece]:
        """The pieces under this prefix, its own first."""
        if self.piece is not None:
            yield self.piece
        for child in self.children.values():
            yield from child.pieces()

    def parts(self) -> list[Branch]:
        """What the prefix consists of: its own piece and what stands under it."""
        own = [Branch(self.name, piece=self.piece)] if self.piece is not None else []
        return [*own, *self.children.values()]

    def place(self) -> int:
        """Where it begins in the state dict."""
        return min(piece.place for piece in self.pieces())

    @property
    def family(self) -> tuple[str, int] | None:
        """`conv` and 2 for `conv2`, `layers.` and 0 for `layers.0`; None without a number at the end."""
        match = _NUMBERED.fullmatch(self.name)
        return (match[1], int(match[2])) if match else None

    def numbers(self) -> tuple[str, tuple[int, ...]]:
        """The name without its numbers and its numbers: `conv#_#` and (4, 2) for `conv4_2`."""
        prefix, _, last = self.name.rpartition(".")
        words = _NUMBER.split(last)
        return f"{prefix}.{'#'.join(words[::2])}", tuple(map(int, words[1::2]))


def tree(pieces: Sequence[Piece]) -> Branch:
    """The tree of the pieces' names."""
    root = Branch("")
    for piece in pieces:
        branch = root
        for depth, step in enumerate(piece.path, 1):
            branch = branch.children.setdefault(step, Branch(".".join(piece.path[:depth])))
        branch.piece = piece
    return root


def in_order(parts: Sequence[Branch], by_place: bool) -> list[Branch]:
    """Parts by their places, but those whose names differ in the numbers at their ends by these.

    With `by_place` only where they are sorted as text, `layers.10` before `layers.2`, as files of sorted
    names have them.
    """
    ordered = sorted(parts, key=Branch.place)
    families: dict[str, list[tuple[int, int]]] = {}
    for at, part in enumerate(ordered):
        if part.family:
            families.setdefault(part.family[0], []).append((part.family[1], at))
    moved = list(ordered)
    for members in families.values():
        texts = [str(number) for number, _ in members]
        if not by_place or texts == sorted(texts):
            for (_, slot), (_, at) in zip(members, sorted(members), strict=True):
                moved[slot] = ordered[at]
    return moved


def own_words(piece: Piece, layer: Layer) -> set[str]:
    """The words in a name of ours that its author chose: labels and blocks, without automatic numbers."""
    steps = [s.name for s in layer.path[:-1]]
    if layer.path[-1].index is None:
        steps.append(layer.path[-1].name)
    return _words([*steps, *extra_steps(piece, layer)])


def foreign_words(piece: Piece) -> set[str]:
    """The words in a foreign name."""
    return _words(piece.path)


def _words(steps: Sequence[str]) -> set[str]:
    """Each step, its parts between underscores, and these without the numbers at their ends.

    What a layer is called by its kind, such as `conv`, says nothing.
    """
    found: set[str] = set()
    for step in map(str.lower, steps):
        parts = [step, *step.split("_")]
        found.update(parts, (part.rstrip("0123456789_") for part in parts))
    return {word for word in found - _KINDS if word and not word.isdecimal()}
