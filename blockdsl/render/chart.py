"""The complexity chart: accuracy over operations, the area of a mark being the parameters.

After Canziani, Paszke & Culurciello, "An Analysis of Deep Neural Network Models for Practical
Applications", 2016, figure 2 (arXiv:1605.07678), with the counts of the files and the published errors
that stand in them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from blockdsl.analysis.compare import HEADER, Entry, rows
from blockdsl.diagnostics import error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6D1F", "#666666")
_LONGEST_NAME = 20
_POINTS_A_MILLION = 11.0
"""Area of a mark, in square points, for a million parameters."""

_MANY = 30
"""Times by which operations differ before their axis is logarithmic."""

CHARTS = ("svg", "png", "pdf", "html")


def chart(entries: Sequence[Entry], metric: str, kind: str) -> bytes:
    """Draw the networks that have an error in `metric`, as one of `CHARTS`.

    Raises:
        ArchError: none of them has one.
    """
    shown = [one for one in entries if metric in one.errors]
    if not shown:
        raise error(
            "output", f"none of the networks has a published {metric} error to draw",
            help='a file tells it in a line: error 24.7 "top-1 %, 1-crop; who measured it"',
        )  # fmt: skip
    if kind == "html":
        picture = _drawn(shown, metric, "svg").decode()
        return _page(entries, metric, picture[picture.index("<svg") :]).encode()
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
    families = list(dict.fromkeys(_family(one) for one in shown))
    operations = [one.summary.macs / 1e9 for one in shown]
    accuracy = [100 - one.errors[metric].error for one in shown]
    axes.scatter(
        operations, accuracy,
        s=[_params(one) / 1e6 * _POINTS_A_MILLION for one in shown],
        c=[_COLOURS[families.index(_family(one)) % len(_COLOURS)] for one in shown],
        alpha=0.55, edgecolors="white", linewidths=1, zorder=2,
    )  # fmt: skip
    axes.scatter(operations, accuracy, s=4, c="#1F2933", zorder=3)
    if max(operations) > _MANY * min(operations):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.margins(0.14)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)
    axes.set_xlabel("operations of one forward pass [G multiply-accumulates]")
    axes.set_ylabel(f"{metric} accuracy [%], as published")
    axes.grid(color="#E4E7EB", zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    _names(axes, shown, operations, accuracy)
    sizes = _sizes(shown)
    marks = [axes.scatter([], [], s=size / 1e6 * _POINTS_A_MILLION, c="#BBBBBB", alpha=0.6) for size in sizes]
    axes.legend(
        marks, [f"{size / 1e6:g} M" for size in sizes], title="parameters\n(inference)",
        loc="lower right", frameon=False,
        labelspacing=1.6, handletextpad=1.6, borderpad=1.2,
    )  # fmt: skip


def _names(axes: Axes, shown: Sequence[Entry], operations: list[float], accuracy: list[float]) -> None:
    """Write each name beside its mark, at the first of eight places that is free."""
    axes.figure.canvas.draw()
    taken: list[Any] = []
    for one, x, y in sorted(zip(shown, operations, accuracy, strict=True), key=lambda item: -item[2]):
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
    """`resnet` of `resnet50_v1_5`, `wrn` of `wrn_50_2`: the letters that a name begins with."""
    letters = re.match(r"[a-z]+", one.name.lower())
    return letters[0] if letters else one.name


def _sizes(shown: Sequence[Entry]) -> list[float]:
    """Round numbers of parameters for the legend, up to the largest."""
    largest = max(map(_params, shown))
    steps = [m * 10.0**e for e in range(3, 12) for m in (1, 2, 5) if m * 10**e <= largest]
    return steps[::-3][:3][::-1] or [float(largest)]


def _page(entries: Sequence[Entry], metric: str, picture: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEADER)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(entries, None)
    )
    return _PAGE.format(metric=metric, picture=picture, head=head, lines=lines)


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
<h1>Accuracy ({metric}) over operations</h1>
{picture}
<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>
</body>
</html>
"""
