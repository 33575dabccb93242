"""Where the titles of opened blocks stand: in the corner of the frame that no arrow passes through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from blockdsl.render import graphviz

if TYPE_CHECKING:
    import pygraphviz

_ATTEMPTS = (("b", 2.0), ("t", 2.0), ("b", 3.0), ("t", 3.0))
"""At the foot of the frame or its top, and how many times as wide as its words the frame is at least."""
_CLEAR = 3.0
"""Points between a title and an arrow."""
_STEPS = 24
_BLANK = "&#160;"


class Box(NamedTuple):
    """A rectangle in points."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: Box) -> bool:
        """Whether they share a point."""
        across = self.left <= other.right and other.left <= self.right
        return across and self.low <= other.high and other.low <= self.high

    def has(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left <= x <= self.right and self.low <= y <= self.high


class Corner(NamedTuple):
    """Where a title stands: the place in `_ATTEMPTS` that is tried, and whether to the left."""

    attempt: int = 0
    left: bool = False

    def attributes(self, lines: Sequence[str]) -> dict[str, str]:
        """What a frame gets for its words. Blanks beside them keep it wide enough to pass by."""
        height, width = _ATTEMPTS[self.attempt]
        side = "LEFT" if self.left else "RIGHT"
        room = _BLANK * round(2 * (width - 1) * len(lines[0]) + 4)
        words = [f"<B>{escape(line)}</B>" for line in lines]
        words[0] = words[0] + room if self.left else room + words[0]
        label = "".join(f'{line}<BR ALIGN="{side}"/>' for line in words)
        return {"label": f"<{label}>", "labelloc": height, "labeljust": side[0].lower()}


Corners = dict[str, Corner]
"""By the name of the cluster."""


def settled(paint: Callable[[Corners], pygraphviz.AGraph]) -> pygraphviz.AGraph:
    """Paint and lay out until no title is crossed by an arrow, or nothing is left to try."""
    corners = {frame.name: Corner() for frame in _frames(paint({}))}
    before: Corners = {}
    while corners != before:
        # Graphviz writes a graph only once: each has a layout of its own.
        before, layout = corners, json.loads(graphviz.drawn(paint(corners), "json"))
        corners = _moved(corners, layout)
    return paint(corners)


def _frames(graph: pygraphviz.AGraph) -> Iterator[pygraphviz.AGraph]:
    for inner in graph.subgraphs():
        if inner.name and inner.name.startswith("cluster"):
            yield inner
        yield from _frames(inner)


def _moved(corners: Corners, layout: Mapping[str, Any]) -> Corners:
    """Each title in a corner that is free; where none is, at its next attempt."""
    curves = [*_curves(layout)]
    words = [box for edge in layout.get("edges", ()) for box in _texts(edge)]
    frames = {item["name"]: item for item in layout.get("objects", ())}
    moved = {}
    for name, (attempt, left) in corners.items():
        sides = dict(zip((True, False), _corners(frames[name]), strict=True))
        free = [side for side in (False, True) if not _crossed(sides[side], curves, words)]
        if free:
            moved[name] = Corner(attempt, free[0])
        else:
            moved[name] = Corner(min(attempt + 1, len(_ATTEMPTS) - 1), left)
    return moved


def _crossed(box: Box, curves: Sequence[Curve], words: Sequence[Box]) -> bool:
    clear = Box(box.left - _CLEAR, box.low - _CLEAR, box.right + _CLEAR, box.high + _CLEAR)
    if any(clear.meets(word) for word in words):
        return True
    return any(clear.meets(_around(c)) and any(clear.has(*point) for point in _along(c)) for c in curves)


def _corners(frame: Mapping[str, Any]) -> tuple[Box, Box]:
    """What the words of a frame cover when they stand to the left and to the right."""
    boxes = [*_texts(frame)]
    low, high = min(box.low for box in boxes), max(box.high for box in boxes)
    width = max(box.right - box.left for box in boxes)
    begin, _, end, _ = map(float, frame["bb"].split(","))
    # Graphviz keeps eight points between a label and its frame.
    return Box(begin + 8, low, begin + 8 + width, high), Box(end - 8 - width, low, end - 8, high)


def _texts(item: Mapping[str, Any]) -> Iterator[Box]:
    """The boxes of the words of a label; blanks are no words."""
    size = 0.0
    for step in item.get("_ldraw_", ()):
        if step["op"] == "F":
            size = step["size"]
        elif step["op"] == "T" and step["text"].strip():
            x, y = step["pt"]
            begin = x - {"l": 0.0, "c": 0.5, "r": 1.0}[step["align"]] * step["width"]
            yield Box(begin, y - 0.2 * size, begin + step["width"], y + 0.75 * size)


Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]


def _curves(layout: Mapping[str, Any]) -> Iterator[Curve]:
    """The cubic Bézier curves that the arrows consist of."""
    for edge in layout.get("edges", ()):
        for step in edge.get("_draw_", ()):
            if step["op"] in "bB":
                points = [(x, y) for x, y in step["points"]]
                yield from (
                    (points[i], points[i + 1], points[i + 2], points[i + 3])
                    for i in range(0, len(points) - 3, 3)
                )


def _around(curve: Curve) -> Box:
    """A box that holds a curve: that of its control points."""
    xs, ys = zip(*curve, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def _along(curve: Curve) -> Iterator[Point]:
    """Points on a curve, near enough to each other not to miss a line of text."""
    for step in range(_STEPS + 1):
        t = step / _STEPS
        shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        x = sum(share * point[0] for share, point in zip(shares, curve, strict=True))
        y = sum(share * point[1] for share, point in zip(shares, curve, strict=True))
        yield x, y
