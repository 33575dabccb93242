"""What reads as a line in a picture: the trunk of a network, and short chains that are set in rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from blockdsl.blocktree.tree import BlockNode, LayerNode
from blockdsl.render.view import Arrow, View

_LONGEST = 20
_IN_A_ROW = 9
_NARROW = 2


def is_chain(view: View) -> bool:
    """Whether a picture is one short chain of boxes, which reads from left to right."""
    fans = Counter(arrow.source for arrow in view.arrows)
    fans.update(output.source for output in view.outputs)
    joins = Counter(arrow.target for arrow in view.arrows)
    linked = len(view.arrows) == len(view.boxes) - 1
    forks = max((fans | joins).values(), default=0)
    return not view.opened and linked and forks <= 1 and len(view.boxes) <= _LONGEST


def trunk(view: View) -> frozenset[Arrow]:
    """The arrows of the longest way to an output, to be drawn straight.

    Those of wide forks and joins are not among them: these look best when they are symmetric.
    """
    place: dict[BlockNode | LayerNode, int] = {box: index for index, box in enumerate(view.boxes)}
    length = dict.fromkeys(view.boxes, 0)
    came_by: dict[BlockNode | LayerNode, Arrow] = {}
    for arrow in sorted(view.arrows, key=lambda arrow: place[arrow.target]):
        # A closed block can read what it has fed: such arrows back are on no way.
        forward = place[arrow.source] < place[arrow.target]
        if forward and length[arrow.source] + 1 > length[arrow.target]:
            length[arrow.target] = length[arrow.source] + 1
            came_by[arrow.target] = arrow
    way = []
    box = max((output.source for output in view.outputs if not output.training), key=length.__getitem__)
    while box in came_by:
        way.append(came_by[box])
        box = came_by[box].source
    out_of = Counter(arrow.source for arrow in view.arrows)
    into = Counter(arrow.target for arrow in view.arrows)
    return frozenset(a for a in way if max(out_of[a.source], into[a.target]) <= _NARROW)


@dataclass(frozen=True)
class Rows:
    """A chain of `count` boxes set in rows, every second one from right to left, as an ox ploughs."""

    count: int

    def row(self, place: int) -> int:
        """The row of a box, from 0."""
        rows = -(-self.count // _IN_A_ROW)
        return place // -(-self.count // rows)

    def turns(self, place: int) -> bool:
        """Whether the arrow from a box to the next leads to the next row."""
        return self.row(place) != self.row(place + 1)

    def back(self, place: int) -> bool:
        """Whether the arrow from a box to the next leads to the left."""
        return self.row(place) % 2 == 1 and not self.turns(place)
