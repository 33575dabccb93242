"""The charts as Plotly has them. Colours of words and lines are the page's, which knows light and dark."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from html import escape
from itertools import combinations
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import create_trial

from blockdsl.formatting import rounded
from blockdsl.nas.objectives import Objective
from blockdsl.nas.report.findings import Ended, Findings
from blockdsl.nas.study.records import PRUNED
from blockdsl.nas.study.status import unit_of, value_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's, as in the pictures of networks; form tells as well what colour tells.
DONE_COLOUR, FRONT_COLOUR, LOST_COLOUR, START_COLOUR = "#5b9bc8", "#e07b00", "#9aa5b1", "#00a077"
FRONT = "front"
_WIDE = 20
"""Times by which costs differ before their axis is logarithmic."""
_SHOWN = 10
"""Choices in a point's words."""


def history(found: Findings, start: int | None) -> list[Figure]:
    """Every objective over the trials; with several, how large the front had become as well."""
    figures = [_history(found, objective, start) for objective in found.objectives]
    return figures + ([_growth(found)] if found.several and found.eligible else [])


def fronts(found: Findings, start: int | None) -> list[Figure]:
    """The objectives against each other, two by two; nothing for a single one."""
    if not found.several or not found.eligible:
        return []
    return [_front(found, y, x, start) for y, x in combinations(found.objectives, 2)]


def importance_bars(found: Findings, shares: Sequence[dict[str, float] | None]) -> Figure | None:
    """The importances for each objective as bars; None where there are none."""
    from plotly.graph_objects import Bar, Figure

    known = [(o, s) for o, s in zip(found.objectives, shares, strict=True) if s]
    if not known:
        return None
    order = sorted(known[0][1], key=lambda path: max(s.get(path, 0) for _, s in known))[-20:]
    colours = (DONE_COLOUR, FRONT_COLOUR, START_COLOUR, LOST_COLOUR)
    bars = [
        Bar(
            x=[share.get(path, 0) for path in order], y=[escape(path) for path in order], orientation="h",
            name=escape(objective.name), marker={"color": colours[index % 4]},
            hovertext=[f"{share.get(p, 0):.0%} of {escape(objective.name)}: {escape(p)}" for p in order],
            hoverinfo="text",
        )
        for index, (objective, share) in reversed(list(enumerate(known)))
    ]  # fmt: skip
    figure = Figure(bars, {"barmode": "group", "height": 110 + (14 + 14 * len(bars)) * len(order)})
    figure.update_xaxes(tickformat=".0%", title="share", rangemode="tozero")
    figure.update_yaxes(automargin=True, ticksuffix="  ")
    # Bars are drawn from below.
    return _plain(figure, legend=len(bars) > 1).update_layout(legend_traceorder="reversed")


def as_json(figures: Iterable[Figure]) -> str:
    """For a script element: without a `<` that could end it."""
    return json.dumps([json.loads(figure.to_json()) for figure in figures]).replace("<", "\\u003c")


def _history(found: Findings, objective: Objective, start: int | None) -> Figure:
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(layout={"height": 340})
    best, x, y = None, [], []
    for ended in found.eligible:
        value = ended.value(objective)
        if value is not None and (best is None or (value > best) == objective.maximize):
            best = value
        x.append(ended.number)
        y.append(best)
    figure.add_trace(
        Scatter(
            x=x, y=y, mode="lines", name="best so far", hoverinfo="skip",
            line={"shape": "hv", "color": FRONT_COLOUR, "width": 1.5},
        )
    )  # fmt: skip
    for name, members, marker in _groups(found, start):
        shown = [e for e in members if e.value(objective) is not None]
        if shown:
            _points(figure, found, name, shown, marker, [e.number for e in shown], objective)
    figure.update_xaxes(title="trial", rangemode="tozero")
    _axis(figure, "y", found, objective)
    return _plain(figure)


def _front(found: Findings, vertical: Objective, horizontal: Objective, start: int | None) -> Figure:
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(layout={"height": 460})
    for name, members, marker in _groups(found, start):
        shown = [e for e in members if None not in (e.value(vertical), e.value(horizontal))]
        if name == FRONT and len(found.objectives) == 2:
            line = sorted((e.value(horizontal), e.value(vertical)) for e in shown)
            # A point rules everything on its worse side: the corners lie there.
            shape = "hv" if not horizontal.maximize else "vh"
            figure.add_trace(
                Scatter(
                    x=[p[0] for p in line], y=[p[1] for p in line], mode="lines", hoverinfo="skip",
                    showlegend=False, line={"shape": shape, "color": FRONT_COLOUR, "width": 1.2},
                )
            )  # fmt: skip
        if shown:
            _points(figure, found, name, shown, marker, [e.value(horizontal) for e in shown], vertical)
    _axis(figure, "x", found, horizontal)
    _axis(figure, "y", found, vertical)
    return _plain(figure)


