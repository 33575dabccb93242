"""The legend of a chart: a strip of its own at the right edge, so that it never covers what is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockdsl.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1F2933"
TOP, EDGE = 14.0, 10.0
"""Room above and beside what is drawn, in points."""
_FONT = 8.5
_ROW, _SECTION = 5.0, 8.0


@dataclass(frozen=True)
class Line:
    """A heading, or a text beside a marker: its shape, colour, and matplotlib's size of it."""

    text: str
    shape: str = ""
    colour: str = ""
    size: float = 0.0

    @property
    def weight(self) -> str:
        """Headings are bold."""
        return "normal" if self.shape else "bold"


def draw_legend(figure: Figure, lines: Sequence[Line]) -> tuple[float, float]:
    """Draw the lines from the top right corner down; width and height of the strip, in points."""
    widest = max((math.sqrt(line.size) for line in lines), default=0.0)
    sizes = [size_of(figure, line.text, _FONT, line.weight) for line in lines]
    texts_at = widest + 6
    starts = [texts_at if line.shape else 0.0 for line in lines]
    width = max(start + size[0] for start, size in zip(starts, sizes, strict=True)) + 1
    across, up = (72 * side for side in figure.get_size_inches())
    axes = figure.add_axes(((across - EDGE - width) / across, 0, width / across, 1), label="legend")
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(0, up)
    y = up - TOP
    for line, start, size in zip(lines, starts, sizes, strict=True):
        y -= _SECTION if not line.shape and y < up - TOP else 0
        row = max(size[1] + _ROW, math.sqrt(line.size) + 3)
        if line.shape:
            axes.scatter(
                [widest / 2 + 1], [y - row / 2], s=line.size, marker=line.shape, c=line.colour,
                alpha=0.7, linewidths=0,
            )  # fmt: skip
        axes.text(
            start, y - row / 2, line.text, va="center", ha="left", fontsize=_FONT, fontweight=line.weight,
            color=INK, parse_math=False,
        )  # fmt: skip
        y -= row
    return width, up - y


def size_of(figure: Figure, text: str, font: float, weight: str = "normal") -> tuple[float, float]:
    """Width and height of a text as it is drawn, in points."""
    drawn = figure.text(0, 0, text, fontsize=font, fontweight=weight, parse_math=False)
    box = drawn.get_window_extent()
    drawn.remove()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def short(names: Sequence[str], longest: int) -> list[str]:
    """Names of at most so many characters; of long ones the end, and still no two the same.

    >>> short(["net", "a/very/long/path/net.arch"], 12)
    ['net', '…th/net.arch']
    """
    found: list[str] = []
    for name in map(visible, names):
        text = name if len(name) <= longest else "…" + name[1 - longest :]
        count = 1
        while text in found:
            count += 1
            tail = f" ({count})"
            text = "…" + name[len(name) - longest + 1 + len(tail) :] + tail
        found.append(text)
    return found
