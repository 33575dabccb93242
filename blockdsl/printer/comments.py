"""Which node each comment of a file belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from blockdsl import nodes
from blockdsl.source import Span


def children(node: nodes.Node) -> Iterator[nodes.Node]:
    """The nodes directly inside a node, in the order they were written."""
    for entry in fields(node):
        value = getattr(node, entry.name)
        if isinstance(value, nodes.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, nodes.Node))


def _places() -> defaultdict[int, list[Span]]:
    return defaultdict(list)


@dataclass(frozen=True)
class Comments:
    """The comments by the `id` of their node, each list in the order of the text."""

    above: defaultdict[int, list[Span]] = field(default_factory=_places)
    """On lines of their own, before the node."""
    opening: defaultdict[int, list[Span]] = field(default_factory=_places)
    """Behind the node's first words: `train  # like this`."""
    behind: defaultdict[int, list[Span]] = field(default_factory=_places)
    """Behind the node, on the line where it ends."""
    below: defaultdict[int, list[Span]] = field(default_factory=_places)
    """On lines of their own after the node, with nothing after them inside its bracket or section."""

    def touch(self, node: nodes.Node) -> bool:
        """Whether the node has comments around it (those of the nodes inside it do not count)."""
        places = (self.above, self.opening, self.behind, self.below)
        return any(place.get(id(node)) for place in places)


def attach(file: nodes.File) -> Comments:
    """Give each comment to the closest node: inside the smallest that holds it, to a neighbour there.

    Linear in the tree and its comments. Nodes from elsewhere (another source, or built without a
    place of their own) get none.
    """
    found = Comments()
    todo: list[tuple[nodes.Node, Sequence[Span]]] = [(file, file.comments)]
    while todo:
        node, inside = todo.pop()
        if not inside:
            continue
        previous: nodes.Node | None = None
        at = 0
        for child in _placed_children(node, file):
            gap_end = _first_from(inside, at, child.span.start)
            _place(found, node, previous, inside[at:gap_end], child)
            at = _first_from(inside, gap_end, child.span.end)
            todo.append((child, inside[gap_end:at]))
            previous = child
        _place(found, node, previous, inside[at:], None)
    return found


def _placed_children(node: nodes.Node, file: nodes.File) -> Iterator[nodes.Node]:
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


def _place(
    found: Comments,
    node: nodes.Node,
    previous: nodes.Node | None,
    gap: Sequence[Span],
    following: nodes.Node | None,
) -> None:
    """Place the comments between two neighbours inside a node."""
    moved = False  # once one stands above `following`, those after it do as well
    for comment in gap:
        own_line, column = _stands(comment)
        if not own_line and not moved:
            after_params = isinstance(previous, nodes.Param) and not isinstance(following, nodes.Param)
            if previous is not None and not (after_params and isinstance(node, nodes.Block | nodes.Let)):
                found.behind[id(previous)].append(comment)
            else:
                found.opening[id(node)].append(comment)
        elif previous is not None and (following is None or _in_section(node, previous, column, moved)):
            found.below[id(previous)].append(comment)
        elif following is not None:
            found.above[id(following)].append(comment)
            moved = True
        else:
            found.below[id(node)].append(comment)


def _in_section(node: nodes.Node, previous: nodes.Node, column: int, moved: bool) -> bool:
    """An indented comment after a statement of the file still belongs to that statement."""
    return isinstance(node, nodes.File) and column > 0 and not moved


def _stands(comment: Span) -> tuple[bool, int]:
    """Whether nothing but white space stands before a comment on its line; and its column from 0."""
    text = comment.source.text
    line = text.rfind("\n", 0, comment.start) + 1
    return not text[line : comment.start].strip(), comment.start - line