def _growth(found: Findings) -> Figure:
    """The hypervolume of the front so far, as a share of what it is now (Zitzler & Thiele, 1998).

    The reference point is the worst of each objective, so that it needs no one's taste.
    """
    from plotly.graph_objects import Figure, Scatter

    signs = [-1 if o.maximize else 1 for o in found.objectives]
    values = [[s * v for s, v in zip(signs, e.trial.values, strict=True)] for e in found.eligible]
    study = optuna.create_study(directions=["minimize"] * len(signs))
    study.add_trials([create_trial(values=v) for v in values])
    worst = [max(column) for column in zip(*values, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        drawn = optuna.visualization.plot_hypervolume_history(study, worst)
    volumes = list(drawn.data[0].y)
    shares = [v / volumes[-1] if volumes[-1] else 1.0 for v in volumes]
    figure = Figure(layout={"height": 340})
    figure.add_trace(
        Scatter(
            x=[e.number for e in found.eligible], y=shares, mode="lines", name="front so far",
            line={"shape": "hv", "color": FRONT_COLOUR, "width": 1.5},
            hovertext=[f"{s:.1%} after {e.number}" for e, s in zip(found.eligible, shares, strict=True)],
            hoverinfo="text",
        )
    )  # fmt: skip
    figure.update_xaxes(title="trial", rangemode="tozero")
    figure.update_yaxes(title="size of the front", tickformat=".0%", rangemode="tozero")
    return _plain(figure, legend=False)


def _groups(found: Findings, start: int | None) -> list[tuple[str, list[Ended], dict[str, Any]]]:
    """Trials that are drawn alike, with how; those on top last."""
    best = found.front if found.several else frozenset(found.ranked[:1])
    top = [e for e in found.eligible if e.number in best]
    return [
        ("given up early", [e for e in found.measured if e.record.outcome == PRUNED],
         {"symbol": "circle-open", "color": LOST_COLOUR, "size": 7}),
        ("beyond a limit", [e for e in found.done if e.record.broken],
         {"symbol": "x-thin-open", "color": LOST_COLOUR, "size": 8}),
        ("measured", [e for e in found.eligible if e.number not in best],
         {"color": DONE_COLOUR, "size": 7, "opacity": 0.75}),
        (FRONT if found.several else "best", top,
         {"color": FRONT_COLOUR, "size": 10, "symbol": "diamond"}),
        ("start", [e for e in found.done if e.number == start],
         {"symbol": "square-open", "color": START_COLOUR, "size": 14, "line": {"width": 2}}),
    ]  # fmt: skip


def _points(
    figure: Figure, found: Findings, name: str, shown: Sequence[Ended], marker: dict[str, Any],
    across: Sequence[float | None], up: Objective,
) -> None:  # fmt: skip
    from plotly.graph_objects import Scatter

    figure.add_trace(
        Scatter(
            x=across, y=[e.value(up) for e in shown], mode="markers", name=name, marker=marker,
            customdata=[e.number for e in shown], hovertext=[_words(found, e) for e in shown],
            hoverinfo="text", cliponaxis=False,
        )
    )  # fmt: skip


def _words(found: Findings, ended: Ended) -> str:
    """A trial, its scores and its choices, in the little HTML that Plotly knows."""
    values = [(o, ended.value(o)) for o in found.objectives]
    scores = [f"{escape(o.name)} <b>{value_text(o.name, v)}</b>" for o, v in values if v is not None]
    params = list(ended.trial.params.items())
    lines = [f"{escape(path)} = {escape(_short(value))}" for path, value in params[:_SHOWN]]
    more = [f"and {len(params) - _SHOWN} more"] if len(params) > _SHOWN else []
    return "<br>".join([f"<b>trial {ended.number}</b>", *scores, "", *lines, *more])


def _short(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else rounded(value)
    return text if len(text) <= 50 else text[:49] + "…"


def _axis(figure: Figure, which: str, found: Findings, objective: Objective) -> None:
    values = [v for e in found.measured if (v := e.value(objective)) is not None]
    wide = objective.kind == "static" and bool(values) and 0 < _WIDE * min(values) < max(values)
    unit = f"{unit}, " if (unit := unit_of(objective.name)) else ""
    settings = {
        "title": f"{escape(objective.name)} ({unit}{'more' if objective.maximize else 'less'} is better)",
        "tickformat": ".1%" if objective.name == "accuracy" else "~s" if objective.kind == "static" else "",
        "type": "log" if wide else "linear",
        **({"dtick": "D2"} if wide and max(values) < 1000 * min(values) else {}),
    }
    (figure.update_xaxes if which == "x" else figure.update_yaxes)(**settings)


def _plain(figure: Figure, legend: bool = True) -> Figure:
    """What all charts share; the page adds its colours."""
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=10)
    return figure.update_layout(
        template="none", showlegend=legend, hovermode="closest",
        margin={"l": 56, "r": 16, "t": 34, "b": 48},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}},
        hoverlabel={"align": "left", "font": {"size": 11}},
    )  # fmt: skip
