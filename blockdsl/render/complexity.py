"""The figure of the complexity chart: marks at operations and accuracy, their names, and the legend.

Everything is measured before it is drawn, and the canvas grows until every name has a place of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blockdsl.analysis.compare import MEASURED, Entry
from blockdsl.diagnostics import error
from blockdsl.formatting import count_text
from blockdsl.render.labels import Box, Label, Point, place
from blockdsl.render.legend import EDGE, INK, TOP, Line, draw_legend, short, size_of
from blockdsl.render.marks import OTHERS, SHAPES, Mark, families, marks_of, named, size_of_mark, steps
from blockdsl.render.scales import Scale, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 144
_GREY = "#5B6672"
_WIDTH, _HEIGHT, _GROWTH, _LARGEST = 648.0, 432.0, 1.2, 5000.0
"""The canvas in points, how it grows, and the width where that ends."""
_LEFT, _BOTTOM, _TITLE = 56.0, 46.0, 26.0
_NAME_FONT, _LEGEND_MARK = 8.5, 55.0
_LONGEST_NAME, _LONGEST_HEADING = 32, 28
_FARTHEST, _STRICT = 66.0, 2.0
"""The most that a name is away from its mark on the smallest canvas, on larger ones more; times by which
the canvas has grown when a line may run behind a name or over the middle of another mark."""
_APART_ACROSS, _APART_UP = 46.0, 30.0
"""Least distance of ticks."""


def figure_of(shown: Sequence[Entry], metric: str) -> Figure:
    """The chart of networks that have an error in `metric`, and of trials that have an accuracy.

    GMACs to the right, accuracy upwards; the area of a mark is its parameters, the shape the protocol.

    Raises:
        ArchError: the names do not fit on any canvas that could be shown.
    """
    marks = marks_of(shown, metric)
    width, height = _WIDTH, _HEIGHT
    while width <= _LARGEST:
        figure = _drawn(marks, metric, width, height)
        if figure is not None:
            return figure
        width, height = width * _GROWTH, height * _GROWTH
    raise error("output", f"the names of {len(shown)} networks do not fit on a chart", help="draw fewer")


def _drawn(marks: list[Mark], metric: str, width: float, height: float) -> Figure | None:
    """The figure on a canvas of that size; None where something has no place."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=DPI)
    strip, strip_height = draw_legend(figure, _legend(marks))
    title = _title(marks, metric)
    box = (_LEFT, _BOTTOM, width - strip - 2 * EDGE, height - TOP - (_TITLE if title else 0))
    long, high = box[2] - box[0], box[3] - box[1]
    if strip_height > height - TOP or long < width / 3:
        return None
    axes = figure.add_axes((box[0] / width, box[1] / height, long / width, high / height))
    radii = [mark.radius for mark in marks]
    across = scale_of([mark.macs for mark in marks], radii, long, _APART_ACROSS, wide=True)
    up = scale_of([mark.accuracy for mark in marks], radii, high, _APART_UP, most=100)
    _draw_axes(axes, marks, metric, across, up)
    if title:
        axes.set_title(title, fontsize=9, loc="left", color=_GREY, parse_math=False)
    _draw_marks(axes, marks)
    return figure if _draw_names(axes, marks, across, up, box) else None


def _draw_axes(axes: Axes, marks: list[Mark], metric: str, across: Scale, up: Scale) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_xscale("log" if across.logarithmic else "linear")
    axes.set_xlim(across.low, across.high)
    axes.set_ylim(up.low, up.high)
    few = max(across.ticks, default=0) < 1
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    axes.set_xticks(
        across.ticks, [count_text(tick * 1e9, zeros=False) if few else f"{tick:g}" for tick in across.ticks]
    )
    axes.set_yticks(up.ticks, [f"{tick:g}" for tick in up.ticks])
    axes.set_xlabel(f"operations of one forward pass [{'' if few else 'G '}multiply-accumulates]")
    axes.set_ylabel(_accuracy(marks, metric), parse_math=False)
    axes.grid(color="#E4E7EB", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_marks(axes: Axes, marks: list[Mark]) -> None:
    """A collection for each shape, small marks upon large ones, then the middles of all."""
    from matplotlib.colors import to_rgba

    mixed = _is_mixed(marks)
    for shape in dict.fromkeys(mark.shape for mark in marks):
        some = sorted((mark for mark in marks if mark.shape == shape), key=lambda mark: -mark.size)
        full = [bool(mark.entry.study) or not mixed for mark in some]
        axes.scatter(
            [mark.macs for mark in some], [mark.accuracy for mark in some],
            s=[mark.size for mark in some], marker=shape,
            facecolors=[to_rgba(m.colour, 0.55 if f else 0.0) for m, f in zip(some, full, strict=True)],
            edgecolors=["white" if f else m.colour for m, f in zip(some, full, strict=True)],
            linewidths=1, zorder=2,
        )  # fmt: skip
    places = [mark.macs for mark in marks], [mark.accuracy for mark in marks]
    dots = [min(4.0, mark.size / 5) for mark in marks]
    axes.scatter(*places, s=dots, c=INK, linewidths=0, zorder=3)


def _draw_names(axes: Axes, marks: list[Mark], across: Scale, up: Scale, box: Box) -> bool:
    """Write the names beside their marks; whether all of them have a place."""
    from matplotlib.figure import Figure

    figure = axes.figure
    assert isinstance(figure, Figure)
    middles = [
        (
            box[0] + across.share(mark.macs) * (box[2] - box[0]),
            box[1] + up.share(mark.accuracy) * (box[3] - box[1]),
        )
        for mark in marks
    ]
    reach = [mark.radius for mark in marks]
    taken = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(middles, reach, strict=True)]
    texts = _texts(marks, middles)
    points = [
        Point(*place, radius, *size_of(figure, text, _NAME_FONT)) for place, (text, radius) in texts.items()
    ]
    grown = 72 * figure.get_figwidth() / _WIDTH
    labels = place(points, taken, box, _FARTHEST * grown, strict=grown < _STRICT)
    for (text, _), label in zip(texts.values(), labels or [], strict=False):
        _draw_name(axes, text, label, box)
    return labels is not None


