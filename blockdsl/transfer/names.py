"""The tree of foreign names, and the numbers at their ends; nothing else about a name counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blockdsl.transfer.pieces import Piece

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


@dataclass
class Branch:
    """A prefix of foreign names, with what stands under it in the order of definition."""

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
        """What the prefix consists of, in the order of definition."""
        own = [Branch(self.name, piece=self.piece)] if self.piece is not None else []
        return sorted([*own, *self.children.values()], key=Branch.place)

    def place(self) -> int:
        """Where it begins in the state dict."""
        return min(piece.place for piece in self.pieces())

    @property
    def family(self) -> tuple[str, int] | None:
        """`conv` and 2 for `conv2`, `layers.` and 0 for `layers.0`; None without a number."""
        match = _NUMBERED.fullmatch(self.name)
        return (match[1], int(match[2])) if match else None


def tree(pieces: Sequence[Piece]) -> Branch:
    """The tree of the pieces' names."""
    root = Branch("")
    for piece in pieces:
        branch = root
        for depth, step in enumerate(piece.path, 1):
            branch = branch.children.setdefault(step, Branch(".".join(piece.path[:depth])))
        branch.piece = piece
    return root
