"""The winners beside the start, each drawn, with what differs."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from blockdsl.diagnostics import ArchError
from blockdsl.formatting import rounded
from blockdsl.nas.report.findings import Ended, Findings
from blockdsl.nas.study.status import value_text
from blockdsl.nas.study.winners import Winner, winners
from blockdsl.render.dot import Style, to_dot
from blockdsl.render.graphviz import drawn
from blockdsl.render.scene import scene
from blockdsl.render.view import view
from blockdsl.space import Candidate
from blockdsl.space.choosing import written

SHOWN = 3
"""Winners on the page."""
COSTS = {"params": "parameters", "macs": "MACs", "depth": "layers deep"}
"""What stands on a card whatever is searched for."""
TALL, LEAST_SCALE = 900, 0.6
"""The pictures share a scale at which the tallest has so many pixels, but none smaller than this."""
_PIXELS = 4 / 3
"""Of a point, in which Graphviz measures."""


class Difference(NamedTuple):
    """A choice that a network decided otherwise than the start; a dash where it did not come to it."""

    path: str
    start: str
    here: str


@dataclass(frozen=True)
class Card:
    """A network as the page shows it.

    Attributes:
        title: `The start`, `Trial 12`.
        scores: each objective beside the costs, and its value as text; empty where it was not measured.
        costs: how much of what, and how many times the start's.
        picture: its SVG as a data URL; `size` is its natural width and height in pixels.
        alike: how many choices are decided as in the start.
        text: its `.arch` file.
    """

    title: str
    number: int | None
    scores: Sequence[tuple[str, str]]
    costs: Sequence[tuple[str, str, str]]
    picture: str
    size: tuple[float, float]
    differences: Sequence[Difference]
    alike: int
    text: str


@dataclass(frozen=True)
class Start:
    """The network of first options and lower ends; `trial` is where it was measured."""

    candidate: Candidate | None
    trial: Ended | None = None
    why: str = ""

    @property
    def number(self) -> int | None:
        """Of the trial that measured it."""
        return self.trial.number if self.trial else None


def start_of(found: Findings) -> Start:
    """The start of a space, and the trial that measured it, if one did."""
    try:
        candidate = found.space.first()
    except ArchError as refused:
        return Start(None, why=refused.diagnostic.message)
    done = [e for e in found.done if e.record.identity == candidate.identity]
    return Start(candidate, done[0] if done else None)


def start_card(found: Findings, start: Start) -> Card | None:
    """The start as a card; None where its options do not go together."""
    if start.candidate is None:
        return None
    text = start.candidate.text()
    return Card(
        "The start", start.number, _scores(found, start.candidate, start.trial),
        _costs(start.candidate, None), *_picture(start.candidate), (), 0, text,
    )  # fmt: skip


def winner_cards(found: Findings, start: Start, folder: Path) -> list[Card]:
    """The best networks beside the start; with several objectives, of the whole front from end to end."""
    if not found.eligible:
        return []
    best = winners(found.study, folder, SHOWN + 1, pareto=found.several)
    best = [winner for winner in best if winner.trial.number != start.number]
    cards = []
    if not found.several:
        best = best[:SHOWN]
    for winner in _spread(best):
        differences, alike = _differences(start.candidate, winner.candidate)
        ended = Ended(winner.trial, next(e.record for e in found.done if e.number == winner.trial.number))
        cards.append(
            Card(
                f"Trial {ended.number}", ended.number, _scores(found, winner.candidate, ended),
                _costs(winner.candidate, start.candidate), *_picture(winner.candidate), differences, alike,
                winner.text,
            )
        )  # fmt: skip
    return cards


def scale(cards: Sequence[Card]) -> float:
    """The scale of all pictures, so that a network twice as deep looks so."""
    tallest = max((card.size[1] for card in cards), default=TALL)
    return min(1.0, max(LEAST_SCALE, TALL / tallest))


def _spread(best: Sequence[Winner]) -> list[Winner]:
    """At most `SHOWN` of them, the ends and between."""
    last, steps = len(best) - 1, SHOWN - 1
    if last < 0:
        return []
    return [best[i] for i in dict.fromkeys(round(last * step / steps) for step in range(SHOWN))]


def _scores(found: Findings, candidate: Candidate, ended: Ended | None) -> list[tuple[str, str]]:
    scores = []
    for objective in found.objectives:
        if objective.name in COSTS:
            continue
        value = ended.value(objective) if ended else None
        if value is None and objective.kind == "static":
            value = candidate.figures[objective.name]
        scores.append((objective.name, "" if value is None else value_text(objective.name, value)))
    return scores


def _costs(candidate: Candidate, start: Candidate | None) -> list[tuple[str, str, str]]:
    found = []
    for name, word in COSTS.items():
        here = int(candidate.figures[name])
        before = int(start.figures[name]) if start else 0
        found.append((f"{here:,}", word, f"×{_times(here / before)}" if before else ""))
    return found


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _differences(start: Candidate | None, here: Candidate) -> tuple[list[Difference], int]:
    before = _decisions(start) if start else {}
    now = _decisions(here)
    paths = list(dict.fromkeys([*now, *before]))
    changed = [p for p in paths if before.get(p) != now.get(p)]
    return [Difference(p, before.get(p, "–"), now.get(p, "–")) for p in changed], len(paths) - len(changed)


def _decisions(candidate: Candidate) -> Mapping[str, str]:
    return {
        path: rounded(value) if isinstance(value, float) else written(candidate.points[path].domain, value)
        for path, value in candidate.assignment.items()
    }


def _picture(candidate: Candidate) -> tuple[str, tuple[float, float]]:
    """The network as `blockdsl render` draws it, top down, and its width and height in pixels.

    It is a data URL, so that the pictures' names and styles keep out of each other's way.
    """
    boxes = view(scene(candidate.program.graph, candidate.program.meta.title or ""))
    svg = drawn(to_dot(boxes, Style(direction="down", title=False)), "svg")
    width, height = (float(points) for points in re.findall(rb'(?:width|height)="([\d.]+)pt"', svg)[:2])
    url = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    return url, (_PIXELS * width, _PIXELS * height)