def _texts(
    marks: list[Mark], middles: list[tuple[float, float]]
) -> dict[tuple[float, float], tuple[str, float]]:
    """The names by place, with the radius of the mark; those of marks at one place stand below each other."""
    shown = named(marks)
    names = dict(zip(map(id, shown), short([m.entry.name for m in shown], _LONGEST_NAME), strict=True))
    found: dict[tuple[int, int], tuple[tuple[float, float], str, float]] = {}
    for mark, middle in zip(marks, middles, strict=True):
        if id(mark) not in names:
            continue
        key = round(middle[0]), round(middle[1])
        at, text, radius = found.get(key, (middle, "", 0.0))
        found[key] = at, f"{text}\n{names[id(mark)]}".lstrip(), max(radius, mark.radius)
    return {at: (text, radius) for at, text, radius in found.values()}


def _draw_name(axes: Axes, text: str, label: Label, box: Box) -> None:
    left, bottom = box[:2]
    if label.line:
        x0, y0, x1, y1 = label.line
        axes.annotate(
            "", (x0 - left, y0 - bottom), (x1 - left, y1 - bottom), "axes points", "axes points", zorder=2.5,
            arrowprops={"arrowstyle": "-", "color": OTHERS, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    axes.annotate(
        text, (label.box[0] - left, (label.box[1] + label.box[3]) / 2 - bottom), xycoords="axes points",
        fontsize=_NAME_FONT, color=INK, va="center", ha="left", zorder=4, parse_math=False,
    )  # fmt: skip


def _legend(marks: list[Mark]) -> list[Line]:
    """What colours, shapes and areas mean."""
    entries = [mark.entry for mark in marks]
    colours = families(entries)
    lines = [Line("family")]
    for text, colour in zip(short(list(colours), _LONGEST_HEADING), colours.values(), strict=True):
        lines.append(Line(text, "o", colour, _LEGEND_MARK))
    if any(mark.colour == OTHERS for mark in marks):
        lines.append(Line("others", "o", OTHERS, _LEGEND_MARK))
    protocols = _protocols(marks)
    if len(protocols) > 1:
        lines.append(Line("measured with"))
        for protocol in protocols:
            shape = SHAPES[protocol]
            words = protocol or "augmentation, or not told"
            lines.append(Line(words, shape, _GREY, size_of_mark(_LEGEND_MARK, shape)))
    lines.append(Line("parameters (inference)"))
    lines += [Line(count_text(number, zeros=False), "o", "#BBBBBB", size) for number, size in steps(entries)]
    return lines


def _protocols(marks: list[Mark]) -> list[str]:
    """How the published figures were measured."""
    found = {mark.protocol for mark in marks if not mark.entry.study}
    return [protocol for protocol in SHAPES if protocol in found]


def _accuracy(marks: list[Mark], metric: str) -> str:
    """What stands beside the axis of accuracy."""
    data = _data(marks)
    if not data:
        protocols = _protocols(marks)
        how = f", {protocols[0]}" if len(protocols) == 1 and protocols[0] else ""
        return f"{metric} accuracy [%]{how}, as published"
    if not _is_mixed(marks):
        return f"{MEASURED} accuracy [%] on {data}, as measured"
    return "accuracy [%]"


def _title(marks: list[Mark], metric: str) -> str:
    """What was published is no measurement of ours, and outlined."""
    if not _is_mixed(marks):
        return ""
    return (
        f"filled: {MEASURED} accuracy on {_data(marks)}, as measured\n"
        f"outlined: {metric} accuracy as published, each on its own data"
    )


def _is_mixed(marks: list[Mark]) -> bool:
    return len({bool(mark.entry.study) for mark in marks}) == 2


def _data(marks: list[Mark]) -> str:
    data = sorted({mark.entry.data for mark in marks if mark.entry.study})
    return ", ".join(short(data, _LONGEST_HEADING))
