"""The complexity chart: accuracy over operations, the area of a mark being the parameters.

After Canziani, Paszke & Culurciello, "An Analysis of Deep Neural Network Models for Practical
Applications", 2016, figure 2 (arXiv:1605.07678), with the counts of the files and the published errors
that stand in them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from blockdsl.analysis.compare import Entry, table
from blockdsl.diagnostics import did_you_mean, error
from blockdsl.visible import visible

CHARTS = ("svg", "png", "pdf", "html")


def check_kind(kind: str, file: Path | None = None) -> None:
    """Refuse a kind of chart that there is not; `file` is what was to be written.

    Raises:
        ArchError: the kind is none of `CHARTS`.
    """
    if kind not in CHARTS:
        reason = f".{kind} is no kind of chart" if kind else "it has no ending"
        known = f"end it in .{', .'.join(CHARTS[:-1])} or .{CHARTS[-1]}"
        what = f"cannot write {file}: {reason}" if file else f"{kind or 'that'} is no kind of chart"
        raise error(
            "output",
            what,
            help=did_you_mean(kind, CHARTS, known if file else "a chart is " + ", ".join(CHARTS)),
        )


def chart(entries: Sequence[Entry], metric: str, kind: str) -> bytes:
    """Draw the networks that have an error in `metric`, and trials with an accuracy, as one of `CHARTS`.

    Raises:
        ArchError: the kind is unknown, or none of the networks has an error to draw.
    """
    check_kind(kind)
    shown = [one for one in entries if one.quoted(metric)]
    if not shown and entries and all(one.study for one in entries):
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

    from blockdsl.render.complexity import DPI, figure_of

    settings: Any = {"svg.hashsalt": "blockdsl", "svg.fonttype": "none", "font.size": 10}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name in a script that the font lacks; an SVG's viewer has its own fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        file = io.BytesIO()
        dated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
        figure_of(shown, metric).savefig(file, format=kind, dpi=DPI, metadata=dated)
    return file.getvalue()


def html_table(entries: Sequence[Entry]) -> str:
    """The table of a comparison, for a page or a notebook."""
    header, rows = table(entries)
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(visible(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _page(entries: Sequence[Entry], picture: str) -> str:
    return _PAGE.format(picture=picture, table=html_table(entries))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Networks compared</title>
<style>
body {{ font: 14px Helvetica, Arial, sans-serif; color: #1f2933; background: #fff; }}
body {{ max-width: 75em; margin: 2em auto; padding: 0 1em; }}
svg {{ max-width: 100%; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 4px 10px; border-bottom: 1px solid #e4e7eb; vertical-align: top; }}
td:nth-child(n+2):nth-last-child(n+2) {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
td:nth-child(n+2):nth-last-child(n+2) {{ text-align: right; }}
</style>
</head>
<body>
<h1>Accuracy over operations</h1>
{picture}
<div class="wide">{table}</div>
</body>
</html>
"""
