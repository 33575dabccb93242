"""Which part of a file each comment stays with.

A comment has a place of its own only beside what begins or ends a line where it has to: statements and
settings, the items of a bracket, the operands of an operator. One that was written deeper inside (behind
a label's colon, say) moves to the closest of these. So what is printed finds its comments in the same
places again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blockdsl.source import Span
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.traversal import children

_BRACKETS = nodes.Call | nodes.ListOf | nodes.TupleOf | nodes.Choice | nodes.Group
_OPERATORS = nodes.Chain | nodes.Sum | nodes.Concat | nodes.Product | nodes.Binary | nodes.If
_SECTIONS = nodes.File | nodes.Train | nodes.Search
_VALUED = nodes.Block | nodes.Let | nodes.Setting | nodes.Check | nodes.Objective | nodes.Require
_PLACES = nodes.Body | nodes.Net | _SECTIONS | _BRACKETS | _OPERATORS | _VALUED
"""Nodes between whose children comments have a place."""


class _Owners(NamedTuple):
    """The nodes whose places serve the comments before and behind some node."""

    above: nodes.Node
    behind: nodes.Node


def _places() -> defaultdict[int, list[Span]]:
    return defaultdict(list)


@dataclass
class Comments:
    """The comments by the `id` of their node, each list in the order of the text."""

    above: defaultdict[int, list[Span]] = field(default_factory=_places)
    """On lines of their own, before the node."""
    opening: defaultdict[int, list[Span]] = field(default_factory=_places)
    """Behind the node's first words: `train  # like this`. One at most."""
    behind: defaultdict[int, list[Span]] = field(default_factory=_places)
    """Behind the node, on the line where it ends. One at most."""
    below: defaultdict[int, list[Span]] = field(default_factory=_places)
    """On lines of their own after the node, with nothing after them inside its bracket or section."""
    owners: dict[int, _Owners] = field(default_factory=dict)

    def touch(self, node: nodes.Node) -> bool:
        """Whether the node has comments around it (those of the nodes inside it do not count)."""
        places = (self.above, self.opening, self.behind, self.below)
        return any(place.get(id(node)) for place in places)

    def settle(self) -> None:
        """Leave one comment behind each node, as its line has room for no more; others move above it."""
        for key, comments in self.behind.items():
            comments.sort(key=lambda comment: comment.start)
            self.above[id(self.owners[key].above)] += comments[:-1]
            del comments[:-1]
        for comments in self.above.values():
            comments.sort(key=lambda comment: comment.start)

    def put_gap(
        self,
        node: nodes.Node,
        previous: nodes.Node | None,
        gap: Sequence[Span],
        following: nodes.Node | None,
    ) -> None:
        """Place the comments between two neighbours inside a node."""
        own = self.owners[id(node)]
        moved = False  # once one stands above `following`, those after it do as well
        for comment in gap:
            alone, column = _stands(comment)
            section = isinstance(node, nodes.File) and column > 0 and previous is not None
            if alone and section and not moved:
                self.below[id(previous)].append(comment)  # indented: it still belongs to the section above
            elif (
                (alone or moved or _before_params(node, previous, following))
                and following is not None
                and isinstance(node, _PLACES)
            ):
                self.above[id(self.owners[id(following)].above)].append(comment)
                moved = True
            elif (
                alone
                and previous is not None
                and isinstance(node, nodes.File | nodes.Block | nodes.Let | _BRACKETS)
            ):
                self.below[id(previous)].append(comment)
            elif following is not None and _opens(node, previous, following) and not alone:
                self.above[id(following)] += self.opening[id(node)]
                self.opening[id(node)] = [comment]
            elif previous is not None and isinstance(node, _PLACES):
                self.behind[id(self.owners[id(previous)].behind)].append(comment)
            else:
                self.behind[id(own.behind)].append(comment)


def attach(file: nodes.File) -> Comments:
    """Give each comment of a file its place.

    Linear in the tree and its comments. Nodes from elsewhere (another source, or built without a
    place of their own) get none.
    """
    found = Comments()
    found.owners[id(file)] = _Owners(file, file)
    todo: list[tuple[nodes.Node, Sequence[Span]]] = [(file, file.comments)]
    while todo:
        node, inside = todo.pop()
        if not inside:
            continue
        previous: nodes.Node | None = None
        at = 0
        placed = list(_placed_children(node, file))
        for child in placed:
            found.owners[id(child)] = _owners(node, child, placed, found.owners[id(node)])
        for child in placed:
            gap_end = _first_from(inside, at, child.span.start)
            gap = inside[at:gap_end]
            if isinstance(previous, nodes.Param) and not isinstance(child, nodes.Param):
                within = _before_bracket(gap, previous.span.end)
                found.put_gap(node, previous, gap[:within], None)
                previous, gap = None, gap[within:]
            found.put_gap(node, previous, gap, child)
            at = _first_from(inside, gap_end, child.span.end)
            todo.append((child, inside[gap_end:at]))
            previous = child
        found.put_gap(node, previous, inside[at:], None)
    found.settle()
    return found


def _owners(node: nodes.Node, child: nodes.Node, placed: list[nodes.Node], own: _Owners) -> _Owners:
    """Whose places serve the comments around a child: its own, or those of a node around it."""
    first, last = child is placed[0], child is placed[-1]
    match node:
        case nodes.Body(_, ()) | nodes.Net(_, _, False):
            return own
        case nodes.Body() | nodes.Net():
            return _Owners(child, own.behind if last else child)
        case _ if isinstance(node, _SECTIONS | _BRACKETS) or isinstance(child, nodes.Param):
            return _Owners(child, child)
        case _ if isinstance(node, _VALUED):
            return _Owners(child, own.behind)
        case _ if isinstance(node, _OPERATORS):
            return _Owners(own.above if first else child, own.behind if last else child)
    return own


def _before_params(node: nodes.Node, previous: nodes.Node | None, following: nodes.Node | None) -> bool:
    return (
        isinstance(node, nodes.Block | nodes.Let) and previous is None and isinstance(following, nodes.Param)
    )


def _opens(node: nodes.Node, previous: nodes.Node | None, following: nodes.Node) -> bool:
    """Whether a comment before a child stands behind the node's first words, `net` or `block f(c) =`."""
    opened = isinstance(node, nodes.Train | nodes.Search | nodes.Net | _VALUED | _BRACKETS)
    return opened and previous is None and not isinstance(following, nodes.Param)


def _before_bracket(gap: Sequence[Span], at: int) -> int:
    """How many comments after a block's last parameter stand before the bracket closes."""
    for index, comment in enumerate(gap):
        if ")" in comment.source.text[at : comment.start]:
            return index
        at = comment.end
    return len(gap)


def _placed_children(node: nodes.Node, file: nodes.File) -> Iterator[nodes.Node]:
    """The children that stand, in order, inside the node in the file's own text."""
    end = 0 if node is file else node.span.start
    for child in children(node):
        span = child.span
        inside = node is file or span.end <= node.span.end
        if span.source is file.span.source and end <= span.start < span.end and inside:
            end = span.end
            yield child


def _first_from(comments: Sequence[Span], at: int, offset: int) -> int:
    """The index, from `at` on, of the first comment that begins at or after an offset."""
    while at < len(comments) and comments[at].start < offset:
        at += 1
    return at


def _stands(comment: Span) -> tuple[bool, int]:
    """Whether nothing but white space stands before a comment on its line; and its column from 0."""
    text = comment.source.text
    line = text.rfind("\n", 0, comment.start) + 1
    return not text[line : comment.start].strip(), comment.start - line
