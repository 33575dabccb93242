"""What each choice was worth, as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from blockdsl.analysis.checks import IN_BYTES
from blockdsl.formatting import bytes_text, count_text
from blockdsl.nas.distributions import external
from blockdsl.nas.objectives import Objective
from blockdsl.nas.report.effects import Effect, Effects, effects
from blockdsl.nas.report.factor_levels import Choice, choices
from blockdsl.nas.report.findings import Ended, Findings
from blockdsl.nas.report.networks import Start
from blockdsl.nas.study.status import value_text


@dataclass(frozen=True)
class Cell:
    """An option in one objective: the mean and the best of the networks with it and of those without.

    Attributes:
        bar: the effect's place and width in a box from -1 to 1.
        good: whether the effect is to the better.
        clear: whether it can be told from noise.
    """

    mean: str
    mean_without: str
    best: str
    best_without: str
    effect: str = ""
    bar: float = 0.0
    good: bool = False
    clear: bool = False


@dataclass(frozen=True)
class OptionRow:
    """An option: how many networks decided on it, how many of the best, and its cells."""

    text: str
    count: int
    best: int
    start: bool
    cells: Sequence[Cell]


@dataclass(frozen=True)
class ChoiceRows:
    """A choice: how many networks came to it, its importances (0 to 1, None if unknown), its options."""

    path: str
    count: int
    importances: Sequence[float | None]
    options: Sequence[OptionRow]


@dataclass(frozen=True)
class Worth:
    """The whole table, the most important choice first; `models` has the model of each objective."""

    rows: Sequence[ChoiceRows]
    models: Sequence[Effects | None]
    best: int
    """How many networks count as the best: the front, or the one winner."""


def worth(found: Findings, start: Start, shares: Sequence[dict[str, float] | None]) -> Worth:
    """Every option of every choice that was come to, in every objective."""
    known = choices([e.trial for e in found.done])
    models = [effects(known, found.done, objective) for objective in found.objectives]
    winners = found.front if found.several else frozenset(found.ranked[:1])
    first = _params(start)
    rows = [_choice(found, known, i, models, shares, winners, first) for i in range(len(known))]
    rows.sort(key=lambda row: -max((s for s in row.importances if s is not None), default=0))
    return Worth(rows, models, len(winners))


def _params(start: Start) -> dict[str, Any]:
    """The start's decisions as trials have them."""
    if start.candidate is None:
        return {}
    points = start.candidate.points
    return {path: external(points[path].domain, v) for path, v in start.candidate.assignment.items()}


def _choice(
    found: Findings, known: Sequence[Choice], place: int, models: Sequence[Effects | None],
    shares: Sequence[dict[str, float] | None], winners: frozenset[int], first: dict[str, Any],
) -> ChoiceRows:  # fmt: skip
    choice = known[place]
    taken = [(e, level) for e in found.done if (level := choice.level(e.trial.params)) is not None]
    rows = []
    for level, option in enumerate(choice.levels):
        ones, others = [e for e, t in taken if t == level], [e for e, t in taken if t != level]
        cells = [
            _cell(
                found,
                objective,
                ones,
                others,
                model,
                model.of[place][level] if model and model.of[place] else None,
            )
            for objective, model in zip(found.objectives, models, strict=True)
        ]
        best = sum(e.number in winners for e in ones)
        rows.append(OptionRow(option.text, len(ones), best, choice.level(first) == level, cells))
    return ChoiceRows(choice.path, len(taken), [s.get(choice.path, 0.0) if s else None for s in shares], rows)


def _cell(
    found: Findings, objective: Objective, ones: Sequence[Ended], others: Sequence[Ended],
    model: Effects | None, effect: Effect | None,
) -> Cell:  # fmt: skip
    cell = Cell(
        _mean(objective, ones), _mean(objective, others), _best(objective, ones), _best(objective, others)
    )  # fmt: skip
    if effect is None or model is None:
        return cell
    most = max(_length(model, e) for row in model.of for e in row if e is not None) or 1.0
    return replace(
        cell, effect=_effect_text(objective, model, effect), clear=effect.clear,
        bar=math.copysign(_length(model, effect) / most, effect.size),
        good=(effect.size > 0) == objective.maximize,
    )  # fmt: skip


def _length(model: Effects, effect: Effect) -> float:
    """Halving is as long as doubling."""
    return abs(math.log1p(effect.size) if model.relative else effect.size)


def unit(objective: Objective, model: Effects | None) -> str:
    """What effects on an objective are in."""
    if model is not None and model.relative:
        return "%"
    return "points" if objective.name == "accuracy" else ""


def _effect_text(objective: Objective, model: Effects, effect: Effect) -> str:
    if model.relative:
        return f"{100 * effect.size:+.0f} ± {100 * effect.error:.0f}"
    if objective.name == "accuracy":
        return f"{100 * effect.size:+.2f} ± {100 * effect.error:.2f}"
    return f"{effect.size:+{_digits(effect.size, 3)}} ± {effect.error:{_digits(effect.error, 2)}}"


def _digits(value: float, digits: int) -> str:
    """So many digits, and no powers of ten for what is merely large."""
    return f".{digits}g" if abs(value) < 10**digits - 0.5 else ",.0f"


def _mean(objective: Objective, members: Sequence[Ended]) -> str:
    values = [v for e in members if (v := e.value(objective)) is not None]
    if not values:
        return ""
    return _text(objective, fmean(values))


def _best(objective: Objective, members: Sequence[Ended]) -> str:
    """Of those that meet all limits."""
    values = [v for e in members if not e.record.broken and (v := e.value(objective)) is not None]
    if not values:
        return ""
    return _text(objective, max(values) if objective.maximize else min(values))


def _text(objective: Objective, value: float) -> str:
    """Three digits of counts: `47.7M`, `12.6 kB`."""
    if objective.name in IN_BYTES:
        return bytes_text(round(value))
    if objective.kind != "static" or abs(value) < 10_000:
        return value_text(objective.name, round(value) if objective.kind == "static" else value)
    return count_text(value, zeros=False)
