"""The complexity chart: accuracy over operations, the area of a mark being the parameters.

After Canziani, Paszke & Culurciello, "An Analysis of Deep Neural Network Models for Practical
Applications", 2016, figure 2 (arXiv:1605.07678), with the counts of the files and the published errors
that stand in them.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from blockdsl.analysis.compare import HEADER, MEASURED, Entry, rows
from blockdsl.diagnostics import error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6D1F", "#666666")
_LONGEST_NAME = 20
_POINTS_A_MILLION, _LARGEST_MARK = 11.0, 500.0
"""Area of a mark, in square points, for a million parameters; where all are small, of the largest."""
_MANY = 30
"""Times by which operations differ before their axis is logarithmic."""
_FEW = 0.001
"""G multiply-accumulates below which k and M are easier to read."""
_MOST_NAMES = 20
"""Trials with a name; of more only those that no other trial of the study beats have one."""

CHARTS = ("svg", "png", "pdf", "html")


def chart(entries: Sequence[Entry], metric: str, kind: str) -> bytes:
    """Draw the networks that have an error in `metric`, and trials with an accuracy, as one of `CHARTS`.

    Raises:
        ArchError: none of them has one.
    """
    shown = [one for one in entries if one.quoted(metric)]
    if not shown and all(one.study for one in entries):
        raise error(
            "output", "no trial has an accuracy to draw",
            help="a study measures it with `maximize accuracy` or `require accuracy`",
        )  # fmt: skip
    if not shown:
        raise error(
            "output", f"none of the networks has a published {metric} error to draw",
            help='a file tells it in a line: error 24.7 "top-1 %, 1-crop; who measured it"',
        )  # fmt: skip
    if kind == "html":
        picture = _drawn(shown, metric, "svg").decode()
        return _page(entries, picture[picture.index("<svg") :]).encode()
    return _drawn(shown, metric, kind)


def _drawn(shown: Sequence[Entry], metric: str, kind: str) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "blockdsl", "svg.fonttype": "none", "font.size": 10}):
        figure = Figure(figsize=(9, 6), layout="constrained")
        axes = figure.add_subplot()
        draw_marks(axes, shown, metric)
        file = io.BytesIO()
        dated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
        figure.savefig(file, format=kind, dpi=144, metadata=dated)
    return file.getvalue()


def draw_marks(axes: Axes, shown: Sequence[Entry], metric: str) -> None:
    """Draw networks into axes: GMACs to the right, accuracy upwards, the area of a mark its parameters."""
    from matplotlib.colors import to_rgba

    families = list(dict.fromkeys(_family(one) for one in shown))
    operations = [one.summary.macs / 1e9 for one in shown]
    accuracy = [_accuracy(one, metric) for one in shown]
    colours = [_COLOURS[families.index(_family(one)) % len(_COLOURS)] for one in shown]
    filled = [bool(one.study) or not any(other.study for other in shown) for one in shown]
    axes.scatter(
        operations, accuracy,
        s=[_params(one) / 1e6 * _points_a_million(shown) for one in shown],
        facecolors=[to_rgba(c, 0.55 if full else 0.0) for c, full in zip(colours, filled, strict=True)],
        edgecolors=["white" if full else c for c, full in zip(colours, filled, strict=True)],
        linewidths=1, zorder=2,
    )  # fmt: skip
    axes.scatter(operations, accuracy, s=4, c="#1F2933", zorder=3)
    if max(operations) > _MANY * min(operations):
        axes.set_xscale("log")
    axes.margins(0.14)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)
    few = min(operations) < _FEW
    axes.xaxis.set_major_formatter(lambda value, _: _unit(value * 1e9) if few else f"{value:g}")
    axes.set_xlabel(f"operations of one forward pass [{'' if few else 'G '}multiply-accumulates]")
    _say_what_was_measured(axes, shown, metric)
    axes.grid(color="#E4E7EB", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    _names(axes, _named(shown, metric), metric)
    sizes = _sizes(shown)
    scale = _points_a_million(shown) / 1e6
    marks = [axes.scatter([], [], s=size * scale, c="#BBBBBB", alpha=0.6) for size in sizes]
    axes.legend(
        marks, [_unit(size) for size in sizes], title="parameters\n(inference)",
        loc="lower right", frameon=False,
        labelspacing=1.6, handletextpad=1.6, borderpad=1.2,
    )  # fmt: skip


def _accuracy(one: Entry, metric: str) -> float:
    quoted = one.quoted(metric)
    assert quoted is not None
    return 100 - quoted[1].error


def _say_what_was_measured(axes: Axes, shown: Sequence[Entry], metric: str) -> None:
    """What stands beside the axis of accuracy; what was published is no measurement of ours, and outlined."""
    data = ", ".join(sorted({one.data for one in shown if one.study}))
    if not data:
        axes.set_ylabel(f"{metric} accuracy [%], as published")
    elif all(one.study for one in shown):
        axes.set_ylabel(f"{MEASURED} accuracy [%] on {data}, as measured")
    else:
        axes.set_ylabel("accuracy [%]")
        axes.set_title(
            f"filled: {MEASURED} accuracy on {data}, as measured\n"
            f"outlined: {metric} accuracy as published, each on its own data",
            fontsize=9, loc="left", color="#5B6672",
        )  # fmt: skip


def _named(shown: Sequence[Entry], metric: str) -> list[Entry]:
    """The marks that have names beside them."""
    if len(shown) <= _MOST_NAMES:
        return list(shown)
    places = {one.name: (-one.summary.macs, _accuracy(one, metric)) for one in shown}
    return [
        one
        for one in shown
        if not one.study
        or not any(
            places[other.name] != places[one.name]
            and all(a >= b for a, b in zip(places[other.name], places[one.name], strict=True))
            for other in shown
            if other.study == one.study
        )
    ]


def _names(axes: Axes, shown: Sequence[Entry], metric: str) -> None:
    """Write each name beside its mark, at the first of eight places that is free."""
    axes.figure.canvas.draw()
    taken: list[Any] = []
    for one in sorted(shown, key=lambda one: -_accuracy(one, metric)):
        x, y = one.summary.macs / 1e9, _accuracy(one, metric)
        for place, (right, up, align) in enumerate(_PLACES):
            label = axes.annotate(
                one.title if len(one.title) <= _LONGEST_NAME else one.name, (x, y), (right, up),
                textcoords="offset points", ha=align, va="center", fontsize=8.5, color="#1F2933", zorder=4,
            )  # fmt: skip
            label.set_in_layout(False)
            box = label.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            free = inside and not any(box.overlaps(other) for other in taken)
            if free or place == len(_PLACES) - 1:
                taken.append(box)
                break
            label.remove()


_PLACES = (
    (6, 0, "left"), (-6, 0, "right"), (0, 10, "center"), (0, -10, "center"),
    (6, 10, "left"), (-6, -10, "right"), (6, -10, "left"), (-6, 10, "right"),
    (0, 20, "center"), (0, -20, "center"), (8, 20, "left"), (8, -20, "left"), (6, 0, "left"),
)  # fmt: skip


def _params(one: Entry) -> int:
    """Parameters of inference, as the operations are: without auxiliary heads."""
    return one.summary.params - one.summary.params_aux


def _family(one: Entry) -> str:
    """`resnet` of `resnet50_v1_5`, `wrn` of `wrn_50_2`: the letters that a name begins with; the study."""
    if one.study:
        return one.study
    letters = re.match(r"[a-z]+", one.name.lower())
    return letters[0] if letters else one.name


def _points_a_million(shown: Sequence[Entry]) -> float:
    return max(_POINTS_A_MILLION, _LARGEST_MARK * 1e6 / max(1, *map(_params, shown)))


def _unit(count: float) -> str:
    """`200k`, `1.5M`: a round number."""
    power = 0 if count < 1 else min(int(math.log10(count) + 1e-9) // 3, 4)
    return f"{count / 1000**power:g}{('', 'k', 'M', 'G', 'T')[power]}"


def _sizes(shown: Sequence[Entry]) -> list[float]:
    """Round numbers of parameters for the legend, up to the largest."""
    largest = max(map(_params, shown))
    steps = [m * 10.0**e for e in range(3, 12) for m in (1, 2, 5) if m * 10**e <= largest]
    return steps[::-3][:3][::-1] or [float(largest)]


def _page(entries: Sequence[Entry], picture: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEADER)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(entries, None)
    )
    return _PAGE.format(picture=picture, head=head, lines=lines)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Networks compared</title>
<style>
body {{ font: 14px Helvetica, Arial, sans-serif; color: #1f2933; }}
body {{ max-width: 75em; margin: 2em auto; padding: 0 1em; }}
svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 4px 10px; border-bottom: 1px solid #e4e7eb; }}
td:nth-child(n+2):nth-child(-n+5) {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<h1>Accuracy over operations</h1>
{picture}
<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>
</body>
</html>
"""
